"""Where a claim begins to look. Decides, does no I/O.

Behind a transaction that somebody holds open for long, the entries of claimed jobs stay at the head of the queue's
index, and every claim would walk over all of them. So once looking from the start has become slow, a claim begins
behind the last job that was claimed here, and looks from the start only now and then: better priorities, retries and
what was handed back stand in front of that place.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

#: Seconds that a look from the start may take, three times in a row, before it counts as slow.
SLOW, LOOKS = 0.01, 3

#: A slow look from the start may take this share of the time, and is made at the latest after so many seconds.
SHARE, SELDOM = 50, 2.0


class Place(NamedTuple):
    """A place in a queue's order: (negated priority, seq)."""

    rank: int
    seq: int


START = Place(-32_768, 0)


class Lookout:
    """What one process has learned of its queues."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._took: deque[float] = deque(maxlen=LOOKS)
        self._last = 0.0
        self._places: dict[str, Place] = {}

    def begin(self, queues: Sequence[str]) -> list[Place]:
        """Say where to begin in each of these queues."""
        cost = min(self._took) if len(self._took) == LOOKS else 0.0
        if cost < SLOW or self._clock() - self._last > min(SELDOM, cost * SHARE):
            return [START] * len(queues)
        return [self._places.get(queue, START) for queue in queues]

    def learn(self, began: Sequence[Place], places: Mapping[str, Place], took: float) -> None:
        """Learn how far a claim that began there has come, and how many seconds it took."""
        if all(place == START for place in began):
            self._took.append(took)
            self._last = self._clock()
        for queue, place in places.items():
            self._places[queue] = max(place, self._places.get(queue, START))
