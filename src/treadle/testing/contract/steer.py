"""What `steer` and `survey` promise: what an operator says holds at once, for all; and a look changes nothing."""

import pytest

from treadle.core.flow.choosing import PLAIN, TURN
from treadle.core.flow.gates import Gate, Kind, Standing
from treadle.core.flow.lanes import lane_of_task
from treadle.core.flow.steering import STEER, Steer, read_steering
from treadle.core.job import Ending, NewJob, Running, Survey
from treadle.core.outcomes import Outcome, complete, give_up, hand_back, retry
from treadle.core.store import Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.hints import heard
from treadle.testing.contract.scene import LEASE, Hire, governed, ids, job, jobs, several

PAUSED, FREE = Steer(paused=True), Steer()

ONE = Gate(Kind.CONCURRENCY, "greet:concurrency", "user_id=u1", 1)
API = Gate(Kind.RATE, "api", "", 100, 1_000, 100)
SLOW = Gate(Kind.RATE, "slow", "", 1, 60_000, 3)


def everybody() -> list[NewJob]:
    """One of each kind, named by what it belongs to."""
    return [
        job("plain"), job("other-task", task="bye"), job("other-queue", queue="other"),
        governed("acme", tenant="acme"), governed("bolt", tenant="bolt"), governed("user", ONE), governed("api", API),
    ]  # fmt: skip


GREETERS = {"plain", "acme", "bolt", "user", "api"}

CONCERNED = {
    "queue=default": GREETERS | {"other-task"},
    "queue=other": {"other-queue"},
    "task=greet": GREETERS | {"other-queue"},
    "task=bye": {"other-task"},
    "tenant=acme": {"acme"},
    "key=user_id=u1": {"user"},
    "greet:concurrency": {"user"},
    "greet:concurrency:user_id=u1": {"user"},
    "api": {"api"},
    "nobody": set[str](),
}

QUEUES = ("default", "other")


# -- pausing ---------------------------------------------------------------------------


@pytest.mark.parametrize("target", CONCERNED)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_is_paused_is_not_claimed_and_all_else_is(store: Store, hire: Hire, target: str, when: str) -> None:
    if when == "before":
        await store.steer(target, PAUSED)
    await store.add(everybody())
    if when == "after":
        await store.steer(target, PAUSED)
    worker = hire("w1")
    assert set(await worker.drain(5, QUEUES)) == {each.id for each in everybody()} - CONCERNED[target]
    assert await worker.claim(5, QUEUES) == []
    await store.steer(target, FREE)
    assert set(await worker.drain(5, QUEUES)) == CONCERNED[target]


async def test_of_several_who_are_paused_each_is_resumed_by_itself(store: Store, hire: Hire) -> None:
    await store.add([*several("a", ONE, tenant="acme"), job("p")])
    for target in ("queue=default", "task=greet", "tenant=acme"):
        await store.steer(target, PAUSED)
    worker = hire("w1")
    for target, expected in (("queue=default", []), ("task=greet", ["p"]), ("tenant=acme", ["a"])):
        assert await worker.claim(5) == []
        await store.steer(target, FREE)
        assert ids(await worker.claim(5)) == expected


async def test_a_pause_leaves_those_alone_that_run(store: Store, hire: Hire) -> None:
    await store.add([job("a"), *several("b", ONE), job("c", max_attempts=3)])
    worker = hire("w1")
    a, b, c = sorted(await worker.claim(3), key=lambda claim: claim.id)
    await store.steer("queue=default", PAUSED)
    await worker.finish([a, b])
    await worker.finish([c], retry(0))
    assert await worker.claim(5) == []
    await store.steer("queue=default", FREE)
    assert ids(await worker.claim(5)) == ["c"]


@pytest.mark.parametrize("target", ["queue=default", "task=greet", "key=user_id=u1"])
async def test_whoever_waits_is_told_that_a_pause_is_over(store: Store, hire: Hire, target: str) -> None:
    await store.add(several("a", ONE))
    await store.steer(target, PAUSED)
    worker = hire("w1")
    assert await worker.claim() == []
    await heard(store, lambda: store.steer(target, FREE))
    assert (await worker.claim_one()).id == "a"


async def test_a_thousand_jobs_of_a_paused_task_hide_nobody_behind_them(store: Store, hire: Hire) -> None:
    await store.add([*jobs(1_500), job("z", task="bye"), *several("x", ONE, task="bye")])
    await store.steer("task=greet", PAUSED)
    worker = hire("w1")
    got = set[str]()
    for _ in range(3):
        got |= set(await worker.drain(2))
    assert got == {"z", "x"}
    await store.steer("task=greet", FREE)
    assert sorted(await worker.drain(500)) == [each.id for each in jobs(1_500)]


