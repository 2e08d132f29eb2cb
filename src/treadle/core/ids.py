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
        self._prefix = ""

    def take(self, number: int = 1) -> list[str]:
        """Make so many ids, the smallest first."""
        noise = self._entropy(8 * number).hex()
        ids = []
        with self._lock:
            self._advance(self._clock())
            for start in range(0, 16 * number, 16):
                ids.append(
                    f"{self._prefix}{self._count:03x}-"
                    f"{_VARIANT[noise[start]]}{noise[start + 1 : start + 4]}-{noise[start + 4 : start + 16]}"
                )
                self._count += 1
                if self._count > 0xFFF:
                    self._advance(self._last + 1)
        return ids

    def _advance(self, now: int) -> None:
        if now > self._last:
            self._last, self._count = now, 0
            text = f"{now:012x}"
            self._prefix = f"{text[:8]}-{text[8:]}-7"


#: The first digit after the version: the variant's two bits are 10, the other two are random.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def worker_id(entropy: Callable[[int], bytes] = os.urandom) -> str:
    """Make a worker's name: 128 random bits a start, derived from nothing that a restart could repeat."""
    return entropy(16).hex()
