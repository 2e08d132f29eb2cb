"""What a claim for one queue would look at, read without changing anything."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence

from treadle.core.flow.choosing import PLAIN, Line, Row, Turn, Waiting
from treadle.core.flow.gates import REST
from treadle.core.flow.lanes import NOBODY, lane_of_task
from treadle.core.flow.steering import Steering
from treadle.core.job import Running, Survey
from treadle.stores.sqlite.flow import said
from treadle.stores.sqlite.flow.book import Book
from treadle.stores.sqlite.flow.loading import Lane, clock_of, gates_before_all, paid_of, read_jobs

ALL_TURNS = said.load("all_turns", "queue", "limit")
ALL_LANES_OF = said.load("all_lanes_of", "queue", "tenants", "limit")
WAITING_TASKS = said.load("waiting_tasks", "queue", "limit")
RUNNING = said.load("running", "limit")

#: Running jobs that are told of.
MOST = 1_000


def survey(connection: sqlite3.Connection, now: int, queue: str, limit: int) -> Survey:
    steering = said.steering(connection)
    line = Line(queue, clock_of(connection, queue), [])
    found = connection.execute(ALL_TURNS, (queue, limit + 1)).fetchall()
    if len(found) > limit:
        *found, (_, line.beyond) = found
    line.turns = list(_turns(connection, queue, found, limit))
    _add_plain(connection, line, steering, limit)
    book = Book()
    book.look_up(connection, gates_before_all([line], steering))
    running = tuple(Running._make(row) for row in connection.execute(RUNNING, (MOST,)))
    standings = {name: standing for name, standing in book.standings.items() if standing != REST}
    return Survey(now, line, standings, steering, running)


def _turns(
    connection: sqlite3.Connection, queue: str, tenants: Sequence[tuple[str, int]], limit: int
) -> Iterator[Turn]:
    """Read the lanes of these tenants, who have paid so much, and the first jobs of each."""
    asked = json.dumps([tenant for tenant, _ in tenants])
    found = defaultdict[str, list[Lane]](list)
    places = dict[str, list[tuple[int, int]]]()
    for tenant, place, text, *first in connection.execute(ALL_LANES_OF, (queue, asked, limit + 1)):
        found[tenant].append(Lane(text, (), place=place))
        places.setdefault(tenant, []).append(tuple(first))
    read_jobs(connection, [lane for lanes in found.values() for lane in lanes], limit + 1)
    for tenant, paid in tenants:
        lanes = found[tenant]
        beyond = places[tenant][limit] if len(lanes) > limit else None
        for lane in lanes:
            lane.jobs, lane.more = lane.jobs[:limit], len(lane.jobs) > limit
        yield Turn(tenant, paid, [lane for lane in lanes[:limit] if lane.jobs], beyond)


def _add_plain(connection: sqlite3.Connection, line: Line, steering: Steering, limit: int) -> None:
    """Add the jobs without a lane; those of a steered task in the lane that a claim would give them."""
    found = connection.execute(WAITING_TASKS, (line.queue, limit + 1)).fetchall()
    if not found:
        return
    turn = next((turn for turn in line.turns if turn.tenant == NOBODY), None)
    if turn is None:
        turn = Turn(NOBODY, paid_of(connection, line.queue, NOBODY), [])
        line.turns.append(turn)
    more, rows = len(found) > limit, dict[str, list[Waiting]]()
    for seq, id, rank, task in found[:limit]:
        lane = lane_of_task(task) if f"task={task}" in steering else PLAIN
        rows.setdefault(lane, []).append(Waiting(seq, id, rank, seq))
    known = {row.text: row for row in turn.rows}
    for lane, jobs in rows.items():
        if lane in known:
            merged = sorted([*known[lane].jobs, *jobs], key=lambda job: job.place)
            known[lane].jobs, known[lane].more = merged[:limit], known[lane].more or len(merged) > limit
        else:
            turn.rows.append(Row(lane, jobs, more=more))
