"""The last resort: a process that was told to stop ends in time, whatever the tasks that it ran are still doing.

A coroutine that swallows its cancellation, a thread of `asyncio.to_thread`, a call that blocks the loop:
asyncio and the interpreter would wait for each of them, for ever.
"""

import logging
import os
import threading
from collections.abc import Callable

log = logging.getLogger("treadle.engine")


class LastResort:
    """Ends this process some seconds after it was armed, unless it is disarmed before."""

    def __init__(self, seconds: float, end: Callable[[int], object] = os._exit) -> None:
        self._seconds, self._end = seconds, end
        self._disarmed = threading.Event()
        self.settled = False
        """The worker has given everything back: whatever still runs is nobody's any more."""

    def arm(self) -> None:
        """Begin to count."""
        threading.Thread(target=self._count, name="treadle-last-resort", daemon=True).start()

    def disarm(self) -> None:
        """Stop counting: this process may go on."""
        self._disarmed.set()

    def _count(self) -> None:
        if self._disarmed.wait(self._seconds):
            return
        log.error("what is left of this worker does not stop within %.0f s; its process ends now", self._seconds)
        self._end(0 if self.settled else 1)
