"""How attempts end: retry tables, snooze, skip, discard, cancel, expiry, results with their limits and time to live."""

from datetime import timedelta
from typing import Any

import pytest

from tests.engine.scene import found, new_worker
from treadle import (
    NEVER,
    Cancel,
    Discard,
    Exponential,
    JobFailed,
    PayloadTooLarge,
    ResultExpired,
    Retry,
    RetryLater,
    Skip,
    Snooze,
    Treadle,
)
from treadle.core.job import Snapshot
from treadle.core.states import State
from treadle.testing import FakeClock


async def work_off(app: Treadle) -> None:
    """Run a worker until nothing is due at this moment of the clock."""
    await new_worker(app).run(until_idle=True)


async def worked_off(app: Treadle, id: str) -> Snapshot:
    await work_off(app)
    return await found(app.store, id)


def failing(app: Treadle, error: BaseException, retry: Retry = NEVER) -> Any:
    @app.task("fail", retry=retry)
    async def fail() -> None:
        raise error

    return fail


# -- retries ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("retry", "seconds"),
    [
        (Retry(3, Exponential(60), jitter=0), [60, 120, 240]),  # S2.06: e-mail sync
        (Retry(3, Exponential(30), jitter=0), [30, 60, 120]),  # S2.06: processing
        (NEVER, []),  # S2.06: notifications, cleanup
        (Retry(3, Exponential(120), jitter=0), [120, 240, 480]),  # S4.08
        (Retry(2, [5, 50], jitter=0), [5, 50]),
    ],
    ids=str,
)
async def test_a_failing_job_is_tried_again_at_the_times_of_its_table(
    timeless: Treadle, clock: FakeClock, retry: Retry, seconds: list[int]
) -> None:
    """P2, P18."""
    job = await failing(timeless, ConnectionError("no answer from smtp.example.com after 30s"), retry).aenqueue()
    for number, wait in enumerate(seconds, 1):
        waiting = await worked_off(timeless, job.id)
        assert (waiting.state, waiting.attempt, waiting.due_at) == (State.SCHEDULED, number, clock() + wait * 1000)
        clock.forward(wait * 1000 - 1)
        assert (await worked_off(timeless, job.id)).attempt == number, "a millisecond early is early"
        clock.forward(1)
    failed = await worked_off(timeless, job.id)
    assert (failed.state, failed.reason, failed.attempt) == (State.FAILED, "error", len(seconds) + 1)
    assert [attempt.number for attempt in failed.attempts] == list(range(1, len(seconds) + 2))
    with pytest.raises(JobFailed, match="ConnectionError: no answer from smtp"):
        await job.aresult(0)


async def test_jitter_lengthens_a_wait_by_a_tenth_at_most(timeless: Treadle, clock: FakeClock) -> None:
    job = await failing(timeless, ValueError(), Retry(3, 100)).aenqueue()
    due_at = (await worked_off(timeless, job.id)).due_at
    assert due_at is not None
    assert 100_000 <= due_at - clock() <= 110_000


async def test_only_the_errors_that_a_policy_covers_are_tried_again(timeless: Treadle) -> None:
    policy = Retry(3, retry_on=(OSError,), give_up_on=(FileNotFoundError,))
    states = []
    for error in (ConnectionError(), FileNotFoundError(), ValueError()):
        app = Treadle(timeless.store)
        job = await failing(app, error, policy).aenqueue()
        states.append((await worked_off(app, job.id)).state)
    assert states == [State.SCHEDULED, State.FAILED, State.FAILED]


async def test_a_failed_job_is_tried_again_by_hand(timeless: Treadle) -> None:
    job = await failing(timeless, ValueError("no")).aenqueue()
    assert (await worked_off(timeless, job.id)).state is State.FAILED
    assert await job.aretry()
    again = await worked_off(timeless, job.id)
    assert (again.state, again.attempt, len(again.attempts)) == (State.FAILED, 2, 2)
    assert not await timeless.job(job.id).acancel()


async def test_what_went_wrong_is_kept_as_text_without_the_engines_own_frames(timeless: Treadle) -> None:
    job = await failing(timeless, ValueError("what is kept")).aenqueue()
    failure = (await worked_off(timeless, job.id)).failure
    assert failure is not None
    assert (failure.type, failure.message) == ("ValueError", "what is kept")
    assert failure.traceback is not None
    assert "in fail" in failure.traceback
    assert "runners.py" not in failure.traceback


@pytest.mark.parametrize("kind", ["async", "thread"])
@pytest.mark.parametrize("error", [SystemExit(3), StopIteration(), KeyboardInterrupt()], ids=repr)
async def test_a_task_that_tries_to_end_the_process_ends_itself(
    timeless: Treadle, kind: str, error: BaseException
) -> None:
    if kind == "async" and isinstance(error, KeyboardInterrupt):
        return  # that one is a person at the keyboard

    async def on_the_loop() -> None:
        raise error

    def in_a_thread() -> None:
        raise error

    task: Any = timeless.task("end", retry=NEVER)(on_the_loop if kind == "async" else in_a_thread)
    job = await task.aenqueue()
    failed = await worked_off(timeless, job.id)
    assert failed.state is State.FAILED
    assert failed.failure is not None
    assert type(error).__name__ in failed.failure.type + failed.failure.message


