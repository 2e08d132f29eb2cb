"""Bring the file's tables up to date: numbered scripts, each applied once, under the write lock."""

import sqlite3
from importlib.resources import files
from typing import NamedTuple

from treadle.core.errors import StoreError
from treadle.stores.sqlite.connection import explained, writing
from treadle.stores.sqlite.settings import SqliteSettings

VERSION_TABLE = "CREATE TABLE IF NOT EXISTS treadle_schema (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL)"


class Migration(NamedTuple):
    """One step of the schema."""

    version: int
    name: str
    script: str


def migrations() -> list[Migration]:
    """Read all steps, in order."""
    folder = files("treadle.stores.sqlite").joinpath("migrations")
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    steps = [Migration(int(entry.name[:4]), entry.name, entry.read_text(encoding="utf-8")) for entry in found]
    return sorted(steps)


def migrate(connection: sqlite3.Connection, settings: SqliteSettings, now: int) -> int:
    """Apply what is missing and answer the version reached. Two processes may do so at once; one of them does it."""
    steps = migrations()
    if _version(connection, settings) == steps[-1].version:
        return steps[-1].version
    with writing(connection, settings):
        connection.execute(VERSION_TABLE)
        reached = connection.execute("SELECT coalesce(max(version), 0) FROM treadle_schema").fetchone()[0]
        if reached > steps[-1].version:
            raise StoreError(
                f"{settings.path} was written by a newer Treadle (schema {reached}; this one knows"
                f" {steps[-1].version}). Upgrade this installation: pip install -U treadle"
            )
        for step in steps:
            if step.version > reached:
                _apply(connection, step, now)
    return steps[-1].version


def _version(connection: sqlite3.Connection, settings: SqliteSettings) -> int:
    with explained(settings.path):
        there = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'treadle_schema'").fetchone()
        return connection.execute("SELECT max(version) FROM treadle_schema").fetchone()[0] or 0 if there else 0


def _apply(connection: sqlite3.Connection, step: Migration, now: int) -> None:
    # executescript() would commit first and give the lock away.
    for statement in _statements(step.script):
        connection.execute(statement)
    connection.execute("INSERT INTO treadle_schema VALUES (?, ?)", (step.version, now))


def _statements(script: str) -> list[str]:
    statements, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if line.rstrip().endswith(";") and sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
