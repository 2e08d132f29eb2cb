"""The claim's decision: whose turn it is, and whether the gates before the first job of a lane let it pass.

A store loads what waits (`Line` > `Turn` > `Row` > `Waiting`), `choose` decides, the store writes. What it did not load
it says (`more`, `beyond`), and the decision stops where it would have to guess.

Turns are start-time fair queueing (Goyal, Vin, Cheng 1996): a tenant that is served pays one turn, divided by its
weight; who comes new begins at the clock of the queue, so that nobody saves turns up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from treadle.core.flow.gates import PASSES, REST, SHUT, Gate, Standing, ask, enter
from treadle.core.flow.lanes import read_costs, read_lane
from treadle.core.flow.steering import DEFAULT, Before, Steering, before, caps

#: What a tenant of weight 1 pays for one job.
TURN = 1_000_000

#: Milliseconds of waiting that are worth one point of priority: so nothing starves (see `rank`).
AGEING = 60_000

#: The name of the row in which jobs without a lane are told of.
PLAIN = ""


def rank(since: int, priority: int) -> int:
    """Say where a job stands that waits since then: the lowest goes first, and of equals the older.

    All grow old at the same pace, so the order of two jobs never changes and an index may hold it.
    """
    return since - priority * AGEING


class Waiting(NamedTuple):
    """A queued job."""

    ref: object
    id: str
    rank: int
    seq: int
    costs: str | None = None

    @property
    def place(self) -> tuple[int, int]:
        return self.rank, self.seq


@dataclass(slots=True)
class Row:
    """A lane and its first jobs, best first."""

    text: str
    jobs: Sequence[Waiting]
    more: bool = False
    """There are more jobs than were loaded."""
    at: int = 0
    _before: Before | None = field(default=None, init=False, repr=False, compare=False)

    def before(self, queue: str, steering: Steering) -> Before:
        """Say what is before its jobs; a row is asked with one queue and steering only."""
        if self._before is None:
            plain = self.text == PLAIN
            self._before = before_plain(queue, steering) if plain else before(queue, self.text, steering)
        return self._before

    @property
    def first(self) -> Waiting:
        return self.jobs[self.at]


@dataclass(slots=True)
class Turn:
    """A tenant of a queue and its first lanes."""

    tenant: str
    paid: int
    """How many turns it has paid for in all."""
    rows: list[Row]
    beyond: tuple[int, int] | None = None
    """Where the first lane that was not loaded stands."""


@dataclass(slots=True)
class Line:
    """A queue, and those of its tenants whose turn is next."""

    queue: str
    clock: int
    """What the tenant who was served last had paid before."""
    turns: list[Turn]
    share: int | None = None
    """So many jobs go before those of other queues."""
    beyond: int | None = None
    """What the first tenant that was not loaded has paid."""


class Taken(NamedTuple):
    """A job that may run now, and the gates that it has entered."""

    queue: str
    row: Row
    job: Waiting


class Shut(NamedTuple):
    """A lane whose first job must wait."""

    queue: str
    row: Row
    gate: str
    """The gate's name or the target that is paused."""
    until: int | None
    """The millisecond at which to ask again; None: when somebody leaves, or an operator opens it."""


@dataclass(slots=True)
class Choice:
    """What a claim takes, and what it has found out."""

    taken: list[Taken] = field(default_factory=list)
    shut: list[Shut] = field(default_factory=list)
    emptied: list[tuple[str, Row]] = field(default_factory=list)
    """Lanes (with their queue) in which no job is left."""
    paid: dict[tuple[str, str], int] = field(default_factory=dict)
    """(queue, tenant) -> turns paid."""
    clocks: dict[str, int] = field(default_factory=dict)
    standings: dict[str, tuple[Gate, Standing]] = field(default_factory=dict)
    """The gates that somebody has entered, by name."""
    cut: bool = False
    """It ended where not enough was loaded; load again, once this is written."""


def choose(
    lines: Sequence[Line], standings: Mapping[str, Standing], steering: Steering, now: int, want: int, run: int = 1
) -> Choice:
    """Choose up to `want` jobs. A tenant whose turn it is gives up to `run` of them one after the other.

    `standings` holds those of all gates before the rows of `lines`, by name; what is missing is at rest.
    """
    return _Choosing(lines, standings, steering, now, want, run).choice


