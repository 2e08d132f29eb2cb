"""Who a claim takes: order, turns, shares, gates, pauses; and that what was not loaded changes nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.flow.choosing import AGEING, PLAIN, TURN, Choice, Line, Row, Turn, Waiting, choose, rank
from treadle.core.flow.gates import Gate, Kind, Standing
from treadle.core.flow.lanes import lane_of_task, write_lane
from treadle.core.flow.steering import Steer, Steering

NOON = 1_795_608_000_000
MINUTE = 60_000

ONE = Gate(Kind.CONCURRENCY, "one", "user_id=u1", 1)
OTHER = Gate(Kind.CONCURRENCY, "one", "user_id=u2", 1)
TWO = Gate(Kind.CONCURRENCY, "two", "", 2)
ORDER = Gate(Kind.ORDER, "order", "account=a", 1)
API = Gate(Kind.RATE, "api", "", 1, 1_000, 3)
DAILY = Gate(Kind.BUDGET, "tokens", "", 10, 86_400_000)


def lane(*gates: Gate, tenant: str | None = None) -> str:
    return write_lane("sync", tenant, gates) or PLAIN


def jobs(*ids: str, since: int = 0, costs: str | None = None) -> list[Waiting]:
    """Make jobs that came one after the other, in milliseconds."""
    return [Waiting(id, id, since + number, since + number, costs) for number, id in enumerate(ids)]


def many(name: str, number: int, since: int = 0) -> list[Waiting]:
    return jobs(*(f"{name}{count}" for count in range(number)), since=since)


def row(*gates: Gate, of: Sequence[Waiting], tenant: str | None = None, more: bool = False) -> Row:
    return Row(lane(*gates, tenant=tenant), of, more)


def tenants(clock: int = 0, paid: Mapping[str, int] | None = None, **waiting: Sequence[Waiting]) -> Line:
    """Make a queue with one lane a tenant."""
    turns = [Turn(name, (paid or {}).get(name, 0), [row(of=of, tenant=name)]) for name, of in waiting.items()]
    return Line("mail", clock, turns)


def rows(*those: Row) -> Line:
    """Make a queue without tenants."""
    return Line("mail", 0, [Turn("", 0, list(those))])


def taken(choice: Choice) -> list[str]:
    return [each.job.id for each in choice.taken]


def chosen(
    *lines: Line,
    standings: Mapping[str, Standing] | None = None,
    steering: Steering | None = None,
    want: int = 100,
    run: int = 1,
) -> Choice:
    return choose(lines, standings or {}, steering or {}, NOON, want, run)


# -- order -----------------------------------------------------------------------------


def test_first_come_first_served() -> None:
    line = rows(row(of=jobs("b", "d", "e", since=5)), row(ONE, of=jobs("a", since=1)), row(TWO, of=jobs("c", since=6)))
    assert taken(chosen(line)) == ["a", "b", "d", "c", "e"]
    assert taken(chosen(line, want=0)) == []


def test_no_more_are_taken_than_wanted() -> None:
    assert taken(chosen(rows(row(of=many("j", 9))), want=4)) == ["j0", "j1", "j2", "j3"]


def test_a_point_of_priority_is_worth_a_minute_of_waiting() -> None:
    assert AGEING == MINUTE
    assert rank(NOON, 1) == rank(NOON - MINUTE, 0)
    assert rank(NOON, 1) < rank(NOON - MINUTE + 1, 0)
    assert rank(NOON, 1) > rank(NOON - MINUTE - 1, 0)


def test_the_better_rank_goes_first_and_of_equals_the_older() -> None:
    places = {"low": (0, -1), "old": (-2 * MINUTE, 0), "new": (0, 0), "equal": (-MINUTE, 0), "high": (0, 1)}
    waiting = [Waiting(id, id, rank(NOON + since, prio), seq) for seq, (id, (since, prio)) in enumerate(places.items())]
    line = rows(row(of=sorted(waiting, key=lambda job: job.place)))
    assert taken(chosen(line)) == ["old", "equal", "high", "new", "low"]


def test_nobody_starves_of_the_better_priority_of_others() -> None:
    old = Waiting("old", "old", rank(NOON, -100), 0)
    later = [Waiting(f"n{n}", f"n{n}", rank(NOON + n * MINUTE, 100), n + 1) for n in range(202)]
    line = rows(row(of=sorted([old, *later], key=lambda job: job.place)))
    assert taken(chosen(line, want=201))[-1] == "old"


# -- turns of tenants ------------------------------------------------------------------


def test_tenants_take_turns() -> None:
    line = tenants(a=many("a", 4), b=many("b", 2, since=50), c=many("c", 1, since=90))
    assert taken(chosen(line)) == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]


def test_a_newcomer_is_next_however_much_another_has_waiting() -> None:
    busy = chosen(tenants(busy=many("b", 100_000)), want=50)
    (paid,) = busy.paid.values()
    line = tenants(busy.clocks["mail"], {"busy": paid}, busy=many("b", 100_000), new=jobs("n0", "n1", since=999_999))
    assert taken(chosen(line, want=3)) == ["n0", "b0", "n1"]


def test_jobs_without_a_tenant_take_turns_as_one_tenant_does() -> None:
    nobody = Turn("", 0, [row(of=many("p", 3)), row(ONE, of=many("g", 2, since=1))])
    line = Line("mail", 0, [nobody, Turn("a", 0, [row(of=many("a", 3, since=50), tenant="a")])])
    assert taken(chosen(line, want=6)) == ["p0", "a0", "p1", "a1", "g0", "a2"]


@pytest.mark.parametrize("weights", [(1, 1), (3, 1), (1, 5), (7, 2)])
def test_turns_are_shared_by_weight(weights: tuple[int, int]) -> None:
    steering = {f"tenant={name}": Steer(weight=weight) for name, weight in zip("ab", weights, strict=True)}
    got = Counter(id[0] for id in taken(chosen(tenants(a=many("a", 500), b=many("b", 500)), steering=steering)))
    for name, weight in zip("ab", weights, strict=True):
        assert abs(got[name] - 100 * weight / sum(weights)) <= 1


def test_what_was_paid_is_told_and_a_weight_makes_it_cheaper() -> None:
    choice = chosen(tenants(a=many("a", 9), b=many("b", 9)), steering={"tenant=a": Steer(weight=4)}, want=5)
    assert Counter(id[0] for id in taken(choice)) == {"a": 4, "b": 1}
    assert choice.paid == {("mail", "a"): TURN, ("mail", "b"): TURN}


def test_who_was_away_has_saved_no_turns_up() -> None:
    """It begins at the queue's clock, whatever it had paid before."""
    line = tenants(90 * TURN, {"here": 90 * TURN, "back": 3 * TURN}, here=many("h", 9), back=many("b", 9, since=50))
    choice = chosen(line, want=6)
    assert taken(choice) == ["h0", "b0", "h1", "b1", "h2", "b2"]
    assert choice.paid == {("mail", "here"): 93 * TURN, ("mail", "back"): 93 * TURN}


