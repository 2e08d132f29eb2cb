"""ctx.once: an effect on the outside world happens once in all attempts of a job, as far as that can be known."""

import asyncio
from typing import Any

import pytest

from tests.engine.scene import found
from treadle import NEVER, Context, NotDone, OutcomeUnknown, Retry, Task, Treadle
from treadle.core.errors import Stopped
from treadle.core.job import Ending
from treadle.core.outcomes import retry
from treadle.core.states import State
from treadle.core.store import OF_JOB, Store
from treadle.once import Once


@pytest.fixture
def app(store: Store) -> Treadle:
    """Its store lives by a clock that stands still: retries without a pause are queued at once."""
    return Treadle(store)


class World:
    """What has happened outside, and what the task was told."""

    def __init__(self) -> None:
        self.charged: list[int] = []
        self.told: list[object] = []


@pytest.fixture
def world() -> World:
    return World()


async def test_an_effect_that_happened_is_not_repeated_by_the_next_attempt(app: Treadle, world: World) -> None:
    @app.task(context=True, retry=Retry(2, 0))
    async def order(ctx: Context) -> None:
        async def charge() -> dict[str, int]:
            world.charged.append(ctx.attempt)
            return {"receipt": ctx.attempt}

        world.told.append(await ctx.once("charge", charge))
        if ctx.attempt < 3:
            raise ZeroDivisionError

    job = await order.aenqueue()
    await app.arun_until_idle()
    assert (await found(app.store, job.id)).state is State.COMPLETED
    assert world.charged == [1]
    assert world.told == [{"receipt": 1}] * 3


async def test_a_plain_function_has_its_effects_once_too(app: Treadle, world: World) -> None:
    @app.task(context=True, retry=Retry(1, 0))
    def order(ctx: Context) -> None:
        world.told.append(ctx.once_sync("charge", lambda: world.charged.append(ctx.attempt)))
        if ctx.attempt < 2:
            raise ZeroDivisionError

    job = await order.aenqueue()
    await app.arun_until_idle()
    assert (await found(app.store, job.id)).state is State.COMPLETED
    assert (world.charged, world.told) == ([1], [None, None])


async def test_an_effect_that_raised_has_not_happened(app: Treadle, world: World) -> None:
    @app.task(context=True, retry=Retry(1, 0))
    async def order(ctx: Context) -> None:
        async def charge() -> None:
            world.charged.append(ctx.attempt)
            if ctx.attempt == 1:
                raise ConnectionRefusedError

        await ctx.once("charge", charge)

    job = await order.aenqueue()
    await app.arun_until_idle()
    assert (await found(app.store, job.id)).state is State.COMPLETED
    assert world.charged == [1, 2]


async def test_two_effects_of_one_job_are_told_apart(app: Treadle, world: World) -> None:
    @app.task(context=True, retry=NEVER)
    async def order(ctx: Context) -> list[str]:
        return [await ctx.once("a", lambda: "first"), await ctx.once("b", lambda: "second")]

    job = await order.aenqueue()
    await app.arun_until_idle()
    assert (await found(app.store, job.id)).result == '["first","second"]'
    assert {record.key for record in await app.store.read(OF_JOB + job.id)} == {"once:a", "once:b"}


def interrupted(app: Treadle, world: World, resolve: bool, happened: bool) -> Task[[], object]:
    """Make a task whose first attempt is cut off in the middle of its effect."""

    @app.task(context=True, retry=Retry(2, 0))
    async def order(ctx: Context) -> object:
        async def charge() -> str:
            world.charged.append(ctx.attempt)
            if ctx.attempt == 1:
                raise Stopped("in the middle")
            return f"charged by {ctx.attempt}"

        async def look() -> str:
            world.told.append(ctx.attempt)
            if not happened:
                raise NotDone
            return "found outside"

        return await ctx.once("charge", charge, resolve=look if resolve else None)

    return order


