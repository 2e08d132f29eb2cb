"""What the end of attempts does to gates and lanes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from treadle.core.flow.gates import Gate, Kind
from treadle.core.flow.lanes import NOBODY, read_lane
from treadle.core.flow.leaving import gates_of, leave_all
from treadle.core.flow.opening import MOST, after_leaving
from treadle.core.flow.steering import Steering
from treadle.core.job import Ending
from treadle.core.states import State
from treadle.stores.postgres.flow.book import Book, kept
from treadle.stores.postgres.flow.looking import Gone
from treadle.stores.postgres.statements import Statements
from treadle.stores.steps import Steps

#: Tenants of a queue that are looked at for who is next at a gate.
TENANTS = 200


def leave(
    sql: Statements, book: Book, ended: Sequence[Ending], gone: Sequence[Gone], steering: Steering, now: int
) -> Steps[bool]:
    """Let jobs out of their gates; answer whether lanes were opened for that."""
    orders = [(gate, each.id) for each in gone for gate in _orders(each.lane)]
    if not ended and not orders:
        return False
    yield from book.look_up([*_names(book, ended, steering), *(gate.name for gate, _ in orders)])
    changed = leave_all(ended, book.standing_of, steering, now)
    for gate, id in orders:
        standing = changed[gate.name][1] if gate.name in changed else book.standing_of(gate)
        if standing.holder == id:
            changed[gate.name] = gate, standing._replace(holder="")
    book.change(changed)
    if book.shut is not None and book.shut.isdisjoint(changed):
        return False
    rooms = {(None, gate): room for gate, room in after_leaving(changed).items()}
    last = ended[-1].claim.tenant if ended else None
    return bool((yield from open_lanes(sql, book, rooms, last or NOBODY)))


def _names(book: Book, ended: Sequence[Ending], steering: Steering) -> Iterator[str]:
    """Name the gates that these leave, but for those of lanes that were looked up before."""
    known = book.lanes_under(steering)
    for ending in ended:
        if (ending.claim.queue, ending.claim.lane) not in known:
            for gate in gates_of(ending.claim, steering):
                yield gate.name


def _orders(lane: str) -> Iterable[Gate]:
    return [gate for gate in read_lane(lane).gates if gate.kind == Kind.ORDER]


def opens_nothing(book: Book, ended: Sequence[Ending]) -> bool:
    """Say whether no lane waits for these to leave, as far as is known and nothing is steered."""
    gates = (gate for ending in ended if ending.claim.lane for gate in read_lane(ending.claim.lane).gates)
    shut = book.shut
    return not any(True for _ in gates) if shut is None else not shut or not any(gate.name in shut for gate in gates)


def open_lanes(sql: Statements, book: Book, rooms: Mapping[Any, int], after: str) -> Steps[set[str]]:
    """Open so many lanes for each (queue, gate) that they are shut at; None: of each queue. Answer the queues.

    `after`: the tenant who was served last.
    """
    asked = [(queue, gate, min(MOST, room)) for (queue, gate), room in rooms.items() if _may_be_shut(book, gate)]
    if not asked:
        return set()
    queues, gates, numbers = zip(*asked, strict=True)
    found = yield sql(
        "open_lanes", gates=list(map(kept, gates)), queues=list(queues), numbers=list(numbers), after=after,
        tenants=TENANTS,
    )  # fmt: skip
    if book.shut is not None:
        full = {place for place, _, number in found for number_asked in [numbers[place - 1]] if number >= number_asked}
        book.shut -= {gate for place, (queue, gate, _) in enumerate(asked, 1) if queue is None and place not in full}
    return {queue for _, queue, _ in found}


def _may_be_shut(book: Book, gate: str) -> bool:
    return book.shut is None or gate in book.shut


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