async def test_what_is_said_can_be_read_and_is_gone_when_it_is_taken_back(store: Store) -> None:
    await store.steer("queue=default", Steer(paused=True, limit=3))
    await store.steer("tenant=acme", Steer(weight=4))
    await store.steer("api", Steer(declared=(5, 1_000, 2)))
    read = read_steering((record.key, record.value) for record in await store.read(STEER))
    assert read == {
        "queue=default": Steer(paused=True, limit=3), "tenant=acme": Steer(weight=4),
        "api": Steer(declared=(5, 1_000, 2)),
    }  # fmt: skip
    for target in read:
        await store.steer(target, FREE)
    assert await store.read(STEER) == []
    await store.steer("queue=default", FREE)


# -- limits ----------------------------------------------------------------------------

CAPPED = ["queue=default", "task=greet", "tenant=acme"]


@pytest.mark.parametrize("target", CAPPED)
async def test_a_limit_counts_those_who_run_already(store: Store, hire: Hire, target: str) -> None:
    await store.add([governed(f"{number}", tenant="acme") for number in range(9)])
    worker = hire("w1")
    running = await worker.claim(2)
    await store.steer(target, Steer(limit=3))
    running += await worker.claim(9)
    assert ids(running) == ["0", "1", "2"]
    await worker.finish(running[:1])
    assert ids(await worker.claim(9)) == ["3"]
    await store.steer(target, FREE)
    assert len(await worker.claim(9)) == 5


@pytest.mark.parametrize("target", CAPPED[:2])
async def test_a_limit_counts_plain_jobs_and_those_in_lanes_alike(store: Store, hire: Hire, target: str) -> None:
    await store.add([job("a"), *several("b", API), job("c"), *several("d", API)])
    worker = hire("w1")
    first = await worker.claim(1)
    await store.steer(target, Steer(limit=2))
    second = await worker.claim(9)
    assert (ids(first), ids(second)) == (["a"], ["b"])
    await worker.finish(first)
    third = await worker.claim(9)
    await worker.finish(second)
    assert sorted(ids([*third, *await worker.claim(9)])) == ["c", "d"]


@pytest.mark.parametrize("target", CAPPED)
@pytest.mark.parametrize("outcome", [complete(), give_up("error"), retry(60_000)])
async def test_a_limit_is_left_once_by_each_ending(store: Store, hire: Hire, target: str, outcome: Outcome) -> None:
    await store.add([governed(f"{number}", tenant="acme", max_attempts=5) for number in range(9)])
    await store.steer(target, Steer(limit=2))
    worker = hire("w1")
    first, second = await worker.claim(9)
    await worker.finish([first], outcome)
    await worker.finish([first], outcome)
    (third,) = await worker.claim(9)
    await worker.finish([second, third])
    assert len(await worker.claim(9)) == 2


async def test_a_limit_below_those_who_run_lets_nobody_in_until_enough_have_left(store: Store, hire: Hire) -> None:
    await store.add(jobs(9))
    worker = hire("w1")
    running = await worker.claim(4)
    await store.steer("queue=default", Steer(limit=2))
    for _ in range(2):
        assert await worker.claim(9) == []
        await worker.finish([running.pop()])
    assert await worker.claim(9) == []
    await worker.finish([running.pop()])
    assert len(await worker.claim(9)) == 1


@pytest.mark.parametrize("target", CAPPED)
async def test_a_limit_of_nothing_is_a_pause(store: Store, hire: Hire, target: str) -> None:
    await store.add([governed("a", tenant="acme")])
    await store.steer(target, Steer(limit=0))
    worker = hire("w1")
    assert await worker.claim(5) == []
    await store.steer(target, Steer(limit=1))
    assert ids(await worker.claim(5)) == ["a"]


@pytest.mark.parametrize("target", ["queue=default", "task=greet"])
async def test_a_limit_is_counted_through_a_take_over(store: Store, clock: FakeClock, hire: Hire, target: str) -> None:
    await store.add(jobs(3))
    await store.steer(target, Steer(limit=1))
    lost = await hire("w1").claim_one()
    clock.forward(LEASE)
    sweeper = hire("w2")
    (taken,) = (await sweeper.sweep()).taken
    assert await sweeper.settle(lost, complete()) == {"0000"}
    assert await sweeper.claim(5) == []
    await sweeper.finish([taken], retry(0, None, "crashed"))
    assert len(await sweeper.claim(5)) == 1


