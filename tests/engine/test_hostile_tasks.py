"""Tasks that break the rules cost themselves, never their worker, its slots or the job that comes next."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.scene import SteadyClock, ended, eventually, found, new_worker, running
from treadle import NEVER, Cancel, Context, Retry, RetryLater, Skip, Snooze, Treadle
from treadle.core.states import State


class Unheard(BaseException):
    """No Exception, as what `pytest.fail` raises."""


class Unreadable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def no_delay(number: int, error: BaseException) -> float:
    raise LookupError("no delay for this")


async def ends(app: Treadle, task: Any) -> Any:
    """Work it off in one slot, see that the slot is of use afterwards, and answer how it ended."""
    after = app.task("after")(asyncio_free)
    job, next_one = await task.aenqueue(), await after.aenqueue()
    async with running(new_worker(app, slots=1, lease=1_000)):
        assert await next_one.aresult(20) == "fine"
        return await found(app.store, job.id)


async def asyncio_free() -> str:
    await asyncio.sleep(0)
    return "fine"


def raising(error: BaseException, kind: str) -> Callable[[], Any]:
    async def on_the_loop() -> None:
        raise error

    def in_a_thread() -> None:
        raise error

    return on_the_loop if kind == "async" else in_a_thread


@pytest.mark.parametrize("kind", ["async", "thread"])
@pytest.mark.parametrize("error", [GeneratorExit(), Unheard("!"), Unreadable(), ValueError("\ud800")], ids=repr)
async def test_whatever_a_task_raises_it_ends_failed(app: Treadle, kind: str, error: BaseException) -> None:
    failed = await ends(app, app.task("odd", retry=NEVER)(raising(error, kind)))
    assert (failed.state, failed.reason) == (State.FAILED, "error")
    assert failed.failure is not None
    assert type(error).__name__ in failed.failure.type + failed.failure.message
    failed.failure.message.encode()


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_a_retry_policy_that_fails_fails_the_job_and_tells_both_errors(app: Treadle, kind: str) -> None:
    failed = await ends(app, app.task("odd", retry=Retry(3, no_delay))(raising(ValueError("first"), kind)))
    assert (failed.state, failed.attempt) == (State.FAILED, 1)
    assert failed.failure is not None
    assert failed.failure.message == "no delay for this"
    assert "ValueError: first" in (failed.failure.traceback or "")


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        (Skip("\ud800" * 1_000), State.COMPLETED),
        (Skip(object()), State.COMPLETED),  # type: ignore[arg-type]
        (Cancel("\ud800"), State.CANCELLED),
        (Snooze(1e300), State.SCHEDULED),
        (RetryLater(1e300), State.SCHEDULED),
    ],
    ids=["skip", "skip object", "cancel", "snooze", "retry later"],
)
async def test_an_ending_that_no_store_takes_is_made_one_that_it_does(
    app: Treadle, ending: BaseException, state: State
) -> None:
    assert (await ends(app, app.task("odd")(raising(ending, "async")))).state is state


@pytest.mark.parametrize("done", [2**80, -5, 0.5, True])
async def test_progress_that_no_store_takes_is_bounded(app: Treadle, done: Any) -> None:
    @app.task(context=True)
    async def odd(ctx: Context) -> None:
        ctx.progress(done, 2**90, failed=10**30, note="\ud800" * 10_000)
        ctx.log("\ud800", where="\udfff")

    seen = await ends(app, odd)
    assert seen.state is State.COMPLETED
    assert seen.progress is not None
    assert 0 <= seen.progress.done <= 2**53
    seen.log[0]["message"].encode()


async def test_progress_that_is_no_number_is_the_tasks_own_error(app: Treadle) -> None:
    @app.task(context=True, retry=NEVER)
    async def odd(ctx: Context) -> None:
        ctx.progress("half")  # type: ignore[arg-type]

    failed = await ends(app, odd)
    assert failed.failure is not None
    assert failed.failure.type == "ValueError"


async def test_a_task_that_cancels_itself_and_returns_leaves_the_next_one_alone(app: Treadle) -> None:
    @app.task
    async def odd() -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return "done"

    assert (await ends(app, odd)).state is State.COMPLETED


async def test_a_plain_function_that_gives_a_coroutine_is_awaited(app: Treadle) -> None:
    async def inner() -> str:
        return "awaited"

    job = await app.task("odd")(lambda: inner()).aenqueue()
    await app.arun_until_idle()
    assert await job.aresult(0) == "awaited"


async def test_what_was_claimed_ahead_behind_a_long_job_is_handed_back_and_left_alone(app: Treadle) -> None:
    gate, entered, clock = asyncio.Event(), asyncio.Event(), SteadyClock()

    @app.task
    async def short() -> None:
        return

    @app.task
    async def long() -> None:
        entered.set()
        await gate.wait()

    async def stands(id: str, state: State, epoch: int) -> None:
        async def look() -> bool:
            seen = await found(app.store, id)
            return (seen.state, seen.epoch) == (state, epoch)

        await eventually(look)

    async with running(new_worker(app, slots=1, clock=clock)):
        for job in await short.aenqueue_many([{}] * 50):
            await ended(app, job.id)
        await long.aenqueue()
        await entered.wait()
        behind = await short.aenqueue()
        await stands(behind.id, State.RUNNING, 1)
        clock.forward(1)
        await stands(behind.id, State.QUEUED, 1)
        gate.set()
        await stands(behind.id, State.COMPLETED, 2)
