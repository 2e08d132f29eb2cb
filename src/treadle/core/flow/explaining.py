"""Why a job waits: each predicate of the claim with its verdict. Pure.

It asks `choose` about all that waits (a `Survey`), so it calls *runnable* exactly what a claim takes; the sentences are
in `saying.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from treadle.core.flow import saying
from treadle.core.flow.choosing import PLAIN, Choice, Line, Row, Shut, Turn, choose, gates_before_plain
from treadle.core.flow.gates import PASSES, REST, Gate, Kind, Standing, ask
from treadle.core.flow.lanes import Lane, lane_of_task, read_costs, read_lane
from treadle.core.flow.saying import Ahead, Serving
from treadle.core.flow.starting import Start, earliest, start_of
from treadle.core.flow.steering import Steering, caps, gates_before
from treadle.core.job import Running, Snapshot, Survey, WorkerInfo
from treadle.core.states import State

#: Ids that are named of those who stand in the way.
NAMED = 10


class Verdict(NamedTuple):
    """What one predicate says of a job."""

    predicate: str
    """"state", "due", "paused", a kind of gate, "lane", "turn" or "worker"."""
    passes: bool | None
    """None: it cannot be told, or is no condition."""
    says: str
    """A clause without a full stop, such as "user_id=u1 has 1/1 running"."""
    name: str = ""
    """The target or the gate."""
    used: int | None = None
    limit: int | None = None
    until: int | None = None
    """The millisecond at which it may pass by itself."""
    blockers: tuple[str, ...] = ()
    """Ids of the jobs that stand in the way."""


class Explanation(NamedTuple):
    """Why a job waits, or that it need not."""

    id: str
    task: str
    queue: str
    state: State
    runnable: bool
    """A claim of all that waits in its queue would take it now. (Whether a worker is there is another question.)"""
    verdicts: tuple[Verdict, ...]
    serving: Serving
    start: Start
    ahead_in_lane: Ahead | None = None
    """How many of its lane go before it; None for a job without limits and tenant, which has no lane."""
    ahead_in_queue: Ahead | None = None
    whole: bool = True
    """False: more waits in its queue than was looked at."""

    @property
    def failing(self) -> tuple[Verdict, ...]:
        """What holds it back."""
        return tuple(verdict for verdict in self.verdicts if verdict.passes is False)

    @property
    def blockers(self) -> tuple[str, ...]:
        """Name the jobs that stand in its way."""
        return tuple(dict.fromkeys(id for verdict in self.failing for id in verdict.blockers))

    @property
    def next_at(self) -> int | None:
        """Say when the next of what holds it back may pass by itself."""
        return min((verdict.until for verdict in self.failing if verdict.until is not None), default=None)

    @property
    def says(self) -> str:
        """Say all of it in one sentence."""
        return saying.headline(
            self.state, self.runnable, self.ahead_in_queue, [each.says for each in self.failing], self.verdicts[0].says
        )


class Look(NamedTuple):
    """What `choose` makes of a survey, with all that was loaded taken for all there is."""

    survey: Survey
    line: Line
    choice: Choice

    @property
    def whole(self) -> bool:
        line = self.survey.line
        return line.beyond is None and not any(
            turn.beyond is not None or any(row.more for row in turn.rows) for turn in line.turns
        )

    def rows(self) -> Iterator[tuple[Turn, Row]]:
        return ((turn, row) for turn in self.line.turns for row in turn.rows)

    def shut(self, row: Row) -> Shut | None:
        return next((shut for shut in self.choice.shut if shut.row is row), None)


class Place(NamedTuple):
    """Where a job waits."""

    turn: Turn
    row: Row
    at: int

    @property
    def taken(self) -> bool:
        return self.at < self.row.at


def look(survey: Survey) -> Look:
    """Ask which of all these a claim would take."""
    line = replace(
        survey.line,
        beyond=None,
        share=None,
        turns=[
            replace(turn, beyond=None, rows=[replace(row, more=False) for row in turn.rows])
            for turn in survey.line.turns
        ],
    )
    number = sum(len(row.jobs) for turn in line.turns for row in turn.rows)
    return Look(survey, line, choose([line], survey.standings, survey.steering, survey.now, number))


def explain(job: Snapshot, survey: Survey, workers: Sequence[WorkerInfo], typical: int | None = None) -> Explanation:
    """Explain why a job waits. `survey`: of its queue, read after it. `typical`: milliseconds that jobs there take."""
    looked = look(survey)
    place = find(looked.line, job.id) if job.state is State.QUEUED else None
    serving = serving_of(workers, job.queue, job.task, survey.now)
    lane = _lane_of(job, place, survey.steering)
    gates = [] if job.state.final else _gates_of(job, lane, survey, looked, place)
    verdicts = [_of_state(job, survey.now, place, looked.whole)]
    if not job.state.final and job.state is not State.RUNNING:
        verdicts += [
            *_of_steering(job, lane, survey.steering),
            *gates,
            *_of_lane(place, looked),
            *_of_turn(place, survey),
            Verdict("worker", serving.enough, serving.says),
        ]
    runnable = place is not None and place.taken
    ahead = _ahead_in_queue(place, looked) if job.state is State.QUEUED else None
    start = start_of(
        job,
        survey.now,
        runnable,
        serving,
        ahead,
        _alone(job, place, lane, survey, gates),
        _waits_for(verdicts),
        typical,
    )
    return Explanation(
        job.id, job.task, job.queue, job.state, runnable, tuple(verdicts), serving, start,
        None if place is None or place.row.text == PLAIN else Ahead(place.at),
        ahead, looked.whole,
    )  # fmt: skip


def find(line: Line, id: str) -> Place | None:
    """Find where a job waits."""
    for turn in line.turns:
        for row in turn.rows:
            for at, job in enumerate(row.jobs):
                if job.id == id:
                    return Place(turn, row, at)
    return None


def serving_of(workers: Sequence[WorkerInfo], queue: str, task: str | None, now: int) -> Serving:
    """Count the live workers that serve a queue and, as far as they told, know a task."""
    live = [worker for worker in workers if worker.lease_until > now and queue in worker.queues]
    told = [worker for worker in live if isinstance(worker.details.get("tasks"), list | tuple)]
    strangers = [worker for worker in told if task is not None and task not in _tasks(worker)]
    return Serving(queue, task, len(live), len(live) - len(strangers), sum(worker.slots for worker in live))


def _tasks(worker: WorkerInfo) -> Sequence[object]:
    tasks = worker.details["tasks"]
    return tasks if isinstance(tasks, list | tuple) else ()


# -- one predicate after the other -----------------------------------------------------


def _of_state(job: Snapshot, now: int, place: Place | None, whole: bool) -> Verdict:
    says = saying.of_state(job, now)
    match job.state:
        case State.SCHEDULED:
            return Verdict("due", False, says, until=job.due_at)
        case State.HELD:
            return Verdict("state", False, says, name=job.reason or "")
        case State.QUEUED if place is None:
            return Verdict("state", None, saying.not_seen(whole))
        case State.QUEUED:
            return Verdict("due", True, says)
    return Verdict("state", None, says)


def _of_steering(job: Snapshot, lane: Lane | None, steering: Steering) -> Iterator[Verdict]:
    targets = lane.targets if lane else (f"task={job.task}",)
    for target in (f"queue={job.queue}", *targets):
        said = steering.get(target)
        paused = said is not None and said.paused
        if paused or target.startswith(("queue=", "task=", "tenant=", "key=")):
            yield Verdict("paused", not paused, saying.of_pause(target, paused), name=target)


def _gates_of(job: Snapshot, lane: Lane | None, survey: Survey, looked: Look, place: Place | None) -> list[Verdict]:
    gates, costs = gates_and_costs(job.queue, lane, job.costs, survey.steering)
    shut = looked.shut(place.row) if place and not place.taken else None
    running = holders(survey)
    return [
        of_gate(gate, cost, job.id, survey, running, seen=place is not None, shut=shut if _is_at(shut, gate) else None)
        for gate, cost in zip(gates, costs, strict=True)
    ]


def _is_at(shut: Shut | None, gate: Gate) -> bool:
    return shut is not None and shut.gate == gate.name


def of_gate(
    gate: Gate,
    cost: int,
    id: str,
    survey: Survey,
    running: Mapping[str, Sequence[str]],
    *,
    seen: bool,
    shut: Shut | None,
) -> Verdict:
    """Say whether a gate lets a job pass. `seen`: what is remembered of it was read; `shut`: its lane waits at it."""
    if not seen and gate.name not in survey.standings:
        return Verdict(gate.kind, None, saying.of_unseen_gate(gate), name=gate.name, limit=gate.limit)
    standing = survey.standings.get(gate.name, REST)
    answer = ask(gate, standing, id, cost, survey.now)
    blockers = tuple(running.get(gate.name, ()))[:NAMED]
    if gate.kind == Kind.ORDER:
        blockers = (standing.holder,) if standing.holder not in ("", id) else ()
    passes = answer == PASSES and shut is None
    until = answer if answer > PASSES else shut.until if shut else None
    return Verdict(
        gate.kind,
        passes,
        saying.of_gate(gate, standing, answer, cost, survey.now, blockers, crowded=answer == PASSES and not passes),
        gate.name,
        used=saying.used_of(gate, standing, survey.now),
        limit=gate.limit,
        until=until,
        blockers=() if passes else blockers,
    )


def _of_lane(place: Place | None, looked: Look) -> Iterator[Verdict]:
    if place is None or place.row.text == PLAIN:
        return
    shut = looked.shut(place.row) if place.row.at < place.at else None
    first = place.row.first.id if shut else ""
    yield Verdict(
        "lane",
        not shut,
        saying.of_lane(Ahead(place.at), first),
        until=shut.until if shut else None,
        blockers=(first,) if first else (),
    )


def _of_turn(place: Place | None, survey: Survey) -> Iterator[Verdict]:
    turns = [turn for turn in survey.line.turns if turn.rows]
    if place is None or len(turns) < 2:
        return
    mine = max(place.turn.paid, survey.line.clock)
    before = sum(1 for turn in turns if max(turn.paid, survey.line.clock) < mine)
    yield Verdict("turn", True, saying.of_turn(place.turn.tenant, before), name=place.turn.tenant)


# -- what they need --------------------------------------------------------------------


def _lane_of(job: Snapshot, place: Place | None, steering: Steering) -> Lane | None:
    text = place.row.text if place else job.lane or PLAIN
    if text == PLAIN and f"task={job.task}" in steering:
        text = lane_of_task(job.task)
    return read_lane(text) if text else None


def gates_and_costs(
    queue: str, lane: Lane | None, costs: str | None, steering: Steering
) -> tuple[Sequence[Gate], Sequence[int]]:
    """List the gates before a job, and what it costs at each; an operator's own, which stand first, cost one."""
    gates = gates_before(queue, lane, steering) if lane else gates_before_plain(queue, steering)
    own = len(lane.gates) if lane else 0
    return gates, [*(1,) * (len(gates) - own), *read_costs(costs, own)]


