"""What gates promise: never more inside than fit, no place unused while somebody waits, and each left exactly once."""

import asyncio
from collections import Counter

import pytest

from treadle.core.flow.gates import Gate, Kind, Park
from treadle.core.job import Ending, Spent
from treadle.core.outcomes import Outcome, cancel, complete, give_up, hand_back, hold, retry, snooze
from treadle.core.store import Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.scene import LEASE, Hire, governed, ids, seen, several

DAY = 86_400_000

ALL = Gate(Kind.CONCURRENCY, "fleet", "", 2)
ORDER = Gate(Kind.ORDER, "greet:order", "account=a", 1)
API = Gate(Kind.RATE, "api", "", 1, 1_000, 3)
DAILY = Gate(Kind.BUDGET, "tokens", "", 100, DAY)

ENDS = [complete(), give_up("error"), cancel(), hold("unknown_task"), retry(60_000), snooze(60_000)]
COMES_AGAIN = [retry(0), snooze(0), hand_back()]


def of_user(user: int, limit: int = 1) -> Gate:
    return Gate(Kind.CONCURRENCY, "greet:concurrency", f"user_id=u{user}", limit)


ONE = of_user(1)


def to_midnight(clock: FakeClock) -> int:
    return DAY - clock() % DAY


# -- so many at once -------------------------------------------------------------------


async def test_a_claim_carries_its_lane_and_what_it_costs(store: Store, hire: Hire) -> None:
    (wanted,) = several("a", API, DAILY, costs="[1,40]", tenant="acme")
    await store.add([wanted])
    worker = hire("w1")
    claim = await worker.claim_one()
    assert (claim.lane, claim.costs) == (wanted.lane, "[1,40]")
    found = await seen(store, "a")
    assert (found.lane, found.costs) == (wanted.lane, "[1,40]")
    assert await store.claims("w1") == [claim]


async def test_of_one_key_one_runs_at_a_time_in_the_order_of_adding(store: Store, hire: Hire) -> None:
    """P17."""
    await store.add([*several("abc", ONE), *several("xyz", of_user(2))])
    worker = hire("w1")
    for expected in ("ax", "by", "cz"):
        claims = await worker.claim(10)
        assert "".join(ids(claims)) == expected
        assert await worker.claim(10) == []
        await worker.finish(claims)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_as_many_run_at_once_as_fit(store: Store, hire: Hire, limit: int) -> None:
    await store.add(several("abcdefgh", of_user(1, limit)))
    worker = hire("w1")
    claims = await worker.claim(10)
    assert "".join(ids(claims)) == "abcdefgh"[:limit]
    await worker.finish(claims[:1])
    assert "".join(ids(await worker.claim(10))) == "abcdefgh"[limit]


async def test_a_better_priority_goes_first_in_its_lane(store: Store, hire: Hire) -> None:
    """P17."""
    await store.add([*several("ab", ONE), *several("c", ONE, priority=5)])
    assert await hire("w1").drain() == ["c", "a", "b"]


async def test_one_call_settles_and_gives_the_place_to_the_next(store: Store, hire: Hire) -> None:
    await store.add(several("abc", ONE))
    worker = hire("w1")
    claim = await worker.claim_one()
    answer = await store.cycle("w1", [Ending(claim, complete())], ["default"], 5)
    assert (ids(answer.claims), answer.lost) == (["b"], frozenset())


@pytest.mark.parametrize("outcome", ENDS)
async def test_a_place_is_free_once_its_attempt_has_ended(store: Store, hire: Hire, outcome: Outcome) -> None:
    await store.add(several("ab", ONE, max_attempts=5))
    worker = hire("w1")
    claim = await worker.claim_one()
    assert await worker.claim(5) == []
    await worker.finish([claim], outcome)
    assert ids(await worker.claim(5)) == ["b"]


@pytest.mark.parametrize("outcome", COMES_AGAIN)
async def test_who_comes_again_at_once_stands_where_it_stood(store: Store, hire: Hire, outcome: Outcome) -> None:
    """P17."""
    await store.add(several("ab", ONE, max_attempts=5))
    worker = hire("w1")
    for _ in range(3):
        claims = await worker.claim(5)
        assert ids(claims) == ["a"]
        await worker.finish(claims, outcome)


