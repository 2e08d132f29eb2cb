"""What gates promise to those who wait: no place stays unused while somebody waits for it (decision 0015)."""

import pytest

from treadle.core.flow.steering import Steer
from treadle.core.job import Claim, Cycle
from treadle.core.store import Store
from treadle.testing.contract.gates import ALL, DAILY, ONE, of_user
from treadle.testing.contract.scene import Hand, Hire, governed, ids


async def test_a_lane_that_cannot_use_the_place_it_was_let_out_for_lets_another(store: Store, hire: Hire) -> None:
    """Decision 0015, rule 3: who was next at the gate that was left waits at another one by now."""
    fleet = ALL._replace(limit=1)
    await store.add([governed("busy", ONE), governed("a", fleet)])
    worker = hire("w1")
    busy, first = await worker.claim(5)
    await store.add([governed("b", fleet, ONE), governed("c", fleet, of_user(2)), governed("d", fleet, of_user(3))])
    assert await worker.claim(5) == []
    await worker.finish([first])
    claims = await worker.claim(5)
    assert ids(claims) == ["c"], "b waits for u1, so it does not keep c from the place"
    await worker.finish([busy, *claims])
    assert await worker.drain(5) == ["b", "d"]


async def test_a_lane_that_vanished_after_it_was_let_out_lets_another(store: Store, hire: Hire) -> None:
    fleet = ALL._replace(limit=1)
    await store.add([governed(id, fleet, of_user(number)) for number, id in enumerate("abcd")])
    worker = hire("w1")
    (first,) = await worker.claim(5)
    await worker.finish([first])
    assert await store.cancel(["b"]) == ["b"]
    assert await store.hold(["c"], "operator") == ["c"]
    assert ids(await worker.claim(5)) == ["d"]


@pytest.mark.parametrize("want", [1, 10, 500])
async def test_three_hundred_lanes_at_one_gate_are_all_served(store: Store, hire: Hire, want: int) -> None:
    fleet = ALL._replace(limit=1)
    await store.add([governed(f"{number:03}", fleet, of_user(number)) for number in range(300)])
    assert await hire("w1").drain(want) == [f"{number:03}" for number in range(300)]


async def test_lanes_that_wait_at_two_gates_in_turn_are_all_served(store: Store, hire: Hire) -> None:
    """No lane is forgotten at a gate, whichever of several it was shut at."""
    first, second = ALL._replace(policy="first", limit=1), ALL._replace(policy="second", limit=2)
    gates = [(first,), (second,), (first, second), (second, of_user(1)), (first, of_user(1)), (of_user(1),)]
    await store.add([governed(f"{number:03}", *gates[number % 6]) for number in range(60)])
    worker, done = hire("w1"), list[str]()
    running: list[Claim] = []
    for _ in range(200):
        running += await worker.claim(3)
        if not running:
            break
        last = running.pop()
        done.append(last.id)
        await worker.finish([last])
    assert sorted(done) == [f"{number:03}" for number in range(60)]


async def _rest(worker: Hand, want: int) -> list[Cycle]:
    """Claim until it is told that there is no more."""
    answers = [await worker.look(want)]
    while answers[-1].more and len(answers) < 10:
        answers.append(await worker.look(want))
    return answers


async def test_claims_come_to_rest_where_jobs_wait_for_more_than_is_left(store: Store, hire: Hire) -> None:
    """Two budgets, of each of which something is left, but for neither job enough of both."""
    money = DAILY._replace(policy="money")
    await store.add([governed("a", DAILY, money, costs="[95,95]")])
    worker = hire("w1")
    await worker.finish([await worker.claim_one()])
    await store.add([
        governed("b", DAILY, money, ONE, costs="[50,1,1]"), governed("c", money, DAILY, of_user(2), costs="[50,1,1]"),
    ])  # fmt: skip
    answers = await _rest(worker, 5)
    assert [ids(answer.claims) for answer in answers] == [[]] * len(answers)
    assert not answers[-1].more, "somebody would ask again and again, all day long"
    await store.add([governed("d", DAILY, money, of_user(3))])
    assert ids(await worker.claim(5)) == ["d"]


async def test_an_operators_limit_changes_who_waits_where(store: Store, hire: Hire) -> None:
    await store.add([governed(f"{number}", ALL, of_user(number)) for number in range(6)])
    worker = hire("w1")
    claims = await worker.claim(10)
    assert len(claims) == 2
    await store.steer("fleet", Steer(limit=4))
    assert len(await worker.claim(10)) == 2
    await store.steer("fleet", Steer(limit=1))
    await worker.finish(claims)
    assert await worker.claim(10) == []
    await store.steer("fleet", Steer())
    assert await worker.claim(10) == [], "two run, and two are allowed again"
