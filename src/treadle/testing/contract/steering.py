"""What the operator's verbs promise: cancel, revive, release, delete, bury; losing a race is an answer."""

import pytest

from treadle.core.job import Filter, Progress
from treadle.core.outcomes import Outcome, cancel, complete, give_up, hand_back, hold, retry, snooze
from treadle.core.states import State
from treadle.core.store import OF_JOB, Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.scene import LEASE, Hire, ids, job, jobs, seen, states

ENDS = [complete('"x"'), give_up("error", "boom"), cancel("why")]
LIVES_ON = [retry(1_000), retry(0), snooze(1_000), hand_back(), hold("unknown_task")]


async def test_what_waits_is_cancelled_at_once(store: Store, clock: FakeClock, hire: Hire) -> None:
    """P10."""
    await store.add([job("q"), job("s", due_in=1_000), job("h", held="operator")])
    assert sorted(await store.cancel(["q", "s", "h", "nobody"])) == ["h", "q", "s"]
    clock.forward(1_000)
    worker = hire("w1")
    await worker.sweep()
    assert await worker.claim(5) == []
    for id in "qsh":
        found = await seen(store, id)
        assert (found.state, found.reason, found.finished_at) == (State.CANCELLED, None, clock() - 1_000)


async def test_what_runs_is_asked_to_stop(store: Store, hire: Hire) -> None:
    """P10."""
    await store.add([job("a")])
    worker = hire("w1")
    claim = await worker.claim_one()
    assert not (await seen(store, "a")).cancelling
    assert await store.cancel(["a"]) == ["a"]
    found = await seen(store, "a")
    assert (found.state, found.cancelling) == (State.RUNNING, True)
    assert await worker.settle(claim, cancel()) == frozenset()
    found = await seen(store, "a")
    assert (found.state, found.cancelling) == (State.CANCELLED, False)


@pytest.mark.parametrize("outcome", ENDS)
async def test_what_is_final_is_not_cancelled(store: Store, hire: Hire, outcome: Outcome) -> None:
    await store.add([job("a")])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), outcome)
    before = await seen(store, "a")
    assert await store.cancel(["a"]) == []
    assert await seen(store, "a") == before


@pytest.mark.parametrize("outcome", LIVES_ON)
async def test_a_cancel_that_was_answered_outlives_the_attempt(
    store: Store, clock: FakeClock, hire: Hire, outcome: Outcome
) -> None:
    """P10: the attempt ended before it heard of the cancel, and would have come back."""
    await store.add([job("a", max_attempts=5, unique_key="u")])
    worker = hire("w1")
    claim = await worker.claim_one()
    assert await store.cancel(["a"]) == ["a"]
    assert await worker.settle(claim, outcome) == frozenset()
    found = await seen(store, "a")
    assert (found.state, found.finished_at) == (State.CANCELLED, clock())
    assert [added.new for added in await store.add([job("b", unique_key="u")])] == [True]


async def test_a_cancel_that_was_answered_outlives_the_worker(store: Store, clock: FakeClock, hire: Hire) -> None:
    """P10."""
    await store.add([job("a")])
    await hire("w1").claim_one()
    await store.cancel(["a"])
    clock.forward(LEASE)
    sweeper = hire("w2")
    (taken,) = (await sweeper.sweep()).taken
    await sweeper.settle(taken, retry(0, None, "crashed"))
    assert await states(store, "a") == ["cancelled"]


async def test_a_job_that_finished_all_the_same_stays_finished(store: Store, hire: Hire) -> None:
    await store.add([job("a")])
    worker = hire("w1")
    claim = await worker.claim_one()
    await store.cancel(["a"])
    await worker.settle(claim, complete('"done"'))
    found = await seen(store, "a")
    assert (found.state, found.result, found.cancelling) == (State.COMPLETED, '"done"', False)