async def test_who_is_stopped_instead_of_coming_again_leaves_its_gates(store: Store, hire: Hire) -> None:
    await store.add(several("ab", ONE, ORDER, max_attempts=5))
    worker = hire("w1")
    claim = await worker.claim_one()
    assert await store.cancel(["a"]) == ["a"]
    assert await worker.claim(5) == []
    await worker.finish([claim], retry(0))
    assert (await seen(store, "a")).state == "cancelled"
    assert ids(await worker.claim(5)) == ["b"]


async def test_a_place_is_kept_through_a_take_over_until_it_is_settled(
    store: Store, clock: FakeClock, hire: Hire
) -> None:
    await store.add(several("ab", ONE))
    await hire("w1").claim_one()
    clock.forward(LEASE)
    sweeper = hire("w2")
    (taken,) = (await sweeper.sweep()).taken
    assert taken.lane is not None
    assert await sweeper.claim(5) == []
    await sweeper.finish([taken], retry(60_000, None, "crashed"))
    assert ids(await sweeper.claim(5)) == ["b"]


async def test_an_ending_that_is_told_twice_leaves_once(store: Store, hire: Hire) -> None:
    """P7."""
    await store.add(several("abcdef", ALL, max_attempts=5))
    worker = hire("w1")
    first, second = await worker.claim(5)
    await worker.finish([first])
    await worker.finish([first])
    await worker.finish([first, first, first])
    (third,) = await worker.claim(5)
    await worker.finish([second], retry(60_000))
    await worker.finish([second], retry(60_000))
    assert ids(await worker.claim(5)) == ["d"]
    await worker.finish([third, third])
    assert ids(await worker.claim(5)) == ["e"]


async def test_of_several_endings_of_one_claim_the_completion_leaves(store: Store, hire: Hire) -> None:
    await store.add([*several("ab", ORDER, max_attempts=3), governed("c", DAILY, costs="[90]")])
    worker = hire("w1")
    a, c = await worker.claim(5)
    window = (await store.now()) // DAY
    ended = [Ending(a, hand_back()), Ending(a, complete()), Ending(a, retry(0))]
    ended += [Ending(c, hand_back(), spent=(Spent(DAILY.name, -90, window),)), Ending(c, complete())]
    assert await worker.settle_all(ended) == frozenset()
    await store.add([governed("d", DAILY, costs="[11]")])
    assert ids(await worker.claim(5)) == ["b"], "what the others told counts for nothing"


async def test_a_stale_ending_beside_the_current_one_leaves_nothing(store: Store, hire: Hire) -> None:
    """P6: both in one call."""
    await store.add([*several("ab", ORDER, max_attempts=3), *several("cde", ALL, max_attempts=3)])
    worker = hire("w1")
    old = await worker.claim(5)
    assert ids(old) == ["a", "c", "d"]
    await worker.finish(old, hand_back())
    new = await worker.claim(5)
    ended = [*[Ending(claim, complete()) for claim in old], *[Ending(claim, retry(60_000)) for claim in new]]
    assert await worker.settle_all(ended) == {"a", "c", "d"}
    assert ids(await worker.claim(5)) == ["e"], "a holds its turn"