def test_the_clock_of_a_queue_never_goes_back() -> None:
    choice = chosen(tenants(5 * TURN, {"a": 7 * TURN}, a=many("a", 3)), want=2)
    assert choice.clocks == {"mail": 8 * TURN}
    assert chosen(tenants(9 * TURN, a=many("a", 1))).clocks == {"mail": 9 * TURN}


def test_a_tenant_gives_a_run_of_jobs_and_pays_for_each() -> None:
    line = tenants(a=many("a", 9), b=many("b", 9, since=50))
    choice = chosen(line, want=8, run=3)
    assert taken(choice) == ["a0", "a1", "a2", "b0", "b1", "b2", "a3", "a4"]
    assert choice.paid == {("mail", "a"): 5 * TURN, ("mail", "b"): 3 * TURN}


def test_a_run_ends_where_another_queue_has_something_better() -> None:
    lines = Line("mail", 0, [Turn("", 0, [row(of=jobs("m0", "m9", since=0))])]), Line("ai", 0, [])
    lines[1].turns = [Turn("", 0, [row(of=[Waiting("a0", "a0", 0, 0), Waiting("a1", "a1", 2, 2)])])]
    lines[0].turns[0].rows[0].jobs = [Waiting("m0", "m0", -1, 9), Waiting("m1", "m1", 1, 1)]
    assert taken(chosen(*lines, run=10)) == ["m0", "a0", "m1", "a1"]


# -- queues ----------------------------------------------------------------------------


def queue(name: str, number: int, since: int = 0, share: int | None = None) -> Line:
    return Line(name, 0, [Turn("", 0, [row(of=many(name[0], number, since))])], share)