@pytest.mark.parametrize(("happened", "result", "charged"), [
    (True, '"found outside"', [1]), (False, '"charged by 2"', [1, 2]),
])  # fmt: skip
async def test_what_was_cut_off_is_found_out(
    app: Treadle, world: World, happened: bool, result: str, charged: list[int]
) -> None:
    job = await interrupted(app, world, True, happened).aenqueue()
    await app.arun_until_idle()
    done = await found(app.store, job.id)
    assert (done.state, done.result) == (State.COMPLETED, result)
    assert (world.charged, world.told) == (charged, [2])


async def test_what_nobody_can_find_out_fails_and_is_not_tried_again(app: Treadle, world: World) -> None:
    job = await interrupted(app, world, False, True).aenqueue()
    await app.arun_until_idle()
    failed = await found(app.store, job.id)
    assert (failed.state, failed.attempt) == (State.FAILED, 2)
    assert failed.failure
    assert (failed.failure.type, "'charge' was begun" in failed.failure.message) == (OutcomeUnknown.__name__, True)
    assert world.charged == [1]


async def test_a_task_may_say_itself_that_it_does_not_know(app: Treadle, world: World) -> None:
    @app.task(context=True, retry=Retry(3, 0))
    async def order(ctx: Context) -> None:
        async def charge() -> None:
            world.charged.append(ctx.attempt)
            raise OutcomeUnknown("charge", "the bank did not answer in time")

        await ctx.once("charge", charge)

    job = await order.aenqueue()
    await app.arun_until_idle()
    failed = await found(app.store, job.id)
    assert (failed.state, failed.attempt, world.charged) == (State.FAILED, 1, [1])


async def test_of_two_attempts_at_once_one_has_the_effect(app: Treadle, world: World) -> None:
    @app.task(context=True, retry=NEVER)
    async def order(ctx: Context) -> None:
        async def charge() -> None:
            world.charged.append(1)
            await asyncio.sleep(0)

        answers = await asyncio.gather(*(ctx.once("charge", charge) for _ in range(3)), return_exceptions=True)
        world.told += [type(answer).__name__ for answer in answers]

    await order.aenqueue()
    await app.arun_until_idle()
    assert world.charged == [1]
    assert set(world.told) <= {"NoneType", "Stopped", "OutcomeUnknown"}


async def test_who_has_lost_the_claim_begins_nothing(app: Treadle, world: World) -> None:
    """P5, P6: frozen past its lease, it wakes beside the rightful attempt."""
    over = asyncio.Event()

    @app.task(context=True, retry=Retry(2, 0))
    async def order(ctx: Context) -> None:
        line: Any = ctx._line
        if ctx.epoch == 1:
            await app.store.cycle("somebody", [Ending(line.claim, retry(0))], [], 0)
        else:
            await over.wait()
        try:
            await ctx.once("charge", lambda: world.charged.append(ctx.epoch))
        except Stopped:
            world.told.append(ctx.epoch)
            raise
        finally:
            over.set()

    job = await order.aenqueue()
    await app.arun_until_idle()
    assert (await found(app.store, job.id)).state is State.COMPLETED
    assert (world.charged, world.told) == ([2], [1])


async def test_who_has_seen_an_older_state_of_the_effect_ends_nothing(app: Treadle, world: World) -> None:
    @app.task(context=True, retry=NEVER)
    async def order(ctx: Context) -> None:
        line: Any = ctx._line
        effect = Once(line, app.store, "charge")
        await effect.begin(await effect.look())
        await effect.forget()
        again = await effect.look()
        world.told.append((again.begun, again.done))
        await effect.begin(again)
        with pytest.raises(Stopped):
            await effect.end("of the first", 1)
        await effect.end("of the second")
        world.told.append((await effect.look()).result)

    await order.aenqueue()
    await app.arun_until_idle()
    assert world.told == [(False, False), '"of the second"']