@pytest.mark.parametrize("outcome", [*ENDS, *COMES_AGAIN])
async def test_a_stale_ending_leaves_nothing(store: Store, clock: FakeClock, hire: Hire, outcome: Outcome) -> None:
    """P6."""
    await store.add(several("ab", ONE, ORDER, DAILY, max_attempts=5))
    lost = await hire("w1").claim_one()
    clock.forward(LEASE)
    sweeper = hire("w2")
    (taken,) = (await sweeper.sweep()).taken
    spent = (Spent(DAILY.name, 99, clock() // DAY),)
    answer = await sweeper.settle_all([Ending(lost, outcome._replace(park=Park(5_000)), spent=spent)])
    assert answer == {"a"}
    assert await sweeper.claim(5) == []
    await sweeper.finish([taken])
    assert ids(await sweeper.claim(5)) == ["b"]


async def test_a_stale_ending_leaves_nothing_of_a_later_claim_of_the_same_worker(store: Store, hire: Hire) -> None:
    """P6."""
    await store.add(several("ab", ONE))
    worker = hire("w1")
    old = await worker.claim_one()
    await worker.finish([old], hand_back())
    new = await worker.claim_one()
    assert await worker.settle(old, complete()) == {"a"}
    assert await worker.claim(5) == []
    await worker.finish([new])
    assert ids(await worker.claim(5)) == ["b"]


async def test_two_queues_share_a_gate(store: Store, hire: Hire) -> None:
    await store.add([*several("ab", ALL, queue="mail"), *several("cd", ALL, queue="ai")])
    worker = hire("w1")
    mail = await worker.claim(5, ["mail"])
    assert ids(mail) == ["a", "b"]
    assert await worker.claim(5, ["ai"]) == []
    await worker.finish(mail[:1])
    (third,) = await worker.claim(5, ["ai"])
    assert third.id == "c"
    assert await worker.claim(5, ["mail", "ai"]) == []
    await worker.finish([third])
    assert ids(await worker.claim(5, ["mail", "ai"])) == ["d"]


async def test_who_serves_one_queue_learns_of_a_place_that_was_freed_in_another(store: Store, hire: Hire) -> None:
    await store.add([*several("a", ONE, queue="mail"), *several("b", ONE, queue="ai"), *several("c", ONE, queue="crm")])
    mail, ai, crm = hire("w1"), hire("w2"), hire("w3")
    (first,) = await mail.claim(5, ["mail"])
    assert await ai.claim(5, ["ai"]) == await crm.claim(5, ["crm"]) == []
    await mail.finish([first])
    (second,) = await ai.claim(5, ["ai"])
    assert await crm.claim(5, ["crm"]) == []
    await ai.finish([second])
    assert ids(await crm.claim(5, ["crm"])) == ["c"]


async def test_workers_who_claim_at_once_let_in_no_more_than_fit(store: Store, hire: Hire) -> None:
    """P4."""
    users = [of_user(number, 2) for number in range(5)]
    fleet = ALL._replace(limit=7)
    await store.add([governed(f"{number:03}", users[number % 5], fleet) for number in range(60)])
    workers = [hire(f"w{number}") for number in range(4)]
    done: list[str] = []
    for _ in range(60):
        shares = await asyncio.gather(*(worker.claim(3) for worker in workers for _ in range(2)))
        claims = [claim for share in shares for claim in share]
        inside = Counter(claim.lane for claim in claims)
        assert len(claims) <= 7
        assert max(inside.values(), default=0) <= 2
        if not claims:
            break
        done += ids(claims)
        await asyncio.gather(*(workers[0].finish([claim]) for claim in claims))
    assert sorted(done) == [f"{number:03}" for number in range(60)]


# -- one after the other, in order -----------------------------------------------------


async def test_in_order_a_job_that_is_to_be_tried_again_holds_its_successors_back(
    store: Store, clock: FakeClock, hire: Hire
) -> None:
    await store.add([*several("abc", ORDER, max_attempts=3), governed("free", of_user(1))])
    worker = hire("w1")
    first, free = await worker.claim(5)
    assert ids([first, free]) == ["a", "free"]
    await worker.finish([first], retry(5_000))
    assert await worker.claim(5) == []
    clock.forward(5_000)
    assert (await worker.sweep()).promoted == 1
    claims = await worker.claim(5)
    assert ids(claims) == ["a"]
    await worker.finish(claims)
    assert await worker.drain() == ["b", "c"]


async def test_in_order_who_has_the_turn_goes_first_whoever_has_come_due_meanwhile(
    store: Store, clock: FakeClock, hire: Hire
) -> None:
    """Nobody else is let in, so behind an older one it would wait for ever."""
    await store.add(several("b", ORDER, due_in=5_000))
    clock.forward(1)
    await store.add(several("a", ORDER, max_attempts=3))
    worker = hire("w1")
    await worker.finish(await worker.claim(5), retry(9_000))
    claims = []
    for expected in ([], ["a"]):
        clock.forward(5_000)
        worker.beat()
        assert (await worker.sweep()).promoted == 1
        claims = await worker.claim(5)
        assert ids(claims) == expected
    await worker.finish(claims)
    assert await worker.drain() == ["b"]


@pytest.mark.parametrize("outcome", [complete(), give_up("error"), cancel()])
async def test_in_order_the_next_goes_once_the_one_before_it_has_ended_for_good(
    store: Store, hire: Hire, outcome: Outcome
) -> None:
    await store.add(several("ab", ORDER))
    worker = hire("w1")
    claims = await worker.claim(5)
    assert ids(claims) == ["a"]
    await worker.finish(claims, outcome)
    assert ids(await worker.claim(5)) == ["b"]


@pytest.mark.parametrize("way", ["cancel", "expire", "delete", "alter"])
async def test_in_order_the_next_goes_when_the_one_before_it_is_gone_while_it_waits(
    store: Store, clock: FakeClock, hire: Hire, way: str
) -> None:
    await store.add([*several("a", ORDER, max_attempts=3, expires_in=9_000), *several("b", ORDER)])
    worker = hire("w1")
    await worker.finish(await worker.claim(1), retry(60_000))
    assert await worker.claim(5) == []
    if way == "cancel":
        assert await store.cancel(["a"]) == ["a"]
    elif way == "alter":
        assert await store.alter(["a"], queue="other") == ["a"]
    elif way == "delete":
        await store.hold(["a"], "operator")
        assert await worker.claim(5) == [], "it may come back"
        assert await store.delete(["a"]) == ["a"]
    else:
        clock.forward(9_000)
        assert (await worker.sweep()).expired == 1
    assert ids(await worker.claim(5)) == ["b"]


async def test_in_order_who_is_held_keeps_its_turn(store: Store, hire: Hire) -> None:
    await store.add(several("ab", ORDER, max_attempts=3))
    worker = hire("w1")
    await worker.finish(await worker.claim(1), hold("unknown_task"))
    assert await worker.claim(5) == []
    assert await store.release("unknown_task") == 1
    assert ids(await worker.claim(5)) == ["a"]


async def test_in_order_a_revived_job_goes_behind_who_is_there(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add(several("ab", ORDER))
    worker = hire("w1")
    (first,) = await worker.claim(5)
    await worker.finish([first], give_up("error"))
    (second,) = await worker.claim(5)
    clock.forward(1)
    await store.revive(["a"])
    assert await worker.claim(5) == []
    await worker.finish([second])
    assert ids(await worker.claim(5)) == ["a"]


# -- so many in a time -----------------------------------------------------------------


async def test_a_rate_lets_its_burst_go_and_then_one_after_the_other(
    store: Store, clock: FakeClock, hire: Hire
) -> None:
    await store.add(several("abcdefg", API))
    worker = hire("w1")
    claims = await worker.claim(10)
    assert ids(claims) == ["a", "b", "c"]
    await worker.finish(claims)
    assert await worker.claim(10) == [], "to end does not refill it"
    clock.forward(999)
    assert await worker.claim(10) == []
    clock.forward(1)
    assert ids(await worker.claim(10)) == ["d"]
    clock.forward(2_000)
    assert ids(await worker.claim(10)) == ["e", "f"]
    clock.forward(9_000)
    worker.beat()
    assert ids(await worker.claim(10)) == ["g"]


async def test_a_claim_tells_when_the_next_lane_opens_by_itself(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([*several("abcde", API), *several("xy", ONE, queue="other")])
    worker = hire("w1")
    assert (await worker.look(10)).opens_in == 1_000
    clock.forward(400)
    assert (await worker.look(10)).opens_in == 600
    answer = await worker.look(10, ["other"])
    assert (ids(answer.claims), answer.opens_in) == (["x"], None), "that one waits for no instant"
    clock.forward(600)
    answer = await worker.look(10, ["default", "other"])
    assert (ids(answer.claims), answer.opens_in) == (["d"], 1_000)
    clock.forward(1_000)
    answer = await worker.look(10)
    assert (ids(answer.claims), answer.opens_in) == (["e"], None)


async def test_a_costly_job_waits_for_as_much_as_it_needs(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([
        governed("a", API, costs="[2]"), governed("b", API, costs="[3]"), governed("c", API, costs="[50]"),
        governed("d", API),
    ])  # fmt: skip
    worker = hire("w1")
    assert ids(await worker.claim(10)) == ["a"]
    clock.forward(1_999)
    assert await worker.claim(10) == []
    clock.forward(1)
    assert ids(await worker.claim(10)) == ["b"]
    clock.forward(3_000)
    assert ids(await worker.claim(10)) == ["c"], "more than the burst costs the whole burst"
    clock.forward(1_000)
    assert ids(await worker.claim(10)) == ["d"]


async def test_of_several_gates_all_are_entered_or_none(store: Store, clock: FakeClock, hire: Hire) -> None:
    once = API._replace(policy="once", burst=1)
    await store.add([*several("ab", ONE), *several("cd", API, once, ONE), *several("xyz", API)])
    worker = hire("w1")
    claims = await worker.claim(10)
    assert ids(claims) == ["a", "x", "y", "z"], "who was refused by one gate took nothing from the others"
    await worker.finish(claims[:1])
    (second,) = await worker.claim(10)
    assert second.id == "b"
    await worker.finish([second])
    clock.forward(1_000)
    claims = await worker.claim(10)
    assert ids(claims) == ["c"]
    await worker.finish(claims)
    clock.forward(999)
    assert await worker.claim(10) == []
    clock.forward(1)
    assert ids(await worker.claim(10)) == ["d"]


async def test_who_was_told_to_come_later_parks_the_gate_for_all(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([*several("abcd", API, max_attempts=1), governed("other", ONE)])
    worker = hire("w1")
    first, *others = await worker.claim(2)
    outcome = snooze(8_000, "retry_later")._replace(park=Park(8_000))
    await worker.finish([first], outcome)
    await worker.finish(others)
    answer = await worker.look(10)
    assert (ids(answer.claims), answer.opens_in) == (["other"], 8_000)
    clock.forward(7_999)
    assert await worker.claim(10) == []
    clock.forward(1)
    await worker.sweep()
    assert ids(await worker.claim(10)) == ["a", "c", "d"]
    assert (await seen(store, "a")).attempt == 1


async def test_after_a_park_they_come_with_the_space_that_was_told(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add(several("abcdef", API))
    worker = hire("w1")
    (first,) = await worker.claim(1)
    await worker.finish([first], complete()._replace(park=Park(1_000, 2_000_000, 7_000)))
    assert await worker.claim(10) == []
    clock.forward(1_000)
    assert ids(await worker.claim(10)) == ["b"]
    assert (await worker.look(10)).opens_in == 2_000
    clock.forward(2_000)
    assert ids(await worker.claim(10)) == ["c"]
    clock.forward(1_999)
    assert await worker.claim(10) == []
    clock.forward(1)
    assert ids(await worker.claim(10)) == ["d"]
    clock.forward(2_000)
    worker.beat()
    assert ids(await worker.claim(10)) == ["e", "f"], "what was told does not hold any more"


async def test_what_is_shut_for_a_while_is_parked_by_its_key_where_there_is_no_rate(
    store: Store, clock: FakeClock, hire: Hire
) -> None:
    await store.add([*several("ab", of_user(1, 5), ALL), *several("x", of_user(2, 5), ALL)])
    worker = hire("w1")
    (first,) = await worker.claim(1)
    await worker.finish([first], snooze(60_000)._replace(park=Park(3_000)))
    assert ids(await worker.claim(10)) == ["x"]
    clock.forward(3_000)
    assert ids(await worker.claim(10)) == ["b"]


# -- tidying ---------------------------------------------------------------------------


async def test_a_sweep_forgets_gates_that_are_at_rest(store: Store, clock: FakeClock, hire: Hire) -> None:
    key = of_user(1, 5)
    await store.add([governed("a", API, key, DAILY)])
    worker = hire("w1")
    await worker.finish([await worker.claim_one()])
    clock.forward(DAY)
    worker.beat()
    for _ in range(3):
        await worker.sweep()
    await store.add([governed("b", API, key, DAILY)])
    assert dict((await store.survey("default", 10)).standings) == {}
    assert ids(await worker.claim(5)) == ["b"]


async def test_a_sweep_forgets_nothing_that_counts(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([
        *several("ab", ONE), *several("cd", ORDER, max_attempts=3), *several("efgh", API),
        *[governed(id, DAILY, costs="[60]") for id in "ij"],
    ])  # fmt: skip
    worker = hire("w1")
    claims = await worker.claim(20)
    assert "".join(ids(claims)) == "acefgi"
    await worker.finish([claim for claim in claims if claim.id == "c"], retry(60_000))
    await worker.finish([claim for claim in claims if claim.id in "efgi"])
    for _ in range(3):
        clock.forward(300)
        worker.beat()
        await worker.sweep()
        assert await worker.claim(20) == []
    clock.forward(100)
    assert ids(await worker.claim(20)) == ["h"]