async def test_a_revived_job_forgets_that_it_was_cancelled(store: Store, hire: Hire) -> None:
    await store.add([job("a")])
    worker = hire("w1")
    claim = await worker.claim_one()
    await store.cancel(["a"])
    await worker.settle(claim, cancel())
    await store.revive(["a"])
    await worker.claim_one()
    assert worker.beat() == {"a": False}


@pytest.mark.parametrize("outcome", ENDS)
async def test_a_final_job_is_revived_with_one_attempt_more(
    store: Store, clock: FakeClock, hire: Hire, outcome: Outcome
) -> None:
    await store.add([job("a", expires_in=10_000)])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), outcome)
    clock.forward(14_000)
    assert await store.revive(["a", "nobody"]) == ["a"]
    found = await seen(store, "a")
    assert (found.state, found.reason, found.result, found.finished_at) == (State.QUEUED, None, None, None)
    assert (await worker.sweep()).expired == 0, "what it was given up for must not end it again"
    claim = await worker.claim_one()
    assert (claim.attempt, claim.max_attempts, claim.epoch) == (2, 2, 2)


async def test_a_revival_takes_no_attempt_away(store: Store, hire: Hire) -> None:
    await store.add([job("a", max_attempts=5)])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), give_up("discarded"))
    await store.revive(["a"])
    assert (await worker.claim_one()).max_attempts == 5


async def test_a_late_ending_does_not_disturb_a_revived_job(store: Store, hire: Hire) -> None:
    """P6: the answer to the ending got lost, and meanwhile an operator revived the job."""
    await store.add([job("a")])
    worker = hire("w1")
    claim = await worker.claim_one()
    await store.cancel(["a"])
    await worker.settle(claim, cancel())
    await store.revive(["a"])
    before = await seen(store, "a")
    for outcome in (cancel(), retry(0), complete()):
        await worker.settle(claim, outcome)
        assert await seen(store, "a") == before


async def test_a_revived_job_has_its_crashes_forgiven(store: Store, clock: FakeClock, hire: Hire) -> None:
    """P12."""
    await store.add([job("a")])
    await hire("w1").claim_one()
    clock.forward(LEASE)
    sweeper = hire("w2")
    (taken,) = (await sweeper.sweep()).taken
    await sweeper.settle(taken, give_up("crashed"))
    await store.revive(["a"])
    assert (await sweeper.claim_one()).crashes == 0


async def test_what_lives_is_not_revived(store: Store, hire: Hire) -> None:
    await store.add([job("r"), job("q"), job("s", due_in=1_000), job("h", held="operator")])
    await hire("w1").claim_one()
    assert await store.revive(["r", "q", "s", "h"]) == []
    assert await states(store, "r", "q", "s", "h") == ["running", "queued", "scheduled", "held"]


async def test_a_job_is_not_revived_while_another_holds_its_unique_key(store: Store, hire: Hire) -> None:
    """P8."""
    await store.add([job("a", unique_key="u"), job("other")])
    await store.cancel(["a", "other"])
    await store.add([job("b", unique_key="u")])
    assert await store.revive(["a", "other"]) == ["other"]
    assert await states(store, "a", "b") == ["cancelled", "queued"]


async def test_of_two_final_jobs_with_one_unique_key_one_is_revived(store: Store) -> None:
    """P8."""
    await store.add([job("a", unique_key="u")])
    await store.cancel(["a"])
    await store.add([job("b", unique_key="u")])
    await store.cancel(["b"])
    assert len(await store.revive(["a", "b"])) == 1
    assert sorted(await states(store, "a", "b")) == ["cancelled", "queued"]


async def test_release_queues_what_is_held_for_this_reason_and_task(store: Store, hire: Hire) -> None:
    await store.add([
        job("a", held="unknown_task", task="greet"), job("b", held="operator", task="greet"),
        job("c", held="unknown_task", task="other"), job("d", held="unknown_task", task="late", due_in=60_000),
    ])  # fmt: skip
    assert await store.release("unknown_task", ["greet", "late", "nobody"]) == 2
    assert await states(store, "a", "b", "c", "d") == ["queued", "held", "held", "scheduled"]
    assert (await seen(store, "a")).reason is None
    assert await store.release("unknown_task", []) == 0
    assert ids(await hire("w1").claim(5)) == ["a"]


