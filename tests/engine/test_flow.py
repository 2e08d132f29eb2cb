"""Limits, budgets, orders and turns as an application declares them, on each store."""

import asyncio
from datetime import date, timedelta

import pytest

from tests.engine.scene import found, new_worker
from treadle import (
    Budget,
    BudgetSpent,
    ConfigError,
    Context,
    Debounce,
    InvalidArguments,
    Limit,
    Rate,
    Retry,
    RetryLater,
    Throttle,
    Treadle,
    Unique,
)
from treadle.core.flow.steering import STEER, Steer, read_steering
from treadle.core.states import State
from treadle.core.store import Store
from treadle.declaring import Declaration, declare_limits
from treadle.run import weights_of, worker_settings
from treadle.testing import FakeClock


async def work_off(app: Treadle) -> None:
    await new_worker(app, lease=3_600_000).run(until_idle=True)


async def test_no_more_run_at_once_than_a_limit_allows(timeless: Treadle) -> None:
    running, most = 0, 0

    @timeless.task(concurrency=[Limit(3), Limit(1, key="user")])
    async def sync(user: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    await sync.aenqueue_many([{"user": f"u{number % 5}"} for number in range(30)])
    await work_off(timeless)
    assert (await timeless.acount())[State.COMPLETED] == 30
    assert most <= 3


async def test_jobs_of_one_ordering_key_wait_for_each_others_retries(timeless: Treadle) -> None:
    ran: list[int] = []

    @timeless.task(ordering_key="account", retry=Retry(2, 0))
    async def post(account: str, number: int) -> None:
        ran.append(number)
        if number == 0 and ran.count(0) < 3:
            raise ValueError

    await post.aenqueue_many([{"account": "a", "number": number} for number in range(4)])
    await work_off(timeless)
    assert ran == [0, 0, 0, 1, 2, 3]


async def test_an_ordering_key_takes_no_priority(timeless: Treadle) -> None:
    @timeless.task(ordering_key="account")
    async def post(account: str) -> None: ...

    with pytest.raises(InvalidArguments, match="priority"):
        await post.using(priority=5).aenqueue("a")
    with pytest.raises(InvalidArguments, match="priority"):
        await timeless.task("urgent", priority=5)(post.fn).using(ordering_key="a").aenqueue("a")
    with pytest.raises(ConfigError, match="priority"):
        timeless.task("other", ordering_key="account", priority=5)(post.fn)


async def test_a_rate_lets_a_burst_through_and_the_rest_when_it_is_due(timeless: Treadle, clock: FakeClock) -> None:
    ran: list[int] = []

    @timeless.task(rate=Rate("2/day"))
    async def call(number: int) -> None:
        ran.append(number)

    await call.aenqueue_many([{"number": number} for number in range(3)])
    await work_off(timeless)
    assert ran == [0, 1]
    clock.forward(12 * 3600 * 1000)
    await work_off(timeless)
    assert ran == [0, 1, 2]


async def test_who_is_told_later_parks_all_who_share_the_rate_and_spends_no_attempt(
    timeless: Treadle, clock: FakeClock
) -> None:
    ran: list[str] = []

    @timeless.task(rate=Rate("100/s", name="api", key="account"))
    async def call(account: str) -> None:
        ran.append(account)
        if len(ran) == 1:
            raise RetryLater.told({"Retry-After": "3600"})

    job = await call.aenqueue("a")
    await work_off(timeless)
    await call.aenqueue("a")
    await call.aenqueue("b")
    await work_off(timeless)
    assert ran == ["a", "b"]
    assert (await found(timeless.store, job.id)).attempt == 0
    clock.forward(3_600_000)
    await timeless.store.sweep("", 10, take=0)
    await work_off(timeless)
    assert ran == ["a", "b", "a", "a"]


async def test_what_is_not_spent_is_given_back_and_a_cap_is_never_broken(timeless: Treadle) -> None:
    refused: list[BudgetSpent] = []

    @timeless.task(context=True, budget=Budget("100/day", unit="tokens", cost="expected"))
    async def ask(ctx: Context, expected: int, used: int) -> None:
        try:
            await ctx.spend(tokens=used)
        except BudgetSpent as error:
            refused.append(error)
            await ctx.spend(tokens=0)

    for expected, used in ((60, 10), (60, 30), (50, 60), (0, 1)):
        await ask.aenqueue(expected=expected, used=used)
        await work_off(timeless)
    assert (await timeless.acount())[State.COMPLETED] == 4
    survey = await timeless.store.survey("default", 10)
    assert (len(refused), survey.standings) == (1, {}) or len(refused) == 1


async def test_a_task_without_a_budget_cannot_spend(timeless: Treadle) -> None:
    @timeless.task(context=True)
    async def ask(ctx: Context) -> str:
        try:
            await ctx.spend(tokens=1)
        except ConfigError as error:
            return str(error)
        return ""

    job = await ask.aenqueue()
    await work_off(timeless)
    assert "no budget of tokens" in await job.aresult()


async def test_tenants_take_turns(timeless: Treadle) -> None:
    ran: list[str] = []

    @timeless.task
    async def work(tenant: str) -> None:
        ran.append(tenant)

    for tenant, number in (("big", 20), ("small", 3)):
        await work.using(tenant=tenant).aenqueue_many([{"tenant": tenant}] * number)
    await new_worker(timeless, slots=1, lease=3_600_000).run(until_idle=True)
    assert [place for place, tenant in enumerate(ran) if tenant == "small"][-1] <= 6


async def test_a_newcomers_first_job_waits_for_no_more_than_two_jobs_a_slot(timeless: Treadle) -> None:
    """However short the jobs of the one who was there first are, and so however many would be claimed ahead."""
    ran: list[str] = []
    slots = 4

    @timeless.task(context=True)
    async def work(ctx: Context) -> None:
        ran.append(ctx.tenant or "")
        if len(ran) == 150:
            await timeless.tasks["work"].using(tenant="small").aenqueue()
            ran.append("enqueued")

    await work.using(tenant="big").aenqueue_many([{}] * 400)
    await new_worker(timeless, slots=slots, lease=3_600_000).run(until_idle=True)
    assert ran.index("small") - ran.index("enqueued") - 1 <= 2 * slots


async def test_a_debounced_call_runs_once_after_the_last_with_its_arguments(
    timeless: Treadle, clock: FakeClock
) -> None:
    ran: list[int] = []

    @timeless.task(debounce=Debounce(timedelta(seconds=30), "doc"))
    async def index(doc: str, version: int) -> None:
        ran.append(version)

    first = await index.aenqueue("d", 1)
    clock.forward(20_000)
    second = await index.aenqueue("d", 2)
    assert (second.id, second.new, second.changed) == (first.id, False, True)
    assert (first.new, first.changed) == (True, False)
    clock.forward(20_000)
    await timeless.store.sweep("", 10, take=0)
    await work_off(timeless)
    assert ran == []
    clock.forward(10_000)
    await timeless.store.sweep("", 10, take=0)
    await work_off(timeless)
    assert ran == [2]


async def test_calls_that_never_end_are_served_all_the_same(store: Store, clock: FakeClock) -> None:
    app, ran = Treadle(store, clock=clock), list[int]()

    @app.task
    async def index(version: int) -> None:
        ran.append(version)

    bounded = Debounce(timedelta(seconds=30), most=timedelta(minutes=2))
    for version in range(60):
        await index.using(debounce=bounded).aenqueue(version)
        clock.forward(10_000)
        await store.sweep("", 10, take=0)
        await work_off(app)
    served = [before for before, after in zip([0, *ran], ran, strict=False) if after - before > 12]
    assert (served, len(ran) >= 5) == ([], True)


async def test_a_wish_for_this_call_wins_over_the_tasks(timeless: Treadle) -> None:
    @timeless.task(debounce=Debounce(timedelta(seconds=30), "doc"))
    async def index(doc: str) -> None: ...

    first = await index.using(unique=Unique("doc")).aenqueue("d")
    assert (await found(timeless.store, first.id)).state is State.QUEUED
    again = await index.using(throttle=Throttle(timedelta(hours=1), "doc")).aenqueue("d")
    assert not again.new
    with pytest.raises(ConfigError, match="one of"):
        index.using(unique=Unique(), throttle=Throttle(timedelta(hours=1)))
    with pytest.raises(InvalidArguments, match="'dok'"):
        await index.using(unique=Unique("dok")).aenqueue("d")


async def test_an_argument_that_is_left_out_is_as_good_as_its_default(timeless: Treadle) -> None:
    @timeless.task(unique=Unique("user", "day"))
    async def sync(user: str, day: date = date(2026, 11, 25)) -> None: ...

    first = await sync.aenqueue("u1")
    assert (await sync.aenqueue("u1", day=date(2026, 11, 25))).id == first.id
    assert (await sync.aenqueue("u1", day=date(2026, 11, 26))).new


async def test_a_throttled_call_runs_once_in_its_window(timeless: Treadle, clock: FakeClock) -> None:
    ran: list[str] = []

    @timeless.task(throttle=Throttle(timedelta(minutes=5), "doc"))
    async def index(doc: str) -> None:
        ran.append(doc)

    for _ in range(3):
        await index.aenqueue("d")
        await work_off(timeless)
    assert ran == ["d"]
    clock.forward(300_000)
    await index.aenqueue("d")
    await work_off(timeless)
    assert ran == ["d", "d"]


async def test_a_unique_job_may_be_followed_by_one_once_it_has_started(timeless: Treadle) -> None:
    news: list[bool] = []

    @timeless.task(context=True, unique=Unique(until="started"))
    async def sync(ctx: Context) -> None:
        if not news:
            news.append((await timeless.tasks["sync"].aenqueue()).new)
            news.append((await timeless.tasks["sync"].aenqueue()).new)

    await sync.aenqueue()
    # In one slot: the follower must not start, and give the key up in its turn, between the two calls.
    await new_worker(timeless, slots=1, lease=3_600_000).run(until_idle=True)
    assert news == [True, False]


async def test_new_limits_hold_for_jobs_that_older_code_has_enqueued(timeless: Treadle) -> None:
    @timeless.task("call", rate=Rate("1/day"))
    async def call() -> None: ...

    await call.aenqueue_many([{}] * 3)
    newer = Treadle(timeless.store)
    newer.task("call", rate=Rate("3/day"))(call.fn)
    assert await declare_limits(newer) == 1
    assert await declare_limits(newer) == 0
    await work_off(newer)
    assert (await newer.acount())[State.COMPLETED] == 3


async def test_of_two_versions_of_the_code_the_one_that_started_last_is_heeded(timeless: Treadle) -> None:
    @timeless.task("call", rate=Rate("1/day"))
    async def call() -> None: ...

    newer = Treadle(timeless.store)
    newer.task("call", rate=Rate("3/day"))(call.fn)
    older, newest = Declaration(timeless), Declaration(newer)
    for each in (older, newest, older, newest, older):
        await each.tell()
    records = await timeless.store.read(STEER)
    assert read_steering((record.key, record.value) for record in records)["call:rate"].declared == (3, 86_400_000, 3)


def test_a_limit_of_one_name_has_one_number(timeless: Treadle) -> None:
    timeless.task("a", rate=Rate("9/s", name="api"))(lambda: None)
    timeless.task("b", rate=Rate("9/s", name="api", cost=2))(lambda: None)
    with pytest.raises(ConfigError, match="'api:rate' has other numbers in the task 'c' than in the task 'b'"):
        timeless.task("c", rate=Rate("8/s", name="api"))(lambda: None)
    with pytest.raises(ConfigError, match="the queue 'crm'"):
        timeless.queue("crm", rate=Rate("8/s", name="api"))
    assert "c" not in timeless.tasks


async def test_a_limit_that_a_task_shares_with_its_queue_counts_each_job_once(timeless: Treadle) -> None:
    timeless.queue("crm", rate=Rate("2/day", name="api"))
    ran: list[int] = []

    @timeless.task(queue="crm", rate=Rate("2/day", name="api"))
    async def call(number: int) -> None:
        ran.append(number)

    await call.aenqueue_many([{"number": number} for number in range(3)])
    await work_off(timeless)
    assert ran == [0, 1]


async def test_an_operators_word_outlives_new_code(timeless: Treadle) -> None:
    @timeless.task("call", rate=Rate("5/day"))
    async def call() -> None: ...

    await timeless.store.steer("call:rate", Steer(limit=2))
    await declare_limits(timeless)
    records = await timeless.store.read(STEER)
    said = read_steering((record.key, record.value) for record in records)["call:rate"]
    assert (said.limit, said.declared) == (2, (5, 86_400_000, 5))


def test_queues_with_weights(timeless: Treadle) -> None:
    timeless.queue("mail", weight=3)
    timeless.queue("fikiri:ai")
    assert weights_of(timeless, None) == {"default": 1, "fikiri:ai": 1, "mail": 3}
    assert weights_of(timeless, ["mail", "fikiri:ai", "default:2"]) == {"mail": 3, "fikiri:ai": 1, "default": 2}
    assert weights_of(timeless, {"mail": 1}) == {"mail": 1}
    assert worker_settings(timeless, ["default", "fikiri:ai"], None).weights == ()
    for queues in (["nobody:3"], ["mail:0"], {"mail": 5_000}):
        with pytest.raises(InvalidArguments):
            weights_of(timeless, queues)


async def test_a_limit_of_a_queue_counts_all_its_tasks(timeless: Treadle) -> None:
    timeless.queue("crm", rate=Rate("2/day"))
    ran: list[str] = []

    for name in ("a", "b", "c"):

        @timeless.task(name, queue="crm")
        async def work(name: str) -> None:
            ran.append(name)

        await work.aenqueue(name)
    await new_worker(timeless, lease=3_600_000).run(until_idle=True)
    assert ran == ["a", "b"]


async def test_who_waits_for_a_rate_that_refills_soon_is_waited_for(app: Treadle) -> None:
    """A worker that runs until it is idle is not, while a lane opens by itself within a minute."""
    ran: list[int] = []

    @app.task(rate=Rate("50/s", burst=1))
    async def call(number: int) -> None:
        ran.append(number)

    await call.aenqueue_many([{"number": number} for number in range(4)])
    await app.arun_until_idle()
    assert ran == [0, 1, 2, 3]


async def test_a_queue_of_weight_three_gets_three_starts_for_one(timeless: Treadle) -> None:
    timeless.queue("mail", weight=3)
    started: list[str] = []

    for queue in ("mail", "default"):

        @timeless.task(queue, queue=queue)
        async def work(queue: str) -> None:
            started.append(queue)

        await work.aenqueue_many([{"queue": queue}] * 40)
    await new_worker(timeless, slots=4, reserve=0, lease=3_600_000).run(until_idle=True)
    assert len(started) == 80
    assert abs(started[:40].count("mail") - 30) <= 4, "but for those that are claimed at the same time"
