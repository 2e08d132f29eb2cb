"""Servers that are killed, restarted, frozen; connections that end; loops that come and go."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.servers.processes import comes_true
from tests.servers.valkey import Valkey
from treadle.core.errors import StoreUnavailable
from treadle.core.job import Ending, Filter, WorkerInfo
from treadle.core.outcomes import complete
from treadle.core.store import Heart
from treadle.stores import open_store
from treadle.stores.redis import lines
from treadle.stores.redis.settings import settings_from
from treadle.stores.redis.store import RedisStore
from treadle.testing.contract.scene import LEASE, ids, job, jobs

pytestmark = pytest.mark.server

SOURCE = Path(__file__).parents[3] / "src"


@pytest.fixture
async def store(server: Valkey) -> AsyncIterator[RedisStore]:
    """A store that is not patient."""
    store = RedisStore(replace(settings_from(server.url()), call_timeout=0.3, connect_timeout=2.0), None)
    yield store
    await store.close()


@pytest.fixture
def heart(store: RedisStore) -> Iterator[Heart]:
    heart = store.heart(WorkerInfo("w"))
    yield heart
    heart.close()


@pytest.fixture
def client(server: Valkey) -> Iterator["Redis"]:
    with server.client() as client:
        yield client


def connections(client: "Redis", kind: str = "normal") -> int:
    """Count those of others."""
    found: list[dict[str, Any]] = client.client_list(_type=kind)
    return len([each for each in found if each["cmd"] != "client|list"])


def beats(heart: Heart) -> bool:
    """Tell whether the store took a heartbeat, as often as a worker would ask."""
    try:
        heart.beat(LEASE)
    except StoreUnavailable:
        return False
    return True


# -- servers -----------------------------------------------------------------------------


async def test_what_was_answered_outlives_the_server(server: Valkey, store: RedisStore, heart: Heart) -> None:
    await store.add(jobs(30))
    await asyncio.to_thread(heart.beat, LEASE)
    claims = (await store.cycle("w", [], ["default"], 20)).claims
    await store.cycle("w", [Ending(claim, complete()) for claim in claims[:10]], ["default"], 0)
    before = await store.count(Filter())
    server.kill()
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await store.add([job("late")])
    server.restart()
    assert await store.count(Filter()) == before
    assert ids(await store.claims("w")) == ids(claims[10:])
    assert (await asyncio.to_thread(heart.beat, LEASE)).keys() == set(ids(claims[10:]))
    again = await store.cycle("w", [Ending(claim, complete()) for claim in claims], ["default"], 30)
    assert (again.lost, len(again.claims)) == (frozenset(), 10)


async def test_a_restart_between_two_calls_is_not_noticed(server: Valkey, store: RedisStore) -> None:
    await store.add([job("a")])
    server.restart()
    assert [added.new for added in await store.add([job("a"), job("b")])] == [False, True]


async def test_a_server_that_has_forgotten_the_scripts_is_told_again(client: "Redis", store: RedisStore) -> None:
    await store.add([job("a")])
    client.script_flush()
    assert [added.new for added in await store.add([job("b")])] == [True]


async def test_a_connection_that_was_closed_while_idle_is_not_used(client: "Redis", store: RedisStore) -> None:
    await asyncio.gather(*(store.get("a") for _ in range(5)))
    client.client_kill_filter(_type="normal", skipme=True)
    assert await asyncio.to_thread(comes_true, lambda: connections(client) == 0, 5)
    await asyncio.gather(*(store.add([each]) for each in jobs(5)))


async def test_a_frozen_server_is_given_up_by_calls_and_beats(server: Valkey, store: RedisStore, heart: Heart) -> None:
    await store.add([job("a")])
    await asyncio.to_thread(heart.beat, LEASE)
    server.freeze()
    with pytest.raises(StoreUnavailable, match="no answer came in time"):
        await store.add([job("b")])
    with pytest.raises(StoreUnavailable, match="no answer came in time"):
        await asyncio.to_thread(heart.beat, 1_000)
    server.thaw()
    assert await asyncio.to_thread(heart.beat, LEASE) == {}


async def test_a_claim_whose_answer_was_lost_can_be_read(server: Valkey, store: RedisStore, heart: Heart) -> None:
    """P7: the call is made once, and may have been executed all the same."""
    await store.add([job("a")])
    await asyncio.to_thread(heart.beat, LEASE)
    await store.cycle("w", [], ["default"], 0)  # from here on the server knows the script
    server.freeze()
    with pytest.raises(StoreUnavailable):
        await store.cycle("w", [], ["default"], 1)
    server.thaw()
    (claim,) = await store.claims("w")
    assert (claim.id, claim.attempt, claim.epoch) == ("a", 1, 1)
    assert (await store.cycle("w", [Ending(claim, complete())], [], 0)).lost == frozenset()


async def test_a_cancelled_call_spoils_no_other(store: RedisStore) -> None:
    await store.add(jobs(20))
    for _ in range(20):
        calls = [asyncio.ensure_future(store.get(each.id)) for each in jobs(20)]
        await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert [each.id for each in found[1::2] if not isinstance(each, BaseException) and each] == [
            each.id for each in jobs(20)[1::2]
        ]


async def test_it_works_without_the_fast_parser_too(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "pack", None)
    await store.add([job(f"ä{number}", args=f'"{"x" * 9_000}"') for number in range(3)])
    assert len((await store.dump(None, 10)).items) == 3


async def test_many_callers_share_few_connections(client: "Redis", store: RedisStore) -> None:
    await asyncio.gather(*(store.get("a") for _ in range(200)))
    assert connections(client) <= 16


# -- loops and processes -----------------------------------------------------------------


def test_each_loop_has_connections_of_its_own_and_takes_them_along(server: Valkey, client: "Redis") -> None:
    store = open_store(server.url())

    async def use(id: str) -> int:
        await store.add([job(id)])
        return connections(client)

    for id in "abc":
        assert asyncio.run(use(id)) == 1
        assert comes_true(lambda: connections(client) == 0, 5)


async def test_a_closed_store_opens_again_at_its_next_use(client: "Redis", store: RedisStore, heart: Heart) -> None:
    leave = store.subscribe(lambda: None)
    for id in "ab":
        await asyncio.to_thread(heart.beat, LEASE)
        await store.add([job(id)])
        await store.close()
        assert comes_true(lambda: connections(client) + connections(client, "pubsub") == 0, 5)
    leave()


FORKING = """
import asyncio, os, sys
from treadle.core.job import NewJob, WorkerInfo
from treadle.stores import open_store
from treadle.stores.redis import lines

