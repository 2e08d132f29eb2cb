"""The fallback: what is enqueued while the store is away waits in a SQLite file on this host and goes on its way later.

    add ──> store                         as long as it answers
     └────> spool (held, "spooled") ──> store, again and again until it takes them ──> gone from the spool

A job keeps its id on the way, so that arriving twice makes it one job. It may be in both places at once: its add was
committed but the answer got lost, or it has just arrived. Whoever cancels it therefore tells both, and a cancel that
only the spool has heard of is passed on before the job is gone from there.
"""

import asyncio
import json
import logging
import os
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from treadle.config import database_path
from treadle.core.errors import ConfigError, StoreError, StoreUnavailable
from treadle.core.job import Added, Filter, NewJob, Page, Snapshot
from treadle.core.states import State
from treadle.core.store import Store
from treadle.stores.clocks import wall_clock
from treadle.stores.door import Door
from treadle.stores.sqlite import SqliteStore, settings_from

log = logging.getLogger("treadle")

#: Why a job in the spool is held.
SPOOLED = "spooled"

#: What the cursor of a page begins with that goes on in the spool.
HERE = "spool-"

#: Stands in a job's `meta`, around its own, where its time is so long after its enqueueing and no instant.
DUE_IN = "spooled.due_in"

#: Seconds that a call waits for the store before it counts as away.
PATIENCE = 5.0

#: Seconds between two tries to go on, and the longest pause where the store refuses again and again.
PAUSE, LONGEST = 0.5, 8.0

#: Jobs that go on their way together, and those that are looked for in the store at once.
SLICE, AT_ONCE = 500, 20


def waiting(job: NewJob) -> NewJob:
    """Make the job that waits here of one that was enqueued."""
    meta = job.meta if job.due_in is None else json.dumps({DUE_IN: job.meta})
    return job._replace(held=SPOOLED, fresh=False, meta=meta)


def arriving(job: Snapshot, now: int) -> NewJob:
    """Make the job that arrives of one that waited; `now` by the spool's clock.

    What counts from the enqueueing travels as what is left of it: the store's clock may show another time.
    """
    passed = max(0, now - job.created_at)
    relative, meta = _told(job.meta)
    return NewJob(
        id=job.id,
        task=job.task,
        queue=job.queue,
        args=job.args,
        priority=job.priority,
        due_at=None if relative else job.due_at,
        due_in=_left(job, job.due_at, passed) if relative else None,
        max_attempts=job.max_attempts,
        expires_in=_left(job, job.expires_at, passed),
        result_ttl=job.result_ttl,
        owner=job.owner,
        tenant=job.tenant,
        batch=job.batch,
        unique_key=job.unique_key,
        meta=meta,
        lane=job.lane,
        costs=job.costs,
        unique_until=job.unique_until,
        unique_for=_left(job, job.created_at + job.unique_for, passed) if job.unique_for is not None else None,
    )


def _left(job: Snapshot, instant: int | None, passed: int) -> int | None:
    return None if instant is None else max(0, instant - job.created_at - passed)


def _told(meta: str | None) -> tuple[bool, str | None]:
    """Tell whether a job's time counts from its enqueueing, and give the `meta` that it came with."""
    told = json.loads(meta) if meta else {}
    return (True, told[DUE_IN]) if DUE_IN in told else (False, meta)


