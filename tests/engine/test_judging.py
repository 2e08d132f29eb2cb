"""What a task said of its own ending is bounded before it reaches a store."""

import pytest

from treadle import NEVER, RetryLater
from treadle.core.flow.gates import Park
from treadle.core.job import Claim
from treadle.core.states import State
from treadle.engine.judging import LONGEST_SNOOZE, raised
from treadle.engine.work import Executor, Work

WORK = Work("known", Executor.LOOP, invoke=lambda args, context: None, encode=lambda value: None, retry=NEVER)
CLAIM = Claim(
    ref=1, id="job", task="known", queue="default", args="{}", priority=0, attempt=1, max_attempts=1, epoch=1,
    crashes=0, queued_at=0, expires_at=None, result_ttl=None, owner=None, tenant=None, batch=None, meta=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("error", "park"),
    [
        (RetryLater(30), Park(30_000)),
        (RetryLater(30, Park(5_000, 100, 200)), Park(5_000, 100, 200)),
        (RetryLater(1e15), Park(LONGEST_SNOOZE)),
        (RetryLater(-5), Park(0)),
        (RetryLater(1, Park(1.5, 10**30, -1)), Park(1, LONGEST_SNOOZE, 0)),  # type: ignore[arg-type]  # what somebody may write
    ],
)
def test_a_park_is_passed_on_within_bounds_and_spends_no_attempt(error: RetryLater, park: Park) -> None:
    outcome = raised(WORK, CLAIM, error)
    assert outcome.park == park
    assert not outcome.spends_attempt


def test_a_park_that_is_none_fails_the_job_and_nobody_else() -> None:
    outcome = raised(WORK, CLAIM, RetryLater(1, Park(float("nan"))))  # type: ignore[arg-type]  # what somebody may write
    assert outcome.state is State.FAILED


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "30"}, 30_000),
        ({}, 60_000),
        ({"RateLimit-Remaining": "5", "RateLimit-Reset": "20"}, 20_000),
        ({"RateLimit-Remaining": "5", "RateLimit-Reset": "86000"}, 60_000),
    ],
)
def test_who_was_refused_waits_however_little_the_headers_say(headers: dict[str, str], wait: int) -> None:
    outcome = raised(WORK, CLAIM, RetryLater.told(headers))
    assert outcome.due_in == wait
    assert outcome.park is not None
    assert outcome.park.wait == wait
