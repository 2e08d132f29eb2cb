"""How the predicates of a claim are told of: clauses without a full stop. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from treadle.core.flow.gates import PASSES, SHUT, Gate, Kind, Standing
from treadle.core.job import Snapshot
from treadle.core.states import Reason, State

#: Jobs that are counted before it is said "and more".
CAP = 1_000


class Ahead(NamedTuple):
    """A count that was not carried to its end where `more`."""

    number: int
    more: bool = False

    def __str__(self) -> str:
        if self.number >= CAP or self.more:
            return f"{min(self.number, CAP):,}+"
        return f"{self.number:,}"


class Serving(NamedTuple):
    """The live workers that serve a queue."""

    queue: str
    task: str | None
    workers: int
    knowing: int
    """Those that know the task, or did not tell which they know."""
    slots: int

    @property
    def enough(self) -> bool:
        return self.knowing > 0

    @property
    def says(self) -> str:
        if not self.workers:
            return f"no live worker serves the queue {self.queue!r}"
        live = "1 live worker serves" if self.workers == 1 else f"{self.workers} live workers serve"
        if not self.knowing:
            return f"{live} the queue {self.queue!r}, but none of them knows the task {self.task!r}"
        return f"{live} the queue {self.queue!r}"


def instant(at: int, now: int) -> str:
    """Write a point in time, with its date if that is another day's."""
    day, today = _utc(at), _utc(now)
    form = "%H:%M:%S UTC" if day.date() == today.date() else "%Y-%m-%d %H:%M:%S UTC"
    return day.strftime(form)


def _utc(at: int) -> datetime:
    return datetime.fromtimestamp(at // 1000, UTC)


def jobs(number: Ahead) -> str:
    return "1 job" if number == Ahead(1) else f"{number} jobs"


def headline(state: State, runnable: bool, ahead: Ahead | None, failing: Sequence[str], of_state: str) -> str:
    """Say in one sentence why a job waits."""
    if state is State.RUNNING or state.final:
        return f"{of_state}."
    if runnable:
        first = f"{_go(ahead)} before it" if ahead and ahead.number else "nobody goes before it"
        return "; ".join([f"runnable: {first}", *failing]) + "."
    return "waiting: " + "; ".join(failing or [of_state]) + "."


def _go(ahead: Ahead) -> str:
    return f"{jobs(ahead)} {'goes' if ahead == Ahead(1) else 'go'}"


def of_state(job: Snapshot, now: int) -> str:
    """Say what a job's state has to do with its start."""
    match job.state:
        case State.SCHEDULED if job.due_at is not None and job.due_at > now:
            again = f" (attempt {job.attempt + 1} of {job.max_attempts})" if job.attempt else ""
            return f"it is due {instant(job.due_at, now)}{again}"
        case State.SCHEDULED:
            return "it is due, and is queued as soon as a worker looks after what time has changed"
        case State.HELD:
            return _held(job)
        case State.QUEUED:
            return "it is due"
        case State.RUNNING:
            since = f" since {instant(job.started_at, now)}" if job.started_at else ""
            return f"it runs{since} on worker {job.worker}"
    when = f" {instant(job.finished_at, now)}" if job.finished_at else ""
    return f"it has ended{when} ({job.reason or job.outcome or job.state})"


def _held(job: Snapshot) -> str:
    match job.reason:
        case Reason.UNKNOWN_TASK:
            return f"it is held: no worker that met it knew the task {job.task!r}; one that does will run it"
        case "spooled":
            return "it waits on this host, for the store was away, and goes on its way when the store is back"
        case "arriving" | "leaving":
            return "it is held while its jobs are moved to another store; `treadle store move` goes on with that"
    return f"it is held ({job.reason or 'no reason is told'}) until somebody releases it"


def not_seen(whole: bool) -> str:
    """Say that a queued job was not among those that wait."""
    if whole:
        return "it was taken or moved just now; ask again"
    return "it stands behind more jobs than are looked at"


def of_pause(target: str, paused: bool) -> str:
    kind, _, name = target.partition("=")
    what = f"the {kind} {name!r}" if kind in ("queue", "task", "tenant", "key") else f"the limit {target!r}"
    return f"{what} is paused" if paused else f"{what} is not paused"


def label(gate: Gate) -> str:
    """Name a gate as people speak of it."""
    return f"{gate.key} ({gate.policy})" if gate.key else gate.policy


def of_unseen_gate(gate: Gate) -> str:
    return f"{label(gate)} is asked when it stands among the first of its queue"


def used_of(gate: Gate, standing: Standing, now: int) -> int | None:
    """Count what is used of a gate now; None for a rate and an order, which do not count."""
    if gate.kind == Kind.CONCURRENCY:
        return standing.used
    if gate.kind == Kind.BUDGET:
        return standing.used if standing.mark == now // gate.period else 0
    return None


def of_gate(
    gate: Gate, standing: Standing, answer: int, cost: int, now: int, blockers: Sequence[str], *, crowded: bool
) -> str:
    """Say what a gate answered; `crowded`: it would let it pass, if others did not go before."""
    if standing.until > now:
        return f"{label(gate)} is parked until {instant(standing.until, now)}"
    rest = ", and what is left goes to jobs before it" if crowded else ""
    match gate.kind:
        case Kind.CONCURRENCY:
            return f"{label(gate)} has {standing.used:,}/{gate.limit:,} running{_named(blockers)}{rest}"
        case Kind.ORDER:
            return f"{label(gate)} runs one after the other{_holder(blockers)}{rest}"
        case Kind.RATE:
            if answer == SHUT:
                return f"bucket {label(gate)} has a limit of {gate.limit:,}, so that nothing passes"
            if answer != PASSES:
                return f"bucket {label(gate)} refills {instant(answer, now)}"
            return f"bucket {label(gate)} has enough{rest}"
    spent, ends = used_of(gate, standing, now) or 0, (now // gate.period + 1) * gate.period
    needs = f", this job needs {cost:,}" if answer != PASSES else ""
    if cost > gate.limit:
        return f"budget {label(gate)} is {gate.limit:,}, less than the {cost:,} that this job needs: it never starts"
    return f"budget {label(gate)} has {spent:,}/{gate.limit:,} spent{needs}{rest}; the window ends {instant(ends, now)}"


def _named(ids: Sequence[str]) -> str:
    if not ids:
        return ""
    some = ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "")
    return f" ({'job' if len(ids) == 1 else 'jobs'} {some})"


def _holder(ids: Sequence[str]) -> str:
    return f", and job {ids[0]} has not ended" if ids else ""


def of_lane(ahead: Ahead, first: str) -> str:
    if not ahead.number:
        return "it is the first of its lane"
    waits = f"; the first of them, job {first}, must wait" if first else ""
    verb = "stands" if ahead == Ahead(1) else "stand"
    return f"{jobs(ahead)} {verb} before it in its lane{waits}"


def of_turn(tenant: str, before: int) -> str:
    who = f"the tenant {tenant!r}" if tenant else "jobs without a tenant"
    if not before:
        return f"{who}: its turn is next" if tenant else f"{who}: their turn is next"
    return f"{who}: {before:,} other {'tenant has its' if before == 1 else 'tenants have their'} turn before"