class Spool:
    """A store, with a way around its outages. Processes of this host with the same file carry on what another left."""

    def __init__(self, store: Store, url: str, door: Door) -> None:
        path = database_path(url)
        if path is None:
            raise ConfigError(f"fallback={url!r} must be a file on this host: sqlite:///spool.db")
        self._path = path
        self._store, self._door = store, door
        self._spool = SqliteStore(settings_from(url), wall_clock)
        _close_for_forks(self._spool)
        self._away = False
        self._kept: object = object() if self._path.exists() else None
        self._empty: object = None
        """What `_kept` was when nothing was found in the file; `add` puts another there."""
        self._forwarding: dict[int, Future[None]] = {}
        """By process: a parent's is not ours to ask or to end."""

    @property
    def _holds(self) -> bool:
        """There may be something in the file."""
        return self._kept is not self._empty

    # -- as a store ----------------------------------------------------------------

    async def add(self, jobs: Sequence[NewJob]) -> list[Added]:
        """Keep these in the store or, while it is away, here. Raises StoreError where both refuse."""
        if self._holds:
            self._go_on()
        if not self._away:
            try:
                async with asyncio.timeout(PATIENCE):
                    return await self._store.add(jobs)
            except (StoreUnavailable, TimeoutError) as error:
                self._away = True
                log.warning("the store is away (%s); what is enqueued waits in %s", error, self._path)
        try:
            kept = await self._spool.add([waiting(job) for job in jobs])
        except StoreError:
            self._away = False  # nothing waits here that would find out when the store is back: the next call asks it
            raise
        self._kept = object()
        self._go_on()
        return [Added(id, new, spooled=True) for id, new, *_ in kept]

    async def get(self, id: str) -> Snapshot | None:
        """Read a job that waits here, else from the store: a job arrives before it leaves."""
        found = await self._spool.get(id) if self._holds else None
        return found or await self._store.get(id)

    async def cancel(self, ids: Sequence[str]) -> list[str]:
        """Cancel these here and in the store; what the store cannot be told now it is told later."""
        here = await self._spool.cancel(ids) if self._holds else []
        try:
            async with asyncio.timeout(PATIENCE if here else None):
                there = await self._store.cancel(ids)
        except (StoreError, TimeoutError):
            if not here:
                raise
            there = []
        return list(dict.fromkeys((*here, *there)))

    async def find(self, filter: Filter, limit: int, cursor: str | None = None) -> Page:
        """Read a page: of what waits here, newest first, then of the store, newest first."""
        if cursor is not None and not cursor.startswith(HERE):
            return await self._store.find(filter, limit, cursor)
        here = Page((), None)
        if self._holds:
            here = await self._spool.find(filter, limit, cursor and cursor.removeprefix(HERE))
        try:
            return await self._completed(here, filter, limit)
        except StoreUnavailable:
            if not here.items:
                raise
            return here._replace(next_cursor=here.next_cursor and HERE + here.next_cursor)

    async def _completed(self, here: Page, filter: Filter, limit: int) -> Page:
        """Take out of a page of the spool what has arrived, and fill its rest from the store."""
        items = await self._not_arrived(here.items)
        if here.next_cursor or len(items) == limit:
            return Page(items, HERE + here.items[-1].cursor)
        there = await self._store.find(filter, limit - len(items))
        seen = {job.id for job in items}  # one may have arrived just now
        return there._replace(items=(*items, *(job for job in there.items if job.id not in seen)))

    async def count(self, filter: Filter) -> dict[tuple[str, State], int]:
        """Count jobs here and in the store, each once; while the store is away, what waits here."""
        here = await self._spool.count(filter) if self._holds else {}
        try:
            counted = dict(await self._store.count(filter))
            cursor: str | None = None
            while here:
                page = await self._spool.find(filter, SLICE, cursor)
                for job in await self._not_arrived(page.items):
                    counted[job.queue, job.state] = counted.get((job.queue, job.state), 0) + 1
                if (cursor := page.next_cursor) is None:
                    break
        except StoreUnavailable:
            if not here:
                raise
            return here
        return counted

    async def _not_arrived(self, jobs: Sequence[Snapshot]) -> tuple[Snapshot, ...]:
        """Leave out which of these the store has as well: it knows better how they are."""
        there = []
        for start in range(0, len(jobs), AT_ONCE):
            there += await asyncio.gather(*(self._store.get(job.id) for job in jobs[start : start + AT_ONCE]))
        return tuple(job for job, found in zip(jobs, there, strict=True) if found is None)

    # -- the way on ----------------------------------------------------------------

    async def forward(self) -> int:
        """Bring all that waits here to the store; answer how many that were. Raises StoreError."""
        arrived = 0
        if self._path.exists():  # another process may have begun it meanwhile
            after: str | None = None
            while True:
                part = await self._spool.dump(after, SLICE)
                arrived += await self._carry(part.items)
                if (after := part.after) is None:
                    break
        self._away = False
        await self._look_whether_empty()
        if arrived:
            log.info("%d jobs that had waited for the store are on their way", arrived)
        return arrived

    async def _carry(self, jobs: Sequence[Snapshot]) -> int:
        now = await self._spool.now()
        live = [job for job in jobs if not job.state.final]
        await self._store.add([arriving(job, now) for job in live])
        gone = set(await self._spool.delete_waiting([job.id for job in live]))
        # Who is still here was cancelled meanwhile; who is not went by the hand of another process.
        left = [await self._spool.get(job.id) for job in live if job.id not in gone]
        ended = [job for job in (*jobs, *left) if job and job.state.final]
        return len(gone) + await self._carry_ended(ended)

    async def _carry_ended(self, jobs: Sequence[Snapshot]) -> int:
        """Bring jobs that were cancelled here; the store may have them as live ones, and must not let them run."""
        if not jobs:
            return 0
        await self._store.restore([job._replace(meta=_told(job.meta)[1]) for job in jobs])
        await self._store.cancel([job.id for job in jobs if job.state is State.CANCELLED])
        return len(await self._spool.delete([job.id for job in jobs]))

    async def _look_whether_empty(self) -> None:
        kept = self._kept  # as it is now: what is added while we look is not overlooked
        if not self._path.exists() or not await self._spool.count(Filter()):
            self._empty = kept

    async def close(self) -> None:
        """Close the file; what waits there waits on."""
        if forwarding := self._forwarding.pop(os.getpid(), None):
            forwarding.cancel()
        await self._spool.close()

    def _go_on(self) -> None:
        forwarding = self._forwarding.get(os.getpid())
        if forwarding is None or forwarding.done():
            self._forwarding[os.getpid()] = self._door.start(self._forward_all())

    async def _forward_all(self) -> None:
        """Forward until nothing is left; what the store refuses is tried less and less often, and told once."""
        said, pause = "", PAUSE
        while self._holds or self._away:
            try:
                await self.forward()
                said, pause = "", PAUSE
            except StoreUnavailable as error:
                log.debug("the store is still away: %s", error)
                pause = PAUSE
            except Exception as error:
                if str(error) != said:
                    said = str(error)
                    mistake = not isinstance(error, StoreError)
                    log.warning(
                        "what waits in %s is tried again until it goes: %s", self._path, error, exc_info=mistake
                    )
                pause = min(LONGEST, pause * 2)
            await asyncio.sleep(pause)


def _close_for_forks(file: SqliteStore) -> None:
    """Let no fork find this file open: what a child added would vanish with its parent's last close."""
    known = weakref.ref(file)

    def tell(act: Callable[[SqliteStore], None]) -> Callable[[], None]:
        def told() -> None:
            if living := known():
                act(living)

        return told

    if hasattr(os, "register_at_fork"):
        after = tell(SqliteStore.after_fork)
        os.register_at_fork(before=tell(SqliteStore.before_fork), after_in_parent=after, after_in_child=after)
