"""What a claim promises to tenants and queues: turns, weights, shares, and an age at which nobody is passed over."""

from collections import Counter
from typing import Any

import pytest

from treadle.core.flow.choosing import AGEING
from treadle.core.flow.gates import Gate, Kind
from treadle.core.flow.steering import Steer
from treadle.core.job import NewJob
from treadle.core.outcomes import complete, hand_back, retry
from treadle.core.store import Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.scene import Hire, governed, ids, job, jobs, seen, several

ONE = Gate(Kind.CONCURRENCY, "greet:concurrency", "user_id=u1", 1)
ORDER = Gate(Kind.ORDER, "greet:order", "account=a", 1)

WAITS: dict[str, dict[str, Any]] = {"queued": {}, "scheduled": {"due_in": 1_000}, "held": {"held": "operator"}}


def of(tenant: str, number: int) -> list[NewJob]:
    return [governed(f"{tenant}{count:03}", tenant=tenant) for count in range(number)]


def firsts(ids: list[str]) -> str:
    return "".join(id[0] for id in ids)


# -- tenants ---------------------------------------------------------------------------


@pytest.mark.parametrize("want", [1, 2, 12])
async def test_tenants_take_turns(store: Store, hire: Hire, want: int) -> None:
    await store.add([*of("a", 6), *of("b", 3), *of("c", 1)])
    done = await hire("w1").drain(want)
    assert firsts(done) == "abcababaaa"
    assert [id for id in done if id[0] == "a"] == [each.id for each in of("a", 6)], "each in its own order (P17)"


@pytest.mark.parametrize("want", [1, 5])
async def test_a_newcomer_is_next_however_much_another_has_waiting(store: Store, hire: Hire, want: int) -> None:
    await store.add(of("busy", 1_000))
    worker = hire("w1")
    for _ in range(20):
        await worker.finish(await worker.claim(5))
    await store.add(of("new", 3))
    done: list[str] = []
    while len(done) < 10:
        claims = await worker.claim(want)
        done += ids(claims)
        await worker.finish(claims)
    assert firsts(done) in ("nbnbnbbbbb", "bnbnbnbbbb"), "at most one of the other goes first"


async def test_who_was_away_has_saved_no_turns_up(store: Store, hire: Hire) -> None:
    await store.add([*of("a", 90), *of("back", 1)])
    worker = hire("w1")
    for _ in range(40):
        await worker.finish(await worker.claim(1))
    await store.add([governed(f"back-again-{number}", tenant="back") for number in range(20)])
    got = list[str]()
    for _ in range(20):
        claims = await worker.claim(1)
        got += ids(claims)
        await worker.finish(claims)
    assert abs(Counter(firsts(got))["a"] - 10) <= 1


@pytest.mark.parametrize("want", [1, 7])
async def test_an_operator_may_give_a_tenant_more_turns(store: Store, hire: Hire, want: int) -> None:
    await store.steer("tenant=a", Steer(weight=3))
    await store.add([*of("a", 90), *of("b", 90)])
    worker, got = hire("w1"), list[str]()
    while len(got) < 56:
        claims = await worker.claim(want)
        got += ids(claims)
        await worker.finish(claims)
    assert abs(Counter(firsts(got))["a"] - 42) <= 1


async def test_jobs_without_a_tenant_take_turns_beside_tenants(store: Store, hire: Hire) -> None:
    await store.add([*[job(f"p{number}") for number in range(4)], *of("a", 3), *several("gh", ONE), *of("b", 1)])
    assert firsts(await hire("w1").drain()) == "pabpapapgh"


async def test_one_claim_serves_plain_jobs_and_tenants_too(store: Store, hire: Hire) -> None:
    await store.add([*jobs(5), *of("a", 5)])
    worker = hire("w1")
    claims = await worker.claim(15)
    assert ids(claims) == [id for number in range(5) for id in (f"{number:04}", f"a{number:03}")]
    assert await worker.claim(15) == []


async def test_a_large_claim_may_take_some_of_each_tenant_at_once(store: Store, hire: Hire) -> None:
    """A run is a tenth of what is wanted."""
    await store.add([*of("a", 100), *of("b", 100)])
    worker = hire("w1")
    got = firsts(ids(await worker.claim(40)))
    assert got == "aaaabbbb" * 5


async def test_a_tenant_whose_jobs_must_wait_holds_up_no_other(store: Store, hire: Hire) -> None:
    await store.add([governed(f"a{number}", ONE, tenant="a") for number in range(20)])
    await store.add(of("b", 3))
    worker = hire("w1")
    claims = await worker.claim(10)
    assert firsts(ids(claims)) == "abbb"
    await worker.finish(claims[1:])
    assert await worker.claim(10) == []
    await worker.finish(claims[:1])
    assert ids(await worker.claim(10)) == ["a1"]


