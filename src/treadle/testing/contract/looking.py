"""What the readings promise: get, find with its pages and filters, count."""

import pytest

from treadle.core.errors import ConfigError
from treadle.core.job import Filter, Snapshot
from treadle.core.outcomes import complete, give_up
from treadle.core.states import State
from treadle.core.store import Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.scene import Hire, job, jobs, seen


async def test_an_unknown_job_is_none(store: Store) -> None:
    assert await store.get("nobody") is None


async def test_an_empty_store_has_an_empty_page(store: Store) -> None:
    page = await store.find(Filter(), 10)
    assert (page.items, page.next_cursor) == ((), None)
    assert await store.count(Filter()) == {}
    assert await store.workers() == []


async def _pages(store: Store, filter: Filter, limit: int) -> list[list[str]]:
    pages, cursor = [], None
    while True:
        page = await store.find(filter, limit, cursor)
        pages.append([found.id for found in page.items])
        if page.next_cursor is None:
            return pages
        cursor = page.next_cursor


async def test_pages_go_from_the_newest_to_the_oldest(store: Store) -> None:
    await store.add(jobs(7))
    newest_first = [each.id for each in reversed(jobs(7))]
    assert await _pages(store, Filter(), 3) == [newest_first[:3], newest_first[3:6], newest_first[6:]]
    assert await _pages(store, Filter(), 7) == [newest_first]


async def test_the_newest_is_first_whatever_ids_were_chosen(store: Store) -> None:
    """UUIDs that tell no time, too."""
    ids = ["ffffffff-ffff-4fff-bfff-ffffffffffff", "z", "00000000-0000-4000-8000-000000000000", "a"]
    for id in ids:
        await store.add([job(id)])
    assert await _pages(store, Filter(), 3) == [["a", ids[2], "z"], [ids[0]]]
    assert [each.id for each in (await store.dump(None, 10)).items] == ids


async def test_a_newcomer_moves_no_page(store: Store) -> None:
    await store.add(jobs(4))
    first = await store.find(Filter(), 2)
    await store.add([job("new")])
    second = await store.find(Filter(), 2, first.next_cursor)
    assert [found.id for found in (*first.items, *second.items)] == ["0003", "0002", "0001", "0000"]


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "1 OR 1=1", "９" * 40, "9" * 400, "\x00", "null"])
async def test_a_cursor_that_is_none_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(ConfigError, match="cursor"):
        await store.find(Filter(), 10, cursor)


async def _furnish(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([job("old", owner="ada")])
    clock.forward(1_000)
    await store.add([
        job("done", task="mail.sync", queue="mail", owner="ada", tenant="acme"),
        job("bad", task="mail.sync", queue="mail", owner="bob", tenant="acme", batch="b1"),
        job("wait", task="ai.sum", queue="ai", owner="ada", batch="b1", held="operator"),
        job("late", task="ai.sum", queue="ai", owner="eve", tenant="umbrella", due_in=60_000),
    ])  # fmt: skip
    worker = hire("w1")
    done, bad = await worker.claim(2, ["mail"])
    await worker.settle(done, complete())
    await worker.settle(bad, give_up("error"))


FILTERS: list[tuple[Filter, str]] = [
    (Filter(), "late wait bad done old"),
    (Filter(states=(State.COMPLETED,)), "done"),
    (Filter(states=(State.HELD, State.SCHEDULED)), "late wait"),
    (Filter(tasks=("mail.sync",)), "bad done"),
    (Filter(tasks=("mail.sync", "greet")), "bad done old"),
    (Filter(queues=("ai", "nobody")), "late wait"),
    (Filter(owner="ada"), "wait done old"),
    (Filter(tenant="acme"), "bad done"),
    (Filter(batch="b1"), "wait bad"),
    (Filter(owner="ada", tenant="acme"), "done"),
    (Filter(owner="ada", states=(State.QUEUED,), tasks=("greet",), queues=("default",)), "old"),
    (Filter(owner="' OR 1=1 --"), ""),
    (Filter(owner=""), ""),
    (Filter(states=(State.RUNNING,)), ""),
]


@pytest.mark.parametrize(("filter", "expected"), FILTERS)
async def test_each_filter_asks_its_question(
    store: Store, clock: FakeClock, hire: Hire, filter: Filter, expected: str
) -> None:
    await _furnish(store, clock, hire)
    assert [found.id for found in (await store.find(filter, 10)).items] == expected.split()
    assert sum((await store.count(filter)).values()) == len(expected.split())
    assert [id for page in await _pages(store, filter, 1) for id in page] == expected.split()


async def test_a_filter_may_ask_for_the_young(store: Store, clock: FakeClock, hire: Hire) -> None:
    await _furnish(store, clock, hire)
    assert len((await store.find(Filter(created_after=clock()), 10)).items) == 4
    assert len((await store.find(Filter(created_after=clock() + 1), 10)).items) == 0


async def test_counts_are_told_by_queue_and_state(store: Store, clock: FakeClock, hire: Hire) -> None:
    await _furnish(store, clock, hire)
    assert await store.count(Filter()) == {
        ("default", State.QUEUED): 1, ("mail", State.COMPLETED): 1, ("mail", State.FAILED): 1,
        ("ai", State.HELD): 1, ("ai", State.SCHEDULED): 1,
    }  # fmt: skip
    assert await store.count(Filter(batch="b1")) == {("mail", State.FAILED): 1, ("ai", State.HELD): 1}


def _listed(snapshot: Snapshot) -> dict[str, object]:
    fields = {name: getattr(snapshot, name) for name in Snapshot._fields}
    return {name: value for name, value in fields.items() if name not in ("attempts", "log")}


async def test_a_listing_shows_the_same_as_a_single_look(store: Store, clock: FakeClock, hire: Hire) -> None:
    await _furnish(store, clock, hire)
    for found in (await store.find(Filter(), 10)).items:
        assert _listed(found) == _listed(await seen(store, found.id))


async def test_the_store_tells_its_clock(store: Store, clock: FakeClock) -> None:
    assert await store.now() == clock()
