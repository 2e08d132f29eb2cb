"""A worker: one pump that settles what ended and claims what fits, around runners, a heart and a sweeper.

hint, second ──> pump ──cycle──> store          (endings out, claims in: one transaction)
                  │ feed   ▲ ended
                  ▼        │
                runners ───┘   heart (own thread): lease, progress, who must stop
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from treadle.core.errors import StoreError
from treadle.core.events import (
    AttemptEnded,
    ClaimLost,
    Event,
    StoreTrouble,
    WorkerStarted,
    WorkerStopped,
)
from treadle.core.ids import worker_id
from treadle.core.job import Cycle, Ending
from treadle.core.outcomes import Outcome, cancel, hand_back
from treadle.core.store import Store
from treadle.engine.admission import Admission
from treadle.engine.attempt import Asked, Attempt, Lost, ShuttingDown
from treadle.engine.context import Context
from treadle.engine.deadlines import check_deadlines
from treadle.engine.heart import Answer, HeartThread, Held, uptime
from treadle.engine.listening import Listening
from treadle.engine.neighbours import identify
from treadle.engine.processes import Processes
from treadle.engine.reserve import Reserve
from treadle.engine.rhythm import every
from treadle.engine.runners import Runners
from treadle.engine.settings import WorkerSettings
from treadle.engine.sweeper import Sweeper
from treadle.engine.work import Work

log = logging.getLogger("treadle.engine")

#: While more is ready to run, endings wait for so many companions (and never longer than a tick).
COMPANIONS = 64

#: Seconds between looks at deadlines.
TICK = 0.1


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
        also: Callable[[], Awaitable[object]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._works, self._context, self._settings = store, works, context, settings
        self._listeners, self._processes, self._clock = tuple(listeners), processes, clock
        self._also = also
        self.id = worker_id()
        self._me = identify(self.id, settings.queues, settings.slots)
        self._held: dict[str, Attempt] = {}
        self._ended: list[Ending] = []
        self._admission = Admission(works, children=processes is not None)
        self._reserve = Reserve(settings.slots, settings.reserve)
        self._changed = asyncio.Event()
        self._hungry = True
        self._overdue = False
        self._stopping = self._until_idle = self._fenced = False
        self._grace = settings.grace / 1000
        self._trouble, self._said = 0.0, ""
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
        self._until_idle = until_idle
        self._listening = self._make_listening()
        await self._store.open()
        heart = self._heart = self._make_heart()
        await asyncio.to_thread(heart.start)
        runners = self._runners = self._make_runners()
        sweeper = self._sweeper = self._make_sweeper()
        deaf = self._store.subscribe(self._hint)
        try:
            await sweeper.take_from_the_dead()
            self._emit(WorkerStarted(self.id, self._settings.queues, self._settings.slots))
            async with asyncio.TaskGroup() as group:
                beats = [
                    group.create_task(every(sweeper.pause, sweeper.sweep)),
                    group.create_task(every(lambda: TICK, self._tick)),
                ]
                if self._also:
                    beats.append(group.create_task(every(lambda: 1.0, self._also)))
                await self._pump()
                await self._drain()
                for beat in beats:
                    beat.cancel()
        finally:
            deaf()
            try:
                await runners.close()
            finally:  # a heart that went on would hold the lease of jobs that nobody runs
                await asyncio.to_thread(self._farewell)
        self._emit(WorkerStopped(self.id, self.handed_back))

    def stop(self) -> None:
        """Stop claiming, let run to the end of the grace, hand back the rest. May be called from the loop's thread."""
        self._stopping = True
        self._changed.set()

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
            settle=self._settle_also,
            hungry=self._on_hint,
            emit=self._emit,
        )

    def _farewell(self) -> None:
        self._heart.stop()
        self._heart.leave()
        if self._processes:
            self._processes.close()

    # -- the pump ------------------------------------------------------------------

    async def _pump(self) -> None:
        while not self._stopping:
            self._changed.clear()
            want = self._want()
            if self._worth_a_cycle(want):
                await self._cycle(want)
            elif self._until_idle and await self._idle():
                return
            else:
                await self._changed.wait()

    def _want(self) -> int:
        if not self._hungry or self._fenced:
            return 0
        if self._admission.careful:
            return 0 if self._held else 1
        return max(0, self._runners.free + self._reserve.room)

    def _worth_a_cycle(self, want: int) -> bool:
        if want and len(self._runners.ready) <= self._reserve.room // 2:
            return True
        return bool(self._ended) and (len(self._ended) >= COMPANIONS or self._overdue or not self._runners.ready)

    async def _cycle(self, want: int) -> None:
        asked = uptime()
        ended, self._ended, self._overdue = self._ended, [], False
        self._hungry = self._hungry and not want  # a hint during the call makes it hungry again
        try:
            cycle = await self._store.cycle(self.id, ended, self._settings.queues, want)
        except StoreError as error:
            self._ended = ended + self._ended
            await self._suffer("cycle", error)
            return
        self._trouble, self._said = 0.0, ""
        self._mourn(ended, cycle)
        if not cycle.leased:
            self._heart.nudge()
            await asyncio.sleep(0.1)
        if len(cycle.claims) == want or not cycle.leased:
            self._hungry = True
        if uptime() - asked > self._settings.fence / 1000:  # frozen meanwhile: the lease of these may be over
            self._settle_also([Ending(claim, hand_back()) for claim in cycle.claims])
        else:
            self._admit(cycle)

    def _admit(self, cycle: Cycle) -> None:
        attempts = []
        for claim in cycle.claims:
            decided = self._admission.decide(claim, cycle.now, busy=bool(self._held))
            if isinstance(decided, Work):
                attempt = self._held[claim.id] = Attempt(claim, decided, self._heart.nudge, self._clock())
                attempts.append(attempt)
            else:
                self._end(Ending(claim, decided))
        if attempts:
            self._runners.feed(attempts)

    def _mourn(self, ended: Sequence[Ending], cycle: Cycle) -> None:
        if cycle.lost and self._listeners:
            for claim, *_ in ended:
                if claim.id in cycle.lost:
                    self._emit(ClaimLost(claim.id, claim.task))

    async def _suffer(self, verb: str, error: StoreError) -> None:
        self._trouble = min(1.0, self._trouble * 2 or 0.1)
        self._hungry = True
        self._emit(StoreTrouble(verb, str(error)))
        if str(error) != self._said:  # once for each trouble, not once a second
            self._said = str(error)
            log.warning("%s failed and is tried again until the store answers: %s", verb, error)
        await asyncio.sleep(self._trouble)

    async def _idle(self) -> bool:
        """Say whether nothing is held here, and nothing queued or due there."""
        if self._held or self._ended:
            return False
        try:
            await self._sweeper.sweep()
        except StoreError as error:
            await self._suffer("sweep", error)
        return not (self._hungry or self._ended or self._changed.is_set())

    # -- endings -------------------------------------------------------------------

    def _on_ended(self, attempt: Attempt, outcome: Outcome | None, took: float) -> None:
        claim = attempt.claim
        if self._held.get(claim.id) is attempt:
            del self._held[claim.id]
        self._reserve.measure(took)
        if outcome is None:
            self._emit(ClaimLost(claim.id, claim.task))
            self._changed.set()
            return
        if self._listeners:
            self._emit(AttemptEnded(claim, outcome, round(took * 1000)))
        self._end(Ending(claim, outcome, attempt.progress, attempt.log_text()))

    def _end(self, ending: Ending) -> None:
        self._ended.append(ending)
        if len(self._ended) >= COMPANIONS or not self._runners.ready:
            self._changed.set()

    def _settle_also(self, endings: Sequence[Ending]) -> None:
        self._ended.extend(endings)
        self._changed.set()

    def _give_back(self, attempts: Iterable[Attempt], outcome: Outcome) -> None:
        """End attempts that were claimed but never started."""
        for attempt in attempts:
            attempt.over = True
            self._held.pop(attempt.claim.id, None)
            self._ended.append(Ending(attempt.claim, outcome))
        self._changed.set()

    # -- what others tell ----------------------------------------------------------

    def _hint(self) -> None:
        """Note, from any thread, that work may have come."""
        if not self._hungry:
            self._listening.tell(self._on_hint)

    def _on_hint(self) -> None:
        self._hungry = True
        self._changed.set()

    def _on_answer(self, answer: Answer, held: Held) -> None:
        if self._fenced:
            self._fenced = False
            self._on_hint()
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
        if self._ended:  # whatever waits for companions has waited long enough
            self._overdue = True
            self._changed.set()

    # -- the end -------------------------------------------------------------------

    async def _drain(self) -> None:
        self._stopping = True
        self._hand_back_unstarted()
        began = self._clock()
        while self._held and (left := began + self._grace - self._clock()) > 0:
            self._changed.clear()  # first: what ends while others are settled must wake this loop
            await self._settle_rest(left)
            if self._held:
                await self._wait(began + self._grace - self._clock())
        for attempt in list(self._runners.running):
            self.handed_back += 1
            self._runners.stop(attempt, ShuttingDown())
        await self._runners.close()
        await self._settle_rest(self._settings.fence / 1000)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _settle_rest(self, patience: float) -> None:
        """Settle all that ended; while the store is away, try for so many seconds."""
        until = self._clock() + patience
        while self._ended and self._clock() < until:
            ended, self._ended = self._ended, []
            try:
                self._mourn(ended, await self._store.cycle(self.id, ended, (), 0))
            except StoreError as error:
                self._ended = ended + self._ended
                await self._suffer("settle", error)

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
