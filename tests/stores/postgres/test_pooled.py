"""The whole contract through a pooler in transaction mode, and what such a pooler changes."""
# ruff: noqa: F403

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.servers.given import GivenPostgres
from tests.servers.pgbouncer import PgBouncer
from tests.servers.plugin import skipping
from tests.servers.postgres import Postgres
from tests.stores.postgres.conftest import migrate
from tests.stores.postgres.scene import PATIENCE, ask, soon
from treadle.core.errors import StoreError, StoreUnavailable
from treadle.core.job import Added
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.testing import FakeClock
from treadle.testing.contract import *
from treadle.testing.contract.scene import Hand, job

pytestmark = [pytest.mark.server, pytest.mark.slow]

TABLES = ("job", "worker", "progress", "log", "attempt", "record", "arrival", "lane", "turn", "line", "standing")

NAME = "through_a_pooler"


@pytest.fixture(scope="module")
def behind(postgres: Postgres | GivenPostgres) -> Iterator[str]:
    """The URL of a database that leads past the pooler."""
    url = postgres.create_database(NAME)
    asyncio.run(migrate(url))
    yield url
    postgres.drop_database(NAME)


@pytest.fixture(scope="module")
def bouncer(behind: str, postgres: Postgres | GivenPostgres) -> Iterator[PgBouncer]:
    with skipping():
        server = PgBouncer.start(None, postgres, options={"auth_type": "trust"})  # faster by half
    with server:
        yield server


@pytest.fixture
async def store(bouncer: PgBouncer, behind: str, clock: FakeClock) -> AsyncIterator[Store]:
    ask(behind, "; ".join(f"DELETE FROM treadle.{table}" for table in TABLES))
    opened = open_store(bouncer.url(NAME), clock)
    await opened.open()
    yield opened
    await opened.close()


# -- what a pooler changes ---------------------------------------------------------------------

LISTENERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"