def test_queues_are_served_as_one() -> None:
    mail, ai = queue("mail", 3, since=0), queue("ai", 3, since=1)
    assert taken(chosen(mail, ai)) == ["m0", "m1", "a0", "m2", "a1", "a2"]


def test_a_share_goes_before_the_jobs_of_other_queues_and_no_place_stays_unused() -> None:
    def lines(*shares: int) -> list[Line]:
        return [queue("mail", 50, share=shares[0]), queue("ai", 3, since=900, share=shares[1])]

    assert Counter(id[0] for id in taken(chosen(*lines(3, 1), want=4))) == {"m": 3, "a": 1}
    assert Counter(id[0] for id in taken(chosen(*lines(0, 4), want=4))) == {"a": 3, "m": 1}
    assert Counter(id[0] for id in taken(chosen(*lines(4, 4), want=8))) == {"m": 5, "a": 3}


def test_who_has_no_share_goes_by_its_rank() -> None:
    mail, ai = queue("mail", 3), queue("ai", 3, since=900)
    assert taken(chosen(mail, ai, want=4)) == ["m0", "m1", "m2", "a0"]


# -- gates -----------------------------------------------------------------------------


def test_a_lane_that_is_shut_blocks_no_other() -> None:
    line = rows(row(ONE, of=many("x", 3)), row(OTHER, of=many("y", 3, since=5)), row(of=many("p", 2, since=9)))
    choice = chosen(line, standings={ONE.name: Standing(used=1)})
    assert taken(choice) == ["y0", "p0", "p1"]
    assert [(shut.gate, shut.until, shut.row.first.id) for shut in choice.shut] == [
        (ONE.name, None, "x0"), (OTHER.name, None, "y1"),
    ]  # fmt: skip
    assert choice.standings == {OTHER.name: (OTHER, Standing(used=1))}


def test_two_lanes_that_share_a_gate_share_its_places() -> None:
    line = rows(row(TWO, of=many("x", 3)), row(ONE, TWO, of=many("y", 3, since=1)))
    assert taken(chosen(line)) == ["x0", "x1"]
    line = rows(row(TWO, of=many("x", 3, since=1)), row(ONE, TWO, of=many("y", 3)))
    assert taken(chosen(line)) == ["y0", "x0"]


def test_all_gates_are_entered_or_none() -> None:
    choice = chosen(rows(row(TWO, API, ONE, of=many("x", 2))), standings={ONE.name: Standing(used=1)})
    assert (taken(choice), choice.standings, choice.shut[0].gate) == ([], {}, ONE.name)


def test_a_lane_that_waits_for_time_tells_the_instant() -> None:
    choice = chosen(rows(row(API, of=many("x", 9))))
    assert taken(choice) == ["x0", "x1", "x2"]
    assert choice.shut[0].until == NOON + 1_000


def test_what_a_job_costs_is_taken_at_each_of_its_gates() -> None:
    waiting = [*jobs("a", costs="[1,4]"), *jobs("b", since=1, costs="[1,7]"), *jobs("c", since=2, costs="[1,1]")]
    choice = chosen(rows(row(API, DAILY, of=waiting)), steering={"queue=mail": Steer(limit=9)})
    assert taken(choice) == ["a"]
    assert (choice.shut[0].gate, choice.standings[DAILY.name][1].used) == (DAILY.name, 4)
    assert choice.standings["queue=mail"][1].used == 1, "an operator's own limit counts jobs"


def test_in_order_the_next_waits_until_the_holder_has_ended() -> None:
    waiting = jobs("a", "b")
    assert taken(chosen(rows(row(ORDER, of=waiting)))) == ["a"]
    assert taken(chosen(rows(row(ORDER, of=waiting)), standings={ORDER.name: Standing(holder="a")})) == ["a"]
    assert taken(chosen(rows(row(ORDER, of=waiting)), standings={ORDER.name: Standing(holder="z")})) == []


def test_a_shut_lane_costs_its_tenant_no_turn() -> None:
    a = Turn("a", 0, [row(ONE, of=many("x", 2), tenant="a"), row(of=many("a", 2, since=50), tenant="a")])
    line = Line("mail", 0, [a, Turn("b", 0, [row(of=many("b", 2, since=60), tenant="b")])])
    choice = chosen(line, standings={ONE.name: Standing(used=1)})
    assert taken(choice) == ["a0", "b0", "a1", "b1"]
    assert choice.paid[("mail", "a")] == 2 * TURN


