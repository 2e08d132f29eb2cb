"""How an attempt ends, as a table: what was raised, the attempt, what is expected."""

from datetime import timedelta

import pytest

from treadle.core.errors import (
    Cancel,
    Crashed,
    Discard,
    RetryLater,
    Skip,
    Snooze,
    SoftTimeout,
    TimedOut,
)
from treadle.core.flow.gates import Park
from treadle.core.outcomes import (
    CRASHES_ALLOWED,
    Outcome,
    Tries,
    cancel,
    complete,
    give_up,
    hand_back,
    hold,
    judge,
    retry,
    skip,
    snooze,
)
from treadle.core.retry import NEVER, Fixed, Retry
from treadle.core.states import LEADS_TO, State

THRICE = Retry(3, Fixed(10), jitter=0)
ERROR = '{"type":"E"}'


@pytest.mark.parametrize(
    ("raised", "attempt", "expected"),
    [
        (ValueError("no"), 1, retry(10_000, ERROR)),
        (ValueError("no"), 3, retry(10_000, ERROR)),
        (ValueError("no"), 4, give_up("error", ERROR)),
        (ValueError("no"), 9, give_up("error", ERROR)),
        (TimedOut(500), 1, retry(10_000, ERROR, "timeout")),
        (TimedOut(500), 4, give_up("timeout", ERROR)),
        (SoftTimeout(), 1, retry(10_000, ERROR)),
        (Snooze(30), 1, snooze(30_000)),
        (Snooze(timedelta(minutes=1)), 4, snooze(60_000)),
        (Snooze(0), 1, snooze(0)),
        (RetryLater(2.5), 4, snooze(2_500, "retry_later")._replace(park=Park(2_500))),
        (Skip("already_processed"), 4, skip("already_processed")),
        (Skip(), 1, skip("")),
        (Discard("bad address"), 1, give_up("discarded", ERROR)),
        (Cancel("the customer left"), 1, cancel("the customer left")),
        (Cancel(), 1, cancel()),
        (KeyboardInterrupt(), 1, give_up("error", ERROR)),
    ],
)
def test_what_is_raised_decides_with_the_attempt(raised: BaseException, attempt: int, expected: Outcome) -> None:
    assert judge(Tries(attempt, THRICE.attempts), raised, THRICE, 0.0, ERROR) == expected


@pytest.mark.parametrize("max_attempts", [1, 100])
@pytest.mark.parametrize("policy", [NEVER, THRICE, Retry(1_000)])
def test_a_crash_is_judged_by_its_repetition_alone(policy: Retry, max_attempts: int) -> None:
    """P12."""
    judged = [judge(Tries(1, max_attempts, crashes), Crashed(), policy, 0.0, ERROR) for crashes in (1, 2, 3, 4)]
    assert judged == [retry(0, ERROR, "crashed")] * 2 + [give_up("crashed", ERROR)] * 2
    assert CRASHES_ALLOWED == 3


def test_an_error_that_the_policy_gives_up_on_fails_at_once() -> None:
    policy = Retry(3, Fixed(10), give_up_on=(PermissionError,))
    assert judge(Tries(1, 4), PermissionError(), policy, 0.0).state is State.FAILED
    assert judge(Tries(1, 4), FileNotFoundError(), policy, 0.0).state is State.SCHEDULED


def test_an_attempt_granted_by_a_revival_may_fail_once_more() -> None:
    """The job's own number counts, for a revival raises it; the policy's number is only where it began."""
    assert judge(Tries(4, 5), ValueError(), THRICE, 0.0).state is State.SCHEDULED
    assert judge(Tries(5, 5), ValueError(), THRICE, 0.0).state is State.FAILED


@pytest.mark.parametrize(
    "outcome",
    [complete(), skip("x"), retry(0), retry(5), snooze(0), snooze(5), hand_back(), hold("x"), give_up("x"), cancel()],
)
def test_every_outcome_is_a_legal_move_out_of_running(outcome: Outcome) -> None:
    assert outcome.state in LEADS_TO[State.RUNNING]
    assert outcome.state is not State.RUNNING


def test_what_is_nobodys_failure_spends_no_attempt() -> None:
    assert [each.spends_attempt for each in (snooze(5), snooze(0), hand_back(), hold("unknown_task"))] == [False] * 4
    assert [each.spends_attempt for each in (complete(), skip("x"), retry(5), give_up("x"), cancel())] == [True] * 5


def test_a_wait_of_nothing_is_no_wait() -> None:
    assert (retry(0).state, snooze(0).state, snooze(-5).state) == (State.QUEUED,) * 3
    assert (retry(1).state, snooze(1).state) == (State.SCHEDULED,) * 2


def test_skipped_is_completed_with_a_word() -> None:
    """DESIGN 1: a view, not a state."""
    assert skip("already_processed") == Outcome(State.COMPLETED, "already_processed", "skipped")
    assert complete("1").outcome is None
