"""Bring the file's tables up to date: numbered scripts, each applied once, under the write lock."""

import sqlite3
from importlib.resources import files
from typing import NamedTuple

from treadle.core.errors import StoreError
from treadle.core.job import Schema
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


def migrate(connection: sqlite3.Connection, settings: SqliteSettings, now: int) -> Schema:
    """Apply what is missing and answer how far it was. Two processes may do so at once; one of them does it."""
    before = schema(connection, settings)
    if before.current:
        return before
    with writing(connection, settings):
        connection.execute(VERSION_TABLE)
        reached = connection.execute("SELECT coalesce(max(version), 0) FROM treadle_schema").fetchone()[0]
        _refuse_newer(settings, Schema(reached, before.known))
        for step in migrations():
            if step.version > reached:
                _apply(connection, step, now)
    return before


def schema(connection: sqlite3.Connection, settings: SqliteSettings) -> Schema:
    """Read how far the tables are."""
    with explained(settings.path):
        there = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'treadle_schema'").fetchone()
        found = connection.execute("SELECT max(version) FROM treadle_schema").fetchone()[0] if there else 0
    return Schema(found or 0, migrations()[-1].version)


def require(connection: sqlite3.Connection, settings: SqliteSettings) -> None:
    """Raise StoreError unless the tables are up to date."""
    found = schema(connection, settings)
    _refuse_newer(settings, found)
    if not found.current:
        raise StoreError(
            f"{settings.path} has the schema {found.found} of {found.known}. Bring it up to date:"
            " treadle db migrate (or set TREADLE_AUTO_MIGRATE=1)"
        )


def _refuse_newer(settings: SqliteSettings, found: Schema) -> None:
    if found.found > found.known:
        raise StoreError(
            f"{settings.path} was written by a newer Treadle (schema {found.found}; this one knows {found.known})."
            " Upgrade this installation: pip install -U treadle"
        )


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
