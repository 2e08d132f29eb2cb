"""Where a claim begins to look. Decides, does no I/O.

Behind a transaction that somebody holds open for long, the entries of claimed jobs stay at the head of the queue's
index, and every claim would walk over all of them. So once finding the first job has become slow, a claim begins
behind the last job that was claimed here, and looks from the start only now and then: what others have put in front
of that place is found then. What this process puts there itself is found at once.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from treadle.core.job import NewJob

#: Seconds that the server may take to find the first job from the start, and more for each queue, three times in a
#: row, before that counts as slow.
SLOW, EACH, LOOKS = 0.01, 0.002, 3

#: A slow look from the start may take this share of the time, and is made at the latest after so many seconds.
SHARE, SELDOM = 50, 2.0


class Place(NamedTuple):
    """A place in a queue's order: (negated priority, seq)."""

    rank: int
    seq: int


START = Place(-32_768, 0)

Places = dict[str, Place]
"""How far each queue has been claimed."""


class Look(NamedTuple):
    """Where one claim begins in each of its queues."""

    begin: Sequence[Place]
    known: Places
    """What was known when it began; what it learns goes there and, if that was forgotten meanwhile, nowhere."""

    @property
    def from_start(self) -> bool:
        return all(place == START for place in self.begin)


class Lookout:
    """What one process has learned of its queues."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._took: deque[float] = deque(maxlen=LOOKS)
        self._last = 0.0
        self._known: Places = {}

    def begin(self, queues: Sequence[str]) -> Look:
        """Say where to begin in each of these queues."""
        cost = min(self._took) if len(self._took) == LOOKS else 0.0
        slow = cost >= SLOW + EACH * len(queues)
        if not slow or self._clock() - self._last > min(SELDOM, cost * SHARE):
            return Look([START] * len(queues), self._known)
        return Look([self._known.get(queue, START) for queue in queues], self._known)

    def learn(self, look: Look, places: Mapping[str, Place], took: float) -> None:
        """Learn how far a claim has come, and how many seconds the server took to find the first job."""
        if look.from_start:
            self._took.append(took)
            self._last = self._clock()
        for queue, place in places.items():
            look.known[queue] = max(place, look.known.get(queue, START))

    def forget(self) -> None:
        """Note that something may have been put in front of what was claimed: the next claim looks from the start."""
        self._known = {}

    def notice(self, jobs: Sequence[NewJob]) -> None:
        """Look whether one of these new jobs stands in front of what was claimed."""
        known = self._known
        if any(-job.priority < known[job.queue].rank for job in jobs if job.queue in known):
            self.forget()
