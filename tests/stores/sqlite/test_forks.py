"""A process that forks: SQLite's notes of its locks go along, the locks do not."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from tests.stores.forks import in_a_fork, needs_forks
from treadle.core.errors import StoreError, StoreUnavailable
from treadle.core.job import Filter
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.stores.clocks import wall_clock
from treadle.stores.sqlite import SqliteStore, settings_from
from treadle.testing.contract.scene import job

pytestmark = needs_forks


def _add(store: Store, id: str) -> str:
    async def act() -> str:
        try:
            answer = await store.add([job(id)])
        except StoreError as error:
            return f"refused: {error}"
        finally:
            await store.close()
        return f"added: {answer[0].new}"

    return asyncio.run(act())


def _kept(url: str) -> set[str]:
    async def act() -> set[str]:
        store = open_store(url)
        try:
            return {found.id for found in (await store.find(Filter(), 100)).items}
        finally:
            await store.close()

    return asyncio.run(act())


def test_a_child_may_use_a_store_that_was_not_open_yet(url: str) -> None:
    store = open_store(url)
    assert in_a_fork(lambda: _add(store, "child")) == "added: True"
    assert _add(store, "parent") == "added: True"
    assert _kept(url) == {"child", "parent"}


def test_a_child_may_use_a_store_that_was_closed_before_the_fork(url: str) -> None:
    store = open_store(url)
    assert _add(store, "before") == "added: True"  # and closed
    assert in_a_fork(lambda: _add(store, "child")) == "added: True"
    assert _kept(url) == {"before", "child"}


def test_a_child_of_an_open_store_is_refused_and_told_what_to_do(url: str) -> None:
    """P1: what it added under these locks would vanish with the parent's last close."""
    store = open_store(url)
    asyncio.run(store.add([job("parent")]))
    said = in_a_fork(lambda: _add(store, "child"))
    assert said.startswith("refused")
    assert "forked while the store was open" in said
    assert "Open the store after the fork" in said
    assert _add(store, "later") == "added: True"
    assert _kept(url) == {"parent", "later"}


def test_a_child_that_ends_does_not_close_what_is_its_parents(url: str, path: Path) -> None:
    store = open_store(url)
    asyncio.run(store.add([job("parent")]))

    def close() -> str:
        asyncio.run(store.close())
        return "closed"

    assert in_a_fork(close) == "closed"
    assert _add(store, "later") == "added: True"
    assert _kept(url) == {"parent", "later"}


async def test_a_store_that_is_closed_for_a_fork_is_opened_after_it(url: str) -> None:
    """Whoever was at the file in that moment is told so; who comes meanwhile waits."""
    store = SqliteStore(settings_from(url), wall_clock)
    await store.add([job("before")])
    read, write = await store._read(), await store._write()
    store.before_fork()
    for call in (read, write):
        with pytest.raises(StoreUnavailable, match="closed"):
            await call(lambda connection: None)
    coming = asyncio.create_task(store.add([job("meanwhile")]))
    store.after_fork()
    assert (await coming)[0].new
    assert {found.id for found in (await store.find(Filter(), 100)).items} == {"before", "meanwhile"}
    await store.close()


def test_children_of_one_parent_share_the_file(url: str) -> None:
    store = open_store(url)
    said = [in_a_fork(partial(_add, store, f"child{number}")) for number in range(5)]
    assert said == ["added: True"] * 5
    assert len(_kept(url)) == 5