# -- said by the task ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "reason"), [(Snooze(30), None), (RetryLater(timedelta(seconds=30)), "retry_later")], ids=repr
)
async def test_coming_back_later_spends_no_attempt(
    timeless: Treadle, clock: FakeClock, ending: BaseException, reason: str | None
) -> None:
    times = 0

    @timeless.task(retry=NEVER)
    async def wait() -> str:
        nonlocal times
        times += 1
        if times <= 3:
            raise ending
        return "here"

    job = await wait.aenqueue()
    for _ in range(3):
        waiting = await worked_off(timeless, job.id)
        assert (waiting.state, waiting.reason, waiting.attempt) == (State.SCHEDULED, reason, 0)
        assert waiting.due_at == clock() + 30_000
        clock.forward(30_000)
    completed = await worked_off(timeless, job.id)
    assert (completed.state, completed.attempt, completed.epoch) == (State.COMPLETED, 1, 4)


async def test_a_snooze_of_nothing_comes_back_at_once(timeless: Treadle) -> None:
    times: list[int] = []

    @timeless.task
    def wait() -> int:
        times.append(1)
        if len(times) < 3:
            raise Snooze(0)
        return len(times)

    job = await wait.aenqueue()
    await work_off(timeless)
    assert await job.aresult(0) == 3


@pytest.mark.parametrize(
    ("ending", "state", "reason", "outcome"),
    [
        (Skip("already_processed"), State.COMPLETED, "already_processed", "skipped"),
        (Skip(), State.COMPLETED, None, "skipped"),
        (Discard("no such user"), State.FAILED, "discarded", None),
        (Cancel("the user left"), State.CANCELLED, "the user left", None),
    ],
    ids=repr,
)
async def test_a_task_says_how_it_ends_whatever_its_retry_policy(
    timeless: Treadle, ending: BaseException, state: State, reason: str | None, outcome: str | None
) -> None:
    job = await failing(timeless, ending, Retry(5, 1)).aenqueue()
    seen = await worked_off(timeless, job.id)
    assert (seen.state, seen.reason, seen.outcome, seen.attempt) == (state, reason, outcome, 1)


# -- expiry ----------------------------------------------------------------------------


async def test_what_has_expired_is_not_started_any_more(timeless: Treadle, clock: FakeClock) -> None:
    task = timeless.task("work", expires=timedelta(seconds=10))(lambda: "ran")
    late, in_time = await task.aenqueue(), await task.using(expires=timedelta(seconds=11)).aenqueue()
    clock.forward(10_000)
    expired = await worked_off(timeless, late.id)
    assert (expired.state, expired.reason, expired.attempt) == (State.FAILED, "expired", 0)
    assert await in_time.aresult(0) == "ran"


async def test_a_retry_that_would_come_too_late_expires(timeless: Treadle, clock: FakeClock) -> None:
    task = failing(timeless, ValueError(), Retry(3, 60, jitter=0))
    job = await task.using(expires=timedelta(seconds=30)).aenqueue()
    assert (await worked_off(timeless, job.id)).state is State.SCHEDULED
    clock.forward(60_000)
    expired = await worked_off(timeless, job.id)
    assert (expired.state, expired.reason, expired.attempt) == (State.FAILED, "expired", 1)


# -- results ---------------------------------------------------------------------------


async def test_a_result_is_kept_for_its_time_to_live(timeless: Treadle, clock: FakeClock) -> None:
    task = timeless.task("work", result_ttl=timedelta(seconds=60))(lambda: [1, 2])
    job = await task.aenqueue()
    await work_off(timeless)
    clock.forward(59_999)
    assert await job.aresult(0) == [1, 2]
    clock.forward(1)
    for _ in range(2):  # before a sweep dropped it, and after
        with pytest.raises(ResultExpired, match=job.id):
            await job.aresult(0)
        await work_off(timeless)
    assert (await found(timeless.store, job.id)).state is State.COMPLETED


async def test_a_task_that_returns_nothing_has_no_result_that_could_expire(timeless: Treadle, clock: FakeClock) -> None:
    job = await timeless.task("work")(_returns_nothing).aenqueue()
    await work_off(timeless)
    clock.forward(3_600_000)
    result: object = await job.aresult(0)
    assert result is None


@pytest.mark.parametrize(
    ("value", "told"),
    [("x" * 1_000, "PayloadTooLarge: work: the results take 1,002 bytes"), (object(), "InvalidArguments: work:")],
    ids=["too large", "not JSON"],
)
async def test_a_result_that_cannot_be_kept_fails_the_job_once(timeless: Treadle, value: Any, told: str) -> None:
    app = Treadle(timeless.store, result_limit=1_000)
    job = await app.task("work", retry=Retry(5, 0))(lambda: value).aenqueue()
    failed = await worked_off(app, job.id)
    assert (failed.state, failed.attempt) == (State.FAILED, 1), "the next attempt would return the same"
    with pytest.raises(JobFailed, match=told):
        await job.aresult(0)


async def test_arguments_that_are_too_large_are_refused_at_the_door(timeless: Treadle) -> None:
    app = Treadle(timeless.store, payload_limit=100)
    task: Any = app.task("work")(_takes_text)
    assert (await task.aenqueue("x" * 80)).new
    for text in ("x" * 100, "ä" * 50):
        with pytest.raises(PayloadTooLarge, match="pass its id"):
            await task.aenqueue(text)
    assert (await app.acount())[State.QUEUED] == 1


def _takes_text(text: str) -> None: ...


def _returns_nothing() -> object: ...
