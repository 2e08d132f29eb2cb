"""What an ending does to gates, and which lanes are opened for that."""

from typing import Any

import pytest

from treadle.core.flow.choosing import PLAIN, Choice, Row, Shut, Waiting
from treadle.core.flow.gates import REST, Gate, Kind, Park, Standing
from treadle.core.flow.lanes import write_lane
from treadle.core.flow.leaving import gates_of, leave_all, parked
from treadle.core.flow.opening import MOST, SPARE, after_choosing, after_leaving
from treadle.core.flow.steering import Steer, Steering
from treadle.core.job import Claim, Ending, Spent
from treadle.core.outcomes import Outcome, complete, give_up, hand_back, retry, snooze

NOON = 1_795_608_000_000
TODAY = NOON // 86_400_000

TWO = Gate(Kind.CONCURRENCY, "sync:concurrency", "user_id=u1", 2)
ALL = Gate(Kind.CONCURRENCY, "fleet:concurrency", "", 5)
API = Gate(Kind.RATE, "api:rate", "", 10, 1_000, 1)
ORDER = Gate(Kind.ORDER, "sync:order", "account=a", 1)
DAILY = Gate(Kind.BUDGET, "tokens:budget", "", 100, 86_400_000)


def lane(*gates: Gate, tenant: str | None = None) -> str:
    text = write_lane("sync", tenant, gates)
    assert text is not None
    return text


def claim(id: str = "a", *gates: Gate, tenant: str | None = None) -> Claim:
    nothing: dict[str, Any] = dict.fromkeys(("expires_at", "result_ttl", "owner", "batch", "meta"))
    return Claim(
        ref=id, id=id, task="sync", queue="mail", args="{}", priority=0, attempt=1, max_attempts=3, epoch=1, crashes=0,
        queued_at=NOON, tenant=tenant, lane=lane(*gates, tenant=tenant) if gates else None, **nothing,
    )  # fmt: skip


def left(*ended: Ending, steering: Steering | None = None, **standings: Standing) -> dict[str, Standing]:
    by_policy = {name.replace("_", ":"): standing for name, standing in standings.items()}
    changed = leave_all(ended, lambda gate: by_policy.get(gate.policy, REST), steering or {}, NOON)
    return {gate.policy: standing for gate, standing in changed.values()}


def test_a_claim_has_entered_its_own_gates_and_an_operators() -> None:
    steering = {"task=sync": Steer(limit=3), "sync:concurrency": Steer(limit=9)}
    cap = Gate(Kind.CONCURRENCY, "task=sync", "", 3)
    assert gates_of(claim("a", TWO, API), {}) == (TWO, API)
    assert gates_of(claim("a", TWO, API), steering) == (cap, TWO._replace(limit=9), API)
    assert gates_of(claim(), {}) == ()
    assert gates_of(claim(), steering) == (cap,)


@pytest.mark.parametrize("outcome", [complete(), give_up("error"), retry(0), retry(9), snooze(9), hand_back()])
def test_whatever_its_outcome_an_attempt_leaves_its_place(outcome: Outcome) -> None:
    changed = left(Ending(claim("a", TWO, API), outcome), sync_concurrency=Standing(used=2), api_rate=Standing(mark=9))
    assert changed == {"sync:concurrency": Standing(used=1)}


@pytest.mark.parametrize(
    ("outcome", "holder"),
    [(complete(), ""), (give_up("error"), ""), (retry(9), "a"), (retry(0), "a"), (snooze(9), "a")],
)
def test_an_order_is_given_up_for_good_only(outcome: Outcome, holder: str) -> None:
    changed = left(Ending(claim("a", ORDER), outcome), sync_order=Standing(holder="a"))
    assert changed.get("sync:order", Standing(holder="a")).holder == holder


def test_several_who_leave_one_gate_count_each() -> None:
    ended = [Ending(claim(id, TWO, ALL), complete()) for id in "abc"]
    changed = left(*ended, sync_concurrency=Standing(used=2), fleet_concurrency=Standing(used=4))
    assert changed == {"sync:concurrency": REST, "fleet:concurrency": Standing(used=1)}


