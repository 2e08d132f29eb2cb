"""What `add` promises: an answer for each, ids for ever, unique keys for a lifetime, times by the store's clock."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from treadle.core.job import Added, Filter
from treadle.core.outcomes import Outcome, cancel, complete, give_up
from treadle.core.states import State
from treadle.core.store import Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.scene import Hire, ids, job, jobs, seen, states

STRANGE = 'O\'Neil "x" %s {0} ?1 :id \\ \n\t <b> äöü 漢字 🧵 \u202e -- ; DROP TABLE treadle_job'


async def test_what_was_added_can_be_seen(store: Store, clock: FakeClock) -> None:
    wishes: dict[str, Any] = {
        "args": '{"n":1}', "priority": 7, "max_attempts": 4, "owner": "ada", "tenant": "acme", "batch": "b1",
        "unique_key": "greet:1", "meta": '{"trace":"x"}', "task": "mail.sync", "queue": "mail",
    }  # fmt: skip
    await store.add([job("a", **wishes)])
    found = await seen(store, "a")
    assert {name: getattr(found, name) for name in wishes} == wishes
    assert (found.state, found.attempt, found.epoch, found.crashes) == (State.QUEUED, 0, 0, 0)
    assert (found.created_at, found.queued_at, found.finished_at) == (clock(), clock(), None)


async def test_text_comes_back_as_it_was_given(store: Store) -> None:
    names = ("id", "task", "queue", "args", "owner", "tenant", "batch", "unique_key", "meta")
    await store.add([job(**dict.fromkeys(names, STRANGE))])
    found = await seen(store, STRANGE)
    assert {name: getattr(found, name) for name in names} == dict.fromkeys(names, STRANGE)


async def test_adding_nothing_answers_nothing(store: Store) -> None:
    assert await store.add([]) == []
    assert await store.count(Filter()) == {}


async def test_each_newcomer_is_answered_in_its_place(store: Store) -> None:
    await store.add([job("b"), job("d")])
    assert await store.add([job("e"), job("d"), job("a"), job("b"), job("c")]) == [
        Added("e", True), Added("d", False), Added("a", True), Added("b", False), Added("c", True),
    ]  # fmt: skip


async def test_an_equal_id_stands_for_the_newcomer_and_stays_as_it_was(store: Store) -> None:
    await store.add([job("a", args='{"first":true}')])
    before = await seen(store, "a")
    assert await store.add([job("a", args='{"second":true}', queue="other")]) == [Added("a", False)]
    assert await seen(store, "a") == before


@pytest.mark.parametrize("outcome", [complete(), give_up("error"), cancel()])
async def test_an_id_is_for_ever(store: Store, hire: Hire, outcome: Outcome) -> None:
    await store.add([job("digest@2026-11-22T08:00Z")])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), outcome)
    assert await store.add([job("digest@2026-11-22T08:00Z")]) == [Added("digest@2026-11-22T08:00Z", False)]
    assert await worker.claim() == []


async def test_an_equal_id_within_one_call_is_one_job(store: Store) -> None:
    assert await store.add([job("a", args="1"), job("a", args="2"), job("b")]) == [
        Added("a", True), Added("a", False), Added("b", True),
    ]  # fmt: skip
    assert (await seen(store, "a")).args == "1"


@pytest.mark.parametrize("state", ["queued", "scheduled", "held", "running"])
async def test_the_live_holder_of_a_unique_key_stands_for_the_newcomer(store: Store, hire: Hire, state: str) -> None:
    """P8."""
    waits: dict[str, dict[str, Any]] = {"scheduled": {"due_in": 60_000}, "held": {"held": "operator"}}
    await store.add([job("a", unique_key="u1", **waits.get(state, {}))])
    if state == "running":
        await hire("w1").claim_one()
    assert await states(store, "a") == [state]
    assert await store.add([job("b", unique_key="u1"), job("c", unique_key="u2")]) == [
        Added("a", False), Added("c", True),
    ]  # fmt: skip
    assert await store.get("b") is None


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled", "cancelled while queued", "expired"])
async def test_a_unique_key_is_free_again_once_its_holder_is_final(
    store: Store, clock: FakeClock, hire: Hire, end: str
) -> None:
    """P8."""
    await store.add([job("a", unique_key="u1", expires_in=5_000)])
    worker = hire("w1")
    if end == "cancelled while queued":
        await store.cancel(["a"])
    elif end == "expired":
        clock.forward(5_000)
        await worker.sweep()
    else:
        outcome = {"completed": complete(), "failed": give_up("error"), "cancelled": cancel()}[end]
        await worker.settle(await worker.claim_one(), outcome)
    assert await store.add([job("b", unique_key="u1")]) == [Added("b", True)]


async def test_equal_unique_keys_within_one_call_are_one_job(store: Store) -> None:
    """P8."""
    assert await store.add([job("a", unique_key="u"), job("b", unique_key="u"), job("c")]) == [
        Added("a", True), Added("a", False), Added("c", True),
    ]  # fmt: skip


async def test_accepted_and_refused_are_as_many_as_offered(store: Store, hire: Hire) -> None:
    """P8."""
    offered = [job(f"{number:04}", unique_key=f"user-{number % 50}") for number in range(500)]
    answers = await store.add(offered)
    assert Counter(answer.new for answer in answers) == {True: 50, False: 450}
    assert [answer.id for answer in answers] == [f"{number % 50:04}" for number in range(500)]
    assert len(await hire("w1").claim(500)) == 50


async def test_of_many_who_ask_at_once_for_a_unique_key_one_gets_it(store: Store) -> None:
    """P8."""
    answers = await asyncio.gather(*(store.add([job(f"{number:04}", unique_key="u")]) for number in range(40)))
    assert sum(answer.new for (answer,) in answers) == 1
    assert len({answer.id for (answer,) in answers}) == 1


async def test_five_hundred_jobs_are_the_same_call_as_one(store: Store, hire: Hire) -> None:
    assert await store.add(jobs(517)) == [Added(each.id, True) for each in jobs(517)]
    assert ids(await hire("w1").claim(600)) == [each.id for each in jobs(517)]


async def test_a_job_due_later_is_scheduled(store: Store, clock: FakeClock) -> None:
    await store.add([job("in", due_in=60_000), job("at", due_at=clock() + 90_000)])
    assert await states(store, "in", "at") == ["scheduled", "scheduled"]
    assert [(await seen(store, id)).due_at for id in ("in", "at")] == [clock() + 60_000, clock() + 90_000]


async def test_a_job_that_is_due_already_is_queued(store: Store, clock: FakeClock) -> None:
    await store.add([job("now", due_at=clock()), job("past", due_at=clock() - 1), job("zero", due_in=0)])
    assert await states(store, "now", "past", "zero") == ["queued"] * 3


async def test_a_wait_wins_over_an_instant(store: Store, clock: FakeClock) -> None:
    await store.add([job("a", due_at=clock() - 1_000, due_in=2_000)])
    assert (await seen(store, "a")).due_at == clock() + 2_000


async def test_a_held_job_is_not_claimed(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([job("a", held="operator"), job("b", held="operator", due_in=1_000)])
    clock.forward(2_000)
    worker = hire("w1")
    await worker.sweep()
    assert await worker.claim(10) == []
    found = await seen(store, "a")
    assert (found.state, found.reason) == (State.HELD, "operator")


async def test_the_time_to_start_is_counted_from_the_add(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([job("a", expires_in=30_000)])
    assert (await seen(store, "a")).expires_at == clock() + 30_000
    assert (await hire("w1").claim_one()).expires_at == clock() + 30_000
