"""By which ways jobs leave their gates: what `leaving.lua` is told beside how their attempts ended."""

import json
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

from treadle.core.flow.gates import Kind
from treadle.core.job import Ending

#: Gates that somebody leaves; others only change where something was spent, or told by the other side.
LEFT = frozenset([Kind.CONCURRENCY.value, Kind.ORDER.value])
ALL = frozenset(kind.value for kind in Kind)

#: A gate's name, and the rest of it in the form that scripts keep.
Door = tuple[str, str]


class Ways:
    """The doors that are left in one call, and the ways that lead through them; each is told once."""

    def __init__(self) -> None:
        self.doors: list[str] = []
        """Name and numbers of each in turn."""
        self.told: list[Any] = []
        """The numbers of the doors of each way, three bytes each; or those with what was spent and told."""
        self._places: dict[Door, str] = {}
        self._known: dict[str | None, int] = {None: 0}

    def number_of(self, ending: Ending) -> int:
        """Say which way a job takes; 0: through no door, but those that an operator has put there."""
        lane, park = ending[0].lane, ending[1].park
        if park or ending[4]:
            told = None if park is None else (park.wait, park.spacing, park.spaced_for)
            return self._add((self._through(_doors(lane, ALL)), ending[4] or None, told))
        number = self._known.get(lane)
        if number is None:
            doors = _left(lane)
            number = self._known[lane] = self._add(self._through(doors)) if doors else 0
        return number

    def _add(self, told: Any) -> int:
        self.told.append(told)
        return len(self.told)

    def _through(self, doors: Sequence[Door]) -> str:
        places = self._places
        for door in doors:
            if door not in places:
                self.doors += door
                places[door] = _three(len(self.doors) // 2)
        return "".join([places[door] for door in doors])


def _doors(lane: str | None, kinds: Collection[str]) -> Sequence[Door]:
    """Read the doors of these kinds; not by `read_lane`, for where each job has its own lane that takes long."""
    gates = json.loads(lane)[2] if lane else ()
    return [
        (f"{policy}:{key}" if key else policy, _numbers(kind, policy, *numbers))
        for kind, policy, key, *numbers in gates
        if kind in kinds
    ]


@lru_cache(1024)
def _numbers(*numbers: object) -> str:
    return json.dumps(numbers, ensure_ascii=False)


def _three(number: int) -> str:
    """Write a number as three characters, of which each is one byte."""
    return chr(number >> 14) + chr(number >> 7 & 127) + chr(number & 127)


@lru_cache(8192)
def _left(lane: str | None) -> Sequence[Door]:
    return _doors(lane, LEFT)
