"""Gates and lanes in the file: what a process remembers never says more, and nobody dies between two halves."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from treadle.core.flow.gates import Gate, Kind, Standing
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.stores.sqlite import verbs
from treadle.stores.sqlite.flow.book import Book
from treadle.stores.sqlite.settings import SqliteSettings
from treadle.stores.sqlite.writer import Writer
from treadle.testing.contract.scene import Hand, ids, several

ONE = Gate(Kind.CONCURRENCY, "greet:concurrency", "", 1)


@pytest.fixture
async def two(url: str) -> AsyncIterator[list[Store]]:
    """Two processes' stores on one file, as far as the file is concerned."""
    stores = [open_store(url), open_store(url)]
    for store in stores:
        await store.open()
    yield stores
    for store in stores:
        await store.close()


async def test_a_place_that_another_process_has_filled_is_full(two: list[Store]) -> None:
    here, there = Hand(two[0], "here"), Hand(two[1], "there")
    with closing(here.heart), closing(there.heart):
        for hand in (here, there):
            hand.beat()
        await two[0].add(several("abcd", ONE))
        for me, other in ((here, there), (there, here), (here, there)):
            claims = await me.claim(5)
            assert len(claims) == 1
            assert await other.claim(5) == []
            assert await me.claim(5) == []
            await other.finish(claims)
        assert ids(await there.claim(5)) == ["d"]


async def test_what_was_rolled_back_is_forgotten(two: list[Store], path: Path) -> None:
    book = Book()
    writer = Writer(SqliteSettings(path), False, book.forget)

    def enter(connection: sqlite3.Connection, *, fails: bool) -> int:
        book.open(connection)
        book.look_up(connection, [ONE])
        used = book.standing_of(ONE).used
        book.change({ONE.name: (ONE, Standing(used + 1))})
        book.write(connection, 1_000)
        if fails:
            raise ZeroDivisionError
        return used

    assert await writer(lambda connection: enter(connection, fails=False)) == 0
    with pytest.raises(ZeroDivisionError):
        await writer(lambda connection: enter(connection, fails=True))
    assert await writer(lambda connection: enter(connection, fails=False)) == 1
    writer.close()


async def test_a_caller_who_dies_behind_the_first_statement_leaves_no_job_out_of_line(
    two: list[Store], path: Path
) -> None:
    """It may be in no transaction, so whatever lines a job up must be part of what keeps it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as caller:
        caller.execute(*next(verbs.adding(1_000, several("a", ONE))))
    worker = Hand(two[0], "w1")
    with closing(worker.heart):
        worker.beat()
        assert ids(await worker.claim(5)) == ["a"]
