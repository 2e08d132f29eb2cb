"""The contract once more, on a cluster: each queue in a shard of its own, three nodes."""
# ruff: noqa: F403

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import count

import pytest

from tests.servers.cluster import Cluster
from tests.servers.plugin import skipping
from tests.servers.processes import comes_true
from tests.servers.proxy import Proxy
from tests.stores.redis.test_lives import beats, connections
from treadle.core.errors import StoreUnavailable
from treadle.core.flow.gates import Gate, Kind
from treadle.core.flow.steering import Steer
from treadle.core.job import Added, Filter, Progress, WorkerInfo
from treadle.core.outcomes import hand_back
from treadle.core.states import State
from treadle.core.store import OF_JOB, Store
from treadle.stores import open_store
from treadle.stores.redis.cluster import ClusterWire
from treadle.stores.redis.settings import settings_from
from treadle.stores.redis.store import RedisStore
from treadle.testing import FakeClock
from treadle.testing.contract import *
from treadle.testing.contract.adding import STRANGE
from treadle.testing.contract.scene import LEASE, Hire, ids, job, prune, seen, several

pytestmark = pytest.mark.server

PREFIXES = count()

FLEET = Gate(Kind.CONCURRENCY, "fleet", "", 2)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with skipping():
        servers = Cluster.start(aof="everysec")
    yield servers
    servers.close()


@pytest.fixture
def place(cluster: Cluster) -> str:
    """The URL of an empty store."""
    hosts = ",".join(f"{host}:{port}" for host, port in cluster.nodes)
    return f"redis+cluster://{hosts}?prefix=test-{next(PREFIXES)}"


@pytest.fixture
async def store(place: str, clock: FakeClock) -> AsyncIterator[Store]:
    opened = open_store(place, clock)
    await opened.open()
    yield opened
    await opened.close()


async def test_queues_live_on_several_nodes(store: Store, cluster: Cluster, place: str) -> None:
    await store.add([job(f"{number}", queue=f"q{number}") for number in range(40)])
    prefix = place.partition("prefix=")[2]
    found = []
    for server in cluster.servers:
        with server.client() as client:
            found.append(set(client.scan_iter(f"*{prefix}:*:ready:*")))
    assert all(found)
    assert sum(map(len, found)) == 40


# The next three are other promises than those of the contract under these names: a gate counts in each queue apart, for
# a script reads one shard (docs/stores.md).


async def test_two_queues_share_a_gate(store: Store, hire: Hire) -> None:  # type: ignore[no-redef]  # in its place
    await store.add([*several("abc", FLEET, queue="mail"), *several("def", FLEET, queue="ai")])
    worker = hire("w1")
    assert [ids(await worker.claim(5, [queue])) for queue in ("mail", "ai")] == [["a", "b"], ["d", "e"]]
    assert await worker.claim(5, ["mail", "ai"]) == []


async def test_a_job_can_be_moved_to_another_queue_and_keeps_its_place(  # type: ignore[no-redef]  # in its place
    store: Store, hire: Hire
) -> None:
    one = FLEET._replace(limit=1)
    await store.add([job("0"), *several("ab", one), *several("x", one, queue="other"), job("y", queue="other")])
    assert sorted(await store.alter(["0", "a"], queue="other")) == ["0", "a"]
    worker = hire("w1")
    assert ids(await worker.claim(9, ["other"])) == ["0", "a", "y"]
    assert ids(await worker.claim(9)) == ["b"]
    await worker.finish([claim for claim in await store.claims("w1") if claim.id == "a"])
    assert ids(await worker.claim(9, ["other"])) == ["x"]


async def test_who_serves_one_queue_learns_of_a_place_that_was_freed_in_another(  # type: ignore[no-redef]  # in its place
    store: Store, hire: Hire
) -> None:
    await store.add([*several("ab", FLEET._replace(limit=1), queue="mail"), *several("c", FLEET, queue="ai")])
    mail, ai = hire("w1"), hire("w2")
    (first,) = await mail.claim(5, ["mail"])
    (other,) = await ai.claim(5, ["ai"])
    await ai.finish([other])
    assert await ai.claim(5, ["mail"]) == []
    await mail.finish([first])
    assert ids(await ai.claim(5, ["mail"])) == ["b"]


@pytest.mark.parametrize("way", ["before", "after"])
async def test_what_is_steered_holds_in_every_queue(store: Store, hire: Hire, way: str) -> None:
    """Also in one that came later."""
    new = [job("a", queue="q1"), *several("b", FLEET, queue="q2"), job("c", task="sum", queue="q3")]
    if way == "after":
        await store.add(new)
    await store.steer("task=greet", Steer(paused=True))
    if way == "before":
        await store.add(new)
    worker = hire("w1")
    assert ids(await worker.claim(5, ["q1", "q2", "q3"])) == ["c"]
    await store.steer("task=greet", Steer())
    assert ids(await worker.claim(5, ["q1", "q2", "q3"])) == ["a", "b"]


