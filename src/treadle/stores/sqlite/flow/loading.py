"""From rows to what `choose` looks at: of the tenants whose turn is next the best lanes, of these the first jobs."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from treadle.core.flow.choosing import PLAIN, Line, Row, Turn, Waiting, gates_before_plain
from treadle.core.flow.lanes import NOBODY, read_lane
from treadle.core.flow.steering import Steering, gates_before
from treadle.stores.sqlite.flow import said

TURNS = said.load("turns", "queue", "limit")
TURN = said.load("turn", "queue", "tenant")
CLOCK_OF = said.load("clock_of", "queue")
OPEN_LANES_OF = said.load("open_lanes_of", "queue", "tenant", "limit")
WAITING = said.load("waiting", "queue", "lane", "limit")
WAITING_PLAIN = said.load("waiting_plain", "queue", "limit")


class Loaded(NamedTuple):
    """What waits in the queues that are asked for."""

    lines: list[Line]
    vanished: list[tuple[str, str]]
    """Lanes, each with its queue, in which no job is left."""


def load(
    connection: sqlite3.Connection, queues: Sequence[str], want: int, run: int, tenants: int, *, plain: bool
) -> Loaded:
    """Read as much as a claim of so many jobs can use; `plain`: of those without a lane, too."""
    loaded = Loaded([], [])
    for queue in queues:
        found = connection.execute(TURNS, (queue, tenants + 1)).fetchall()
        line = Line(queue, clock_of(connection, queue), [])
        if len(found) > tenants:
            *found, (_, line.beyond) = found
        bare = connection.execute(WAITING_PLAIN, (queue, want + 1)).fetchall() if plain else []
        if bare and NOBODY not in (tenant for tenant, _ in found):
            found.append((NOBODY, paid_of(connection, queue, NOBODY)))
        each = max(run, -(-want // max(1, len(found))))
        for tenant, paid in found:
            turn = _turn(connection, queue, tenant, paid, each, loaded.vanished)
            if tenant == NOBODY and bare:
                turn.rows.append(plain_row(bare, want))
            line.turns.append(turn)
        loaded.lines.append(line)
    return loaded


def clock_of(connection: sqlite3.Connection, queue: str) -> int:
    found = connection.execute(CLOCK_OF, (queue,)).fetchone()
    return found[0] if found else 0


def paid_of(connection: sqlite3.Connection, queue: str, tenant: str) -> int:
    found = connection.execute(TURN, (queue, tenant)).fetchone()
    return found[0] if found else 0


def _turn(
    connection: sqlite3.Connection, queue: str, tenant: str, paid: int, each: int, vanished: list[tuple[str, str]]
) -> Turn:
    lanes = connection.execute(OPEN_LANES_OF, (queue, tenant, each + 2)).fetchall()
    turn = Turn(tenant, paid, [])
    if len(lanes) > each + 1:
        *lanes, (_, *place) = lanes
        turn.beyond = place[0], place[1]
    most = -(-each // max(1, len(lanes))) + 1
    for lane, _, _ in lanes:
        row = read_row(connection, queue, lane, most)
        if row.jobs:
            turn.rows.append(row)
        else:
            vanished.append((queue, lane))
    return turn


def read_row(connection: sqlite3.Connection, queue: str, lane: str, most: int) -> Row:
    """Read the first jobs of a lane."""
    jobs = [Waiting(seq, id, rank, seq, costs) for seq, id, rank, costs in
            connection.execute(WAITING, (queue, lane, most + 1))]  # fmt: skip
    return Row(lane, jobs[:most], more=len(jobs) > most)


def plain_row(found: Sequence[tuple[int, str, int]], most: int) -> Row:
    """Make the row of the jobs that have no lane."""
    jobs = [Waiting(seq, id, rank, seq) for seq, id, rank in found[:most]]
    return Row(PLAIN, jobs, more=len(found) > most)


def names_before(lines: Sequence[Line], steering: Steering) -> Iterator[str]:
    """Name all gates before the jobs of these lines."""
    for line in lines:
        for turn in line.turns:
            for row in turn.rows:
                plain = row.text == PLAIN
                gates = (
                    gates_before_plain(line.queue, steering)
                    if plain
                    else gates_before(line.queue, read_lane(row.text), steering)
                )
                for gate in gates:
                    yield gate.name
