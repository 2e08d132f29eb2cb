"""Progress in percent, and the views of a job's values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.job import NewJob, Progress


@pytest.mark.parametrize(
    ("done", "total", "percent"),
    [
        (100, 150, 67),  # X2
        (1, 8, 13),  # 12.5: half rounds up
        (1, 3, 33),
        (2, 3, 67),
        (0, 10, 0),
        (10, 10, 100),
        (999, 1_000, 99),  # X2: never 100 early
        (9_999_999, 10_000_000, 99),
        (11, 10, 100),
        (-1, 10, 0),
        (1, 0, None),
        (1, None, None),
    ],
)
def test_progress_in_percent(done: int, total: int | None, percent: int | None) -> None:
    """X2."""
    assert Progress(done, total).percent == percent


@given(done=st.integers(0, 10**15), total=st.integers(1, 10**15))
def test_100_percent_means_done(done: int, total: int) -> None:
    """X2."""
    percent = Progress(done, total).percent
    assert percent is not None
    assert (percent == 100) == (done >= total)
    assert 0 <= percent <= 100


@given(total=st.integers(1, 2_000), done=st.integers(0, 2_000))
def test_percent_never_falls_while_work_is_done(total: int, done: int) -> None:
    before, after = Progress(done, total).percent, Progress(done + 1, total).percent
    assert before is not None
    assert after is not None
    assert before <= after


def test_a_job_asks_for_one_attempt_at_once_unless_told_otherwise() -> None:
    new = NewJob("a", "greet", "default", "{}")
    assert (new.priority, new.max_attempts, new.due_at, new.due_in, new.held) == (0, 1, None, None, None)
