"""What the verbs do on a connection that holds the write lock. Pure SQL and its parameters: no thread, no loop."""

import json
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from treadle.core.job import Added, Claim, Cycle, Ending, NewJob, Report, Snapshot, Swept
from treadle.core.states import State
from treadle.core.store import OF_JOB
from treadle.stores import rows
from treadle.stores.sqlite.flow import said
from treadle.stores.sqlite.flow.book import Book
from treadle.stores.sqlite.flow.claiming import Claiming
from treadle.stores.sqlite.flow.leaving import concerned, gated, leave, leaving
from treadle.stores.sqlite.flow.said import load
from treadle.stores.sqlite.flow.steering import CURRENT, ERASE, WRITE_OVER, tidy
from treadle.stores.sqlite.rows import SETTLE as SETTLE_NAMES
from treadle.stores.sqlite.rows import completed_row, lane_hash, settle_row
from treadle.stores.statements import Bulk, text
from treadle.stores.steps import Step, Steps, take

#: Fields of a new job that are written: all but the last two, which belong to the call alone.
WRITTEN = len(NewJob._fields) - 2

#: What a row of `add.sql` is made of: those, the hash of its lane, and the time.
ADDED = WRITTEN + 2

ADD = Bulk(text("treadle.stores.sqlite", "add"), ADDED)
ADD_PLAIN = Bulk(text("treadle.stores.sqlite", "add_plain"), 15)
ADD_AND_TELL = Bulk(text("treadle.stores.sqlite", "add") + "RETURNING id", ADDED)
COMPLETE = Bulk(text("treadle.stores.sqlite", "complete"), 7)
STANDING = load("standing", "id", "unique_key", "now")
FREE_KEY = load("free_key", "ref")
FREE_KEYS = load("free_keys", "ids", "now")
REPLACE = load("replace", "ref", "args", "costs", "lane", "lane_hash", "tenant", "meta", "max_attempts", "priority")
RESCHEDULE = load("reschedule", "ref", "now", "due_at", "due_in", "expires_in")
FLOWING = load("flowing", "now", "worker", "queues")
CLAIM = load("claim", "worker", "now", "queues", "want")
CLAIM_ONE_QUEUE = load("claim_one_queue", "worker", "now", "queue", "want")
SETTLE = load("settle", *SETTLE_NAMES)
SETTLED = load("settled", "ref", "epoch")
KEEP_ATTEMPT = load("keep_attempt", "ref", "epoch", "number", "worker", "now", "ending", "error")
TRIM_ATTEMPTS = load("trim_attempts", "ref", "oldest")
KEEP_PROGRESS = load("keep_progress", "ref", "epoch", "done", "total", "failed", "note")
KEEP_LOG = load("keep_log", "ref", "epoch", "log")
BEAT = load("beat", "id", "now", "lease", "host", "space", "pid", "born", "queues", "slots", "details")
HOLDINGS = load("holdings", "worker")
CLAIMS = load("claims", "worker")
PROMOTE = load("promote", "now", "limit")
EXPIRE = load("expire", "now", "limit")
TAKE_OVER = load("take_over", "worker", "now", "take")
FORGET_WORKERS = load("forget_workers", "now", "worker")
DROP_RESULTS = load("drop_results", "now", "limit")
NEXT_DUE = load("next_due")
BURY = load("bury", "ids")
CANCEL_WAITING = load("cancel_waiting", "ids", "now")
CANCEL_RUNNING = load("cancel_running", "ids")
OBEY_CANCEL = load("obey_cancel", "refs", "now")
REVIVE = load("revive", "ids", "now")
HOLD = load("hold", "ids", "reason")
RELEASE = load("release", "reason", "tasks", "now")
DELETE = load("delete", "ids", "ended_by")
DELETE_WAITING = load("delete_waiting", "ids")
PURGE_CHILDREN = tuple(load(f"purge_{child}", "refs") for child in ("progress", "log", "attempts"))
PURGE_RECORDS = load("purge_records", "kinds")
RESTORE = load("restore", *rows.RESTORED, "lane_hash")
RESTORE_ATTEMPT = load(
    "restore_attempt", "ref", "number", "epoch", "worker", "started_at", "ended_at", "ending", "error"
)
RESTORE_LOG = load("restore_log", "ref", "lines")
RESTORE_PROGRESS = load("restore_progress", "ref", "epoch", "done", "total", "failed", "note")
WRITE_NEW = load("write_new", "kind", "key", "value")
WRITE_EXPECTED = load("write_expected", "kind", "key", "value", "expect")

