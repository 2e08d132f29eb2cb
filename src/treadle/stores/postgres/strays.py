"""When to look for jobs of workers whom nobody knows. Decides, does no I/O.

There are hardly ever any: a silent worker's last claim was committed just after a sweeper had forgotten the worker, or
somebody deleted its row. To find them one walks over the index of all that runs, which is dear while somebody's open
transaction keeps there what has ended.
"""

import time
from collections.abc import Callable

#: Seconds between two looks.
SELDOM = 300.0


class Strays:
    """When one process looks: at its first sweep, then now and then, and at once again as long as there are any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: float | None = None

    def due(self) -> bool:
        return self._last is None or self._clock() - self._last > SELDOM

    def look(self, found: int) -> None:
        """Note that a look has found so many of these workers."""
        self._last = None if found else self._clock()