async def test_a_limit_that_is_set_again_counts_anew(store: Store, hire: Hire) -> None:
    await store.add(jobs(9))
    worker = hire("w1")
    await store.steer("queue=default", Steer(limit=3))
    running = await worker.claim(9)
    await store.steer("queue=default", FREE)
    await worker.finish(running[:2])
    running = [running[2], *await worker.claim(2)]
    await store.steer("queue=default", Steer(limit=4))
    assert len(await worker.claim(9)) == 1


async def test_a_claim_and_an_ending_of_plain_jobs_in_one_call_count_both(store: Store, hire: Hire) -> None:
    await store.add(jobs(9))
    await store.steer("queue=default", Steer(limit=2))
    worker = hire("w1")
    running = await worker.claim(9)
    for number in range(2, 9):
        ended = [Ending(running.pop(0), complete())]
        answer = await store.cycle("w1", ended, ["default"], 9)
        assert ids(answer.claims) == [f"{number:04}"]
        running += answer.claims


async def test_limits_on_queue_task_and_tenant_all_hold(store: Store, hire: Hire) -> None:
    await store.add([governed(f"a{number}", tenant="acme") for number in range(9)])
    await store.add([governed(f"b{number}", tenant="bolt") for number in range(9)])
    await store.add([governed(f"o{number}", task="bye", tenant="bolt") for number in range(9)])
    for target, limit in (("tenant=acme", 2), ("task=greet", 3), ("queue=default", 5)):
        await store.steer(target, Steer(limit=limit))
    claims = await hire("w1").claim(19)
    assert len(claims) == 5
    assert sum(claim.tenant == "acme" for claim in claims) <= 2
    assert sum(claim.task == "greet" for claim in claims) == 3


async def test_an_operators_number_for_a_limit_holds_at_once(store: Store, hire: Hire) -> None:
    await store.add(several("abcdefgh", ONE))
    worker = hire("w1")
    assert ids(await worker.claim(9)) == ["a"]
    await store.steer("greet:concurrency", Steer(limit=3))
    assert ids(await worker.claim(9)) == ["b", "c"]
    await store.steer("greet:concurrency:user_id=u1", Steer(limit=4))
    assert ids(await worker.claim(9)) == ["d"]
    await store.steer("greet:concurrency:user_id=u1", FREE)
    await store.steer("greet:concurrency", Steer(declared=(5, 0, 0)))
    assert ids(await worker.claim(9)) == ["e"], "the newest code's number holds for jobs of older code"
    await store.steer("greet:concurrency", FREE)
    assert await worker.claim(9) == []


async def test_a_rate_that_is_set_to_nothing_lets_nobody_through(store: Store, hire: Hire) -> None:
    await store.add([*several("ab", API), job("p")])
    await store.steer("api", Steer(limit=0))
    worker = hire("w1")
    assert ids(await worker.claim(9)) == ["p"]
    await store.steer("api", Steer(limit=5))
    assert ids(await worker.claim(9)) == ["a", "b"]


async def test_jobs_of_a_task_that_was_steered_go_on_once_it_is_not(store: Store, hire: Hire) -> None:
    await store.add([*jobs(4), job("o", task="bye")])
    await store.steer("task=greet", Steer(limit=1))
    worker = hire("w1")
    running = await worker.claim(9)
    assert sorted(ids(running)) == ["0000", "o"]
    await store.steer("task=greet", FREE)
    await store.add([job("later")])
    assert sorted(ids(await worker.claim(9))) == ["0001", "0002", "0003", "later"]
    await worker.finish(running)


# -- surveys ---------------------------------------------------------------------------


def shown(survey: Survey) -> dict[tuple[str, str], list[str]]:
    return {
        (turn.tenant, row.text): [job.id for job in row.jobs] for turn in survey.line.turns for row in turn.rows
    }  # fmt: skip


async def test_a_survey_of_an_empty_queue_shows_nothing(store: Store, clock: FakeClock) -> None:
    survey = await store.survey("default", 10)
    assert (survey.now, survey.line.queue, survey.line.clock, shown(survey)) == (clock(), "default", 0, {})
    assert (dict(survey.standings), dict(survey.steering), survey.running) == ({}, {}, ())


