"""What `cycle` promises to those who ask for work: order, one claim at a time, a lease first."""

import asyncio
from typing import Any

import pytest

from treadle.core.job import Ending
from treadle.core.outcomes import complete, hand_back, retry
from treadle.core.states import State
from treadle.core.store import Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.scene import LEASE, Hire, ids, job, jobs, seen


async def test_the_better_priority_goes_first_then_the_older(store: Store, hire: Hire) -> None:
    """P17."""
    ranks = {"a": 0, "b": 10, "c": -100, "d": 10, "e": 0, "f": 100}
    await store.add([job(id, priority=priority) for id, priority in ranks.items()])
    worker = hire("w1")
    assert [(await worker.claim_one()).id for _ in ranks] == ["f", "b", "d", "a", "e", "c"]


async def test_of_equal_priority_the_order_of_adding_decides(store: Store, hire: Hire) -> None:
    """P17: not the ids, which a caller may choose."""
    for id in ("m", "z", "a", "k"):
        await store.add([job(id)])
    worker = hire("w1")
    assert [(await worker.claim_one()).id for _ in range(4)] == ["m", "z", "a", "k"]


async def test_several_queues_are_served_as_one(store: Store, hire: Hire) -> None:
    await store.add([
        job("a", queue="mail"), job("b", queue="ai", priority=5), job("c", queue="other", priority=9),
        job("d", queue="mail", priority=5), job("e", queue="ai"),
    ])  # fmt: skip
    worker = hire("w1")
    assert ids(await worker.claim(1, ["mail", "ai"])) == ["b"]
    assert ids(await worker.claim(2, ["mail", "ai"])) == ["d", "a"]
    assert ids(await worker.claim(3, ["mail", "ai"])) == ["e"]


async def test_the_better_priority_wins_between_queues_too(store: Store, hire: Hire) -> None:
    """P17."""
    await store.add([job("a", queue="mail"), job("b", queue="ai", priority=5)])
    assert ids(await hire("w1").claim(1, ["mail", "ai"])) == ["b"]


async def test_only_the_queues_asked_for_are_served(store: Store, hire: Hire) -> None:
    await store.add([job("a", queue="mail")])
    worker = hire("w1")
    assert await worker.claim(5, ["default"]) == []
    assert await worker.claim(5, []) == []
    assert ids(await worker.claim(5, ["default", "mail", "nobody"])) == ["a"]


async def test_no_more_are_claimed_than_wanted(store: Store, hire: Hire) -> None:
    await store.add(jobs(5))
    worker = hire("w1")
    assert await worker.claim(0) == []
    assert ids(await worker.claim(2)) == ["0000", "0001"]
    assert ids(await worker.claim(10)) == ["0002", "0003", "0004"]
    assert await worker.claim(10) == []


async def test_a_claim_carries_what_the_job_needs(store: Store, hire: Hire) -> None:
    wishes: dict[str, Any] = {
        "args": '{"n":1}', "priority": 3, "max_attempts": 4, "result_ttl": 60_000, "owner": "ada", "tenant": "acme",
        "batch": "b1", "meta": '{"trace":"x"}', "task": "mail.sync",
    }  # fmt: skip
    await store.add([job("a", **wishes)])
    claim = await hire("w1").claim_one()
    assert {name: getattr(claim, name) for name in wishes} == wishes
    assert (claim.id, claim.queue, claim.attempt, claim.epoch, claim.crashes) == ("a", "default", 1, 1, 0)


async def test_an_attempt_is_on_record_before_it_runs(store: Store, clock: FakeClock, hire: Hire) -> None:
    """P2."""
    await store.add([job("a")])
    clock.forward(1_000)
    answer = await store.cycle(hire("w1").name, [], ["default"], 1)
    found = await seen(store, "a")
    assert (found.state, found.attempt, found.epoch, found.worker) == (State.RUNNING, 1, 1, "w1")
    assert found.started_at == answer.now == clock()


async def test_each_claim_raises_the_epoch(store: Store, hire: Hire) -> None:
    """An attempt may be given back; an epoch never is."""
    await store.add([job("a")])
    worker = hire("w1")
    for epoch in (1, 2, 3):
        claim = await worker.claim_one()
        assert (claim.attempt, claim.epoch) == (1, epoch)
        await worker.settle(claim, hand_back())


