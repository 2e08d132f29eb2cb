"""Schedules: one instant makes one job, with any number of schedulers, kills and clocks that step (P9)."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.engine.scene import ended, eventually, working
from treadle import Pack, Treadle, Unique, UnknownTask
from treadle.core.job import Filter
from treadle.core.states import State
from treadle.core.store import Store
from treadle.schedule import Missed, Scheduler
from treadle.testing import FakeClock
from treadle.testing.contract.scene import Hand, Hire
from treadle.testing.contract.scene import hire as hire

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

Declare = Callable[[Treadle], object]


class Dead(Exception):
    """The process that called is gone."""


class Mortal:
    """A store whose caller dies at one call, before or after it was done."""

    def __init__(self, store: Store, fatal: int, done: bool) -> None:
        self._store, self._fatal, self._done, self.calls = store, fatal, done, 0

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)
        if name not in ("now", "read", "write", "add"):
            return verb

        async def call(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            fatal = self.calls == self._fatal
            if fatal and not self._done:
                raise Dead
            answer = await verb(*arguments, **named)
            if fatal:
                raise Dead
            return answer

        return call


def hourly(missed: Missed = "one", overlap: Any = "skip", expression: str = "0 * * * *") -> Declare:
    """Declare one schedule, `report`."""

    def declare(app: Treadle) -> None:
        @app.cron(expression, missed=missed, overlap=overlap)
        @app.task
        def report() -> None: ...

    return declare


def scheduler(store: Any, declare: Declare) -> Scheduler:
    """Start another scheduler, as another process with the same code would."""
    app = Treadle(store)
    declare(app)
    return Scheduler(app)


async def made(store: Store, state: State | None = None) -> list[str]:
    """List the ids of the jobs, oldest first, without the schedule's name."""
    page = await store.find(Filter(states=(state,) if state else ()), 10_000)
    return [found.id.partition("@")[2] for found in reversed(page.items)]


async def complete_all(hand: Hand) -> None:
    """Run whatever is queued, as a worker would."""
    from treadle.core.outcomes import complete

    hand.beat(lease=DAY)
    for claim in await hand.claim(10_000, ("default", "reports")):
        await hand.settle(claim, complete())


# -- one scheduler ---------------------------------------------------------------------


async def test_a_first_start_never_fires_the_past(store: Store, clock: FakeClock) -> None:
    clock.forward(30 * MINUTE)
    one = scheduler(store, hourly("all"))
    await one.tick()
    await one.tick()
    assert await made(store) == []


async def test_an_instant_that_comes_makes_one_job_that_is_named_after_it(store: Store, clock: FakeClock) -> None:
    one = scheduler(store, hourly())
    await one.tick()
    clock.forward(HOUR - 1)
    await one.tick()
    assert await made(store) == []
    clock.forward(1)
    for _ in range(3):
        await one.tick()
    (found,) = (await store.find(Filter(), 10)).items
    assert (found.id, found.task, found.state) == ("report@2027-01-15T09:00Z", "report", State.QUEUED)


async def test_every_schedule_goes_its_own_way(store: Store, clock: FakeClock) -> None:
    app = Treadle(store)

    @app.every(timedelta(seconds=90), name="often")
    @app.cron("5 * * * *", tz="Asia/Kolkata")
    @app.task(queue="reports", priority=7)
    def report(day: str = "today") -> None: ...

    one = Scheduler(app)
    for _ in range(4):
        await one.tick()
        await complete_all(Hand(store, "w"))
        clock.forward(60_000 * 10)
    ids = {found.id for found in (await store.find(Filter(), 100)).items}
    # 1_800_000_000 is a multiple of 90 and 08:00 UTC, which is 13:30 in Kolkata.
    assert ids == {f"often@2027-01-15T{at}Z" for at in ("08:09", "08:19:30", "08:30")}
    clock.forward(5 * MINUTE)
    await one.tick()
    (found, *_) = (await store.find(Filter(tasks=("report",), states=(State.QUEUED,)), 10)).items
    assert (found.queue, found.priority) == ("reports", 7)
    assert await store.get("report@2027-01-15T08:35Z") is not None


async def test_no_store_is_asked_while_nothing_is_due(store: Store, clock: FakeClock) -> None:
    counting = Mortal(store, fatal=0, done=False)
    one = scheduler(counting, hourly())
    await one.tick()
    before = counting.calls
    for _ in range(10):
        clock.forward(1_000)
        await one.tick()
    assert counting.calls - before == 10, "only the clock is read"


async def test_a_worker_looks_after_the_schedules_of_its_application(timeless: Treadle, clock: FakeClock) -> None:
    @timeless.cron("0 * * * *")
    @timeless.task
    async def report() -> str:
        return "reported"

    async def begun() -> object:
        return await timeless.store.read("schedule")

    async with working(timeless):
        await eventually(begun)
        clock.forward(HOUR)
        assert (await ended(timeless, "report@2027-01-15T09:00Z")).result == '"reported"'


