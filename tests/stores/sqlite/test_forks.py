"""A process that forks: SQLite's notes of its locks go along, the locks do not."""

import asyncio
import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from treadle.core.errors import StoreError
from treadle.core.job import Filter
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.testing.contract.scene import job

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="not on this platform: no fork")


def _in_a_fork(act: Callable[[], str]) -> str:
    """Run this in a forked child and answer what it gives."""
    ear, mouth = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12+ warns of forks beside threads: our subject
        child = os.fork()
    if child == 0:
        try:
            os.write(mouth, act().encode())
        except BaseException as error:
            os.write(mouth, repr(error).encode())
        finally:
            os._exit(0)
    os.close(mouth)
    with open(ear, "rb") as file:
        said = file.read().decode()
    os.waitpid(child, 0)
    return said


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
    assert _in_a_fork(lambda: _add(store, "child")) == "added: True"
    assert _add(store, "parent") == "added: True"
    assert _kept(url) == {"child", "parent"}


def test_a_child_may_use_a_store_that_was_closed_before_the_fork(url: str) -> None:
    store = open_store(url)
    assert _add(store, "before") == "added: True"  # and closed
    assert _in_a_fork(lambda: _add(store, "child")) == "added: True"
    assert _kept(url) == {"before", "child"}


def test_a_child_of_an_open_store_is_refused_and_told_what_to_do(url: str) -> None:
    """P1: what it added under these locks would vanish with the parent's last close."""
    store = open_store(url)
    asyncio.run(store.add([job("parent")]))
    said = _in_a_fork(lambda: _add(store, "child"))
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

    assert _in_a_fork(close) == "closed"
    assert _add(store, "later") == "added: True"
    assert _kept(url) == {"parent", "later"}


def test_children_of_one_parent_share_the_file(url: str) -> None:
    store = open_store(url)
    said = [_in_a_fork(partial(_add, store, f"child{number}")) for number in range(5)]
    assert said == ["added: True"] * 5
    assert len(_kept(url)) == 5
