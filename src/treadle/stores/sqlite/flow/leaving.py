"""What the endings of a cycle do to gates: somebody leaves, so somebody else may be let in."""

import json
import sqlite3
from collections.abc import Sequence

from treadle.core.flow.gates import REST, Standing
from treadle.core.flow.lanes import NOBODY
from treadle.core.flow.leaving import gates_of, leave_all
from treadle.core.flow.opening import after_leaving
from treadle.core.flow.steering import Steering, is_for_all, read_steering
from treadle.core.job import Ending
from treadle.core.states import State
from treadle.stores.sqlite.flow import said
from treadle.stores.sqlite.flow.book import Book
from treadle.stores.steps import Step, Steps

CURRENT_OF = said.load("current_of", "claims")


def gated(ended: Sequence[Ending], steering: Steering) -> Sequence[Ending]:
    """Pick those that have gates to leave."""
    if not any(map(is_for_all, steering)):
        ended = [ending for ending in ended if ending.claim.lane]
    return [ending for ending in ended if gates_of(ending.claim, steering)]


def concerned(connection: sqlite3.Connection, ended: Sequence[Ending]) -> list[Ending]:
    """Pick the endings whose claims are current: what is told twice leaves nothing."""
    asked = json.dumps([(ending.claim.ref, ending.claim.epoch) for ending in ended])
    return _one_each([ended[place] for place in sorted(place for (place,) in connection.execute(CURRENT_OF, (asked,)))])


def _one_each(ended: Sequence[Ending]) -> list[Ending]:
    """Keep one ending of each claim, the completion if there is one: that is written first."""
    first: dict[object, Ending] = {}
    for ending in sorted(ended, key=lambda ending: ending.outcome.state is not State.COMPLETED):
        first.setdefault(ending.claim.ref, ending)
    return list(first.values())


def leave(connection: sqlite3.Connection, book: Book, now: int, left: Sequence[Ending], steering: Steering) -> int:
    """Let these, whose endings are written, out of their gates; answer how many lanes were opened for that."""
    if not left:
        return 0
    book.look_up(connection, (gate for ending in left for gate in gates_of(ending.claim, steering)))
    changed = leave_all(left, book.standing_of, steering, now)
    book.change(changed)
    return said.open_lanes(connection, after_leaving(changed), left[-1].claim.tenant or NOBODY)


def leaving(now: int, ending: Ending) -> Steps[None]:
    """Do what `leave` does for one ending, on a connection that may be anybody's."""
    steering = read_steering((yield Step(said.STEERING)))  # type: ignore[arg-type]  # rows of two texts
    gates = gates_of(ending.claim, steering)
    if not gates:
        return
    found = yield Step(said.STANDINGS, (json.dumps([gate.name for gate in gates]),))
    known = {name: Standing(*fields) for name, *fields in found}
    changed = leave_all([ending], lambda gate: known.get(gate.name, REST), steering, now)
    rows = [said.standing_row(name, *each, now) for name, each in changed.items()]
    for statement, values in said.KEEP_STANDING.pieces(rows):
        yield Step(statement, values)
    for name, room in after_leaving(changed).items():
        for (queue,) in (yield Step(said.QUEUES_SHUT, (name,))):
            yield Step(said.OPEN_LANES, (name, queue, room, ending.claim.tenant or NOBODY, said.TENANTS))
