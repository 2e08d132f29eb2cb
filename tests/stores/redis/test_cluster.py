"""The contract once more, on a cluster: each queue in a shard of its own, three nodes."""
# ruff: noqa: F403

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from itertools import count

import pytest

from tests.servers.cluster import Cluster
from tests.servers.plugin import skipping
from treadle.core.errors import StoreUnavailable
from treadle.core.job import Added, Filter
from treadle.core.states import State
from treadle.core.store import OF_JOB, Store
from treadle.stores import open_store
from treadle.testing import FakeClock
from treadle.testing.contract import *
from treadle.testing.contract.adding import STRANGE
from treadle.testing.contract.scene import Hire, job

pytestmark = pytest.mark.server

PREFIXES = count()


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


async def test_equal_ids_and_unique_keys_in_other_queues_stand(store: Store) -> None:
    """P8."""
    await store.add([job("a", queue="q1", unique_key="u")])
    assert await store.add([
        job("a", queue="q2"), job("b", queue="q2", unique_key="u"), job("c", queue="q3", unique_key="v"),
        job("d", queue="q4", unique_key="v"), job("c", queue="q5"),
    ]) == [Added("a", False), Added("a", False), Added("c", True), Added("c", False), Added("c", False)]  # fmt: skip


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
    assert await store.purge({State.CANCELLED: 0}, 10) == 2
    assert [len(await store.read(f"{OF_JOB}{number}")) for number in range(5)] == [0, 0, 0, 1, 1]


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
