"""What is read, on a connection that only reads."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from treadle.core.errors import ConfigError
from treadle.core.job import Filter, Page, Record, Slice, Snapshot, WorkerInfo
from treadle.core.states import State
from treadle.stores import rows
from treadle.stores.statements import numbered, text

#: Each question of a filter, as a condition that an index can serve.
CONDITIONS = {
    "states": "job.state IN (SELECT value FROM json_each(:states))",
    "tasks": "job.task IN (SELECT value FROM json_each(:tasks))",
    "queues": "job.queue IN (SELECT value FROM json_each(:queues))",
    "owner": "job.owner = :owner",
    "tenant": "job.tenant = :tenant",
    "batch": "job.batch = :batch",
    "created_after": "job.created_at >= :created_after",
}


def _load(name: str, where: str = "", names: tuple[str, ...] = (), direction: str = "DESC") -> str:
    written = text("treadle.stores.sqlite", name).replace("{where}", where).replace("{direction}", direction)
    return numbered(written, names)


WORKERS = _load("workers")
READ = _load("read", names=("kind", "key"))
ATTEMPTS = _load("attempts", names=("refs",))
LOG = _load("log", names=("refs",))
BY_ID = _load("find", "job.id = :id", ("now", "limit", "id"))
BEHIND = _load("find", "job.seq > :after", ("now", "limit", "after"), "ASC")


def get(connection: sqlite3.Connection, now: int, id: str) -> Snapshot | None:
    found = connection.execute(BY_ID, (now, 1, id)).fetchall()
    return _whole(connection, found)[0] if found else None


def dump(connection: sqlite3.Connection, now: int, after: str | None, limit: int) -> Slice:
    found = connection.execute(BEHIND, (now, limit, int(after or 0))).fetchall()
    return Slice(tuple(_whole(connection, found)), str(found[-1][0]) if len(found) == limit else None)


def _whole(connection: sqlite3.Connection, found: Sequence[Sequence[Any]]) -> list[Snapshot]:
    """Make snapshots of rows, with their attempts and log lines."""
    refs = json.dumps([row[0] for row in found])
    attempts, logs = defaultdict[int, list[Any]](list), defaultdict[int, list[Any]](list)
    for ref, *attempt in connection.execute(ATTEMPTS, (refs,)):
        attempts[ref].append(rows.attempt(attempt))
    for ref, lines in connection.execute(LOG, (refs,)):
        logs[ref] += json.loads(lines)
    return [rows.snapshot(row, attempts[row[0]], logs[row[0]]) for row in found]


def find(connection: sqlite3.Connection, now: int, filter: Filter, limit: int, cursor: str | None) -> Page:
    asked = _asked(filter)
    conditions = [CONDITIONS[name] for name in asked]
    if cursor is not None:
        if not cursor.isdecimal() or len(cursor) > 18:
            raise ConfigError(f"{cursor!r} is not a cursor; use next_cursor of the page before, unchanged.")
        asked["before"] = int(cursor)
        conditions.append("job.seq < :before")
    names = ("now", "limit", *asked)
    statement = _load("find", " AND ".join(conditions) or "true", names)
    found = connection.execute(statement, (now, limit + 1, *asked.values())).fetchall()
    items = tuple(rows.snapshot(row) for row in found[:limit])
    return Page(items, items[-1].cursor if len(found) > limit else None)


def count(connection: sqlite3.Connection, filter: Filter) -> dict[tuple[str, State], int]:
    asked = _asked(filter)
    where = " AND ".join(CONDITIONS[name] for name in asked) or "true"
    found = connection.execute(_load("count", where, tuple(asked)), tuple(asked.values())).fetchall()
    return {(queue, State(state)): number for queue, state, number in found}


def _asked(filter: Filter) -> dict[str, Any]:
    """Name the questions that a filter really asks, with their parameters."""
    lists = {name: getattr(filter, name) for name in ("states", "tasks", "queues")}
    single = {name: getattr(filter, name) for name in ("owner", "tenant", "batch", "created_after")}
    asked: dict[str, Any] = {name: json.dumps(list(values)) for name, values in lists.items() if values}
    return asked | {name: value for name, value in single.items() if value is not None}


def workers(connection: sqlite3.Connection) -> list[WorkerInfo]:
    return [rows.worker(row) for row in connection.execute(WORKERS).fetchall()]


def read(connection: sqlite3.Connection, kind: str, key: str | None) -> list[Record]:
    return [Record(*row) for row in connection.execute(READ, (kind, key)).fetchall()]