def test_a_lane_in_which_nobody_is_left_is_named() -> None:
    line = rows(row(of=many("p", 1)), row(ONE, of=many("x", 1)), row(TWO, of=many("y", 3)))
    assert sorted(row.text for _, row in chosen(line).emptied) == sorted([PLAIN, lane(ONE)])


# -- steering --------------------------------------------------------------------------

PAUSED = Steer(paused=True)
BOTH = [row(ONE, of=many("x", 1), tenant="a"), row(API, of=many("y", 1, since=5), tenant="a")]


@pytest.mark.parametrize(
    ("target", "left"),
    [
        ("queue=mail", []),
        ("queue=other", ["x0", "y0"]),
        ("task=sync", []),
        ("tenant=a", []),
        ("tenant=b", ["x0", "y0"]),
        ("key=user_id=u1", ["y0"]),
        ("one", ["y0"]),
        ("one:user_id=u1", ["y0"]),
        ("one:user_id=u2", ["x0", "y0"]),
        ("api", ["x0"]),
    ],
)
def test_what_is_paused_lets_nobody_go(target: str, left: list[str]) -> None:
    fresh = [Row(each.text, each.jobs) for each in BOTH]
    choice = chosen(Line("mail", 0, [Turn("a", 0, fresh)]), steering={target: PAUSED})
    assert taken(choice) == left
    assert all((shut.gate, shut.until) == (target, None) for shut in choice.shut)


def test_a_paused_queue_holds_up_no_other_and_is_not_looked_at() -> None:
    choice = chosen(queue("mail", 2), queue("ai", 2, since=9), steering={"queue=mail": PAUSED})
    assert (taken(choice), choice.shut, choice.emptied) == (["a0", "a1"], [], choice.emptied)


def test_a_limit_on_the_queue_counts_jobs_without_a_lane_too() -> None:
    line = rows(row(of=many("p", 5)), row(ONE, of=many("x", 5, since=1)))
    steering, standings = {"queue=mail": Steer(limit=4)}, {"queue=mail": Standing(used=1)}
    choice = chosen(line, standings=standings, steering=steering)
    assert taken(choice) == ["p0", "p1", "x0"]
    assert choice.standings["queue=mail"][1] == Standing(used=4)


def test_a_limit_on_a_task_counts_its_jobs_in_all_lanes() -> None:
    line = rows(Row(lane_of_task("sync"), many("p", 5)), row(ONE, of=many("x", 5, since=1)), row(of=many("o", 1)))
    choice = chosen(line, steering={"task=sync": Steer(limit=2)})
    assert taken(choice) == ["p0", "o0", "p1"]


def test_a_limit_on_a_tenant_leaves_the_others_alone() -> None:
    line = tenants(a=many("a", 5), b=many("b", 3, since=50))
    assert taken(chosen(line, steering={"tenant=a": Steer(limit=1)})) == ["a0", "b0", "b1", "b2"]


def test_an_operators_number_holds_in_place_of_the_declared_one() -> None:
    assert taken(chosen(rows(row(TWO, of=many("x", 9))), steering={"two": Steer(limit=5)})) == [
        f"x{number}" for number in range(5)
    ]
    assert taken(chosen(rows(row(TWO, of=many("x", 9))), steering={"two": Steer(limit=0)})) == []
    assert len(taken(chosen(rows(row(TWO, of=many("x", 9))), steering={"two": Steer(declared=(7, 0, 0))}))) == 7


# -- what was not loaded ---------------------------------------------------------------


def test_it_ends_where_a_lane_has_more_jobs_than_were_loaded() -> None:
    choice = chosen(rows(row(ONE, of=many("x", 1), more=True), row(of=many("p", 3, since=50))))
    assert (taken(choice), choice.cut, choice.emptied) == (["x0"], True, [])


def test_it_ends_where_a_tenant_has_a_lane_that_was_not_loaded() -> None:
    line = rows(row(ONE, of=many("x", 1)), row(of=many("p", 3, since=50)))
    line.turns[0].beyond = (40, 40)
    choice = chosen(line)
    assert (taken(choice), choice.cut) == (["x0"], True)
    line = rows(row(ONE, of=many("x", 1)))
    line.turns[0].beyond = (40, 40)
    assert chosen(line).cut, "there is more, though all that was loaded is taken"


