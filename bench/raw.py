"""The raw loop: what SQLite does without a framework, equally durable; the shared yardstick where there is one."""

import importlib
import importlib.util
import json
import os
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

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


def yardstick() -> ModuleType | None:
    """Load the shared yardstick's SQLite script, if its folder and libraries are here."""
    default = Path(__file__).parents[2] / "shared" / "yardstick"
    folder = Path(os.environ.get("TREADLE_YARDSTICK", default))
    if not (folder / "limit.py").is_file() or importlib.util.find_spec("uvloop") is None:
        return None
    sys.path.insert(0, str(folder))
    return importlib.import_module("limit")


class Raw:
    """A bare table and three statements."""

    def __init__(self, folder: str) -> None:
        self._connection = sqlite3.connect(tempfile.mktemp(dir=folder, suffix=".db"), isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(SCHEMA)

    def add(self, jobs: int, batch: int, args: str) -> None:
        for _ in range(0, jobs, batch):
            now = time.time_ns() // 1_000_000
            self._transact(lambda c, now=now: c.executemany(ADD, [(os.urandom(16), args, now) for _ in range(batch)]))

    def drain(self, batch: int) -> int:
        total, done = 0, list[Any]()
        while True:
            rows = self._transact(lambda c, done=done: self._cycle(c, done, batch))
            total += len(rows)
            if not rows and not done:
                return total
            done = [(0, '"ok"', row[0]) for row in rows]

    def _cycle(self, connection: sqlite3.Connection, done: list[Any], batch: int) -> list[Any]:
        if done:
            connection.executemany(DONE, done)
        return connection.execute(CLAIM, (0, batch)).fetchall()

    def _transact(self, work: Any) -> Any:
        self._connection.execute("BEGIN IMMEDIATE")
        answer = work(self._connection)
        self._connection.execute("COMMIT")
        return answer

    def close(self) -> None:
        self._connection.close()


#: About 300 bytes of JSON, as an average job of a mail and AI back end has.
ARGUMENTS = {
    "user_id": "7b0c2d0e-7f6b-4f0e-9a61-3a8f7f1c2b44", "thread_id": "18c2f4a9b7d3e5f1", "provider": "gmail",
    "tasks": ["summarize", "classify", "sentiment", "reply"], "lookback_days": 90, "full_sync": False,
    "options": {"language": "en", "max_tokens": 512, "temperature": 0.2},
    "trace": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}  # fmt: skip
TEXT = json.dumps(ARGUMENTS, separators=(",", ":"))
