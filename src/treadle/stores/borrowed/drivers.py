"""How each driver's own connection takes a statement. Rows come as tuples, whatever the caller's row factory makes."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from treadle.stores.borrowed.value import Borrowed
from treadle.stores.steps import Rows, Step

_PLACE = re.compile(r"\$(\d+)")


@cache
def pyformat(statement: str) -> str:
    """Write `$1` as `%(p1)s`, for drivers that know nothing else."""
    return _PLACE.sub(r"%(p\1)s", statement.replace("%", "%%"))


def named(values: Sequence[Any]) -> Mapping[str, Any]:
    """Give values the names that `pyformat` uses."""
    return {f"p{number}": value for number, value in enumerate(values, 1)}


def sqlite(connection: Any) -> Borrowed:
    def execute(step: Step) -> Rows:
        cursor = connection.cursor()
        cursor.row_factory = None
        rows: Rows = cursor.execute(*step).fetchall()
        return rows

    def begin() -> None:
        if not connection.in_transaction:
            connection.execute("BEGIN IMMEDIATE")

    return Borrowed("sqlite", False, execute, begin, connection.commit, connection.rollback)


def aiosqlite(connection: Any) -> Borrowed:
    async def execute(step: Step) -> Rows:
        async with connection.cursor() as cursor:
            cursor.row_factory = None
            await cursor.execute(*step)
            rows: Rows = await cursor.fetchall()
            return rows

    async def begin() -> None:
        if not connection.in_transaction:
            await connection.execute("BEGIN IMMEDIATE")

    return Borrowed("sqlite", True, execute, begin, connection.commit, connection.rollback)


def psycopg(connection: Any) -> Borrowed:
    from psycopg import RawCursor
    from psycopg.rows import tuple_row

    def execute(step: Step) -> Rows:
        with RawCursor(connection, row_factory=tuple_row) as cursor:
            cursor.execute(*step)
            return cursor.fetchall() if cursor.description else []

    def begin() -> None:
        if connection.autocommit and not connection.info.transaction_status:
            connection.execute("BEGIN")

    return Borrowed("postgresql", False, execute, begin, connection.commit, connection.rollback)


def psycopg_async(connection: Any) -> Borrowed:
    from psycopg import AsyncRawCursor
    from psycopg.rows import tuple_row

    async def execute(step: Step) -> Rows:
        async with AsyncRawCursor(connection, row_factory=tuple_row) as cursor:
            await cursor.execute(*step)
            return await cursor.fetchall() if cursor.description else []

    async def begin() -> None:
        if connection.autocommit and not connection.info.transaction_status:
            await connection.execute("BEGIN")

    return Borrowed("postgresql", True, execute, begin, connection.commit, connection.rollback)


def psycopg2(connection: Any) -> Borrowed:
    from psycopg2.extensions import cursor as tuple_cursor

    def execute(step: Step) -> Rows:
        with connection.cursor(cursor_factory=tuple_cursor) as cursor:
            cursor.execute(pyformat(step.statement), named(step.values))
            rows: Rows = cursor.fetchall() if cursor.description else []
            return rows

    def end(word: str) -> None:
        # In autocommit mode the connection's own methods do nothing, whatever SQL has begun.
        if connection.autocommit:
            execute(Step(word))
        elif word == "COMMIT":
            connection.commit()
        else:
            connection.rollback()

    def begin() -> None:
        if connection.autocommit and not connection.info.transaction_status:
            execute(Step("BEGIN"))

    return Borrowed("postgresql", False, execute, begin, lambda: end("COMMIT"), lambda: end("ROLLBACK"))


def asyncpg(connection: Any) -> Borrowed:
    async def execute(step: Step) -> Rows:
        rows: Rows = await connection.fetch(step.statement, *step.values)
        return rows

    async def say(word: str) -> None:
        await connection.execute(word)

    async def begin() -> None:
        if not connection.is_in_transaction():
            await say("BEGIN")

    return Borrowed("postgresql", True, execute, begin, lambda: say("COMMIT"), lambda: say("ROLLBACK"))
