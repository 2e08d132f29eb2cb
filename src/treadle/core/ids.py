"""Sortable ids: UUIDv7 as text (RFC 9562, section 5.7), in order also within one millisecond."""

import os
import threading
from collections.abc import Callable

Clock = Callable[[], int]
"""Milliseconds since 1970, UTC."""


class Ids:
    """A source of ever greater UUIDv7 texts that threads may share.

    The 12 bits after the version count within one millisecond (RFC 9562, 6.2, method 1). Past 4,096 of
    them, or when the clock steps back, the time field runs ahead instead of repeating.
    """

    def __init__(self, clock: Clock, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._clock, self._entropy = clock, entropy
        self._lock = threading.Lock()
        self._last, self._count = 0, 0

    def take(self, number: int = 1) -> list[str]:
        """Make so many ids, the smallest first."""
        noise = memoryview(self._entropy(8 * number)).cast("Q")
        with self._lock:
            return [self._make(tail) for tail in noise]

    def _make(self, tail: int) -> str:
        now = self._clock()
        if now > self._last:
            self._last, self._count = now, 0
        elif self._count < 0xFFF:
            self._count += 1
        else:
            self._last, self._count = self._last + 1, 0
        # The variant's two bits are 10.
        text = f"{self._last:012x}7{self._count:03x}{tail & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def worker_id(entropy: Callable[[int], bytes] = os.urandom) -> str:
    """Make a worker's name: 128 random bits a start, derived from nothing that a restart could repeat."""
    return entropy(16).hex()
