"""Workers die in the middle: by SIGKILL, by their own jobs, in pairs. Nothing is lost, next to nothing runs twice."""

import signal
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.engine.scene import until
from tests.stories.stage import Stage, done, gone
from treadle.core.states import State

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("close")]

#: So long that whatever happens within a test's patience does not happen because a lease ran out.
LONG = "600s"


async def test_a_restarted_worker_takes_over_at_once_what_its_dead_neighbour_held(stage: Stage) -> None:
    """P1, P2, P3, P7"""
    hold = stage.app.tasks["hold"]
    held = await hold.aenqueue_many([{"gate": str(stage.gate)} for _ in range(3)])
    worker = stage.worker(lease=LONG)
    await stage.noted("begun", 3)
    worker.kill()
    for job in held:
        abandoned = await stage.found(job.id)
        assert (abandoned.state, abandoned.attempt) == (State.RUNNING, 1), "its attempt was recorded before it ran"
    stage.worker(lease=LONG)
    await stage.noted("begun", 6)
    stage.gate.touch()
    for job in held:
        completed = await stage.ended(job.id)
        assert (completed.state, completed.attempt, completed.crashes) == (State.COMPLETED, 2, 1)
        assert completed.epoch == 3, "claimed, taken over, claimed"
        assert [attempt.ending for attempt in completed.attempts] == ["crashed"]


async def test_kills_in_the_middle_of_many_short_jobs_lose_none_of_them(stage: Stage) -> None:
    """P1, P7"""
    brief = stage.app.tasks["brief"]
    jobs = await brief.aenqueue_many([{"number": number} for number in range(1_500)])
    for number in (100, 500, 900):
        worker = stage.worker(lease=LONG, concurrency="4")
        await stage.noted("brief", number)
        worker.kill()
    stage.worker(lease=LONG)
    await done(stage, len(jobs))
    times = Counter(id for id, _ in stage.history("brief"))
    assert set(times) == {job.id for job in jobs}
    assert max(times.values()) <= 4, "once, and once more for each kill"


async def test_a_lease_that_ran_out_is_enough_where_death_cannot_be_proved(stage: Stage) -> None:
    """P3: the other worker was there all the while and took the claims only when nobody renewed them."""
    hold = stage.app.tasks["hold"]
    first = stage.worker(lease="2s")
    job = await hold.aenqueue(str(stage.gate))
    await stage.noted("begun")
    stage.worker(lease="2s")
    first.kill()
    ((_, before, _), (_, after, _)) = (await stage.noted("begun", 2))[:2]
    assert (before, after) == ("1", "3")
    stage.gate.touch()
    assert (await stage.ended(job.id)).state is State.COMPLETED


async def test_a_child_process_does_not_outlive_its_worker(stage: Stage) -> None:
    job = await stage.app.tasks["hold_in_a_process"].aenqueue(str(stage.gate))
    worker = stage.worker(lease=LONG)
    ((_, _, child),) = await stage.noted("begun")
    worker.kill()
    await gone(int(child))
    assert (await stage.found(job.id)).state is State.RUNNING


async def test_a_killer_is_quarantined_after_three_crashes_and_takes_no_neighbour_along(stage: Stage) -> None:
    """P12: whatever its retry policy says. The third time it runs in a child, so its long neighbour lives on."""
    neighbour = await stage.app.tasks["hold"].aenqueue(str(stage.gate))
    poison = await stage.app.tasks["kills_its_worker"].aenqueue()
    healthy = await stage.app.tasks["brief"].aenqueue_many([{"number": number} for number in range(50)])
    for _ in range(2):
        process = stage.start("work", lease=LONG, concurrency="3")
        assert process.wait() == -signal.SIGKILL
    stage.worker(lease=LONG)
    quarantined = await stage.ended(poison.id)
    assert (quarantined.state, quarantined.reason, quarantined.crashes) == (State.FAILED, "crashed", 3)
    assert len(stage.history("killing")) == 3
    stage.gate.touch()
    for job in (neighbour, *healthy):
        assert (await stage.ended(job.id)).state is State.COMPLETED


async def test_a_job_whose_workers_were_killed_three_times_is_quarantined(stage: Stage) -> None:
    """P12"""
    job = await stage.app.tasks["hold"].aenqueue(str(stage.gate))
    for number in (1, 2, 3):
        worker = stage.worker(lease=LONG)
        await stage.noted("begun", number)
        worker.kill()
    stage.worker(lease=LONG)
    quarantined = await stage.ended(job.id)
    assert (quarantined.state, quarantined.reason, quarantined.crashes) == (State.FAILED, "crashed", 3)
    assert [attempt.ending for attempt in quarantined.attempts] == ["crashed"] * 3


async def test_two_workers_of_one_store_run_each_job_once(stage: Stage) -> None:
    """P4, P7"""
    for _ in range(2):
        stage.worker()
    jobs = await stage.app.tasks["brief"].aenqueue_many([{"number": number} for number in range(2_000)])
    await done(stage, len(jobs))
    notes = stage.history("brief")
    assert Counter(id for id, _ in notes) == Counter(job.id for job in jobs)


async def test_three_schedulers_under_kills_miss_no_instant_and_double_none(stage: Stage) -> None:
    """P9"""
    workers = [stage.worker(test_schedule="yes") for _ in range(3)]
    for turn in range(6):
        await stage.noted("tick", turn + 1)
        workers[turn % 3].kill()
        workers[turn % 3] = stage.worker(test_schedule="yes")
    await until(lambda: len({id for (id,) in stage.history("tick")}) >= 8)
    for worker in workers:
        worker.stop()
    page = await stage.app.ajobs(tasks=("tick",), limit=1_000)
    instants = sorted(datetime.fromisoformat(found.id.partition("@")[2]) for found in page.items)
    assert len(instants) >= 8
    assert {later - earlier for earlier, later in pairwise(instants)} == {timedelta(seconds=1)}
