"""How many jobs a worker may claim ahead of its free slots: none, unless they are gone in a blink.

A job that is claimed and not started waits for this worker alone, so a reserve is only right while its
jobs would not wait longer than they do for a claim.
"""

from collections import deque

from treadle.engine.attempt import Attempt

#: A reserve must be gone within so many seconds, or it is handed back.
BLINK = 0.5

#: Where jobs take turns a reserve is one job for every second slot, so that who comes next need not wait for two jobs
#: of others; one for each where jobs are shorter than so many seconds, for a claim takes longer than such a wait.
MOMENT = 0.002

#: Only jobs shorter than this on average are reserved.
SHORT = 0.05

#: So many attempts are measured before anything is reserved; how much each new one weighs after that.
SAMPLES, WEIGHT = 20, 0.05


class Reserve:
    """Learns from the time that attempts take."""

    def __init__(self, slots: int, most: int) -> None:
        self._slots, self._most = slots, most
        self._samples = 0
        self._mean = 0.0
        self._room = 0
        self.governed = False
        """Jobs that were claimed last take turns or have limits."""

    @property
    def room(self) -> int:
        """Count the claims that may wait for a slot.

        Few where jobs take turns: else whose turn comes next would wait for all that others have in reserve.
        """
        if not self.governed:
            return self._room
        return min(self._room, self._slots if self._mean < MOMENT else self._slots // 2)

    def measure(self, took: float) -> None:
        """Learn that an attempt took so many seconds."""
        self._samples += 1
        self._mean += (took - self._mean) * max(WEIGHT, 1 / self._samples)
        # Recomputed now and then: the division is not free at a hundred thousand jobs a second.
        if self._samples % SAMPLES == 0:
            self._room = self._fitting()

    def forget(self) -> None:
        """Begin to learn anew: what was reserved waited too long, and would again."""
        self._samples, self._mean, self._room = 0, 0.0, 0

    def _fitting(self) -> int:
        if self._mean >= SHORT:
            return 0
        return min(self._most, int(BLINK * self._slots / max(self._mean, 1e-6)))

    def late(self, ready: deque[Attempt], now: float) -> int:
        """Count the attempts at the head that have waited too long for a slot."""
        return next((number for number, attempt in enumerate(ready) if now - attempt.since < BLINK), len(ready))
