"""What the verbs do on a connection that holds the write lock. Pure SQL and its parameters: no thread, no loop."""

import json
import sqlite3
from collections.abc import Mapping, Sequence

from treadle.core.job import Added, Cycle, Ending, NewJob, Report, Swept
from treadle.core.states import State
from treadle.stores.sqlite import rows
from treadle.stores.statements import Bulk, numbered, text


def _load(name: str, *names: str) -> str:
    return numbered(text("treadle.stores.sqlite", name), names)


ADD = Bulk(text("treadle.stores.sqlite", "add"), len(NewJob._fields) + 1)
COMPLETE = Bulk(text("treadle.stores.sqlite", "complete"), 7)
STANDING = _load("standing", "id", "unique_key")
LEASED = _load("leased", "now", "worker")
CLAIM = _load("claim", "worker", "now", "queues", "want")
CLAIM_ONE_QUEUE = _load("claim_one_queue", "worker", "now", "queue", "want")
SETTLE = _load("settle", *rows.SETTLE)
SETTLED = _load("settled", "ref", "epoch")
KEEP_ATTEMPT = _load("keep_attempt", "ref", "epoch", "number", "worker", "now", "ending", "error")
TRIM_ATTEMPTS = _load("trim_attempts", "ref", "oldest")
KEEP_PROGRESS = _load("keep_progress", "ref", "epoch", "done", "total", "failed", "note")
KEEP_LOG = _load("keep_log", "ref", "epoch", "log")
BEAT = _load("beat", "id", "now", "lease", "host", "space", "pid", "born", "queues", "slots", "details")
HOLDINGS = _load("holdings", "worker")
PROMOTE = _load("promote", "now", "limit")
EXPIRE = _load("expire", "now", "limit")
TAKE_OVER = _load("take_over", "worker", "now", "take")
FORGET_WORKERS = _load("forget_workers", "now", "worker")
DROP_RESULTS = _load("drop_results", "now", "limit")
NEXT_DUE = _load("next_due")
BURY = _load("bury", "ids")
CANCEL_WAITING = _load("cancel_waiting", "ids", "now")
CANCEL_RUNNING = _load("cancel_running", "ids")
OBEY_CANCEL = _load("obey_cancel", "refs", "now")
REVIVE = _load("revive", "ids", "now")
RELEASE = _load("release", "reason", "tasks", "now")
PURGE = _load("purge", "state", "before", "limit")
PURGE_CHILDREN = tuple(_load(f"purge_{child}", "refs") for child in ("progress", "log", "attempts"))
WRITE_NEW = _load("write_new", "kind", "key", "value")
WRITE_OVER = _load("write_over", "kind", "key", "value")
WRITE_EXPECTED = _load("write_expected", "kind", "key", "value", "expect")
ERASE = _load("erase", "kind", "key", "expect")

#: Attempts remembered of one job: it may snooze for years.
ATTEMPTS_KEPT = 100


def _bulk(connection: sqlite3.Connection, bulk: Bulk, rows: Sequence[Sequence[object]]) -> int:
    """Run a statement over all rows and answer how many it changed."""
    before = connection.total_changes  # the cursor's rowcount knows no statement that begins with WITH
    for statement, values in bulk.pieces(rows):
        connection.execute(statement, values)
    return connection.total_changes - before


def add(connection: sqlite3.Connection, now: int, jobs: Sequence[NewJob]) -> list[Added]:
    connection.execute("SAVEPOINT adding")
    if _bulk(connection, ADD, [(*job, now) for job in jobs]) == len(jobs):
        answer = [Added(job.id, True) for job in jobs]
    else:
        # Somebody stands for a newcomer already; look at each to say who.
        connection.execute("ROLLBACK TO adding")
        answer = [_add_one(connection, now, job) for job in jobs]
    connection.execute("RELEASE adding")
    return answer


def _add_one(connection: sqlite3.Connection, now: int, job: NewJob) -> Added:
    if _bulk(connection, ADD, [(*job, now)]):
        return Added(job.id, True)
    return Added(connection.execute(STANDING, (job.id, job.unique_key)).fetchone()[0], False)


def cycle(
    connection: sqlite3.Connection, now: int, worker: str, ended: Sequence[Ending], queues: Sequence[str], want: int
) -> Cycle:
    lost = settle(connection, now, worker, ended) if ended else frozenset[str]()
    if not want or not queues:
        return Cycle([], lost, now)
    leased = connection.execute(LEASED, (now, worker)).fetchone()
    if not leased or not leased[0]:
        return Cycle([], lost, now, leased=False)
    if len(queues) == 1:
        taken = connection.execute(CLAIM_ONE_QUEUE, (worker, now, queues[0], want))
    else:
        taken = connection.execute(CLAIM, (worker, now, json.dumps(queues), want))
    return Cycle(rows.claims(taken.fetchall()), lost, now)


