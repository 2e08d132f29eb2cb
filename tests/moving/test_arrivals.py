"""What arrives is what was there: each kind of job, its order, its records, its history."""

import pytest

from tests.moving.scene import HOUR, LATE, RUNS, STAYS, check_the_end, furnish, live, move, run_all, whole
from treadle.core.job import Snapshot
from treadle.core.outcomes import complete
from treadle.core.states import State
from treadle.core.store import Store
from treadle.testing import FakeClock
from treadle.testing.contract.scene import Hand, job, jobs, seen, states


def told(found: Snapshot) -> Snapshot:
    """Leave out what a job loses on its way: its place in a listing, since when and why it waits, the dead worker."""
    return found._replace(cursor="", queued_at=None, reason=found.reason if found.state.final else None, worker=None)


@pytest.mark.parametrize("size", [2, 500], ids=["walk", "few"])
async def test_every_kind_of_job_arrives_as_it_was(source: Store, target: Store, clock: FakeClock, size: int) -> None:
    await furnish(source, clock)
    before = await whole(source)
    tally = await move(source, target, size=size)
    after = await whole(target)
    assert after.keys() == before.keys()
    for id in (*STAYS, "first", "second", "urgent", "keyed", "late", "back"):
        assert told(after[id]) == told(before[id]), id
    assert told(after["again"])._replace(state=State.SCHEDULED) == told(before["again"]), "it fell due on its way"
    assert [str(after[id].state) for id in ("again", "unknown", "orphan")] == ["queued"] * 3
    assert (after["kept"].state, after["kept"].reason) == (State.HELD, "operator")
    assert (after["orphan"].attempt, after["orphan"].crashes) == (1, 1), "its worker died, as any sweep would say"
    assert (tally.moved, tally.copied, tally.taken_over, tally.stuck, tally.whole) == (10, 3, 1, 0, True)
    await check_the_end(source, target, clock)


async def test_what_ended_stays_in_the_source_too(source: Store, target: Store, clock: FakeClock) -> None:
    await furnish(source, clock)
    before = await whole(source)
    await move(source, target)
    assert await whole(source) == {id: before[id] for id in ("done", "bad", "dropped")}


@pytest.mark.parametrize("size", [7, 500], ids=["walk", "few"])
async def test_the_order_is_kept(source: Store, target: Store, size: int) -> None:
    """P17."""
    added = jobs(30)
    await source.add([each._replace(priority=number % 3) for number, each in enumerate(added)])
    await move(source, target, size=size)
    urgent_first = sorted(range(30), key=lambda number: (-(number % 3), number))
    assert await run_all(target) == [added[number].id for number in urgent_first]


async def test_a_move_can_be_repeated(source: Store, target: Store, clock: FakeClock) -> None:
    await furnish(source, clock)
    await move(source, target)
    before = await whole(target)
    tally = await move(source, target)
    assert (tally.moved, tally.copied, tally.records) == (0, 0, 0)
    assert await whole(target) == before


async def test_what_comes_later_is_moved_by_the_next_move(source: Store, target: Store, clock: FakeClock) -> None:
    await furnish(source, clock)
    await move(source, target)
    await source.add([job("new")])
    await source.revive(["bad"])
    await move(source, target)
    clock.forward(2_000)
    assert sorted(await run_all(target, source)) == sorted([*RUNS, "new", "bad"])


async def test_an_end_that_changed_is_copied_anew(source: Store, target: Store, clock: FakeClock) -> None:
    await source.add([job("a")])
    await source.cancel(["a"])
    await move(source, target)
    clock.forward(1_000)
    await source.revive(["a"])
    await run_all(source)
    await move(source, target)
    assert (await seen(target, "a")).state is State.COMPLETED
    assert await run_all(target) == []


async def test_what_the_target_has_of_its_own_wins(source: Store, target: Store, clock: FakeClock) -> None:
    """Two schedulers made a job of the same instant: one of them is enough."""
    await source.add([job("digest@8"), job("digest@9")])
    clock.forward(1)
    await target.add([job("digest@8", priority=5), job("digest@9")])
    await target.write("schedule", "digest", '"its own"')
    await source.write("schedule", "digest", '"another"')
    await target.cancel(["digest@9"])
    await move(source, target)
    assert await states(target, "digest@8", "digest@9") == ["queued", "cancelled"]
    assert (await seen(target, "digest@8")).priority == 5
    assert [record.value for record in await target.read("schedule")] == ['"its own"']
    assert await run_all(target, source) == ["digest@8"]


async def test_a_job_whose_unique_key_is_taken_stays_until_it_is_free(
    source: Store, target: Store, clock: FakeClock
) -> None:
    """P1, P8."""
    await source.add([job("a", unique_key="u"), job("b")])
    await target.add([job("c", unique_key="u", priority=1)])
    tally = await move(source, target)
    assert (tally.moved, tally.stuck, tally.whole) == (1, 1, False)
    assert [(stuck.id, stuck.unique_key) for stuck in tally.some_stuck] == [("a", "u")]
    assert await states(source, "a") == ["queued"]
    assert await run_all(target) == ["c", "b"]
    assert (await move(source, target)).whole
    assert await run_all(target, source) == ["a"]


async def test_a_late_job_that_fell_due_on_its_way_is_queued(source: Store, target: Store, clock: FakeClock) -> None:
    await furnish(source, clock)
    clock.forward(2 * HOUR)
    await move(source, target)
    assert await states(target, *LATE) == ["queued"]


async def test_a_job_that_is_to_be_cancelled_is_not_revived_by_the_move(
    source: Store, target: Store, clock: FakeClock
) -> None:
    """P10: its worker died before it heard."""
    await source.add([job("a", max_attempts=3)])
    hand = Hand(source, "w")
    hand.beat()
    await hand.claim_one()
    await source.cancel(["a"])
    clock.forward(HOUR)
    await move(source, target)
    hand.heart.close()
    assert await states(target, "a") == ["cancelled"]


async def test_crashes_are_not_forgotten(source: Store, target: Store, clock: FakeClock) -> None:
    """P12."""
    await source.add([job("killer", max_attempts=9)])
    for store, other in ((source, target), (target, source), (source, target)):
        hand = Hand(store, "w")
        hand.beat()
        await hand.claim_one()
        clock.forward(HOUR)
        await move(store, other)
        hand.heart.close()
    assert (await seen(target, "killer")).state is State.FAILED
    assert (await seen(target, "killer")).reason == "crashed"


async def test_nothing_is_moved_where_nothing_is(source: Store, target: Store) -> None:
    tally = await move(source, target)
    assert (tally.moved, tally.copied, tally.whole) == (0, 0, True)
    assert await live(target) == []


async def test_a_result_arrives(source: Store, target: Store) -> None:
    await source.add([job("a", result_ttl=HOUR)])
    hand = Hand(source, "w")
    hand.beat()
    await hand.settle(await hand.claim_one(), complete('"x"'))
    hand.heart.leave()
    hand.heart.close()
    await move(source, target)
    assert (await seen(target, "a")).result == '"x"'
