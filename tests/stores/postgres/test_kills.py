"""Servers that are killed, restarted or frozen, and wires that are cut: what was answered stays, and all goes on."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from tests.servers.postgres import Postgres
from tests.servers.proxy import Proxy
from tests.stores.postgres.scene import all_gone, all_ids, ask, connections, locking, open_with, soon, waiting
from treadle.core.errors import StoreUnavailable
from treadle.core.job import Added, Ending, Filter, Progress, Report, WorkerInfo
from treadle.core.outcomes import Outcome, complete, retry
from treadle.core.states import State
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.testing.contract.scene import Hand, job, jobs

pytestmark = pytest.mark.server


async def test_after_a_graceful_restart_the_very_next_call_works(server: Postgres, database: str) -> None:
    store = open_store(server.url(database))
    hand = Hand(store, "w1")
    hand.beat()
    await asyncio.gather(*(store.now() for _ in range(5)))
    server.restart()  # holds this loop up: it has heard nothing of it when the next call comes
    assert await store.add([job("a")]) == [Added("a", True)]
    assert hand.beat() == {}
    assert len(await hand.claim()) == 1
    await store.close()


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_when_the_server_is_killed(server: Postgres, database: str) -> None:
    """P1."""
    store = open_store(server.url(database))
    hand = Hand(store, "w1")
    hand.beat(lease=3_600_000)
    added, completed = set[str](), set[str]()

    async def add(prefix: str) -> None:
        for number in range(100_000):
            added.update(answer.id for answer in await store.add([job(f"{prefix}-{number}-{n}") for n in range(3)]))

    async def work() -> None:
        ended: list[Ending] = []
        while True:
            cycle = await store.cycle("w1", ended, ["default"], 5)
            completed.update(claim.id for claim, *_ in ended)
            ended = [Ending(claim, complete()) for claim in cycle.claims]

    acting = [asyncio.create_task(act) for act in (add("a"), add("b"), add("c"), work(), work())]
    for _ in range(2):
        enough = len(added) + 100, len(completed) + 50
        while len(added) < enough[0] or len(completed) < enough[1]:
            assert not any(task.done() for task in acting)
            await asyncio.sleep(0)
        await asyncio.to_thread(server.kill)
        errors = await soon(asyncio.gather(*acting, return_exceptions=True))
        assert {type(error) for error in errors} == {StoreUnavailable}
        server.restart()
        acting = [asyncio.create_task(act) for act in (add("d"), add("e"), work())]
    for task in acting:
        task.cancel()
    await asyncio.gather(*acting, return_exceptions=True)

    assert added <= await all_ids(store)
    finished = {found.id for found in (await store.find(Filter(states=(State.COMPLETED,)), 100_000)).items}
    assert completed <= finished
    await store.close()


@pytest.mark.parametrize("outcome", [complete(), retry(0)])
async def test_a_wire_cut_in_the_middle_of_a_cycle_is_told_and_mended(
    server: Postgres, database: str, wire: Proxy, outcome: Outcome
) -> None:
    """P7: the ending is sent again; whether it was written before or not, it is settled once."""
    url = server.url(database)
    store = open_store(_by(wire, server, database))
    hand = Hand(store, "w1")
    hand.beat()
    await store.add(jobs(2, max_attempts=5))
    ended = [Ending(await hand.claim_one(), outcome)]
    with locking(url, "0000"):
        cycle = asyncio.create_task(store.cycle("w1", ended, ["default"], 5))
        await waiting(url)
        wire.cut()
        with pytest.raises(StoreUnavailable):
            await soon(cycle)
        with pytest.raises(StoreUnavailable, match=r"nobody answers|connection"):
            await soon(store.now())
        wire.heal()
    answer = await soon(store.cycle("w1", ended, ["default"], 5))
    assert answer.lost == frozenset()
    held = {claim.id for claim in await store.claims("w1")}
    assert held == {"0001"} if outcome.state is State.COMPLETED else {"0000", "0001"}
    await store.close()


def _by(wire: Proxy, server: Postgres, database: str) -> str:
    return server.url(database, tcp=True).replace(f":{server.port}/", f":{wire.port}/")


@pytest.mark.parametrize("telling", [False, True])
async def test_a_heart_gives_up_on_a_frozen_server_before_its_lease_is_in_danger(
    server: Postgres, database: str, telling: bool
) -> None:
    """P5: whoever waits for an answer for ever does not notice that it is silent."""
    store = open_store(server.url(database))
    await store.add([job("a")])
    hand = Hand(store, "w1")
    hand.beat()
    reports = [Report(await hand.claim_one(), Progress(1, 2))] if telling else []
    server.freeze()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="no answer came in time"):
            await soon(asyncio.to_thread(hand.heart.beat, 1_000, reports))
    server.thaw()
    assert await soon(asyncio.to_thread(hand.beat, *reports)) == ({"a": False} if telling else {})
    await store.close()


async def test_a_new_heart_gives_up_on_a_frozen_server_as_well(server: Postgres, database: str) -> None:
    store = open_store(server.url(database))
    server.freeze()
    heart = store.heart(WorkerInfo(id="w1"))
    with pytest.raises(StoreUnavailable, match="no answer came in time"):
        await soon(asyncio.to_thread(heart.beat, 1_000))
    server.thaw()
    assert heart.beat(1_000) == {}
    await store.close()


@pytest.mark.parametrize("verb", ["add", "cycle", "sweep", "get"])
async def test_a_silent_wire_is_not_waited_for_for_ever(
    server: Postgres, database: str, wire: Proxy, verb: str
) -> None:
    store = open_with(_by(wire, server, database), call_timeout=0.2, connect_timeout=0.2)
    await store.add([job("a")])
    wire.stall()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="no answer came in time"):
            await soon(_ask(store, verb))
    wire.flow()
    await soon(_ask(store, verb))
    await store.close()


async def _ask(store: Store, verb: str) -> None:
    if verb == "add":
        await store.add([job("b")])
    elif verb == "cycle":
        await store.cycle("w1", [], ["default"], 5)
    elif verb == "sweep":
        await store.sweep("w1", 10, take=10)
    else:
        await store.get("a")


async def test_after_a_silence_no_connection_from_before_is_tried_again(
    server: Postgres, database: str, wire: Proxy
) -> None:
    """P14: whatever stood between may have forgotten them all, and each would be waited for in vain."""
    store = open_with(_by(wire, server, database), call_timeout=0.2, connect_timeout=0.2)
    await asyncio.gather(*(store.now() for _ in range(5)))
    assert connections(server.url(database)) == 5
    wire.stall()
    with pytest.raises(StoreUnavailable, match="no answer came in time"):
        await soon(store.now())
    wire.flow()
    await asyncio.to_thread(all_gone, server.url(database))
    await store.now()
    await store.close()


async def test_a_store_that_opens_on_a_frozen_server_says_so(server: Postgres, database: str) -> None:
    store = open_with(server.url(database), call_timeout=0.3, connect_timeout=0.3)
    server.freeze()
    with pytest.raises(StoreUnavailable, match="no answer came in time"):
        await soon(store.open())
    server.thaw()
    await store.open()
    await store.close()


async def test_closing_does_not_wait_for_a_frozen_server(server: Postgres, database: str) -> None:
    store = open_store(server.url(database))
    hand = Hand(store, "w1")
    hand.beat()
    await asyncio.gather(*(store.now() for _ in range(3)))
    leave = store.subscribe(lambda: None)
    server.freeze()
    await soon(store.close())
    leave()
    server.thaw()
    assert ask(server.url(database), "SELECT 1") == [1]


async def test_a_heart_gives_up_where_the_server_freezes_in_the_middle_of_its_beat(
    server: Postgres, database: str
) -> None:
    url = server.url(database)
    store = open_store(url)
    await store.add([job("a")])
    hand = Hand(store, "w1")
    hand.beat()
    report = Report(await hand.claim_one(), Progress(1, 2))
    with locking(url, "a"):
        beat = asyncio.create_task(asyncio.to_thread(hand.heart.beat, 5_000, [report]))
        await waiting(url)
        server.freeze()
        with pytest.raises(StoreUnavailable, match="no answer came in time"):
            await soon(beat)
        server.thaw()
    assert await soon(asyncio.to_thread(hand.beat, report)) == {"a": False}
    await store.close()


async def test_a_caller_that_is_cancelled_takes_nobody_along(server: Postgres, database: str) -> None:
    """Those who add at the same time travel together."""
    url = server.url(database)
    store = open_store(url)
    with psycopg.connect(url) as other:
        store.enlist(other).add([job("holder", unique_key="u")])
        first = asyncio.create_task(store.add([job("first", unique_key="u")]))
        await waiting(url)
        others = [asyncio.create_task(store.add([job(f"{number}")])) for number in range(3)]
        await asyncio.sleep(0)
        first.cancel()
        others[1].cancel()
        ended = await soon(asyncio.gather(*others, return_exceptions=True))
        other.rollback()
    assert [ended[0], ended[2]] == [[Added("0", True)], [Added("2", True)]]
    assert {"0", "2"} <= await all_ids(store) <= {"0", "1", "2"}
    await store.close()


@pytest.mark.parametrize("verb", ["cycle", "settle", "cancel"])
@pytest.mark.parametrize("frozen", [False, True])
async def test_a_caller_that_is_cancelled_leaves_at_once_and_no_broken_connection(
    server: Postgres, database: str, verb: str, frozen: bool
) -> None:
    url = server.url(database)
    store = open_store(url + "&pool=2")
    hand = Hand(store, "w1")
    hand.beat()
    await store.add(jobs(3, max_attempts=2))
    claim = await hand.claim_one()
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "cycle": lambda: store.cycle("w1", [Ending(claim, complete())], (), 0),
        "settle": lambda: store.cycle("w1", [Ending(claim, retry(0))], (), 0),
        "cancel": lambda: store.cancel(["0000"]),
    }
    with locking(url, "0000"):
        callers = [asyncio.ensure_future(acts[verb]()) for _ in range(6)]
        await waiting(url, 2)
        if frozen:
            server.freeze()
        for caller in callers:
            caller.cancel()
        ended = await asyncio.wait_for(asyncio.gather(*callers, return_exceptions=True), 10)
        assert [type(error) for error in ended] == [asyncio.CancelledError] * 6
        if not frozen:
            await waiting(url, 0)  # what nobody waits for any more has been given up in the server too
        server.thaw()
        assert await soon(asyncio.gather(*(store.now() for _ in range(20))))
    assert set(await all_ids(store)) == {"0000", "0001", "0002"}
    await store.close()
