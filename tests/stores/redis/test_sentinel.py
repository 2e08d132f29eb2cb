"""Behind sentinels: the primary is whom they name, and after a failover the next call finds the new one."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.servers.plugin import skipping
from tests.servers.processes import comes_true
from tests.servers.sentinels import Sentinels
from tests.stores.redis.test_lives import Hearing, beats
from treadle.core.errors import StoreUnavailable
from treadle.core.job import Ending, Filter, WorkerInfo
from treadle.core.outcomes import complete
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.testing.contract.scene import job, jobs

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture
def sentinels() -> Iterator[Sentinels]:
    with skipping():
        servers = Sentinels.start(aof="everysec")
    yield servers
    servers.close()


def url_of(sentinels: Sentinels, service: str = Sentinels.master_name) -> str:
    hosts = ",".join(f"{host}:{port}" for host, port in sentinels.addresses)
    return f"redis+sentinel://{hosts}/{service}"


async def _until_answered(store: Store, id: str) -> None:
    """Add a job as a worker's engine would: again until the store answers."""
    for _ in range(400):
        try:
            await store.add([job(id)])
            return
        except StoreUnavailable:
            await asyncio.sleep(0.05)
    raise AssertionError("no new primary took the job")


async def test_a_worker_goes_on_after_a_failover(sentinels: Sentinels) -> None:
    store, hearing = open_store(url_of(sentinels)), Hearing()
    leave = store.subscribe(hearing)
    heart = store.heart(WorkerInfo("w"))
    await store.add(jobs(5))
    await asyncio.to_thread(heart.beat, 60_000)
    claims = (await store.cycle("w", [], ["default"], 3)).claims
    with sentinels.primary.client() as client:
        client.wait(1, 10_000)  # nothing is promised of what the replica has not heard
    await hearing.next()

    await asyncio.to_thread(sentinels.failover)
    await _until_answered(store, "after")
    await asyncio.to_thread(heart.beat, 60_000)
    cycle = await store.cycle("w", [Ending(claim, complete()) for claim in claims], ["default"], 10)
    assert (cycle.lost, [claim.id for claim in cycle.claims]) == (frozenset(), ["0003", "0004", "after"])
    assert sum((await store.count(Filter())).values()) == 6

    await hearing.next()
    await store.add([job("wake")])
    await hearing.next()
    leave()
    await store.close()


async def test_sentinels_that_know_no_such_service_are_told(sentinels: Sentinels) -> None:
    store = open_store(url_of(sentinels, "nobody"))
    with pytest.raises(StoreUnavailable, match="no sentinel knows a service 'nobody'"):
        await store.open()
    await store.close()


async def test_sentinels_that_are_gone_or_frozen_are_passed_over(sentinels: Sentinels) -> None:
    store = open_store(url_of(sentinels))
    sentinels.sentinels[0].kill()
    sentinels.sentinels[1].freeze()
    await store.open()
    assert (await store.facts()).server.endswith(")")
    await store.close()


async def test_sentinels_that_are_frozen_hold_up_no_heartbeat(sentinels: Sentinels) -> None:
    """P3."""
    store = open_store(url_of(sentinels))
    await store.open()
    heart = store.heart(WorkerInfo("w"))
    for sentinel in sentinels.sentinels[:2]:
        sentinel.freeze()
    assert await asyncio.to_thread(comes_true, lambda: beats(heart), 20)
    for sentinel in sentinels.sentinels[:2]:
        sentinel.thaw()
    await store.close()
