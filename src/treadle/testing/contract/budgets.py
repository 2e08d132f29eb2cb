"""What budgets promise: set aside at the claim, settled by what was really spent, and never one unit more."""

import asyncio
from collections import Counter

from treadle.core.job import Ending, Spent
from treadle.core.outcomes import complete
from treadle.core.store import Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.gates import API, DAILY, DAY, ONE, of_user, to_midnight
from treadle.testing.contract.scene import Hire, governed, ids


async def test_a_budget_is_set_aside_and_begins_anew_at_its_border(store: Store, clock: FakeClock, hire: Hire) -> None:
    clock.forward(to_midnight(clock) - 10_000)
    await store.add([governed(id, DAILY, costs="[40]") for id in "abcd"])
    worker = hire("w1")
    answer = await worker.look(10)
    assert (ids(answer.claims), answer.opens_in) == (["a", "b"], 10_000)
    await worker.finish(answer.claims)
    clock.forward(9_999)
    assert await worker.claim(10) == [], "what was set aside and not given back is spent"
    clock.forward(1)
    assert ids(await worker.claim(10)) == ["c", "d"]


async def test_what_was_not_spent_is_given_back(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([governed(id, DAILY, costs="[60]") for id in "abc"])
    worker = hire("w1")
    (first,) = await worker.claim(10)
    spent = Spent(DAILY.name, -30, clock() // DAY)
    assert await worker.settle_all([Ending(first, complete(), spent=(spent,))]) == frozenset()
    (second,) = await worker.claim(10)
    assert await worker.settle_all([Ending(second, complete(), spent=(spent._replace(units=9),))]) == frozenset()
    assert await worker.claim(10) == [], "99 of 100 are spent"


async def test_what_was_given_back_goes_to_whom_it_is_enough_for(store: Store, clock: FakeClock, hire: Hire) -> None:
    """Also where the best of those who wait need more."""
    costly = [governed(f"{number}", DAILY, of_user(number), costs="[90,1]") for number in range(5)]
    await store.add([governed("a", DAILY, costs="[100]"), *costly, governed("b", DAILY, of_user(9), costs="[2,1]")])
    worker = hire("w1")
    (first,) = await worker.claim(10)
    assert await worker.claim(10) == []
    spent = Spent(DAILY.name, -3, clock() // DAY)
    assert await worker.settle_all([Ending(first, complete(), spent=(spent,))]) == frozenset()
    assert ids(await worker.claim(10)) == ["b"]


async def test_what_is_given_back_late_does_not_count_for_the_next_window(
    store: Store, clock: FakeClock, hire: Hire
) -> None:
    await store.add([governed("a", DAILY, costs="[60]"), governed("b", DAILY, costs="[60]")])
    await store.add([governed("c", DAILY, costs="[60]")])
    worker = hire("w1")
    (first,) = await worker.claim(10)
    window = clock() // DAY
    clock.forward(to_midnight(clock))
    worker.beat()
    assert ids(await worker.claim(10)) == ["b"]
    spent = (Spent(DAILY.name, -60, window), Spent(DAILY.name, 10, window))
    assert await worker.settle_all([Ending(first, complete(), spent=spent)]) == frozenset()
    assert await worker.claim(10) == []


async def test_a_running_job_may_spend_more_up_to_the_last_unit(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([governed("a", ONE, DAILY, costs="[1,40]"), governed("b", DAILY, costs="[30]")])
    worker = hire("w1")
    claim = await worker.claim_one()
    window = clock() // DAY
    assert await store.spend(claim, DAILY.name, 50) == window
    assert await store.spend(claim, DAILY.name, 11) is None
    assert await worker.claim(5) == [], "10 are left"
    assert await store.spend(claim, DAILY.name, 10) == window
    assert await store.spend(claim, DAILY.name, 1) is None
    clock.forward(to_midnight(clock))
    worker.beat()
    assert await store.spend(claim, DAILY.name, 80) == window + 1
    assert await worker.claim(5) == []


async def test_many_who_spend_at_once_spend_no_unit_too_many(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([governed(f"{number}", DAILY, costs="[0]") for number in range(5)])
    claims = await hire("w1").claim(5)
    answers = await asyncio.gather(*(store.spend(claim, DAILY.name, 7) for claim in claims for _ in range(6)))
    assert Counter(answers) == {clock() // DAY: 14, None: 16}
    assert await store.spend(claims[0], DAILY.name, 2) is not None
    assert await store.spend(claims[0], DAILY.name, 1) is None


async def test_only_a_current_claim_spends_and_only_of_what_it_has_entered(
    store: Store, clock: FakeClock, hire: Hire
) -> None:
    """P6."""
    await store.add([governed("a", DAILY, API), governed("b", ONE)])
    worker = hire("w1")
    claim, other = await worker.claim(2)
    assert await store.spend(other, DAILY.name, 1) is None
    assert await store.spend(claim, "nothing", 1) is None
    assert await store.spend(claim, API.name, 1) is None
    assert await store.spend(claim._replace(epoch=9), DAILY.name, 1) is None
    assert await store.spend(claim, DAILY.name, 1) is not None
    await worker.finish([claim])
    assert await store.spend(claim, DAILY.name, 1) is None