async def test_it_looks_for_work_instead_of_listening_and_says_so(
    bouncer: PgBouncer, behind: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(bouncer.url(NAME))
    hinted = threading.Event()
    leave = store.subscribe(hinted.set)  # before anything is known
    with caplog.at_level(logging.WARNING, "treadle.stores"):
        await store.open()
    assert "pooler in transaction mode" in caplog.text
    assert "A URL that leads past the pooler wakes workers at once" in " ".join((await store.facts()).notes)
    for _ in range(3):
        assert await asyncio.to_thread(hinted.wait, PATIENCE)
        hinted.clear()
    assert ask(behind, LISTENERS) == [0]
    leave()
    await store.close()


async def test_it_leaves_no_prepared_statement_behind(behind: str, postgres: Postgres) -> None:
    """The next who is given that connection may call one of its own so; its names are counted in each process."""
    with skipping():
        other = PgBouncer.start(None, postgres, options={"default_pool_size": 1})
    with other:
        store = open_store(other.url(NAME))
        hand = Hand(store, "w1")
        await asyncio.to_thread(hand.beat)
        await store.add([job("prepared", queue="other")])
        await hand.claim(1)
        connection = await store.connect()
        async with connection.transaction():  # type: ignore[attr-defined]  # it is asyncpg's
            await store.enlist(connection).add([job("enlisted", queue="other")])  # type: ignore[misc]  # it is awaited
        await connection.close()  # type: ignore[attr-defined]  # it is asyncpg's
        assert ask(other.url(NAME), "SELECT name FROM pg_prepared_statements") == []
        await store.close()


@pytest.mark.parametrize("options", [
    {"server_round_robin": 1, "default_pool_size": 2, "min_pool_size": 2},
    {"server_round_robin": 1, "default_pool_size": 3, "min_pool_size": 3},
    {"default_pool_size": 1},
])  # fmt: skip
async def test_a_pooler_is_recognised_however_it_deals_out_its_connections(
    behind: str, postgres: Postgres, options: dict[str, object]
) -> None:
    with skipping():
        other = PgBouncer.start(None, postgres, options=options)
    with other:
        await asyncio.gather(*(asyncio.to_thread(ask, other.url(NAME), "SELECT pg_sleep(0.1)") for _ in range(3)))
        store = open_store(other.url(NAME))
        assert "pooler" in " ".join((await store.facts()).notes)
        await store.close()


async def test_a_pooler_in_session_mode_is_as_good_as_none(behind: str, postgres: Postgres) -> None:
    with skipping():
        other = PgBouncer.start(None, postgres, pool_mode="session")
    with other:
        store = open_store(other.url(NAME))
        assert "pooler" not in " ".join((await store.facts()).notes)
        hinted = threading.Event()
        leave = store.subscribe(hinted.set)
        assert await asyncio.to_thread(hinted.wait, PATIENCE)
        assert ask(behind, LISTENERS) == [1]
        hinted.clear()
        await store.add([job("through a session", queue="other")])
        assert await asyncio.to_thread(hinted.wait, PATIENCE)
        leave()
        await store.close()


async def test_a_pooler_in_statement_mode_is_refused(behind: str, postgres: Postgres) -> None:
    with skipping():
        other = PgBouncer.start(None, postgres)
    with other:
        written = other.home / "pgbouncer.ini"
        written.write_text(written.read_text().replace("pool_mode = transaction", "pool_mode = statement"))
        ask(other.url("pgbouncer"), "RELOAD")
        store = open_store(other.url(NAME))
        with pytest.raises(StoreError, match=r"statement mode.*Set pool_mode = transaction") as refused:
            await store.open()
        assert not isinstance(refused.value, StoreUnavailable)
        await store.close()


@pytest.mark.parametrize("part", ["database", "password", "user"])
async def test_what_a_pooler_says_of_a_wrong_url_is_passed_on(behind: str, postgres: Postgres, part: str) -> None:
    with skipping():
        other = PgBouncer.start(None, postgres)
    with other:
        wrong = {
            "database": other.url("nowhere"),
            "password": other.url(NAME, tcp=True).replace(f":{other.password}@", ":guessed@"),
            "user": other.url(NAME).replace(f"{other.user}:", "nobody:"),
        }
        store = open_store(wrong[part])
        with pytest.raises(StoreError, match=r"Create it|[Cc]orrect the URL") as refused:
            await soon(store.open())
        assert not isinstance(refused.value, StoreUnavailable)
        await store.close()


async def test_a_pooler_that_was_killed_is_used_again_by_the_very_next_call(bouncer: PgBouncer, behind: str) -> None:
    store = open_store(bouncer.url(NAME))
    hand = Hand(store, "w1")
    hand.beat()
    await store.add([job("before the kill", queue="other")])
    bouncer.kill()
    with pytest.raises(StoreUnavailable):
        await store.now()
    with pytest.raises(StoreUnavailable):
        hand.beat()
    bouncer.restart()
    assert await store.add([job("after the kill", queue="other")]) == [Added("after the kill", True)]
    hand.beat()
    await store.close()


async def test_a_pooler_without_its_server_is_unavailable_and_nothing_worse(server: Postgres, database: str) -> None:
    with skipping():
        other = PgBouncer.start(None, server, options={"server_login_retry": 0.1, "query_wait_timeout": 1})
    with other:
        store = open_store(other.url(database))
        await store.add([job("a")])
        server.kill()
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await soon(store.add([job("b")]))
        fresh = open_store(other.url(database))
        with pytest.raises(StoreUnavailable):
            await soon(fresh.open())
        server.restart()
        await fresh.close()
        await _until_added(store, "c")
        assert await store.get("a") is not None
        await store.close()


async def _until_added(store: Store, id: str) -> None:
    """Add it as soon as the pooler has noticed that its server is back."""
    while True:
        try:
            await soon(store.add([job(id)]))
            return
        except StoreUnavailable:
            await asyncio.sleep(0)


async def test_a_pooler_with_too_many_clients_is_unavailable(behind: str, postgres: Postgres) -> None:
    with skipping():
        other = PgBouncer.start(None, postgres, options={"max_client_conn": 2})
    with other:
        store = open_store(f"{other.url(NAME)}&pool=5")
        answers = await soon(asyncio.gather(*(store.now() for _ in range(9)), return_exceptions=True))
        assert {type(answer) for answer in answers} == {int, StoreUnavailable}
        await store.close()
