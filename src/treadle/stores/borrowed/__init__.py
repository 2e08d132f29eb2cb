"""Connections and sessions of callers, so that a job may be added, or completed, in their transaction.

They are recognised by the names of their classes: whoever hands one over has imported its library, nobody else need.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from treadle.core.errors import ConfigError
from treadle.stores.borrowed import alchemy, drivers
from treadle.stores.borrowed.value import Borrowed

__all__ = ["Borrowed", "borrow"]

#: (library, class) -> how to borrow one; a subclass is recognised too.
KINDS: dict[tuple[str, str], Callable[[Any], Borrowed]] = {
    ("sqlite3", "Connection"): drivers.sqlite,
    ("aiosqlite", "Connection"): drivers.aiosqlite,
    ("psycopg", "Connection"): drivers.psycopg,
    ("psycopg", "AsyncConnection"): drivers.psycopg_async,
    ("psycopg2", "connection"): drivers.psycopg2,
    ("asyncpg", "Connection"): drivers.asyncpg,
    ("asyncpg", "PoolConnectionProxy"): drivers.asyncpg,
    ("sqlalchemy", "Session"): alchemy.session,
    ("sqlalchemy", "scoped_session"): alchemy.session,
    ("sqlalchemy", "Connection"): alchemy.connection,
    ("sqlalchemy", "AsyncSession"): alchemy.async_session,
    ("sqlalchemy", "async_scoped_session"): alchemy.async_session,
    ("sqlalchemy", "AsyncConnection"): alchemy.async_connection,
}

#: Classes of Django's that stand before a driver's connection.
DJANGO = {("django", "BaseDatabaseWrapper"), ("django", "ConnectionProxy")}


def borrow(tx: Any) -> Borrowed:
    """Make a caller's connection or session usable. Raises ConfigError for what is none."""
    for kind in type(tx).__mro__:
        name = (kind.__module__.partition(".")[0], kind.__name__)
        if name in KINDS:
            return KINDS[name](tx)
        if name in DJANGO:
            return _of_django(tx)
    raise ConfigError(
        f"tx={type(tx).__module__}.{type(tx).__name__} is no connection or session that is known here. It may be one"
        " of sqlite3, aiosqlite, psycopg, psycopg2, asyncpg, SQLAlchemy (Session, AsyncSession, Connection,"
        " AsyncConnection) or Django (django.db.connection)."
    )


def _of_django(wrapper: Any) -> Borrowed:
    """Borrow the driver's connection behind Django's, whose transactions are Django's to begin and end."""
    from django.db.transaction import atomic

    wrapper.ensure_connection()
    block = atomic(using=wrapper.alias)

    def end(error: type[BaseException] | None) -> None:
        block.__exit__(error, error and error(), None)

    return replace(
        borrow(wrapper.connection),
        begin=block.__enter__,
        commit=lambda: end(None),
        rollback=lambda: end(RuntimeError),
    )
