"""Connections and sessions that an application may hand over, each with how it begins, commits and rolls back."""

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from typing import Any

import asyncpg
import django
import psycopg
import psycopg2
import psycopg2.extras
from django.conf import settings as django_settings
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from sqlalchemy import create_engine, make_url
from sqlalchemy.ext.asyncio import async_scoped_session, async_sessionmaker, create_async_engine
from sqlalchemy.orm import scoped_session, sessionmaker


def nothing() -> None:
    return


@dataclass
class Caller:
    """Somebody with a transaction."""

    tx: Any
    """What is handed over."""
    commit: Callable[[], Any]
    rollback: Callable[[], Any]
    execute: Callable[[str], Any]
    """Run a statement of the caller's own in it."""
    begin: Callable[[], Any] = nothing


async def settled(answer: Any) -> Any:
    """Await it, if it is to be awaited."""
    return await answer if inspect.isawaitable(answer) else answer


Kind = Callable[[str], AbstractAsyncContextManager[Caller]]


@asynccontextmanager
async def psycopg_(url: str) -> AsyncIterator[Caller]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        yield Caller(connection, connection.commit, connection.rollback, lambda text: connection.execute(text.encode()))


@asynccontextmanager
async def psycopg_autocommit(url: str) -> AsyncIterator[Caller]:
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:

        def say(text: str) -> Any:
            return connection.execute(text.encode())

        yield Caller(connection, lambda: say("COMMIT"), lambda: say("ROLLBACK"), say, lambda: say("BEGIN"))


@asynccontextmanager
async def psycopg_async(url: str) -> AsyncIterator[Caller]:
    async with await psycopg.AsyncConnection.connect(url, row_factory=dict_row) as connection:
        yield Caller(connection, connection.commit, connection.rollback, lambda text: connection.execute(text.encode()))


@asynccontextmanager
async def psycopg2_(url: str) -> AsyncIterator[Caller]:
    with closing(psycopg2.connect(url, cursor_factory=psycopg2.extras.RealDictCursor)) as connection:

        def say(text: str) -> None:
            with connection.cursor() as cursor:
                cursor.execute(text)

        yield Caller(connection, connection.commit, connection.rollback, say)


@asynccontextmanager
async def psycopg2_autocommit(url: str) -> AsyncIterator[Caller]:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True

        def say(text: str) -> None:
            with connection.cursor() as cursor:
                cursor.execute(text)

        yield Caller(connection, lambda: say("COMMIT"), lambda: say("ROLLBACK"), say, lambda: say("BEGIN"))


@asynccontextmanager
async def asyncpg_(url: str) -> AsyncIterator[Caller]:
    connection = await asyncpg.connect(url)
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str)
    yield _of_asyncpg(connection, connection)
    await connection.close()


@asynccontextmanager
async def asyncpg_pool(url: str) -> AsyncIterator[Caller]:
    async with asyncpg.create_pool(url, min_size=1, max_size=2) as pool, pool.acquire() as connection:
        yield _of_asyncpg(connection, connection)


def _of_asyncpg(tx: Any, connection: Any) -> Caller:
    open_: list[Any] = []

    async def begin() -> None:
        open_.append(connection.transaction())
        await open_[-1].start()

    async def end(word: str) -> None:
        if open_:
            await getattr(open_.pop(), word)()

    return Caller(tx, lambda: end("commit"), lambda: end("rollback"), connection.execute, begin)


def _engine(url: str, driver: str) -> Any:
    return create_engine(make_url(url).set(drivername=f"postgresql+{driver}"))


def _sessions(driver: str, *, scoped: bool = False) -> Kind:
    @asynccontextmanager
    async def open_(url: str) -> AsyncIterator[Caller]:
        engine = _engine(url, driver)
        make = sessionmaker(engine)
        session: Any = scoped_session(make) if scoped else make()
        say = lambda text: session.connection().exec_driver_sql(text)  # noqa: E731 - a word for the next line
        yield Caller(session, session.commit, session.rollback, say)
        session.close()
        engine.dispose()

    return open_


def _connections(driver: str) -> Kind:
    @asynccontextmanager
    async def open_(url: str) -> AsyncIterator[Caller]:
        engine = _engine(url, driver)
        with engine.connect() as connection:
            yield Caller(connection, connection.commit, connection.rollback, connection.exec_driver_sql)
        engine.dispose()

    return open_


def _awaited_engine(url: str, driver: str) -> Any:
    whole = make_url(url)
    if driver == "asyncpg":  # its dialect takes the place of a socket and the port apart
        return create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url))
    return create_async_engine(whole.set(drivername=f"postgresql+{driver}"))


def _async_sessions(driver: str, *, scoped: bool = False) -> Kind:
    @asynccontextmanager
    async def open_(url: str) -> AsyncIterator[Caller]:
        engine = _awaited_engine(url, driver)
        make = async_sessionmaker(engine)
        session: Any = async_scoped_session(make, lambda: 1) if scoped else make()

        async def say(text: str) -> None:
            await (await session.connection()).exec_driver_sql(text)

        yield Caller(session, session.commit, session.rollback, say)
        await session.close()
        await engine.dispose()

    return open_


def _async_connections(driver: str) -> Kind:
    @asynccontextmanager
    async def open_(url: str) -> AsyncIterator[Caller]:
        engine = _awaited_engine(url, driver)
        async with engine.connect() as connection:
            yield Caller(connection, connection.commit, connection.rollback, connection.exec_driver_sql)
        await engine.dispose()

    return open_


@asynccontextmanager
async def django_(url: str) -> AsyncIterator[Caller]:
    if not django_settings.configured:
        django_settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
        django.setup()
    from django.db import connections
    from django.db.transaction import Atomic

    parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    known = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password", "NAME": "dbname"}
    place = {name: parts.get(part, "") for name, part in known.items()}
    connections.settings["jobs"] = {
        **connections.settings["default"], "ENGINE": "django.db.backends.postgresql", **place, "OPTIONS": {},
    }  # fmt: skip
    connection = connections["jobs"]
    blocks: list[Any] = []

    def begin() -> None:
        blocks.append(Atomic("jobs", savepoint=True, durable=False))
        blocks[-1].__enter__()

    def end(error: type[BaseException] | None) -> None:
        if blocks:
            blocks.pop().__exit__(error, error and error(), None)

    def say(text: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(text)

    yield Caller(connection, lambda: end(None), lambda: end(RuntimeError), say, begin)
    connection.close()
    del connections["jobs"], connections.settings["jobs"]


KINDS: dict[str, Kind] = {
    "psycopg": psycopg_,
    "psycopg autocommit": psycopg_autocommit,
    "psycopg async": psycopg_async,
    "psycopg2": psycopg2_,
    "psycopg2 autocommit": psycopg2_autocommit,
    "asyncpg": asyncpg_,
    "asyncpg pool": asyncpg_pool,
    "Session on psycopg": _sessions("psycopg"),
    "Session on psycopg2": _sessions("psycopg2"),
    "scoped_session": _sessions("psycopg", scoped=True),
    "Connection on psycopg": _connections("psycopg"),
    "Connection on psycopg2": _connections("psycopg2"),
    "AsyncSession on asyncpg": _async_sessions("asyncpg"),
    "AsyncSession on psycopg": _async_sessions("psycopg"),
    "async_scoped_session": _async_sessions("psycopg", scoped=True),
    "AsyncConnection on asyncpg": _async_connections("asyncpg"),
    "AsyncConnection on psycopg": _async_connections("psycopg"),
    "Django": django_,
}
