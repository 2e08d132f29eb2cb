"""Group commit: callers of one moment share a transaction, and nothing else."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from treadle.core.errors import StoreUnavailable
from treadle.core.job import Added, Filter
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.stores.sqlite.settings import SqliteSettings
from treadle.stores.sqlite.writer import GROUP, Writer
from treadle.testing.contract.scene import job, jobs


@pytest.fixture
async def full(path: Path) -> AsyncIterator[Store]:
    """A store at its default durability."""
    opened = open_store(f"sqlite:///{path}")
    await opened.open()
    yield opened
    await opened.close()


def commits(path: Path) -> int:
    """Count the commits in the write-ahead log: frames with a database size (sqlite.org/fileformat2.html, 4.1)."""
    log = Path(f"{path}-wal").read_bytes()
    page = int.from_bytes(log[8:12], "big")
    salt = log[16:24]
    frames = (log[start : start + 24] for start in range(32, len(log), 24 + page))
    return sum(any(frame[4:8]) for frame in frames if frame[8:16] == salt)


async def _while_locked(path: Path, ask: Callable[[], "list[asyncio.Task[list[Added]]]"]) -> list[object]:
    """Let callers ask while another connection holds the write lock, so that they wait together."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        asked = ask()
        for _ in range(3):
            await asyncio.sleep(0)  # each task runs up to its wait
        other.execute("ROLLBACK")
    return list(await asyncio.gather(*asked, return_exceptions=True))


async def test_callers_who_wait_together_share_transactions(path: Path, full: Store) -> None:
    callers = 3 * GROUP
    before = commits(path)
    answers = await _while_locked(path, lambda: [asyncio.create_task(full.add([each])) for each in jobs(callers)])
    assert answers == [[Added(each.id, True)] for each in jobs(callers)]
    assert commits(path) - before <= 5, "the first call alone, then groups"


async def test_one_callers_mistake_leaves_the_others_alone(path: Path, full: Store) -> None:
    offered = [job("a"), job("bad", args=object()), job("b"), job("worse", task=None), job("c")]
    answers = await _while_locked(
        path, lambda: [asyncio.create_task(full.add([job("x"), each])) for each in (job("y"), *offered)]
    )
    assert [isinstance(answer, sqlite3.Error) for answer in answers] == [False, False, True, False, True, False]
    kept = [found.id for found in (await full.find(Filter(), 10)).items]
    assert sorted(kept) == ["a", "b", "c", "x", "y"]


async def test_a_failed_call_leaves_nothing_of_itself(full: Store) -> None:
    with pytest.raises(sqlite3.Error):
        await full.add([*jobs(150), job("bad", args=object())])
    assert await full.count(Filter()) == {}
    assert await full.add([job("good")]) == [Added("good", True)]


async def test_a_caller_who_leaves_does_not_disturb_the_others(path: Path, full: Store) -> None:
    def ask() -> "list[asyncio.Task[list[Added]]]":
        asked = [asyncio.create_task(full.add([each])) for each in jobs(5)]
        asyncio.get_running_loop().call_soon(asked[2].cancel)
        return asked

    answers = await _while_locked(path, ask)
    assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [False, False, True, False, False]
    assert await full.add([job("next")]) == [Added("next", True)]


async def test_those_who_come_first_open_the_file_once(path: Path) -> None:
    others = {thread.ident for thread in threading.enumerate()}
    store = open_store(f"sqlite:///{path}")
    await asyncio.gather(*(store.add([each]) for each in jobs(30)))
    mine = [thread.name for thread in threading.enumerate() if thread.ident not in others]
    assert mine.count("treadle-writer") == 1
    assert sum((await store.count(Filter())).values()) == 30
    await store.close()


async def test_several_event_loops_may_share_a_store(full: Store) -> None:
    def use(number: int) -> list[Added]:
        return asyncio.run(full.add([job(f"{number}")]))

    answers = await asyncio.gather(*(asyncio.to_thread(use, number) for number in range(4)))
    assert answers == [[Added(f"{number}", True)] for number in range(4)]


async def test_a_closed_store_opens_again_at_its_next_use(full: Store) -> None:
    await full.add([job("a")])
    await full.close()
    assert await full.add([job("a"), job("b")]) == [Added("a", False), Added("b", True)]


async def test_a_closed_writer_says_so(path: Path) -> None:
    writer = Writer(SqliteSettings(path), True, lambda: None)
    writer.close()
    with pytest.raises(StoreUnavailable, match="has been closed"):
        await writer(lambda connection: None)


FULL, NORMAL = 2, 1


@pytest.mark.parametrize(
    ("durable", "flush", "synchronous"), [(True, True, FULL), (True, False, NORMAL), (False, True, NORMAL)]
)
async def test_what_must_survive_power_loss_is_flushed(
    path: Path, durable: bool, flush: bool, synchronous: int
) -> None:
    """The settings behind PROMISES 2; the power loss itself is not tested here."""
    writer = Writer(SqliteSettings(path), durable, lambda: None)
    told = await writer(lambda connection: connection.execute("PRAGMA synchronous").fetchone(), flush=flush)
    assert told == (synchronous,)
    writer.close()


async def test_a_call_that_must_be_flushed_is_flushed_in_company_too(path: Path) -> None:
    writer = Writer(SqliteSettings(path), True, lambda: None)

    def look(connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA synchronous").fetchone()[0])

    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        asked = [asyncio.create_task(writer(look, flush=number == 3)) for number in range(6)]
        await asyncio.sleep(0)
        other.execute("ROLLBACK")
    assert (await asyncio.gather(*asked))[3] == FULL
    writer.close()
