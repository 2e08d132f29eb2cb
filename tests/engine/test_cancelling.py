"""Cancel: what waits at once, what runs as soon as a heartbeat brings it (P10). Processes: test_processes.py."""

import asyncio
import threading

import pytest

from tests.engine.scene import ended, found, new_worker, running, until
from treadle import NEVER, Cancel, Context, JobFailed, Retry, Stopped, Treadle
from treadle.core.states import State

#: Milliseconds; a heartbeat is sent five times as often.
LEASE = 1_000


async def test_what_waits_never_starts(app: Treadle) -> None:
    ran: list[str] = []

    @app.task
    async def work(name: str) -> None:
        ran.append(name)

    queued = await work.aenqueue("queued")
    scheduled = await work.using(run_after=3_600).aenqueue("scheduled")
    assert await queued.acancel()
    assert await scheduled.acancel()
    await app.arun_until_idle()
    assert [(await found(app.store, job.id)).state for job in (queued, scheduled)] == [State.CANCELLED] * 2
    assert ran == []
    with pytest.raises(JobFailed, match="cancelled"):
        await queued.aresult(0)


async def test_a_coroutine_is_cancelled_where_it_waits_and_may_tidy_up(app: Treadle) -> None:
    entered, told = asyncio.Event(), list[str]()

    @app.task(retry=Retry(3, 0))
    async def work() -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            told.append("tidied up")

    async with running(new_worker(app, lease=LEASE)):
        job = await work.aenqueue()
        await entered.wait()
        assert await job.acancel()
        cancelled = await ended(app, job.id)
    assert (cancelled.state, cancelled.reason, cancelled.attempt) == (State.CANCELLED, "operator", 1)
    assert told == ["tidied up"]


async def test_a_thread_learns_of_it_where_it_asks(app: Treadle) -> None:
    entered, heard = threading.Event(), list[str]()

    @app.task(retry=Retry(3, 0), context=True)
    def work(ctx: Context) -> None:
        entered.set()
        while True:
            try:
                ctx.check()
            except Stopped:
                heard.append("stopped" if ctx.cancelled else "?")
                raise

    async with running(new_worker(app, lease=LEASE)):
        job = await work.aenqueue()
        await until(entered.is_set)
        assert await job.acancel()
        assert (await ended(app, job.id)).state is State.CANCELLED
    assert heard == ["stopped"]


async def test_a_thread_that_does_not_ask_is_left_behind_at_the_grace(app: Treadle) -> None:
    entered, release = threading.Event(), threading.Event()

    @app.task(retry=NEVER)
    def work() -> str:
        entered.set()
        release.wait(60)
        return "much too late"

    async with running(new_worker(app, lease=LEASE, stop_grace=50, slots=1)):
        job = await work.aenqueue()
        await until(entered.is_set)
        assert await job.acancel()
        assert (await ended(app, job.id)).state is State.CANCELLED
        release.set()
    assert (await found(app.store, job.id)).state is State.CANCELLED


async def test_a_coroutine_that_does_not_stop_is_left_behind_at_the_grace(app: Treadle) -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    @app.task(retry=NEVER)
    async def work() -> None:
        entered.set()
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    async with running(new_worker(app, lease=LEASE, stop_grace=50)):
        job = await work.aenqueue()
        await entered.wait()
        assert await job.acancel()
        assert (await ended(app, job.id)).state is State.CANCELLED
        release.set()


async def test_a_coroutine_that_keeps_the_loop_busy_sees_the_cancel_where_it_asks(app: Treadle) -> None:
    """P10, P13: the loop cannot tell it; the heart does."""
    entered = threading.Event()

    @app.task(context=True, retry=NEVER)
    async def busy(ctx: Context) -> None:
        entered.set()
        while True:
            ctx.check()

    def cancel_from_elsewhere() -> None:
        assert entered.wait(60)
        job.cancel()

    async with running(new_worker(app, lease=LEASE)):
        job = await busy.aenqueue()
        elsewhere = threading.Thread(target=cancel_from_elsewhere)
        elsewhere.start()
        assert (await ended(app, job.id)).state is State.CANCELLED
        elsewhere.join()


async def test_what_finishes_all_the_same_stays_finished(app: Treadle) -> None:
    entered = asyncio.Event()

    @app.task
    async def work() -> str:
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "was nearly done"
        return "never"

    async with running(new_worker(app, lease=LEASE)):
        job = await work.aenqueue()
        await entered.wait()
        assert await job.acancel()
        assert await job.aresult(20) == "was nearly done"


async def test_what_has_ended_is_not_cancelled_any_more(app: Treadle) -> None:
    job = await app.task("work")(lambda: 1).aenqueue()
    await app.arun_until_idle()
    assert not await job.acancel()
    assert not await app.job("nobody").acancel()
    assert (await found(app.store, job.id)).state is State.COMPLETED


async def test_a_cancelled_job_may_be_queued_again_and_forgets_the_cancel(app: Treadle) -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    @app.task
    async def work() -> str:
        entered.set()
        await go.wait()
        return "done"

    async with running(new_worker(app, lease=LEASE)):
        job = await work.aenqueue()
        await entered.wait()
        await job.acancel()
        await ended(app, job.id)
        go.set()
        assert await job.aretry()
        assert await job.aresult(20) == "done"


async def test_a_task_may_cancel_itself_but_not_by_cancelling_its_coroutine(app: Treadle) -> None:
    @app.task(retry=NEVER)
    async def says_so() -> None:
        raise Cancel("the user left")

    @app.task(retry=NEVER)
    async def lets_it_through() -> None:
        raise asyncio.CancelledError

    jobs = [await says_so.aenqueue(), await lets_it_through.aenqueue()]
    await app.arun_until_idle()
    seen = [await found(app.store, job.id) for job in jobs]
    assert [job.state for job in seen] == [State.CANCELLED, State.FAILED]
    assert seen[1].failure is not None
    assert "cancelled itself" in seen[1].failure.message


async def test_a_cancel_does_not_reach_the_job_that_follows_on_the_same_runner(app: Treadle) -> None:
    entered: list[str] = []

    @app.task
    async def work(name: str) -> str:
        entered.append(name)
        if name == "first":
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        return name

    async with running(new_worker(app, lease=LEASE, slots=1)):
        first = await work.aenqueue("first")
        await until(lambda: entered)
        rest = await work.aenqueue_many([{"name": str(number)} for number in range(50)])
        await first.acancel()
        assert [await job.aresult(20) for job in rest] == [str(number) for number in range(50)]
    assert (await found(app.store, first.id)).state is State.CANCELLED
