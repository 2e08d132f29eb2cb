"""How long a command that is to come to an end bears with a store that refuses. A worker would try for ever."""

import time
from collections.abc import Callable

from treadle.core.errors import StoreUnavailable
from treadle.core.events import Event, StoreTrouble

#: Seconds without any movement since the store began to refuse.
ENOUGH = 10.0


class Patience:
    """Listens for refusals, and gives up when nothing has moved for a while since."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._refusal: str | None = None
        self._since = 0.0
        self._seen: object = None

    def listen(self, event: Event) -> None:
        """Take a refusal down."""
        if isinstance(event, StoreTrouble):
            if self._refusal is None:
                self._since = self._clock()
            self._refusal = event.error

    def check(self, seen: object) -> None:
        """Compare what is seen with what was seen before. Raises StoreUnavailable."""
        if seen != self._seen:
            self._seen, self._refusal = seen, None
        elif self._refusal is not None and self._clock() - self._since > ENOUGH:
            raise StoreUnavailable(f"{self._refusal} Nothing is lost: run the command again once that is mended.")
