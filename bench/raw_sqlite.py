"""The raw loop on SQLite: a bare table and three statements."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from bench.rounds import Rate

SCHEMA = """
CREATE TABLE jobs (seq INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, queue TEXT NOT NULL,
    name TEXT NOT NULL, args TEXT NOT NULL, priority INTEGER NOT NULL, state INTEGER NOT NULL,
    created_at INTEGER NOT NULL, worker TEXT, attempt INTEGER NOT NULL DEFAULT 0,
    started_at INTEGER, finished_at INTEGER, result TEXT);
CREATE INDEX ready ON jobs (queue, priority, seq) WHERE state = 0;
CREATE INDEX running ON jobs (worker) WHERE state = 1;
CREATE INDEX finished ON jobs (finished_at) WHERE state = 2;
"""
ADD = "INSERT INTO jobs (id, queue, name, args, priority, state, created_at) VALUES (?, 'default', 'noop', ?, 0, 0, ?)"
CLAIM = """UPDATE jobs SET state = 1, attempt = attempt + 1, worker = 'w', started_at = ? WHERE seq IN
    (SELECT seq FROM jobs WHERE state = 0 AND queue = 'default' ORDER BY priority, seq LIMIT ?)
    RETURNING seq, name, args, attempt"""
DONE = "UPDATE jobs SET state = 2, finished_at = ?, result = ? WHERE seq = ? AND worker = 'w' AND state = 1"


async def add(url: str, jobs: int, batch: int, args: str) -> Rate:
    """Time adding so many jobs, so many to a transaction."""
    with closing(_table(url)) as connection:
        return Rate.of(jobs, lambda: _add(connection, jobs, batch, args))


async def cycle(url: str, jobs: int, batch: int, args: str) -> Rate:
    """Time claiming and settling so many jobs, so many to a transaction."""
    with closing(_table(url)) as connection:
        _add(connection, jobs, batch, args)
        return Rate.of(jobs, lambda: _drain(connection, batch))


def _table(url: str) -> sqlite3.Connection:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")
    connection.executescript(SCHEMA)
    return connection


def _add(connection: sqlite3.Connection, jobs: int, batch: int, args: str) -> None:
    for _ in range(0, jobs, batch):
        rows = [(os.urandom(16), args, time.time_ns() // 1_000_000) for _ in range(batch)]
        _transact(connection, lambda rows=rows: connection.executemany(ADD, rows))  # type: ignore[misc]  # the default


def _drain(connection: sqlite3.Connection, batch: int) -> None:
    done = list[Any]()

    def step() -> list[Any]:
        if done:
            connection.executemany(DONE, done)
        return connection.execute(CLAIM, (0, batch)).fetchall()

    while (rows := _transact(connection, step)) or done:
        done[:] = [(0, '"ok"', row[0]) for row in rows]


def _transact(connection: sqlite3.Connection, work: Callable[[], Any]) -> Any:
    connection.execute("BEGIN IMMEDIATE")
    answer = work()
    connection.execute("COMMIT")
    return answer
