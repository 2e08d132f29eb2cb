"""From rows to what `choose` looks at: of the tenants whose turn is next the best lanes, of these the first jobs."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from treadle.core.flow.choosing import PLAIN, Line, Row, Turn, Waiting
from treadle.core.flow.gates import CONCURRENCY, Gate
from treadle.core.flow.lanes import NOBODY
from treadle.core.flow.steering import Steering
from treadle.stores.sqlite.flow import said
from treadle.stores.sqlite.flow.book import Book

TURNS = said.load("turns", "queue", "limit")
TURN = said.load("turn", "queue", "tenant")
CLOCK_OF = said.load("clock_of", "queue")
OPEN_LANES_OF = said.load("open_lanes_of", "queue", "tenant", "limit")
WAITING = said.load("waiting", "lanes", "limit")
WAITING_PLAIN = said.load("waiting_plain", "queue", "limit")


@dataclass(slots=True)
class Lane(Row):
    """A lane as it is kept."""

    place: int = 0
    """Its rowid."""


class Loaded(NamedTuple):
    """What waits in the queues that are asked for."""

    lines: list[Line]
    vanished: list[tuple[str, Lane]]
    """Lanes, each with its queue, in which no job is left."""


class Loading:
    """One look at what waits, on a connection that holds the write lock."""

    def __init__(self, connection: sqlite3.Connection, book: Book, steering: Steering) -> None:
        self._connection, self._book, self._steering = connection, book, steering

    def load(self, queues: Sequence[str], want: int, run: int, tenants: int, *, plain: bool) -> Loaded:
        """Read as much as a claim of so many jobs can use; `plain`: of those without a lane, too."""
        loaded = Loaded([], [])
        for queue in queues:
            loaded.lines.append(self._line(queue, want, run, tenants, plain=plain))
        self._book.look_up(self._connection, gates_before_all(loaded.lines, self._steering))
        for line in loaded.lines:
            self._fill(line, want, run, loaded.vanished)
        return loaded

    def _line(self, queue: str, want: int, run: int, tenants: int, *, plain: bool) -> Line:
        """Read whose turn is next, and their lanes, without the jobs in these."""
        connection = self._connection
        found = connection.execute(TURNS, (queue, tenants + 1)).fetchall()
        line = Line(queue, clock_of(connection, queue), [])
        if len(found) > tenants:
            *found, (_, line.beyond) = found
        bare = connection.execute(WAITING_PLAIN, (queue, want + 1)).fetchall() if plain else []
        if bare and NOBODY not in (tenant for tenant, _ in found):
            found.append((NOBODY, paid_of(connection, queue, NOBODY)))
        most = _lanes_each(want, run, len(found))
        for tenant, paid in found:
            turn = Turn(tenant, paid, [])
            lanes = connection.execute(OPEN_LANES_OF, (queue, tenant, most + 1)).fetchall()
            if len(lanes) > most:
                *lanes, (_, _, *place) = lanes
                turn.beyond = place[0], place[1]
            turn.rows = [Lane(text, (), place=place) for place, text, _, _ in lanes]
            if tenant == NOBODY and bare:
                turn.rows.append(_row_of_plain(bare, want))
            line.turns.append(turn)
        return line

    def _fill(self, line: Line, want: int, run: int, vanished: list[tuple[str, Lane]]) -> None:
        """Read the first jobs of all lanes: no more than can be taken, and one to stand first after that."""
        sized = defaultdict[int, list[Lane]](list)
        for turn in line.turns:
            lanes = [row for row in turn.rows if isinstance(row, Lane)]
            share = -(-_lanes_each(want, run, len(line.turns)) // max(1, len(lanes))) + 1
            for lane in lanes:
                sized[1 + min(share, self._room(line.queue, lane))].append(lane)
        for number, lanes in sized.items():
            read_jobs(self._connection, lanes, number)
        for turn in line.turns:
            empty = [row for row in turn.rows if not row.jobs]
            if empty:
                vanished += [(line.queue, row) for row in empty if isinstance(row, Lane)]
                turn.rows = [row for row in turn.rows if row.jobs]

    def _room(self, queue: str, lane: Lane) -> int:
        """Count the jobs that a lane may have taken at most; one at least, to see what stands there."""
        standings = self._book.standings
        gates = lane.before(queue, self._steering).gates
        rooms = [gate.limit - standings[gate.name].used for gate in gates if gate.kind == CONCURRENCY]
        return max(1, min(rooms)) if rooms else MANY


#: More than any claim wants.
MANY = 1_000_000


def _lanes_each(want: int, run: int, tenants: int) -> int:
    """Say how many lanes of each tenant to read: as many as could be taken from."""
    return max(run, -(-want // max(1, tenants))) + 1


def clock_of(connection: sqlite3.Connection, queue: str) -> int:
    found = connection.execute(CLOCK_OF, (queue,)).fetchone()
    return found[0] if found else 0


def paid_of(connection: sqlite3.Connection, queue: str, tenant: str) -> int:
    found = connection.execute(TURN, (queue, tenant)).fetchone()
    return found[0] if found else 0


def read_jobs(connection: sqlite3.Connection, lanes: Sequence[Lane], number: int) -> None:
    """Put so many of their first jobs into these lanes."""
    found = [list[Waiting]() for _ in lanes]
    for at, ref, id, rank, costs in connection.execute(WAITING, (json.dumps([lane.place for lane in lanes]), number)):
        found[at].append(Waiting(ref, id, rank, ref, costs))
    for lane, jobs in zip(lanes, found, strict=True):
        if len(jobs) > 1:
            jobs.sort(key=PLACE)
        lane.jobs, lane.more = jobs, len(jobs) == number


#: Where a job stands: rank and seq.
PLACE = itemgetter(2, 3)


def _row_of_plain(found: Sequence[tuple[int, str, int]], most: int) -> Row:
    """Make the row of the jobs that have no lane."""
    jobs = [Waiting(seq, id, rank, seq) for seq, id, rank in found[:most]]
    return Row(PLAIN, jobs, more=len(found) > most)


def gates_before_all(lines: Iterable[Line], steering: Steering) -> Iterator[Gate]:
    """List all gates before the jobs of these lines."""
    for line in lines:
        for turn in line.turns:
            for row in turn.rows:
                yield from row.before(line.queue, steering).gates
