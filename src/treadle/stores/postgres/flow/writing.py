"""From what `choose` has decided to the columns that are written."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from treadle.core.flow.choosing import Choice, Row, Taken
from treadle.core.flow.explaining import gates_and_costs
from treadle.core.flow.gates import REST, Gate, Standing, enter
from treadle.core.flow.lanes import read_lane
from treadle.core.flow.steering import Steering
from treadle.stores.postgres.flow.book import kept
from treadle.stores.postgres.flow.loading import KnownLane, Loaded
from treadle.stores.postgres.verbs import columns, literal, numbers

LANE = ("lanes", "ranks", "lane_seqs", "gates", "untils")
TURN = ("turn_queues", "turn_tenants", "turns_paid", "turns_open")
NUMBERS = ("ranks", "lane_seqs", "untils", "turns_paid", "clocks")


def jobs_of(choice: Choice) -> dict[str, Any]:
    """Give the jobs that are taken."""
    jobs = [taken.job for taken in choice.taken]
    return {"spots": spots([job.ref for job in jobs]), "seqs": numbers([job.seq for job in jobs])}


def spots(found: Iterable[object]) -> str:
    """Write places of rows as PostgreSQL writes an array of them."""
    listed = '","'.join(map(str, found))
    return f'{{"{listed}"}}' if listed else "{}"


def lines_of(choice: Choice, loaded: Loaded, busy: Collection[tuple[str, str]]) -> dict[str, Any]:
    """Give what becomes of lanes, turns and clocks. `busy`: lanes that only seem to be empty."""
    emptied = [lane for lane in _emptied(choice, loaded) if (lane.queue, lane.name) not in busy]
    table: dict[str, Any] = {
        **columns(LANE, _moved(choice, loaded)),
        **columns(TURN, _turns(choice, loaded, busy)),
        "emptied": spots([lane.spot for lane in emptied]),
        "clock_queues": list(choice.clocks),
        "clocks": list(choice.clocks.values()),
    }
    return table | {name: literal(table[name]) for name in NUMBERS} | {"lanes": spots(table["lanes"])}


def _emptied(choice: Choice, loaded: Loaded) -> list[KnownLane]:
    emptied = [loaded.lanes[id(row)] for _, row in choice.emptied if id(row) in loaded.lanes]
    return emptied + loaded.vanished


def _moved(choice: Choice, loaded: Loaded) -> Iterator[tuple[Any, ...]]:
    """Tell of lanes that are shut now, or whose first job is another one than their row says."""
    told = {id(row) for _, row in choice.emptied}
    for each in choice.shut:
        lane = loaded.lanes.get(id(each.row))
        if lane:
            told.add(id(each.row))
            yield lane.spot, *each.row.first.place, kept(each.gate), each.until
    for key, lane in loaded.lanes.items():
        if key not in told:
            place = _first_of(lane.row)
            if place != lane.place:
                yield lane.spot, *place, None, None


def _first_of(row: Row) -> tuple[int, int]:
    """Say where its first job stands or, if that was not loaded, where it stands at best."""
    return row.jobs[min(row.at, len(row.jobs) - 1)].place


def _turns(choice: Choice, loaded: Loaded, busy: Collection[tuple[str, str]]) -> Iterator[tuple[str, str, int, bool]]:
    """Tell of turns that were paid for, or that have no open lane any more."""
    emptied = {id(row) for queue, row in choice.emptied if (queue, row.text) not in busy}
    closed = {id(each.row) for each in choice.shut} | emptied
    keep = [lane for lane in loaded.vanished if (lane.queue, lane.name) in busy]
    for queue, turn, known in loaded.turns:
        lanes = [row for row in turn.rows if id(row) in loaded.lanes]
        open = any(id(row) not in closed for row in lanes) or turn.beyond is not None or bool(keep)
        paid = choice.paid.get((queue, turn.tenant))
        if paid is not None or (known is None and not open):
            yield queue, turn.tenant, turn.paid if paid is None else paid, open if known is None else known


def entered_by(
    taken: Sequence[Taken], steering: Steering, standings: Any, now: int
) -> dict[str, tuple[Gate, Standing]]:
    """Compute the standings anew for those of the taken who were really claimed."""
    entered: dict[str, tuple[Gate, Standing]] = {}
    for queue, row, job in taken:
        lane = read_lane(row.text) if row.text else None
        for gate, cost in zip(*gates_and_costs(queue, lane, job.costs, steering), strict=True):
            before = entered[gate.name][1] if gate.name in entered else standings.get(gate.name, REST)
            entered[gate.name] = gate, enter(gate, before, job.id, cost, now)
    return entered
