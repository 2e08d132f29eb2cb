"""From a task's wishes and a call's arguments to the lane in which its job waits, and what it costs at each gate."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from treadle.core.errors import InvalidArguments
from treadle.core.flow.lanes import write_lane
from treadle.limits import Toll, key_of, order_of, varies

#: Lanes whose names are remembered for the next job of the same keys.
LANES = 10_000


class Governed(NamedTuple):
    """What a job gets."""

    lane: str | None
    costs: str | None


class Governing:
    """The gates of one task under its wishes. `ordering_key` is the key itself and wins over `ordering`, an argument;
    `own`: names that stand for the job's own, since no argument is called so."""

    def __init__(
        self,
        task: str,
        tolls: Sequence[Toll],
        tenant: str | None,
        owner: str | None,
        ordering: str | None,
        ordering_key: str | None,
        defaults: Mapping[str, Any],
        own: Collection[str] = (),
    ) -> None:
        self._task, self._tolls, self._tenant = task, tolls, tenant
        self._ordering, self._ordering_key = ordering if ordering_key is None else None, ordering_key
        self._given = {"tenant": tenant, "owner": owner, **defaults}
        self._usual = all(toll.is_usual for toll in tolls)
        self._lanes: dict[tuple[str, ...], str | None] = {}
        by_arguments = varies(self._ordering, own) or any(toll.varies(own) for toll in tolls)
        self.constant = None if by_arguments else self.of({})
        """What all jobs get, where their arguments say nothing of it."""

    def of(self, args: Mapping[str, Any]) -> Governed:
        """Say what governs a job with these arguments. Raises InvalidArguments."""
        told = {**self._given, **args}
        try:
            keys = tuple([key_of(toll.key, told) for toll in self._tolls])
            if self._ordering:
                keys = (*keys, key_of(self._ordering, told))
            costs = None if self._usual else self._costs(told)
        except InvalidArguments:
            raise
        except Exception as error:  # noqa: BLE001 - a key or cost may be a function of the user's
            raise InvalidArguments(self._task, f"its key or cost cannot be told: {error}") from None
        return Governed(self._lane(keys), costs)

    def _costs(self, told: Mapping[str, Any]) -> str | None:
        units = [1 if toll.is_usual else toll.units(self._task, told) for toll in self._tolls]
        if self._is_ordered:
            units.append(1)
        return None if all(each == 1 for each in units) else str(units).replace(" ", "")

    @property
    def _is_ordered(self) -> bool:
        return self._ordering is not None or self._ordering_key is not None

    def _lane(self, keys: tuple[str, ...]) -> str | None:
        if keys not in self._lanes:
            if len(self._lanes) >= LANES:
                self._lanes.clear()
            gates = [toll.gate(key) for toll, key in zip(self._tolls, keys, strict=False)]
            if self._is_ordered:
                gates.append(order_of(self._ordering_key or keys[-1]))
            self._lanes[keys] = write_lane(self._task, self._tenant, gates)
        return self._lanes[keys]
