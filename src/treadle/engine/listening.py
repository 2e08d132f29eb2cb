"""What the heart's thread tells for a worker and hears for it, while the event loop may be busy or stuck."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from treadle.core.events import Event, Fenced, LoopBlocked
from treadle.core.job import Report
from treadle.engine.attempt import Asked, Attempt, ShuttingDown
from treadle.engine.heart import Answer, Held
from treadle.engine.processes import Processes

log = logging.getLogger("treadle.engine")

#: Seconds that the loop may not turn before its job is reported by name.
BLOCKED = 1.5


class Listening:
    """Passes on to the loop what the heart hears, and does at once what cannot wait for the loop."""

    def __init__(
        self,
        worker: str,
        held: Mapping[str, Attempt],
        processes: Processes | None,
        *,
        answered: Callable[[Answer, Held], None],
        fenced: Callable[[], None],
        emit: Callable[[Event], None],
        clock: Callable[[], float],
    ) -> None:
        self._worker, self._held, self._processes = worker, held, processes
        self._on_answer, self._on_fenced, self._emit, self._clock = answered, fenced, emit, clock
        self._loop = asyncio.get_running_loop()
        self._posted = self._turned = clock()

    def reports(self) -> list[Report]:
        """Collect what attempts have to tell."""
        reports = []
        for attempt in list(self._held.values()):
            if attempt.unsent:
                attempt.unsent = False
                reports.append(Report(attempt.claim, attempt.progress, attempt.log_text()))
        return reports

    def answered(self, answer: Answer, held: Held) -> None:
        """Take the answer to a beat."""
        now = self._clock()
        if self._turned < self._posted:
            if now - self._posted > BLOCKED:
                self._emit(LoopBlocked(now - self._posted, self._on_the_loop()))
            # The loop may be long in telling it; the flag reaches a thread or a busy coroutine at once.
            for id, asked in answer.items():
                if asked and id in held and held[id].stopping is None:
                    held[id].stopping = Asked()
        else:
            self._posted = now
        self.tell(self._turn, answer, held)

    def fence(self, silence: float) -> None:
        """Stop everything: after so many seconds without an answer the lease could soon be somebody else's."""
        held = list(self._held.values())
        for attempt in held:
            if attempt.stopping is None:
                attempt.stopping = ShuttingDown()
            if self._processes:
                self._processes.kill(attempt)
        log.error("no heartbeat was answered for %.1f s; %d attempts stop", silence, len(held))
        self._emit(Fenced(self._worker, len(held)))
        self.tell(self._on_fenced)

    def tell(self, function: Callable[..., None], *arguments: object) -> None:
        """Call this in the loop, from any thread."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            log.debug("the loop is closed; %s is not told", function.__name__)

    def _turn(self, answer: Answer, held: Held) -> None:
        self._turned = self._clock()
        self._on_answer(answer, held)

    def _on_the_loop(self) -> str | None:
        current = asyncio.current_task(self._loop)
        names = [attempt.claim.task for attempt in list(self._held.values()) if attempt.runner is current]
        return names[0] if names else None
