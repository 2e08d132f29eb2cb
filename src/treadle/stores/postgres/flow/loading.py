"""From rows to what `choose` looks at, and back to the rows of lanes."""

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from treadle.core.flow.choosing import PLAIN, Line, Row, Turn, Waiting, gates_before_plain
from treadle.core.flow.lanes import NOBODY, read_lane
from treadle.core.flow.steering import Steering, gates_before
from treadle.stores.postgres.statements import Statements
from treadle.stores.steps import Rows, Steps


class Ref(NamedTuple):
    """A job as it stood when it was looked at."""

    key: str
    version: str
    """Where this version of its row is: a job that was changed since is somewhere else."""


class Loaded(NamedTuple):
    """What waits, with the rows that tell of it."""

    lines: list[Line]
    lanes: dict[int, "KnownLane"]
    """By the identity of its `Row`."""
    turns: list["KnownTurn"]
    vanished: list["KnownLane"]
    """Lanes in which no job is left."""


class KnownLane(NamedTuple):
    """A lane as its row tells of it."""

    id: int
    queue: str
    name: str
    place: tuple[int, int]
    row: Row


class KnownTurn(NamedTuple):
    """A tenant's turn as its row tells of it."""

    queue: str
    turn: Turn
    open: bool | None
    """None: it is to be found out from its lanes, which were loaded."""


def load(
    sql: Statements,
    queues: Sequence[str],
    want: int,
    run: int,
    tenants: int,
    but: Collection[str],
    *,
    plain: bool,
) -> Steps[Loaded]:
    """Read what may be chosen from: of so many tenants whose turn is next the best lanes, of these the first jobs.

    `plain`: jobs without a lane, too.
    """
    found = yield sql("load", queues=list(queues), want=want, run=run, tenants=tenants, but=list(but), plain=plain)
    loaded = Loaded([], {}, [], [])
    for place, rows in groupby(found, itemgetter(0)):
        _read_line(loaded, queues[place - 1], list(rows), tenants)
    return loaded


NUMBER, CLOCK, TENANT, PAID, LANE, NAME, LANE_RANK, LANE_SEQ, MOST, KEY = range(1, 11)


def _read_line(loaded: Loaded, queue: str, rows: Rows, tenants: int) -> None:
    line = Line(queue, rows[0][CLOCK], [])
    loaded.lines.append(line)
    plain = [row for row in rows if row[NAME] == PLAIN]
    for (number, tenant, paid), told in groupby(rows, itemgetter(NUMBER, TENANT, PAID)):
        if number > tenants:
            line.beyond = paid
        elif number:
            turn = Turn(tenant, paid, [])
            _read_lanes(loaded, queue, turn, [row for row in told if row[LANE] is not None])
            line.turns.append(turn)
            loaded.turns.append(KnownTurn(queue, turn, None))
    if plain:
        _add_plain(loaded, line, plain)


def _read_lanes(loaded: Loaded, queue: str, turn: Turn, rows: Rows) -> None:
    for (number, name, rank, seq), told in groupby(rows, itemgetter(LANE, NAME, LANE_RANK, LANE_SEQ)):
        waiting = list(told)
        most = waiting[0][MOST]
        if most is None:
            turn.beyond = rank, seq
            continue
        row = _row(name, waiting, most)
        lane = KnownLane(number, queue, name, (rank, seq), row)
        if row.jobs:
            turn.rows.append(row)
            loaded.lanes[id(row)] = lane
        else:
            loaded.vanished.append(lane)


def _add_plain(loaded: Loaded, line: Line, rows: Rows) -> None:
    """Put the jobs without a lane where those without a tenant have their turn."""
    turn = next((turn for turn in line.turns if turn.tenant == NOBODY), None)
    if turn is None:
        turn = Turn(NOBODY, rows[0][PAID], [])
        line.turns.append(turn)
        loaded.turns.append(KnownTurn(line.queue, turn, bool(rows[0][LANE])))
    turn.rows.append(_row(PLAIN, rows, rows[0][MOST]))


def _row(name: str, rows: Rows, most: int) -> Row:
    jobs = [Waiting(Ref(*row[KEY : KEY + 2]), *row[KEY + 2 :]) for row in rows if row[KEY] is not None]
    return Row(name, jobs, more=len(jobs) == most)


def names_before(loaded: Loaded, steering: Steering) -> Iterator[str]:
    """Name the gates before all that was loaded, and before the lanes that are empty."""
    for line in loaded.lines:
        for turn in line.turns:
            for row in turn.rows:
                yield from _names(line.queue, row.text, steering)
    for lane in loaded.vanished:
        yield from _names(lane.queue, lane.name, steering)


def _names(queue: str, text: str, steering: Steering) -> Iterator[str]:
    gates = gates_before_plain(queue, steering) if text == PLAIN else gates_before(queue, read_lane(text), steering)
    return (gate.name for gate in gates)
