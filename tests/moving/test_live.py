"""Workers and producers of the source go on while its jobs move; without `live` a mover does not begin beside them."""

import asyncio
import sys
from collections import Counter

import pytest

from tests.engine.scene import new_worker, running, until
from tests.moving.scene import HOUR, Freeze, begun, freezing, live, move, run_all, whole
from treadle import Context, Retry, Treadle
from treadle.core.job import Ending, WorkerInfo
from treadle.core.outcomes import complete
from treadle.core.states import State
from treadle.core.store import Store
from treadle.engine.neighbours import identify
from treadle.moving import Mover, MoveRefused, Tally, survey
from treadle.testing import FakeClock
from treadle.testing.contract.scene import LEASE, Hand, job, jobs, states


class Application:
    """The same tasks on any store; notes what ran, and where."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.ran: list[tuple[str, str]] = []

    def on(self, store: Store, place: str) -> Treadle:
        app = Treadle(store)

        @app.task("greet", context=True)
        async def greet(ctx: Context) -> None:
            self.ran.append((ctx.job_id, place))

        @app.task("hold", context=True)
        async def hold(ctx: Context) -> None:
            await self.gate.wait()
            self.ran.append((ctx.job_id, place))

        @app.task("stumble", context=True, retry=Retry(2, [1]))
        async def stumble(ctx: Context) -> None:
            self.ran.append((f"{ctx.job_id} {ctx.attempt}", place))
            await self.gate.wait()
            if ctx.attempt == 1:
                raise ValueError("once")

        return app

    def once(self) -> bool:
        return max(Counter(id for id, _ in self.ran).values()) == 1


async def test_what_waits_moves_at_once_and_what_runs_when_it_comes_back(
    source: Store, target: Store, clock: FakeClock
) -> None:
    application = Application()
    app = application.on(source, "source")
    await source.add([job("held", task="hold"), job("stumbled", task="stumble", max_attempts=3)])
    async with running(new_worker(app, slots=2)):
        await until(lambda: application.ran)
        await source.add(jobs(20))
        mover = Mover(source, target, live=True, size=4, poll=0.01)
        moving = asyncio.create_task(mover.run())
        await until(lambda: mover.tally.moved >= 20)
        await source.add([job("new"), job("newer")])
        await until(lambda: mover.tally.moved >= 22)
        assert not moving.done(), "two jobs run"
        assert mover.tally.running == 2
        application.gate.set()
        tally = await moving
        assert (tally.whole, tally.moved, tally.copied) == (True, 23, 1)
    assert await live(source) == []
    assert await states(target, "held", "stumbled", "new") == ["completed", "scheduled", "queued"]
    clock.forward(10_000)
    await application.on(target, "target").arun_until_idle()
    assert [id for id, place in application.ran if place == "source"] == ["stumbled 1", "held"]
    assert {id for id, place in application.ran if place == "target"} == {
        *(each.id for each in jobs(20)), "stumbled 2", "new", "newer",
    }  # fmt: skip
    assert application.once()


@pytest.mark.slow
async def test_workers_on_both_sides_and_a_producer_share_all_work_and_none_twice(source: Store, target: Store) -> None:
    """P1, P7."""
    application = Application()
    here, there = application.on(source, "source"), application.on(target, "target")
    async with running(new_worker(here, slots=3)), running(new_worker(there, slots=3)):
        moving = asyncio.create_task(Mover(source, target, live=True, size=10, poll=0.01).run())
        for number in range(40):
            await source.add([job(f"{number}-{each}") for each in range(5)])
        await moving
        await move(source, target, live=True)
        await until(lambda: len(application.ran) >= 200)
    assert application.once()
    assert len(application.ran) == 200
    ends = {**await whole(source), **await whole(target)}
    assert all(end.state is State.COMPLETED for end in ends.values())


async def test_a_mover_that_is_told_to_stop_leaves_the_rest_as_it_was(source: Store, target: Store) -> None:
    await source.add([*jobs(20), job("late", due_in=HOUR)])

    def enough(tally: Tally) -> None:
        if tally.moved:
            mover.stop()

    mover = Mover(source, target, size=4, tell=enough)
    tally = await mover.run()
    assert (tally.moved, tally.stopped, tally.whole) == (4, True, False)
    assert {(found.state, found.reason) for found in (await whole(source)).values()} == {
        (State.QUEUED, None), (State.SCHEDULED, None),
    }  # fmt: skip
    assert await source.read("move") == await target.read("move") == []
    assert (await move(source, target)).moved == 17
    assert await run_all(target, source) == [each.id for each in jobs(20)]


async def test_live_workers_are_named_and_refused(source: Store, target: Store, clock: FakeClock) -> None:
    await source.add(jobs(2))
    hand = Hand(source, "w1")
    await asyncio.to_thread(hand.beat)
    with pytest.raises(MoveRefused, match=r"1 worker is at work on .*: process 0 on here \(default\)\. .* --live"):
        await move(source, target)
    assert await live(source) == ["0000", "0001"]
    await asyncio.to_thread(hand.heart.leave)
    hand.heart.close()
    assert (await move(source, target)).moved == 2


async def test_what_a_provably_dead_worker_ran_moves_at_once(source: Store, target: Store) -> None:
    if not identify("", (), 0).space:
        pytest.skip("not on this platform: nothing tells that a process is gone")
    gone = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await gone.wait()
    await source.add([job("a", max_attempts=3)])
    heart = source.heart(identify("w1", ["default"], 1)._replace(pid=gone.pid, born="1"))
    await asyncio.to_thread(heart.beat, HOUR)
    assert len((await source.cycle("w1", [], ["default"], 1)).claims) == 1
    tally = await move(source, target)
    heart.close()
    assert (tally.taken_over, tally.moved) == (1, 1)
    assert await run_all(target) == ["a"]


async def test_what_a_sweeper_took_and_left_is_waited_for(source: Store, target: Store, clock: FakeClock) -> None:
    """Another mover, on another host, died while it took over; that it is dead cannot be proved."""
    await source.add([job("a", max_attempts=3)])
    heart = source.heart(WorkerInfo("a mover", host="elsewhere"))
    await asyncio.to_thread(heart.beat, LEASE)
    assert len((await source.cycle("a mover", [], ["default"], 1)).claims) == 1
    looks: list[Tally] = []
    moving = asyncio.create_task(Mover(source, target, poll=0.01, tell=looks.append).run())
    await until(lambda: len(looks) > 40 or moving.done())
    clock.forward(LEASE)
    assert (await moving).moved == 1
    heart.close()


async def test_a_worker_that_starts_in_the_middle_keeps_what_it_runs(source: Store, target: Store) -> None:
    await source.add(jobs(8))
    freeze = Freeze(2, "hold")
    moving = asyncio.create_task(move(freezing(source, freeze), freezing(target, freeze)))
    assert await begun(moving, freeze)
    hand = Hand(source, "w1")
    await asyncio.to_thread(hand.beat)
    claim = await hand.claim_one()
    freeze.thawed.set()
    tally = await moving
    assert (tally.moved, tally.running, tally.whole) == (7, 1, False)
    assert await states(source, claim.id) == ["running"]
    assert await hand.settle(claim, complete()) == frozenset()
    await asyncio.to_thread(hand.heart.leave)
    hand.heart.close()
    assert (await move(source, target)).copied == 1


async def test_the_history_of_a_newcomer_whose_id_tells_an_earlier_time_is_copied_too(
    source: Store, target: Store
) -> None:
    """P18: the clock of whoever enqueues decides nothing."""
    hand, early = Hand(source, "w1"), "00000000-0000-7000-8000-000000000001"
    await asyncio.to_thread(hand.beat)
    await source.add(jobs(3))
    await hand.settle_all([Ending(claim, complete()) for claim in await hand.claim(3)])
    freeze = Freeze(2, "restore")
    moving = asyncio.create_task(move(source, freezing(target, freeze), size=1, live=True))
    assert await begun(moving, freeze)
    await source.add([job(early)])
    await hand.settle(await hand.claim_one(), complete())
    await source.add([job("waits")])
    freeze.thawed.set()
    assert (await moving).whole
    assert await states(target, early, "waits") == ["completed", "queued"]
    await asyncio.to_thread(hand.heart.close)


async def test_a_unique_key_is_waited_for_while_workers_of_the_target_live(source: Store, target: Store) -> None:
    """P8."""
    await source.add([job("a", unique_key="u")])
    await target.add([job("c", unique_key="u")])
    hand = Hand(target, "w1")
    await asyncio.to_thread(hand.beat)
    claim = await hand.claim_one()
    mover = Mover(source, target, live=True, poll=0.01)
    moving = asyncio.create_task(mover.run())
    await until(lambda: mover.tally.stuck)
    assert await states(source, "a") == ["held"], "it must not run beside the other"
    await hand.settle(claim, complete())
    assert (await moving).whole
    assert await states(target, "a") == ["queued"]
    await asyncio.to_thread(hand.heart.leave)
    hand.heart.close()


async def test_a_unique_key_that_nobody_works_off_is_not_waited_for(source: Store, target: Store) -> None:
    await source.add([job("a", unique_key="u")])
    await target.add([job("c", unique_key="u")])
    tally = await move(source, target, live=True)
    assert (tally.stuck, tally.whole) == (1, False)
    assert await states(source, "a") == ["queued"]


async def test_a_survey_counts_and_changes_nothing(source: Store, target: Store) -> None:
    await source.add([*jobs(3), job("late", due_in=HOUR, queue="mail")])
    await target.add([job("there")])
    hand = Hand(source, "w1")
    await asyncio.to_thread(hand.beat)
    before = await whole(source), await whole(target)
    found = await survey(source, target)
    assert found.here == {("default", State.QUEUED): 3, ("mail", State.SCHEDULED): 1}
    assert found.there == {("default", State.QUEUED): 1}
    assert [worker.id for worker in found.workers] == ["w1"]
    assert (await whole(source), await whole(target)) == before
    assert await source.read("move") == await target.read("move") == []
    hand.heart.close()
