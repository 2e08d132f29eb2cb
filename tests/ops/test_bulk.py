"""Orders over many jobs on every store: by pages, bounded to what was meant, safe to repeat."""

import pytest

from treadle.bulk import PAGE, Done, carry_out, count, examples, order
from treadle.core.flow.saying import Ahead
from treadle.core.outcomes import complete, give_up
from treadle.core.states import State
from treadle.core.store import Store
from treadle.testing import FakeClock
from treadle.testing.contract.scene import Hire, job, jobs, states

MANY = 2 * PAGE + 7


async def test_many_jobs_are_done_page_by_page(store: Store, clock: FakeClock) -> None:
    await store.add(jobs(MANY))
    told: list[Done] = []
    given = order("cancel", clock(), tasks=["greet"])
    assert await count(store, given.selection) == Ahead(MANY)
    assert await carry_out(store, given, told.append) == (MANY, MANY)
    assert [done.matched for done in told] == [PAGE, 2 * PAGE, MANY]
    assert await count(store, order("retry", clock(), states=["cancelled"]).selection) == Ahead(MANY)


async def test_an_order_that_dies_in_the_middle_is_finished_by_its_repetition(store: Store, clock: FakeClock) -> None:
    await store.add(jobs(MANY))
    given = order("cancel", clock(), all=True)

    def die(done: Done) -> None:
        raise ConnectionError("the worker was killed")

    with pytest.raises(ConnectionError):
        await carry_out(store, given, die)
    assert await carry_out(store, given) == (MANY - PAGE, MANY - PAGE)
    assert await count(store, given.selection) == Ahead(0)


async def test_jobs_that_came_later_are_not_meant(store: Store, clock: FakeClock) -> None:
    await store.add([job("before")])
    given = order("cancel", clock(), all=True)
    clock.forward(1)
    await store.add([job("after")])
    assert await carry_out(store, given) == (1, 1)
    assert await states(store, "before", "after") == ["cancelled", "queued"]


async def test_a_job_that_failed_once_more_meanwhile_is_not_retried_again(
    store: Store, clock: FakeClock, hire: Hire
) -> None:
    hand = hire("w1")
    await store.add([job("a")])
    await hand.settle(await hand.claim_one(), give_up("error"))
    given = order("retry", clock(), tasks=["greet"])
    assert await carry_out(store, given) == (1, 1)
    clock.forward(1)
    await hand.settle(await hand.claim_one(), give_up("error"))
    assert await carry_out(store, given) == (0, 0)
    assert await states(store, "a") == ["failed"]


async def test_an_order_of_one_tenant_touches_nobody_elses(store: Store, clock: FakeClock) -> None:
    await store.add([job("mine", tenant="acme", owner="ada"), job("theirs", tenant="bolt", owner="ada"), job("nobody")])
    assert await carry_out(store, order("cancel", clock(), tenant="acme")) == (1, 1)
    assert await states(store, "mine", "theirs", "nobody") == ["cancelled", "queued", "queued"]
    assert await carry_out(store, order("cancel", clock(), tenant="bolt", owner="bob")) == (0, 0)


async def test_errors_and_ages_are_looked_at_in_each_job(store: Store, clock: FakeClock, hire: Hire) -> None:
    hand = hire("w1")
    await store.add([job("old")])
    await hand.settle(await hand.claim_one(), give_up("error", '{"type": "HTTPError", "message": "429 Too Many"}'))
    clock.forward(60_000)
    hand.beat()
    await store.add([job("new")])
    await hand.settle(await hand.claim_one(), give_up("timeout", '{"type": "TimedOut", "message": "too long"}'))

    for asked, id in (
        ({"errors": ["429"]}, "old"),
        ({"errors": ["timedout: TOO"]}, "new"),
        ({"reasons": ["timeout"]}, "new"),
        ({"older_than": 30_000}, "old"),
        ({"newer_than": 30_000}, "new"),
    ):
        found = await examples(store, order("retry", clock(), **asked).selection, 5)
        assert [each.id for each in found] == [id], asked


async def test_what_waits_is_moved_and_given_another_priority(store: Store, clock: FakeClock, hire: Hire) -> None:
    hand = hire("w1")
    await store.add([job("runs", priority=9), job("waits"), job("later", due_in=60_000)])
    claim = await hand.claim_one()
    assert await carry_out(store, order("move", clock(), all=True, queue="slow")) == (2, 2)
    assert await carry_out(store, order("prioritize", clock(), queues=["slow"], priority=7)) == (2, 2)
    assert [(each.id, each.priority) for each in await hand.claim(5, ("slow",))] == [("waits", 7)]
    await hand.settle(claim, complete())
    assert await states(store, "runs", "later") == [State.COMPLETED, State.SCHEDULED]


async def test_ended_jobs_are_deleted_and_live_ones_are_kept(store: Store, clock: FakeClock, hire: Hire) -> None:
    hand = hire("w1")
    await store.add(jobs(3))
    await hand.settle(await hand.claim_one(), complete())
    await hand.claim_one()
    assert await carry_out(store, order("delete", clock(), all=True, everything=True)) == (1, 1)
    assert await store.get("0000") is None
    assert await states(store, "0001", "0002") == ["running", "queued"]
