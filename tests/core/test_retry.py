"""When to try again: the tables that the back ends wrote down."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.errors import ConfigError
from treadle.core.retry import LONGEST, NEVER, Delays, Exponential, Fixed, Listed, Retry

ERROR = ValueError("no")


def waits(policy: Retry, number: int = 3, chance: float = 0.0) -> list[float]:
    """Compute the first waits, in seconds."""
    return [policy.delay(count, ERROR, chance) / 1000 for count in range(1, number + 1)]


@pytest.mark.parametrize(
    ("policy", "seconds"),
    [
        (Retry(3, Exponential(60)), [60, 120, 240]),  # S2.06: e-mail sync
        (Retry(3, Exponential(30)), [30, 60, 120]),  # S2.06: processing
        (Retry(3, Exponential(120)), [120, 240, 480]),  # S4.08, X1: 2, 4, 8 minutes
        (Retry(3), [60, 120, 240]),  # X6: the default
        (Retry(3, 5), [5, 5, 5]),
        (Retry(3, 0.25), [0.25, 0.25, 0.25]),
        (Retry(3, timedelta(minutes=2)), [120, 120, 120]),
        (Retry(3, Fixed(timedelta(seconds=7))), [7, 7, 7]),
        (Retry(3, [1, 10]), [1, 10, 10]),
        (Retry(3, (timedelta(hours=1), 2.5)), [3600, 2.5, 2.5]),
        (Retry(3, Listed((4, 5, 6))), [4, 5, 6]),
        (Retry(3, Exponential(1, factor=3, cap=5)), [1, 3, 5]),
        (Retry(3, Exponential(timedelta(minutes=1), cap=timedelta(minutes=3))), [60, 120, 180]),
        (Retry(3, lambda number, error: number * 100), [100, 200, 300]),
        (Retry(3, lambda number, error: timedelta(days=number)), [86_400, 172_800, 259_200]),
    ],
)
def test_the_waits_are_those_of_the_table(policy: Retry, seconds: list[float]) -> None:
    """S2.06, S4.08."""
    assert waits(policy) == seconds


def test_notifications_and_cleanup_are_never_tried_again() -> None:
    """S2.06."""
    assert (NEVER.times, NEVER.attempts) == (0, 1)


def test_so_many_retries_are_one_attempt_more() -> None:
    assert [Retry(times).attempts for times in (0, 1, 3)] == [1, 2, 4]


def test_a_function_is_told_the_error() -> None:
    policy = Retry(3, lambda number, error: 60 if isinstance(error, TimeoutError) else 1, jitter=0)
    assert (policy.delay(1, TimeoutError(), 0.0), policy.delay(1, ERROR, 0.0)) == (60_000, 1_000)


@given(chance=st.floats(0, 1, exclude_max=True), jitter=st.floats(0, 1), number=st.integers(1, 50))
def test_jitter_only_lengthens_and_by_its_share_at_most(chance: float, jitter: float, number: int) -> None:
    exact = Retry(3, Exponential(60), jitter=0).delay(number, ERROR, chance)
    jittered = Retry(3, Exponential(60), jitter=jitter).delay(number, ERROR, chance)
    assert exact <= jittered <= exact * (1 + jitter) + 1


def test_jitter_spreads_over_its_whole_share() -> None:
    policy = Retry(3, 100, jitter=0.5)
    assert [policy.delay(1, ERROR, chance) for chance in (0.0, 0.5, 0.999)] == [100_000, 125_000, 149_950]


@given(number=st.integers(-5, 10_000), base=st.floats(0, 1e12), factor=st.floats(0, 1e6))
def test_no_wait_is_negative_or_endless(number: int, base: float, factor: float) -> None:
    assert 0 <= Retry(3, Exponential(base, factor, cap=1e9)).delay(number, ERROR, 0.9) <= LONGEST


@pytest.mark.parametrize(("told", "expected"), [(-5, 0), (1e300, LONGEST), (float("inf"), LONGEST)])
def test_a_function_that_computes_nonsense_is_kept_within_bounds(told: float, expected: int) -> None:
    assert Retry(3, lambda number, error: told).delay(1, ERROR, 0.0) == expected


def test_only_the_errors_asked_for_are_tried_again() -> None:
    policy = Retry(3, retry_on=(OSError,), give_up_on=(PermissionError,))
    assert [policy.covers(error) for error in (OSError(), TimeoutError(), PermissionError(), ValueError())] == [
        True, True, False, False,
    ]  # fmt: skip


def test_by_default_every_error_is_tried_again_but_no_interrupt() -> None:
    assert [Retry().covers(error) for error in (ValueError(), KeyboardInterrupt(), SystemExit())] == [
        True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("times", "backoff", "jitter", "told"),
    [(-1, None, 0.1, "times=-1"), (3, [], 0.1, "list of delays is empty"), (3, 1, 1.5, "jitter=1.5"), (3, 1, -1, "-1")],
)
def test_a_policy_that_cannot_work_says_why(times: int, backoff: Delays | None, jitter: float, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Retry(times, backoff, jitter=jitter)