async def test_a_job_that_moves_to_a_queue_elsewhere_stays_all_that_it_was(store: Store, hire: Hire) -> None:
    await store.add([
        job("early", queue="q2"), job("a", queue="q1", unique_key="u", priority=1, owner="ada", max_attempts=3),
        job("b", queue="q1", due_in=5_000, unique_key="v"), job("c", queue="q1", held="operator"),
    ])  # fmt: skip
    worker = hire("w1")
    await worker.settle((await worker.claim(1, ["q1"]))[0], hand_back(), Progress(1, 2), '[{"n":1}]')
    await store.write(f"{OF_JOB}a", "step", "1")
    before = [await seen(store, id) for id in "abc"]
    assert await store.alter(["a", "b", "c", "nobody"], queue="q2") == ["a", "b", "c"]
    assert [await seen(store, id) for id in "abc"] == [found._replace(queue="q2") for found in before]
    assert [added.new for added in await store.add([job("x", queue="q3", unique_key="u")])] == [False]
    assert len(await store.read(f"{OF_JOB}a")) == 1
    assert await store.count(Filter(queues=("q1",))) == {}
    assert ids(await worker.claim(5, ["q2"])) == ["a", "early"]
    assert [found.id for found in (await store.find(Filter(owner="ada"), 5)).items] == ["a"]


async def test_equal_ids_and_unique_keys_in_other_queues_stand(store: Store) -> None:
    """P8."""
    await store.add([job("a", queue="q1", unique_key="u")])
    assert await store.add([
        job("a", queue="q2"), job("b", queue="q2", unique_key="u"), job("c", queue="q3", unique_key="v"),
        job("d", queue="q4", unique_key="v"), job("c", queue="q5"),
    ]) == [Added("a", False), Added("a", False), Added("c", True), Added("c", False), Added("c", False)]  # fmt: skip


async def test_who_waits_in_another_queue_takes_over_what_the_newcomer_brings(store: Store, hire: Hire) -> None:
    await store.add([job("a", queue="q1", unique_key="u"), job("b", queue="q2", unique_key="v", due_in=9_000)])
    assert await store.add([
        job("c", queue="q2", unique_key="u", args='{"n":1}', on_conflict="replace"),
        job("d", queue="q1", unique_key="v", on_conflict="reschedule"),
        job("e", queue="q3", unique_key="w"), job("f", queue="q4", unique_key="w", priority=3, on_conflict="replace"),
    ]) == [
        Added("a", False, changed=True), Added("b", False, changed=True), Added("e", True),
        Added("e", False, changed=True),
    ]  # fmt: skip
    assert [(each := await seen(store, id)).queue + each.args for id in "ab"] == ['q1{"n":1}', "q2{}"]
    assert ids(await hire("w").claim(5, ["q1", "q2", "q3", "q4"])) == ["e", "a", "b"]


async def test_a_claim_over_queues_is_in_order_whatever_node_they_are_on(store: Store, hire: Hire) -> None:
    """P17."""
    queues = [f"q{number}" for number in range(6)]
    chance = random.Random(7)
    new = [job(f"{number:03}", queue=chance.choice(queues), priority=chance.choice([0, 0, 9])) for number in range(90)]
    await store.add(new)
    worker = hire("w")
    claimed = [claim.id for _ in range(9) for claim in await worker.claim(10, queues)]
    assert claimed == [each.id for each in sorted(new, key=lambda each: -each.priority)]
    assert (await store.cycle("w", [], queues, 10)).more is False


async def test_a_queue_that_came_after_the_last_beat_is_served(store: Store, hire: Hire) -> None:
    worker = hire("w")
    await store.add([job("a", queue="q1"), job("b", queue="q2")])
    assert [claim.id for claim in await worker.claim(5, ["q1", "q2"])] == ["a", "b"]
    worker.heart.leave()
    await store.add([job("c", queue="q3")])
    assert (await store.cycle("w", [], ["q3"], 1)).leased is False