# -- many schedulers, kills --------------------------------------------------------------


async def test_many_schedulers_that_look_at_once_make_each_job_once(store: Store, clock: FakeClock) -> None:
    many = [scheduler(store, hourly("all", "allow", "*/5 * * * *")) for _ in range(5)]
    chance = random.Random(7)
    await many[0].tick()
    for _ in range(40):
        clock.forward(chance.randrange(10 * MINUTE))
        await asyncio.gather(*(each.tick() for each in chance.sample(many, chance.randint(1, 5))))
    found = await made(store)
    start = datetime(2027, 1, 15, 8, tzinfo=UTC)
    expected = [start + timedelta(minutes=5 * step) for step in range(1, len(found) + 1)]
    assert sorted(found) == [f"{at:%Y-%m-%dT%H:%M}Z" for at in expected]
    assert len(found) > 20


@pytest.mark.parametrize("missed", ["skip", "one", "all"])
@pytest.mark.parametrize("done", [False, True], ids=["before it is done", "after it is done"])
async def test_a_scheduler_may_die_at_any_call(store: Store, clock: FakeClock, missed: Missed, done: bool) -> None:
    declare = hourly(missed, "allow", "*/2 * * * *")
    for fatal in range(1, 9):
        mortal = scheduler(Mortal(store, fatal, done), declare)
        for _ in range(3):
            try:
                await mortal.tick()
            except Dead:
                break
            clock.forward(30_000)
        successor = scheduler(store, declare)
        await successor.tick()
        clock.forward(30_000)
        await successor.tick()
    minutes = (clock() - 1_800_000_000_000) // (2 * MINUTE)
    start = datetime(2027, 1, 15, 8, tzinfo=UTC)
    assert sorted(await made(store)) == [
        f"{start + timedelta(minutes=2 * step):%Y-%m-%dT%H:%M}Z" for step in range(1, minutes + 1)
    ], "always somebody was there in time, so whatever the policy: none missed, none twice"


async def test_a_death_between_add_and_write_lets_nobody_overlap(store: Store, clock: FakeClock) -> None:
    await scheduler(store, hourly("one", "skip")).tick()
    clock.forward(HOUR)
    mortal = Mortal(store, fatal=0, done=False)
    dying = scheduler(mortal, hourly("one", "skip"))
    mortal._fatal = 5  # now, read, read, add, and then the write
    with pytest.raises(Dead):
        await dying.tick()
    assert await made(store) == ["2027-01-15T09:00Z"]
    clock.forward(HOUR)
    await scheduler(store, hourly("one", "skip")).tick()
    assert await made(store) == ["2027-01-15T09:00Z"], "its job still lives, though no record tells of it"


async def test_a_scheduler_that_was_frozen_changes_nothing(store: Store, clock: FakeClock) -> None:
    frozen, other = scheduler(store, hourly("all", "allow")), scheduler(store, hourly("all", "allow"))
    await frozen.tick()
    await other.tick()
    for _ in range(3):
        clock.forward(HOUR)
        await other.tick()
    await frozen.tick()
    assert await made(store) == ["2027-01-15T09:00Z", "2027-01-15T10:00Z", "2027-01-15T11:00Z"]


# -- missed instants -----------------------------------------------------------------------


async def test_after_an_absence_the_policy_decides(store: Store, clock: FakeClock) -> None:
    def declare(app: Treadle) -> None:
        for missed in ("skip", "one", "all"):
            app.cron("0 * * * *", missed=missed, name=missed)(app.task(missed)(lambda: None))

    await scheduler(store, declare).tick()
    clock.forward(3 * HOUR + 30 * MINUTE)
    await scheduler(store, declare).tick()
    ids = [found.id for found in reversed((await store.find(Filter(), 10)).items)]
    assert ids == [
        "one@2027-01-15T11:00Z", "all@2027-01-15T09:00Z", "all@2027-01-15T10:00Z", "all@2027-01-15T11:00Z",
    ]  # fmt: skip


# -- overlap -------------------------------------------------------------------------------


async def test_an_instant_is_skipped_while_the_last_ones_job_lives(store: Store, clock: FakeClock, hire: Hire) -> None:
    one, worker = scheduler(store, hourly(overlap="skip")), hire("w")
    await one.tick()
    for _ in range(2):
        clock.forward(HOUR)
        await one.tick()
    assert await made(store) == ["2027-01-15T09:00Z"]
    await complete_all(worker)
    clock.forward(HOUR)
    await one.tick()
    assert await made(store) == ["2027-01-15T09:00Z", "2027-01-15T11:00Z"]


