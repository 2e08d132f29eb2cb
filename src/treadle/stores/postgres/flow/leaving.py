"""What the end of attempts does to gates and lanes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from treadle.core.flow.gates import Gate, Kind
from treadle.core.flow.lanes import read_lane
from treadle.core.flow.leaving import gates_of, leave_all
from treadle.core.flow.opening import MOST, after_leaving
from treadle.core.flow.steering import Steering
from treadle.core.job import Ending
from treadle.core.states import State
from treadle.stores.postgres.flow.book import Book, kept
from treadle.stores.postgres.flow.looking import Gone
from treadle.stores.postgres.statements import Statements
from treadle.stores.steps import Steps


def leave(
    sql: Statements, book: Book, ended: Sequence[Ending], gone: Sequence[Gone], steering: Steering, now: int
) -> Steps[bool]:
    """Let jobs out of their gates; answer whether lanes were opened for that."""
    orders = [(gate, each.id) for each in gone for gate in _orders(each.lane)]
    left = [gate for ending in ended for gate in gates_of(ending.claim, steering)]
    if not left and not orders:
        return False
    yield from book.look_up([gate.name for gate in [*left, *(gate for gate, _ in orders)]])
    changed = leave_all(ended, book.standing_of, steering, now)
    for gate, id in orders:
        standing = changed[gate.name][1] if gate.name in changed else book.standing_of(gate)
        if standing.holder == id:
            changed[gate.name] = gate, standing._replace(holder="")
    book.change(changed)
    return bool((yield from open_lanes(sql, {(None, gate): room for gate, room in after_leaving(changed).items()})))


def _orders(lane: str) -> Iterable[Gate]:
    return [gate for gate in read_lane(lane).gates if gate.kind == Kind.ORDER]


def open_lanes(sql: Statements, rooms: Mapping[Any, int]) -> Steps[set[str]]:
    """Open so many lanes for each (queue, gate) that they are shut at; None: of each queue. Answer the queues."""
    if not rooms:
        return set()
    found = yield sql(
        "open_lanes",
        gates=[kept(gate) for _, gate in rooms],
        queues=[queue for queue, _ in rooms],
        numbers=[min(MOST, room) for room in rooms.values()],
    )
    return {queue for (queue,) in found}


def really_ended(ended: Sequence[Ending], moved: Mapping[str, str]) -> list[Ending]:
    """Pick the endings that were written just now, one a job, and give each the state that its job really got."""
    first: dict[str, Ending] = {}
    # Of several that were told in one call that of the current claim was written, and its completion if there is one.
    for ending in sorted(ended, key=lambda each: (-each.claim.epoch, each.outcome.state is not State.COMPLETED)):
        first.setdefault(str(ending.claim.ref), ending)
    return [_as_moved(ending, moved[ref]) for ref, ending in first.items() if ref in moved]


def _as_moved(ending: Ending, state: str) -> Ending:
    outcome = ending.outcome
    if outcome.state == state:
        return ending
    return ending._replace(outcome=outcome._replace(state=State(state)))
