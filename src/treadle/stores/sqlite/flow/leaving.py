"""What the endings of a cycle do to gates: somebody leaves, so somebody else may be let in."""

import json
import sqlite3
from collections.abc import Sequence

from treadle.core.flow.gates import REST, Standing, idle_at
from treadle.core.flow.leaving import gates_of, leave_all
from treadle.core.flow.opening import after_leaving
from treadle.core.flow.steering import Steering, is_for_all, read_steering
from treadle.core.job import Ending
from treadle.core.states import State
from treadle.stores.sqlite.flow import said
from treadle.stores.steps import Step, Steps

CURRENT_OF = said.load("current_of", "claims")


def is_for_plain(steering: Steering) -> bool:
    """Say whether something is steered that jobs without a lane belong to."""
    return any(map(is_for_all, steering))


def concerned(connection: sqlite3.Connection, ended: Sequence[Ending], steering: Steering) -> list[Ending]:
    """Pick the endings that leave gates, of those whose claims are current: what is told twice leaves nothing."""
    gated = [ending for ending in ended if gates_of(ending.claim, steering)]
    if not gated:
        return []
    asked = json.dumps([(ending.claim.ref, ending.claim.epoch) for ending in gated])
    return _one_each([gated[place] for place in sorted(place for (place,) in connection.execute(CURRENT_OF, (asked,)))])


def _one_each(ended: Sequence[Ending]) -> list[Ending]:
    """Keep one ending of each claim, the completion if there is one: that is written first."""
    first: dict[object, Ending] = {}
    for ending in sorted(ended, key=lambda ending: ending.outcome.state is not State.COMPLETED):
        first.setdefault(ending.claim.ref, ending)
    return list(first.values())


def leave(connection: sqlite3.Connection, now: int, left: Sequence[Ending], steering: Steering) -> int:
    """Let these, whose endings are written, out of their gates; answer how many lanes were opened for that."""
    if not left:
        return 0
    known = said.standings(connection, (gate.name for ending in left for gate in gates_of(ending.claim, steering)))
    changed = leave_all(left, lambda gate: known.get(gate.name, REST), steering, now)
    said.keep_standings(connection, changed, now)
    return said.open_lanes(connection, after_leaving(changed))


def leaving(now: int, ending: Ending) -> Steps[None]:
    """Do what `leave` does for one ending, on a connection that may be anybody's."""
    steering = read_steering((yield Step(said.STEERING)))  # type: ignore[arg-type]  # rows of two texts
    gates = gates_of(ending.claim, steering)
    if not gates:
        return
    found = yield Step(said.STANDINGS, (json.dumps([gate.name for gate in gates]),))
    known = {name: Standing(*fields) for name, *fields in found}
    changed = leave_all([ending], lambda gate: known.get(gate.name, REST), steering, now)
    for name, (gate, standing) in changed.items():
        yield Step(said.KEEP_STANDING, (name, *standing, idle_at(gate, standing, now)))
    for name, room in after_leaving(changed).items():
        for (queue,) in (yield Step(said.QUEUES_SHUT, (name,))):
            yield Step(said.OPEN_LANES, (name, queue, room))
