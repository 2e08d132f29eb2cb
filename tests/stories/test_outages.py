"""The server goes away under a worker: killed, stopped, frozen, cut off. Worker and jobs outlive it and go on."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from tests.engine.scene import eventually, until
from tests.stories.host import Host
from tests.stories.stage import Process, Stage, all_ended
from treadle import StoreUnavailable
from treadle.core.states import State

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.usefixtures("close")]

#: Jobs of one stream.
JOBS = 1_500

KINDS = ("hold", "hold_in_a_thread", "hold_in_a_process")


@pytest.fixture
def place(host: Host) -> str:
    """Stories of this module play on a server of their own."""
    return host.url


@asynccontextmanager
async def streaming(stage: Stage, worker: Process) -> AsyncIterator[None]:
    """Enqueue jobs one after another while the block runs; then see that each has run once, on this very worker."""
    ids = [f"job-{number}" for number in range(JOBS)]
    async with asyncio.TaskGroup() as group:
        group.create_task(enqueue(stage, *ids))
        yield
    await all_ended(stage)
    notes = stage.history("brief")
    assert Counter(id for id, _ in notes if id.startswith("job-")) == Counter(ids)
    assert {int(pid) for _, pid in notes} == {worker.pid}
    assert worker.stop()[-1] == "ended"


async def enqueue(stage: Stage, *ids: str) -> None:
    """Enqueue jobs in turn; one that was not acknowledged is offered again under the same id."""

    async def offer(id: str) -> bool:
        try:
            await stage.app.tasks["brief"].using(id=id).aenqueue(0)
        except StoreUnavailable:
            return False
        return True

    for id in ids:
        await eventually(partial(offer, id))


async def enqueue_one_more(stage: Stage) -> None:
    """Enqueue a job and wait until it runs; print how soon that was, for people who wish to know."""
    began, id = time.monotonic(), f"one-more-{time.monotonic_ns()}"
    await enqueue(stage, id)
    acknowledged = time.monotonic() - began
    await until(lambda: id in {noted for noted, _ in stage.history("brief")})
    print(f"after the server was back: acknowledged {acknowledged:.2f} s, begun {time.monotonic() - began:.2f} s")


@pytest.mark.parametrize("way", ["kill", "stop", "freeze"])
async def test_a_server_that_goes_away_and_comes_back_costs_no_worker_no_job_and_no_second_run(
    stage: Stage, host: Host, way: str
) -> None:
    """P1, P7, P14: what ends meanwhile is settled afterwards, what is enqueued meanwhile is acknowledged afterwards."""
    worker = stage.worker()
    held = [await stage.app.tasks[kind].aenqueue(str(stage.gate)) for kind in KINDS]
    await stage.noted("begun", len(held))
    async with streaming(stage, worker):
        await stage.noted("brief", JOBS // 4)
        await asyncio.to_thread(getattr(host.server, way))
        stage.gate.touch()
        await stage.noted("passed", len(held))
        await asyncio.to_thread(host.server.thaw if way == "freeze" else host.server.launch)
        await enqueue_one_more(stage)
        for job in held:
            completed = await stage.ended(job.id)
            assert (completed.state, completed.attempt, completed.result) == (State.COMPLETED, 1, '"epoch 1"')


async def test_connections_that_are_dropped_again_and_again_cost_no_worker_no_job_and_no_second_run(
    stage: Stage, host: Host
) -> None:
    """P1, P7"""
    worker = stage.worker()
    async with streaming(stage, worker):
        for share in range(1, 8):
            await stage.noted("brief", JOBS * share // 10)
            assert await asyncio.to_thread(host.drop_connections) > 1
            await enqueue_one_more(stage)


@pytest.mark.parametrize("kind", ["hold", "hold_in_a_process"])
async def test_after_an_outage_that_outlived_its_lease_a_worker_goes_on_by_itself(
    stage: Stage, host: Host, kind: str
) -> None:
    """P4, P5, P14: it has stopped its attempts, for they could have been somebody else's."""
    worker = stage.worker(lease="2s")
    job = await stage.app.tasks[kind].aenqueue(str(stage.gate))
    await stage.noted("begun")
    await asyncio.to_thread(host.server.kill)
    worker.hear_of("Fenced")
    await asyncio.to_thread(host.server.launch)
    await enqueue_one_more(stage)
    begun = await stage.noted("begun", 2)
    assert [epoch for _, epoch, _ in begun] == ["1", "2"]
    stage.gate.touch()
    completed = await stage.ended(job.id)
    assert (completed.state, completed.crashes, completed.result) == (State.COMPLETED, 0, '"epoch 2"')
    assert worker.stop()[-1] == "ended"
