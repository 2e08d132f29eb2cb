"""What a worker holds, and when its heart looks for claims that were answered to nobody. Decides, does no I/O.

What this process claimed for the worker it knows, and each beat asks for that by its keys. Only the index of all that
runs names the rest: claims whose answer was lost. Behind a transaction that somebody holds open for long that index is
full of what has ended, and so, once reading it has become slow, it is read seldom.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from treadle.core.job import Claim, Ending

#: Seconds that the server may take to read all that the worker holds, three times in a row, before that counts as slow.
SLOW, LOOKS = 0.005, 3

#: Once it is slow, it may go on for a thousandth of the time, and happens at the latest after so many seconds.
SHARE, SELDOM = 1_000, 60.0

Held: TypeAlias = tuple[str, int]
"""A claim, by its ref and its epoch."""


class Holdings:
    """What one worker is known to hold.

    The loop that claims and the thread that beats share it without a lock: each puts in and takes out whole claims, and
    one that is made anew, under the next epoch, is another one.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: set[Held] = set()
        self._took: deque[float] = deque(maxlen=LOOKS)
        self._last = 0.0
        self.complete = False
        """All that the worker held was read once; before that, a claim that is not known need not be lost."""

    def note(self, claims: Iterable[Claim], ended: Iterable[Ending] = ()) -> None:
        """Note what the worker was given, and what it has ended."""
        self._known.difference_update([_held(each.claim) for each in ended])
        self._known.update([_held(claim) for claim in claims])

    def known(self) -> frozenset[Held]:
        """Give what a beat asks for."""
        return frozenset(self._known)

    def hear(self, asked: AbstractSet[Held], found: AbstractSet[Held]) -> None:
        """Learn from a beat which of those that it asked for the worker holds."""
        self._known -= asked - found
        self._known |= found

    def due(self) -> bool:
        """Say whether it is time to read all that the worker holds."""
        if len(self._took) < LOOKS or min(self._took) < SLOW:
            return True
        return self._clock() - self._last > min(SELDOM, min(self._took) * SHARE)

    def look(self, found: AbstractSet[Held], took: float) -> None:
        """Learn what was read, and how many seconds the server took."""
        self._known |= found
        self.complete = True
        self.give_up(took)

    def give_up(self, took: float) -> None:
        """Note that after so many seconds there was no answer."""
        self._took.append(took)
        self._last = self._clock()


def _held(claim: Claim) -> Held:
    return str(claim.ref), claim.epoch
