"""What is kept of a job or told of a worker, as it is written; `rows.py` is the way back."""

import msgspec

from treadle.core.job import NewJob, Snapshot, WorkerInfo
from treadle.core.states import State
from treadle.stores.redis.lines import Word
from treadle.stores.rows import failure_text

encode = msgspec.msgpack.Encoder().encode

#: Where in NewJob what is kept of it ends, and where for a job that nothing special governs.
END, SHORT = NewJob._fields.index("unique_for") + 1, NewJob._fields.index("meta") + 1

#: What a job has behind that, most often.
NOTHING = (None, None, "final", None)

#: The letter that the life of a final job begins with.
LETTERS = {State.COMPLETED: b"c", State.FAILED: b"f", State.CANCELLED: b"x"}


def spec(job: NewJob) -> bytes:
    """Write what hardly ever changes, in the order of NewJob; the script puts time and seq in front."""
    return encode(job[1:SHORT] if job[SHORT:END] == NOTHING else job[1:END])


def worker(info: WorkerInfo) -> bytes:
    """Write who a worker is."""
    return encode((info.host, info.space, info.pid, info.born, info.queues, info.slots, dict(info.details)))


def restored(job: Snapshot, shift: int, since: int | None = None) -> list[Word]:
    """Say a job for `restore.lua`, so far behind the first seq; its claim was another store's.

    `since`: when it was revived, where that is known.
    """
    state = State.QUEUED if job.state is State.RUNNING else job.state
    till = 0 if job.unique_for is None else job.created_at + job.unique_for
    progress = encode((job.epoch, *job.progress)) if job.progress else b""
    lines = [b"0:" + msgspec.json.encode([dict(line) for line in job.log])] if job.log else []
    tries = [encode((*attempt[:6], failure_text(attempt.failure))) for attempt in job.attempts]
    key = (job.unique_key, holds_key(job), till)
    head = encode((job.id, state.value, job.created_at, *key, len(tries), len(lines), shift))
    return [head, _restored_spec(job), _life(job, state, since), progress, *tries, *lines]


def holds_key(job: Snapshot) -> bool:
    """Say whether a job holds its unique key by its state, and not for its time alone."""
    lives = job.unique_key is not None and not job.state.final
    return lives and (job.unique_until == "final" or job.epoch == 0)


def _restored_spec(job: Snapshot) -> bytes:
    names = [name for name in NewJob._fields if name in Snapshot._fields and name != "due_at"]
    return spec(NewJob(**{name: getattr(job, name) for name in names}))


def _life(job: Snapshot, state: State, since: int | None) -> bytes:
    head = LETTERS[state] + b"%013d" % (job.finished_at or 0) if state.final else b"-0000000000000"
    kept = None if job.result_until is None or job.finished_at is None else job.result_until - job.finished_at
    return head + encode((
        job.attempt, job.epoch, job.crashes, job.max_attempts, job.reason, job.outcome, failure_text(job.failure),
        job.due_at, job.queued_at, job.started_at, job.expires_at, kept, job.result, since,
    ))  # fmt: skip
