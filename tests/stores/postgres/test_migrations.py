"""Who makes the tables, when many want to at once, and with which rights."""

import asyncio
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from tests.servers.given import GivenPostgres
from tests.servers.postgres import Postgres
from tests.stores.postgres.conftest import migrate
from tests.stores.postgres.scene import ask
from treadle.core.errors import StoreError
from treadle.core.job import Added, Ending, Filter, Schema
from treadle.core.outcomes import complete, give_up
from treadle.core.states import State
from treadle.stores import open_store
from treadle.stores.postgres.migrate import migrations
from treadle.testing.contract.scene import Hand, job, jobs, prune

pytestmark = pytest.mark.server

NAME = "treadle_migrations"

KNOWN = migrations("treadle")[-1].version


@pytest.fixture
def bare(postgres: Postgres | GivenPostgres) -> Iterator[str]:
    """The URL of a database without tables of ours."""
    yield postgres.create_database(NAME)
    postgres.drop_database(NAME)


def migrate_now(url: str) -> Schema:
    """Migrate in a loop of its own, and use what is there at once."""

    async def act() -> Schema:
        store = open_store(url)
        found = await store.migrate()
        await store.count(Filter())
        await store.close()
        return found

    return asyncio.run(act())


def open_now(url: str) -> Schema:
    """Open a store that migrates by itself."""

    async def act() -> Schema:
        store = open_store(url, migrate=True)
        await store.add([job("the same")])
        found = await store.schema()
        await store.close()
        return found

    return asyncio.run(act())


def versions(url: str) -> list[int]:
    return ask(url, "SELECT version FROM treadle.schema_version ORDER BY version")


def test_ten_threads_that_migrate_at_once_make_the_tables_once(bare: str) -> None:
    with ThreadPoolExecutor(10) as threads:
        found = list(threads.map(migrate_now, [bare] * 10))
    assert sorted(found) == [Schema(0, KNOWN)] + [Schema(KNOWN, KNOWN)] * 9
    assert versions(bare) == list(range(1, KNOWN + 1))


@pytest.mark.slow
def test_processes_that_open_an_empty_database_at_once_make_the_tables_once(bare: str) -> None:
    with ProcessPoolExecutor(5, multiprocessing.get_context("spawn")) as processes:
        found = list(processes.map(open_now, [bare] * 10))
    assert found == [Schema(KNOWN, KNOWN)] * 10
    assert versions(bare) == list(range(1, KNOWN + 1))
    assert ask(bare, "SELECT count(*) FROM treadle.job") == [1]


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_whatever_isolation_the_database_prefers_the_tables_are_made_once(bare: str, isolation: str) -> None:
    ask(bare, f"ALTER DATABASE {NAME} SET default_transaction_isolation = '{isolation}'")
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(migrate_now, [bare] * 6))
    assert sorted(found) == [Schema(0, KNOWN)] + [Schema(KNOWN, KNOWN)] * 5
    assert versions(bare) == list(range(1, KNOWN + 1))


async def test_a_migration_that_fails_leaves_nothing_behind(bare: str) -> None:
    ask(bare, "CREATE SCHEMA treadle; CREATE TABLE treadle.record (of_somebody_else text)")
    with pytest.raises(StoreError, match=r"record.* already exists"):
        await migrate(bare)
    assert ask(bare, "SELECT tablename FROM pg_tables WHERE schemaname = 'treadle'") == ["record"]
    ask(bare, "DROP TABLE treadle.record")
    await migrate(bare)
    assert versions(bare) == list(range(1, KNOWN + 1))


@pytest.fixture
def role(bare: str) -> Iterator[str]:
    """A role that may connect and make nothing."""
    ask(bare, "CREATE ROLE guest LOGIN")
    yield "guest"
    ask(bare, "DROP OWNED BY guest; DROP ROLE guest")


async def test_a_role_that_may_only_use_the_tables_works_with_those_that_are_there(bare: str, role: str) -> None:
    await migrate(bare)
    ask(bare, f"GRANT USAGE ON SCHEMA treadle TO {role}")
    ask(bare, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA treadle TO {role}")
    for wish in (None, True):
        store = open_store(bare.replace("postgres@", f"{role}@"), migrate=wish)
        hand = Hand(store, "w1")
        hand.beat()
        await store.add([job("a", max_attempts=3), *jobs(3)])
        done, bad, *_ = await hand.claim(4)
        await hand.settle_all([Ending(done, complete("1")), Ending(bad, give_up("error"))])
        await hand.sweep()
        assert await store.cancel(["0002"]) == ["0002"]
        assert await store.write("kind", "key", "value")
        assert await store.delete(["a"]) == ["a"]
        assert await prune(store, {State.FAILED: -1}) == ["0000"]
        assert (await store.migrate()).current
        await store.close()
        ask(bare, "TRUNCATE treadle.job, treadle.worker, treadle.record")


async def test_a_schema_that_its_owner_has_made_is_filled(bare: str, role: str) -> None:
    ask(bare, f"CREATE SCHEMA jobs AUTHORIZATION {role}; REVOKE CREATE ON DATABASE {NAME} FROM PUBLIC")
    url = f"{bare.replace('postgres@', f'{role}@')}&schema=jobs"
    await migrate(url)
    store = open_store(url)
    assert await store.add([job("a")]) == [Added("a", True)]
    await store.close()
    assert ask(bare, "SELECT to_regnamespace('treadle') IS NULL") == [True]


async def test_two_schemas_of_one_database_know_nothing_of_each_other(bare: str) -> None:
    stores = [open_store(f"{bare}&schema={name}", migrate=True) for name in ("one", "two")]
    for store, number in zip(stores, (3, 5), strict=True):
        await store.add(jobs(number, unique_key=None))
    assert [sum((await store.count(Filter())).values()) for store in stores] == [3, 5]
    for store in stores:
        await store.close()
