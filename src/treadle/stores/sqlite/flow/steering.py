"""The operator's hand on lanes and gates, what an attempt spends, and the tidying."""

import json
import random
import sqlite3
from collections.abc import Sequence

from treadle.core.flow.gates import PASSES, Gate, Kind, Standing, ask, enter
from treadle.core.flow.leaving import gates_of
from treadle.core.flow.steering import STEER, Steer, write_steer
from treadle.core.job import Claim
from treadle.stores.sqlite.flow import said
from treadle.stores.sqlite.flow.book import Book

CURRENT = said.load("current", "ref", "epoch")
OPEN_STEERED = said.load("open_steered", "target", "key")
COUNT_RUNNING = said.load("count_running", "queue", "task", "tenant")
DROP_STANDING = said.load("drop_standing", "name")
LAST_PLACES = said.load("last_places")
FORGET_STANDINGS = said.load("forget_standings", "now", "place", "look")
FORGET_TURNS = said.load("forget_turns", "place", "look")
MOVE = said.load("move", "ids", "queue")
PRIORITIZE = said.load("prioritize", "ids", "priority")
WRITE_OVER = said.load("write_over", "kind", "key", "value")
ERASE = said.load("erase", "kind", "key", "expect")

#: Gates, and turns, that one sweep looks at.
LOOK = 2_000

#: What an operator's limit may be put on, beside declared ones, and the jobs that run under it are counted by.
CAPPED = ("queue", "task", "tenant")


def steer(connection: sqlite3.Connection, book: Book, now: int, target: str, steer: Steer) -> None:
    """Write what is wished for a target, and open the lanes that it may let go."""
    book.forget()  # what is counted anew is written past it
    value = write_steer(steer)
    if value is None:
        connection.execute(ERASE, (STEER, target, None))
    else:
        connection.execute(WRITE_OVER, (STEER, target, value))
    kind, _, name = target.partition("=")
    if kind in CAPPED:
        _count(connection, now, target, kind, name, steer.limit)
    connection.execute(OPEN_STEERED, (target, name if kind == "key" else None))


def _count(connection: sqlite3.Connection, now: int, target: str, kind: str, name: str, limit: int | None) -> None:
    """Begin to count with those that run now, or stop to."""
    if limit is None:
        connection.execute(DROP_STANDING, (target,))
        return
    (running,) = connection.execute(COUNT_RUNNING, tuple(name if kind == each else None for each in CAPPED)).fetchone()
    gate = Gate(Kind.CONCURRENCY, target, "", limit)
    ((statement, values),) = said.KEEP_STANDING.pieces([said.standing_row(target, gate, Standing(used=running), now)])
    connection.execute(statement, values)


def spend(connection: sqlite3.Connection, book: Book, now: int, claim: Claim, name: str, units: int) -> int | None:
    """Take more of a budget that a claim has entered; None where that is not left, or the claim not current."""
    gates = {gate.name: gate for gate in gates_of(claim, said.steering(connection))}
    gate = gates.get(name)
    if gate is None or connection.execute(CURRENT, (claim.ref, claim.epoch)).fetchone() is None:
        return None
    book.open(connection)
    book.look_up(connection, [gate])
    standing = book.standing_of(gate)._replace(until=0)  # parked or not, it was spent
    if gate.kind != Kind.BUDGET or ask(gate, standing, claim.id, units, now) != PASSES:
        return None
    entered = enter(gate, standing, claim.id, units, now)
    book.change({name: (gate, entered)})
    book.write(connection, now)
    return entered.mark


def alter(connection: sqlite3.Connection, ids: Sequence[str], queue: str | None, priority: int | None) -> list[str]:
    """Move waiting jobs, or give them a priority; answer the ids it applied to."""
    document = json.dumps(list(ids))
    applied: list[list[str]] = []
    if queue is not None:
        applied.append([id for (id,) in connection.execute(MOVE, (document, queue)).fetchall()])
    if priority is not None:
        applied.append([id for (id,) in connection.execute(PRIORITIZE, (document, priority)).fetchall()])
    return list(dict.fromkeys(id for each in applied for id in each))


def tidy(connection: sqlite3.Connection, now: int) -> None:
    """Forget gates and turns of which nothing is worth remembering, of those that stand somewhere together."""
    ((standings, turns),) = connection.execute(LAST_PLACES)
    connection.execute(FORGET_STANDINGS, (now, _somewhere(standings), LOOK))
    connection.execute(FORGET_TURNS, (_somewhere(turns), LOOK))


def _somewhere(last: int) -> int:
    """Pick the first of those that one sweep looks at; all are looked at where they are few."""
    return random.randrange(max(1, last - LOOK + 2))
