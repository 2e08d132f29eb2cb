"""What a claim for a queue would look at, read without the lock: for `explain`."""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from treadle.core.flow.choosing import PLAIN, Line, Row, Turn, Waiting, gates_before_plain
from treadle.core.flow.lanes import NOBODY, lane_of_task, read_lane
from treadle.core.flow.steering import Steering, gates_before, read_steering
from treadle.core.job import Running, Survey
from treadle.stores.postgres.flow.book import Book
from treadle.stores.postgres.statements import Statements
from treadle.stores.steps import Rows, Steps

#: Running jobs that are told of.
RUNNING = 1_000

NUMBER, TENANT, PAID, AT, NAME, REF = range(6)
TASK = -1


def survey(sql: Statements, queue: str, limit: int) -> Steps[Survey]:
    """Read at most so many tenants, lanes of each, and jobs of each."""
    ((now, clock, targets, steers),) = yield sql("survey_line", queue=queue)
    steering = read_steering(zip(targets, steers, strict=True))
    found = yield sql("survey", queue=queue, most=limit)
    line = _line(queue, clock, found, limit, steering)
    book = Book(sql)
    yield from book.look_up(_names(line, steering))
    running = yield sql("survey_running", most=RUNNING)
    return Survey(now, line, book.standings, steering, tuple(map(Running._make, running)))


def _line(queue: str, clock: int, found: Rows, limit: int, steering: Steering) -> Line:
    line = Line(queue, clock, [])
    for (number, tenant, paid), told in groupby(found, itemgetter(NUMBER, TENANT, PAID)):
        if number > limit:
            line.beyond = paid
        elif number:
            line.turns.append(_turn(tenant, paid, list(told), limit))
    plain = [row for row in found if not row[NUMBER]]
    if plain:
        turn = next((turn for turn in line.turns if turn.tenant == NOBODY), None)
        if turn is None:
            turn = Turn(NOBODY, plain[0][PAID], [])
            line.turns.append(turn)
        _add_plain(turn, plain, limit, steering)
    return line


def _turn(tenant: str, paid: int, rows: Rows, limit: int) -> Turn:
    turn = Turn(tenant, paid, [])
    for (at, name), told in groupby(rows, itemgetter(AT, NAME)):
        row = _row(name, list(told), limit)
        if at > limit:
            turn.beyond = row.first.place
        else:
            turn.rows.append(row)
    return turn


def _row(name: str, rows: Rows, limit: int) -> Row:
    return Row(name, [Waiting(*row[REF:TASK]) for row in rows[:limit]], more=len(rows) > limit)


def _add_plain(turn: Turn, rows: Rows, limit: int, steering: Steering) -> None:
    """Put those without a lane there; those of a task that is steered in the lane that a claim will give them."""
    lanes = {task: lane_of_task(task) for task in {row[TASK] for row in rows} if f"task={task}" in steering}
    for name in sorted({lanes.get(row[TASK], PLAIN) for row in rows}):
        row = _row(name, [each for each in rows if lanes.get(each[TASK], PLAIN) == name], limit)
        row.more = len(rows) > limit
        there = next((each for each in turn.rows if each.text == name), None)
        if there is None:
            turn.rows.append(row)
        else:
            there.jobs = sorted([*there.jobs, *row.jobs], key=lambda job: job.place)


def _names(line: Line, steering: Steering) -> Iterator[str]:
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