#: Attempts remembered of one job: it may snooze for years.
ATTEMPTS_KEPT = 100


def _bulk(connection: sqlite3.Connection, bulk: Bulk, rows: Sequence[Sequence[object]]) -> int:
    """Run a statement over all rows and answer how many it changed, without what its triggers did."""
    changed = 0
    for statement, values in bulk.pieces(rows):
        connection.execute(statement, values)
        # The cursor's rowcount knows no statement that begins with WITH, and total_changes counts triggers.
        changed += connection.execute("SELECT changes()").fetchone()[0]
    return changed


def add(connection: sqlite3.Connection, now: int, jobs: Sequence[NewJob]) -> list[Added]:
    connection.execute("SAVEPOINT adding")
    if _add_all(connection, now, jobs) == len(jobs):
        answer = [Added(job.id, True) for job in jobs]
    else:
        # Somebody stands for a newcomer already; look at each to say who.
        connection.execute("ROLLBACK TO adding")
        answer = [_add_one(connection, now, job) for job in jobs]
    connection.execute("RELEASE adding")
    return answer


def _add_all(connection: sqlite3.Connection, now: int, jobs: Sequence[NewJob]) -> int:
    """Add those that nobody stands for; answer how many."""
    if any(job.lane or job.unique_key or job.tenant for job in jobs):
        return _bulk(connection, ADD, [_row(job, now) for job in jobs])
    return _bulk(connection, ADD_PLAIN, [_plain_row(job, now) for job in jobs])


def _plain_row(job: NewJob, now: int) -> tuple[object, ...]:
    return (*job[:11], job.batch, job.held, job.meta, now)


def _row(job: NewJob, now: int) -> tuple[object, ...]:
    return (*job[:WRITTEN], lane_hash(job.lane), now)  # an index is asked in any case, fresh or not


def _add_one(connection: sqlite3.Connection, now: int, job: NewJob) -> Added:
    return take(_adding_one(now, job), lambda step: connection.execute(*step).fetchall())


def adding(now: int, jobs: Sequence[NewJob]) -> Steps[list[Added]]:
    """Add on a connection that may be anybody's: nothing is known of its transaction, so no savepoint is set."""
    new: set[str] = set()
    for statement, values in ADD_AND_TELL.pieces([_row(job, now) for job in jobs]):
        new |= {id for (id,) in (yield Step(statement, values))}
    answer = []
    for job in jobs:
        if job.id in new:
            new.remove(job.id)  # the next of this id in the same call is not the one that was kept
            answer.append(Added(job.id, True))
        else:
            answer.append((yield from _adding_one(now, job)))
    return answer


def _adding_one(now: int, job: NewJob) -> Steps[Added]:
    """Add one job, or find who stands for it; who keeps its unique key for no reason any more gives it up."""
    ((statement, values),) = ADD_AND_TELL.pieces([_row(job, now)])
    while not (yield Step(statement, values)):
        ((id, ref, state, by_id, keeps),) = yield Step(STANDING, (job.id, job.unique_key, now))
        if not keeps:
            yield Step(FREE_KEY, (ref,))
            continue
        waits = state in (State.HELD, State.SCHEDULED, State.QUEUED)
        if by_id or not waits or job.on_conflict == "skip":
            return Added(id, False)
        brought = (
            job.args,
            job.costs,
            job.lane,
            lane_hash(job.lane),
            job.tenant,
            job.meta,
            job.max_attempts,
            job.priority,
        )
        yield Step(REPLACE, (ref, *brought))
        if job.on_conflict == "reschedule":
            yield Step(RESCHEDULE, (ref, now, job.due_at, job.due_in, job.expires_in))
        return Added(id, False, changed=True)
    return Added(job.id, True)


class Cycled(NamedTuple):
    """The answer to a cycle, and whether others should hear of it."""

    cycle: Cycle
    ring: bool = False


