"""What operators ask of the database, and what keeps it small, as steps."""

import json
from collections.abc import Sequence
from typing import Any

from treadle.core.job import Claim, Snapshot
from treadle.core.store import OF_JOB
from treadle.stores import rows
from treadle.stores.postgres.naming import addressed
from treadle.stores.postgres.naming import named as named_keys
from treadle.stores.postgres.statements import Statements
from treadle.stores.postgres.verbs import columns
from treadle.stores.steps import Rows, Steps

ATTEMPT = ("ref", "number", "epoch", "worker", "started_at", "ended_at", "ending", "error")
PROGRESS = ("ref", "epoch", "done", "total", "failed", "note")


def named(sql: Statements, verb: str, ids: Sequence[str], **asked: Any) -> Steps[list[str]]:
    """Take a step that answers ids: `cancel`, `hold`."""
    return [id for (id,) in (yield sql(verb, **addressed(ids), **asked))]


def revive(sql: Statements, ids: Sequence[str]) -> Steps[list[str]]:
    wanted = yield sql("keys_wanted", **addressed(ids))
    if wanted:
        yield sql("let_go", unique_keys=[key for (key,) in wanted])
    found = yield sql("revive", **addressed(ids))
    return [id for (id,) in found[:-1]]  # the last row tells those who wait


def alter(sql: Statements, ids: Sequence[str], queue: str | None, priority: int | None) -> Steps[list[str]]:
    found = yield sql("alter", queue=queue, priority=priority, **addressed(ids))
    return [id for (id,) in found[:-1]]  # the last row tells those who wait


def release(sql: Statements, reason: str, tasks: Sequence[str] | None) -> Steps[int]:
    found = yield sql("release", reason=reason, tasks=None if tasks is None else list(tasks))
    number: int = found[0][0]
    return number


def delete(sql: Statements, ids: Sequence[str], ended_by: int | None = None) -> Steps[list[str]]:
    gone = yield sql("delete", ended_by=ended_by, **addressed(ids))
    yield from _forget(sql, gone)
    return [id for _, id in gone]


def _forget(sql: Statements, gone: Rows) -> Steps[None]:
    if gone:
        yield sql("forget", refs=[ref for ref, _ in gone], kinds=[OF_JOB + id for _, id in gone])


def write(sql: Statements, kind: str, key: str, value: str | None, expect: int | None) -> Steps[bool]:
    verb = "write_expected"
    if value is None:
        verb = "erase"
    elif expect is None:
        verb = "write_over"
    elif expect == 0:
        verb = "write_new"
    return bool((yield sql(verb, kind=kind, key=key, value=value, expect=expect)))


def note(sql: Statements, claim: Claim, key: str, value: str, expect: int) -> Steps[bool]:
    facts: dict[str, Any] = {"ref": claim.ref, "epoch": claim.epoch, "kind": OF_JOB + claim.id}
    return bool((yield sql("note", key=key, value=value, expect=expect, **facts)))


def restore(sql: Statements, jobs: Sequence[Snapshot]) -> Steps[list[str]]:
    keys, names = named_keys([job.id for job in jobs], sql.ids)
    in_lanes = any(job.lane for job in jobs)
    table = columns(rows.RESTORED, map(rows.restored, jobs))
    found = yield sql.arriving("restore", in_lanes, key=keys, name=names, **table)
    kept = {key for (key,) in found}
    refs = {job.id: key for job, key in zip(jobs, keys, strict=True) if key in kept}
    new = [job for job in jobs if job.id in refs]
    attempts = [(refs[job.id], *rows.restored_attempt(attempt)) for job in new for attempt in job.attempts]
    if attempts:
        yield sql("restore_attempts", **columns(ATTEMPT, attempts))
    logs = [(refs[job.id], json.dumps([dict(line) for line in job.log])) for job in new if job.log]
    if logs:
        yield sql("restore_logs", **columns(("ref", "lines"), logs))
    progress = [(refs[job.id], job.epoch, *job.progress) for job in new if job.progress]
    if progress:
        yield sql("restore_progress", **columns(PROGRESS, progress))
    return [job.id for job in new]
