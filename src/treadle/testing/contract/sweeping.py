"""What `sweep` promises: the due are promoted, the late expire, the abandoned are taken over, once."""

import asyncio
from typing import Any

import pytest

from treadle.core.errors import Crashed
from treadle.core.outcomes import CRASHES_ALLOWED, Tries, complete, judge, retry
from treadle.core.retry import Retry
from treadle.core.states import State
from treadle.core.store import Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.scene import LEASE, Hire, ids, job, jobs, seen, states


async def test_a_later_job_waits_for_its_time(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([job("a", due_in=10_000)])
    worker = hire("w1")
    clock.forward(9_999)
    assert (await worker.sweep()).promoted == 0
    assert await worker.claim() == []
    clock.forward(1)
    assert (await worker.sweep()).promoted == 1
    assert ids(await worker.claim()) == ["a"]


async def test_a_sweep_tells_when_the_next_job_is_due(store: Store, clock: FakeClock, hire: Hire) -> None:
    worker = hire("w1")
    assert (await worker.sweep()).next_due is None
    await store.add([job("b", due_in=9_000), job("a", due_in=4_000), job("now")])
    assert (await worker.sweep()).next_due == 4_000
    clock.forward(4_500)
    answer = await worker.sweep()
    assert (answer.promoted, answer.next_due) == (1, 4_500)


async def test_a_sweep_promotes_no_more_than_its_limit_the_longest_due_first(
    store: Store, clock: FakeClock, hire: Hire
) -> None:
    await store.add([job("c", due_in=300), job("a", due_in=100), job("b", due_in=200)])
    clock.forward(1_000)
    answer = await hire("w1").sweep(limit=2)
    assert (answer.promoted, answer.next_due) == (2, 0)
    assert await states(store, "a", "b", "c") == ["queued", "queued", "scheduled"]


@pytest.mark.parametrize("wishes", [{}, {"due_in": 60_000}, {"held": "operator"}])
async def test_what_has_not_started_in_time_expires(
    store: Store, clock: FakeClock, hire: Hire, wishes: dict[str, Any]
) -> None:
    await store.add([job("a", expires_in=5_000, **wishes)])
    worker = hire("w1")
    clock.forward(4_999)
    assert (await worker.sweep()).expired == 0
    clock.forward(1)
    assert (await worker.sweep()).expired == 1
    found = await seen(store, "a")
    assert (found.state, found.reason, found.finished_at) == (State.FAILED, "expired", clock())
    assert await worker.claim() == []


async def test_a_running_job_does_not_expire(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([job("a", expires_in=5_000)])
    worker = hire("w1")
    claim = await worker.claim_one()
    clock.forward(6_000)
    assert (await worker.sweep()).expired == 0
    assert await worker.settle(claim, complete()) == frozenset()


async def test_a_claim_is_taken_over_only_after_its_lease(store: Store, clock: FakeClock, hire: Hire) -> None:
    """P3, P4."""
    await store.add([job("a")])
    await hire("w1").claim_one()
    sweeper = hire("w2")
    clock.forward(LEASE - 1)
    assert (await sweeper.sweep()).taken == []
    sweeper.beat()
    clock.forward(1)
    (taken,) = (await sweeper.sweep()).taken
    assert (taken.id, taken.attempt, taken.epoch, taken.crashes) == ("a", 1, 2, 1)
    found = await seen(store, "a")
    assert (found.state, found.worker, found.epoch) == (State.RUNNING, "w2", 2)


async def test_no_worker_takes_over_from_itself(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([job("a")])
    worker = hire("w1")
    claim = await worker.claim_one()
    clock.forward(LEASE)
    assert (await worker.sweep()).taken == []
    worker.beat()
    assert await worker.settle(claim, complete()) == frozenset()


async def test_a_sweeper_without_a_lease_takes_nothing_over(store: Store, clock: FakeClock, hire: Hire) -> None:
    """P1: what it took could be found by nobody if it died now."""
    await store.add([job("a")])
    await hire("w1").claim_one()
    clock.forward(LEASE)
    assert (await store.sweep("nobody", 10, take=10)).taken == []
    assert ids((await hire("w2").sweep()).taken) == ["a"]


async def test_a_sweep_takes_over_no_more_than_asked(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add(jobs(5))
    await hire("w1").claim(5)
    clock.forward(LEASE)
    sweeper = hire("w2")
    assert (await sweeper.sweep(take=0)).taken == []
    assert [len((await sweeper.sweep(take=2)).taken) for _ in range(4)] == [2, 2, 1, 0]


async def test_sweepers_who_come_at_once_take_each_claim_once(store: Store, clock: FakeClock, hire: Hire) -> None:
    """P4."""
    await store.add(jobs(50))
    await hire("dead").claim(50)
    clock.forward(LEASE)
    sweepers = [hire(f"w{number}") for number in range(5)]
    answers = await asyncio.gather(*(sweeper.sweep() for sweeper in sweepers))
    assert sorted(id for answer in answers for id in ids(answer.taken)) == [each.id for each in jobs(50)]


async def test_a_sweeper_who_dies_before_it_settles_is_no_crash_of_the_job(
    store: Store, clock: FakeClock, hire: Hire
) -> None:
    """P12."""
    await store.add([job("a")])
    await hire("w1").claim_one()
    epochs = []
    for name in ("w2", "w3", "w4"):
        clock.forward(LEASE)
        (taken,) = (await hire(name).sweep()).taken
        epochs.append(taken.epoch)
        assert (taken.attempt, taken.crashes) == (1, 1)
    assert epochs == [2, 3, 4]


@pytest.mark.parametrize("queues", [("default",), ("default", "other")])
async def test_crashes_are_counted_apart_from_attempts(
    store: Store, clock: FakeClock, hire: Hire, queues: tuple[str, ...]
) -> None:
    """P12: the judge quarantines at the third, whatever the retry policy says."""
    await store.add([job("a", max_attempts=1)])
    sweeper = hire("sweeper")
    for number in range(1, CRASHES_ALLOWED + 1):
        assert len(await hire(f"w{number}").claim(1, queues)) == 1
        clock.forward(LEASE)
        sweeper.beat()
        (taken,) = (await sweeper.sweep()).taken
        assert taken.crashes == number
        tries = Tries(taken.attempt, taken.max_attempts, taken.crashes)
        await sweeper.settle(taken, judge(tries, Crashed("went silent"), Retry(100), 0.0))
    found = await seen(store, "a")
    assert (found.state, found.reason, found.crashes) == (State.FAILED, "crashed", 3)
    assert [each.ending for each in found.attempts] == ["crashed"] * 3


async def test_a_living_worker_loses_nothing_to_the_dead(store: Store, clock: FakeClock, hire: Hire) -> None:
    """P12: the others go on."""
    await store.add(jobs(4))
    await hire("dead").claim(2)
    worker = hire("w2")
    held = await worker.claim(2)
    clock.forward(LEASE - 1)
    worker.beat()
    clock.forward(1)
    assert ids((await hire("w3").sweep()).taken) == ["0000", "0001"]
    assert worker.beat() == dict.fromkeys(ids(held), False)


async def test_what_was_taken_over_runs_again_under_a_new_claim(store: Store, clock: FakeClock, hire: Hire) -> None:
    """P1, P3."""
    await store.add([job("a")])
    await hire("w1").claim_one()
    clock.forward(LEASE)
    worker = hire("w2")
    (taken,) = (await worker.sweep()).taken
    await worker.settle(taken, retry(0, None, "crashed"))
    claim = await worker.claim_one()
    assert (claim.id, claim.attempt, claim.epoch, claim.crashes) == ("a", 2, 3, 1)


async def test_a_worker_is_forgotten_once_nothing_is_left_of_it(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([job("a")])
    await hire("w1").claim_one()
    hire("idle")
    clock.forward(LEASE)
    sweeper = hire("w2")
    await sweeper.sweep(take=0)
    assert {worker.id for worker in await store.workers()} == {"w1", "w2"}
    await sweeper.sweep()
    assert {worker.id for worker in await store.workers()} == {"w2"}