async def test_the_records_of_jobs_that_are_gone_go_as_well(store: Store, clock: FakeClock) -> None:
    """P16: they are in the registry, not with their jobs."""
    await store.add([job(f"{number}", queue=f"q{number}") for number in range(5)])
    for number in range(5):
        await store.write(f"{OF_JOB}{number}", "step", "1")
    await store.cancel(["0", "1", "2"])
    await store.delete(["0"])
    clock.forward(1)
    assert len(await prune(store, {State.CANCELLED: 0})) == 2
    assert [len(await store.read(f"{OF_JOB}{number}")) for number in range(5)] == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("queue", ["q1", "q2"])
async def test_what_a_dead_deleter_has_left_is_not_taken_from_the_next_of_that_id(
    store: RedisStore, clock: FakeClock, queue: str
) -> None:
    """P5: what the old one did once is not done for the new one, and what that did is remembered."""
    shards = await store._shards()
    await store.add([job("nightly", queue="q1"), job("other", queue="q2"), job("old", queue="q1")])
    for id in ("nightly", "old"):
        await store.write(OF_JOB + id, "step", "old")
    await store.cancel(["nightly", "old"])
    assert await shards.ask_about(["nightly", "old"], "delete", "")  # and then it dies

    assert (await store.add([job("nightly", queue=queue)]))[0].new
    assert await store.read(f"{OF_JOB}nightly") == []
    await store.write(f"{OF_JOB}nightly", "step", "new")
    await prune(store, {State.CANCELLED: 0})
    assert [record.value for record in await store.read(f"{OF_JOB}nightly")] == ["new"]
    assert await store.read(f"{OF_JOB}old") == []
    assert [answer for shard in await shards.all() for answer in await shards.ask(shard, "remains", 10)] == []


async def test_a_job_that_is_brought_back_finds_no_records_of_one_that_is_gone(store: RedisStore) -> None:
    await store.add([job("a", queue="q1")])
    await store.write(f"{OF_JOB}a", "step", "old")
    pictures = (await store.dump(None, 1)).items
    await store.cancel(["a"])
    await (await store._shards()).ask_about(["a"], "delete", "")  # and then the deleter dies
    assert await store.restore(pictures) == ["a"]
    assert await store.read(f"{OF_JOB}a") == []
    await store.write(f"{OF_JOB}a", "step", "new")
    await prune(store, {State.CANCELLED: 0})
    assert len(await store.read(f"{OF_JOB}a")) == 1


async def test_a_slow_eraser_takes_nothing_from_the_next_of_that_id(store: RedisStore) -> None:
    shards = await store._shards()
    await store.add([job("a", queue="q1")])
    await store.write(f"{OF_JOB}a", "step", "old")
    await store.cancel(["a"])
    await shards.ask_about(["a"], "delete", "")
    assert await shards.ask(shards.registry, "condemn", "slow", f"{OF_JOB}a") == [b"job:a"]
    await store.add([job("a", queue="q2")])
    await store.write(f"{OF_JOB}a", "step", "new")
    assert await shards.ask(shards.registry, "erase", "slow", f"{OF_JOB}a") == []
    assert [record.value for record in await store.read(f"{OF_JOB}a")] == ["new"]


async def test_a_queue_that_always_has_more_due_than_a_sweep_may_do_starves_no_other(
    store: Store, clock: FakeClock, hire: Hire
) -> None:
    """P6."""
    await store.add([job(f"{queue}-{number}", queue=queue, due_in=1) for queue in ("q1", "q2") for number in range(60)])
    clock.forward(1)
    worker = hire("w")
    for _ in range(60):
        assert (await worker.sweep(limit=1)).promoted == 1
    count = await store.count(Filter(states=(State.QUEUED,)))
    assert {queue for queue, _ in count} == {"q1", "q2"}


async def test_a_queue_s_name_cannot_break_out_of_its_tag(store: Store, hire: Hire) -> None:
    names = ["}", "{", "a}:job:x", "%7D", "", "a", STRANGE]
    await store.add([job(f"{number}", queue=name) for number, name in enumerate(names)])
    assert [claim.queue for claim in await hire("w").claim(10, names)] == names


async def test_a_slot_on_its_way_to_another_node_is_left_alone(store: Store, cluster: Cluster, place: str) -> None:
    """No script meets a shard of which a part is gone."""
    await store.add([job("a", queue="q1")])
    prefix = place.partition("prefix=")[2]
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for server in cluster.servers]
        slot = clients[0].execute_command("CLUSTER KEYSLOT", f"{{{prefix}:q1}}")
        names = [client.execute_command("CLUSTER MYID") for client in clients]
        source = next(n for n, client in enumerate(clients) if client.execute_command("CLUSTER COUNTKEYSINSLOT", slot))
        target = (source + 1) % 3
        clients[target].execute_command("CLUSTER SETSLOT", slot, "IMPORTING", names[source])
        clients[source].execute_command("CLUSTER SETSLOT", slot, "MIGRATING", names[target])
        with pytest.raises(StoreUnavailable, match="slots are being moved"):
            await store.add([job("b", queue="q1")])
        for key in clients[source].execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
            clients[source].execute_command("MIGRATE", "127.0.0.1", cluster.servers[target].port, key, 0, 5_000)
        for client in (clients[target], clients[source]):
            client.execute_command("CLUSTER SETSLOT", slot, "NODE", names[target])
    assert [added.new for added in await store.add([job("a", queue="q1"), job("b", queue="q1")])] == [False, True]