async def test_workers_who_claim_at_once_share_nothing(store: Store, hire: Hire) -> None:
    """P4."""
    await store.add(jobs(200))
    workers = [hire(f"w{number}") for number in range(5)]
    shares = await asyncio.gather(*(worker.claim(20) for worker in workers for _ in range(3)))
    claimed = [id for share in shares for id in ids(share)]
    assert sorted(claimed) == [each.id for each in jobs(200)]


async def test_a_worker_without_a_lease_gets_nothing(store: Store) -> None:
    await store.add([job("a")])
    answer = await store.cycle("nobody", [], ["default"], 1)
    assert (answer.claims, answer.leased) == ([], False)
    assert (await seen(store, "a")).attempt == 0


async def test_a_worker_whose_lease_ran_out_must_beat_first(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add(jobs(2))
    worker = hire("w1")
    clock.forward(LEASE - 1)
    assert len(await worker.claim()) == 1
    clock.forward(1)
    answer = await store.cycle("w1", [], ["default"], 1)
    assert (answer.claims, answer.leased) == ([], False)
    worker.beat()
    assert len(await worker.claim()) == 1


async def test_one_call_settles_and_claims(store: Store, hire: Hire) -> None:
    await store.add(jobs(3))
    worker = hire("w1")
    first = await worker.claim(2)
    answer = await store.cycle("w1", [Ending(claim, complete()) for claim in first], ["default"], 2)
    assert (ids(answer.claims), answer.lost, answer.leased) == (["0002"], frozenset(), True)
    assert (await seen(store, "0000")).state is State.COMPLETED


async def test_what_is_handed_back_can_be_claimed_by_the_same_call(store: Store, hire: Hire) -> None:
    await store.add([job("a", max_attempts=3)])
    worker = hire("w1")
    claim = await worker.claim_one()
    answer = await store.cycle("w1", [Ending(claim, retry(0))], ["default"], 1)
    assert [(again.id, again.attempt, again.epoch) for again in answer.claims] == [("a", 2, 2)]


async def test_a_job_handed_back_keeps_its_place(store: Store, hire: Hire) -> None:
    """P17."""
    await store.add(jobs(3))
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), hand_back())
    assert ids(await worker.claim(3)) == ["0000", "0001", "0002"]


@pytest.mark.parametrize("queues", [("default",), ("default", "other")])
async def test_a_claim_tells_whether_there_may_be_more(store: Store, hire: Hire, queues: tuple[str, ...]) -> None:
    await store.add(jobs(5))
    worker = hire("w1")
    answers = [(await store.cycle(worker.name, [], queues, want)) for want in (2, 10, 10)]
    assert [(len(answer.claims), answer.more) for answer in answers] == [(2, True), (3, False), (0, False)]


async def test_what_a_worker_holds_can_be_read(store: Store, clock: FakeClock, hire: Hire) -> None:
    """P1: the answer that gave it a claim may have been lost on its way."""
    await store.add([job("a", priority=5, meta="{}", owner="ada"), *jobs(3)])
    worker, other = hire("w1"), hire("w2")
    claims = await worker.claim(2)
    (theirs,) = await other.claim(1)
    assert await store.claims("w1") == claims
    assert await store.claims("w2") == [theirs]
    assert await store.claims("nobody") == []
    assert await worker.settle_all([Ending(claim, complete()) for claim in await store.claims("w1")]) == frozenset()
    assert await store.claims("w1") == []
    clock.forward(LEASE)
    worker.beat()
    (taken,) = (await worker.sweep()).taken
    assert (taken.id, taken.taken, claims[0].taken) == (theirs.id, True, False)
    assert [(claim.id, claim.epoch, bool(claim.taken)) for claim in await store.claims("w1")] == [(theirs.id, 2, True)]


@pytest.mark.parametrize("number", [1, 10, 500])
async def test_one_and_five_hundred_are_the_same_call(store: Store, hire: Hire, number: int) -> None:
    await store.add(jobs(number))
    worker = hire("w1")
    claims = await worker.claim(number)
    assert ids(claims) == [each.id for each in jobs(number)]
    assert await worker.settle_all([Ending(claim, complete(f'"{claim.id}"')) for claim in claims]) == frozenset()
    found = await seen(store, f"{number - 1:04}")
    assert (found.state, found.result) == (State.COMPLETED, f'"{number - 1:04}"')
    assert await worker.claim(number) == []
