"""What `read` and `write` promise: small shared facts, and a compare-and-set that one of many wins."""

import asyncio

import pytest

from treadle.core.job import Claim, Record
from treadle.core.outcomes import complete, hand_back
from treadle.core.store import OF_JOB, Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.scene import LEASE, Hand, Hire, ids, job


async def test_records_are_kept_by_kind_and_key(store: Store) -> None:
    assert await store.write("pause", "mail", '"by ada"')
    assert await store.write("pause", "ai", "1")
    assert await store.write("cursor", "mail", "2")
    assert sorted(await store.read("pause")) == [Record("ai", "1", 1), Record("mail", '"by ada"', 1)]
    assert await store.read("nothing") == []


async def test_each_write_raises_the_version(store: Store) -> None:
    for value in ("a", "b", "c"):
        await store.write("kind", "key", value)
    assert await store.read("kind") == [Record("key", "c", 3)]


async def test_a_write_may_ask_that_nothing_is_there(store: Store) -> None:
    assert await store.write("kind", "key", "first", expect=0)
    assert not await store.write("kind", "key", "second", expect=0)
    assert await store.read("kind") == [Record("key", "first", 1)]


async def test_a_write_may_ask_for_the_version_it_has_seen(store: Store) -> None:
    await store.write("kind", "key", "one")
    assert await store.write("kind", "key", "two", expect=1)
    assert not await store.write("kind", "key", "stale", expect=1)
    assert not await store.write("kind", "other", "absent", expect=1)
    assert await store.read("kind") == [Record("key", "two", 2)]


async def test_one_record_can_be_read_alone(store: Store) -> None:
    await store.write("kind", "one", "1")
    await store.write("kind", "two", "2")
    assert await store.read("kind", "two") == [Record("two", "2", 1)]
    assert await store.read("kind", "three") == []
    assert await store.read("other", "two") == []


async def test_a_claim_notes_what_its_job_has_come_to_in_order(store: Store, hire: Hire) -> None:
    claim = await _claimed(store, hire("w1"))
    assert not await store.note(claim, "charge", "early", 1)
    assert await store.note(claim, "charge", "begun", 0)
    assert not await store.note(claim, "charge", "begun again", 0)
    assert await store.note(claim, "charge", "done", 1)
    assert await store.read(OF_JOB + claim.id) == [Record("charge", "done", 2)]


@pytest.mark.parametrize("way", ["taken over", "handed back", "ended"])
async def test_a_claim_that_is_not_current_notes_nothing(store: Store, hire: Hire, clock: FakeClock, way: str) -> None:
    """P5, P6: its worker may have been frozen, and wakes."""
    hand = hire("w1")
    claim = await _claimed(store, hand)
    if way == "taken over":
        clock.forward(LEASE + 1)
        assert ids((await hire("w2").sweep()).taken) == [claim.id]
    else:
        await hand.settle(claim, hand_back() if way == "handed back" else complete())
    assert not await store.note(claim, "charge", "begun", 0)
    assert await store.read(OF_JOB + claim.id) == []


async def _claimed(store: Store, hand: Hand) -> Claim:
    await store.add([job("a", max_attempts=3)])
    return await hand.claim_one()


async def test_a_record_can_be_deleted(store: Store) -> None:
    await store.write("kind", "key", "one")
    assert not await store.write("kind", "key", None, expect=7)
    assert await store.write("kind", "key", None, expect=1)
    assert await store.read("kind") == []
    assert await store.write("kind", "key", "again", expect=0)
    assert await store.write("kind", "key", None)
    assert await store.read("kind") == []


async def test_of_many_who_compare_and_set_at_once_one_wins(store: Store) -> None:
    await store.write("kind", "key", "start")
    won = await asyncio.gather(*(store.write("kind", "key", str(number), expect=1) for number in range(20)))
    assert sum(won) == 1
    assert await store.read("kind") == [Record("key", str(won.index(True)), 2)]
