"""What a job waits for, as each store tells it, and that a claim agrees."""

import pytest

from treadle import JobNotFound, Treadle
from treadle.core.flow.gates import Gate, Kind, Park
from treadle.core.flow.lanes import write_lane
from treadle.core.flow.saying import Ahead
from treadle.core.flow.steering import Steer
from treadle.core.job import NewJob
from treadle.core.outcomes import complete, retry, snooze
from treadle.core.store import Store
from treadle.explanation import explain_queue
from treadle.testing import FakeClock
from treadle.testing.contract.scene import Hire, job

ONE_A_USER = Gate(Kind.CONCURRENCY, "greet:concurrency", "user_id=u1", 1)
ORDER = Gate(Kind.ORDER, "greet:order", "account=a1", 1)
RATE = Gate(Kind.RATE, "openai:rate", "", 1, 60_000, 1)
DAILY = Gate(Kind.BUDGET, "tokens:budget", "", 100, 86_400_000)


def limited(id: str, *gates: Gate, tenant: str | None = None, costs: str | None = None) -> NewJob:
    return job(id, lane=write_lane("greet", tenant, gates), tenant=tenant, costs=costs)


async def test_the_job_that_holds_the_key_is_named_until_it_ends(store: Store, hire: Hire) -> None:
    app, hand = Treadle(store), hire("w1")
    await store.add([limited("a", ONE_A_USER), limited("b", ONE_A_USER)])
    claim = await hand.claim_one()
    told = await app.job("b").aexplain()
    assert (told.runnable, told.blockers, told.start.at) == (False, ("a",), None)
    assert "user_id=u1 (greet:concurrency) has 1/1 running (job a)" in told.says
    assert await hand.claim() == []
    await hand.settle(claim, complete())
    assert (await app.job("b").aexplain()).runnable
    assert [each.id for each in await hand.claim()] == ["b"]


async def test_who_waits_in_order_is_told_of_the_one_that_is_tried_again(store: Store, hire: Hire) -> None:
    app, hand = Treadle(store), hire("w1")
    await store.add([limited("a", ORDER)._replace(max_attempts=3), limited("b", ORDER)])
    await hand.settle(await hand.claim_one(), retry(60_000))
    told = await app.job("b").aexplain()
    assert (told.runnable, told.blockers) == (False, ("a",))
    assert "job a has not ended" in told.says


async def test_the_instant_of_a_refill_is_when_a_claim_takes_it(store: Store, clock: FakeClock, hire: Hire) -> None:
    app, hand = Treadle(store), hire("w1")
    await store.add([limited("a", RATE), limited("b", RATE)])
    await hand.settle(await hand.claim_one(), complete())
    told = await app.job("b").aexplain()
    assert told.next_at == told.start.at == clock() + 60_000
    clock.forward(59_999)
    assert await hand.claim() == []
    clock.forward(1)
    hand.beat()
    assert (await app.job("b").aexplain()).runnable
    assert [each.id for each in await hand.claim()] == ["b"]


async def test_a_parked_rate_tells_until_when(store: Store, clock: FakeClock, hire: Hire) -> None:
    app, hand = Treadle(store), hire("w1")
    await store.add([limited("a", RATE), limited("b", RATE)])
    await hand.settle(await hand.claim_one(), snooze(600_000)._replace(park=Park(600_000)))
    told = await app.job("b").aexplain()
    assert (told.next_at, "is parked until" in told.says) == (clock() + 600_000, True)


async def test_a_spent_budget_tells_its_figures(store: Store, clock: FakeClock, hire: Hire) -> None:
    app, hand = Treadle(store), hire("w1")
    await store.add([limited("a", DAILY, costs="[90]"), limited("b", DAILY, costs="[20]")])
    await hand.settle(await hand.claim_one(), complete())
    told = await app.job("b").aexplain()
    assert "90/100 spent, this job needs 20" in told.says
    assert told.next_at == (clock() // DAILY.period + 1) * DAILY.period


async def test_an_operators_limit_counts_who_runs_already(store: Store, hire: Hire) -> None:
    app, hand = Treadle(store), hire("w1")
    await store.add([job("a"), job("b")])
    await hand.claim_one()
    await app.ascale(1, queue="default")
    told = await app.job("b").aexplain()
    assert (told.runnable, told.blockers) == (False, ("a",))
    assert "queue=default has 1/1 running (job a)" in told.says
    assert await hand.claim() == []


async def test_a_plain_job_is_told_how_many_go_before_it(store: Store, hire: Hire) -> None:
    app, _ = Treadle(store), hire("w1")
    await store.add([job("a"), job("b"), job("c", priority=5)])
    told = await app.job("b").aexplain()
    assert (told.runnable, told.ahead_in_queue, told.serving.workers) == (True, Ahead(2), 1)
    assert told.says == "runnable: 2 jobs go before it."


async def test_tenants_and_their_turns_are_told(store: Store, hire: Hire) -> None:
    hire("w1")
    await store.add([limited(f"a{number}", tenant="acme") for number in range(5)] + [limited("b", tenant="bolt")])
    told = await explain_queue(store, "default")
    assert (told.waiting, told.runnable, told.obstacles) == (Ahead(6), Ahead(6), ())
    assert {each.tenant: each.waiting for each in told.turns} == {"acme": Ahead(5), "bolt": Ahead(1)}


async def test_a_steered_task_is_told_of_jobs_without_a_lane(store: Store, hire: Hire) -> None:
    app, hand = Treadle(store), hire("w1")
    await store.add([job("a"), job("b", task="other")])
    await store.steer("task=greet", Steer(paused=True))
    for _ in range(2):  # a claim puts the jobs that it meets into the lane of their task; that changes nothing
        told = await app.job("a").aexplain()
        assert (told.runnable, told.failing[0].name) == (False, "task=greet")
        assert [claim.id for claim in await hand.claim(5)] in (["b"], [])
    assert (await explain_queue(store, "default")).obstacles[0].verdict.name == "task=greet"


async def test_nobody_explains_a_job_that_is_not_there(store: Store) -> None:
    with pytest.raises(JobNotFound):
        await Treadle(store).job("nobody").aexplain()
