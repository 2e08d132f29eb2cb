"""How SQLAlchemy's connections and sessions take a statement, in the style of the driver below them.

They begin a transaction by themselves.
"""

from typing import Any

from treadle.stores.borrowed.drivers import named, pyformat
from treadle.stores.borrowed.value import Borrowed
from treadle.stores.steps import Rows, Step


def session(session: Any) -> Borrowed:
    dialect = session.get_bind().dialect

    def execute(step: Step) -> Rows:
        return _rows(session.connection().exec_driver_sql(*_styled(step, dialect.paramstyle)))

    return Borrowed(dialect.name, False, execute, _nothing, session.commit, session.rollback)


def connection(connection: Any) -> Borrowed:
    dialect = connection.dialect

    def execute(step: Step) -> Rows:
        return _rows(connection.exec_driver_sql(*_styled(step, dialect.paramstyle)))

    return Borrowed(dialect.name, False, execute, _nothing, connection.commit, connection.rollback)


def async_session(session: Any) -> Borrowed:
    dialect = session.get_bind().dialect

    async def execute(step: Step) -> Rows:
        bound = await session.connection()
        return _rows(await bound.exec_driver_sql(*_styled(step, dialect.paramstyle)))

    return Borrowed(dialect.name, True, execute, _nothing_to_await, session.commit, session.rollback)


def async_connection(connection: Any) -> Borrowed:
    dialect = connection.dialect

    async def execute(step: Step) -> Rows:
        return _rows(await connection.exec_driver_sql(*_styled(step, dialect.paramstyle)))

    return Borrowed(dialect.name, True, execute, _nothing_to_await, connection.commit, connection.rollback)


def _nothing() -> None:
    return


async def _nothing_to_await() -> None:
    return


def _styled(step: Step, style: str) -> tuple[str, Any]:
    if style == "pyformat":
        return pyformat(step.statement), named(step.values)
    return step.statement, tuple(step.values)


def _rows(result: Any) -> Rows:
    rows: Rows = result.fetchall() if result.returns_rows else []
    return rows
