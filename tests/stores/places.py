"""Empty places for jobs, one of each kind: a test that asks for `store` or `place` runs once on every store."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.servers.given import GivenPostgres, GivenValkey
from tests.servers.postgres import Postgres
from tests.servers.valkey import Valkey, client_of
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.testing import FakeClock

KINDS = ("sqlite", "postgres", "redis")

PARAMETERS = [pytest.param(kind, marks=() if kind == "sqlite" else pytest.mark.server) for kind in KINDS]

SERVERS = PARAMETERS[1:]

#: Where a second place of a kind comes from; Redis gives other keys at each call.
OTHERS = {"postgres": "other_postgres_place", "redis": "redis_place"}

TABLES = "job, worker, progress, log, attempt, record, arrival, lane, turn, line, standing"


@pytest.fixture(scope="session")
def postgres_database(postgres: Postgres | GivenPostgres) -> Iterator[str]:
    """Give the URL of one database for all tests."""
    name = f"treadle_test_{os.getpid()}"
    yield postgres.create_database(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def postgres_place(postgres_database: str) -> Iterator[Callable[[], str]]:
    """Give the URL of one database with our tables, emptied at each call."""
    with _tables(postgres_database, "treadle", postgres_database) as empty:
        yield empty


@pytest.fixture(scope="session")
def other_postgres_place(postgres_database: str) -> Iterator[Callable[[], str]]:
    """Give the URL of the same database with our tables in another schema, emptied at each call."""
    url = f"{postgres_database}{'&' if '?' in postgres_database else '?'}schema=other"
    with _tables(postgres_database, "other", url) as empty:
        yield empty


@contextmanager
def _tables(database: str, schema: str, url: str) -> Iterator[Callable[[], str]]:
    asyncio.run(_migrate(url))
    with psycopg.connect(database, autocommit=True) as connection:

        def empty() -> str:
            connection.execute("TRUNCATE " + ", ".join(f"{schema}.{table}" for table in TABLES.split(", ")))
            connection.execute(f"ALTER SEQUENCE {schema}.job_seq_seq RESTART")
            return url

        yield empty


async def _migrate(url: str) -> None:
    store = open_store(url)
    await store.migrate()
    await store.close()


@pytest.fixture(scope="session")
def redis_place(valkey: Valkey | GivenValkey) -> Iterator[Callable[[], str]]:
    """Give the URL of keys that nobody has used before; all of them are gone at the end."""
    used = 0
    url, mine = valkey.url(), f"treadle-test-{os.getpid()}"

    def empty() -> str:
        nonlocal used
        used += 1
        return f"{url}{'&' if '?' in url else '?'}prefix={mine}-{used}"

    yield empty
    with client_of(url) as client:
        for key in client.scan_iter(f"*{mine}-*", count=1_000):
            client.unlink(key)


@pytest.fixture
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Make an empty place of a kind, and answer its URL; servers start when they are first asked for."""

    files = (tmp_path / f"jobs{number or ''}.db" for number in count())

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{next(files)}"
        empty: Callable[[], str] = request.getfixturevalue(f"{kind}_place")
        return empty()

    return make


@pytest.fixture
def other_place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Make an empty place of a kind beside that of `new_place`, and answer its URL."""

    files = (tmp_path / f"other{number or ''}.db" for number in count())

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{next(files)}"
        empty: Callable[[], str] = request.getfixturevalue(OTHERS[kind])
        return empty()

    return make


@pytest.fixture(params=PARAMETERS)
def place(request: pytest.FixtureRequest, new_place: Callable[[str], str]) -> str:
    """The URL of an empty store of each kind."""
    return new_place(request.param)


@pytest.fixture
async def store(place: str, clock: FakeClock) -> AsyncIterator[Store]:
    """An empty store of each kind, which lives by the `clock` fixture."""
    opened = open_store(place, clock)
    await opened.open()
    yield opened
    await opened.close()