async def test_an_overlap_may_be_allowed(store: Store, clock: FakeClock) -> None:
    one = scheduler(store, hourly(overlap="allow"))
    await one.tick()
    for _ in range(2):
        clock.forward(HOUR)
        await one.tick()
    assert await made(store, State.QUEUED) == ["2027-01-15T09:00Z", "2027-01-15T10:00Z"]


async def test_who_wishes_all_gets_all_whatever_overlaps(store: Store, clock: FakeClock) -> None:
    await scheduler(store, hourly("all", "skip")).tick()
    clock.forward(3 * HOUR + 30 * MINUTE)
    await scheduler(store, hourly("all", "skip")).tick()
    assert await made(store) == ["2027-01-15T09:00Z", "2027-01-15T10:00Z", "2027-01-15T11:00Z"]


async def test_a_unique_task_stays_unique(store: Store, clock: FakeClock) -> None:
    """P8."""

    def declare(app: Treadle) -> None:
        @app.cron("0 * * * *", overlap="allow")
        @app.task(unique=Unique(on_conflict="raise"))
        def report() -> None: ...

    one = scheduler(store, declare)
    await one.tick()
    for _ in range(2):
        clock.forward(HOUR)
        await one.tick()
    assert await made(store) == ["2027-01-15T09:00Z"]


# -- clocks that step ------------------------------------------------------------------------


async def test_a_clock_that_was_set_back_brings_no_instant_twice(store: Store, clock: FakeClock, hire: Hire) -> None:
    one, worker = scheduler(store, hourly("all", "allow")), hire("w")
    await one.tick()
    clock.forward(HOUR + 1_000)
    await one.tick()
    await complete_all(worker)
    clock.forward(-30 * MINUTE)
    for _ in range(4):
        await one.tick()
        await scheduler(store, hourly("all", "allow")).tick()
        clock.forward(31 * MINUTE)
    assert await made(store) == ["2027-01-15T09:00Z", "2027-01-15T10:00Z"]


async def test_a_clock_that_was_ahead_for_long_stops_no_schedule(store: Store, clock: FakeClock, hire: Hire) -> None:
    one, worker = scheduler(store, hourly()), hire("w")
    await one.tick()
    clock.forward(400 * DAY)
    await one.tick()
    await complete_all(worker)
    clock.forward(-400 * DAY)
    await one.tick()
    clock.forward(HOUR)
    await one.tick()
    assert "2027-01-15T09:00Z" in await made(store)


async def test_a_clock_that_leaps_ahead_misses_what_it_leapt_over(store: Store, clock: FakeClock) -> None:
    one = scheduler(store, hourly("all", "allow"))
    await one.tick()
    clock.forward(2 * HOUR + 5_000)
    await one.tick()
    assert await made(store) == ["2027-01-15T09:00Z", "2027-01-15T10:00Z"]


# -- deploys -----------------------------------------------------------------------------------


async def test_a_schedule_that_was_rewritten_does_not_fire_its_past(store: Store, clock: FakeClock) -> None:
    clock.forward(4 * HOUR)
    await scheduler(store, hourly(expression="0 8 * * *")).tick()
    rewritten = scheduler(store, hourly(expression="0 10 * * *"))
    await rewritten.tick()
    assert await made(store) == []
    clock.forward(22 * HOUR)
    await rewritten.tick()
    assert await made(store) == ["2027-01-16T10:00Z"]


async def test_while_old_and_new_code_run_side_by_side_neither_misses_an_instant(
    store: Store, clock: FakeClock
) -> None:
    old = scheduler(store, hourly("all", "allow", "0 * * * *"))
    await old.tick()
    clock.forward(30 * MINUTE)
    new = scheduler(store, hourly("all", "allow", "30 * * * *"))
    for _ in range(8):
        await new.tick()
        await old.tick()
        clock.forward(15 * MINUTE)
    assert await made(store) == ["2027-01-15T09:00Z", "2027-01-15T09:30Z", "2027-01-15T10:00Z"]


async def test_a_schedule_whose_record_was_removed_begins_anew(store: Store, clock: FakeClock) -> None:
    one = scheduler(store, hourly())
    await one.tick()
    await store.write("schedule", "report", None)
    for _ in range(3):
        clock.forward(HOUR)
        await one.tick()
    assert await made(store) == ["2027-01-15T11:00Z"], "at nine it saw that it must begin anew, at ten it began"


# -- packs --------------------------------------------------------------------------------


async def test_a_packs_task_is_scheduled_once_its_pack_is_included(store: Store, clock: FakeClock) -> None:
    pack = Pack("mail")
    task = pack.task("sync")(lambda: None)
    app = Treadle(store)
    app.cron("0 * * * *")(task)
    with pytest.raises(UnknownTask, match=r"mail\.sync"):
        Scheduler(app)
    app.include(pack)
    one = Scheduler(app)
    await one.tick()
    clock.forward(HOUR)
    await one.tick()
    assert await store.get("mail.sync@2027-01-15T09:00Z") is not None