def settle(connection: sqlite3.Connection, now: int, worker: str, ended: Sequence[Ending]) -> frozenset[str]:
    """Write the endings whose claim is current; answer the ids of the others."""
    keep_reports(connection, [ending for ending in ended if ending.progress or ending.log])
    done = [ending for ending in ended if ending.outcome.state is State.COMPLETED]
    written = _bulk(connection, COMPLETE, [rows.completed_row(ending, now) for ending in done])
    if len(done) < len(ended):
        written += _settle_others(connection, now, worker, [e for e in ended if e.outcome.state is not State.COMPLETED])
    if written == len(ended):
        return frozenset()
    return frozenset(ending.claim.id for ending in ended if not _settled(connection, ending))


def _settle_others(connection: sqlite3.Connection, now: int, worker: str, ended: Sequence[Ending]) -> int:
    connection.executemany(KEEP_ATTEMPT, [_attempt_row(ending, worker, now) for ending in ended])
    old = [(ending.claim.ref, ending.claim.epoch - ATTEMPTS_KEPT) for ending in ended]
    connection.executemany(TRIM_ATTEMPTS, [(ref, epoch) for ref, epoch in old if epoch > 0])
    written = connection.executemany(SETTLE, [rows.settle_row(ending, now) for ending in ended]).rowcount
    connection.execute(OBEY_CANCEL, (json.dumps([ending.claim.ref for ending in ended]), now))
    return written


def _settled(connection: sqlite3.Connection, ending: Ending) -> bool:
    return connection.execute(SETTLED, (ending.claim.ref, ending.claim.epoch)).fetchone() is not None


def _attempt_row(ending: Ending, worker: str, now: int) -> tuple[object, ...]:
    claim, outcome = ending.claim, ending.outcome
    told = outcome.reason or outcome.state.value
    return (claim.ref, claim.epoch, claim.attempt, worker, now, told, outcome.error)


def keep_reports(connection: sqlite3.Connection, reports: Sequence[Report | Ending]) -> None:
    """Write progress and log lines of claims that are current."""
    progress = [(r.claim.ref, r.claim.epoch, *r.progress) for r in reports if r.progress]
    logs = [(r.claim.ref, r.claim.epoch, r.log) for r in reports if r.log]
    if progress:
        connection.executemany(KEEP_PROGRESS, progress)
    if logs:
        connection.executemany(KEEP_LOG, logs)


def sweep(connection: sqlite3.Connection, now: int, worker: str, limit: int, take: int) -> Swept:
    expired = connection.execute(EXPIRE, (now, limit)).rowcount
    promoted = connection.execute(PROMOTE, (now, limit)).rowcount
    taken = connection.execute(TAKE_OVER, (worker, now, take)).fetchall() if take else []
    connection.execute(FORGET_WORKERS, (now, worker))
    connection.execute(DROP_RESULTS, (now, limit))
    next_due = connection.execute(NEXT_DUE).fetchone()[0]
    return Swept(promoted, expired, rows.claims(taken), None if next_due is None else max(0, next_due - now))


def cancel(connection: sqlite3.Connection, now: int, ids: Sequence[str]) -> list[str]:
    document = json.dumps(list(ids))
    stopped = connection.execute(CANCEL_WAITING, (document, now)).fetchall()
    asked = connection.execute(CANCEL_RUNNING, (document,)).fetchall()
    return [id for (id,) in (*stopped, *asked)]


def revive(connection: sqlite3.Connection, now: int, ids: Sequence[str]) -> list[str]:
    return [id for (id,) in connection.execute(REVIVE, (json.dumps(list(ids)), now)).fetchall()]


def release(connection: sqlite3.Connection, now: int, reason: str, tasks: Sequence[str]) -> int:
    return connection.execute(RELEASE, (reason, json.dumps(list(tasks)), now)).rowcount


def purge(connection: sqlite3.Connection, now: int, older_than: Mapping[State, int], limit: int) -> int:
    gone: list[int] = []
    for state, age in older_than.items():
        found = connection.execute(PURGE, (state.value, now - age, limit - len(gone))).fetchall()
        gone += [ref for (ref,) in found]
    if gone:
        for statement in PURGE_CHILDREN:
            connection.execute(statement, (json.dumps(gone),))
    return len(gone)


def write(connection: sqlite3.Connection, kind: str, key: str, value: str | None, expect: int | None) -> bool:
    if value is None:
        return connection.execute(ERASE, (kind, key, expect)).rowcount == 1
    if expect is None:
        return connection.execute(WRITE_OVER, (kind, key, value)).rowcount == 1
    if expect == 0:
        return connection.execute(WRITE_NEW, (kind, key, value)).rowcount == 1
    return connection.execute(WRITE_EXPECTED, (kind, key, value, expect)).rowcount == 1
