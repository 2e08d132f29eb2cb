"""Ears of a test: they count the hints of a store, and wait for the next."""

import contextlib
import threading
from collections.abc import Iterator

from treadle.core.store import Store

#: Seconds after which a hint counts as lost; only waited for when something is broken.
PATIENCE = 30.0


class Ears:
    """Counts hints."""

    def __init__(self) -> None:
        self.number, self._changed = 0, threading.Condition()

    def __call__(self) -> None:
        with self._changed:
            self.number += 1
            self._changed.notify_all()

    def heard(self, number: int) -> None:
        """Wait until so many have come."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.number >= number, PATIENCE), "no hint came"


@contextlib.contextmanager
def listening(store: Store) -> Iterator[Ears]:
    """Listen; the first hint, which says that it has begun, is not counted."""
    ears = Ears()
    leave = store.subscribe(ears)
    ears.heard(1)
    ears.number = 0
    yield ears
    leave()
