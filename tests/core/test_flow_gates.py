"""Gates: who may enter, when to ask again, and what is remembered; as tables, and as what holds whatever happens."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.flow.gates import (
    PASSES,
    REST,
    SHUT,
    Gate,
    Kind,
    Park,
    Standing,
    adjust,
    ask,
    enter,
    idle_at,
    leave,
    park,
)

DAY = 86_400_000
NOON = 1_795_608_000_000  # 2026-11-25 12:00 UTC
TODAY = NOON // DAY

TWO = Gate(Kind.CONCURRENCY, "sync:concurrency", "user_id=u1", 2)
ORDER = Gate(Kind.ORDER, "sync:order", "account=a", 1)
TEN_A_SECOND = Gate(Kind.RATE, "api:rate", "", 10, 1_000, 1)
BURST = Gate(Kind.RATE, "api:rate", "", 10, 1_000, 5)
DAILY = Gate(Kind.BUDGET, "tokens:budget", "tenant=acme", 100, DAY)


def test_a_gate_is_named_by_its_policy_and_its_key() -> None:
    assert (TWO.name, BURST.name) == ("sync:concurrency:user_id=u1", "api:rate")


ASKED = [
    # concurrency: as many as fit, and who waits is told when somebody leaves
    (TWO, REST, 1, PASSES),
    (TWO, Standing(used=1), 1, PASSES),
    (TWO, Standing(used=2), 1, SHUT),
    (TWO, Standing(used=3), 1, SHUT),  # an operator has lowered the limit since
    (TWO._replace(limit=0), REST, 1, SHUT),
    # order: nobody but who has the turn
    (ORDER, REST, 1, PASSES),
    (ORDER, Standing(holder="me"), 1, PASSES),
    (ORDER, Standing(holder="other"), 1, SHUT),
    # rate: one each 100 ms, so many ahead of time as the burst allows
    (TEN_A_SECOND, REST, 1, PASSES),
    (TEN_A_SECOND, Standing(mark=NOON * 1_000), 1, PASSES),
    (TEN_A_SECOND, Standing(mark=NOON * 1_000 + 1), 1, NOON + 1),
    (TEN_A_SECOND, Standing(mark=NOON * 1_000 + 100_000), 1, NOON + 100),
    (BURST, REST, 5, PASSES),
    (BURST, Standing(mark=(NOON + 400) * 1_000), 1, PASSES),
    (BURST, Standing(mark=(NOON + 400) * 1_000), 2, NOON + 100),
    (BURST, Standing(mark=(NOON + 500) * 1_000), 5, NOON + 500),
    (BURST, REST, 50, PASSES),  # more than ever fits costs all that fits
    (BURST, Standing(mark=(NOON + 100) * 1_000), 50, NOON + 100),
    (BURST._replace(limit=0), REST, 1, SHUT),  # as an operator may wish
    # budget: up to the last unit of its window, and then in the next
    (DAILY, REST, 100, PASSES),
    (DAILY, Standing(used=99, mark=TODAY), 1, PASSES),
    (DAILY, Standing(used=99, mark=TODAY), 2, (TODAY + 1) * DAY),
    (DAILY, Standing(used=100, mark=TODAY), 0, PASSES),
    (DAILY, Standing(used=100, mark=TODAY - 1), 100, PASSES),
    (DAILY, REST, 101, (TODAY + 1) * DAY),
    # parked: whatever it counts
    (TWO, Standing(until=NOON + 7), 1, NOON + 7),
    (ORDER, Standing(until=NOON + 7, holder="me"), 1, NOON + 7),
    (BURST, Standing(until=NOON + 7), 1, NOON + 7),
    (DAILY, Standing(until=NOON + 7), 1, NOON + 7),
    (TWO, Standing(until=NOON), 1, PASSES),
    # spaced as the other side told: one each 3 s, and none ahead of time; for as long as that holds
    (BURST, Standing(spacing=3_000_000, spaced_until=NOON + 60_000), 1, PASSES),
    (BURST, Standing(mark=(NOON + 3_000) * 1_000, spacing=3_000_000, spaced_until=NOON + 60_000), 1, NOON + 3_000),
    (BURST, Standing(mark=(NOON + 3_000) * 1_000, spacing=3_000_000, spaced_until=NOON + 1_000), 1, NOON + 1_000),
    (BURST, Standing(mark=(NOON + 400) * 1_000, spacing=3_000_000, spaced_until=NOON), 1, PASSES),
    (BURST, Standing(mark=(NOON + 400) * 1_000, spacing=1, spaced_until=NOON + 60_000), 1, PASSES),  # no faster
    # the other side counts jobs, not what each costs here
    (BURST, Standing(mark=(NOON + 3_000) * 1_000, spacing=3_000_000, spaced_until=NOON + 60_000), 5, NOON + 3_000),
]


@pytest.mark.parametrize(("gate", "standing", "cost", "answer"), ASKED)
def test_a_gate_answers_that_it_passes_or_when_to_ask_again(
    gate: Gate, standing: Standing, cost: int, answer: int
) -> None:
    assert ask(gate, standing, "me", cost, NOON) == answer


TOLD = Standing(until=5, spacing=6, spaced_until=7)

ENTERED = [
    (TWO, TOLD._replace(used=1), 1, TOLD._replace(used=2)),
    (ORDER, TOLD, 1, TOLD._replace(holder="me")),
    (ORDER, Standing(holder="me"), 1, Standing(holder="me")),
    (BURST, REST, 1, Standing(mark=(NOON + 100) * 1_000)),
    (BURST, TOLD._replace(mark=(NOON + 100) * 1_000), 3, TOLD._replace(mark=(NOON + 400) * 1_000)),
    (BURST, Standing(mark=1), 2, Standing(mark=(NOON + 200) * 1_000)),
    (BURST, REST, 50, Standing(mark=(NOON + 500) * 1_000)),
    (DAILY, TOLD._replace(used=40, mark=TODAY), 60, TOLD._replace(used=100, mark=TODAY)),
    (DAILY, Standing(used=40, mark=TODAY - 1), 60, Standing(used=60, mark=TODAY)),
    (DAILY, Standing(used=40, mark=TODAY), 0, Standing(used=40, mark=TODAY)),
]


@pytest.mark.parametrize(("gate", "before", "cost", "after"), ENTERED)
def test_who_enters_is_remembered(gate: Gate, before: Standing, cost: int, after: Standing) -> None:
    assert enter(gate, before, "me", cost, NOON) == after


LEFT = [
    (TWO, TOLD._replace(used=2), True, TOLD._replace(used=1)),
    (TWO, Standing(used=2), False, Standing(used=1)),
    (TWO, REST, True, REST),
    (ORDER, TOLD._replace(holder="me"), True, TOLD),
    (ORDER, Standing(holder="me"), False, Standing(holder="me")),
    (ORDER, Standing(holder="other"), True, Standing(holder="other")),
    (BURST, Standing(mark=7), True, Standing(mark=7)),
    (DAILY, Standing(used=7, mark=TODAY), True, Standing(used=7, mark=TODAY)),
]


@pytest.mark.parametrize(("gate", "before", "final", "after"), LEFT)
def test_who_leaves_gives_back_a_place_and_an_order_only_for_good(
    gate: Gate, before: Standing, final: bool, after: Standing
) -> None:
    assert leave(gate, before, "me", final=final) == after


@pytest.mark.parametrize(
    ("before", "units", "window", "after"),
    [
        (Standing(used=50, mark=TODAY), 7, TODAY, 57),
        (Standing(used=50, mark=TODAY), -7, TODAY, 43),
        (Standing(used=5, mark=TODAY), -7, TODAY, 0),
        (Standing(used=50, mark=TODAY), -7, TODAY - 1, 50),  # that window is over
        (Standing(used=50, mark=TODAY - 1), -7, TODAY, 50),
    ],
)
def test_what_was_spent_is_corrected_in_its_own_window_only(
    before: Standing, units: int, window: int, after: int
) -> None:
    assert adjust(before, units, window) == before._replace(used=after)


@pytest.mark.parametrize(
    ("before", "told", "after"),
    [
        (REST, Park(30_000), Standing(until=NOON + 30_000)),
        (Standing(until=NOON + 90_000), Park(30_000), Standing(until=NOON + 90_000)),
        (Standing(used=1, until=NOON + 9), Park(30_000), Standing(used=1, until=NOON + 30_000)),
        (REST, Park(5, 700, 60_000), Standing(until=NOON + 5, spacing=700, spaced_until=NOON + 60_000)),
        (Standing(spacing=1, spaced_until=2), Park(0), Standing(until=NOON, spacing=1, spaced_until=2)),
    ],
)
def test_a_gate_is_parked_for_as_long_as_was_said_and_never_for_less(
    before: Standing, told: Park, after: Standing
) -> None:
    assert park(before, told, NOON) == after


@pytest.mark.parametrize(
    ("gate", "standing", "instant"),
    [
        (TWO, REST, NOON),
        (TWO, Standing(used=1), None),
        (TWO, Standing(until=NOON + 9), NOON + 9),
        (ORDER, Standing(holder="a"), None),
        (BURST, Standing(mark=(NOON + 400) * 1_000 + 1), NOON + 401),
        (BURST, Standing(mark=7), NOON),
        (BURST, Standing(spacing=9, spaced_until=NOON + 60_000), NOON + 60_000),
        (DAILY, Standing(used=7, mark=TODAY), (TODAY + 1) * DAY),
        (DAILY, Standing(used=7, mark=TODAY - 1), NOON),
    ],
)
def test_a_standing_says_from_when_on_it_says_nothing(gate: Gate, standing: Standing, instant: int | None) -> None:
    assert idle_at(gate, standing, NOON) == instant


# -- what holds whatever happens -------------------------------------------------------

RATES = st.builds(
    Gate,
    st.just(Kind.RATE),
    st.just("api:rate"),
    st.just(""),
    st.integers(1, 5_000),
    st.sampled_from([1_000, 60_000, 3_600_000, DAY]),
    st.integers(1, 50),
)
ARRIVALS = st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 50)), min_size=1, max_size=60)


def _entries(gate: Gate, arrivals: list[tuple[int, int]], *, waits: bool) -> list[tuple[int, int]]:
    """Let jobs in as the gate says; who is refused comes again in time (or not at all). Answer (when, units)."""
    now, standing, entered = NOON, REST, list[tuple[int, int]]()
    for pause, units in arrivals:
        now, cost = now + pause, min(units, gate.burst)
        until = ask(gate, standing, "me", cost, now)
        if until != PASSES and waits:
            now = until
        if ask(gate, standing, "me", cost, now) == PASSES:
            standing = enter(gate, standing, "me", cost, now)
            entered.append((now, cost))
    return entered


@given(RATES, ARRIVALS, st.booleans())
def test_no_interval_sees_more_than_the_burst_and_what_the_rate_adds(
    gate: Gate, arrivals: list[tuple[int, int]], waits: bool
) -> None:
    entered = _entries(gate, arrivals, waits=waits)
    for first, (begin, _) in enumerate(entered):
        for last in range(first, len(entered)):
            units = sum(units for _, units in entered[first : last + 1])
            # A microsecond is the smallest that is counted.
            added = Fraction(gate.limit * ((entered[last][0] - begin) * 1_000 + 1), gate.period * 1_000)
            assert units <= gate.burst + added


class Bucket:
    """A token bucket as the books draw it, in exact numbers."""

    def __init__(self, gate: Gate) -> None:
        self.gate, self.tokens, self.at = gate, Fraction(gate.burst), Fraction(NOON)
        self.speed = Fraction(gate.limit, gate.period)

    def take(self, units: int, now: int) -> None:
        self.tokens = min(Fraction(self.gate.burst), self.tokens + (now - self.at) * self.speed) - units
        self.at = Fraction(now)

    def fills(self, units: int) -> Fraction:
        """Say when there will be so many tokens."""
        return self.at + max(Fraction(0), (units - self.tokens) / self.speed)


@given(RATES, ARRIVALS)
def test_nobody_waits_longer_than_a_token_bucket_would_make_him(gate: Gate, arrivals: list[tuple[int, int]]) -> None:
    """But for the microsecond that each entry is rounded up by, and the millisecond in which one may ask."""
    now, standing, bucket = NOON, REST, Bucket(gate)
    for number, (pause, units) in enumerate(arrivals):
        now, cost = now + pause, min(units, gate.burst)
        until = ask(gate, standing, "me", cost, now)
        if until != PASSES:
            assert until > now
            assert until <= ceil(bucket.fills(cost) + Fraction(number + 1, 1_000))
            assert ask(gate, standing, "me", cost, until - 1) != PASSES, "it could have gone before"
            now = until
        assert ask(gate, standing, "me", cost, now) == PASSES, "who comes when he was told to is let in"
        standing = enter(gate, standing, "me", cost, now)
        bucket.take(cost, now)
        assert bucket.tokens >= -bucket.speed / 1_000, "no more is lent than a microsecond adds"


BUDGETS = st.builds(
    Gate,
    st.just(Kind.BUDGET),
    st.just("tokens:budget"),
    st.just(""),
    st.integers(1, 100),
    st.sampled_from([1_000, 60_000, DAY]),
)


@given(BUDGETS, st.lists(st.tuples(st.integers(0, DAY), st.integers(0, 120)), min_size=1, max_size=60))
def test_a_window_never_spends_one_unit_more_and_refuses_none_that_is_left(
    gate: Gate, arrivals: list[tuple[int, int]]
) -> None:
    now, standing, spent = NOON, REST, dict[int, int]()
    for pause, cost in arrivals:
        now += pause
        window = now // gate.period
        answer = ask(gate, standing, "me", cost, now)
        assert (answer == PASSES) == (spent.get(window, 0) + cost <= gate.limit)
        if answer == PASSES:
            standing = enter(gate, standing, "me", cost, now)
            spent[window] = spent.get(window, 0) + cost
        else:
            assert answer == (window + 1) * gate.period, "the next window begins at its border, to the millisecond"


def test_a_window_ends_at_its_border_to_the_millisecond() -> None:
    midnight = (TODAY + 1) * DAY
    full = enter(DAILY, REST, "me", 100, midnight - 1)
    assert ask(DAILY, full, "me", 1, midnight - 1) == midnight
    assert ask(DAILY, full, "me", 100, midnight) == PASSES
    assert ask(DAILY, enter(DAILY, full, "me", 100, midnight), "me", 1, midnight) == midnight + DAY


def test_a_costly_job_is_spaced_from_the_next_as_any_other_and_for_as_long_as_that_holds() -> None:
    """60 requests and 90,000 tokens a minute; the other side has 5 requests left for 10 s."""
    tokens = Gate(Kind.RATE, "openai", "", 90_000, 60_000, 90_000)
    told = park(REST, Park(0, 2_000_000, 10_000), NOON)
    entered = enter(tokens, told, "me", 1_200, NOON)
    assert ask(tokens, entered, "me", 1_200, NOON) == NOON + 2_000
    assert ask(tokens, entered, "me", 1_200, NOON + 2_000) == PASSES
    for second in range(2, 10, 2):
        entered = enter(tokens, entered, "me", 1_200, NOON + second * 1_000)
    assert ask(tokens, entered, "me", 1_200, NOON + 10_000) == PASSES


STANDINGS = st.builds(
    Standing,
    used=st.integers(0, 120),
    mark=st.sampled_from([0, TODAY - 1, TODAY, NOON * 1_000, NOON * 1_000 + 1, (NOON + 700) * 1_000]),
    until=st.sampled_from([0, NOON, NOON + 500]),
    spacing=st.sampled_from([0, 1, 3_000_000]),
    spaced_until=st.sampled_from([0, NOON, NOON + 900]),
    holder=st.sampled_from(["", "me", "other"]),
)


@given(
    st.sampled_from([TWO, ORDER, TEN_A_SECOND, BURST, DAILY]),
    STANDINGS,
    st.integers(0, 2 * DAY),
    st.lists(st.integers(0, 60), max_size=6),
)
def test_a_standing_that_is_idle_may_be_forgotten(gate: Gate, standing: Standing, later: int, costs: list[int]) -> None:
    instant = idle_at(gate, standing, NOON)
    if instant is None:
        return
    kept, forgotten, now = standing, REST, instant + later
    for cost in costs:
        answers = ask(gate, kept, "me", cost, now), ask(gate, forgotten, "me", cost, now)
        assert answers[0] == answers[1]
        if answers[0] == PASSES:
            kept, forgotten = enter(gate, kept, "me", cost, now), enter(gate, forgotten, "me", cost, now)
        now += 7


@given(st.sampled_from([TWO, ORDER, BURST, DAILY]), STANDINGS, st.integers(0, 60))
def test_to_enter_and_to_leave_for_good_leaves_a_place_as_it_was(gate: Gate, standing: Standing, cost: int) -> None:
    if ask(gate, standing, "me", cost, NOON) != PASSES:
        return
    after = leave(gate, enter(gate, standing, "me", cost, NOON), "me", final=True)
    if gate.kind == Kind.CONCURRENCY:
        assert after == standing
    if gate.kind == Kind.ORDER:
        assert after == standing._replace(holder="")