@pytest.mark.parametrize("others", [0, 1])
def test_it_ends_where_it_is_the_turn_of_a_tenant_of_whom_no_lane_was_loaded(others: int) -> None:
    """The lanes that were asked for were empty; there are more."""
    line = tenants(a=many("a", 2, since=50), b=many("b", 9))
    line.turns[1].rows, line.turns[1].beyond = [], (0, 0)
    line.turns[1].paid = TURN // 2
    choice = chosen(line, *[queue("queue", 1, since=900)] * others)
    assert (taken(choice), choice.cut) == (["a0"], True)


def test_it_ends_where_the_turn_of_a_tenant_that_was_not_loaded_has_come() -> None:
    line = tenants(a=many("a", 9), b=many("b", 9))
    line.beyond = TURN
    choice = chosen(line)
    assert (Counter(id[0] for id in taken(choice)), choice.cut) == ({"a": 2, "b": 2}, True)


def test_it_ends_where_all_tenants_that_were_loaded_are_served_and_there_are_more() -> None:
    line = tenants(a=many("a", 1), b=many("b", 1, since=5))
    line.beyond = 9 * TURN
    choice = chosen(line, queue("queue", 3, since=50))
    assert (taken(choice), choice.cut) == (["a0", "b0"], True), "who was not loaded may stand better than other queues"


@dataclass
class Kept:
    """A store's tables, with claims that look at a few of them only."""

    jobs: dict[tuple[str, str, str], list[Waiting]]
    """(queue, tenant, lane) -> who waits, best first."""
    paid: dict[tuple[str, str], int]
    clocks: dict[str, int]
    standings: dict[str, Standing]
    tried: set[tuple[str, str, str]] = field(default_factory=set)
    """Lanes that this claim has found shut."""

    def line(self, queue: str, limits: tuple[int, int, int] | None, share: int | None) -> Line:
        open = {place: jobs for place, jobs in self.jobs.items() if place[0] == queue and place not in self.tried}
        line = Line(queue, self.clocks.get(queue, 0), [], share)
        for tenant in {tenant for _, tenant, _ in open}:
            rows = [Row(text, jobs) for (_, of, text), jobs in open.items() if of == tenant]
            rows.sort(key=lambda row: row.first.place)
            line.turns.append(Turn(tenant, self.paid.get((queue, tenant), 0), rows))
        line.turns.sort(key=lambda turn: (max(turn.paid, line.clock), turn.rows[0].first.place))
        if limits:
            _cut(line, *limits)
        return line

    def write(self, choice: Choice) -> None:
        for queue, row, job in choice.taken:
            place = next(place for place in self.jobs if place[0] == queue and place[2] == row.text)
            self.jobs[place] = [each for each in self.jobs[place] if each is not job]
            if not self.jobs[place]:
                del self.jobs[place]
        self.tried |= {
            place for place in self.jobs for shut in choice.shut if (place[0], place[2]) == (shut.queue, shut.row.text)
        }
        self.paid.update(choice.paid)
        self.clocks.update(choice.clocks)
        self.standings.update({name: standing for name, (_, standing) in choice.standings.items()})


def _cut(line: Line, tenants: int, lanes: int, jobs: int) -> None:
    if len(line.turns) > tenants:
        line.beyond = line.turns[tenants].paid
        del line.turns[tenants:]
    for turn in line.turns:
        if len(turn.rows) > lanes:
            turn.beyond = turn.rows[lanes].first.place
            del turn.rows[lanes:]
        for row in turn.rows:
            row.more = len(row.jobs) > jobs
            row.jobs = row.jobs[:jobs]


