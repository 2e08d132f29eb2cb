"""What a job spends of its budgets is counted exactly, however it spends."""

import asyncio
from collections.abc import Iterable

import pytest

from tests.engine.scene import new_worker
from treadle import Budget, BudgetSpent, ConfigError, Context, Treadle
from treadle.core.states import State


async def work_off(app: Treadle) -> None:
    await new_worker(app, lease=3_600_000).run(until_idle=True)


def spending(app: Treadle, *budgets: Budget, name: str = "probe") -> "Probe":
    return Probe(app, budgets, name)


class Probe:
    """A task that spends nothing beside what is set aside: it tells whether so much is left."""

    def __init__(self, app: Treadle, budgets: Iterable[Budget], name: str) -> None:
        self.app, self.ran = app, 0

        @app.task(name, budget=list(budgets))
        async def take(size: int) -> None:
            self.ran += 1

        self.take = take

    async def fits(self, size: int) -> bool:
        """Say whether so many are left; they are gone then."""
        before = self.ran
        job = await self.take.aenqueue(size)
        await work_off(self.app)
        await job.acancel()
        return self.ran > before


TOKENS = Budget("100/day", unit="tokens", cost="size", name="shared")


async def test_what_was_refused_is_not_counted_nor_is_what_was_spent_with_it(timeless: Treadle) -> None:
    probe = spending(timeless, TOKENS)
    money = Budget("1/day", unit="money", cost=0, name="purse")

    @timeless.task(context=True, budget=[TOKENS, money])
    async def ask(ctx: Context, size: int) -> str:
        with pytest.raises(BudgetSpent, match="money left"):
            await ctx.spend(tokens=30, money=1.5)
        await ctx.spend(tokens=5, money=0.5)
        return "told"

    job = await ask.aenqueue(10)
    await work_off(timeless)
    assert await job.aresult(0) == "told"
    assert not await probe.fits(96)
    assert await probe.fits(95)


async def test_who_spends_twice_at_a_time_breaks_no_cap(timeless: Treadle) -> None:
    """Both see what was set aside once."""
    probe = spending(timeless, TOKENS)

    @timeless.task(context=True, budget=TOKENS)
    async def ask(ctx: Context, size: int) -> None:
        await asyncio.gather(*(ctx.spend(tokens=15) for _ in range(4)))

    await ask.aenqueue(10)
    await work_off(timeless)
    assert not await probe.fits(41)
    assert await probe.fits(40)


async def test_of_many_who_spend_at_a_time_those_are_refused_that_do_not_fit(timeless: Treadle) -> None:
    probe = spending(timeless, TOKENS)
    refused: list[BudgetSpent] = []

    @timeless.task(context=True, budget=TOKENS)
    async def ask(ctx: Context, size: int) -> None:
        told = await asyncio.gather(*(ctx.spend(tokens=30) for _ in range(5)), return_exceptions=True)
        refused.extend(each for each in told if isinstance(each, BudgetSpent))

    await ask.aenqueue(0)
    await work_off(timeless)
    assert len(refused) == 2
    assert 0 < refused[0].after <= 24 * 3600
    assert not await probe.fits(11)
    assert await probe.fits(10)


async def test_a_plain_function_spends_as_well(timeless: Treadle) -> None:
    probe = spending(timeless, TOKENS)

    @timeless.task(context=True, budget=TOKENS)
    def ask(ctx: Context, size: int) -> None:
        ctx.spend_sync(tokens=20)
        ctx.spend_sync(tokens=20)

    await ask.aenqueue(60)
    await work_off(timeless)
    assert not await probe.fits(61)
    assert await probe.fits(60)


async def test_who_says_nothing_has_spent_what_was_expected(timeless: Treadle) -> None:
    probe = spending(timeless, TOKENS)
    assert await probe.fits(70)
    assert not await probe.fits(31)
    assert await probe.fits(30)


@pytest.mark.parametrize(
    ("amounts", "told"),
    [
        ({"token": 1}, "no budget of token"),
        ({"": 1}, "no budget of"),
        ({"money": 1}, "no budget of money"),
        ({"tokens": -1}, "number from 0 on"),
        ({"tokens": float("nan")}, "number from 0 on"),
        ({"tokens": "many"}, "number from 0 on"),
    ],
)
async def test_what_cannot_be_counted_is_refused(timeless: Treadle, amounts: dict[str, float], told: str) -> None:
    said: list[str] = []

    @timeless.task(context=True, budget=TOKENS)
    async def ask(ctx: Context, size: int) -> None:
        with pytest.raises(ConfigError) as refused:
            await ctx.spend(**amounts)
        said.append(str(refused.value))

    await ask.aenqueue(1)
    await work_off(timeless)
    assert (await timeless.acount())[State.COMPLETED] == 1
    assert told in said[0]
