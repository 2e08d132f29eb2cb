"""Errors are a tree, and each a sentence that names the thing and the remedy."""

from datetime import timedelta

import pytest

import treadle.core.errors as errors
from treadle.core.errors import (
    ConfigError,
    DuplicateJob,
    InvalidArguments,
    JobFailed,
    JobNotDone,
    JobNotFound,
    MissingExtra,
    PayloadTooLarge,
    ResultExpired,
    RetryLater,
    Snooze,
    StoreError,
    StoreUnavailable,
    TimedOut,
    TooManyJobs,
    TreadleError,
    UnknownTask,
)


def test_every_error_is_a_treadle_error() -> None:
    raised = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert len(raised) > 15
    assert all(issubclass(each, TreadleError) for each in raised)


def test_every_error_stands_in_the_drawing() -> None:
    raised = [name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, Exception)]
    unheard = [name for name in raised if name not in (errors.__doc__ or "")]
    assert unheard == ["TimedOut", "Crashed"], "these two are the engine's own"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("mail.snyc", "No task is called 'mail.snyc' here. Did you mean 'mail.sync'?"),
        ("qqq", "No task is called 'qqq' here. Is its module imported, its pack included?"),
        ("", "No task is called '' here. Is its module imported, its pack included?"),
    ],
)
def test_an_unknown_task_gets_a_hint(asked: str, told: str) -> None:
    error = UnknownTask(asked, {"mail.sync": 1, "ai.summarize": 2})
    assert str(error) == told
    assert error.name == asked


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (MissingExtra("ai", "vaderSentiment"), ["vaderSentiment", "pip install 'treadle[ai]'"]),
        (InvalidArguments("greet", "the argument 'name' is missing"), ["greet", "'name'"]),
        (PayloadTooLarge("greet", "arguments", 300_000, 262_144), ["300,000", "262,144", "pass its id"]),
        (TooManyJobs(1_200_000, 50_000), ["1,200,000", "50,000", "several calls"]),
        (DuplicateJob("greet", "u1", "0001"), ["greet", "0001", "'u1'"]),
        (JobNotFound("x"), ["'x'", "purged", "treadle job list"]),
        (JobNotDone("x", "queued", 2.5), ["x", "queued", "2.5 s", "worker running"]),
        (JobFailed("x", "failed", "boom"), ["x", "failed", "boom"]),
        (ResultExpired("x"), ["x", "result_ttl"]),
        (TimedOut(1_500), ["1.5 s"]),
    ],
)
def test_an_error_names_the_thing_and_the_remedy(error: TreadleError, parts: list[str]) -> None:
    assert [part for part in parts if part not in str(error)] == []


def test_who_waits_in_vain_may_catch_the_timeout_of_the_language() -> None:
    assert isinstance(JobNotDone("x", "queued", 1), TimeoutError)


def test_what_may_go_through_later_is_also_what_was_refused() -> None:
    assert issubclass(StoreUnavailable, StoreError)
    assert issubclass(MissingExtra, ConfigError)


@pytest.mark.parametrize(
    ("given", "milliseconds"), [(30, 30_000), (0.0005, 0), (1.2345, 1_234), (timedelta(minutes=2), 120_000), (0, 0)]
)
def test_waits_are_whole_milliseconds_inside(given: float | timedelta, milliseconds: int) -> None:
    assert Snooze(given).delay == RetryLater(given).after == milliseconds
