"""What only a look into the file can tell."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from treadle.core.job import Ending, Progress, WorkerInfo
from treadle.core.outcomes import complete, give_up
from treadle.core.states import State
from treadle.stores import open_store
from treadle.testing import FakeClock
from treadle.testing.contract.scene import job, prune


@contextmanager
def looking(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection:
        yield connection


async def test_a_result_past_its_time_is_really_gone(path: Path, url: str, clock: FakeClock) -> None:
    store = open_store(url, clock)
    await store.open()
    heart = store.heart(WorkerInfo(id="w1"))
    heart.beat(90_000)
    await store.add([job("a", result_ttl=60_000)])
    (claim,) = (await store.cycle("w1", [], ["default"], 1)).claims
    await store.cycle("w1", [Ending(claim, complete('"secret"'))], (), 0)
    clock.forward(60_000)
    await store.sweep("w1", 10, take=0)
    with looking(path) as connection:
        assert connection.execute("SELECT result FROM treadle_job").fetchall() == [(None,)]
    heart.close()
    await store.close()


async def test_a_purge_leaves_no_rows_behind(path: Path, url: str, clock: FakeClock) -> None:
    """P16."""
    store = open_store(url, clock)
    await store.open()
    heart = store.heart(WorkerInfo(id="w1"))
    heart.beat(90_000)
    await store.add([job("a"), job("b")])
    for claim in (await store.cycle("w1", [], ["default"], 2)).claims:
        await store.cycle("w1", [Ending(claim, give_up("error"), Progress(1), '[{"n":1}]')], (), 0)
    assert len(await prune(store, {State.FAILED: 0}, 1)) == 1
    with looking(path) as connection:
        for table in ("job", "progress", "log", "attempt"):
            assert connection.execute(f"SELECT count(*) FROM treadle_{table}").fetchone() == (1,), table
    heart.close()
    await store.close()


async def test_a_key_of_a_purged_job_names_no_other(path: Path, url: str, clock: FakeClock) -> None:
    """ENGINE 2.6: or the ending of a purged job could hit a newcomer."""
    store = open_store(url, clock)
    refs = []
    for id in ("a", "b"):
        await store.add([job(id)])
        with looking(path) as connection:
            refs += connection.execute("SELECT seq FROM treadle_job").fetchall()
        await store.cancel([id])
        assert await prune(store, {State.CANCELLED: 0}) == [id]
    assert refs[0] < refs[1]
    await store.close()
