"""The heart of a worker: a thread of its own that renews the lease and talks, whatever the event loop is doing.

beat ──> lease renewed, progress written          every H, sooner when there is progress to tell
     <── who was asked to stop, who was lost
no answer for 0.8 L ──> the worker fences itself: its claims could soon be somebody else's
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from treadle.core.errors import StoreError
from treadle.core.job import Report
from treadle.core.store import Heart
from treadle.engine.attempt import Attempt

log = logging.getLogger("treadle.engine")

#: Progress is written at most so often.
SHORTEST_PAUSE = 0.3

#: Seconds between two tries while the store is away, at most: a worker that has fenced itself goes on with the first
#: answer.
AGAIN = 1.0

#: Seconds after which a sleeping heart looks at its clock: the clock of its sleep stands still in a suspended machine.
GLANCE = 0.5

Answer = Mapping[str, bool]

Held = Mapping[str, Attempt]
"""What the worker held just before a beat."""


def uptime() -> float:
    """Read a clock in seconds that also runs while the machine sleeps, where the system has one."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


class HeartThread:
    """Beats until it is stopped."""

    def __init__(
        self,
        heart: Heart,
        *,
        lease: int,
        heartbeat: int,
        fence: int,
        reports: Callable[[], Sequence[Report]],
        answered: Callable[[Answer, Held], None],
        fenced: Callable[[], None],
        pulse: Callable[[], None],
        held: Callable[[], Held],
        clock: Callable[[], float] = uptime,
    ) -> None:
        self._heart, self._lease, self._pause, self._fence = heart, lease, heartbeat / 1000, fence / 1000
        self._reports, self._answered, self._fenced = reports, answered, fenced
        self._pulse, self._held, self._clock = pulse, held, clock
        self._nudged = threading.Event()
        self._stop = threading.Event()
        self._last = self._tried = self._steady = clock()
        """When the last answered beat was sent; when the last was tried; since when there was no gap."""
        self._fence_up = False
        self._said = ""
        self._thread = threading.Thread(target=self._live, name="treadle-heart", daemon=True)

    def start(self) -> None:
        """Take the lease in the calling thread, then go on beating in an own one. Raises StoreError."""
        self._beat()
        self._steady = self._last
        self._thread.start()

    def nudge(self) -> None:
        """Ask for a beat soon: there is something to tell."""
        self._nudged.set()

    @property
    def steady_for(self) -> float:
        """Seconds for which this worker has held its lease without a gap."""
        return self._last - self._steady

    def stop(self) -> None:
        """Stop beating; the lease stays until it is given up or runs out."""
        self._stop.set()
        self._nudged.set()
        if self._thread.is_alive():
            self._thread.join()

    def leave(self) -> None:
        """Give the lease up and close the connection."""
        try:
            self._heart.leave()
        except StoreError as error:
            log.warning("the lease could not be given up and will run out by itself: %s", error)
        finally:
            self._heart.close()

    def _live(self) -> None:
        while not self._stop.is_set():
            self._wait()
            if self._stop.is_set():
                return
            self._watch_silence()
            try:
                self._beat()
            except StoreError as error:
                self._complain(str(error))
                self._watch_silence()
            except Exception:
                log.exception("heartbeat failed")
                self._watch_silence()

    def _wait(self) -> None:
        """Sleep until the next beat is due; a nudge brings it forward, but not too often."""
        while not self._nudged.wait(min(GLANCE, self._rest(self._pace))):
            if self._rest(self._pace) <= 0:
                return
        self._nudged.clear()
        early = self._rest(SHORTEST_PAUSE)
        if early > 0:
            self._stop.wait(early)

    @property
    def _pace(self) -> float:
        """Seconds from one beat to the next."""
        return self._pause if self._last == self._tried else min(self._pause, AGAIN)

    def _rest(self, pause: float) -> float:
        """Compute what is left of a pause since the last try."""
        return max(0.0, min(pause, self._tried + pause - self._clock()))

    def _beat(self) -> None:
        sent = self._tried = self._clock()
        held = self._held()
        answer = self._heart.beat(self._lease, self._reports())
        if sent - self._last > self._fence:
            self._steady = sent
        self._last, self._fence_up, self._said = sent, False, ""
        self._pulse()
        self._answered(answer, held)

    def _complain(self, said: str) -> None:
        if said != self._said:  # once for each trouble, not with each beat
            self._said = said
            log.warning("heartbeat failed and is tried again until it is answered: %s", said)

    def _watch_silence(self) -> None:
        if not self._fence_up and self._clock() - self._last > self._fence:
            self._fence_up = True
            self._fenced()
