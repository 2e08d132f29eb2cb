"""What running jobs tell: progress that never falls and is coalesced, log lines that are bounded (P15)."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.engine.scene import eventually, found, new_worker, running
from treadle import NEVER, Context, Progress, Retry, Treadle
from treadle.core.job import Report, WorkerInfo
from treadle.core.store import Heart


class Listening:
    """A heart that notes what it is told to write."""

    def __init__(self, heart: Heart) -> None:
        self._heart = heart
        self.beats: list[Sequence[Report]] = []

    def beat(self, lease: int, reports: Sequence[Report] = ()) -> Mapping[str, bool]:
        self.beats.append(list(reports))
        return self._heart.beat(lease, reports)

    def leave(self) -> None:
        self._heart.leave()

    def close(self) -> None:
        self._heart.close()

    @property
    def reported(self) -> list[int]:
        return [report.progress.done for reports in self.beats for report in reports if report.progress]


def listen(app: Treadle) -> list[Listening]:
    """Have the hearts of this application's workers noted."""
    hearts: list[Listening] = []
    make = app.store.heart

    def noted(worker: WorkerInfo) -> Listening:
        hearts.append(Listening(make(worker)))
        return hearts[-1]

    app.store.heart = noted  # type: ignore[method-assign]  # a wrapper around the real one
    return hearts


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_however_often_it_is_told_progress_is_written_seldom_and_never_falls(app: Treadle, kind: str) -> None:
    hearts = listen(app)

    async def on_the_loop(ctx: Context) -> None:
        for done in range(1, 5_001):
            ctx.progress(done, 5_000)
            if done % 100 == 0:
                await asyncio.sleep(0.001)

    def in_a_thread(ctx: Context) -> None:
        for done in range(1, 5_001):
            ctx.progress(done, 5_000)

    task: Any = app.task("count", context=True)(on_the_loop if kind == "async" else in_a_thread)
    job = await task.aenqueue()
    await app.arun_until_idle()
    assert (await found(app.store, job.id)).progress == Progress(5_000, 5_000)
    (heart,) = hearts
    assert len(heart.reported) <= len(heart.beats) <= 100
    assert heart.reported == sorted(heart.reported)


async def test_progress_is_seen_while_the_job_runs(app: Treadle) -> None:
    go = threading.Event()

    @app.task(context=True)
    def work(ctx: Context) -> None:
        ctx.progress(3, 10, failed=1, note="in the middle")
        assert go.wait(60)

    async with running(new_worker(app)):
        job = await work.aenqueue()
        seen = await eventually(lambda: _progress(app, job.id))
        go.set()
        await job.aresult(20)
    assert seen == Progress(3, 10, 1, "in the middle")
    assert seen.percent == 30
    assert (await found(app.store, job.id)).progress == seen


async def _progress(app: Treadle, id: str) -> Progress | None:
    return (await found(app.store, id)).progress


async def test_what_falls_stays_where_it_was_and_a_total_may_grow(app: Treadle) -> None:
    @app.task(context=True)
    async def work(ctx: Context) -> None:
        ctx.progress(5, 10)
        ctx.progress(2, 20, note="n" * 1_000)

    job = await work.aenqueue()
    await app.arun_until_idle()
    assert (await found(app.store, job.id)).progress == Progress(5, 20, 0, "n" * 500)


async def test_the_next_attempt_begins_at_its_own_beginning(app: Treadle) -> None:
    @app.task(context=True, retry=Retry(1, 0, jitter=0))
    async def work(ctx: Context) -> None:
        ctx.progress(50 if ctx.attempt == 1 else 7, 100)
        if ctx.attempt == 1:
            raise ConnectionError

    job = await work.aenqueue()
    await app.arun_until_idle()
    assert (await found(app.store, job.id)).progress == Progress(7, 100)


async def test_what_a_failing_attempt_told_last_is_kept(app: Treadle) -> None:
    @app.task(context=True, retry=NEVER)
    def work(ctx: Context) -> None:
        ctx.progress(9, 10)
        ctx.log("about to fail", user="u1")
        raise ValueError("no")

    job = await work.aenqueue()
    await app.arun_until_idle()
    seen = await found(app.store, job.id)
    assert seen.progress == Progress(9, 10)
    assert [(line["message"], line["user"], line["attempt"]) for line in seen.log] == [("about to fail", "u1", 1)]


async def test_of_many_log_lines_the_last_two_hundred_are_kept(app: Treadle) -> None:
    @app.task(context=True)
    async def chatter(ctx: Context) -> None:
        for number in range(1_000):
            ctx.log(f"line {number}")

    job = await chatter.aenqueue()
    await app.arun_until_idle()
    assert [line["message"] for line in (await found(app.store, job.id)).log] == [
        f"line {number}" for number in range(800, 1_000)
    ]


async def test_log_lines_take_no_more_than_their_bytes(app: Treadle) -> None:
    @app.task(context=True)
    def chatter(ctx: Context) -> None:
        for number in range(100):
            ctx.log("x" * 10_000, number=number, more="y" * 3_000)

    job = await chatter.aenqueue()
    await app.arun_until_idle()
    log = (await found(app.store, job.id)).log
    assert sum(len(str(line)) for line in log) < 40_000
    assert {len(str(line["message"])) for line in log} == {4_000}
    assert log[-1]["number"] == "99"


async def test_lines_of_all_attempts_are_kept_in_order(app: Treadle) -> None:
    @app.task(context=True, retry=Retry(2, 0, jitter=0))
    async def work(ctx: Context) -> None:
        ctx.log("at it")
        if ctx.attempt < 3:
            raise ConnectionError

    job = await work.aenqueue()
    await app.arun_until_idle()
    assert [line["attempt"] for line in (await found(app.store, job.id)).log] == [1, 2, 3]
