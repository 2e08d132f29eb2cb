"""What `dump` and `restore` promise: all that one store knew of its jobs, in another or in the same."""

import json

import pytest

from treadle.core.job import Filter, Progress, Snapshot
from treadle.core.outcomes import complete, give_up, retry
from treadle.core.states import State
from treadle.core.store import Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.scene import Hire, ids, job, jobs, prune, seen, states

ERROR = json.dumps({"type": "ValueError", "message": "no such mailbox", "traceback": "line 1"})


async def _dumped(store: Store, limit: int = 100) -> list[Snapshot]:
    found, after = list[Snapshot](), None
    while True:
        part = await store.dump(after, limit)
        found += part.items
        if part.after is None:
            return found
        after = part.after


async def _furnish(store: Store, clock: FakeClock, hire: Hire) -> None:
    """One job of each kind, with all that belongs to it."""
    await store.add([
        job("done", owner="ada", tenant="acme", batch="b", meta="{}", result_ttl=60_000, priority=9),
        job("bad", priority=8), job("again", max_attempts=3, priority=7, unique_key="u"), job("running", priority=6),
        job("queued", expires_in=90_000), job("later", due_in=50_000), job("held", held="operator"),
    ])  # fmt: skip
    worker = hire("w1")
    done, bad, again, _ = await worker.claim(4)
    clock.forward(1_000)
    await worker.settle(done, complete('"x"'), Progress(3, 3, 1, "all"), '[{"n":1}]')
    await worker.settle(bad, give_up("error", ERROR))
    await worker.settle(again, retry(30_000, ERROR), None, '[{"n":2}]')


async def test_a_dump_tells_all_of_every_job_oldest_first(store: Store, clock: FakeClock, hire: Hire) -> None:
    await _furnish(store, clock, hire)
    dumped = await _dumped(store)
    assert [found.id for found in dumped] == ["done", "bad", "again", "running", "queued", "later", "held"]
    assert dumped == [await seen(store, found.id) for found in dumped]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_a_dump_comes_in_parts(store: Store, limit: int) -> None:
    await store.add(jobs(7))
    assert [found.id for found in await _dumped(store, limit)] == [each.id for each in jobs(7)]
    assert await store.dump(None, 10) == (tuple(await _dumped(store)), None)


async def test_what_is_restored_is_as_it_was(store: Store, clock: FakeClock, hire: Hire) -> None:
    await _furnish(store, clock, hire)
    dumped = [found for found in await _dumped(store) if found.id != "running"]
    await store.hold(["queued", "later", "again"], "moving")
    assert len(await store.delete([found.id for found in dumped])) == len(dumped)
    counts = await store.count(Filter())
    assert await store.restore(dumped) == [found.id for found in dumped]
    for found in dumped:
        assert (await seen(store, found.id))._replace(cursor="") == found._replace(cursor="")
    assert sum((await store.count(Filter())).values()) == sum(counts.values()) + len(dumped)
    clock.forward(60_000)
    worker = hire("w2")
    assert (await worker.sweep()).promoted == 2
    assert ids(await worker.claim(5)) == ["again", "queued", "later"]
    assert len(await prune(store, {State.COMPLETED: 0})) == 1


async def test_a_restored_job_goes_on_where_it_was(store: Store, clock: FakeClock, hire: Hire) -> None:
    await _furnish(store, clock, hire)
    (again,) = [found for found in await _dumped(store) if found.id == "again"]
    await store.hold(["again"], "moving")
    await store.delete(["again"])
    await store.restore([again])
    clock.forward(30_000)
    worker = hire("w2")
    await worker.sweep()
    claim = await worker.claim_one()
    assert (claim.id, claim.attempt, claim.epoch) == ("again", 2, 2)
    assert [added.new for added in await store.add([job("other", unique_key="u")])] == [False]
    await worker.settle(claim, complete())
    assert [line["n"] for line in (await seen(store, "again")).log] == [2]


async def test_a_running_job_is_restored_as_queued(store: Store, hire: Hire) -> None:
    await store.add([job("a", max_attempts=3)])
    worker = hire("w1")
    claim = await worker.claim_one()
    (running,) = await _dumped(store)
    await worker.settle(claim, complete())
    await store.delete(["a"])
    assert await store.restore([running]) == ["a"]
    again = await worker.claim_one()
    assert (again.attempt, again.epoch) == (2, 2)


async def test_restoring_nothing_answers_nothing(store: Store) -> None:
    assert await store.restore([]) == []


async def test_who_is_there_already_stays_as_it_is(store: Store) -> None:
    await store.add([job("a", args="1"), job("b", unique_key="u")])
    first, second = await _dumped(store)
    assert await store.restore([first._replace(args="2"), second]) == []
    assert (await seen(store, "a")).args == "1"
    assert await store.restore([second._replace(id="c")]) == [], "another live job holds its unique key"
    assert await store.restore([second._replace(id="d", state=State.CANCELLED, finished_at=1)]) == ["d"]
    assert await states(store, "b", "d") == ["queued", "cancelled"]


async def test_the_schema_is_up_to_date_once_the_store_is_open(store: Store) -> None:
    schema = await store.schema()
    assert schema.current
    assert schema.found > 0
    assert await store.migrate() == schema
    assert (await store.facts()).server
