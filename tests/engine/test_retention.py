"""Ended jobs go when they are old enough (P16): by state, by task, never the last runs, and into the archive first."""

import asyncio
import gzip
import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.engine.scene import new_worker
from treadle import NEVER, ConfigError, Keep, Treadle
from treadle.core.retention import AGES, RETENTION, Retention, read_ages, write_ages
from treadle.core.states import State
from treadle.core.store import Store
from treadle.engine.pruning import PIECE, Pruner
from treadle.keep import declare_ages
from treadle.run import worker_settings
from treadle.testing import FakeClock

DAY = 24 * 3600 * 1000
LIMIT = 500


async def prune(app: Treadle) -> bool:
    """Do what a sweep of this application's worker does; answer whether there is more."""
    return await Pruner(app.store, "w1", worker_settings(app, None, None))(LIMIT)


async def ended(app: Treadle, clock: FakeClock, name: str, number: int = 1, **options: Any) -> list[str]:
    """Declare a task and cancel so many jobs of it, one a millisecond; answer their ids."""
    task = app.tasks.get(name) or app.task(name, **options)(lambda: None)
    jobs = [await task.aenqueue() for _ in range(number)]
    for job in jobs:
        await app.store.cancel([job.id])
        clock.forward(1)
    return [job.id for job in jobs]


async def kept(app: Treadle, *ids: str) -> list[bool]:
    return [await app.store.get(id) is not None for id in ids]


def lines(folder: Path) -> list[dict[str, Any]]:
    """Read all files of an archive."""
    return [
        json.loads(line)
        for path in sorted(folder.glob("*.jsonl.gz"))
        for line in gzip.open(path, "rt", encoding="utf-8")
    ]


async def test_final_jobs_go_when_they_are_older_than_the_policy(store: Store, clock: FakeClock) -> None:
    app = Treadle(store, keep_runs=0)

    @app.task(retry=NEVER)
    def fail() -> None:
        raise ValueError

    completed = await app.task("work")(lambda: None).aenqueue()
    failed = await fail.aenqueue()
    await new_worker(app).run(until_idle=True)
    seen: list[list[bool]] = []
    for age in (7 * DAY - 1, 1, 23 * DAY - 1, 1):
        clock.forward(age)
        await new_worker(app).run(until_idle=True)
        seen.append(await kept(app, completed.id, failed.id))
    assert seen == [[True, True], [False, True], [False, True], [False, False]]


async def test_the_last_hundred_runs_of_a_task_stay(store: Store, clock: FakeClock) -> None:
    app = Treadle(store)
    ids = await ended(app, clock, "often", 103)
    (rare,) = await ended(app, clock, "rare")
    clock.forward(300 * DAY)
    assert not await prune(app)
    assert await kept(app, *ids, rare) == [False] * 3 + [True] * 101


async def test_a_task_says_itself_how_long_its_jobs_are_kept(store: Store, clock: FakeClock) -> None:
    app = Treadle(store, keep_runs=0, keep_failed=timedelta(days=3))
    (plain,) = await ended(app, clock, "plain")
    (short,) = await ended(app, clock, "short", keep=timedelta(days=1))
    (long,) = await ended(app, clock, "long", keep=Keep(completed=timedelta(0), cancelled=timedelta(days=5)))
    (other,) = await ended(app, clock, "other", keep=Keep(completed=timedelta(0)))
    seen = []
    for days in (1, 2, 2):
        clock.forward(days * DAY)
        await prune(app)
        seen.append(await kept(app, plain, short, long, other))
    assert seen == [[True, False, True, True], [False, False, True, False], [False] * 4]


async def test_what_one_application_says_holds_for_the_sweeps_of_another(store: Store, clock: FakeClock) -> None:
    mine, theirs = Treadle(store, keep_runs=0, keep_failed=timedelta(0)), Treadle(store, keep_runs=0)
    (ours,) = await ended(mine, clock, "ours")
    (long,) = await ended(theirs, clock, "long", keep=timedelta(days=300))
    (usual,) = await ended(theirs, clock, "usual")
    (short,) = await ended(theirs, clock, "short", keep=timedelta(days=1))
    clock.forward(2 * DAY)
    assert await declare_ages(theirs) == 2
    await prune(mine)
    assert await kept(mine, ours, long, usual, short) == [False, True, True, False]
    clock.forward(28 * DAY)
    await prune(mine)
    assert await kept(mine, long, usual) == [True, False]


async def test_ages_are_told_when_they_change_and_when_they_end(store: Store) -> None:
    first = Treadle(store, keep_completed=timedelta(days=1))
    first.task("a")(lambda: None)
    assert [await declare_ages(first) for _ in range(2)] == [1, 0]
    told = read_ages([(record.key, record.value) for record in await store.read(RETENTION)])
    assert told == {"a": {**AGES, State.COMPLETED: DAY}}
    second = Treadle(store)
    second.task("a")(lambda: None)
    assert [await declare_ages(second) for _ in range(2)] == [1, 0]
    assert await store.read(RETENTION) == []


