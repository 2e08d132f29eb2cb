"""What is read, on a connection that only reads."""

import json
import sqlite3
from typing import Any

from treadle.core.errors import ConfigError
from treadle.core.job import Filter, Page, Record, Snapshot, WorkerInfo
from treadle.core.states import State
from treadle.stores.sqlite import rows
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


def _load(name: str, where: str = "", names: tuple[str, ...] = ()) -> str:
    return numbered(text("treadle.stores.sqlite", name).replace("{where}", where), names)


WORKERS = _load("workers")
READ = _load("read", names=("kind",))
ATTEMPTS = _load("attempts", names=("ref",))
LOG = _load("log", names=("ref",))
BY_ID = _load("find", "job.id = :id", ("now", "limit", "id"))


def get(connection: sqlite3.Connection, now: int, id: str) -> Snapshot | None:
    row = connection.execute(BY_ID, (now, 1, id)).fetchone()
    if row is None:
        return None
    attempts = connection.execute(ATTEMPTS, row[:1]).fetchall()
    log = connection.execute(LOG, row[:1]).fetchall()
    return rows.snapshot(row, [rows.attempt(each) for each in attempts], rows.log_lines(log))


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


def read(connection: sqlite3.Connection, kind: str) -> list[Record]:
    return [Record(*row) for row in connection.execute(READ, (kind,)).fetchall()]
