"""What the heart promises: a lease, and a conversation about claims, cancels, progress and log lines."""

from treadle.core.job import Progress, Report
from treadle.core.outcomes import complete, hand_back, retry
from treadle.core.store import Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.scene import LEASE, Hire, ids, job, jobs, seen


async def test_a_beat_answers_the_claims_held(store: Store, hire: Hire) -> None:
    await store.add(jobs(3))
    worker, other = hire("w1"), hire("w2")
    await worker.claim(2)
    await other.claim(1)
    assert worker.beat() == {"0000": False, "0001": False}
    assert other.beat() == {"0002": False}


async def test_a_beat_tells_who_was_asked_to_stop(store: Store, hire: Hire) -> None:
    """P10."""
    await store.add(jobs(2))
    worker = hire("w1")
    await worker.claim(2)
    assert await store.cancel(["0001"]) == ["0001"]
    assert worker.beat() == {"0000": False, "0001": True}
    assert worker.beat() == {"0000": False, "0001": True}


async def test_a_lost_claim_is_missing_from_the_answer(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add(jobs(2))
    worker = hire("w1")
    await worker.claim(2)
    clock.forward(LEASE)
    assert len((await hire("w2").sweep(take=1)).taken) == 1
    assert len(worker.beat()) == 1


async def test_a_settled_claim_is_held_no_more(store: Store, hire: Hire) -> None:
    await store.add([job("a")])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), complete())
    assert worker.beat() == {}


async def test_beats_keep_the_lease(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([job("a")])
    worker, sweeper = hire("w1"), hire("w2")
    await worker.claim_one()
    for _ in range(5):
        clock.forward(LEASE - 1)
        worker.beat()
        sweeper.beat()
        assert (await sweeper.sweep()).taken == []
    assert worker.beat() == {"a": False}


async def test_a_beat_brings_progress_and_log(store: Store, hire: Hire) -> None:
    await store.add([job("a")])
    worker = hire("w1")
    claim = await worker.claim_one()
    worker.beat(Report(claim, Progress(1, 10, 0, "first"), '[{"n":1}]'))
    worker.beat(Report(claim, Progress(4, 10, 2, "fourth"), '[{"n":1},{"n":4}]'))
    found = await seen(store, "a")
    assert found.progress == Progress(4, 10, 2, "fourth")
    assert [line["n"] for line in found.log] == [1, 4]


async def test_progress_never_falls_within_an_attempt(store: Store, hire: Hire) -> None:
    """P15."""
    await store.add([job("a")])
    worker = hire("w1")
    claim = await worker.claim_one()
    worker.beat(Report(claim, Progress(7, 10)))
    worker.beat(Report(claim, Progress(5, 10, 1, "late")))
    assert (await seen(store, "a")).progress == Progress(7, 10, 1, "late")
    await worker.settle(claim, complete(), Progress(6, 10))
    found = (await seen(store, "a")).progress
    assert found is not None
    assert found.done == 7


async def test_a_new_attempt_counts_from_the_start(store: Store, hire: Hire) -> None:
    await store.add([job("a", max_attempts=2)])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), retry(0), Progress(7, 10))
    worker.beat(Report(await worker.claim_one(), Progress(2, 10)))
    assert (await seen(store, "a")).progress == Progress(2, 10)


async def test_a_report_under_an_old_epoch_changes_nothing(store: Store, hire: Hire) -> None:
    """P6."""
    await store.add([job("a")])
    worker = hire("w1")
    old = await worker.claim_one()
    await worker.settle(old, hand_back())
    new = await worker.claim_one()
    worker.beat(Report(new, Progress(1, 10), '[{"n":"new"}]'))
    before = await seen(store, "a")
    worker.beat(Report(old, Progress(9, 10, 9, "stale"), '[{"n":"stale"}]'))
    assert await seen(store, "a") == before


async def test_a_report_of_an_ended_attempt_changes_nothing(store: Store, hire: Hire) -> None:
    """P6."""
    await store.add([job("a")])
    worker = hire("w1")
    claim = await worker.claim_one()
    await worker.settle(claim, complete(), Progress(10, 10))
    before = await seen(store, "a")
    worker.beat(Report(claim, Progress(11, 10), '[{"n":"late"}]'))
    assert await seen(store, "a") == before


async def test_the_log_lines_of_all_attempts_are_kept_in_order(store: Store, hire: Hire) -> None:
    await store.add([job("a", max_attempts=3)])
    worker = hire("w1")
    for number in (1, 2, 3):
        claim = await worker.claim_one()
        worker.beat(Report(claim, log=f'[{{"n":{number}}}]'))
        await worker.settle(claim, retry(0))
    assert [line["n"] for line in (await seen(store, "a")).log] == [1, 2, 3]


async def test_who_leaves_can_be_relieved_at_once(store: Store, hire: Hire) -> None:
    """P3."""
    await store.add(jobs(2))
    worker, other = hire("w1"), hire("w2")
    await worker.claim_one()
    worker.heart.leave()
    assert (await store.cycle("w1", [], ["default"], 1)).leased is False
    assert ids((await other.sweep()).taken) == ["0000"]


async def test_workers_are_listed_with_their_leases(store: Store, clock: FakeClock, hire: Hire) -> None:
    hire("w1")
    clock.forward(1_000)
    hire("w2").beat(lease=30_000)
    first, second = await store.workers()
    assert (first.id, first.lease_until, first.started_at) == ("w1", clock() - 1_000 + LEASE, clock() - 1_000)
    assert (second.id, second.lease_until, second.seen_at) == ("w2", clock() + 30_000, clock())
    assert (second.host, second.queues, second.slots) == ("here", ("default",), 10)