async def test_a_worker_tells_them(store: Store) -> None:
    app = Treadle(store)
    app.task("a", keep=timedelta(days=1))(lambda: None)
    await app.arun_until_idle()
    assert [record.key for record in await store.read(RETENTION)] == ["a"]


async def test_what_goes_stands_in_the_archive(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    app = Treadle(store, keep_runs=2, archive=str(tmp_path / "old"))
    ids = await ended(app, clock, "work", PIECE + 12)
    clock.forward(40 * DAY)
    assert not await prune(app)
    assert [line["id"] for line in lines(tmp_path / "old")] == ids[:-2]
    assert await kept(app, *ids) == [False] * (PIECE + 10) + [True] * 2
    assert {line["state"] for line in lines(tmp_path / "old")} == {"cancelled"}


async def test_nothing_goes_that_the_archive_does_not_take(
    store: Store, clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "old").write_text("a file where a directory should be")
    app = Treadle(store, keep_runs=0, archive=str(tmp_path / "old"))
    ids = await ended(app, clock, "work", 3)
    clock.forward(40 * DAY)
    pruner = Pruner(store, "w1", worker_settings(app, None, None))
    with caplog.at_level(logging.ERROR, "treadle.engine"):
        assert [await pruner(3) for _ in range(3)] == [False] * 3, "the disk is asked again in the next round"
    assert len([each for each in caplog.records if "archive" in each.getMessage()]) == 1
    assert await kept(app, *ids) == [True] * 3
    (tmp_path / "old").unlink()
    await pruner(LIMIT)
    assert await kept(app, *ids) == [False] * 3
    assert len(lines(tmp_path / "old")) == 3


class Reviving:
    """A store in which somebody revives a job between two calls of the pruner."""

    def __init__(self, store: Store, id: str) -> None:
        self._store, self._id = store, id

    async def outdated(self, rules: Retention, limit: int) -> list[str]:
        found = await self._store.outdated(rules, limit)
        await self._store.revive([self._id])
        await self._store.hold([self._id], "operator")
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_who_is_revived_meanwhile_is_not_archived(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    app = Treadle(store, keep_runs=0, archive=str(tmp_path / "old"))
    ids = await ended(app, clock, "work", 2)
    clock.forward(40 * DAY)
    await Pruner(Reviving(store, ids[0]), "w1", worker_settings(app, None, None))(LIMIT)
    assert await kept(app, *ids) == [True, False]
    assert [line["id"] for line in lines(tmp_path / "old")] == ids[1:]


async def test_there_is_more_when_as_many_went_as_may_go_at_once(store: Store, clock: FakeClock) -> None:
    app = Treadle(store, keep_runs=0)
    await ended(app, clock, "work", 5)
    clock.forward(40 * DAY)
    pruner = Pruner(store, "w1", worker_settings(app, None, None))
    assert [await pruner(3) for _ in range(3)] == [True, False, False]


async def test_two_workers_that_prune_at_once_lose_nothing(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    app = Treadle(store, keep_runs=0, archive=str(tmp_path))
    ids = await ended(app, clock, "work", 60)
    clock.forward(40 * DAY)
    settings = worker_settings(app, None, None)
    await asyncio.gather(*(Pruner(store, name, settings)(LIMIT) for name in ("w1", "w2")))
    assert {line["id"] for line in lines(tmp_path)} == {*ids}
    assert not any(await kept(app, *ids))


@pytest.mark.parametrize("keep", [timedelta(-1), 3, "7d", Keep(failed=timedelta(days=-1)), Keep("1d")])  # type: ignore[arg-type]  # refused
def test_a_length_that_is_none_is_refused_where_it_is_written(tmp_path: Path, keep: Any) -> None:
    app = Treadle(f"sqlite:///{tmp_path / 'jobs.db'}")
    with pytest.raises(ConfigError, match="work: keep="):
        app.task("work", keep=keep)(lambda: None)


def test_ages_are_read_as_they_were_written() -> None:
    ages = {State.COMPLETED: 1, State.FAILED: 2}
    assert read_ages([("a", write_ages(ages)), ("b", '{"cancelled": 3, "later": 4}')]) == {
        "a": ages, "b": {State.CANCELLED: 3},
    }  # fmt: skip


def test_for_ever_is_a_length_too(tmp_path: Path) -> None:
    app = Treadle(f"sqlite:///{tmp_path / 'jobs.db'}", keep_failed=timedelta.max)
    app.task("work")(lambda: None)
    rules = worker_settings(app, None, None).retention
    assert not rules.may_go("work", State.FAILED, 1_000_000 * DAY)
    assert rules.may_go("work", State.COMPLETED, 7 * DAY)
