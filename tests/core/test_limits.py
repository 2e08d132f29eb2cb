"""What may be wished of limits, and what a call's arguments make of it."""

from datetime import timedelta
from typing import Any

import pytest

from treadle import Budget, ConfigError, Debounce, InvalidArguments, Limit, Rate, Throttle, Unique
from treadle.core.flow.gates import Kind
from treadle.core.flow.lanes import read_lane
from treadle.governing import Governing
from treadle.limits import tolls_of


@pytest.mark.parametrize(
    ("text", "units", "period"),
    [("250/s", 250, 1_000), ("600/min", 600, 60_000), ("1_000/h", 1_000, 3_600_000), ("10000/day", 10_000, 86_400_000)],
)
def test_a_rate_is_a_number_and_a_period(text: str, units: int, period: int) -> None:
    rate = Rate(text)
    assert (rate.units, rate.period, rate.burst) == (units, period, units)


@pytest.mark.parametrize(
    "text", ["", "10", "10/", "/s", "0/s", "-1/s", "ten/s", "1/fortnight", "nan/s", "inf/s", "1.5/s"]
)
def test_another_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="600/min"):
        Rate(text)


@pytest.mark.parametrize(
    "wish",
    [
        lambda: Limit(0),
        lambda: Limit(1.5),  # type: ignore[arg-type]  # what somebody may write
        lambda: Limit(True),
        lambda: Limit(1, key=5),  # type: ignore[arg-type]  # what somebody may write
        lambda: Limit(1, name=""),
        lambda: Limit(1, name="a\nb"),
        lambda: Rate("1/s", burst=0),
        lambda: Rate("1/day", burst=10**9),
        lambda: Rate("1/s", burst=1.0),  # type: ignore[arg-type]  # what somebody may write
        lambda: Budget("0.0000001/day", unit="money"),
        lambda: Budget("1/day", unit="hope"),  # type: ignore[arg-type]  # what somebody may write
        lambda: Unique(on_conflict="panic"),  # type: ignore[arg-type]  # what somebody may write
        lambda: Unique(until="dawn"),  # type: ignore[arg-type]  # what somebody may write
        lambda: Unique("a", key="b"),
        lambda: Unique(window=timedelta(0)),
        lambda: Debounce(timedelta(0)),
        lambda: Throttle(timedelta(0)),
    ],
)
def test_what_cannot_work_is_refused_where_it_is_declared(wish: Any) -> None:
    with pytest.raises(ConfigError):
        wish()


def governing(*tolls: Any, tenant: str | None = None, ordering: str | None = None) -> Governing:
    return Governing("sync", tolls_of("sync", tolls), tenant, "ada", ordering, None, {"size": 7})


def test_a_key_is_an_argument_a_default_or_the_jobs_own() -> None:
    lane, costs = governing(
        Limit(1, key="user"), Rate("9/s", key="tenant"), Budget("9/day", key="owner", cost="size"), tenant="acme"
    ).of({"user": "u1"})
    assert lane is not None
    assert [gate.key for gate in read_lane(lane).gates] == ["user=u1", "tenant=acme", "owner=ada"]
    assert costs == "[1,1,7]"
    assert read_lane(lane).tenant == "acme"


def test_a_limit_for_all_and_one_for_each_are_told_apart() -> None:
    tolls = tolls_of("sync", [Limit(50), Limit(1, key="user"), Limit(2, key="user")])
    assert len({toll.policy for toll in tolls}) == 3


def test_a_long_or_unprintable_value_is_told_by_its_hash() -> None:
    one_at_a_time = governing(Limit(1, key="user"))
    lanes = {one_at_a_time.of({"user": user}).lane for user in ("x" * 500, "y" * 500, "a\x00", "a\x01", "\ud800")}
    assert len(lanes) == 5
    assert all(lane is not None and len(lane) < 200 for lane in lanes)


@pytest.mark.parametrize("size", [None, "many", -1, True, float("nan"), 10])
def test_a_cost_that_is_none_or_can_never_be_paid_is_refused(size: Any) -> None:
    with pytest.raises(InvalidArguments, match="cost"):
        governing(Rate("9/s", cost="size")).of({"size": size})


def test_a_key_that_raises_is_a_sentence() -> None:
    with pytest.raises(InvalidArguments, match="key or cost"):
        governing(Limit(1, key=lambda args: args["nobody"])).of({})


def test_where_arguments_say_nothing_all_jobs_get_the_same() -> None:
    own = ("tenant", "owner")
    tolls = tolls_of("sync", Limit(5), Rate("9/s", key="tenant", cost=3))
    constant = Governing("sync", tolls, "acme", None, None, "a1", {}, own).constant
    assert constant is not None
    assert constant == Governing("sync", tolls, "acme", None, None, "a1", {}).of({"user": "u1"})
    assert constant.costs == "[1,3,1]"
    for varying in (Limit(5, key="user"), Limit(5, key=lambda args: "x"), Rate("9/s", cost="size")):
        assert Governing("sync", tolls_of("sync", varying), None, None, None, None, {"size": 1}, own).constant is None
    assert Governing("sync", tolls, "acme", None, None, None, {}, ("owner",)).constant is None, "an argument: tenant"


def test_a_chosen_ordering_key_wins_over_the_tasks_argument() -> None:
    lane, _ = Governing("sync", (), None, None, "account", "a2", {}).of({"account": "a1"})
    assert lane is not None
    assert [gate.key for gate in read_lane(lane).gates] == ["a2"]


def test_money_is_counted_in_millionths() -> None:
    (toll,) = tolls_of("ask", Budget("2.50/day", unit="money", cost=0.01))
    assert (toll.limit, toll.units("ask", {})) == (2_500_000, 10_000)


def test_an_ordering_key_is_the_last_gate_and_shared_by_all_tasks() -> None:
    lane, _ = governing(Limit(5), ordering="account").of({"account": "a1"})
    assert lane is not None
    last = read_lane(lane).gates[-1]
    assert (last.kind, last.name) == (Kind.ORDER, "order:account=a1")
