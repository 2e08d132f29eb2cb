"""What is kept of a job or told of a worker, as it is written; `rows.py` is the way back."""

import msgspec

from treadle.core.job import NewJob, Snapshot, WorkerInfo
from treadle.core.states import State
from treadle.stores.redis.lines import Word
from treadle.stores.rows import failure_text

encode = msgspec.msgpack.Encoder().encode

#: Where in NewJob what is kept of it ends.
END = NewJob._fields.index("meta") + 1

#: The letter that the life of a final job begins with.
LETTERS = {State.COMPLETED: b"c", State.FAILED: b"f", State.CANCELLED: b"x"}


def spec(job: NewJob) -> bytes:
    """Write what never changes, in the order of NewJob; the script puts time and seq in front."""
    return encode(job[1:END])


def worker(info: WorkerInfo) -> bytes:
    """Write who a worker is."""
    return encode((info.host, info.space, info.pid, info.born, info.queues, info.slots, dict(info.details)))


def restored(job: Snapshot, shift: int) -> list[Word]:
    """Say a job for `restore.lua`, so far behind the first seq; its claim was another store's."""
    state = State.QUEUED if job.state is State.RUNNING else job.state
    unique = None if state.final else job.unique_key
    progress = encode((job.epoch, *job.progress)) if job.progress else b""
    lines = [b"0:" + msgspec.json.encode([dict(line) for line in job.log])] if job.log else []
    tries = [encode((*attempt[:6], failure_text(attempt.failure))) for attempt in job.attempts]
    head = encode((job.id, state.value, job.created_at, unique, len(tries), len(lines), shift))
    return [head, _restored_spec(job), _life(job, state), progress, *tries, *lines]


def _restored_spec(job: Snapshot) -> bytes:
    names = [name for name in NewJob._fields if name in Snapshot._fields and name != "due_at"]
    return spec(NewJob(**{name: getattr(job, name) for name in names}))


def _life(job: Snapshot, state: State) -> bytes:
    head = LETTERS[state] + b"%013d" % (job.finished_at or 0) if state.final else b"-0000000000000"
    kept = None if job.result_until is None or job.finished_at is None else job.result_until - job.finished_at
    return head + encode((
        job.attempt, job.epoch, job.crashes, job.max_attempts, job.reason, job.outcome, failure_text(job.failure),
        job.due_at, job.queued_at, job.started_at, job.expires_at, kept, job.result,
    ))  # fmt: skip
