"""Doing it: slice after slice, in steps that may be repeated, so that a kill between any two of them loses nothing."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from treadle.core.ids import worker_id
from treadle.core.job import Filter, Snapshot
from treadle.core.states import State
from treadle.core.store import OF_JOB, Store
from treadle.engine.heart import uptime
from treadle.engine.neighbours import identify
from treadle.moving.abandoned import living, take_over
from treadle.moving.plan import (
    ARRIVING,
    FINISHED,
    LEAVING,
    SLICE,
    WAITING,
    can_go,
    is_copy,
    is_outdated,
    packed,
    slices,
    stands_still,
    to_hold,
)
from treadle.moving.turn import MoveRefused, Turn, pages
from treadle.schedule import KIND as SCHEDULE

#: Kinds of records that go along; those of a job go with it.
KINDS = (SCHEDULE,)

#: Jobs that are asked for at once.
ABREAST = 50

#: Seconds between two looks for what has come, or come back.
POLL = 1.0

#: Jobs named of those that stay.
NAMED = 5

Look = Callable[[], Awaitable[Sequence[Snapshot]]]
"""Reads one slice of the source as it is now, oldest first."""


class Stuck(NamedTuple):
    """A job that stays: another live job of the target holds its unique key."""

    id: str
    unique_key: str | None


class Tally(NamedTuple):
    """How far a move is."""

    moved: int = 0
    waiting: int = 0
    """Jobs of the source that are still to move."""
    running: int = 0
    """Jobs that run in the source."""
    taken_over: int = 0
    copied: int = 0
    """Finished jobs that the target has got."""
    passed: int = 0
    """Finished jobs that were looked at, of all that are `finished`."""
    finished: int = 0
    records: int = 0
    stuck: int = 0
    some_stuck: tuple[Stuck, ...] = ()
    """A few of them."""
    stopped: bool = False

    @property
    def whole(self) -> bool:
        """Whether nothing is left to run in the source."""
        return not (self.stopped or self.stuck or self.running)


class Mover:
    """Moves the jobs of one store into another, once."""

    def __init__(
        self,
        source: Store,
        target: Store,
        *,
        live: bool = False,
        tell: Callable[[Tally], None] = lambda tally: None,
        size: int = SLICE,
        poll: float = POLL,
        clock: Callable[[], float] = uptime,
    ) -> None:
        self._source, self._target, self._live = source, target, live
        self._tell, self._size, self._poll = tell, size, poll
        self._me = identify(worker_id(), (), 0)
        self._turn = Turn(source, target, self._me, clock)
        self._stop = asyncio.Event()
        self.tally = Tally()

    def stop(self) -> None:
        """Come to an end after the slice that is under way. Call it in the loop's thread."""
        self._stop.set()

    async def run(self) -> Tally:
        """Move all that is there, and answer what became of it. Raises MoveRefused, ConfigError, StoreError.

        While workers of the source live it is refused, unless `live`: then it ends when nothing waits or runs there.
        """
        await self._source.open()
        await self._target.open()
        await self._refuse_workers()
        await self._turn.take()
        await self._finish_leftovers()
        await self._move_and_copy()
        await self._source.release(LEAVING)  # what is stuck stays as it was
        await self._turn.give_back()
        return self._note(stopped=self._stop.is_set())

    async def _refuse_workers(self) -> None:
        if self._live or not (workers := await living(self._source, self._me)):
            return
        names = [f"process {one.pid} on {one.host} ({', '.join(one.queues)})" for one in workers[:NAMED]]
        names += ["…"] if len(workers) > NAMED else []
        raise MoveRefused(
            f"{len(workers)} {'worker is' if len(workers) == 1 else 'workers are'} at work on {self._source.url}:"
            f" {'; '.join(names)}. Stop them first, or move while they go on: --live"
        )

    async def _move_and_copy(self) -> None:
        """Move what waits, then copy what has ended; again as long as there was more to do meanwhile."""
        await self._move_waiting()
        since = await self._source.now()
        await self._copy_finished()
        while await self._move_waiting():
            await self._copy_newcomers(since)
        await self._copy_records(KINDS)

    # -- what an earlier mover has left ------------------------------------------------

    async def _finish_leftovers(self) -> None:
        """Bring to its end what was under way when a mover was killed."""
        under_way: list[str] = []
        async for copies in pages(self._target, Filter(states=(State.HELD,))):
            here = {job.id: job for job in await look(self._source, [copy.id for copy in copies])}
            outdated = {copy.id for copy in copies if copy.id in here and is_outdated(copy, here[copy.id])}
            if outdated:
                await self._target.delete(list(outdated))
            under_way += [copy.id for copy in copies if copy.reason == ARRIVING and copy.id in here.keys() - outdated]
        for ids in slices(under_way[::-1], self._size):
            read = partial(look, self._source, ids)
            await self._take(await read(), read)
        await self._target.release(ARRIVING)  # those that the source has no more

    # -- what waits --------------------------------------------------------------------

    async def _move_waiting(self) -> bool:
        """Move all that waits or comes back, until nothing will; answer whether there was anything to do."""
        busy = False
        while not self._stop.is_set():
            before = self.tally.moved
            await self._round()
            if self.tally.moved == before:
                if not await self._may_come():
                    return busy
                await self._rest()
            busy = True
        return busy

    async def _round(self) -> None:
        """Move what waits now."""
        self._note(stuck=0, some_stuck=())
        await self._count()
        if self.tally.running and not await living(self._source, self._me):
            await self._turn.keep()
            self._note(taken_over=self.tally.taken_over + await take_over(self._source, self._me))
            await self._count()
        few = await self._few_waiting()
        if few is None:
            await self._walk()
        else:
            await self._take(few, partial(look, self._source, [job.id for job in few]))

    async def _count(self) -> None:
        counts = await self._source.count(Filter(states=(*WAITING, State.RUNNING)))
        running = sum(number for (_, state), number in counts.items() if state is State.RUNNING)
        self._note(running=running, waiting=sum(counts.values()) - running)

    async def _few_waiting(self) -> list[Snapshot] | None:
        """List those that wait, oldest first; None if they are many, and better met on a walk over all jobs."""
        few: list[Snapshot] = []
        if self.tally.waiting <= self._size:
            async for page in pages(self._source, Filter(states=WAITING)):
                few += page
        return None if max(len(few), self.tally.waiting) > self._size else few[::-1]

    async def _walk(self) -> None:
        after: str | None = None
        while not self._stop.is_set():
            read = partial(self._source.dump, after, self._size)
            part = await read()
            await self._take(part.items, partial(self._slice, after))
            if part.after is None:
                return
            after = part.after

    async def _slice(self, after: str | None) -> Sequence[Snapshot]:
        return (await self._source.dump(after, self._size)).items

    async def _may_come(self) -> bool:
        """Tell whether there is something to wait for."""
        await self._count()
        if self.tally.running:
            return self._live or not await living(self._source, self._me)
        return bool(self.tally.stuck and self._live and await living(self._target, self._me))

    async def _rest(self) -> None:
        await self._turn.keep()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), self._poll)

    # -- one slice ---------------------------------------------------------------------

    async def _take(self, seen: Sequence[Snapshot], read: Look) -> None:
        """Move what waits of the jobs that were seen; `read` reads the same again. Each step may be repeated."""
        await self._turn.keep()
        if not any(job.state in WAITING for job in seen):
            return
        await self._source.hold(to_hold(seen), LEAVING)
        jobs = can_go(await read())  # what was seen before the hold may have changed
        there, copies = await self._bring(jobs)
        await self._bring_records(there)
        gone = await self._let_go([job for job in jobs if job.id in there], copies, read)
        await self._turn.keep()
        await self._target.release(ARRIVING)
        stuck = [Stuck(job.id, job.unique_key) for job in jobs if job.id not in there]
        self._note(
            moved=self.tally.moved + gone,
            waiting=max(0, self.tally.waiting - gone),
            stuck=self.tally.stuck + len(stuck),
            some_stuck=(*self.tally.some_stuck, *stuck)[:NAMED],
        )

    async def _bring(self, jobs: Sequence[Snapshot]) -> tuple[set[str], set[str]]:
        """Keep these in the target; answer the ids that it has then, and which of them are copies nobody works on."""
        await self._turn.keep()
        new = set(await self._target.restore([packed(job) for job in jobs]))
        others = {job.id: job for job in jobs if job.id not in new}
        found = {copy.id: copy for copy in await look(self._target, list(others))}
        outdated = [id for id, copy in found.items() if is_outdated(copy, others[id])]
        if outdated:
            await self._target.delete(outdated)
            new |= set(await self._target.restore([packed(others[id]) for id in outdated]))
        known = found.keys() - set(outdated)
        copies = {id for id in known if found[id].state is State.HELD and is_copy(found[id], others[id])}
        return new | known, new | copies

    async def _let_go(self, jobs: Sequence[Snapshot], copies: set[str], read: Look) -> int:
        """Delete these from the source, and the copies of those that have gone on there; answer how many have left."""
        await self._turn.keep()
        now = {job.id: job for job in await read()}
        still = [job.id for job in jobs if job.id not in now or stands_still(job, now[job.id])]
        deleted = set(await self._source.delete(still))
        stayed = await look(self._source, [job.id for job in jobs if job.id not in deleted])
        if stale := [job.id for job in stayed if job.id in copies]:
            await self._target.delete(stale)
        return len(jobs) - len(stayed)

    # -- what has ended, and records -------------------------------------------------

    async def _copy_finished(self) -> None:
        """Copy all jobs that have ended, oldest first."""
        counts = await self._source.count(Filter(states=FINISHED))
        self._note(finished=sum(counts.values()))
        after: str | None = None
        while not self._stop.is_set():
            part = await self._source.dump(after, self._size)
            await self._copy([job for job in part.items if job.state.final])
            if part.after is None:
                return
            after = part.after

    async def _copy_newcomers(self, since: int) -> None:
        """Copy those that have ended and were added since then, by the store's clock: ids may tell another time."""
        async for page in pages(self._source, Filter(states=FINISHED, created_after=since)):
            await self._copy(await look(self._source, [job.id for job in page]))

    async def _copy(self, jobs: Sequence[Snapshot]) -> None:
        if jobs:
            there, copies = await self._bring(jobs)
            await self._bring_records(there)
            self._note(copied=self.tally.copied + len(copies), passed=self.tally.passed + len(jobs))

    async def _bring_records(self, ids: Iterable[str]) -> None:
        """Copy what is on record of these jobs, such as effects that were begun."""
        for some in slices(list(ids), ABREAST):
            await asyncio.gather(*(self._copy_records([OF_JOB + id]) for id in some))

    async def _copy_records(self, kinds: Iterable[str]) -> None:
        for kind in kinds:
            for record in await self._source.read(kind):
                if await self._target.write(kind, record.key, record.value, expect=0):
                    self._note(records=self.tally.records + 1)

    def _note(self, **changes: Any) -> Tally:
        self.tally = self.tally._replace(**changes)
        self._tell(self.tally)
        return self.tally


async def look(store: Store, ids: Sequence[str]) -> list[Snapshot]:
    """Read those of these jobs that are there, whole and in this order."""
    found: list[Snapshot | None] = []
    for some in slices(ids, ABREAST):
        found += await asyncio.gather(*map(store.get, some))
    return [job for job in found if job]
