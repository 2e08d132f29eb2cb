"""How many of the next starts each queue gets, by weights; what cannot be split is remembered for the next time."""

from collections.abc import Sequence

#: Starts that a queue may get for one of another's.
WEIGHTS = range(1, 1_001)


class Shares:
    """Splits what a worker wants among its queues."""

    def __init__(self, weights: Sequence[int]) -> None:
        self._weights, self._total = weights, sum(weights)
        self._owed = [0] * len(weights)
        """In parts of a start, of which `_total` make one."""

    def of(self, want: int) -> tuple[int, ...]:
        """Split so many; the whole is always split, and over many calls each queue gets its share exactly."""
        owed = [owed + want * weight for owed, weight in zip(self._owed, self._weights, strict=True)]
        shares = [max(0, each // self._total) for each in owed]
        left = [each - share * self._total for each, share in zip(owed, shares, strict=True)]
        for _ in range(want - sum(shares)):
            place = max(range(len(left)), key=left.__getitem__)
            shares[place] += 1
            left[place] -= self._total
        self._owed = left
        return tuple(shares)
