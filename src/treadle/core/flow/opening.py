"""Which lanes that are shut at a gate may be opened, so that no room stays unused while somebody waits for it."""

from collections.abc import Iterable, Mapping

from treadle.core.flow.choosing import PLAIN, Choice, Row
from treadle.core.flow.gates import PASSES, REST, Gate, Kind, Standing, ask
from treadle.core.flow.steering import Steering

#: Lanes of one gate and queue that are opened at once; who opens the last of them finds the rest.
MOST = 1_000

#: What a claim opens, since it has not been used; see `_add_gates`.
OPENED = (Kind.CONCURRENCY.value, Kind.ORDER.value)

#: Lanes that are opened beyond the room there is: the first of them may have to wait for something else.
SPARE = 16


def after_leaving(changed: Mapping[str, tuple[Gate, Standing]]) -> dict[str, int]:
    """Say for each gate that somebody has left (`leave_all`) how many lanes to open in each queue."""
    rooms = {name: _room(gate, standing) for name, (gate, standing) in changed.items()}
    return {name: room for name, room in rooms.items() if room}


def after_choosing(
    choice: Choice, vanished: Iterable[tuple[str, str]], standings: Mapping[str, Standing], steering: Steering, now: int
) -> dict[tuple[str, str], int]:
    """Say how many lanes to open for each queue and gate, since lanes that were let out for it have not used it.

    `vanished`: lanes, each with its queue, in which no job was found.
    """
    asked: dict[tuple[str, str], Gate] = {}
    for shut in choice.shut:
        _add_gates(asked, shut.queue, shut.row, steering, but=shut.gate)
    for queue, row in choice.emptied:
        _add_gates(asked, queue, row, steering)
    for queue, text in vanished:
        _add_gates(asked, queue, Row(text, ()), steering)
    found: dict[tuple[str, str], int] = {}
    for (queue, name), gate in asked.items():
        entered = choice.standings.get(name)
        standing = entered[1] if entered else standings.get(name, REST)
        if ask(gate, standing, "", 1, now) == PASSES:
            found[queue, name] = _room(gate, standing)
    return {place: room for place, room in found.items() if room}


def _add_gates(
    asked: dict[tuple[str, str], Gate], queue: str, row: Row, steering: Steering, *, but: str | None = None
) -> None:
    if row.text != PLAIN:
        for gate in row.before(queue, steering).gates:
            # A rate opens with time. Whoever left a budget has let all out that waited for it; to do so here could go
            # on for ever, for what is left may be enough for some of them only.
            if gate.kind in OPENED and gate.name != but:
                asked[queue, gate.name] = gate


def _room(gate: Gate, standing: Standing) -> int:
    """Count the lanes that are worth a try; one at least, for others may have been told another limit."""
    match gate.kind:
        case Kind.CONCURRENCY:
            return min(MOST, max(1, gate.limit - standing.used) + SPARE)
        case Kind.BUDGET:
            return MOST  # what is not enough for the best of them may be enough for another
        case Kind.ORDER:
            return 0 if standing.holder else SPARE
    return 0  # a rate opens with time, and its lanes know when
