"""The outbox's table and its statements, in the style of each database that may hold one."""

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

from treadle.stores.steps import Rows, Step, Steps

Document = tuple[str, str]
"""A job's id, and the job as JSON."""


class Tables(NamedTuple):
    """What is said to one kind of database."""

    exists: str
    make: Sequence[str]
    put: Callable[[Sequence[Document]], Step]
    look: Callable[[list[int], int], Step]
    """Read so many of the first, but these: number, id, job, and the milliseconds since it was put there."""
    drop: Callable[[Sequence[int]], Step]


SQLITE = Tables(
    exists="SELECT 1 FROM sqlite_schema WHERE name = 'treadle_outbox'",
    make=(
        "CREATE TABLE IF NOT EXISTS treadle_outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,"
        " document TEXT NOT NULL, created_at INTEGER NOT NULL)",
    ),
    # The database's own clock, in milliseconds since 1970: a Julian day less the one of that day.
    put=lambda documents: Step(
        "INSERT INTO treadle_outbox (id, document, created_at)"
        " SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'),"
        " CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) FROM json_each(?1)",
        (json.dumps(documents),),
    ),
    look=lambda but, limit: Step(
        "SELECT seq, id, document, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - created_at"
        " FROM treadle_outbox WHERE seq NOT IN (SELECT value FROM json_each(?1)) ORDER BY seq LIMIT ?2",
        (json.dumps(but), limit),
    ),
    drop=lambda seqs: Step(
        "DELETE FROM treadle_outbox WHERE seq IN (SELECT value FROM json_each(?1))", (json.dumps(seqs),)
    ),
)

POSTGRES = Tables(
    exists="SELECT 1 WHERE to_regclass('treadle.outbox') IS NOT NULL",
    make=(
        "CREATE SCHEMA IF NOT EXISTS treadle",
        "CREATE TABLE IF NOT EXISTS treadle.outbox (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " id text NOT NULL, document text NOT NULL, created_at bigint NOT NULL)",
    ),
    put=lambda documents: Step(
        "INSERT INTO treadle.outbox (id, document, created_at)"
        " SELECT id, document, (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
        " FROM unnest($1::text[], $2::text[]) AS row (id, document)",
        ([id for id, _ in documents], [document for _, document in documents]),
    ),
    look=lambda but, limit: Step(
        "SELECT seq, id, document, (extract(epoch FROM clock_timestamp()) * 1000)::bigint - created_at"
        " FROM treadle.outbox WHERE seq <> ALL ($1::bigint[]) ORDER BY seq LIMIT $2::bigint",
        (but, limit),
    ),
    drop=lambda seqs: Step("DELETE FROM treadle.outbox WHERE seq = ANY ($1::bigint[])", (list(seqs),)),
)

TABLES = {"sqlite": SQLITE, "postgresql": POSTGRES}


def is_there(tables: Tables) -> Steps[bool]:
    """Look whether there is an outbox."""
    return bool((yield Step(tables.exists)))


def made(tables: Tables) -> Steps[bool]:
    """Make the table; answer whether it was missing."""
    if (yield from is_there(tables)):
        return False
    for statement in tables.make:
        yield Step(statement)
    return True


def said(step: Step) -> Steps[Rows]:
    """Take one step."""
    return (yield step)
