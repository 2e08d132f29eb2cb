"""Several processes on one file: kills, races, and what an acknowledgement is worth."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.stores.sqlite.playing import Actor
from treadle.core.job import Ending, Filter, WorkerInfo
from treadle.core.outcomes import complete, retry
from treadle.core.states import State
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.testing.contract.scene import jobs

Play = Callable[..., Actor]

pytestmark = pytest.mark.slow


async def _ids(store: Store) -> set[str]:
    return {found.id for found in (await store.find(Filter(), 1_000_000)).items}


async def test_every_acknowledged_job_survives_a_kill_in_the_middle_of_adding(path: Path, url: str, play: Play) -> None:
    """P1."""
    adders = [play("add", url, prefix) for prefix in ("a", "b")]
    acknowledged: set[str] = set()
    for adder in adders:
        for _ in range(30):
            acknowledged |= set(adder.hear().split())
    for adder in adders:
        adder.kill()
        # A line may be cut by the kill; what was said completely was acknowledged.
        acknowledged |= {id for line in adder.rest() for id in line.split() if len(id) == 7}
    store = open_store(url)
    assert acknowledged <= await _ids(store)
    assert len(acknowledged) >= 180
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_four_processes_claim_each_job_once_though_one_is_killed(url: str, play: Play) -> None:
    """P1, P4, P7."""
    store = open_store(url)
    await store.add(jobs(2_000))
    workers = {f"w{number}": play("work", url, f"w{number}") for number in range(4)}
    assert [worker.hear() for worker in workers.values()] == ["ready"] * 4
    for worker in workers.values():
        worker.tell()
    said = {name: [worker.hear()] for name, worker in workers.items()}
    workers["w0"].kill()
    for name, worker in workers.items():
        said[name] += worker.rest() if name == "w0" else worker.end()

    claims = [line for lines in said.values() for line in lines if line.count(" ") == 1 and line.endswith("1")]
    assert [claim for claim, times in Counter(claims).items() if times > 1] == []
    counts = await store.count(Filter())
    abandoned = counts.get(("default", State.RUNNING), 0)
    assert abandoned <= 3
    assert counts[("default", State.COMPLETED)] == 2_000 - abandoned

    await _take_over(store, "w0", abandoned)
    assert await store.count(Filter()) == {("default", State.COMPLETED): 2_000}
    await store.close()


async def _take_over(store: Store, dead: str, number: int) -> None:
    """Run what a dead worker left, as a neighbour who saw it die would."""
    heart = store.heart(WorkerInfo(id="neighbour"))
    heart.beat(60_000)
    await store.bury([dead])
    taken = (await store.sweep("neighbour", 100, take=100)).taken
    assert len(taken) == number
    again = await store.cycle("neighbour", [Ending(claim, retry(0)) for claim in taken], ["default"], 10)
    assert sorted(claim.id for claim in again.claims) == sorted(claim.id for claim in taken)
    assert {(claim.epoch, claim.crashes) for claim in again.claims} <= {(3, 1)}
    await store.cycle("neighbour", [Ending(claim, complete()) for claim in again.claims], (), 0)
    heart.close()


async def test_processes_that_meet_an_empty_file_at_once_make_its_tables_once(path: Path, url: str, play: Play) -> None:
    actors = [play("migrate", url) for _ in range(4)]
    assert [actor.hear() for actor in actors] == ["ready"] * 4
    for actor in actors:
        actor.tell()
    assert [actor.end() for actor in actors] == [["added"]] * 4
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) = count(DISTINCT version) FROM treadle_schema").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM treadle_job").fetchone() == (4,)
