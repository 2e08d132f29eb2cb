"""What these tests do beside the store: ask the server, lock a job, wait for what must come true."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg

from tests.servers.server import wait_until
from treadle.core.ids import Clock
from treadle.core.job import Filter
from treadle.core.store import Store
from treadle.stores.postgres.lookout import Lookout
from treadle.stores.postgres.settings import settings_from
from treadle.stores.postgres.store import PostgresStore

#: Seconds after which something that must come counts as missing; only waited for when something is broken.
PATIENCE = 30.0


def ask(url: str, statement: str, *values: object) -> list[Any]:
    """Run one statement on a connection of its own; answer its rows, each of one column as that alone."""
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        cursor = connection.execute(statement.encode(), values or None)
        rows = cursor.fetchall() if cursor.description else []
    return [row[0] if len(row) == 1 else row for row in rows]


def open_with(url: str, clock: Clock | None = None, *, lookout: Lookout | None = None, **changed: Any) -> PostgresStore:
    """Make a store with other settings than a URL can say, or another lookout."""
    return PostgresStore(replace(settings_from(url), **changed), clock, lookout)


@contextmanager
def locking(url: str, *ids: str) -> Iterator[psycopg.Connection]:
    """Hold the rows of these jobs: whoever wants to change one waits."""
    with psycopg.connect(url, autocommit=False) as connection:
        connection.execute("SELECT 1 FROM treadle.job WHERE coalesce(name, key::text) = ANY (%s) FOR UPDATE", [[*ids]])
        yield connection
        connection.rollback()


async def waiting(url: str, number: int = 1) -> None:
    """Wait until so many statements of stores stand before a lock."""
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        " AND application_name = 'treadle'"
    )
    await asyncio.to_thread(wait_until, lambda: ask(url, asked) == [number], f"{number} did not wait")


def connections(url: str) -> int:
    """Count the connections that stores have to this database."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'treadle'"
    number: int = ask(url, asked)[0]
    return number


def all_gone(url: str) -> None:
    """Wait until the server has seen the end of every store's connection."""
    wait_until(lambda: connections(url) == 0, f"{connections(url)} connections were left")


async def all_ids(store: Store) -> set[str]:
    return {found.id for found in (await store.find(Filter(), 1_000_000)).items}


async def soon(awaited: Any) -> Any:
    """Await what must not hang."""
    return await asyncio.wait_for(awaited, PATIENCE)


def soon_true(look: Callable[[], bool], what: str) -> None:
    wait_until(look, what)
