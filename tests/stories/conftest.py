"""A folder for each story: its history, and the processes that act in it, on an empty store of each kind."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.servers.plugin import skipping
from tests.servers.postgres import Postgres
from tests.servers.valkey import Valkey
from tests.stores.places import SERVERS
from tests.stories.host import Host, PostgresHost, RedisHost
from tests.stories.stage import Stage
from treadle.stores import open_store


@pytest.fixture
def stage(tmp_path: Path, place: str) -> Iterator[Stage]:
    """Where a story plays; whoever still acts at its end is killed."""
    made = Stage(tmp_path, place)
    yield made
    made.clear()


@pytest.fixture
async def close(stage: Stage) -> AsyncIterator[None]:
    """Close the store that the test itself has looked into."""
    yield
    await stage.app.store.close()


@pytest.fixture(scope="session")
def mortal_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server that stories may kill. It keeps what it has answered as long as the machine itself lives."""
    with skipping():
        server = Postgres.start(tmp_path_factory.mktemp("mortal"), options={"synchronous_commit": "on"})
    with server:
        asyncio.run(_migrate(server.create_database("with_tables")))
        yield server


async def _migrate(url: str) -> None:
    store = open_store(url, migrate=True)
    await store.open()
    await store.close()


_numbers = count(1)


@pytest.fixture(params=SERVERS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    """A server of the story's own, awake, and an empty store in it."""
    if request.param == "redis":
        with skipping():
            cache = Valkey.start(tmp_path, aof="always")
        with cache:
            yield RedisHost(cache)
        return
    server: Postgres = request.getfixturevalue("mortal_postgres")
    if not server.running:
        server.launch()
    server.thaw()
    name = f"story_{next(_numbers)}"
    server.create_database(name, template="with_tables")
    yield PostgresHost(server, name)
