"""A job as others see it: one JSON shape and the words for people. Pure."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from treadle.cli.show import instant, length
from treadle.core.job import Attempt, Failure, Progress, Snapshot
from treadle.core.states import State

INSTANTS = ("created_at", "queued_at", "due_at", "started_at", "finished_at", "expires_at", "result_until")
PLAIN = (
    "id", "task", "queue", "state", "reason", "outcome", "priority", "attempt", "max_attempts", "epoch", "crashes",
    "cancelling", "worker", "owner", "tenant", "batch", "unique_key",
)  # fmt: skip
COLUMNS = ("id", "task", "state", "try", "done", "age")
NUMBERS = frozenset({"try", "done", "age"})


def as_document(job: Snapshot, *, whole: bool = False) -> dict[str, Any]:
    """Make the JSON shape of a job; `whole` adds what only a single look brings: arguments, result, attempts, log."""
    told: dict[str, Any] = {name: getattr(job, name) for name in PLAIN}
    told |= {name: iso(getattr(job, name)) for name in INSTANTS}
    told |= {"progress": _progress(job.progress), "failure": _failure(job.failure)}
    if whole:
        told |= {"args": parsed(job.args), "result": parsed(job.result)}
        told |= {"attempts": [_attempt(each) for each in job.attempts], "log": [_line(line) for line in job.log]}
    return told


def row(job: Snapshot, now: int, *, short: bool = False) -> list[str]:
    """Make the cells of a listing; `short` is for narrow terminals."""
    tries = f"{job.attempt}/{job.max_attempts}"
    return [
        shortened(job.id) if short else job.id,
        job.task,
        state_of(job),
        tries,
        progress_of(job),
        length(max(0, now - job.created_at)),
    ]


def shortened(id: str) -> str:
    """Leave the middle of an id out; `matches` understands what is left."""
    return id if len(id) <= 24 else f"{id[:11]}…{id[-12:]}"


def matches(id: str, piece: str) -> bool:
    """Tell whether somebody may have meant this id: its beginning, its end, or both with … between."""
    first, dots, last = piece.partition("…")
    if dots:
        return id.startswith(first) and id.endswith(last)
    return id.startswith(piece) or id.endswith(piece)


def state_of(job: Snapshot) -> str:
    """Say a job's state with the views that people speak of: retrying, cancelling, skipped."""
    if job.cancelling:
        return "cancelling"
    if job.state is State.SCHEDULED and job.attempt > 0:
        return "retrying"
    return job.outcome or str(job.state)


def progress_of(job: Snapshot) -> str:
    """Say how far a job is, in a few characters."""
    known = job.progress
    if known is None:
        return ""
    return f"{known.percent} %" if known.percent is not None else f"{known.done:,}"


def facts_of(job: Snapshot, now: int) -> list[tuple[str, str]]:
    """Name all that a person may want to know of a job; empty values say nothing."""
    due = f"{instant(job.due_at)} (in {length(job.due_at - now)})" if job.due_at and not job.state.final else ""
    ran = (job.finished_at or now) - job.started_at if job.started_at else None
    return [
        ("job", job.id),
        ("task", job.task),
        ("state", state_of(job) + (f" ({job.reason})" if job.reason else "")),
        ("attempt", f"{job.attempt} of {job.max_attempts}"),
        ("progress", _told(job.progress)),
        ("queue", f"{job.queue}, priority {job.priority}"),
        ("owner", job.owner or ""),
        ("tenant", job.tenant or ""),
        ("batch", job.batch or ""),
        ("unique", job.unique_key or ""),
        ("created", instant(job.created_at)),
        ("due", due),
        ("started", instant(job.started_at)),
        ("finished", instant(job.finished_at)),
        ("ran", length(ran) if ran is not None else ""),
        ("worker", job.worker or ""),
        ("arguments", compact(job.args)),
        ("result", compact(job.result) or ("no longer kept" if job.result_until and job.state.final else "")),
        ("error", f"{job.failure.type}: {job.failure.message}" if job.failure else ""),
    ]


def attempts_of(job: Snapshot) -> list[list[str]]:
    """Make the cells of the attempts that did not simply complete."""
    return [
        [
            str(each.number),
            each.ending,
            instant(each.started_at),
            length(each.ended_at - each.started_at) if each.started_at else "",
            f"{each.failure.type}: {each.failure.message}" if each.failure else "",
        ]
        for each in job.attempts
    ]


def log_of(job: Snapshot) -> list[str]:
    """Write the lines that a job has logged."""
    return [_said(line) for line in job.log]


def iso(at: int | None) -> str | None:
    """Write a point in time for machines."""
    if at is None:
        return None
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parsed(text: str | None) -> Any:
    """Read the JSON that a job carries."""
    return None if text is None else json.loads(text)


def compact(text: str | None) -> str:
    """Write a job's JSON on one line, letters as they are."""
    return "" if text is None else json.dumps(json.loads(text), ensure_ascii=False)


def _told(progress: Progress | None) -> str:
    if progress is None:
        return ""
    amount = f"{progress.done:,}" + (f" of {progress.total:,} ({progress.percent} %)" if progress.total else "")
    failed = f", {progress.failed} failed" if progress.failed else ""
    return amount + failed + (f", {progress.note}" if progress.note else "")


def _said(line: Mapping[str, object]) -> str:
    fields = {name: value for name, value in line.items() if name not in ("at", "attempt", "message")}
    at = line.get("at")
    when = instant(at) if isinstance(at, int) else ""
    return " ".join(filter(None, [when, str(line.get("message", "")), *(f"{k}={v}" for k, v in fields.items())]))


def _progress(progress: Progress | None) -> dict[str, Any] | None:
    return None if progress is None else {**progress._asdict(), "percent": progress.percent}


def _failure(failure: Failure | None) -> dict[str, Any] | None:
    return None if failure is None else failure._asdict()


def _attempt(attempt: Attempt) -> dict[str, Any]:
    times = {"started_at": iso(attempt.started_at), "ended_at": iso(attempt.ended_at)}
    return {**attempt._asdict(), **times, "failure": _failure(attempt.failure)}


def _line(line: Mapping[str, object]) -> dict[str, object]:
    at = line.get("at")
    return {**line, "at": iso(at)} if isinstance(at, int) else dict(line)
