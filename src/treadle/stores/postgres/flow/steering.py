"""What operators and running jobs change of gates, as steps that need a transaction."""

from collections.abc import Sequence

from treadle.core.flow.gates import PASSES, Gate, Kind, Standing, ask, enter
from treadle.core.flow.leaving import gates_of
from treadle.core.flow.steering import DEFAULT, STEER, Steer, Steering, read_steering, write_steer
from treadle.core.job import Claim
from treadle.stores.postgres import queries
from treadle.stores.postgres.flow.book import Book, kept, key_of
from treadle.stores.postgres.flow.leaving import leave
from treadle.stores.postgres.flow.looking import look
from treadle.stores.postgres.statements import Statements
from treadle.stores.postgres.steering import write
from treadle.stores.steps import Steps

#: What may be capped across the fleet.
CAPPED = ("queue", "task", "tenant")


def steer(sql: Statements, target: str, steer: Steer) -> Steps[None]:
    """Write what is wished, count what runs now under a new limit, and open all lanes that it may concern."""
    yield sql.locking()
    view = yield from look(sql, "", ())
    book = Book(sql)
    yield from leave(sql, book, view.ended, view.gone, view.steering, view.now)
    if view.steering.get(target, DEFAULT) == steer:
        yield from book.write(view.now)
        return
    yield from write(sql, STEER, target, write_steer(steer), None)
    if steer.limit is not None:
        yield from count(sql, book, {target: steer})
    elif is_cap(target):
        yield sql("forget_standing", key=key_of(target))
    yield from book.write(view.now)
    key = kept(target).removeprefix("key=") if target.startswith("key=") else None
    yield sql("open_steered", target=kept(target), key=key)


def is_cap(target: str) -> bool:
    return target.partition("=")[0] in CAPPED and "=" in target


def count(sql: Statements, book: Book, steering: Steering) -> Steps[None]:
    """Count what runs now under each cap, and note it in the book."""
    caps = {target: said.limit for target, said in steering.items() if is_cap(target) and said.limit is not None}
    if not caps:
        return
    parts = [target.partition("=") for target in caps]
    found = yield sql(
        "count_running", targets=list(caps), kinds=[kind for kind, _, _ in parts], names=[name for *_, name in parts]
    )
    yield from book.look_up(caps)
    for target, number in found:
        gate, known = Gate(Kind.CONCURRENCY, target, "", caps[target]), book.standings.get(target)
        if known is None or known.used != number:
            book.change({target: (gate, (known or Standing())._replace(used=number))})


def spend(sql: Statements, claim: Claim, gate: str, units: int) -> Steps[int | None]:
    """Take more units of a budget, if the claim is current and the window has so many left."""
    yield sql.locking()
    current = yield sql("current", ref=claim.ref, epoch=claim.epoch)
    if not current:
        return None
    ((now,),) = current
    records = yield from queries.read(sql, STEER, None)
    budget = _budget(gates_of(claim, read_steering((key, value) for key, value, _ in records)), gate)
    if budget is None:
        return None
    book = Book(sql)
    yield from book.look_up([gate])
    standing = book.standing_of(budget)
    if ask(budget, standing, claim.id, units, now) != PASSES:
        return None
    book.change({gate: (budget, enter(budget, standing, claim.id, units, now))})
    yield from book.write(now)
    return int(now // budget.period)


def _budget(gates: Sequence[Gate], name: str) -> Gate | None:
    return next((gate for gate in gates if gate.name == name and gate.kind == Kind.BUDGET), None)
