"""An ear on a server hears on when its wire falls silent, and in a child process; the same with each kind of server."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.servers.given import GivenPostgres, GivenValkey
from tests.servers.postgres import Postgres
from tests.servers.proxy import Proxy
from tests.servers.server import wait_until
from tests.servers.valkey import Valkey
from tests.stores.ears import Ears, listening
from tests.stores.forks import in_a_fork, needs_forks
from tests.stores.places import SERVERS
from treadle.core.store import Store
from treadle.stores import ear as module
from treadle.stores import open_store
from treadle.testing.contract.scene import job


@pytest.fixture(params=SERVERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def place(kind: str, new_place: Callable[[str], str]) -> str:
    """The URL of an empty store of each kind that hears of work from a server."""
    return new_place(kind)


@pytest.fixture
def by_network(kind: str, place: str, request: pytest.FixtureRequest) -> str:
    """The URL of the same place, by TCP."""
    parts = urlsplit(place)
    if kind == "postgres":
        postgres: Postgres | GivenPostgres = request.getfixturevalue("postgres")
        return postgres.url(parts.path[1:], tcp=True)
    valkey: Valkey | GivenValkey = request.getfixturevalue("valkey")
    url = valkey.url(tcp=True)
    return f"{url}{'&' if '?' in url else '?'}prefix={parse_qs(parts.query)['prefix'][0]}"


@pytest.fixture
def wire(by_network: str) -> Iterator[Proxy]:
    """A wire to that server."""
    server = urlsplit(by_network)
    with Proxy(server.hostname or "", server.port or 0) as proxy:
        yield proxy


@pytest.fixture
def behind(by_network: str, wire: Proxy) -> str:
    """The URL of the same place at the end of the wire."""
    server = urlsplit(by_network)
    user, at, _ = server.netloc.rpartition("@")
    return server._replace(netloc=f"{user}{at}127.0.0.1:{wire.port}").geturl()


@pytest.fixture
def wary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a connection be tested soon after it has told something."""
    monkeypatch.setattr(module, "SILENCE", 0.02)


@pytest.fixture
def elsewhere(place: str) -> Iterator[Store]:
    """Another process's store, as far as an ear can tell. It was opened before: with Redis that is heard as well."""
    store = open_store(place)
    asyncio.run(store.open())
    yield store
    asyncio.run(store.close())


# -- wires ---------------------------------------------------------------------------------


async def test_hints_come_again_after_the_wire_fell_silent(
    elsewhere: Store, behind: str, wire: Proxy, wary: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER", 0.5)
    store = open_store(behind)
    with listening(store) as ears:
        wire.forget()
        await asyncio.to_thread(ears.heard, 1)  # what may have come meanwhile
        monkeypatch.setattr(module, "SILENCE", 60.0)
        ears.number = 0
        await elsewhere.add([job("a")])
        await asyncio.to_thread(ears.heard, 1)
    await store.close()


async def test_a_connection_that_is_only_quiet_is_asked_again_and_again_and_kept(
    elsewhere: Store, behind: str, wire: Proxy, wary: None
) -> None:
    store = open_store(behind)
    with listening(store) as ears:
        before = wire.accepted
        for _ in range(3):
            await a_question(wire)
            wire.flow()
        assert (ears.number, wire.accepted) == (0, before)
        await elsewhere.add([job("a")])
        await asyncio.to_thread(ears.heard, 1)
        assert wire.accepted == before
    await store.close()


async def test_word_that_comes_in_place_of_an_answer_is_heard(
    elsewhere: Store, behind: str, wire: Proxy, wary: None
) -> None:
    store = open_store(behind)
    with listening(store) as ears:
        before = wire.accepted
        await a_question(wire)
        await elsewhere.add([job("a")])  # the server tells of it before it hears the question
        wire.flow()
        await asyncio.to_thread(ears.heard, 1)
        assert (ears.number, wire.accepted) == (1, before)
    await store.close()


async def a_question(wire: Proxy) -> None:
    """Hold up what the ear asks of its server."""
    wire.stall()
    await asyncio.to_thread(wait_until, lambda: wire.held > 0, "it did not ask")


# -- forks ---------------------------------------------------------------------------------


@needs_forks
def test_a_forked_child_hears_hints_and_its_parent_hears_on(place: str, elsewhere: Store) -> None:
    store, ears = open_store(place), Ears()
    leave = store.subscribe(ears)
    ears.heard(1)

    def act() -> str:
        leave()  # the parent's: not ours to do
        with listening(store) as own:
            asyncio.run(elsewhere.add([job("of the child", queue="first")]))
            own.heard(1)
        asyncio.run(store.close())
        return f"heard {own.number}, its parent's ears {ears.number}"

    with lock_of(store):  # as another thread may hold it at that moment
        assert in_a_fork(act) == "heard 1, its parent's ears 1"
    ears.heard(2)
    asyncio.run(elsewhere.add([job("of the parent", queue="second")]))
    ears.heard(3)
    assert ears.number == 3, "it had to listen anew"
    leave()
    asyncio.run(store.close())


@needs_forks
def test_a_child_that_only_ends_or_closes_the_store_leaves_its_parents_ear_alone(place: str, elsewhere: Store) -> None:
    store = open_store(place)

    def close() -> str:
        asyncio.run(store.close())
        return "closed"

    with listening(store) as ears:
        assert in_a_fork(lambda: "ended") == "ended"
        with lock_of(store):
            assert in_a_fork(close) == "closed"
        asyncio.run(elsewhere.add([job("a")]))
        ears.heard(1)
        assert ears.number == 1, "it had to listen anew"
    asyncio.run(store.close())


def lock_of(store: Store) -> Any:
    keeper: Any = store
    return keeper._ear._listener._lock
