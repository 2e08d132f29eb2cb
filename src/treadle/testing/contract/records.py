"""What `read` and `write` promise: small shared facts, and a compare-and-set that one of many wins."""

import asyncio

from treadle.core.job import Record
from treadle.core.store import Store


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
