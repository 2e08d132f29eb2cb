"""Schedules: when a task is to run again and again, and the scheduler that turns instants into jobs.

A scheduler runs in every worker and elects no leader: the job of an instant has the id `name@instant`, so
adding it twice changes nothing. One record a schedule holds the last instant; it moves by compare-and-set,
after the job was added. A death in between repeats an add that does nothing.
"""

import json
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from treadle.core.cron import next_after, parse
from treadle.core.errors import ConfigError
from treadle.core.job import NewJob
from treadle.core.retry import milliseconds
from treadle.task import Task

if TYPE_CHECKING:
    from treadle.app import Treadle

log = logging.getLogger("treadle.schedule")

Missed = Literal["skip", "one", "all"]
Overlap = Literal["skip", "allow"]
Next = Callable[[int], int | None]
"""The first instant after one, in milliseconds since 1970."""

#: Milliseconds after which an instant counts as missed; a restarted worker is back sooner.
PUNCTUAL = 60_000

#: Jobs that one schedule catches up on at most, the newest.
CATCH_UP = 1_000

#: The kind of the records that hold each schedule's last instant.
KIND = "schedule"

#: Schedulers look once a second.
SHORTEST = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A task and the instants at which it is to run."""

    name: str
    task: Task[Any, Any]
    text: str
    """How it is written; another text is another schedule, whose past is not caught up on."""
    next: Next
    missed: Missed = "one"
    overlap: Overlap = "skip"


def cron_schedule(
    name: str | None, task: Task[Any, Any], expression: str, tz: str, missed: Missed, overlap: Overlap
) -> Schedule:
    """Make the schedule of a cron expression. Raises ConfigError."""
    cron, zone = parse(expression), find_zone(tz)
    return _schedule(name, task, f"{cron} {tz}", lambda after: next_after(cron, after, zone), missed, overlap)


def interval_schedule(
    name: str | None, task: Task[Any, Any], interval: timedelta, missed: Missed, overlap: Overlap
) -> Schedule:
    """Make the schedule of an interval, at its whole multiples since 1970. Raises ConfigError."""
    if type(interval) is not timedelta or interval < SHORTEST:  # a number says no unit
        raise ConfigError(f"every({interval!r}) takes a timedelta of at least a second, such as timedelta(minutes=5).")
    length = milliseconds(interval)
    return _schedule(name, task, f"every {interval}", lambda after: (after // length + 1) * length, missed, overlap)


def find_zone(name: str) -> tzinfo:
    """Find a time zone by its IANA name. Raises ConfigError."""
    if name.upper() == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ConfigError(
            f"There is no time zone {name!r} here; names are like Europe/Berlin."
            " If the name is right, this system has no time zone data: pip install tzdata"
        ) from None


def _schedule(
    name: str | None, task: Task[Any, Any], text: str, next: Next, missed: Missed, overlap: Overlap
) -> Schedule:
    if not isinstance(task, Task):
        raise ConfigError(f"A schedule runs a task, not {task!r}; put @app.task below the schedule.")
    called = task.name if name is None else name
    if not called or len(called) > 150 or not called.isprintable():
        raise ConfigError(f"{called!r} cannot name a schedule; use 1 to 150 printable characters.")
    for word, value, known in (("missed", missed, Missed), ("overlap", overlap, Overlap)):
        if value not in get_args(known):
            raise ConfigError(f"The schedule {called!r}: {word}={value!r} is not known; it is {get_args(known)}.")
    if wrong := task.signature.explain({}):
        raise ConfigError(
            f"The schedule {called!r} calls {task.name} without arguments, but {wrong}"
            " Give it a default, or schedule a task of its own that enqueues this one."
        )
    return Schedule(name=called, task=task, text=text, next=next, missed=missed, overlap=overlap)


# -- deciding: pure --------------------------------------------------------------------


class Due(NamedTuple):
    """What a look at the clock asks for."""

    last: int
    """The last instant that has come."""
    catch_up: Sequence[int] = ()
    """Missed instants, oldest first; each gets its job, whatever runs."""
    fires: int | None = None
    """Gets its job if the schedule's overlap allows."""
    dropped: int = 0
    """Instants that get none."""


def due_instants(next: Next, missed: Missed, last: int, now: int) -> Due:
    """Decide for which instants in (last, now] there shall be jobs."""
    passed = instants(next, last, now, CATCH_UP)
    if not passed:
        return Due(last)
    *before, newest = passed
    punctual = now - newest <= PUNCTUAL
    match missed:
        case "all":
            return Due(newest, before, newest) if punctual else Due(newest, passed)
        case "one":
            return Due(newest, fires=newest, dropped=len(before))
        case "skip":
            return Due(newest, fires=newest if punctual else None, dropped=len(before) + (not punctual))