def test_what_was_not_spent_comes_back_in_its_window_only() -> None:
    spent = (Spent("tokens:budget", -30, TODAY), Spent("tokens:budget", -30, TODAY - 1), Spent("other", -5, TODAY))
    ended = Ending(claim("a", DAILY), complete(), spent=spent)
    assert left(ended, tokens_budget=Standing(used=80, mark=TODAY)) == {"tokens:budget": Standing(used=50, mark=TODAY)}


def test_a_gate_that_was_not_entered_is_neither_spent_nor_parked() -> None:
    outcome = complete()._replace(park=Park(30_000))
    assert left(Ending(claim(), outcome, spent=(Spent("tokens:budget", -30, TODAY),))) == {}


def test_a_try_again_later_parks_the_rates_or_else_what_has_a_key() -> None:
    assert parked([TWO, ALL, API, ORDER, DAILY]) == [API]
    assert parked([TWO, ALL, ORDER, DAILY]) == [TWO]
    assert parked([ALL, ORDER, DAILY]) == []
    outcome = snooze(30_000, "retry_later")._replace(park=Park(30_000, 7, 60_000))
    changed = left(Ending(claim("a", TWO, API), outcome), sync_concurrency=Standing(used=1))
    assert changed == {
        "sync:concurrency": REST,
        "api:rate": Standing(until=NOON + 30_000, spacing=7, spaced_until=NOON + 60_000),
    }


@pytest.mark.parametrize(
    ("gate", "standing", "room"),
    [
        (TWO, Standing(used=0), 2 + SPARE),
        (TWO, Standing(used=1), 1 + SPARE),
        (TWO, Standing(used=2), 1 + SPARE),  # others may have been told of another limit
        (TWO._replace(limit=50_000), REST, MOST),
        (ORDER, REST, SPARE),
        (ORDER, Standing(holder="a"), None),
        (DAILY, Standing(used=99, mark=TODAY), MOST),  # of its jobs one may cost less than another
        (API, REST, None),  # its lanes know the instant
    ],
)
def test_as_many_lanes_are_opened_as_may_fit_and_some_to_spare(
    gate: Gate, standing: Standing, room: int | None
) -> None:
    assert after_leaving({gate.name: (gate, standing)}) == ({} if room is None else {gate.name: room})


def row(*gates: Gate) -> Row:
    return Row(lane(*gates), [Waiting("a", "a", 0, 0)])


def opened(
    choice: Choice, *vanished: tuple[str, str], steering: Steering | None = None, **standings: Standing
) -> dict[tuple[str, str], int]:
    by_name = {name.replace("_", ":"): standing for name, standing in standings.items()}
    return after_choosing(choice, vanished, by_name, steering or {}, NOON)


def test_a_lane_that_is_shut_at_one_gate_lets_another_use_its_others() -> None:
    choice = Choice(shut=[Shut("mail", row(ALL, TWO), TWO.name, None)])
    assert opened(choice, fleet_concurrency=Standing(used=3)) == {("mail", ALL.name): 2 + SPARE}
    assert opened(choice, fleet_concurrency=Standing(used=5)) == {}


def test_what_has_entered_in_this_claim_counts() -> None:
    choice = Choice(shut=[Shut("mail", row(ALL, TWO), TWO.name, None)])
    choice.standings[ALL.name] = ALL, Standing(used=5)
    assert opened(choice, fleet_concurrency=Standing(used=3)) == {}


def test_a_lane_in_which_no_job_is_left_lets_another_use_all_its_gates() -> None:
    expected = {("mail", ALL.name): 5 + SPARE, ("mail", TWO.name): 2 + SPARE}
    assert opened(Choice(emptied=[("mail", row(ALL, TWO, API, DAILY))])) == expected, (
        "all that wait for a budget are out"
    )
    assert opened(Choice(), ("mail", lane(ALL, TWO))) == expected
    assert opened(Choice(emptied=[("mail", Row(PLAIN, ()))])) == {}


def test_an_operators_limit_is_a_gate_as_others_are() -> None:
    choice = Choice(shut=[Shut("mail", row(TWO), TWO.name, None)])
    assert opened(choice, steering={"task=sync": Steer(limit=3)}) == {("mail", "task=sync"): 3 + SPARE}


def test_the_gate_at_which_it_is_shut_is_not_opened_for_its_own_sake() -> None:
    assert opened(Choice(shut=[Shut("mail", row(TWO), TWO.name, None)])) == {}