def holders(survey: Survey) -> dict[str, list[str]]:
    """Name the running jobs that have entered each gate."""
    found: dict[str, list[str]] = {}
    for running in survey.running:
        for gate in _entered(running, survey.steering):
            found.setdefault(gate.name, []).append(running.id)
    return found


def _entered(running: Running, steering: Steering) -> Sequence[Gate]:
    if running.lane:
        return gates_before(running.queue, read_lane(running.lane), steering)
    return caps(running.queue, running.task, running.tenant, steering)


def _ahead_in_queue(place: Place | None, looked: Look) -> Ahead | None:
    """Count who goes before a job: those that a claim would take sooner or, if it must wait, who stands better."""
    if place is None:
        known = sum(len(row.jobs) for _, row in looked.rows())
        return None if looked.whole else Ahead(known, more=True)
    mine = place.row.jobs[place.at]
    if place.taken:
        return Ahead(next(n for n, taken in enumerate(looked.choice.taken) if taken.job is mine))
    before = sum(1 for _, row in looked.rows() for job in row.jobs if job.place < mine.place)
    return Ahead(before, more=not looked.whole)


def _alone(
    job: Snapshot, place: Place | None, lane: Lane | None, survey: Survey, verdicts: Sequence[Verdict]
) -> int | None:
    """Say when it could start if nobody but its lane was there; None where that cannot be told."""
    if any(verdict.passes is None for verdict in verdicts):
        return None
    begins = max(survey.now, job.due_at or 0) if job.state is State.SCHEDULED else survey.now
    jobs = [(each.id, each.costs) for each in place.row.jobs[: place.at + 1]] if place else [(job.id, job.costs)]
    entries = [(id, *gates_and_costs(job.queue, lane, costs, survey.steering)) for id, costs in jobs]
    return earliest(entries, dict[str, Standing](survey.standings), begins)


def _waits_for(verdicts: Sequence[Verdict]) -> str | None:
    """Name what holds a job back for a time that nobody knows."""
    return next((each.says for each in verdicts if each.passes is False and each.until is None), None)
