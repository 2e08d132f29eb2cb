"""Taking over from dead neighbours: at once where death is proved, else when the lease has run out; what follows."""

import os
import subprocess
import sys

import pytest

from tests.engine import childwork
from tests.engine.scene import ended, found, new_worker, running
from treadle import Treadle
from treadle.core.events import Event, TakenOver
from treadle.core.job import WorkerInfo
from treadle.core.outcomes import retry
from treadle.core.states import State
from treadle.engine.neighbours import born, identify, pid_space, provably_dead
from treadle.testing import FakeClock
from treadle.testing.contract.scene import Hire
from treadle.testing.contract.scene import hire as hire

linux = pytest.mark.skipif(not pid_space(), reason="not on this platform: no proof of death")


def dead_process() -> int:
    """Answer the id of a process that has ended."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


# -- proof -----------------------------------------------------------------------------


@linux
def test_only_a_process_that_is_certainly_gone_is_dead() -> None:
    me = identify("me", ["default"], 10)
    gone = dead_process()
    cases = {
        "myself": (me, False),
        "a living process": (me._replace(pid=os.getppid(), born=born(os.getppid())), False),
        "a process that has ended": (me._replace(pid=gone, born="123"), True),
        "another process with the same id": (me._replace(born="1"), True),
        "on another host": (me._replace(host="elsewhere", pid=gone), False),
        "before a reboot, or in another container": (me._replace(space="other", pid=gone), False),
        "where the system does not tell": (me._replace(space="", pid=gone), False),
    }
    assert {name: provably_dead(worker, me) for name, (worker, _) in cases.items()} == {
        name: dead for name, (_, dead) in cases.items()
    }


@linux
def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    me = identify("me", ["default"], 10)
    worker = me._replace(pid=child.pid, born=born(child.pid))
    assert not provably_dead(worker, me)
    assert child.stdin
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert provably_dead(worker, me)
    child.wait()


# -- taking over -----------------------------------------------------------------------


async def abandon(app: Treadle, number: int, who: WorkerInfo) -> list[str]:
    """Have another worker claim so many jobs and never be heard of again."""
    heart = app.store.heart(who)
    heart.beat(600_000)
    claims = (await app.store.cycle(who.id, [], ["default"], number)).claims
    heart.close()
    return [claim.id for claim in claims]


@linux
async def test_all_that_a_dead_neighbour_held_starts_again_at_once_however_much_it_is(timeless: Treadle) -> None:
    """P3"""
    task = timeless.task("work")(lambda: "ran")
    await task.aenqueue_many([{} for _ in range(350)])
    events: list[Event] = []
    timeless.listeners.append(events.append)
    ids = await abandon(timeless, 350, identify("dead", ["default"], 10)._replace(born="1"))
    assert len(ids) == 350
    await new_worker(timeless, lease=600_000).run(until_idle=True)
    assert (await timeless.acount())[State.COMPLETED] == 350
    assert sum(isinstance(event, TakenOver) for event in events) == 350


async def test_a_neighbour_whose_death_cannot_be_proved_keeps_its_jobs_until_its_lease_ends(
    timeless: Treadle, clock: FakeClock
) -> None:
    """P3, P4"""
    task = timeless.task("work")(lambda: "ran")
    job = await task.aenqueue()
    await abandon(timeless, 1, WorkerInfo(id="far", host="elsewhere"))
    await new_worker(timeless).run(until_idle=True)
    assert (await found(timeless.store, job.id)).worker == "far"
    clock.forward(599_999)
    await new_worker(timeless).run(until_idle=True)
    assert (await found(timeless.store, job.id)).worker == "far"
    clock.forward(1)
    async with running(new_worker(timeless, lease=1_000)):
        again = await ended(timeless, job.id)
    assert (again.state, again.crashes, again.attempt, again.epoch) == (State.COMPLETED, 1, 2, 3)


@linux
async def test_after_an_outage_in_which_nobody_renewed_the_living_renew_first(
    timeless: Treadle, clock: FakeClock
) -> None:
    """Rule 4: with a silent neighbour about, a start takes nothing over at once."""
    task = timeless.task("work")(lambda: "ran")
    await task.aenqueue_many([{}, {}])
    await abandon(timeless, 1, identify("dead", ["default"], 10)._replace(born="1"))
    await abandon(timeless, 1, WorkerInfo(id="far", host="elsewhere"))
    clock.forward(600_000)
    await new_worker(timeless, lease=600_000).run(until_idle=True)
    assert (await timeless.acount())[State.RUNNING] == 2


async def test_a_sweeper_that_dies_between_take_over_and_settle_is_no_crash_of_the_job(
    timeless: Treadle, clock: FakeClock, hire: Hire
) -> None:
    """Rule 5"""
    await timeless.task("work")(lambda: "ran").using(id="0").aenqueue()
    await hire("first").claim_one()
    clock.forward(15_000)
    (lost,) = (await hire("second").sweep()).taken
    clock.forward(15_000)
    third = hire("third")
    (taken,) = (await third.sweep()).taken
    assert (lost.crashes, taken.crashes) == (1, 1)
    await third.settle(taken, retry(0))
    await new_worker(timeless).run(until_idle=True)
    assert (await found(timeless.store, "0")).state is State.COMPLETED


# -- isolation (P12) ---------------------------------------------------------------------


@pytest.mark.slow
async def test_what_was_on_board_of_two_crashes_runs_in_a_child(
    timeless: Treadle, clock: FakeClock, hire: Hire
) -> None:
    app = Treadle(timeless.store)
    app.include(childwork.pack)
    app.place = ("tests.engine.childwork", "make")
    job = await app.bind(childwork.where).aenqueue()
    pids = []
    for number in range(3):
        await new_worker(app).run(until_idle=True)
        pids.append(await job.aresult(0))
        await job.aretry()
        if number < 2:
            await _crash(app, clock, hire, f"w{number}", crashes=number + 1)
    assert pids[:2] == [os.getpid()] * 2
    assert pids[2] != os.getpid()


async def _crash(app: Treadle, clock: FakeClock, hire: Hire, name: str, crashes: int) -> None:
    """Let the one queued job be on board of so many crashes in a row."""
    for turn in range(crashes):
        await hire(f"{name}-{turn}").claim_one()
        clock.forward(15_000)
        sweeper = hire(f"{name}-{turn}-sweeper")
        (taken,) = (await sweeper.sweep()).taken
        await sweeper.settle(taken, retry(0))
