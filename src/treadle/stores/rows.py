"""Between rows and values; the one place where the SQL stores' JSON documents are taken apart."""

import json
from collections.abc import Sequence
from typing import Any

from treadle.core.job import Attempt, Claim, Failure, Progress, Snapshot, WorkerInfo
from treadle.core.states import State


def claims(rows: Sequence[tuple[Any, ...]]) -> list[Claim]:
    """Make claims of rows that begin with rank and seq, best first: RETURNING promises no order."""
    return [Claim._make((*row[1:], False) if len(row) == SHORT else row[1:]) for row in sorted(rows)]


#: A row without the last of a claim's fields, whether it was taken over.
SHORT = len(Claim._fields)


def failure(text: str | None) -> Failure | None:
    """Read the error text of a job."""
    if text is None:
        return None
    try:
        told = json.loads(text)
        return Failure(str(told["type"]), str(told["message"]), told.get("traceback"))
    except (ValueError, KeyError, TypeError):
        return Failure("Error", text)


def snapshot(row: Sequence[Any], attempts: Sequence[Attempt] = (), log: Sequence[Any] = ()) -> Snapshot:
    """Turn a row of `find.sql` into a value."""
    (seq, id, task, queue, state, reason, outcome, args, result, error, priority, attempt, max_attempts, epoch,
     crashes, cancel, worker, owner, tenant, batch, unique_key, created_at, queued_at, due_at, expires_at, started_at,
     finished_at, result_until, result_ttl, meta, lane, costs, unique_until, unique_for, done, total, failed,
     note) = row  # fmt: skip
    return Snapshot(
        id=id, task=task, queue=queue, state=State(state), reason=reason, outcome=outcome, args=args, result=result,
        failure=failure(error), priority=priority, attempt=attempt, max_attempts=max_attempts, epoch=epoch,
        crashes=crashes, cancelling=bool(cancel) and state == State.RUNNING, worker=worker, owner=owner,
        tenant=tenant, batch=batch, unique_key=unique_key, created_at=created_at, queued_at=queued_at, due_at=due_at,
        expires_at=expires_at, started_at=started_at, finished_at=finished_at, result_until=result_until,
        result_ttl=result_ttl, meta=meta, lane=lane, costs=costs, unique_until=unique_until, unique_for=unique_for,
        progress=None if done is None else Progress(done, total, failed, note), cursor=str(seq),
        attempts=tuple(attempts), log=tuple(log),
    )  # fmt: skip


def attempt(row: Sequence[Any]) -> Attempt:
    """Turn a row of `attempts.sql`, without its first column, into a value."""
    *fields, error = row
    return Attempt._make((*fields, failure(error)))


#: What `restore.sql` takes; named as the fields of a snapshot are, but for the error.
RESTORED = (
    "id", "task", "queue", "args", "state", "priority", "attempt", "max_attempts", "epoch", "crashes", "reason",
    "outcome", "result", "error", "owner", "tenant", "batch", "unique_key", "created_at", "queued_at", "due_at",
    "expires_at", "started_at", "finished_at", "result_ttl", "result_until", "meta", "lane", "costs", "unique_until",
    "unique_for",
)  # fmt: skip


def restored(job: Snapshot) -> list[Any]:
    """Turn a snapshot of another store into a row; its claim was that store's."""
    state = State.QUEUED if job.state is State.RUNNING else job.state
    told = {"error": failure_text(job.failure), "state": state.value}
    return [told[name] if name in told else getattr(job, name) for name in RESTORED]


def restored_attempt(attempt: Attempt) -> tuple[Any, ...]:
    """Turn an attempt into a row."""
    *fields, failure = attempt
    return (*fields, failure_text(failure))


def failure_text(failure: Failure | None) -> str | None:
    """Write a failure as the text that `failure` reads."""
    if failure is None:
        return None
    return json.dumps({name: value for name, value in failure._asdict().items() if value is not None})


def worker(row: Sequence[Any]) -> WorkerInfo:
    """Turn a row of `workers.sql` into a value."""
    id, lease_until, seen_at, started_at, host, space, pid, born, queues, slots, details = row
    return WorkerInfo(
        id=id, lease_until=lease_until, seen_at=seen_at, started_at=started_at, host=host, space=space, pid=pid,
        born=born, queues=tuple(json.loads(queues)), slots=slots, details=json.loads(details),
    )  # fmt: skip
