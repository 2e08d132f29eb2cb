"""Children that end for reasons of their own: no job pays for what is not its fault."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine import childwork
from tests.engine.scene import ended, found, new_worker, running, until, url_of
from treadle import Treadle
from treadle.core.job import Claim
from treadle.core.states import State
from treadle.engine.attempt import Attempt, ShuttingDown
from treadle.engine.processes import Processes
from treadle.run import child_main, work_of

pytestmark = pytest.mark.slow

PLACE = ("tests.engine.childwork", "make")


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Treadle]:
    made = Treadle(url_of(tmp_path / "jobs.db"))
    made.include(childwork.pack)
    made.place = PLACE
    yield made
    await made.store.close()


async def child_of(mark: Path) -> int:
    """Wait until a task has begun, and answer in which process."""
    await until(mark.exists)
    return int(await asyncio.to_thread(mark.read_text))


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


async def test_a_child_that_died_while_it_waited_for_work_is_no_crash_of_the_next_job(app: Treadle) -> None:
    """P12"""
    pid = app.bind(childwork.pid)
    async with running(new_worker(app, slots=1)):
        first = await (await pid.aenqueue()).aresult(30)
        os.kill(first, signal.SIGKILL)
        await until(lambda: is_gone(first))
        job = await pid.aenqueue()
        assert await job.aresult(30) != first
    seen = await found(app.store, job.id)
    assert (seen.attempt, seen.crashes) == (1, 0)


async def test_a_signal_to_the_whole_group_leaves_the_children_to_their_worker(app: Treadle, tmp_path: Path) -> None:
    """P11: service managers send SIGTERM to every process of a service."""
    mark = tmp_path / "mark"
    async with running(new_worker(app, lease=1_000)):
        job = await app.bind(childwork.listens).aenqueue(str(mark))
        child = await child_of(mark)
        os.kill(child, signal.SIGTERM)
        os.kill(child, signal.SIGINT)
        await job.acancel()
        seen = await ended(app, job.id)
    assert (seen.state, seen.crashes) == (State.CANCELLED, 0)


async def test_a_child_that_hears_nothing_of_its_worker_ends_and_its_job_goes_back_unspent(
    app: Treadle, tmp_path: Path
) -> None:
    """P5: nobody renews the lease, which is no crash of the job."""
    mark = tmp_path / "mark"
    processes = Processes(child_main, PLACE, 0.2, [PLACE[0]])
    attempt = Attempt(_claim(str(mark)), work_of(app, app.tasks["child.endless"]), lambda: None, 0.0)
    with pytest.raises(ShuttingDown):
        await asyncio.to_thread(processes.run, attempt, lambda attempt: None)
    processes.close()


async def test_a_task_that_the_child_cannot_find_fails_with_its_name(app: Treadle) -> None:
    """The worker knows a task that its module does not define: one that was made while the program ran."""
    made_later = app.task("made later", executor="process")(len)
    job = await made_later.aenqueue([1])
    await app.arun_until_idle()
    failed = await found(app.store, job.id)
    assert (failed.state, failed.attempt, failed.crashes) == (State.FAILED, 1, 0)
    assert failed.failure is not None
    assert "No task is called 'made later' here" in failed.failure.message


def _claim(mark: str) -> Claim:
    return Claim(
        ref=1, id="job", task="child.endless", queue="default", args=f'{{"mark": "{mark}"}}', priority=0, attempt=1,
        max_attempts=1, epoch=1, crashes=0, queued_at=0, expires_at=None, result_ttl=None, owner=None, tenant=None,
        batch=None, meta=None,
    )  # fmt: skip