store = open_store(sys.argv[1])
store.subscribe(lambda: None)

async def life(name):
    await store.add([NewJob(f"{name}-{n}", "greet", "default", "{}") for n in range(50)])
    await asyncio.to_thread(store.heart(WorkerInfo(name)).beat, 60_000)
    for _ in range(50):
        cycle = await store.cycle(name, [], ["default"], 1)
        assert len(cycle.claims) == 1, cycle

asyncio.run(life("before"))
child = os.fork()
asyncio.run(life("child" if child == 0 else "parent"))
asyncio.run(store.close())
if child == 0:
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="not on this platform: needs fork")
async def test_a_fork_and_its_parent_both_go_on(server: Valkey, store: RedisStore) -> None:
    command = [sys.executable, "-c", FORKING, server.url()]
    told = await asyncio.to_thread(
        subprocess.run, command, env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 0, told.stderr
    assert sum((await store.count(Filter())).values()) == 150
    assert {len(await store.claims(name)) for name in ("before", "child", "parent")} == {50}


# -- hints -------------------------------------------------------------------------------


class Hearing:
    """Counts hints, and waits for the next."""

    def __init__(self) -> None:
        self._loop, self._heard = asyncio.get_running_loop(), asyncio.Event()

    def __call__(self) -> None:
        self._loop.call_soon_threadsafe(self._heard.set)

    async def next(self) -> None:
        await asyncio.wait_for(self._heard.wait(), 20)
        self._heard.clear()


@pytest.fixture
async def hearing(server: Valkey) -> AsyncIterator[Hearing]:
    """Listens on a store of another process, as far as the adding one can tell."""
    elsewhere, hearing = open_store(server.url()), Hearing()
    leave = elsewhere.subscribe(hearing)
    await hearing.next()  # it says so once it listens: something may have come before
    yield hearing
    leave()
    await elsewhere.close()


async def test_the_first_job_of_an_empty_queue_wakes_other_processes(store: RedisStore, hearing: Hearing) -> None:
    await store.add([job("a")])
    await hearing.next()
    await store.add([job("b", queue="other")])
    await hearing.next()


async def test_who_listens_is_told_when_the_connection_was_made_again(
    server: Valkey, client: "Redis", store: RedisStore, hearing: Hearing
) -> None:
    client.client_kill_filter(_type="pubsub")
    await hearing.next()
    server.restart()
    await hearing.next()
    await store.add([job("a")])
    await hearing.next()


async def test_two_prefixes_do_not_wake_each_other(server: Valkey, store: RedisStore, hearing: Hearing) -> None:
    other = open_store(f"{server.url()}&prefix=other")
    await other.add([job("a")])
    waits: Callable[[], bool] = hearing._heard.is_set
    await store.add([job("a")])
    await hearing.next()
    assert not waits()
    await other.close()
