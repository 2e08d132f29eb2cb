"""A job enqueued or completed in a caller's transaction is so exactly if that commits: every driver that reaches it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import aiosqlite
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from tests.servers.given import GivenPostgres
from tests.servers.pgbouncer import PgBouncer
from tests.servers.plugin import skipping
from tests.servers.postgres import Postgres
from tests.stores.ears import listening
from tests.stores.postgres.callers import KINDS, Caller, settled
from tests.stores.postgres.scene import ask
from treadle.core.errors import ConfigError
from treadle.core.job import Added, Ending, Filter, NewJob, Progress
from treadle.core.outcomes import complete, hand_back
from treadle.core.states import State
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.testing.contract.scene import Hand, job, seen

pytestmark = pytest.mark.server


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Django work in the thread of our event loop; nobody else waits for that."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = open_store(url)
    await opened.open()
    ask(url, "DROP TABLE IF EXISTS orders; CREATE TABLE orders (name text)")
    yield opened
    await opened.close()
    ask(url, "DROP TABLE orders")


@pytest.fixture(params=KINDS)
async def caller(request: pytest.FixtureRequest, url: str, store: Store) -> AsyncIterator[Caller]:
    """Somebody of each kind, in an open transaction."""
    async with KINDS[request.param](url) as caller:
        await settled(caller.begin())
        yield caller


async def add(store: Store, caller: Caller, *new: NewJob) -> list[Added]:
    answers: list[Added] = await settled(store.enlist(caller.tx).add(new))
    return answers


async def kept(store: Store) -> list[str]:
    return sorted(found.id for found in (await store.find(Filter(), 1_000)).items)


async def test_after_the_commit_the_job_is_there_with_the_callers_own_rows(
    store: Store, url: str, caller: Caller
) -> None:
    await settled(caller.execute("INSERT INTO orders VALUES ('one')"))
    assert await add(store, caller, job("a"), job("b", due_in=60_000)) == [Added("a", True), Added("b", True)]
    await settled(caller.execute("INSERT INTO orders VALUES ('two')"))
    assert await kept(store) == [], "nobody else sees it before"
    await settled(caller.commit())
    assert await kept(store) == ["a", "b"]
    assert ask(url, "SELECT name FROM orders ORDER BY name") == ["one", "two"]


async def test_after_a_rollback_neither_has_ever_been(store: Store, url: str, caller: Caller) -> None:
    await settled(caller.execute("INSERT INTO orders VALUES ('one')"))
    await add(store, caller, job("a"))
    await settled(caller.rollback())
    assert await kept(store) == []
    assert ask(url, "SELECT name FROM orders") == []


async def test_who_is_there_stands_for_the_newcomer(store: Store, caller: Caller) -> None:
    """P8."""
    key = "00000000-0000-4000-8000-000000000001"
    await store.add([job("a"), job("u", unique_key="k"), job(key)])
    newcomers = [
        job("x"), job("a"), job("y", unique_key="k"), job("x"), job(key), job("50%", owner="100 % $1 :id"),
        *(job(f"{n:03}", priority=n % 3, queue=f"q{n % 2}") for n in range(150)),
    ]  # fmt: skip
    answers = await add(store, caller, *newcomers)
    assert answers[:6] == [
        Added("x", True), Added("a", False), Added("u", False), Added("x", False), Added(key, False),
        Added("50%", True),
    ]  # fmt: skip
    await settled(caller.commit())
    assert len(await kept(store)) == 155
    assert (await seen(store, "50%")).owner == "100 % $1 :id"


async def test_those_who_wait_are_told_at_the_commit_and_not_before(store: Store, url: str, caller: Caller) -> None:
    with listening(store) as ears:
        await add(store, caller, job("a"))
        ask(url, "SELECT pg_notify('treadle', '')")
        await asyncio.to_thread(ears.heard, 1)
        assert ears.number == 1
        await settled(caller.commit())
        await asyncio.to_thread(ears.heard, 2)


async def test_a_completion_is_part_of_the_transaction_and_fenced(store: Store, url: str, caller: Caller) -> None:
    """P6, P15."""
    hand = Hand(store, "w")
    await asyncio.to_thread(hand.beat)
    await store.add([job("a"), job("b"), job("c")])
    one, two, three = await hand.claim(3)
    await hand.settle(two, hand_back())
    end = store.enlist(caller.tx).complete
    assert await settled(end(Ending(two, complete()))) is False, "its claim is over"
    assert await settled(end(Ending(one, complete('"x"'), Progress(2, 2), '[{"n":1}]'))) is True
    assert await settled(end(Ending(one, complete('"y"')))) is False
    assert (await seen(store, "a")).state is State.RUNNING
    await settled(caller.execute("INSERT INTO orders VALUES ('one')"))
    await settled(caller.commit())
    found = await seen(store, "a")
    assert (found.state, found.result, found.progress, len(found.log)) == (
        State.COMPLETED, '"x"', Progress(2, 2), 1,
    )  # fmt: skip

    await settled(caller.begin())
    assert await settled(end(Ending(three, complete()))) is True
    await settled(caller.execute("INSERT INTO orders VALUES ('two')"))
    await settled(caller.rollback())
    assert (await seen(store, "c")).state is State.RUNNING
    assert ask(url, "SELECT name FROM orders") == ["one"]
    assert await hand.settle(three, complete()) == frozenset()


async def test_the_caller_goes_on_as_it_was(store: Store, caller: Caller) -> None:
    """Row factories, cursors, the state of its transaction."""
    before = [type(row) for row in await _rows(caller)]
    await add(store, caller, job("a"))
    assert [type(row) for row in await _rows(caller)] == before
    await settled(caller.commit())


async def _rows(caller: Caller) -> list[object]:
    """Read something as the caller would."""
    answer = await settled(caller.execute("SELECT 1 AS one, 2 AS two"))
    rows = getattr(answer, "fetchall", list)
    found = await settled(rows())
    return list(found)


async def test_a_database_without_tables_is_told_apart(postgres: Postgres | GivenPostgres) -> None:
    """Such as one of the same name on another server."""
    url = postgres.create_database("orders_only")
    store = open_store(url, migrate=True)
    await store.open()
    ask(url, "DROP SCHEMA treadle CASCADE")
    for name, kind in KINDS.items():
        async with kind(url) as caller:
            await settled(caller.begin())
            with pytest.raises(
                ConfigError, match=r"no tables of Treadle's, while jobs are kept in.*same database"
            ) as told:
                await settled(store.enlist(caller.tx).add([job("a")]))
            assert "relation" not in str(told.value), name
            await settled(caller.rollback())
    await store.close()
    postgres.drop_database("orders_only")


async def test_another_database_with_tables_of_its_own_is_not_written_by_mistake(
    url: str, postgres: Postgres | GivenPostgres
) -> None:
    """Jobs that no worker of this store would ever find; also by one that has not been used yet."""
    other = postgres.create_database("other_jobs")
    there = open_store(other, migrate=True)
    await there.open()
    for name, kind in KINDS.items():
        store = open_store(url)
        async with kind(other) as caller:
            await settled(caller.begin())
            with pytest.raises(ConfigError, match=r"other_jobs, but jobs are kept in.*cannot reach both") as told:
                await settled(store.enlist(caller.tx).add([job("a")]))
            assert "relation" not in str(told.value), name
            await settled(caller.rollback())
        await store.close()
    assert await there.count(Filter()) == {}
    await there.close()
    postgres.drop_database("other_jobs")


async def test_a_connection_to_another_kind_of_database_is_refused(store: Store) -> None:
    sentence = "a connection to sqlite, but jobs are kept in PostgreSQL.*one transaction cannot reach both"
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(ConfigError, match=sentence):
        store.enlist(connection)
    async with aiosqlite.connect(":memory:") as awaited:
        with pytest.raises(ConfigError, match=sentence):
            store.enlist(awaited)
    engine = create_engine("sqlite://")
    with Session(engine) as session, pytest.raises(ConfigError, match=sentence):
        store.enlist(session)
    engine.dispose()
    with pytest.raises(ConfigError, match="no connection or session that is known"):
        store.enlist(object())


async def test_an_error_of_the_callers_own_stays_its_own(store: Store, url: str) -> None:
    with psycopg.connect(url) as connection:
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM nowhere")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            store.enlist(connection).add([job("a")])
        connection.rollback()
        assert store.enlist(connection).add([job("a")]) == [Added("a", True)]
        connection.commit()
    assert await kept(store) == ["a"]


async def test_a_savepoint_that_is_rolled_back_takes_its_job_along(store: Store, url: str) -> None:
    with psycopg.connect(url) as connection:
        with connection.transaction():
            store.enlist(connection).add([job("kept")])
            with connection.transaction(force_rollback=True):
                store.enlist(connection).add([job("taken back")])
        connection.commit()
    assert await kept(store) == ["kept"]


async def test_a_connection_of_the_stores_own_driver_is_made_on_request(store: Store) -> None:
    connection = await store.connect()
    async with connection.transaction():  # type: ignore[attr-defined]  # it is asyncpg's
        await settled(store.enlist(connection).add([job("a")]))
    await connection.close()  # type: ignore[attr-defined]  # it is asyncpg's
    assert await kept(store) == ["a"]


@pytest.fixture
def bouncer(postgres: Postgres | GivenPostgres) -> Iterator[PgBouncer]:
    with skipping():
        server = PgBouncer.start(None, postgres)
    with server:
        yield server


@pytest.mark.slow
async def test_a_caller_behind_a_pooler_keeps_the_same_promise(store: Store, url: str, bouncer: PgBouncer) -> None:
    name = str(conninfo_to_dict(url)["dbname"])
    pooled = open_store(bouncer.url(name))
    await pooled.open()
    for number, kind in enumerate(("psycopg", "psycopg2", "Session on psycopg", "Connection on psycopg2")):
        async with KINDS[kind](bouncer.url(name)) as caller:
            await add(pooled, caller, job(f"{number}"))
            await settled(caller.commit())
    connection = await pooled.connect()
    async with connection.transaction():  # type: ignore[attr-defined]  # it is asyncpg's
        await settled(pooled.enlist(connection).add([job("own")]))
    await connection.close()  # type: ignore[attr-defined]  # it is asyncpg's
    assert await kept(store) == ["0", "1", "2", "3", "own"]
    await pooled.close()
