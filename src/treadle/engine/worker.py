"""A worker: one pump that settles what ended and claims what fits, around runners, a heart and a sweeper.

hint, second ──> pump ──cycle──> store          (endings out, claims in: one transaction)
                  │ feed   ▲ ended
                  ▼        │
                runners ───┘   heart (own thread): lease, progress, who must stop
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from treadle.core.events import AttemptEnded, ClaimLost, Event, WorkerStarted, WorkerStopped
from treadle.core.ids import worker_id
from treadle.core.job import Claim, Ending
from treadle.core.outcomes import Outcome, cancel, hand_back
from treadle.core.store import Store
from treadle.engine.admission import Admission
from treadle.engine.attempt import Asked, Attempt, Lost, ShuttingDown
from treadle.engine.context import Context
from treadle.engine.deadlines import check_deadlines
from treadle.engine.heart import Answer, HeartThread, Held
from treadle.engine.listening import Listening
from treadle.engine.neighbours import identify
from treadle.engine.processes import Processes
from treadle.engine.pump import Pump
from treadle.engine.reserve import Reserve
from treadle.engine.rhythm import Errand, every, one_at_a_time
from treadle.engine.runners import Runners
from treadle.engine.settings import WorkerSettings
from treadle.engine.sweeper import Sweeper
from treadle.engine.work import Work

log = logging.getLogger("treadle.engine")

#: Seconds between looks at deadlines, and between looks for work of which no hint has come: hints get lost.
TICK, LOOK = 0.1, 1.0


class Worker:
    """Serves queues of one store until it is told to stop."""

    def __init__(
        self,
        store: Store,
        works: Mapping[str, Work],
        context: Callable[[Attempt], Context],
        settings: WorkerSettings,
        *,
        listeners: Iterable[Callable[[Event], None]] = (),
        processes: Processes | None = None,
        errands: Sequence[Errand] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._works, self._context, self._settings = store, works, context, settings
        self._listeners, self._processes, self._clock = tuple(listeners), processes, clock
        self._errands = errands
        self.id = worker_id()
        known = {"tasks": sorted(works)}
        self._me = identify(self.id, settings.queues, settings.slots)._replace(details=known)
        self._held: dict[str, Attempt] = {}
        self._admission = Admission(works, children=processes is not None)
        self._reserve = Reserve(settings.slots, settings.reserve)
        self._pump = Pump(store, self.id, settings, self, emit=self._emit, nudge=lambda: self._heart.nudge())
        self._fenced = False
        self._grace = settings.grace / 1000
        self.handed_back = 0

    # -- the life of a worker ------------------------------------------------------

    async def run(self, *, until_idle: bool = False) -> None:
        """Work until `stop()` is called or, if wished, until nothing is queued or running. Raises StoreError.

        Being cancelled is a stop without grace: what has ended is settled, the rest handed back.
        """
        life = asyncio.ensure_future(self._live(until_idle))
        try:
            await asyncio.shield(life)
        except asyncio.CancelledError:
            self._grace = 0.0
            self.stop()
            await life
            raise

    async def _live(self, until_idle: bool) -> None:
        self._listening = self._make_listening()
        await self._store.open()
        heart = self._heart = self._make_heart()
        await asyncio.to_thread(heart.start)
        runners = self._runners = self._make_runners()
        sweeper = self._sweeper = self._make_sweeper()
        deaf = self._store.subscribe(self._hint)
        sweep, *errands = self._chores = [
            one_at_a_time(act) for act in (sweeper.sweep, *(e.act for e in self._errands))
        ]
        try:
            await sweeper.take_from_the_dead()
            self._emit(WorkerStarted(self.id, self._settings.queues, self._settings.slots))
            async with asyncio.TaskGroup() as group:
                beats = [
                    group.create_task(every(sweeper.pause, sweep)),
                    group.create_task(every(lambda: TICK, self._tick)),
                    group.create_task(every(lambda: LOOK, self._look)),
                ]
                beats += [
                    group.create_task(every(partial(float, errand.pause), act))
                    for errand, act in zip(self._errands, errands, strict=True)
                ]
                await self._pump.run(until_idle=until_idle)
                await self._drain()
                for beat in beats:
                    beat.cancel()
        finally:
            deaf()
            try:
                await runners.close()
            finally:  # a heart that went on would hold the lease of jobs that nobody runs
                for errand in self._errands:
                    if errand.close:
                        await errand.close()
                await asyncio.to_thread(self._farewell)
        self._emit(WorkerStopped(self.id, self.handed_back))

    def stop(self) -> None:
        """Stop claiming, let run to the end of the grace, hand back the rest. May be called from the loop's thread."""
        self._pump.stop()

    def _make_listening(self) -> Listening:
        return Listening(
            self.id,
            self._held,
            self._processes,
            answered=self._on_answer,
            fenced=self._on_fenced,
            emit=self._emit,
            clock=self._clock,
        )

    def _make_heart(self) -> HeartThread:
        settings, listening = self._settings, self._listening
        return HeartThread(
            self._store.heart(self._me),
            lease=settings.lease,
            heartbeat=settings.heartbeat,
            fence=settings.fence,
            reports=listening.reports,
            answered=listening.answered,
            fenced=lambda: listening.fence(settings.fence / 1000),
            pulse=self._processes.pulse if self._processes else lambda: None,
            held=lambda: dict(self._held),
        )

    def _make_runners(self) -> Runners:
        settings = self._settings
        return Runners(
            settings.slots, self._context, self._on_ended, self._processes, settings.stop_grace / 1000, self._clock
        )

    def _make_sweeper(self) -> Sweeper:
        return Sweeper(
            self._store,
            self._me,
            self._settings,
            tuple(self._works),
            steady=lambda: self._heart.steady_for * 1000 >= self._settings.heartbeat * 0.9,
            settle=lambda endings: self._pump.end(*endings),
            hungry=self._pump.hint,
            emit=self._emit,
        )

    def _farewell(self) -> None:
        self._heart.stop()
        self._heart.leave()
        if self._processes:
            self._processes.close()

    # -- what the pump asks --------------------------------------------------------

    def capacity(self) -> int:
        return self._settings.slots + self._reserve.room

    def room(self) -> int:
        if self._fenced:
            return 0
        if self._admission.careful:
            return 0 if self._held else 1
        return self._runners.free + self._reserve.room

    def short(self) -> bool:
        return len(self._runners.ready) <= self._reserve.room // 2

    def busy(self) -> bool:
        return bool(self._runners.ready)

    def holds(self, claim: Claim) -> bool:
        return claim.id in self._held

    def admit(self, claims: Sequence[Claim], now: int) -> None:
        attempts = []
        self._reserve.governed = any(claim.lane for claim in claims)
        for claim in claims:
            decided = self._admission.decide(claim, now, busy=bool(self._held))
            if isinstance(decided, Work):
                attempt = self._held[claim.id] = Attempt(claim, decided, self._heart.nudge, self._clock(), now)
                attempts.append(attempt)
            else:
                self._pump.end(Ending(claim, decided))
        if attempts:
            self._runners.feed(attempts)

    def bury(self, claims: Sequence[Claim]) -> None:
        self._sweeper.bury(claims)

    async def tidy(self) -> bool:
        if not self._held:
            for chore in self._chores:
                await chore()
        return not self._held

    # -- endings -------------------------------------------------------------------

    def _on_ended(self, attempt: Attempt, outcome: Outcome | None, took: float) -> None:
        claim = attempt.claim
        if self._held.get(claim.id) is attempt:
            del self._held[claim.id]
        self._reserve.measure(took)
        if outcome is None:
            self._emit(ClaimLost(claim.id, claim.task))
            self._pump.changed.set()
            return
        if attempt.ended:
            self._pump.hint()  # its transaction may have brought work, and nobody rings for another's commit
        if self._listeners:
            self._emit(AttemptEnded(claim, outcome, round(took * 1000)))
        if attempt.park and outcome.park is None:
            outcome = outcome._replace(park=attempt.park)
        self._pump.end(Ending(claim, outcome, attempt.progress, attempt.log_text(), attempt.spent_beyond()))

    def _give_back(self, attempts: Iterable[Attempt], outcome: Outcome) -> None:
        """End attempts that were claimed but never started."""
        for attempt in attempts:
            attempt.over = True
            self._held.pop(attempt.claim.id, None)
            self._pump.end(Ending(attempt.claim, outcome))
        self._pump.changed.set()

    # -- what others tell ----------------------------------------------------------

    def _hint(self) -> None:
        """Note, from any thread, that work may have come."""
        self._listening.tell(self._pump.hint)

    def _on_answer(self, answer: Answer, held: Held) -> None:
        if self._fenced:
            self._fenced = False
            self._pump.hint()
        self._pump.hear([id for id in answer if id not in held and id not in self._held])
        for id, attempt in held.items():
            if self._held.get(id) is not attempt:
                continue
            if id not in answer:
                self._withdraw(attempt, Lost(), None)
            elif answer[id]:
                self._withdraw(attempt, Asked(), cancel("operator"))

    def _withdraw(self, attempt: Attempt, why: BaseException, unstarted: Outcome | None) -> None:
        if attempt in self._runners.running:
            self._runners.stop(attempt, why)
            return
        self._runners.ready.remove(attempt)  # what is held and does not run is ready
        if unstarted is None:
            attempt.over = True
            del self._held[attempt.claim.id]
        else:
            self._give_back([attempt], unstarted)

    def _on_fenced(self) -> None:
        self._fenced = True
        # Handing back is fenced by the epoch: it does nothing where somebody else has taken over.
        self._hand_back_unstarted()
        for attempt in list(self._runners.running):
            self._runners.stop(attempt, ShuttingDown())

    # -- time ----------------------------------------------------------------------

    async def _tick(self) -> None:
        runners, now = self._runners, self._clock()
        check_deadlines(list(runners.running), now, warn=runners.warn, stop=runners.stop, press=runners.press)
        late = self._reserve.late(runners.ready, now)
        if late:
            self._reserve.forget()
            self._give_back([runners.ready.popleft() for _ in range(late)], hand_back())
        self._pump.tick()

    async def _look(self) -> None:
        self._pump.hint()

    # -- the end -------------------------------------------------------------------

    async def _drain(self) -> None:
        pump = self._pump
        pump.stop()
        self._hand_back_unstarted()
        began = self._clock()
        while self._held and (left := began + self._grace - self._clock()) > 0:
            pump.changed.clear()  # first: what ends while others are settled must wake this loop
            await pump.settle_rest(left, self._clock)
            if self._held:
                await self._wait(began + self._grace - self._clock())
        for attempt in list(self._runners.running):
            self.handed_back += 1
            self._runners.stop(attempt, ShuttingDown())
        await self._runners.close()
        await pump.settle_rest(self._settings.fence / 1000, self._clock)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._pump.changed.wait()
        except TimeoutError:
            return

    def _hand_back_unstarted(self) -> None:
        unstarted = list(self._runners.ready)
        self._runners.ready.clear()
        self.handed_back += len(unstarted)
        self._give_back(unstarted, hand_back())

    def _emit(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed on %s", type(event).__name__)
