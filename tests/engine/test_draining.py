"""A worker that was told to stop ends as soon as its last job has, however that coincides with settling the others."""

import asyncio
from collections.abc import Sequence

from tests.engine.scene import found, new_worker, reached, running, until
from treadle import Treadle
from treadle.core.job import Cycle, Ending
from treadle.core.states import State


async def test_what_ends_while_others_are_settled_does_not_keep_the_worker_for_its_grace(app: Treadle) -> None:
    """P11"""
    gates = {name: asyncio.Event() for name in ("first", "second")}

    @app.task
    async def wait(name: str) -> str:
        await gates[name].wait()
        return name

    worker = new_worker(app, grace=3_600_000, lease=3_600_000)  # no beat comes to the rescue
    cycle = app.store.cycle

    async def slow_cycle(worker_id: str, ended: Sequence[Ending], queues: Sequence[str], want: int) -> Cycle:
        answer = await cycle(worker_id, ended, queues, want)
        if ended and not gates["second"].is_set():
            gates["second"].set()
            await until(lambda: not worker._held)
        return answer

    jobs = [await wait.using(id=name).aenqueue(name) for name in gates]
    async with running(worker):
        for job in jobs:
            await reached(app, job.id, State.RUNNING)
        app.store.cycle = slow_cycle  # type: ignore[method-assign, assignment]  # the real one, at an unlucky moment
        worker.stop()
        gates["first"].set()
    assert [(await found(app.store, job.id)).state for job in jobs] == [State.COMPLETED] * 2
