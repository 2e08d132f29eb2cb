"""Workers are stopped, frozen and woken: hand-back, the second signal, late results that change nothing."""

import signal

import pytest

from tests.engine.scene import reached
from tests.stores.places import SERVERS
from tests.stories.stage import Stage, done, gone
from treadle.core.states import State

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("close")]

LONG = "600s"

KINDS = ("hold", "hold_in_a_thread", "hold_in_a_process")


async def test_a_worker_that_is_told_to_stop_hands_back_and_spends_no_attempt(stage: Stage) -> None:
    """P11"""
    jobs = [await stage.app.tasks[kind].aenqueue(str(stage.gate)) for kind in KINDS]
    worker = stage.worker(lease=LONG, grace="0s")
    await stage.noted("begun", 3)
    said = worker.stop()
    assert "WorkerStopped 3" in said
    assert said[-1] == "ended"
    for job in jobs:
        handed_back = await stage.found(job.id)
        assert (handed_back.state, handed_back.attempt, handed_back.crashes) == (State.QUEUED, 0, 0)
    stage.gate.touch()
    stage.worker(lease=LONG)
    for job in jobs:
        completed = await stage.ended(job.id)
        assert (completed.state, completed.attempt, completed.epoch) == (State.COMPLETED, 1, 2)


async def test_what_ends_within_the_grace_is_finished_and_nothing_new_is_begun(stage: Stage) -> None:
    """P7, P11"""
    jobs = [await stage.app.tasks[kind].aenqueue(str(stage.gate)) for kind in KINDS]
    worker = stage.worker(lease=LONG, grace="60s", concurrency="3")
    await stage.noted("begun", 3)
    waiting = await stage.app.tasks["brief"].aenqueue(1)
    worker.send(signal.SIGTERM)
    stage.gate.touch()
    assert "WorkerStopped 0" in worker.rest()
    assert worker.wait() == 0
    assert [(await stage.found(job.id)).result for job in jobs] == ['"epoch 1"'] * 3
    assert (await stage.found(waiting.id)).state is State.QUEUED


async def test_the_second_signal_ends_a_worker_at_once(stage: Stage) -> None:
    job = await stage.app.tasks["hold"].aenqueue(str(stage.gate))
    worker = stage.worker(lease=LONG, grace="600s")
    await stage.noted("begun")
    worker.send(signal.SIGTERM)
    while worker.wait_briefly() is None:
        worker.send(signal.SIGTERM)
    assert worker.wait() == 128 + signal.SIGTERM
    assert (await stage.found(job.id)).state is State.RUNNING
    stage.gate.touch()
    stage.worker(lease=LONG)
    assert (await stage.ended(job.id)).state is State.COMPLETED


@pytest.mark.parametrize("kind", KINDS)
async def test_a_worker_that_was_frozen_past_its_lease_stops_its_attempts_and_its_late_result_changes_nothing(
    stage: Stage, kind: str
) -> None:
    """P4, P5, P6"""
    frozen = stage.worker(lease="2s")
    job = await stage.app.tasks[kind].aenqueue(str(stage.gate))
    ((_, _, pid),) = await stage.noted("begun")
    frozen.send(signal.SIGSTOP)
    if kind == "hold_in_a_process":
        await gone(int(pid))  # a child whose worker went silent ends itself before anybody may take over
    stage.worker(lease="2s")
    begun = await stage.noted("begun", 2)
    assert [epoch for _, epoch, _ in begun] == ["1", "3"]
    frozen.send(signal.SIGCONT)
    if kind != "hold_in_a_process":
        assert (await stage.noted("stopped"))[0][1] == "1"
    assert (await reached(stage.app, job.id, State.RUNNING)).epoch == 3
    stage.gate.touch()
    completed = await stage.ended(job.id)
    assert (completed.state, completed.result, completed.crashes) == (State.COMPLETED, '"epoch 3"', 1)
    assert [epoch for _, epoch in stage.history("passed")] == ["3"]
    brief = await stage.app.tasks["brief"].aenqueue_many([{"number": number} for number in range(200)])
    await done(stage, len(brief) + 1)
    assert frozen.stop()[-1] == "ended", "the worker itself went on"


async def test_a_worker_that_was_frozen_for_less_than_its_lease_goes_on_as_if_nothing_had_been(stage: Stage) -> None:
    """P7"""
    stage.worker(lease=LONG)
    frozen = stage.worker(lease=LONG)
    jobs = [await stage.app.tasks[kind].aenqueue(str(stage.gate)) for kind in KINDS]
    await stage.noted("begun", 3)
    frozen.send(signal.SIGSTOP)
    stage.gate.touch()
    frozen.send(signal.SIGCONT)
    assert [(await stage.ended(job.id)).result for job in jobs] == ['"epoch 1"'] * 3


async def test_jobs_are_enqueued_from_within_a_child_process(stage: Stage) -> None:
    job = await stage.app.tasks["plant"].aenqueue()
    stage.worker()
    ids: list[str] = await job.aresult(20)
    assert [await stage.app.job(id).aresult(20) for id in ids] == [0, 1, 2]


async def test_of_four_producers_at_one_instant_one_finds_the_unique_job_new(stage: Stage) -> None:
    """P8: accepted + refused = offered; at most one lives."""
    producers = [stage.start("offer", "25") for _ in range(4)]
    assert [producer.hear() for producer in producers] == ["ready"] * 4
    for producer in producers:
        producer.tell()
    answers = [[int(word) for word in producer.hear().split()] for producer in producers]
    assert [sum(pair) for pair in answers] == [25] * 4
    assert sum(new for new, _ in answers) == 1
    assert (await stage.app.acount())[State.QUEUED] == 1


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_fork_of_a_process_that_used_the_file_is_refused_and_harms_nobody(stage: Stage) -> None:
    process = stage.start("fork")
    child, parent = process.rest()
    assert "forked while the store was open" in child
    assert parent == "parent: 2"
    assert process.wait() == 0


@pytest.mark.parametrize("place", SERVERS, indirect=True)
async def test_a_fork_of_a_process_that_used_the_server_is_as_good_as_any_process(stage: Stage) -> None:
    process = stage.start("fork")
    assert process.rest() == ["child enqueued", "parent: 3"]
    assert process.wait() == 0


async def test_a_fork_before_the_first_use_is_as_good_as_any_process(stage: Stage) -> None:
    process = stage.start("fork_before_use")
    assert process.rest() == ["child: True", "parent: 2"]