async def test_a_cluster_that_lost_a_node_is_down_until_it_is_back(cluster: Cluster, store: Store) -> None:
    await store.add([job(f"{number}", queue=f"q{number}") for number in range(30)])
    cluster.kill_node(2)
    with pytest.raises(StoreUnavailable):
        await store.count(Filter())
    cluster.restart_node(2)
    assert len(await store.count(Filter())) == 30


# -- nodes that are silent ---------------------------------------------------------------


def _are_closed(hole: socket.socket) -> bool:
    """Tell whether all who came to this door have gone again; it needs a moment to hear of it."""
    hole.setblocking(False)
    with ExitStack() as stack:
        while True:
            try:
                come = stack.enter_context(hole.accept()[0])
            except BlockingIOError:
                return True
            come.settimeout(20)
            while come.recv(1_000):
                pass


@pytest.mark.parametrize("number", [1, 12])
async def test_silent_nodes_hold_up_no_heartbeat(place: str, number: int) -> None:
    """P3: they accept, and answer nothing. Beyond so many a beat has gone by, but what it began is not lost."""
    with ExitStack() as stack:
        holes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        silent = "".join(f"127.0.0.1:{hole.getsockname()[1]}," for hole in holes)
        store = open_store(place.replace("://", f"://{silent}"))
        await store.open()
        assert await asyncio.to_thread(comes_true, lambda: beats(store.heart(WorkerInfo("w"))), 20)
        await store.close()
        assert all(map(_are_closed, holes))


async def test_a_map_that_nobody_waits_for_any_more_is_read_until_the_wire_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hole:
        wire = ClusterWire(settings_from(f"redis+cluster://127.0.0.1:{hole.getsockname()[1]}"))
        asking = asyncio.ensure_future(wire.command("PING"))
        await asyncio.wait([asking], timeout=0.1)
        asking.cancel()
        await asyncio.wait([asking])
        await wire.close()
        assert len(asyncio.all_tasks()) == 1
        assert _are_closed(hole)


async def test_a_known_node_that_falls_silent_holds_up_no_heartbeat(cluster: Cluster, place: str) -> None:
    """P3: nor does it while the map must be read again."""
    with Proxy(*cluster.nodes[0]) as proxy:
        store = open_store(place.replace("://", f"://127.0.0.1:{proxy.port},"))
        await store.add([job(f"{number}", queue=f"q{number}") for number in range(30)])
        heart = store.heart(WorkerInfo("w"))
        heart.beat(LEASE)
        proxy.stall()
        cluster.kill_node(2)
        with pytest.raises(StoreUnavailable):
            heart.beat(LEASE)
        cluster.restart_node(2)
        assert await asyncio.to_thread(comes_true, lambda: beats(heart), 20)
        await store.close()


@pytest.mark.slow
async def test_a_worker_goes_on_when_a_replica_took_the_place_of_a_frozen_node() -> None:
    """P3: and the node is forgotten, so that nothing is kept open to it."""
    with skipping():
        cluster = Cluster.start()
    with cluster:
        cluster.add_replica(0)
        settings = settings_from(f"redis+cluster://127.0.0.1:{cluster.servers[1].port}")
        store = RedisStore(replace(settings, call_timeout=2.0), None)
        await store.add([job(f"{number}", queue=f"q{number}") for number in range(30)])
        await asyncio.gather(*(store.get("0") for _ in range(5)))  # so that there are connections that nobody uses
        heart = store.heart(WorkerInfo("w"))
        heart.beat(LEASE)
        cluster.wait_until_copied()  # nothing is promised of what the replica has not heard
        cluster.servers[0].freeze()
        assert await asyncio.to_thread(comes_true, lambda: beats(heart), 40)
        with pytest.raises(StoreUnavailable):
            await store.count(Filter())
        assert sum((await store.count(Filter())).values()) == 30
        cluster.servers[0].thaw()
        with cluster.servers[0].client() as client:
            assert await asyncio.to_thread(comes_true, lambda: connections(client) == 0, 20)
        await store.close()