def instants(next: Next, after: int, until: int, most: int) -> list[int]:
    """List the instants in (after, until], the newest `most` of them."""
    span = most * 60_000
    while True:  # looking back twice as far each time costs little more than the newest ones after a long absence
        start = max(after, until - span)
        found: deque[int] = deque(maxlen=most)
        instant = next(start)
        while instant is not None and instant <= until:
            found.append(instant)
            instant = next(instant)
        if len(found) == most or start == after:
            return list(found)
        span *= 2


def job_id(schedule: str, instant: int) -> str:
    """Name the one job of this instant, as in `digest@2026-11-22T08:00Z`."""
    at = datetime.fromtimestamp(instant / 1000, UTC)
    parts = "minutes" if not instant % 60_000 else "seconds" if not instant % 1000 else "milliseconds"
    return f"{schedule}@{at.replace(tzinfo=None).isoformat(timespec=parts)}Z"


# -- doing -----------------------------------------------------------------------------


class Standing(NamedTuple):
    """What the store holds of one schedule."""

    last: int
    text: str
    version: int


class Scheduler:
    """One worker's scheduler. Raises UnknownTask for a task that the application does not have."""

    def __init__(self, app: "Treadle") -> None:
        self._store = app.store
        self._plans: dict[str, tuple[Schedule, Task[Any, Any]]] = {
            schedule.name: (schedule, app.bind(schedule.task)) for schedule in app.schedules.values()
        }
        self._begun = False
        self._seen = 0
        self._coming: dict[str, int] = {}
        """When each schedule fires next; no store is asked before."""

    async def tick(self) -> None:
        """Add the jobs whose instants have come, by the store's clock."""
        now = await self._store.now()
        if not self._begun or now < self._seen:
            await self._begin(now)
        elif ready := [name for name, instant in self._coming.items() if instant <= now]:
            await self._fire(ready, now)
        self._seen = now

    async def _begin(self, now: int) -> None:
        """Take up each schedule where it was left. What is new or newly written starts now, never in its past."""
        standings = await self._read()
        for name, (schedule, _) in self._plans.items():
            found = standings.get(name)
            if found is None or found.text != schedule.text or found.last > now:
                # A clock that was set back may bring instants again; their ids keep their jobs single.
                await self._write(schedule, now, found)
        await self._fire(list(self._plans), now)

    async def _fire(self, names: Sequence[str], now: int) -> None:
        standings = await self._read()
        looks = [(*self._plans[name], standings[name]) for name in names if name in standings]
        dues = [due_instants(schedule.next, schedule.missed, found.last, now) for schedule, _, found in looks]
        jobs = [job for (schedule, task, _), due in zip(looks, dues, strict=True) for job in _jobs(schedule, task, due)]
        await self._store.add(jobs)
        for (schedule, _, found), due in zip(looks, dues, strict=True):
            if due.last != found.last:
                await self._write(schedule, due.last, found)
        self._look_ahead(names, now)
        self._begun = len(looks) == len(names)  # a record was removed: begin it anew

    def _look_ahead(self, names: Sequence[str], now: int) -> None:
        for name in names:
            instant = self._plans[name][0].next(now)
            if instant is None:
                self._coming.pop(name, None)
            else:
                self._coming[name] = instant

    async def _read(self) -> dict[str, Standing]:
        records = await self._store.read(KIND)
        told = {record.key: (json.loads(record.value), record.version) for record in records}
        return {name: Standing(value["last"], value["text"], version) for name, (value, version) in told.items()}

    async def _write(self, schedule: Schedule, last: int, found: Standing | None) -> None:
        # Who loses this race was overtaken by a scheduler that did the same.
        value = json.dumps({"last": last, "text": schedule.text})
        await self._store.write(KIND, schedule.name, value, expect=found.version if found else 0)


def _jobs(schedule: Schedule, task: Task[Any, Any], due: Due) -> list[NewJob]:
    """Make the jobs that are asked for."""
    if missed := len(due.catch_up) + due.dropped:
        log.warning("schedule %s missed %d instants; missed=%s", schedule.name, missed, schedule.missed)
    made = [_job(schedule, task, instant) for instant in due.catch_up]
    if due.fires is not None:
        job = _job(schedule, task, due.fires)
        alone = f"schedule {schedule.name}" if schedule.overlap == "skip" else None
        made.append(job._replace(unique_key=job.unique_key or alone))
    return made


def _job(schedule: Schedule, task: Task[Any, Any], instant: int) -> NewJob:
    return task.call().job._replace(id=job_id(schedule.name, instant), fresh=False)
