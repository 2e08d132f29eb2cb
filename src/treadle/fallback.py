"""The fallback: what is enqueued while the store is away waits in a SQLite file on this host and goes on its way later.

    add ──> store                         as long as it answers
     └────> spool (held, "spooled") ──> store, again and again until it takes them ──> gone from the spool

A job keeps its id on the way, so that arriving twice makes it one job.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future

from treadle.config import database_path
from treadle.core.errors import ConfigError, StoreUnavailable
from treadle.core.job import Added, Filter, NewJob, Snapshot
from treadle.core.states import State
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.stores.door import Door

log = logging.getLogger("treadle")

#: Why a job in the spool is held.
SPOOLED = "spooled"

#: Seconds that an enqueueing waits for the store before it counts as away, and between two tries to go on.
PATIENCE, PAUSE = 5.0, 0.5

#: Jobs that go on their way together.
SLICE = 500


def arriving(job: Snapshot, now: int) -> NewJob:
    """Make the job that arrives of one that waited; `now` by the spool's clock, which set its times."""
    return NewJob(
        id=job.id,
        task=job.task,
        queue=job.queue,
        args=job.args,
        priority=job.priority,
        due_at=job.due_at,
        max_attempts=job.max_attempts,
        expires_in=None if job.expires_at is None else max(0, job.expires_at - now),
        result_ttl=job.result_ttl,
        owner=job.owner,
        tenant=job.tenant,
        batch=job.batch,
        unique_key=job.unique_key,
        meta=job.meta,
    )


class Spool:
    """One process's way around an outage. Any process of this host with the same file carries on what another left."""

    def __init__(self, store: Store, url: str, door: Door) -> None:
        path = database_path(url)
        if path is None:
            raise ConfigError(f"fallback={url!r} must be a file on this host: sqlite:///spool.db")
        self._path = path
        self._store, self._door = store, door
        self._spool = open_store(url)
        self._away = False
        self._holds = self._path.exists()
        """There may be something in the file."""
        self._forwarding: Future[None] | None = None

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
        kept = await self._spool.add([job._replace(held=SPOOLED, fresh=False) for job in jobs])
        self._holds = True
        self._go_on()
        return [Added(id, new, spooled=True) for id, new, _ in kept]

    async def get(self, id: str) -> Snapshot | None:
        """Read a job that waits here. Ask here first, then the store: a job arrives before it leaves."""
        return await self._spool.get(id) if self._holds else None

    async def waiting(self, filter: Filter, limit: int) -> tuple[Snapshot, ...]:
        """List what waits here, newest first."""
        return (await self._spool.find(filter, limit)).items if self._holds else ()

    async def count(self, filter: Filter) -> dict[tuple[str, State], int]:
        """Count what waits here."""
        return await self._spool.count(filter) if self._holds else {}

    async def cancel(self, id: str) -> bool:
        """Cancel a job that waits here."""
        return self._holds and bool(await self._spool.cancel([id]))

    async def forward(self) -> int:
        """Bring all that waits here to the store; answer how many that were. Raises StoreError."""
        if not self._path.exists():  # another process may have begun it meanwhile
            return 0
        arrived, after = 0, None
        while True:
            part = await self._spool.dump(after, SLICE)
            now = await self._spool.now()
            await self._store.add([arriving(job, now) for job in part.items if not job.state.final])
            await self._store.restore([job for job in part.items if job.state.final])  # cancelled on its way
            arrived += len(await self._spool.delete([job.id for job in part.items]))
            if part.after is None:
                break
            after = part.after
        self._away = False
        self._holds = bool(await self._spool.count(Filter()))
        if arrived:
            log.info("%d jobs that had waited for the store are on their way", arrived)
        return arrived

    async def close(self) -> None:
        """Close the file; what waits there waits on."""
        forwarding, self._forwarding = self._forwarding, None
        if forwarding:
            forwarding.cancel()
        await self._spool.close()

    def _go_on(self) -> None:
        if self._forwarding is None or self._forwarding.done():
            self._forwarding = self._door.start(self._forward_all())

    async def _forward_all(self) -> None:
        while self._holds or self._away:
            try:
                await self.forward()
            except StoreUnavailable as error:
                log.debug("the store is still away: %s", error)
            except Exception:
                log.exception("what waits in %s cannot go on its way", self._path)
            await asyncio.sleep(PAUSE)
