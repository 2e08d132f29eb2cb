"""How a process learns that another one has added work: NOTIFY in the adding transaction, LISTEN here."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from tests.servers.postgres import Postgres
from tests.stores.ears import Ears, listening
from tests.stores.postgres.conftest import migrate
from tests.stores.postgres.scene import ask, soon_true
from tests.stores.sqlite.playing import Actor
from treadle.stores import open_store
from treadle.testing.contract.scene import job

pytestmark = pytest.mark.server

LISTENERS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"


@pytest.mark.slow
async def test_an_add_of_another_process_wakes_this_one(url: str, play: Callable[..., Actor]) -> None:
    store = open_store(url)
    with listening(store) as ears:
        adder = play("add", url, "a")
        assert adder.hear()
        await asyncio.to_thread(ears.heard, 1)
    await store.close()


async def test_whoever_was_cut_off_listens_again_by_itself(url: str) -> None:
    store = open_store(url)
    with listening(store) as ears:
        (before,) = ask(url, LISTENERS)
        assert ask(url, "SELECT pg_terminate_backend(%s)", before) == [True]
        await asyncio.to_thread(ears.heard, 1)  # what may have come meanwhile
        await asyncio.to_thread(soon_true, lambda: len(set(ask(url, LISTENERS)) - {before}) == 1, "nobody listens")
        await store.add([job("a")])
        await asyncio.to_thread(ears.heard, 2)
    await store.close()


async def test_it_listens_again_when_the_server_is_back(server: Postgres, database: str) -> None:
    store = open_store(server.url(database))
    with listening(store) as ears:
        server.kill()
        server.restart()
        await asyncio.to_thread(ears.heard, 1)
        await store.add([job("a")])
        await asyncio.to_thread(ears.heard, 2)
    await store.close()


async def test_who_listens_before_the_server_is_there_hears_it_later(server: Postgres, database: str) -> None:
    server.stop()
    store = open_store(server.url(database))
    ears = Ears()
    leave = store.subscribe(ears)
    server.launch()
    await asyncio.to_thread(ears.heard, 1)
    await store.add([job("a")])
    await asyncio.to_thread(ears.heard, 2)
    leave()
    await store.close()


async def test_the_jobs_of_one_schema_wake_nobody_in_another(url: str) -> None:
    there = f"{url}&schema=other"
    await migrate(there)
    ours, theirs = open_store(url), open_store(there)
    with listening(ours) as our_ears, listening(theirs) as their_ears:
        await ours.add([job("a")])
        await theirs.add([job("b"), job("c")])
        # Notifications come in the order of their commits: were one of ours heard there, it would have come first.
        await asyncio.to_thread(their_ears.heard, 1)
        await asyncio.to_thread(our_ears.heard, 1)
        assert (our_ears.number, their_ears.number) == (1, 1)
    assert [await each.get("b") is None for each in (ours, theirs)] == [True, False]
    await ours.close()
    await theirs.close()
    ask(url, "DROP SCHEMA other CASCADE")


async def test_a_job_for_later_wakes_nobody_now(url: str) -> None:
    store = open_store(url)
    with listening(store) as ears:
        await store.add([job("later", due_in=60_000), job("held", held="operator")])
        await store.add([job("later-too", due_in=60_000, fresh=True)])
        await store.add([job("now")])
        await asyncio.to_thread(ears.heard, 1)
        assert ears.number == 1
    await store.close()


async def test_all_who_listen_in_one_process_share_one_connection(url: str) -> None:
    store = open_store(url)
    with listening(store) as first, contextlib.ExitStack() as stack:
        second = Ears()
        stack.callback(store.subscribe(second))
        await store.add([job("a")])
        await asyncio.to_thread(first.heard, 1)
        await asyncio.to_thread(second.heard, 1)
        assert len(ask(url, LISTENERS)) == 1
    await asyncio.to_thread(soon_true, lambda: ask(url, LISTENERS) == [], "somebody listens on")
    await store.close()