def cycle(
    connection: sqlite3.Connection,
    book: Book,
    now: int,
    worker: str,
    ended: Sequence[Ending],
    queues: Sequence[str],
    want: int,
    shares: Sequence[int] = (),
) -> Cycled:
    book.open(connection)
    lost, opened = _settle_and_leave(connection, book, now, worker, ended) if ended else (frozenset[str](), 0)
    cycle = _claim(connection, book, now, worker, queues, want, shares) if want and queues else Cycle([], lost, now)
    book.write(connection, now)
    return Cycled(cycle._replace(lost=lost), bool(opened))


def _claim(
    connection: sqlite3.Connection,
    book: Book,
    now: int,
    worker: str,
    queues: Sequence[str],
    want: int,
    shares: Sequence[int],
) -> Cycle:
    asked = json.dumps(queues)
    leased, open, until, steered = connection.execute(FLOWING, (now, worker, asked)).fetchone()
    if not leased:
        return Cycle([], frozenset(), now, leased=False)
    if open or steered or shares or (until is not None and until <= now):
        claiming = Claiming(connection, book, now, worker, queues, want, shares, said.steering(connection))
        claiming.claim()
        return Cycle(claiming.claims, frozenset(), now, more=claiming.more, opens_in=claiming.opens_in())
    if len(queues) == 1:
        taken = connection.execute(CLAIM_ONE_QUEUE, (worker, now, queues[0], want))
    else:
        taken = connection.execute(CLAIM, (worker, now, asked, want))
    claims = rows.claims(taken.fetchall())
    return Cycle(claims, frozenset(), now, more=len(claims) == want, opens_in=None if until is None else until - now)


def _settle_and_leave(
    connection: sqlite3.Connection, book: Book, now: int, worker: str, ended: Sequence[Ending]
) -> tuple[frozenset[str], int]:
    """Settle, and let those leave their gates whose endings were written; answer what was lost, and lanes opened."""
    steering = said.steering(connection)
    left = gated(ended, steering)
    if not left:
        return settle(connection, now, worker, ended), 0
    connection.execute("SAVEPOINT settling")
    if _write_endings(connection, now, worker, ended) < len(ended):
        # Some were told twice, or are lost: look who is not, before anything is written.
        connection.execute("ROLLBACK TO settling")
        left = concerned(connection, left)
        lost = settle(connection, now, worker, ended)
    else:
        lost = frozenset()
    connection.execute("RELEASE settling")
    return lost, leave(connection, book, now, left, steering)


def completing(now: int, ending: Ending) -> Steps[bool]:
    """Complete one attempt on a connection that may be anybody's."""
    claim, progress, log = ending.claim, ending.progress, ending.log
    if progress:
        yield Step(KEEP_PROGRESS, (claim.ref, claim.epoch, *progress))
    if log:
        yield Step(KEEP_LOG, (claim.ref, claim.epoch, log))
    ((statement, values),) = COMPLETE.pieces([completed_row(ending, now)])
    yield Step(statement, values)
    changed = yield Step("SELECT changes()")
    if changed[0][0]:
        yield from leaving(now, ending)
    return bool(changed[0][0])


def claims(connection: sqlite3.Connection, worker: str) -> list[Claim]:
    return rows.claims(connection.execute(CLAIMS, (worker,)).fetchall())


def settle(connection: sqlite3.Connection, now: int, worker: str, ended: Sequence[Ending]) -> frozenset[str]:
    """Write the endings whose claim is current; answer the ids of the others."""
    if _write_endings(connection, now, worker, ended) == len(ended):
        return frozenset()
    return frozenset(ending.claim.id for ending in ended if not _settled(connection, ending))


def _write_endings(connection: sqlite3.Connection, now: int, worker: str, ended: Sequence[Ending]) -> int:
    """Write the endings whose claim is current; answer how many."""
    keep_reports(connection, [ending for ending in ended if ending.progress or ending.log])
    done = [ending for ending in ended if ending.outcome.state is State.COMPLETED]
    written = _bulk(connection, COMPLETE, [completed_row(ending, now) for ending in done])
    if len(done) < len(ended):
        written += _settle_others(connection, now, worker, [e for e in ended if e.outcome.state is not State.COMPLETED])
    return written


