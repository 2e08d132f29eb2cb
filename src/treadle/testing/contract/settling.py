"""What `cycle` promises about endings: written once, by the holder of the current claim, all of it in one write."""

import json

import pytest

from treadle.core.job import Ending, Failure, Filter, Progress
from treadle.core.outcomes import Outcome, cancel, complete, give_up, hand_back, hold, retry, skip, snooze
from treadle.core.states import State
from treadle.core.store import Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.scene import LEASE, Hire, job, jobs, prune, seen, states

ERROR = json.dumps({"type": "ValueError", "message": "no such mailbox", "traceback": "line 1"})

#: outcome -> state, attempts spent, reason
ENDINGS: list[tuple[Outcome, State, int, str | None]] = [
    (complete('"done"'), State.COMPLETED, 1, None),
    (skip("already_processed"), State.COMPLETED, 1, "already_processed"),
    (retry(60_000, ERROR), State.SCHEDULED, 1, "error"),
    (retry(0, ERROR), State.QUEUED, 1, "error"),
    (snooze(30_000), State.SCHEDULED, 0, None),
    (snooze(30_000, "retry_later"), State.SCHEDULED, 0, "retry_later"),
    (hand_back(), State.QUEUED, 0, None),
    (hold("unknown_task"), State.HELD, 0, "unknown_task"),
    (give_up("error", ERROR), State.FAILED, 1, "error"),
    (give_up("timeout", ERROR), State.FAILED, 1, "timeout"),
    (cancel("the customer left"), State.CANCELLED, 1, "the customer left"),
]


@pytest.mark.parametrize(("outcome", "state", "attempt", "reason"), ENDINGS)
async def test_an_ending_moves_the_job_where_it_says(
    store: Store, clock: FakeClock, hire: Hire, outcome: Outcome, state: State, attempt: int, reason: str | None
) -> None:
    """P2."""
    await store.add([job("a", max_attempts=3)])
    worker = hire("w1")
    claim = await worker.claim_one()
    clock.forward(2_000)
    assert await worker.settle(claim, outcome) == frozenset()

    found = await seen(store, "a")
    assert (found.state, found.attempt, found.epoch, found.reason) == (state, attempt, 1, reason)
    assert (found.worker, found.outcome, found.result) == (None, outcome.outcome, outcome.result)
    assert found.finished_at == (clock() if state.final else None)
    if state is State.SCHEDULED:
        assert found.due_at == clock() + outcome.due_in


async def test_no_stale_ending_changes_anything(store: Store, clock: FakeClock, hire: Hire) -> None:
    """P6."""
    await store.add([job("a")])
    lost = await hire("w1").claim_one()
    clock.forward(LEASE)
    sweeper = hire("w2")
    (taken,) = (await sweeper.sweep()).taken
    before = await seen(store, "a")
    for outcome, *_ in ENDINGS:
        assert await sweeper.settle(lost, outcome, Progress(5, 10), '[{"line":1}]') == {"a"}
        assert await seen(store, "a") == before
    assert await sweeper.settle(taken, retry(0)) == frozenset()


async def test_a_stale_ending_changes_nothing_in_a_later_claim_of_the_same_worker(store: Store, hire: Hire) -> None:
    """P6: the epoch fences, not the worker's name."""
    await store.add([job("a")])
    worker = hire("w1")
    old = await worker.claim_one()
    await worker.settle(old, hand_back())
    new = await worker.claim_one()
    assert await worker.settle(old, complete('"old"')) == {"a"}
    assert (await seen(store, "a")).state is State.RUNNING
    assert await worker.settle(new, complete('"new"')) == frozenset()
    assert (await seen(store, "a")).result == '"new"'


@pytest.mark.parametrize(("outcome", "state"), [(outcome, state) for outcome, state, *_ in ENDINGS])
async def test_an_ending_sent_twice_counts_as_settled(
    store: Store, clock: FakeClock, hire: Hire, outcome: Outcome, state: State
) -> None:
    """P7: the first answer got lost."""
    await store.add([job("a", max_attempts=3)])
    worker = hire("w1")
    claim = await worker.claim_one()
    await worker.settle(claim, outcome, Progress(1, 2))
    first = await seen(store, "a")
    clock.forward(100)
    assert await worker.settle(claim, outcome, Progress(1, 2)) == frozenset()
    assert await seen(store, "a") == first


@pytest.mark.parametrize("second", [outcome for outcome, *_ in ENDINGS])
async def test_only_the_first_ending_of_a_claim_counts(store: Store, hire: Hire, second: Outcome) -> None:
    """P6."""
    await store.add([job("a", max_attempts=3)])
    worker = hire("w1")
    claim = await worker.claim_one()
    await worker.settle(claim, complete('"first"'))
    first = await seen(store, "a")
    await worker.settle(claim, second, Progress(9, 9), '[{"line":1}]')
    assert await seen(store, "a") == first