async def test_a_survey_shows_all_that_waits_also_in_lanes_that_are_shut(store: Store, hire: Hire) -> None:
    made = [*several("abc", ONE), *several("xy", SLOW, tenant="acme", costs="[3]"), job("p"), job("q"), *jobs(1)]
    await store.add([*made, job("r", queue="other"), job("s", due_in=5), job("h", held="operator")])
    worker = hire("w1")
    claims = await worker.claim(2)
    assert sorted(ids(claims)) == ["a", "x"]
    assert ids(await worker.claim(1)) == ["p"]
    survey = await store.survey("default", 10)
    lanes = {each.id: each.lane or PLAIN for each in made}
    assert shown(survey) == {("", lanes["b"]): ["b", "c"], ("acme", lanes["y"]): ["y"], ("", PLAIN): ["q", "0000"]}
    rows = {row.text: row for turn in survey.line.turns for row in turn.rows}
    assert [waiting.costs for waiting in rows[str(lanes["y"])].jobs] == ["[3]"]
    assert not any(row.more for row in rows.values())
    assert survey.standings[ONE.name] == Standing(used=1)
    assert survey.standings[SLOW.name].mark > 0
    assert sorted(survey.running, key=lambda each: each.id) == [
        Running("a", "default", "greet", None, lanes["a"]), Running("p", "default", "greet", None, None),
        Running("x", "default", "greet", "acme", lanes["x"]),
    ]  # fmt: skip
    paid = {turn.tenant: turn.paid for turn in survey.line.turns}
    assert paid == {"": 2 * TURN, "acme": TURN}


async def test_a_survey_changes_nothing(store: Store, hire: Hire) -> None:
    await store.add([*several("abc", ONE), job("p"), governed("t", tenant="acme")])
    worker = hire("w1")
    await worker.claim(1)
    first = await store.survey("default", 10)
    assert await store.survey("default", 10) == first
    assert sorted(await worker.drain(9)) == ["p", "t"]


async def test_a_survey_tells_where_there_is_more(store: Store, hire: Hire) -> None:
    await store.add([governed(f"{number}", tenant=f"t{number}") for number in range(4)])
    await store.add([governed(f"l{number}", ONE._replace(key=f"k{number}"), tenant="t0") for number in range(4)])
    await store.add([*[governed(f"j{number}", tenant="t0") for number in range(4)], *jobs(4)])
    whole = (await store.survey("default", 10)).line
    assert (whole.beyond, len(whole.turns)) == (None, 5)
    assert all(turn.beyond is None and not any(row.more for row in turn.rows) for turn in whole.turns)
    part = (await store.survey("default", 2)).line
    assert part.beyond is not None
    assert all(len(row.jobs) <= 2 for turn in part.turns for row in turn.rows)
    assert all(len([row for row in turn.rows if row.text != PLAIN]) <= 2 for turn in part.turns)
    for turn in part.turns:
        assert (turn.beyond is not None) == (turn.tenant == "t0")
        assert all(row.more == (len(row.jobs) == 2) for row in turn.rows)


async def test_a_survey_shows_what_an_operator_said_and_what_is_counted_for_that(store: Store, hire: Hire) -> None:
    await store.add([*jobs(4), job("o", task="bye"), governed("t", tenant="acme")])
    worker = hire("w1")
    await worker.claim(1)
    said = {"queue=default": Steer(limit=7), "task=greet": Steer(limit=9), "tenant=acme": PAUSED}
    for target, steer in said.items():
        await store.steer(target, steer)
    survey = await store.survey("default", 10)
    assert dict(survey.steering) == said
    assert {name: survey.standings[name].used for name in ("queue=default", "task=greet")} == {
        "queue=default": 1, "task=greet": 1,
    }  # fmt: skip
    waiting = shown(survey)
    assert waiting["", PLAIN] == ["o"]
    assert waiting["", lane_of_task("greet")] == ["0001", "0002", "0003"]


async def test_a_survey_shows_plain_jobs_of_a_steered_task_as_a_claim_has_left_them(store: Store, hire: Hire) -> None:
    await store.add(jobs(3))
    await store.steer("task=greet", PAUSED)
    worker = hire("w1")
    assert await worker.claim(5) == []
    await store.add([job("new")])
    survey = await store.survey("default", 10)
    assert shown(survey) == {("", lane_of_task("greet")): ["0000", "0001", "0002", "new"]}


async def test_a_hand_back_shows_in_the_next_survey(store: Store, hire: Hire) -> None:
    await store.add(several("ab", ONE))
    worker = hire("w1")
    claim = await worker.claim_one()
    assert list(shown(await store.survey("default", 10)).values()) == [["b"]]
    await worker.finish([claim], hand_back())
    survey = await store.survey("default", 10)
    assert list(shown(survey).values()) == [["a", "b"]]
    assert survey.standings.get(ONE.name, Standing()).used == 0