Entered = list[tuple[str, tuple[Gate, Standing]]]
"""Gates as they are once a job has entered, by name."""


class _Queue:
    """A line while it is being served."""

    __slots__ = ("left", "line", "turns")

    def __init__(self, line: Line) -> None:
        self.line, self.left = line, line.share
        self.turns: list[tuple[int, int, int, int, _Tenant]] = []

    def put(self, tenant: "_Tenant") -> None:
        place = tenant.place
        if place is not None:
            heappush(self.turns, (max(tenant.paid, self.line.clock), *place, id(tenant), tenant))

    def is_known(self) -> bool:
        """Say whether the tenant whose turn is next was loaded, if there is one."""
        line = self.line
        return line.beyond is None or (bool(self.turns) and self.turns[0][0] <= max(line.beyond, line.clock))

    def key(self) -> tuple[bool, int, int]:
        _, rank, seq, _, _ = self.turns[0]
        return self.left == 0, rank, seq


class _Tenant:
    """A turn while it is being served."""

    __slots__ = ("paid", "rows", "turn")

    def __init__(self, turn: Turn) -> None:
        self.turn, self.paid = turn, turn.paid
        self.rows = [(*row.first.place, n, row) for n, row in enumerate(turn.rows) if row.at < len(row.jobs)]
        heapify(self.rows)

    @property
    def place(self) -> tuple[int, int] | None:
        """Say where its first job stands, also if that was not loaded; None: it has none."""
        return self.rows[0][:2] if self.rows else self.turn.beyond


