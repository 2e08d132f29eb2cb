"""Tasks in child processes: their results, what they tell, how they are stopped and what their death means."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine import childwork
from tests.engine.scene import (
    SteadyClock,
    ended,
    ended_while,
    eventually,
    found,
    new_worker,
    reached,
    running,
    until,
    url_of,
)
from treadle import ConfigError, JobFailed, Treadle
from treadle.core.job import WorkerInfo
from treadle.core.states import State

pytestmark = pytest.mark.slow


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Treadle]:
    made = Treadle(url_of(tmp_path / "jobs.db"))
    made.include(childwork.pack)
    made.place = ("tests.engine.childwork", "make")
    yield made
    await made.store.close()


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """Where a task in a child leaves its process id."""
    return tmp_path / "mark"


async def child_of(mark: Path) -> int:
    """Wait until a task has begun, and answer in which process."""
    await until(mark.exists)
    return int(await asyncio.to_thread(mark.read_text))


async def is_gone(pid: int) -> None:
    """Wait until a process has ended; a zombie has, only its parent has not looked yet."""

    def gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except OSError:
            return True

    await until(gone)


async def test_it_runs_in_another_process_which_is_kept_for_the_next(app: Treadle) -> None:
    pid, double = app.bind(childwork.pid), app.bind(childwork.double)
    async with running(new_worker(app, slots=1)):
        first, second = [await (await pid.aenqueue()).aresult(30) for _ in range(2)]
        assert await (await double.aenqueue(21)).aresult(30) == 42
    assert first == second
    assert first != os.getpid()
    await is_gone(first)


async def test_what_a_child_has_spent_and_heeded_comes_too(app: Treadle) -> None:
    spend = app.bind(childwork.spend)
    await spend.aenqueue(90, used=10)
    await app.arun_until_idle()
    job = await spend.aenqueue(90, used=0)
    await app.arun_until_idle()
    failing = [verdict.predicate for verdict in (await job.aexplain()).failing]
    assert "rate" in failing, "it is parked"
    assert "budget" not in failing, "what was not spent was given back"


async def test_progress_and_log_lines_come_from_a_child_too(app: Treadle) -> None:
    tell = app.bind(childwork.tell)
    async with running(new_worker(app)):
        job = await tell.using(owner="me").aenqueue()
        assert await job.aresult(30) == [job.id, 1, "me"]
    seen = await found(app.store, job.id)
    assert seen.progress is not None
    assert (seen.progress.done, seen.progress.percent, seen.progress.note) == (5, 100, "at it")
    assert [(line["message"], line["where"]) for line in seen.log] == [("a line", "child")]


async def test_an_error_comes_back_as_text(app: Treadle) -> None:
    fails, leaves = app.bind(childwork.fails), app.bind(childwork.leaves)
    async with running(new_worker(app)):
        job, left = await fails.aenqueue(), await leaves.aenqueue()
        with pytest.raises(JobFailed, match="LookupError: nothing here"):
            await job.aresult(30)
        with pytest.raises(JobFailed, match="SystemExit: wrong usage"):
            await left.aresult(30)
    assert (await found(app.store, left.id)).crashes == 0


async def test_a_child_that_ignores_everything_is_killed_at_its_timeout(app: Treadle, mark: Path) -> None:
    stuck, pid = app.bind(childwork.stuck), app.bind(childwork.pid)
    async with running(new_worker(app, slots=1)):
        job = await stuck.aenqueue(str(mark))
        child = await child_of(mark)
        failed = await ended(app, job.id)
        assert (failed.state, failed.reason, failed.crashes) == (State.FAILED, "timeout", 0)
        await is_gone(child)
        assert await (await pid.aenqueue()).aresult(30) != child


async def test_a_soft_timeout_reaches_a_child_in_the_middle_of_a_call(app: Treadle) -> None:
    async with running(new_worker(app)):
        assert await (await app.bind(childwork.tidy).aenqueue()).aresult(30) == "tidied up"


async def test_a_soft_timeout_that_comes_while_the_child_starts_is_not_lost(app: Treadle) -> None:
    clock = SteadyClock()
    async with running(new_worker(app, clock=clock, slots=1)) as worker:
        job = await app.bind(childwork.tidy).aenqueue()
        seen = await ended_while(app, job.id, clock)
        assert seen.state is State.COMPLETED or (seen.failure and seen.failure.type == "SoftTimeout")
    assert worker.handed_back == 0


async def test_a_word_for_one_job_never_reaches_the_next_one_of_its_child(app: Treadle) -> None:
    worker = new_worker(app, slots=1)
    async with running(worker):
        first = await app.bind(childwork.pid).aenqueue()
        child = await first.aresult(30)
        assert worker._processes
        (process,) = worker._processes._idle
        process.say(b"c 1")
        process.say(b"s 1")
        assert await (await app.bind(childwork.brief).aenqueue()).aresult(30) == child


async def test_a_child_that_reads_nothing_holds_nobody_up(app: Treadle, mark: Path) -> None:
    worker = new_worker(app, slots=1, grace=0)
    async with running(worker):
        await app.bind(childwork.endless).aenqueue(str(mark))
        os.kill(await child_of(mark), signal.SIGSTOP)
        assert worker._processes
        for _ in range(20_000):
            worker._processes.pulse()


async def test_a_child_that_listens_ends_when_it_is_cancelled(app: Treadle, mark: Path) -> None:
    """P10"""
    async with running(new_worker(app, lease=1_000)):
        job = await app.bind(childwork.listens).aenqueue(str(mark))
        child = await child_of(mark)
        assert await job.acancel()
        assert (await ended(app, job.id)).state is State.CANCELLED
        assert await (await app.bind(childwork.pid).aenqueue()).aresult(30) == child, "it went on to the next job"


async def test_a_child_that_does_not_listen_is_killed_at_the_grace(app: Treadle, mark: Path) -> None:
    """P10"""
    async with running(new_worker(app, lease=1_000, stop_grace=100)):
        job = await app.bind(childwork.endless).aenqueue(str(mark))
        child = await child_of(mark)
        assert await job.acancel()
        cancelled = await ended(app, job.id)
        assert (cancelled.state, cancelled.reason) == (State.CANCELLED, "operator")
        await is_gone(child)


async def test_a_job_that_kills_its_process_three_times_is_quarantined_and_the_others_go_on(app: Treadle) -> None:
    """P12"""
    healthy = await app.bind(childwork.double).aenqueue_many([{"number": number} for number in range(5)])
    async with running(new_worker(app, slots=2)):
        job = await app.bind(childwork.dies).aenqueue(7)
        dead = await ended(app, job.id)
        assert [await each.aresult(30) for each in healthy] == [0, 2, 4, 6, 8]
    assert (dead.state, dead.reason, dead.crashes) == (State.FAILED, "crashed", 3)
    assert [attempt.ending for attempt in dead.attempts] == ["crashed"] * 3
    assert dead.failure is not None
    assert "exit code 7" in dead.failure.message


async def test_a_worker_that_stops_hands_back_what_its_children_run(app: Treadle, mark: Path) -> None:
    """P11"""
    async with running(new_worker(app, grace=0)):
        job = await app.bind(childwork.endless).aenqueue(str(mark))
        child = await child_of(mark)
    handed_back = await found(app.store, job.id)
    assert (handed_back.state, handed_back.attempt) == (State.QUEUED, 0)
    await is_gone(child)


async def test_a_lost_claim_kills_its_child_and_changes_nothing(app: Treadle, mark: Path) -> None:
    """P4, P6"""
    async with running(new_worker(app, lease=1_000)) as worker:
        job = await app.bind(childwork.endless).aenqueue(str(mark))
        child = await child_of(mark)
        thief = app.store.heart(_someone())
        thief.beat(60_000)
        await _steal(app, worker.id)
        await is_gone(child)
        stolen = await found(app.store, job.id)
        assert (stolen.state, stolen.epoch, stolen.worker) == (State.RUNNING, 2, "thief")
        thief.close()


def _someone() -> WorkerInfo:
    return WorkerInfo(id="thief")


async def _steal(app: Treadle, worker: str) -> None:
    """Take a worker's claims over, though it is alive."""

    async def look() -> object:
        await app.store.bury([worker])
        return (await app.store.sweep("thief", 10, take=10)).taken

    await eventually(look)


async def test_an_application_that_no_child_could_find_is_refused_at_the_start(tmp_path: Path) -> None:
    app = Treadle(url_of(tmp_path / "jobs.db"))
    app.include(childwork.pack)
    with pytest.raises(ConfigError, match="top of a module"):
        app.worker()


async def test_a_running_job_is_seen_as_running(app: Treadle, mark: Path) -> None:
    async with running(new_worker(app, grace=0)):
        job = await app.bind(childwork.endless).aenqueue(str(mark))
        assert (await reached(app, job.id, State.RUNNING)).attempt == 1
        await child_of(mark)