@pytest.mark.parametrize("want", [1, 5])
async def test_old_lanes_at_a_shared_gate_keep_no_newcomer_waiting(store: Store, hire: Hire, want: int) -> None:
    shared = Gate(Kind.CONCURRENCY, "greet:concurrency", "", 1)
    lanes = [[shared, ONE._replace(policy="greet:user", key=f"user_id=u{number}")] for number in range(100)]
    await store.add([governed(f"b{number:03}", *gates, tenant="big") for number, gates in enumerate(lanes)])
    worker, got = hire("w1"), list[str]()
    for number in range(6):
        claims = await worker.claim(want)
        assert len(claims) == 1
        got += ids(claims)
        if number == 2:
            assert await worker.claim(want) == [], "all lanes are shut"
            await store.add([governed("n", shared, tenant="new")])
            assert await worker.claim(want) == []
        await worker.finish(claims)
    assert firsts(got) in ("bbbnbb", "bbbbnb"), "at most one of the other goes first"


async def test_a_hundred_tenants_each_get_their_turn(store: Store, hire: Hire) -> None:
    await store.add(
        [governed(f"{number % 100:03}-{number // 100}", tenant=f"t{number % 100}") for number in range(300)]
    )
    worker, got = hire("w1"), list[str]()
    for _ in range(10):
        claims = await worker.claim(10)
        got += ids(claims)
        await worker.finish(claims)
    assert len({id[:3] for id in got}) == 100
    assert len(await worker.drain(10)) == 200


async def test_of_very_many_tenants_at_one_gate_none_is_passed_by(store: Store, hire: Hire) -> None:
    shared = Gate(Kind.CONCURRENCY, "greet:concurrency", "", 10)
    tenants = [f"t{number:03}" for number in range(450)]
    await store.add([governed(f"{tenant}-1", shared, tenant=tenant) for tenant in tenants])
    worker, got = hire("w1"), list[str]()
    for number in range(60):
        claims = await worker.claim(10)
        got += ids(claims)
        if number == 10:
            await store.add([governed(f"{tenant}-2", shared, tenant=tenant) for tenant in tenants[:100]])
        await worker.finish(claims)
    assert sorted(got) == sorted([f"{tenant}-1" for tenant in tenants] + [f"{tenant}-2" for tenant in tenants[:100]])
    assert {id for id in got if id.endswith("-1")} <= set(got[:500]), "who was there first is served"


# -- queues ----------------------------------------------------------------------------


@pytest.mark.parametrize("tenant", [None, "acme"])
async def test_shares_say_how_many_of_each_queue_go_first(store: Store, hire: Hire, tenant: str | None) -> None:
    for queue, number in (("mail", 30), ("ai", 5)):
        await store.add([governed(f"{queue}{count:02}", queue=queue, tenant=tenant) for count in range(number)])
    worker = hire("w1")

    async def claim(want: int, shares: tuple[int, int]) -> str:
        claims = (await worker.look(want, ["mail", "ai"], shares)).claims
        got = ids(claims)
        assert [id for id in got if id[0] == "m"] == sorted(id for id in got if id[0] == "m")
        await worker.finish(claims)
        return firsts(sorted(got))

    assert await claim(4, (3, 1)) == "ammm"
    assert await claim(4, (0, 2)) == "aamm"
    assert await claim(6, (2, 4)) == "aammmm", "what one queue has not is no reason to take less of another"
    assert await claim(3, (1, 2)) == "mmm"


async def test_a_share_and_turns_go_together(store: Store, hire: Hire) -> None:
    for queue in ("mail", "ai"):
        await store.add([governed(f"{tenant}-{queue}-{count}", queue=queue, tenant=tenant)
                         for tenant in "xy" for count in range(5)])  # fmt: skip
    claims = (await hire("w1").look(8, ["mail", "ai"], (6, 2))).claims
    assert Counter((claim.queue, claim.tenant) for claim in claims) == {
        ("mail", "x"): 3, ("mail", "y"): 3, ("ai", "x"): 1, ("ai", "y"): 1,
    }  # fmt: skip


# -- age and priority ------------------------------------------------------------------


@pytest.mark.parametrize("wishes", [{}, {"tenant": "acme"}])
@pytest.mark.parametrize("queues", [["default"], ["default", "other"]])
async def test_a_point_of_priority_is_worth_a_minute(
    store: Store, clock: FakeClock, hire: Hire, wishes: dict[str, str], queues: list[str]
) -> None:
    await store.add([governed("old", **wishes), governed("older", queue=queues[-1], priority=-1, **wishes)])
    clock.forward(2 * AGEING)
    await store.add([
        governed("equal", priority=2, **wishes), governed("better", queue=queues[-1], priority=3, **wishes),
        governed("worse", priority=1, **wishes),
    ])  # fmt: skip
    worker = hire("w1")
    assert ids(await worker.claim(1, queues)) == ["better"]
    assert ids(await worker.claim(2, queues)) == ["old", "equal"]
    assert ids(await worker.claim(5, queues)) == ["older", "worse"]


