"""By which ways jobs leave their gates: what `leaving.lua` is told beside how their attempts ended."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from treadle.core.flow.gates import Gate, Kind
from treadle.core.flow.lanes import read_lane
from treadle.core.job import Ending

#: Gates that somebody leaves; others only change where something was spent, or told by the other side.
LEFT = (Kind.CONCURRENCY, Kind.ORDER)


class Ways:
    """The doors that are left in one call, and the ways that lead through them; each is told once."""

    def __init__(self) -> None:
        self.doors: list[Gate] = []
        self.told: list[tuple[Any, ...]] = []
        self._places: dict[Gate, int] = {}
        self._known: dict[str | None, int] = {}

    def number_of(self, ending: Ending) -> int:
        """Say which way a job takes; 0: through no door, but those that an operator has put there."""
        lane, park = ending[0].lane, ending[1].park
        if park or ending[4]:
            told = None if park is None else (park.wait, park.spacing, park.spaced_for)
            return self._add(_gates(lane), ending[4] or None, told)
        number = self._known.get(lane)
        if number is None:
            gates = _left(lane)
            number = self._known[lane] = self._add(gates, None, None) if gates else 0
        return number

    def _add(self, gates: Sequence[Gate], spent: Any, told: Any) -> int:
        self.told.append(([self._door(gate) for gate in gates], spent, told))
        return len(self.told)

    def _door(self, gate: Gate) -> int:
        place = self._places.get(gate)
        if place is None:
            self.doors.append(gate)
            place = self._places[gate] = len(self.doors)
        return place


def _gates(lane: str | None) -> Sequence[Gate]:
    return read_lane(lane).gates if lane else ()


@lru_cache(4096)
def _left(lane: str | None) -> Sequence[Gate]:
    return [gate for gate in _gates(lane) if gate.kind in LEFT]