GATES = [(), (ONE,), (OTHER,), (TWO,), (TWO, ONE), (API,), (DAILY,), (ORDER,), (API, OTHER)]
QUEUES, TENANTS = ("mail", "ai"), ("", "a", "b", "c")
PLACES = [(queue, tenant) for queue in QUEUES for tenant in TENANTS]
TARGETS = ["queue=mail", "queue=ai", "task=sync", "tenant=a", "tenant=b", "two", "one", "api", "key=user_id=u1"]
STEERS = st.builds(Steer, paused=st.booleans(), limit=st.none() | st.integers(0, 3), weight=st.integers(1, 4))
STANDINGS = st.builds(
    Standing,
    used=st.integers(0, 2),
    mark=st.sampled_from([0, (NOON + 1_000) * 1_000, NOON // DAILY.period]),
    until=st.sampled_from([0, 0, NOON + 9]),
    holder=st.sampled_from(["", "", "j1", "other"]),
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Kept, Steering]:
    """Draw what waits in two queues, and what an operator has said."""
    waiting: dict[tuple[str, str, str], list[Waiting]] = {}
    for number in range(draw(st.integers(1, 14))):
        queue, tenant = draw(st.sampled_from(PLACES))
        text = lane(*draw(st.sampled_from(GATES)), tenant=tenant)
        job = Waiting(number, f"j{number}", draw(st.integers(0, 3)), number)
        waiting.setdefault((queue, tenant, text), []).append(job)
    for jobs in waiting.values():
        jobs.sort(key=lambda job: job.place)
    # Of tenants whose turn is equally near any may go first, so that to compare no two may be.
    paid = {place: draw(st.integers(0, 4)) * TURN + number for number, place in enumerate(PLACES)}
    clocks = {name: draw(st.sampled_from([0, min(paid[name, tenant] for tenant in TENANTS)])) for name in QUEUES}
    names = sorted({gate.name for gates in GATES for gate in gates} | {"queue=mail", "task=sync", "tenant=a"})
    standings = draw(st.dictionaries(st.sampled_from(names), STANDINGS, max_size=4))
    steering = draw(st.dictionaries(st.sampled_from(TARGETS), STEERS, max_size=2))
    return Kept(waiting, paid, clocks, standings), steering


SHARES = st.sampled_from([(None, None), (1, 2), (3, 0)])


@given(worlds(), st.integers(1, 20), SHARES, st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)))
def test_small_loads_in_rounds_take_what_one_look_at_all_takes(
    world: tuple[Kept, Steering], want: int, shares: tuple[int | None, int | None], limits: tuple[int, int, int]
) -> None:
    kept, steering = world
    left = dict(zip(QUEUES, shares, strict=True))
    whole = choose([kept.line(name, None, left[name]) for name in left], kept.standings, steering, NOON, want)
    got: list[str] = []
    for _ in range(100):
        lines = [kept.line(name, limits, left[name]) for name in left]
        choice = choose(lines, kept.standings, steering, NOON, want - len(got))
        got += taken(choice)
        left = {name: share and max(0, share - _of(name, choice)) for name, share in left.items()}
        kept.write(choice)
        if not choice.cut or len(got) == want:
            break
        assert choice.taken or choice.shut, "it ended without having found out anything"
    assert got == taken(whole)


def _of(queue: str, choice: Choice) -> int:
    return sum(1 for each in choice.taken if each.queue == queue)


@given(worlds(), st.integers(1, 20), st.integers(1, 5))
def test_lanes_that_are_known_to_be_shut_need_not_be_looked_at(
    world: tuple[Kept, Steering], want: int, run: int
) -> None:
    kept, steering = world
    whole = choose([kept.line(name, None, None) for name in QUEUES], kept.standings, steering, NOON, want, run)
    for place, waiting in kept.jobs.items():
        alone = Line(place[0], 0, [Turn(place[1], 0, [Row(place[2], waiting)])])
        if place[2] != PLAIN and choose([alone], kept.standings, steering, NOON, 1).shut:
            kept.tried.add(place)
    open = choose([kept.line(name, None, None) for name in QUEUES], kept.standings, steering, NOON, want, run)
    assert taken(open) == taken(whole)
    assert (open.paid, open.clocks) == (whole.paid, whole.clocks)


@given(worlds(), st.integers(1, 20), st.integers(1, 5))
def test_no_gate_lets_in_more_than_it_holds_and_no_job_goes_twice(
    world: tuple[Kept, Steering], want: int, run: int
) -> None:
    kept, steering = world
    choice = choose([kept.line(name, None, None) for name in QUEUES], kept.standings, steering, NOON, want, run)
    assert len(set(taken(choice))) == len(choice.taken) <= want
    for name, (gate, standing) in choice.standings.items():
        if gate.kind == Kind.CONCURRENCY:
            before = kept.standings.get(name, Standing()).used
            assert standing.used == before or standing.used <= gate.limit
        if gate.kind == Kind.BUDGET:
            assert standing.used <= gate.limit


@given(worlds(), st.integers(1, 20))
def test_of_one_lane_the_jobs_go_in_their_order(world: tuple[Kept, Steering], want: int) -> None:
    kept, steering = world
    choice = choose([kept.line(name, None, None) for name in QUEUES], kept.standings, steering, NOON, want)
    for place, waiting in kept.jobs.items():
        of_lane = [each.job for each in choice.taken if (each.queue, each.row.text) == (place[0], place[2])]
        assert of_lane == waiting[: len(of_lane)]
