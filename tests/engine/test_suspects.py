"""What was on board when workers died: a killer is found out, its neighbours are not condemned with it (P12)."""

import asyncio

from tests.engine.scene import new_worker, running
from treadle import Job, Treadle
from treadle.core.job import Ending, WorkerInfo
from treadle.core.states import State
from treadle.core.store import Heart
from treadle.engine.sweeper import verdict


async def crash(app: Treadle, number: int) -> None:
    """Let a worker claim so many jobs and die; another one takes them over and settles them."""
    victim, sweeper = _alive(app, "victim"), _alive(app, "sweeper")
    await app.store.cycle("victim", [], ["default"], number)
    await app.store.bury(["victim"])
    taken = (await app.store.sweep("sweeper", 100, take=100)).taken
    assert len(taken) == number
    await app.store.cycle("sweeper", [Ending(claim, verdict(claim)) for claim in taken], [], 0)
    for heart in (victim, sweeper):
        heart.leave()
        heart.close()


def _alive(app: Treadle, id: str) -> Heart:
    heart = app.store.heart(WorkerInfo(id=id))
    heart.beat(60_000)
    return heart


async def test_after_two_crashes_a_job_runs_alone_and_the_others_together(app: Treadle) -> None:
    """P12: the third crash, if there is one, is nobody else's."""
    beside: dict[int, int] = {}
    inside: set[int] = set()

    @app.task
    async def work(number: int) -> None:
        inside.add(number)
        for _ in range(20):
            await asyncio.sleep(0)
            beside[number] = max(beside.get(number, 0), len(inside) - 1)
        inside.remove(number)

    suspects = await work.aenqueue_many([{"number": number} for number in range(5)])
    for _ in range(2):
        await crash(app, len(suspects))
    others = await work.aenqueue_many([{"number": number} for number in range(5, 25)])
    async with running(new_worker(app, slots=4)):
        for job in (*suspects, *others):
            await job.aresult(20)
    assert [beside[number] for number in range(5)] == [0] * 5
    assert max(beside.values()) == 3
    await _have_run(app, suspects, crashes=2)
    await _have_run(app, others, crashes=0)


async def test_one_crash_makes_nobody_a_suspect(app: Treadle) -> None:
    together = asyncio.Barrier(4)

    @app.task
    async def work() -> None:
        await together.wait()

    jobs = await work.aenqueue_many([{}] * 4)
    await crash(app, 4)
    async with running(new_worker(app, slots=4)):
        for job in jobs:
            await job.aresult(20)


async def _have_run(app: Treadle, jobs: list[Job[None]], crashes: int) -> None:
    for job in jobs:
        seen = await job.arefresh()
        assert (seen.state, seen.crashes) == (State.COMPLETED, crashes)
