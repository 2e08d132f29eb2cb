"""Looking after what time changed: promotes what is due, buries abandoned claims, prunes. Every worker sweeps."""

import random
from collections.abc import Callable, Sequence

from treadle.core.errors import Crashed
from treadle.core.events import Event, TakenOver
from treadle.core.job import Claim, Ending, WorkerInfo
from treadle.core.outcomes import Outcome, Tries, judge
from treadle.core.retry import NEVER
from treadle.core.states import Reason
from treadle.core.store import Store
from treadle.engine.faults import as_json
from treadle.engine.neighbours import provably_dead
from treadle.engine.pruning import Pruner
from treadle.engine.settings import WorkerSettings

#: Jobs that one sweep promotes, expires or prunes at most, and claims that it takes over.
SLICE, TAKE = 500, 100

#: Sweeps between two looks for what changes slowly.
SELDOM = 10


class Sweeper:
    """One worker's sweeps."""

    def __init__(
        self,
        store: Store,
        worker: WorkerInfo,
        settings: WorkerSettings,
        tasks: Sequence[str],
        *,
        steady: Callable[[], bool],
        settle: Callable[[Sequence[Ending]], None],
        hungry: Callable[[], None],
        emit: Callable[[Event], None],
    ) -> None:
        self._store, self._worker, self._settings, self._tasks = store, worker, settings, tasks
        self._steady, self._settle, self._hungry, self._emit = steady, settle, hungry, emit
        self._prune = Pruner(store, worker.id, settings)
        self._sweeps = 0
        self._next_due: int | None = None
        self._more = False

    def pause(self) -> float:
        """Seconds until the next sweep: when the next job falls due, at the latest after the sweep interval."""
        if self._more:
            return 0.0
        longest = self._settings.sweep * random.uniform(0.9, 1.1)
        return min(longest, longest if self._next_due is None else self._next_due + 1) / 1000

    async def sweep(self) -> None:
        """Do one round."""
        # After a gap in which nobody could renew, the living get one heartbeat's time to do so first.
        take = TAKE if self._steady() else 0
        swept = await self._store.sweep(self._worker.id, SLICE, take=take)
        self._next_due = swept.next_due
        self._more = swept.promoted == SLICE or swept.expired == SLICE
        self.bury(swept.taken)
        if swept.promoted:
            self._hungry()
        if self._sweeps % SELDOM == 0:
            await self._look_after_slow_things()
        self._sweeps += 1

    async def take_from_the_dead(self) -> None:
        """Take over at once what provably dead processes of this host held."""
        workers = [worker for worker in await self._store.workers() if worker.id != self._worker.id]
        dead = [worker.id for worker in workers if provably_dead(worker, self._worker)]
        if not dead:
            return
        await self._store.bury(dead)
        now = await self._store.now()
        silent = [worker for worker in workers if worker.id not in dead and worker.lease_until <= now]
        full = not silent  # else an outage may have kept a living worker from renewing
        while full:
            swept = await self._store.sweep(self._worker.id, SLICE, take=TAKE)
            self.bury(swept.taken)
            full = len(swept.taken) == TAKE

    async def _look_after_slow_things(self) -> None:
        if await self._store.release(Reason.UNKNOWN_TASK, self._tasks):
            self._hungry()
        if await self._prune(SLICE):
            self._sweeps = -1  # there is more: look again at the next sweep

    def bury(self, taken: Sequence[Claim]) -> None:
        """Settle claims that were taken over from workers that went silent."""
        endings = [Ending(claim, verdict(claim)) for claim in taken]
        for claim, outcome, *_ in endings:
            self._emit(TakenOver(claim, outcome))
        if endings:
            self._settle(endings)


def verdict(claim: Claim) -> Outcome:
    """Decide what becomes of a job whose worker went silent."""
    tries = Tries(claim.attempt, claim.max_attempts, claim.crashes)
    told = as_json("Crashed", f"the worker that ran attempt {claim.attempt} went silent ({claim.crashes} so far)")
    return judge(tries, Crashed(), NEVER, 0.0, told)
