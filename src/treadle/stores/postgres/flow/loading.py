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
        worker=worker, queues=list(queues), want=want, run=run, tenants=tenants, but=list(but), plain=plain,
        before=before, unsure=unsure, whatever=whatever,
    )  # fmt: skip
    return _read(found, queues, tenants)


GLANCE, QUEUE, TENANT, JOB, PLAIN_JOB = range(5)
KIND, NAME = 0, 4


def _read(found: Rows, queues: Sequence[str], tenants: int) -> Loaded:
    found = sorted(found, key=itemgetter(KIND))
    loaded = Loaded(view_of(**json.loads(found[0][NAME])), [], {}, [], [])
    lines = dict[int, Line]()
    turns = dict[tuple[int, int], Turn]()
    rows = dict[str, Row]()
    for kind, place, number, paid, name, lane, lane_rank, lane_seq, room, spot, id, rank, seq, costs in found:
        if kind == JOB:
            row = rows.get(lane)
            if row is None:
                turn = turns[place, number]
                if room is None:
                    turn.beyond = lane_rank, lane_seq
                    continue
                row = rows[lane] = Row(name, [])
                known = KnownLane(lane, queues[place - 1], name, (lane_rank, lane_seq), row)
                if spot is None:
                    loaded.vanished.append(known)
                    continue
                turn.rows.append(row)
                loaded.lanes[id_of(row)] = known
            row.jobs.append(Waiting(spot, id, rank, seq, costs))  # type: ignore[attr-defined] # made here
            row.more = len(row.jobs) == room
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
            key = f"{place}"
            if key not in rows:
                rows[key] = _add_plain(loaded, lines[place], paid, bool(number))
            row = rows[key]
            row.jobs.append(Waiting(spot, id, rank, seq))  # type: ignore[attr-defined]
            row.more = len(row.jobs) == room
    return loaded


id_of = id


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
    lanes = [*loaded.lanes.values(), *loaded.vanished]
    if not steering:
        lanes = [lane for lane in lanes if lane.name not in book.lanes]
        book.lanes.update(lane.name for lane in lanes)
    yield from book.look_up(_names(loaded, lanes, steering))


def _names(loaded: Loaded, lanes: Sequence[KnownLane], steering: Steering) -> Iterator[str]:
    for lane in lanes:
        for gate in gates_before(lane.queue, read_lane(lane.name), steering):
            yield gate.name
    for line in loaded.lines if steering else ():
        for gate in gates_before_plain(line.queue, steering):
            yield gate.name