async def test_what_is_lost_is_named_and_the_rest_is_settled(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add(jobs(4))
    worker = hire("w1")
    lost = await worker.claim(2)
    clock.forward(LEASE)
    await hire("w2").sweep()
    worker.beat()
    held = await worker.claim(2)
    ended = [Ending(claim, complete()) for claim in (lost[0], held[0])]
    ended += [Ending(claim, give_up("error")) for claim in (lost[1], held[1])]
    assert await worker.settle_all(ended) == {"0000", "0001"}
    assert await states(store, "0000", "0001", "0002", "0003") == ["running", "running", "completed", "failed"]


async def test_the_ending_of_a_job_that_is_gone_is_lost(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([job("a")])
    worker = hire("w1")
    claim = await worker.claim_one()
    await worker.settle(claim, complete())
    clock.forward(1)
    assert len(await prune(store, {State.COMPLETED: 0})) == 1
    assert await worker.settle(claim, complete()) == {"a"}


async def test_five_hundred_endings_of_every_kind_are_one_call(store: Store, hire: Hire) -> None:
    await store.add(jobs(500, max_attempts=3))
    worker = hire("w1")
    claims = await worker.claim(500)
    chosen = [ENDINGS[number % len(ENDINGS)] for number in range(500)]
    ended = [Ending(claim, kind[0]) for claim, kind in zip(claims, chosen, strict=True)]
    assert await worker.settle_all(ended) == frozenset()
    page = await store.find(Filter(), 500)
    assert [found.state for found in reversed(page.items)] == [kind[1] for kind in chosen]


async def test_the_attempts_remembered_of_one_job_are_bounded(store: Store, hire: Hire) -> None:
    await store.add([job("a")])
    worker = hire("w1")
    for _ in range(110):
        await worker.settle(await worker.claim_one(), snooze(0))
    attempts = (await seen(store, "a")).attempts
    assert 0 < len(attempts) <= 100
    assert attempts[-1].epoch == 110


async def test_an_ending_brings_the_last_progress_and_log_along(store: Store, hire: Hire) -> None:
    """P15."""
    await store.add([job("a")])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), complete("1"), Progress(3, 3, 1, "all"), '[{"text":"hello"}]')
    found = await seen(store, "a")
    assert (found.state, found.result, found.progress) == (State.COMPLETED, "1", Progress(3, 3, 1, "all"))
    assert [dict(line) for line in found.log] == [{"text": "hello"}]


async def test_attempts_that_did_not_complete_are_remembered(store: Store, clock: FakeClock, hire: Hire) -> None:
    """P2."""
    await store.add([job("a", max_attempts=3)])
    worker = hire("w1")
    for outcome in (retry(0, ERROR), snooze(0), retry(0, ERROR, "timeout"), complete()):
        claim = await worker.claim_one()
        clock.forward(1_000)
        await worker.settle(claim, outcome)
    attempts = (await seen(store, "a")).attempts
    assert [(each.number, each.epoch, each.ending) for each in attempts] == [
        (1, 1, "error"), (2, 2, "queued"), (2, 3, "timeout"),
    ]  # fmt: skip
    assert {each.worker for each in attempts} == {"w1"}
    assert [each.started_at is not None and each.ended_at - each.started_at for each in attempts] == [1_000] * 3
    assert attempts[0].failure == Failure("ValueError", "no such mailbox", "line 1")


async def test_the_last_error_stays_with_the_job_until_it_completes(store: Store, hire: Hire) -> None:
    await store.add([job("a", max_attempts=3)])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), retry(0, ERROR))
    assert (await seen(store, "a")).failure == Failure("ValueError", "no such mailbox", "line 1")
    await worker.settle(await worker.claim_one(), complete())
    assert (await seen(store, "a")).failure is None


async def test_a_result_is_kept_for_its_time_to_live(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([job("a", result_ttl=60_000), job("b")])
    worker = hire("w1")
    for claim in await worker.claim(2):
        await worker.settle(claim, complete('"kept"'))
    clock.forward(59_999)
    assert [(await seen(store, id)).result for id in "ab"] == ['"kept"', '"kept"']
    clock.forward(1)
    assert [(await seen(store, id)).result for id in "ab"] == [None, '"kept"']
    await worker.sweep()
    found = await seen(store, "a")
    assert (found.state, found.result) == (State.COMPLETED, None)
    assert (await seen(store, "b")).result == '"kept"'
