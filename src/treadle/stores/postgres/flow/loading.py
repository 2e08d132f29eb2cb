"""From rows to what `choose` looks at, and back to the rows of lanes."""

import json
from collections.abc import Collection, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from treadle.core.flow.choosing import PLAIN, Line, Row, Turn, Waiting, gates_before_plain
from treadle.core.flow.lanes import NOBODY, read_lane
from treadle.core.flow.steering import Steering, gates_before
from treadle.stores.postgres.flow.book import Book
from treadle.stores.postgres.flow.looking import View, view_of
from treadle.stores.postgres.statements import Statements
from treadle.stores.steps import Rows, Steps


class Asked(NamedTuple):
    """What a claim wants to look at."""

    queues: Sequence[str]
    want: int
    run: int
    tenants: int
    """Of so many whose turn is next."""
    but: Collection[int] = ()
    """Jobs that are to be left alone, by their numbers."""
    plain: bool = True
    """Jobs without a lane, too."""


class Loaded(NamedTuple):
    """What waits, with the rows that tell of it. The `ref` of a job says where the version of its row is that was
    looked at: a job that was changed since is somewhere else."""

    view: View
    lines: list[Line]
    lanes: dict[int, "KnownLane"]
    """By the identity of its `Row`."""
    turns: list["KnownTurn"]
    vanished: list["KnownLane"]
    """Lanes in which no job is left."""


class KnownLane(NamedTuple):
    """A lane as its row tells of it."""

    spot: str
    """Where its row is."""
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
    worker: str,
    asked: Asked,
    before: int | None = None,
    *,
    unsure: bool = False,
    whatever: bool = True,
) -> Steps[Loaded]:
    """Read what may be chosen from: of the tenants whose turn is next the best lanes, of these the first jobs.

    `whatever`: also where word was left that nobody has read; else only what is to be seen at a glance.
    """
    queues, want, run, tenants, but, plain = asked
    found = yield sql.loading(
        worker=worker, queues=list(queues), want=want, run=run, tenants=tenants, but=list(but), all=not but,
        plain=plain, before=before, unsure=unsure, whatever=whatever,
    )  # fmt: skip
    return _read(found, queues, tenants)


GLANCE, QUEUE, TENANT, LANE, JOB, PLAIN_JOB = range(6)
KIND, NAME = 0, 5


def _read(found: Rows, queues: Sequence[str], tenants: int) -> Loaded:
    found = sorted(found, key=itemgetter(KIND))
    loaded = Loaded(view_of(**json.loads(found[0][NAME])), [], {}, [], [])
    lines = dict[int, Line]()
    turns = dict[tuple[int, int], Turn]()
    lanes = dict[tuple[int, int, int], tuple[Row, list[Waiting], int]]()
    for kind, place, number, at, paid, name, spot, rank, seq, room, id, costs in found:
        if kind == JOB:
            row, jobs, most = lanes[place, number, at]
            jobs.append(new(Waiting, (spot, id or "", rank, seq, costs)))
            row.more = len(jobs) == most
        elif kind == LANE:
            if room is None:
                turns[place, number].beyond = rank, seq
            else:
                jobs = []
                row = Row(name, jobs)
                lanes[place, number, at] = row, jobs, room
                loaded.lanes[row_id(row)] = KnownLane(spot, queues[place - 1], name, (rank, seq), row)
                turns[place, number].rows.append(row)
        elif kind == TENANT:
            if number > tenants:
                lines[place].beyond = paid
            else:
                turns[place, number] = turn = Turn(name, paid, [])
                lines[place].turns.append(turn)
                loaded.turns.append(KnownTurn(queues[place - 1], turn, None))
        elif kind == QUEUE:
            lines[place] = line = Line(queues[place - 1], paid, [])
            loaded.lines.append(line)
        elif kind == PLAIN_JOB:
            if (place, 0, 0) not in lanes:
                row = _add_plain(loaded, lines[place], paid, bool(number))
                lanes[place, 0, 0] = row, row.jobs, room  # type: ignore[assignment] # a list, as it was made
            row, jobs, most = lanes[place, 0, 0]
            jobs.append(Waiting(spot, "", rank, seq))
            row.more = len(jobs) == most
    _part_with_vanished(loaded)
    return loaded


row_id = id

#: What `Waiting(…)` comes down to, in half the time.
new = tuple.__new__


def _part_with_vanished(loaded: Loaded) -> None:
    """Put lanes aside in which no job is left."""
    gone = [key for key, lane in loaded.lanes.items() if not lane.row.jobs]
    loaded.vanished.extend(loaded.lanes.pop(key) for key in gone)
    if gone:
        for _, turn, _ in loaded.turns:
            turn.rows = [row for row in turn.rows if row.jobs]


def _add_plain(loaded: Loaded, line: Line, paid: int, open: bool) -> Row:
    """Make room for the jobs without a lane where those without a tenant have their turn."""
    turn = next((turn for turn in line.turns if turn.tenant == NOBODY), None)
    if turn is None:
        turn = Turn(NOBODY, paid, [])
        line.turns.append(turn)
        loaded.turns.append(KnownTurn(line.queue, turn, open))
    row = Row(PLAIN, [])
    turn.rows.append(row)
    return row


def look_up(book: Book, loaded: Loaded, steering: Steering) -> Steps[None]:
    """Read what is remembered of the gates before all that was loaded, and before the lanes that are empty."""
    known = book.lanes_under(steering)
    lanes = [lane for lane in (*loaded.lanes.values(), *loaded.vanished) if (lane.queue, lane.name) not in known]
    known.update((lane.queue, lane.name) for lane in lanes)
    yield from book.look_up(_names(loaded, lanes, steering))


def _names(loaded: Loaded, lanes: Sequence[KnownLane], steering: Steering) -> Iterator[str]:
    for lane in lanes:
        for gate in gates_before(lane.queue, read_lane(lane.name), steering):
            yield gate.name
    for line in loaded.lines if steering else ():
        for gate in gates_before_plain(line.queue, steering):
            yield gate.name
