"""How what runs is told to stop, and how a worker ends: once, within its grace, and nothing left behind."""

import asyncio
import contextlib
import threading

import pytest

from tests.engine.scene import SteadyClock, ended, eventually, found, new_worker, reached, running, until
from treadle import NEVER, Treadle
from treadle.core.states import State
from treadle.engine.resort import LastResort


async def test_each_beat_says_it_again_but_a_cancel_comes_once_and_its_grace_goes_on(app: Treadle) -> None:
    """P10: beats fall into the grace."""
    entered, heard, tidied = asyncio.Event(), list[int](), asyncio.Event()
    clock = SteadyClock()

    @app.task(retry=NEVER)
    async def tidies() -> None:
        entered.set()
        while not tidied.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await tidied.wait()
                continue
            heard.append(1)

    worker = new_worker(app, lease=1_000, clock=clock)
    async with running(worker):
        job = await tidies.aenqueue()
        await entered.wait()
        await job.acancel()
        await until(lambda: heard)
        await three_beats(app, worker.id)
        clock.forward(4.9)
        await three_beats(app, worker.id)
        assert heard == [1]
        clock.forward(0.2)  # the stop grace of 5 s is over
        await until(lambda: len(heard) == 2)
        tidied.set()
        await ended(app, job.id)


async def three_beats(app: Treadle, worker: str) -> None:
    """Wait until this worker has renewed its lease three times."""
    for _ in range(3):
        before = await last_beat(app, worker)

        async def look(before: int = before) -> bool:
            return await last_beat(app, worker) > before

        await eventually(look)


async def last_beat(app: Treadle, worker: str) -> int:
    return next(each.seen_at for each in await app.store.workers() if each.id == worker)


async def test_a_cancelled_worker_settles_what_ended_and_hands_back_the_rest(app: Treadle) -> None:
    """P11, where a worker lives in another program's event loop and that program just cancels it."""
    entered = asyncio.Event()

    @app.task
    async def works() -> None:
        entered.set()
        await asyncio.Event().wait()

    @app.task
    async def is_short() -> None:
        return

    task = asyncio.create_task(new_worker(app).run())
    running_job = await works.aenqueue()
    await entered.wait()
    short = await is_short.aenqueue_many([{}] * 100)
    await reached(app, short[0].id, State.COMPLETED)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    back = await found(app.store, running_job.id)
    assert (back.state, back.attempt, back.crashes) == (State.QUEUED, 0, 0)
    counted = await app.acount()
    assert counted[State.RUNNING] == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "treadle-heart"]


def test_the_last_resort_ends_a_process_that_does_not_end_by_itself() -> None:
    ended_with: list[int] = []
    over = threading.Event()

    def end(code: int) -> None:
        ended_with.append(code)
        over.set()

    for settled in (False, True):
        resort = LastResort(0.001, end)
        resort.settled = settled
        resort.arm()
        assert over.wait(20)
        over.clear()
    assert ended_with == [1, 0]


def test_the_last_resort_that_is_disarmed_ends_nothing() -> None:
    ended_with: list[int] = []
    resort = LastResort(0, ended_with.append)
    resort.disarm()
    resort.arm()
    for thread in threading.enumerate():
        if thread.name == "treadle-last-resort":
            thread.join()
    assert not ended_with
