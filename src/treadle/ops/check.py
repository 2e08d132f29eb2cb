"""Before a deploy: would the jobs that wait now still run with this code? Reads, and changes nothing."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from treadle.core.errors import ConfigError, StoreError, TreadleError
from treadle.core.job import Filter, Record, Snapshot, WorkerInfo
from treadle.core.states import LIVE, Reason, State
from treadle.ops.steering import live_workers
from treadle.schedule import KIND as SCHEDULE

if TYPE_CHECKING:
    from treadle import Treadle
    from treadle.task import Task

#: Jobs that are read together, and ids that are named of those with one problem.
PAGE, NAMED = 500, 3

#: Milliseconds since a schedule fired last, after which nobody counts on it any more: no month is longer.
FORGOTTEN = 32 * 24 * 3600 * 1000


class Problem(NamedTuple):
    """Something that does not fit this code."""

    kind: str
    """"arguments", "task", "queue", "schedule"."""
    name: str
    says: str
    breaks: bool
    """False: worth knowing, but no worse than it was."""
    jobs: int = 0
    examples: tuple[str, ...] = ()


class Report(NamedTuple):
    """What a check has found."""

    jobs: int
    """Live jobs that were looked at."""
    tasks: int
    """Different tasks among them."""
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return not any(problem.breaks for problem in self.problems)


async def check(app: "Treadle", accept: Collection[str] = ()) -> Report:
    """Hold an application against the live backlog of its store. `accept`: names that are meant to be gone.

    Raises StoreError where the store's tables are not of this version.
    """
    schema = await app.store.schema()
    if not schema.found:
        return Report(0, 0, ())
    if not schema.current:  # opening the store might bring its tables up to date, under the feet of the old code
        raise StoreError(
            f"{app.store.url}: its tables are of another Treadle (schema {schema.found}, this one's is {schema.known})."
            " Check with that one, or migrate them first: treadle db migrate"
        )
    now, workers = await app.store.now(), await live_workers(app.store)
    findings = _Findings(app)
    async for job in backlog(app):
        findings.take(job)
    schedules = _schedules(app, await app.store.read(SCHEDULE), now)
    problems = [*findings.arguments(), *findings.vanished(), *findings.unserved(workers), *schedules]
    told = [problem._replace(breaks=False) if problem.name in accept else problem for problem in problems]
    return Report(findings.jobs, len(findings.tasks), tuple(sorted(told, key=lambda each: not each.breaks)))


async def backlog(app: "Treadle") -> AsyncIterator[Snapshot]:
    """Read all live jobs, newest first."""
    cursor: str | None = None
    while True:
        page = await app.store.find(Filter(states=tuple(sorted(LIVE))), PAGE, cursor)
        for job in page.items:
            yield job
        cursor = page.next_cursor
        if cursor is None:
            return


class Tally:
    """Jobs with one problem in common."""

    def __init__(self) -> None:
        self.jobs = 0
        self.examples: list[str] = []

    def take(self, id: str) -> None:
        self.jobs += 1
        if len(self.examples) < NAMED:
            self.examples.append(id)


class _Findings:
    """What is found while the backlog goes by."""

    def __init__(self, app: "Treadle") -> None:
        self._app = app
        self._queues = frozenset(app.queues)
        self._known: dict[str, Task[Any, Any] | None] = {}
        self.jobs = 0
        self.tasks: Counter[str] = Counter()
        self._misfits: dict[tuple[str, str], Tally] = {}
        self._strangers: dict[str, Tally] = {}
        self._held: Counter[str] = Counter()
        self._elsewhere: dict[str, Tally] = {}

    def take(self, job: Snapshot) -> None:
        self.jobs += 1
        self.tasks[job.task] += 1
        if job.queue not in self._queues:
            self._elsewhere.setdefault(job.queue, Tally()).take(job.id)
            return  # whether its task is known, those who serve that queue must say
        task = self._task(job.task)
        if task is None:
            self._held[job.task] += job.state is State.HELD and job.reason == Reason.UNKNOWN_TASK
            self._strangers.setdefault(job.task, Tally()).take(job.id)
        elif wrong := misfit(task, job.args):
            self._misfits.setdefault((job.task, wrong), Tally()).take(job.id)

    def _task(self, name: str) -> "Task[Any, Any] | None":
        if name not in self._known:
            try:
                self._known[name] = self._app.task_named(name)
            except TreadleError:
                self._known[name] = None
        return self._known[name]

    def arguments(self) -> Iterable[Problem]:
        for (task, wrong), tally in self._misfits.items():
            yield Problem("arguments", task, wrong, True, tally.jobs, tuple(tally.examples))

    def vanished(self) -> Iterable[Problem]:
        for name, tally in self._strangers.items():
            lost = tally.jobs > self._held[name]
            says = "the task is not in this application, so its jobs would be held until a worker knows it"
            if not lost:
                says = "the task is unknown, as it was before: its jobs are held"
            yield Problem("task", name, says, lost, tally.jobs, tuple(tally.examples))

    def unserved(self, workers: Iterable[WorkerInfo]) -> Iterable[Problem]:
        # Whoever serves none of our queues is no older self of this application.
        others = [worker for worker in workers if self._queues.isdisjoint(worker.queues)]
        for queue, tally in self._elsewhere.items():
            served = any(queue in worker.queues for worker in others)
            says = "no worker of this application would serve this queue" + (", but others do" if served else "")
            yield Problem("queue", queue, says, not served, tally.jobs, tuple(tally.examples))


def misfit(task: "Task[Any, Any]", args: str) -> str | None:
    """Say why a task cannot take these arguments; None if it can."""
    try:
        task.signature.decode(args)
    except ConfigError:
        raise  # the code itself is wrong, and for all jobs
    except TreadleError as error:
        return str(error).removeprefix(f"{task.name}: ")
    except Exception as error:  # noqa: BLE001 - a model's own validation may raise anything
        return f"{type(error).__name__}: {error}"
    return None


def _schedules(app: "Treadle", records: Iterable[Record], now: int) -> Iterable[Problem]:
    for schedule in app.schedules.values():
        if schedule.task.name not in app.tasks:
            says = f"runs the task {schedule.task.name!r}, which is not in this application: no worker would start"
            yield Problem("schedule", schedule.name, says, True)
    for record in records:
        if record.key not in app.schedules:
            yield _orphan(app, record.key, _last(record.value), now)


def _orphan(app: "Treadle", name: str, last: int, now: int) -> Problem:
    if name in app.tasks:
        return Problem("schedule", name, "is not scheduled any more; its task is still there", False)
    if now - last > FORGOTTEN:
        return Problem("schedule", name, "points nowhere, and has not fired for more than a month", False)
    return Problem("schedule", name, "points nowhere: this application has no such schedule, and no such task", True)


def _last(value: str) -> int:
    told: Mapping[str, Any] = json.loads(value)
    return int(told.get("last", 0))
