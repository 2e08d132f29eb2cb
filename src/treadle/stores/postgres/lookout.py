"""Where a claim begins to look. Decides, does no I/O.

Behind a transaction that somebody holds open for long, the entries of claimed jobs stay at the head of the queue's
index, and every claim would walk over all of them. So once finding the first job has become slow, a claim begins
behind the last job that was claimed here. What others have put in front of that place a scout finds, who walks the
whole way now and then while claims go on. What this process puts there itself is found at once.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from treadle.core.flow.choosing import rank
from treadle.core.job import NewJob

#: Seconds that the server may take to find the first job from the start, and more for each queue, three times in a
#: row, before that counts as slow.
SLOW, EACH, LOOKS = 0.005, 0.002, 3

#: A scout may be under way for this share of the time, and is sent at the latest after so many seconds.
SHARE, SELDOM = 50, 2.0


class Place(NamedTuple):
    """A place in a queue's order."""

    rank: int
    seq: int


START = Place(-(1 << 62), 0)

Places = dict[str, Place]
"""How far each queue has been claimed."""


class Look(NamedTuple):
    """Where one claim begins in each of its queues."""

    begin: Sequence[Place]
    known: Places
    """What was known when it began; what it learns goes there and, if that was forgotten meanwhile, nowhere."""
    sure: bool = True
    """Nothing waits in front of these places, as far as can be known."""

    @property
    def from_start(self) -> bool:
        return all(place == START for place in self.begin)


class Lookout:
    """What one process has learned of its queues."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._took: deque[float] = deque(maxlen=LOOKS)
        self._last = 0.0
        self._now = 0
        self._known: Places = {}
        self._sure = True
        """A scout found nothing in front of what is known, and nothing was claimed since it came back."""

    def begin(self, queues: Sequence[str]) -> Look:
        """Say where a claim begins in each of these queues."""
        if not self._is_slow(queues):
            return Look([START] * len(queues), self._known)
        return Look([self._known.get(queue, START) for queue in queues], self._known, self._sure)

    def learn(self, look: Look, places: Mapping[str, Place], took: float, now: int = 0) -> None:
        """Learn how far a claim has come, how many seconds the server took to find the first job, and its clock."""
        self._now = max(self._now, now)
        if look.from_start:
            self._measure(took)
        self._sure = self._sure and not places
        for queue, place in places.items():
            look.known[queue] = max(place, look.known.get(queue, START))

    def scout(self, queues: Sequence[str]) -> Places | None:
        """Say what is known, if it is time to look what lies in front of it; then somebody must."""
        cost = min(self._took, default=0.0)
        if not self._is_slow(queues) or self._clock() - self._last <= min(SELDOM, cost * SHARE):
            return None
        self._last = self._clock()
        return self._known

    def hear(self, known: Places, firsts: Mapping[str, Place], took: float) -> None:
        """Hear of a scout, who was told what is known, where the first job of each queue is."""
        self._measure(took)
        if known is not self._known:
            return
        in_front = {queue: place for queue, place in firsts.items() if place <= known.get(queue, START)}
        self._sure = not in_front
        if in_front:
            # Anew, for claims that are under way have begun behind these, and would lead past them again.
            self._known = known | {queue: place._replace(seq=place.seq - 1) for queue, place in in_front.items()}

    def forget(self) -> None:
        """Note that something may have been put in front of what was claimed: the next claim looks from the start."""
        self._known = {}

    def notice(self, jobs: Sequence[NewJob]) -> None:
        """Look whether one of these new jobs stands in front of what was claimed."""
        known = self._known
        if any(rank(self._now, job.priority) < known[job.queue].rank for job in jobs if job.queue in known):
            self.forget()

    def _measure(self, took: float) -> None:
        self._took.append(took)
        self._last = self._clock()

    def _is_slow(self, queues: Sequence[str]) -> bool:
        return len(self._took) == LOOKS and min(self._took) >= SLOW + EACH * len(queues)