async def test_release_may_ask_for_no_task(store: Store, clock: FakeClock) -> None:
    await store.add([
        job("a", held="moving"), job("b", held="moving", task="other", due_in=60_000), job("c", held="operator"),
    ])  # fmt: skip
    assert await store.release("moving") == 2
    assert await states(store, "a", "b", "c") == ["queued", "scheduled", "held"]


async def test_what_waits_can_be_kept_aside(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([job("q"), job("s", due_in=5_000), job("h", held="operator"), job("r", priority=9), job("f")])
    worker = hire("w1")
    claim = await worker.claim_one()
    await store.cancel(["f"])
    assert sorted(await store.hold(["q", "s", "h", "r", "f", "nobody"], "moving")) == ["q", "s"]
    assert await states(store, "q", "s", "h", "r", "f") == ["held", "held", "held", "running", "cancelled"]
    assert [(await seen(store, id)).reason for id in "qsh"] == ["moving", "moving", "operator"]
    clock.forward(6_000)
    await worker.sweep()
    assert await worker.claim(5) == []
    assert await worker.settle(claim, complete()) == frozenset()
    assert await store.release("moving") == 2
    assert ids(await worker.claim(5)) == ["q", "s"]


async def test_what_is_held_or_final_can_be_deleted(store: Store, hire: Hire) -> None:
    await store.add([job("q"), job("s", due_in=5_000), job("h", held="operator"), job("r", priority=9), job("f")])
    worker = hire("w1")
    claim = await worker.claim_one()
    await store.cancel(["f"])
    assert sorted(await store.delete(["q", "s", "h", "r", "f", "nobody"])) == ["f", "h"]
    assert [await store.get(id) for id in "hf"] == [None, None]
    assert await states(store, "q", "s", "r") == ["queued", "scheduled", "running"]
    assert await worker.settle(claim, complete()) == frozenset()
    assert sum((await store.count(Filter())).values()) == 3
    assert [added.new for added in await store.add([job("h", unique_key="u"), job("f")])] == [True, True]


async def test_a_deleted_job_gives_its_unique_key_away(store: Store) -> None:
    """P8."""
    await store.add([job("a", unique_key="u", held="operator")])
    await store.delete(["a"])
    assert [added.new for added in await store.add([job("b", unique_key="u")])] == [True]


async def test_the_records_of_a_job_go_with_it(store: Store) -> None:
    """P16."""
    await store.add(jobs(2))
    for id in ("0000", "0001"):
        await store.write(OF_JOB + id, "charge", "done")
    await store.cancel(["0000"])
    await store.delete(["0000"])
    assert await store.read(OF_JOB + "0000") == []
    assert len(await store.read(OF_JOB + "0001")) == 1


async def test_the_buried_lose_their_leases_now(store: Store, hire: Hire) -> None:
    """P3: a neighbour saw that the process is dead."""
    await store.add(jobs(2))
    await hire("w1").claim_one()
    worker = hire("w2")
    held = await worker.claim(1)
    await store.bury(["w1", "nobody"])
    assert ids((await worker.sweep()).taken) == ["0000"]
    assert worker.beat() == {"0000": False, held[0].id: False}


async def test_nothing_of_a_deleted_job_is_left_to_a_newcomer(store: Store, clock: FakeClock, hire: Hire) -> None:
    """P16: its progress, log and attempts go along."""
    await store.add([job("a")])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), give_up("error", "boom"), Progress(1, 2), '[{"n":1}]')
    clock.forward(1)
    await store.delete(["a"])
    assert [added.new for added in await store.add([job("a")])] == [True]
    found = await seen(store, "a")
    assert (found.progress, found.log, found.attempts, found.failure) == (None, (), (), None)
    assert (found.attempt, found.epoch) == (0, 0)
