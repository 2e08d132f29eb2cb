"""Soft and hard timeouts on the loop and in threads, by a clock moved by hand. Processes: test_processes.py."""

import asyncio
import threading
from datetime import timedelta

from tests.engine.scene import SteadyClock, ended, ended_while, found, new_worker, running, until
from treadle import NEVER, Context, Retry, SoftTimeout, Stopped, Treadle
from treadle.core.states import State

FIVE = timedelta(seconds=5)


class Gate:
    """Lets a task say that it has begun, and keeps it until the test opens."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()

    def pass_through(self) -> None:
        """Wait in a thread."""
        self.entered.set()
        assert self.opened.wait(60)

    async def pass_by(self) -> None:
        """Wait on the loop, until cancelled."""
        self.entered.set()
        await asyncio.Event().wait()


async def test_a_coroutine_is_cancelled_at_its_timeout_and_may_tidy_up(app: Treadle) -> None:
    gate, clock, told = Gate(), SteadyClock(), list[str]()

    @app.task(timeout=FIVE, retry=NEVER)
    async def stuck() -> None:
        try:
            await gate.pass_by()
        finally:
            told.append("tidied up")

    async with running(new_worker(app, clock=clock)):
        job = await stuck.aenqueue()
        await until(gate.entered.is_set)
        clock.forward(5)
        failed = await ended(app, job.id)
    assert (failed.state, failed.reason, told) == (State.FAILED, "timeout", ["tidied up"])
    assert failed.failure is not None
    assert "timeout of 5 s" in failed.failure.message


async def test_a_timeout_is_tried_again_by_policy(app: Treadle) -> None:
    gate, clock = Gate(), SteadyClock()

    @app.task(timeout=FIVE, retry=Retry(1, 0, jitter=0), context=True)
    async def stuck(ctx: Context) -> str:
        if ctx.attempt == 1:
            await gate.pass_by()
        return "second"

    async with running(new_worker(app, clock=clock)):
        job = await stuck.aenqueue()
        await until(gate.entered.is_set)
        clock.forward(5)
        completed = await ended(app, job.id)
    assert (completed.state, completed.attempt) == (State.COMPLETED, 2)
    assert [attempt.ending for attempt in completed.attempts] == ["timeout"]


async def test_a_task_without_a_timeout_of_its_own_has_the_applications(app: Treadle) -> None:
    """S2.05: five minutes."""
    gate, clock = Gate(), SteadyClock()

    @app.task(retry=NEVER)
    async def stuck() -> None:
        await gate.pass_by()

    async with running(new_worker(app, clock=clock)):
        job = await stuck.aenqueue()
        await until(gate.entered.is_set)
        clock.forward(300)
        assert (await ended(app, job.id)).reason == "timeout"


async def test_a_thread_that_ignores_its_timeout_is_left_behind_and_its_slot_is_free(app: Treadle) -> None:
    gate, clock = Gate(), SteadyClock()

    @app.task(timeout=FIVE, retry=NEVER)
    def stuck() -> str:
        gate.pass_through()
        return "much too late"

    other = app.task("other")(lambda: "ran")
    async with running(new_worker(app, slots=1, clock=clock)):
        job = await stuck.aenqueue()
        await until(gate.entered.is_set)
        clock.forward(5)
        waiting = await other.aenqueue()
        assert (await ended_while(app, job.id, clock)).reason == "timeout"
        assert await waiting.aresult(20) == "ran"
        gate.opened.set()
        assert await (await other.aenqueue()).aresult(20) == "ran"
    assert (await found(app.store, job.id)).state is State.FAILED, "what the thread returned is nobody's"


async def test_a_thread_learns_of_its_timeout_where_it_asks(app: Treadle) -> None:
    gate, clock = Gate(), SteadyClock()

    @app.task(timeout=FIVE, retry=NEVER, context=True)
    def polite(ctx: Context) -> str:
        gate.pass_through()
        while not ctx.cancelled:
            threading.Event().wait(0.005)
        ctx.check()
        return "never"

    async with running(new_worker(app, clock=clock)):
        job = await polite.aenqueue()
        await until(gate.entered.is_set)
        gate.opened.set()
        clock.forward(5)
        failed = await ended(app, job.id)
    assert (failed.state, failed.reason) == (State.FAILED, "timeout")


async def test_a_coroutine_that_swallows_its_cancellation_is_left_behind_and_its_slot_replaced(app: Treadle) -> None:
    gate, clock = Gate(), SteadyClock()
    free = asyncio.Event()

    @app.task(timeout=FIVE, retry=NEVER)
    async def stubborn() -> str:
        gate.entered.set()
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue
        return "much too late"

    other = app.task("other")(lambda: "ran")
    async with running(new_worker(app, slots=1, clock=clock)):
        job = await stubborn.aenqueue()
        await until(gate.entered.is_set)
        waiting = await other.aenqueue()
        clock.forward(5)
        assert (await ended_while(app, job.id, clock)).reason == "timeout"
        assert await waiting.aresult(20) == "ran"
        free.set()
        assert await (await other.aenqueue()).aresult(20) == "ran"
    assert (await found(app.store, job.id)).state is State.FAILED


async def test_a_coroutine_is_told_once_at_its_soft_timeout(app: Treadle) -> None:
    gate, clock, told = Gate(), SteadyClock(), list[str]()

    @app.task(soft_timeout=FIVE, timeout=2 * FIVE, retry=NEVER)
    async def tidy() -> str:
        try:
            await gate.pass_by()
        except SoftTimeout as warning:
            told.append(str(warning))
        await asyncio.sleep(0)
        return "tidied up"

    async with running(new_worker(app, clock=clock)):
        job = await tidy.aenqueue()
        await until(gate.entered.is_set)
        clock.forward(5)
        assert await job.aresult(20) == "tidied up"
    assert told == ["the soft timeout of 5 s has passed"]


async def test_a_soft_timeout_that_nobody_catches_fails_the_attempt(app: Treadle) -> None:
    gate, clock = Gate(), SteadyClock()

    @app.task(soft_timeout=FIVE, retry=NEVER)
    async def stuck() -> None:
        await gate.pass_by()

    async with running(new_worker(app, clock=clock)):
        job = await stuck.aenqueue()
        await until(gate.entered.is_set)
        clock.forward(5)
        failed = await ended(app, job.id)
    assert failed.failure is not None
    assert (failed.reason, failed.failure.type) == ("error", "SoftTimeout")


async def test_after_a_soft_timeout_the_hard_one_still_comes(app: Treadle) -> None:
    gate, clock, warned = Gate(), SteadyClock(), asyncio.Event()

    @app.task(soft_timeout=FIVE, timeout=2 * FIVE, retry=NEVER)
    async def stuck() -> None:
        try:
            await gate.pass_by()
        except SoftTimeout:
            warned.set()
            await gate.pass_by()

    async with running(new_worker(app, clock=clock)):
        job = await stuck.aenqueue()
        await until(gate.entered.is_set)
        clock.forward(5)
        await until(warned.is_set)
        clock.forward(5)
        assert (await ended(app, job.id)).reason == "timeout"


async def test_a_thread_is_told_of_its_soft_timeout_once_where_it_asks(app: Treadle) -> None:
    gate, clock = Gate(), SteadyClock()

    @app.task(soft_timeout=FIVE, retry=NEVER, context=True)
    def tidy(ctx: Context) -> int:
        gate.pass_through()
        while True:
            try:
                ctx.check()
            except SoftTimeout:
                break
        for _ in range(10):
            ctx.check()
        return 10

    async with running(new_worker(app, clock=clock)):
        job = await tidy.aenqueue()
        await until(gate.entered.is_set)
        clock.forward(5)
        gate.opened.set()
        assert await job.aresult(20) == 10


async def test_stopped_is_what_a_task_hears(app: Treadle) -> None:
    gate, heard = Gate(), list[BaseException]()

    @app.task(timeout=FIVE, retry=NEVER, context=True)
    def polite(ctx: Context) -> None:
        gate.pass_through()
        while True:
            try:
                ctx.check()
            except Stopped as stop:
                heard.append(stop)
                raise

    clock = SteadyClock()
    async with running(new_worker(app, clock=clock)):
        job = await polite.aenqueue()
        await until(gate.entered.is_set)
        clock.forward(5)
        gate.opened.set()
        await ended(app, job.id)
    assert "timeout" in str(heard[0])