class _Choosing:
    """One decision while it is being made."""

    def __init__(
        self,
        lines: Sequence[Line],
        standings: Mapping[str, Standing],
        steering: Steering,
        now: int,
        want: int,
        run: int,
    ) -> None:
        self.choice = Choice()
        self._standings, self._steering, self._now, self._want, self._run = standings, steering, now, want, run
        queues = [_Queue(line) for line in lines if not _is_paused(line, steering)]
        for queue in queues:
            for turn in queue.line.turns:
                queue.put(_Tenant(turn))
        self._serve(queues)

    def _serve(self, queues: list[_Queue]) -> None:
        taken = self.choice.taken
        while len(taken) < self._want and not self.choice.cut:
            if len(queues) > 1:
                self._shut_first(queues)
            if not all(queue.is_known() for queue in queues):
                self.choice.cut = True
            waiting = [queue for queue in queues if queue.turns]
            if not waiting or self.choice.cut:
                return
            first = min(waiting, key=_Queue.key)
            others = [queue.key() for queue in waiting if queue is not first]
            self._serve_turn(first, min(others) if others else None)

    def _shut_first(self, queues: list[_Queue]) -> None:
        """See that what each queue puts forward may run: so the order of queues is that of jobs that may."""
        for queue in queues:
            while queue.turns and not self.choice.cut:
                tenant = queue.turns[0][-1]
                if not queue.is_known() or not self._is_known(tenant):
                    self.choice.cut = True
                    return
                asked = self._ask(queue.line.queue, tenant.rows[0][-1])
                if not isinstance(asked, Shut):
                    break
                heappop(queue.turns)
                heappop(tenant.rows)
                self.choice.shut.append(asked)
                if not tenant.rows and tenant.turn.beyond is not None:
                    self.choice.cut = True
                queue.put(tenant)

    def _serve_turn(self, queue: _Queue, others: tuple[bool, int, int] | None) -> None:
        """Let the tenant whose turn it is have up to a run of jobs, as long as no other queue's is better."""
        start, _, _, _, tenant = queue.turns[0]
        line = queue.line
        heappop(queue.turns)
        served = 0
        while tenant.rows and served < self._run and len(self.choice.taken) < self._want:
            rank, seq, *_ = tenant.rows[0]
            if served and others is not None and (queue.left == 0, rank, seq) > others:
                break
            if not self._is_known(tenant):
                break
            most = min(self._run - served, self._want - len(self.choice.taken))
            alone = others is None and len(tenant.rows) == 1
            taken = (alone and self._take_run(queue, tenant, most)) or self._try_first(line, tenant)
            served += taken
            if queue.left:
                queue.left -= taken
            if self.choice.cut or not served:
                break  # a lane that is shut wins its tenant nothing: so claims need not look at those that are known
        if served:
            said = self._steering.get(f"tenant={tenant.turn.tenant}", DEFAULT)
            tenant.paid = start + served * TURN // max(1, said.weight)
            line.clock = max(line.clock, start)
            self.choice.paid[line.queue, tenant.turn.tenant] = tenant.paid
            self.choice.clocks[line.queue] = line.clock
        if not tenant.rows and tenant.turn.beyond is not None:
            self.choice.cut = True
        queue.put(tenant)

    def _take_run(self, queue: _Queue, tenant: _Tenant, most: int) -> int:
        """Take several jobs of a lane at once, if it is a tenant's only one and nothing is before it; else 0."""
        *_, row = tenant.rows[0]
        gates, paused = row.before(queue.line.queue, self._steering)
        if gates or paused is not None or tenant.turn.beyond is not None:
            return 0
        taken = row.jobs[row.at : row.at + min(most, queue.left or most)]
        self.choice.taken += [Taken(queue.line.queue, row, job) for job in taken]
        row.at += len(taken)
        if row.at < len(row.jobs):
            tenant.rows = [(*row.first.place, 0, row)]
        else:
            tenant.rows = []
            self._end_row(queue.line.queue, row)
        return len(taken)

    def _end_row(self, queue: str, row: Row) -> None:
        """Note that all is taken that was loaded of a lane."""
        if row.more:
            self.choice.cut = True
        else:
            self.choice.emptied.append((queue, row))

    def _is_known(self, tenant: _Tenant) -> bool:
        """Say whether its best lane was loaded."""
        beyond = tenant.turn.beyond
        if beyond is not None and (not tenant.rows or tenant.rows[0][:2] > beyond):
            self.choice.cut = True
        return not self.choice.cut

    def _try_first(self, line: Line, tenant: _Tenant) -> int:
        """Take the best job of a tenant, or shut its lane; answer how many were taken."""
        *_, n, row = heappop(tenant.rows)
        asked = self._ask(line.queue, row)
        if isinstance(asked, Shut):
            self.choice.shut.append(asked)
            return 0
        choice = self.choice
        for name, entered in asked:
            choice.standings[name] = entered
        choice.taken.append(Taken(line.queue, row, row.first))
        row.at += 1
        if row.at < len(row.jobs):
            first = row.first
            heappush(tenant.rows, (first.rank, first.seq, n, row))
        else:
            self._end_row(line.queue, row)
        return 1

    def _ask(self, queue: str, row: Row) -> Shut | Entered:
        """Ask all gates before the first job of a lane; answer what they are once it has entered."""
        gates, paused = row.before(queue, self._steering)
        if paused is not None:
            return Shut(queue, row, paused, None)
        entered, known, now, job = self.choice.standings, self._standings, self._now, row.first
        costs = None if job.costs is None else _costs(job, row.text, gates)
        passed: Entered = []
        for place, gate in enumerate(gates):
            name, cost = gate.name, costs[place] if costs else 1
            standing = entered[name][1] if name in entered else known.get(name, REST)
            until = ask(gate, standing, job.id, cost, now)
            if until != PASSES:
                return Shut(queue, row, name, None if until == SHUT else until)
            passed.append((name, (gate, enter(gate, standing, job.id, cost, now))))
        return passed


def before_plain(queue: str, steering: Steering) -> Before:
    """Say what is before jobs that have no lane: only their queue's limit. (Where a task is steered, they get one.)"""
    return Before(tuple(gate for gate in caps(queue, "", None, steering) if gate.name == f"queue={queue}"), None)


def gates_before_plain(queue: str, steering: Steering) -> tuple[Gate, ...]:
    """List the gates before jobs that have no lane."""
    return before_plain(queue, steering).gates


def _is_paused(line: Line, steering: Steering) -> bool:
    said = steering.get(f"queue={line.queue}")
    return said is not None and said.paused


def _costs(job: Waiting, text: str, gates: Sequence[Gate]) -> Sequence[int]:
    """Give what a job of a lane costs at each of these gates; an operator's own, which stand first, cost one."""
    own = 0 if text == PLAIN else len(read_lane(text).gates)
    return (*(1,) * (len(gates) - own), *read_costs(job.costs, own))