@pytest.mark.parametrize("wishes", [{}, {"tenant": "acme"}])
async def test_nobody_starves_of_the_better_priority_of_others(
    store: Store, clock: FakeClock, hire: Hire, wishes: dict[str, str]
) -> None:
    await store.add([governed("low", priority=-5, **wishes)])
    worker, before = hire("w1"), 0
    while True:
        clock.forward(AGEING)
        worker.beat()
        await store.add([governed(f"high{before}", priority=5, **wishes)])
        (claim,) = await worker.claim(1)
        if claim.id == "low":
            break
        await worker.finish([claim])
        before += 1
    assert before == 9, "ten points are ten minutes"


@pytest.mark.parametrize("wishes", [{}, {"tenant": "acme"}])
async def test_whoever_comes_back_keeps_its_place(
    store: Store, clock: FakeClock, hire: Hire, wishes: dict[str, str]
) -> None:
    """P17: by a retry, a hand-back, a hold, a promotion."""
    made = [governed(id, max_attempts=9, **wishes) for id in "abcde"]
    await store.add([*made[:4], made[4]._replace(due_in=1_000)])
    worker = hire("w1")
    a, b, c = await worker.claim(3)
    await worker.finish([a], retry(1_000))
    await worker.finish([b], hand_back())
    await worker.finish([c], retry(0))
    assert await store.hold(["d"], "operator") == ["d"]
    clock.forward(1_000)
    await store.add([governed("f", **wishes)])
    assert (await worker.sweep()).promoted == 2
    assert await store.release("operator") == 1
    assert ids(await worker.claim(9)) == ["a", "b", "c", "d", "e", "f"]


@pytest.mark.parametrize("wishes", [{}, {"tenant": "acme"}])
async def test_who_is_revived_waits_from_then_on(
    store: Store, clock: FakeClock, hire: Hire, wishes: dict[str, str]
) -> None:
    await store.add([governed("a", **wishes), governed("urgent", priority=1, **wishes)])
    worker = hire("w1")
    await worker.finish(await worker.claim(2), complete())
    clock.forward(1_000)
    await store.add([governed("b", **wishes)])
    clock.forward(1_000)
    assert sorted(await store.revive(["a", "urgent"])) == ["a", "urgent"]
    await store.add([governed("c", **wishes)])
    assert (await worker.claim(1))[0].id == "urgent"
    assert (await worker.claim(1))[0].id == "b"
    assert sorted(ids(await worker.claim(2))) == ["a", "c"]


@pytest.mark.parametrize("wishes", [{}, {"tenant": "acme"}])
@pytest.mark.parametrize("state", WAITS)
async def test_a_priority_can_be_altered_while_a_job_waits(
    store: Store, clock: FakeClock, hire: Hire, state: str, wishes: dict[str, str]
) -> None:
    await store.add([governed("a", **wishes), governed("b", priority=2, **wishes)])
    waits = WAITS[state]
    await store.add([governed("c", **wishes, **waits), governed("d", priority=9, **wishes, **waits)])
    assert await store.alter(["c"], priority=5) == ["c"]
    assert await store.alter(["d", "nobody"], priority=-1) == ["d"]
    assert [(await seen(store, id)).priority for id in "cd"] == [5, -1]
    clock.forward(1_000)
    worker = hire("w1")
    await worker.sweep()
    await store.release("operator")
    assert ids(await worker.claim(9)) == ["c", "b", "a", "d"]


async def test_a_job_can_be_moved_to_another_queue_and_keeps_its_place(store: Store, hire: Hire) -> None:
    await store.add([*jobs(2), *several("ab", ONE), *several("x", ONE, queue="other"), job("y", queue="other")])
    assert sorted(await store.alter(["0000", "a"], queue="other")) == ["0000", "a"]
    worker = hire("w1")
    assert ids(await worker.claim(9, ["other"])) == ["0000", "a", "y"]
    assert ids(await worker.claim(9)) == ["0001"], "the other queue's job has entered the gate"
    await worker.finish([claim for claim in await store.claims("w1") if claim.id == "a"])
    assert ids(await worker.claim(9)) == ["b"]
    assert await worker.claim(9, ["other"]) == []


async def test_who_runs_or_has_ended_is_not_altered(store: Store, hire: Hire) -> None:
    await store.add(jobs(2))
    worker = hire("w1")
    claims = await worker.claim(2)
    await worker.finish(claims[:1])
    before = [await seen(store, each.id) for each in jobs(2)]
    assert await store.alter(["0000", "0001", "nobody"], queue="other", priority=9) == []
    assert [await seen(store, each.id) for each in jobs(2)] == before


async def test_who_waits_in_order_keeps_its_priority(store: Store, hire: Hire) -> None:
    await store.add(several("abc", ORDER))
    assert await store.alter(["c"], priority=9) == []
    assert await store.alter(["b"], queue="other", priority=9) == ["b"]
    assert [(await seen(store, id)).priority for id in "abc"] == [0, 0, 0]
    worker = hire("w1")
    assert await worker.drain() == ["a", "c"]
    assert ids(await worker.claim(5, ["other"])) == ["b"]
