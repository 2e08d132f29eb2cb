"""How a process learns that another one has added work."""
# ruff: noqa: ASYNC240 -- nobody else waits for the loops of these tests

import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stores.sqlite.playing import Actor
from treadle.stores import open_store
from treadle.stores.sqlite.wake import LONGEST_ADDRESS
from treadle.testing.contract.scene import job

Play = Callable[..., Actor]

needs_sockets = pytest.mark.skipif(sys.platform == "win32", reason="not on this platform: no Unix sockets")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket's address."""
    with tempfile.TemporaryDirectory(prefix="tr") as name:
        yield Path(name)


@pytest.mark.slow
async def test_an_add_wakes_another_process(folder: Path, play: Play) -> None:
    url = f"sqlite:///{folder / 'j.db'}"
    store = open_store(url)
    await store.open()
    listener = play("listen", url)
    assert listener.hear() == "ready"
    await store.add([job("a")])
    assert listener.hear() == "hint"
    listener.tell()
    assert listener.end() == []
    await store.close()


@pytest.mark.slow
async def test_where_no_socket_can_be_bound_the_file_itself_tells(tmp_path: Path, play: Play) -> None:
    deep = tmp_path / ("d" * LONGEST_ADDRESS)
    deep.mkdir()
    url = f"sqlite:///{deep / 'jobs.db'}"
    store = open_store(url)
    await store.open()
    listener = play("listen", url)
    assert listener.hear() == "ready"
    # The listener's first look only learns where the file stands, so that one add might come too early to be noticed.
    number = 0
    while not listener.has_spoken():
        number += 1
        await store.add([job(f"{number}")])
    assert listener.hear() == "hint"
    assert not Path(f"{deep / 'jobs.db'}-wake").exists()
    listener.tell()
    assert listener.end() == []
    await store.close()


@needs_sockets
async def test_every_waiting_process_is_sent_a_datagram(folder: Path) -> None:
    store = open_store(f"sqlite:///{folder / 'j.db'}")
    await store.open()
    (folder / "j.db-wake").mkdir()
    with contextlib.ExitStack() as stack:
        ears = [stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) for _ in range(3)]
        for number, ear in enumerate(ears):
            ear.settimeout(20)
            ear.bind(str(folder / "j.db-wake" / f"ear{number}"))
        await store.add([job("a")])
        assert [ear.recv(10) for ear in ears] == [b"1"] * 3
    await store.close()


@needs_sockets
async def test_a_dead_process_is_no_longer_called(folder: Path) -> None:
    store = open_store(f"sqlite:///{folder / 'j.db'}")
    await store.open()
    (folder / "j.db-wake").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(folder / "j.db-wake" / "dead"))
    await store.add([job("a")])
    assert os.listdir(folder / "j.db-wake") == []
    await store.close()


@needs_sockets
async def test_a_store_that_was_closed_and_opened_again_still_calls(folder: Path) -> None:
    store = open_store(f"sqlite:///{folder / 'j.db'}")
    (folder / "j.db-wake").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.settimeout(20)
        ear.bind(str(folder / "j.db-wake" / "ear"))
        await store.add([job("a")])
        await store.close()
        await store.add([job("b")])
        assert [ear.recv(10), ear.recv(10)] == [b"1", b"1"]
    await store.close()


async def test_whoever_stops_waiting_leaves_no_socket_behind(folder: Path) -> None:
    store = open_store(f"sqlite:///{folder / 'j.db'}")
    await store.open()
    leave = store.subscribe(lambda: None)
    leave()
    wake = folder / "j.db-wake"
    assert not wake.exists() or os.listdir(wake) == []
    await store.close()
