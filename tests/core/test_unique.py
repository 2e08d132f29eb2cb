"""When two calls are one: the key that a job may have alone."""

from datetime import timedelta
from typing import Any

import pytest

from treadle import ConfigError, Debounce, InvalidArguments, Throttle, Unique
from treadle.unique import LONGEST, one_of

ARGS = {"user": "u1", "folder": "in", "full": False}
MINUTE = 60_000


def key(unique: Unique, args: Any = ARGS, *, tenant: str | None = None, now: int = 0) -> str:
    return unique.key("sync", tenant, args, now)


def test_jobs_of_the_same_named_arguments_are_one() -> None:
    assert key(Unique("user")) == key(Unique("user"), ARGS | {"folder": "out"})
    assert key(Unique("user")) != key(Unique("user"), ARGS | {"user": "u2"})
    assert key(Unique("user")) != key(Unique("folder"))
    assert key(Unique()) == key(Unique(), {})


def test_a_tenants_job_is_its_own_unless_it_is_one_for_all() -> None:
    assert key(Unique("user"), tenant="a") != key(Unique("user"), tenant="b")
    everybody = Unique("user", per_tenant=False)
    assert key(everybody, tenant="a") == key(everybody, tenant="b")


def test_a_key_is_a_text_or_what_a_function_makes_of_the_arguments() -> None:
    assert key(Unique(key="all")) == key(Unique(key="all"), {"user": "u2"})
    assert key(Unique(key=lambda args: args["user"])) != key(Unique(key=lambda args: args["folder"]))
    with pytest.raises(InvalidArguments, match="unique key"):
        key(Unique(key=lambda args: args["nobody"]))


def test_a_long_value_is_told_by_its_hash() -> None:
    keys = {key(Unique("user"), {"user": start + "x" * 100_000}) for start in "ab"}
    assert len(keys) == 2
    assert all(len(each) <= LONGEST for each in keys)


def test_a_debounce_that_has_a_most_begins_anew_with_each_stretch_of_time() -> None:
    bounded = Debounce(timedelta(minutes=1), "user", most=timedelta(minutes=5))
    assert len({key(bounded, now=minute * MINUTE) for minute in range(4)}) == 1
    assert len({key(bounded, now=minute * MINUTE) for minute in range(40)}) == 10
    unbounded = Debounce(timedelta(minutes=1), "user")
    assert len({key(unbounded, now=minute * MINUTE) for minute in range(40)}) == 1


@pytest.mark.parametrize("first", range(0, 10 * MINUTE, 7_001))
def test_it_is_never_later_than_most_after_the_first_call(first: int) -> None:
    bounded = Debounce(timedelta(minutes=1), most=timedelta(minutes=5))
    calls = range(first, first + 10 * MINUTE, 1_000)
    last = max(at for at in calls if key(bounded, now=at) == key(bounded, now=first))
    assert last + bounded.delay <= first + 5 * MINUTE


@pytest.mark.parametrize(
    "wish",
    [
        lambda: Debounce(timedelta(minutes=1), most=timedelta(minutes=1)),
        lambda: Debounce(timedelta(minutes=1), most=timedelta(0)),
        lambda: Debounce(60),  # type: ignore[arg-type]  # what somebody may write
        lambda: Unique(["user"]),  # type: ignore[arg-type]  # what somebody may write
        lambda: Unique(key=5),  # type: ignore[arg-type]  # what somebody may write
        lambda: one_of("sync", Unique(), Debounce(timedelta(1)), None),
        lambda: one_of("sync", "user", None, None),  # type: ignore[arg-type]  # what somebody may write
        lambda: one_of("sync", None, None, Debounce(timedelta(1))),  # type: ignore[arg-type]  # what somebody may write
    ],
)
def test_what_cannot_work_is_refused_where_it_is_wished(wish: Any) -> None:
    with pytest.raises(ConfigError):
        wish()


def test_one_is_picked() -> None:
    throttle = Throttle(timedelta(1))
    assert one_of("sync", None, None, throttle) is throttle
    assert one_of("sync", None, None, None) is None