def _settle_others(connection: sqlite3.Connection, now: int, worker: str, ended: Sequence[Ending]) -> int:
    connection.executemany(KEEP_ATTEMPT, [_attempt_row(ending, worker, now) for ending in ended])
    old = [(ending.claim.ref, ending.claim.epoch - ATTEMPTS_KEPT) for ending in ended]
    connection.executemany(TRIM_ATTEMPTS, [(ref, epoch) for ref, epoch in old if epoch > 0])
    written = connection.executemany(SETTLE, [settle_row(ending, now) for ending in ended]).rowcount
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
    tidy(connection, now)
    next_due = connection.execute(NEXT_DUE).fetchone()[0]
    return Swept(promoted, expired, rows.claims(taken), None if next_due is None else max(0, next_due - now))


def cancel(connection: sqlite3.Connection, now: int, ids: Sequence[str]) -> list[str]:
    document = json.dumps(list(ids))
    stopped = connection.execute(CANCEL_WAITING, (document, now)).fetchall()
    asked = connection.execute(CANCEL_RUNNING, (document,)).fetchall()
    return [id for (id,) in (*stopped, *asked)]


def revive(connection: sqlite3.Connection, now: int, ids: Sequence[str]) -> list[str]:
    connection.execute(FREE_KEYS, (json.dumps(list(ids)), now))
    return [id for (id,) in connection.execute(REVIVE, (json.dumps(list(ids)), now)).fetchall()]


def hold(connection: sqlite3.Connection, ids: Sequence[str], reason: str) -> list[str]:
    return [id for (id,) in connection.execute(HOLD, (json.dumps(list(ids)), reason)).fetchall()]


def release(connection: sqlite3.Connection, now: int, reason: str, tasks: Sequence[str] | None) -> int:
    asked = None if tasks is None else json.dumps(list(tasks))
    return connection.execute(RELEASE, (reason, asked, now)).rowcount


def delete(connection: sqlite3.Connection, ids: Sequence[str], ended_by: int | None = None) -> list[str]:
    return _forget(connection, connection.execute(DELETE, (json.dumps(list(ids)), ended_by)).fetchall())


def delete_waiting(connection: sqlite3.Connection, ids: Sequence[str]) -> list[str]:
    return _forget(connection, connection.execute(DELETE_WAITING, (json.dumps(list(ids)),)).fetchall())


def _forget(connection: sqlite3.Connection, gone: Sequence[tuple[int, str]]) -> list[str]:
    """Delete what belonged to jobs that are gone; answer their ids."""
    if gone:
        refs = json.dumps([ref for ref, _ in gone])
        for statement in PURGE_CHILDREN:
            connection.execute(statement, (refs,))
        connection.execute(PURGE_RECORDS, (json.dumps([OF_JOB + id for _, id in gone]),))
    return [id for _, id in gone]


def restore(connection: sqlite3.Connection, jobs: Sequence[Snapshot]) -> list[str]:
    return [job.id for job in jobs if _restore_one(connection, job)]


def _restore_one(connection: sqlite3.Connection, job: Snapshot) -> bool:
    kept = connection.execute(RESTORE, [*rows.restored(job), lane_hash(job.lane)]).fetchall()
    for (ref,) in kept:
        attempts = [(ref, *rows.restored_attempt(attempt)) for attempt in job.attempts]
        connection.executemany(RESTORE_ATTEMPT, attempts)
        if job.log:
            connection.execute(RESTORE_LOG, (ref, json.dumps([dict(line) for line in job.log])))
        if job.progress:
            connection.execute(RESTORE_PROGRESS, (ref, job.epoch, *job.progress))
    return bool(kept)


def write(connection: sqlite3.Connection, kind: str, key: str, value: str | None, expect: int | None) -> bool:
    if value is None:
        return connection.execute(ERASE, (kind, key, expect)).rowcount == 1
    if expect is None:
        return connection.execute(WRITE_OVER, (kind, key, value)).rowcount == 1
    if expect == 0:
        return connection.execute(WRITE_NEW, (kind, key, value)).rowcount == 1
    return connection.execute(WRITE_EXPECTED, (kind, key, value, expect)).rowcount == 1


def note(connection: sqlite3.Connection, claim: Claim, key: str, value: str, expect: int) -> bool:
    current = connection.execute(CURRENT, (claim.ref, claim.epoch)).fetchone()
    return current is not None and write(connection, OF_JOB + claim.id, key, value, expect)
