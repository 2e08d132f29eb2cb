"""From a task's wishes and a call's arguments to the lane in which its job waits, and what it costs at each gate."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from treadle.core.errors import InvalidArguments
from treadle.core.flow.lanes import write_lane
from treadle.limits import Toll, key_of, order_of


class Governed(NamedTuple):
    """What a job gets."""

    lane: str | None
    costs: str | None


class Governing:
    """The gates of one task under its wishes."""

    def __init__(
        self,
        task: str,
        tolls: Sequence[Toll],
        tenant: str | None,
        owner: str | None,
        ordering: str | None,
        ordering_key: str | None,
        defaults: Mapping[str, Any],
    ) -> None:
        self._task, self._tolls, self._tenant = task, tolls, tenant
        self._ordering, self._ordering_key = ordering, ordering_key
        self._given = {"tenant": tenant, "owner": owner} | dict(defaults)
        self.constant = None if tolls or ordering else Governed(self._lane([]), None)
        """What all jobs get, where their arguments say nothing of it."""

    def of(self, args: Mapping[str, Any]) -> Governed:
        """Say what governs a job with these arguments. Raises InvalidArguments."""
        told = self._given | dict(args)
        gates = [self._called(toll.gate, told) for toll in self._tolls]
        units = [self._called(toll.units, told) for toll in self._tolls]
        if self._ordering:
            gates.append(order_of(key_of(self._task, self._ordering, told)))
            units.append(1)
        elif self._ordering_key is not None:
            gates.append(order_of(self._ordering_key))
            units.append(1)
        costs = None if all(each == 1 for each in units) else str(units).replace(" ", "")
        return Governed(self._lane(gates), costs)

    def _called(self, read: "Callable[[str, Mapping[str, Any]], Any]", told: Mapping[str, Any]) -> Any:
        try:
            return read(self._task, told)
        except InvalidArguments:
            raise
        except Exception as error:  # noqa: BLE001 - a key or cost may be a function of the user's
            raise InvalidArguments(self._task, f"its key or cost cannot be told: {error}") from None

    def _lane(self, gates: Sequence[Any]) -> str | None:
        if not gates and self._ordering_key is not None:
            gates = [order_of(self._ordering_key)]
        return write_lane(self._task, self._tenant, gates)
