"""A server that may be killed, empty databases in it, and what these tests ask of them from outside."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.servers.plugin import skipping
from tests.servers.postgres import Postgres
from tests.servers.proxy import Proxy
from tests.stores.sqlite.playing import Actor
from treadle.stores import open_store


@pytest.fixture
def url(postgres_place: Callable[[], str]) -> str:
    """An empty database of the session's server, which nobody kills."""
    return postgres_place()


@pytest.fixture(scope="session")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server of our own: tests may kill it. It keeps what it has answered as long as the machine itself lives."""
    with skipping():
        server = Postgres.start(tmp_path_factory.mktemp("own"), options={"synchronous_commit": "on"})
    with server:
        asyncio.run(migrate(server.create_database("with_tables")))
        yield server


@pytest.fixture
def server(own_server: Postgres) -> Postgres:
    """That server, awake."""
    if not own_server.running:
        own_server.launch()
    own_server.thaw()
    return own_server


_numbers = count(1)


@pytest.fixture
def database(server: Postgres) -> str:
    """The name of an empty database in it, with our tables."""
    name = f"test_{next(_numbers)}"
    server.create_database(name, template="with_tables")
    return name


@pytest.fixture
def wire(server: Postgres) -> Iterator[Proxy]:
    """A wire to that server, which may be cut."""
    with Proxy("127.0.0.1", server.port) as proxy:
        yield proxy


@pytest.fixture
def play() -> Iterator[Callable[..., Actor]]:
    """Start the actors of the SQLite tests; they play on any store. Those that still act at the end are killed."""
    actors: list[Actor] = []

    def _play(act: str, *words: str) -> Actor:
        actors.append(Actor(act, *words))
        return actors[-1]

    yield _play
    for actor in actors:
        actor.close()


async def migrate(url: str) -> None:
    store = open_store(url)
    await store.migrate()
    await store.close()
