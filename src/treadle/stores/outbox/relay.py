"""Carrying jobs from the outbox to the store, in every worker: twice is once, for the id is the job's."""

import contextlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

from treadle.core.errors import ConfigError, StoreUnavailable, TreadleError
from treadle.core.store import Store
from treadle.stores.borrowed import borrow
from treadle.stores.drivers import need
from treadle.stores.outbox.documents import read
from treadle.stores.outbox.tables import TABLES, is_there, made, said
from treadle.stores.steps import Steps, T, atake, take
from treadle.stores.threads import in_thread

log = logging.getLogger("treadle.stores")

#: Jobs that travel together at most.
SLICE = 500


#: Ticks between two looks for a table that is not there.
SELDOM = 40


def relay_for(url: str, store: Store, *, make: bool | None = None) -> "Relay | None":
    """Make the relay between an application's database and the store; None where no outbox can be reached.

    The URL may be there for the application's sake alone: nothing about it keeps a worker from its work.
    """
    if dialect_of(url) not in TABLES:
        return None  # who passes a transaction of such a database is told so then
    try:
        return Relay(url, store, make=make)
    except TreadleError as error:
        log.warning("jobs that were enqueued in transactions of database_url are not carried from here: %s", error)
        return None


def dialect_of(url: str) -> str:
    """Name the kind of a database as SQLAlchemy does."""
    scheme = url.partition("://")[0].partition("+")[0].lower()
    return "postgresql" if scheme == "postgres" else scheme


class Box:
    """The outbox in one database, over one connection that is made at its first use and again when it broke."""

    def __init__(self, url: str) -> None:
        self.dialect = dialect_of(url)
        if self.dialect not in TABLES:
            raise ConfigError(f"database_url names {self.dialect!r}; an outbox may lie in SQLite or PostgreSQL.")
        url = f"{self.dialect}://{url.partition('://')[2]}"
        self._connect: Callable[[], Awaitable[Any]]
        if self.dialect == "sqlite":
            from treadle.stores.sqlite.settings import settings_from

            path = settings_from(url).path
            self._connect = lambda: in_thread(_open_file, str(path))
        else:
            from treadle.stores.postgres.settings import settings_from as postgres_from

            settings = postgres_from(url)
            need("postgres", "asyncpg", "An outbox in PostgreSQL")
            self._connect = lambda: _open_server(settings.dsn)
        self.tables = TABLES[self.dialect]
        self._connection: Any = None

    async def take(self, steps: Steps[T]) -> T:
        """Take these steps, each committed by itself. Raises StoreUnavailable if the database does not answer."""
        try:
            if self._connection is None:
                self._connection = await self._connect()
            borrowed = borrow(self._connection)
            if borrowed.awaits:
                return await atake(steps, borrowed.execute)
            return await in_thread(take, steps, borrowed.execute)
        except Exception as error:
            await self.close()
            if not isinstance(error, self._troubles()):
                raise  # our own mistake, or a sentence already
            raise StoreUnavailable(f"The outbox cannot be reached ({type(error).__name__}: {error}).") from error

    def _troubles(self) -> tuple[type[Exception], ...]:
        """Name what the driver and the system may raise."""
        if self.dialect == "sqlite":
            return sqlite3.Error, OSError
        import asyncpg

        return asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError

    async def close(self) -> None:
        """End the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                closed = connection.close()
                if closed is not None:
                    await closed


def _open_file(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)


async def _open_server(dsn: str) -> Any:
    import asyncpg

    return await asyncpg.connect(dsn, timeout=5, command_timeout=10, statement_cache_size=0)


class Relay:
    """One worker's errand to the outbox."""

    def __init__(self, url: str, store: Store, *, make: bool | None = None) -> None:
        self._box, self._store = Box(url), store
        self._make = self._box.dialect == "sqlite" if make is None else make
        self._there = False
        self._ticks = 0
        self._refused: list[int] = []
        """What cannot be carried: it stays where it is, for a person or a newer version to see."""

    async def tick(self) -> int:
        """Carry all that waits; answer how many jobs that were. Raises StoreError."""
        if not self._there and (self._ticks % SELDOM or not await self._look_for_table()):
            self._ticks += 1
            return 0
        carried = 0
        while number := await self._carry():
            carried += number
        return carried

    async def migrate(self) -> bool:
        """Make the table; answer whether it was missing."""
        try:
            return await self._box.take(made(self._box.tables))
        finally:
            await self._box.close()

    async def close(self) -> None:
        """End the connection to the database."""
        await self._box.close()

    async def _look_for_table(self) -> bool:
        if self._make:
            await self._box.take(made(self._box.tables))
            self._there = True
        else:
            self._there = await self._box.take(is_there(self._box.tables))
        return self._there

    async def _carry(self) -> int:
        rows = await self._box.take(said(self._box.tables.look(self._refused, SLICE)))
        jobs, seqs = [], []
        for seq, id, document, passed in rows:
            try:
                jobs.append(read(document, passed))
                seqs.append(seq)
            except (ValueError, TypeError) as error:
                self._refused.append(seq)
                log.error("the outbox holds something that is no job here (%s): %s", id, error)
        if jobs:  # who was carried twice, since two workers looked at once, is there already
            await self._store.add(jobs)
            await self._box.take(said(self._box.tables.drop(seqs)))
        return len(jobs)
