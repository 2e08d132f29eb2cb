"""Workers as processes: their signals, their supervisor, their log lines."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.cli.acting import Answer, Cli, Running, enqueue, eventually, toy
from treadle import Treadle

pytestmark = pytest.mark.slow

if sys.platform == "win32":
    pytest.skip("not on this platform: SIGTERM and SIGKILL", allow_module_level=True)


@pytest.fixture
def app(here: Path) -> Treadle:
    return toy(here)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")
    return not (status.exists() and "State:\tZ" in status.read_text(encoding="utf-8"))


def none_lives(running: Running) -> bool:
    return not any(is_alive(pid) for pid in running.children)


def test_sigterm_hands_a_long_job_back_and_spends_no_attempt(app: Treadle, process: Cli) -> None:
    job = enqueue(app, "wait", "flag")
    worker = process.start("worker", "run", "jobs:app", TREADLE_GRACE="0")
    eventually(lambda: job.status == "running", "the job runs")
    worker.signal(signal.SIGTERM)
    answer = worker.end()
    assert (answer.code, answer.out) == (0, "")
    assert (job.status, job.refresh().attempt) == ("queued", 0)
    assert "job handed back" in answer.err
    assert "handed_back=1" in answer.err
    app.close()


def test_a_job_may_go_on_for_the_grace_period(app: Treadle, here: Path, process: Cli) -> None:
    job = enqueue(app, "wait", "flag")
    worker = process.start("worker", "run", "jobs:app", TREADLE_GRACE="30")
    eventually(lambda: job.status == "running", "the job runs")
    worker.signal(signal.SIGTERM)
    (here / "flag").touch()
    assert worker.end().code == 0
    assert job.result(timeout=0) == "flag"
    app.close()


def test_a_second_signal_ends_a_worker_at_once(app: Treadle, process: Cli) -> None:
    job = enqueue(app, "wait", "flag")
    worker = process.start("worker", "run", "jobs:app")
    eventually(lambda: job.status == "running", "the job runs")
    worker.signal(signal.SIGINT)
    worker.signal(signal.SIGINT)
    eventually(lambda: "stopping: jobs may go on for 25 s" in worker.said, "the first is heard")
    worker.signal(signal.SIGINT)
    assert worker.end().code == 130
    app.close()


def test_the_opening_lines_tell_the_store_and_what_it_survives(app: Treadle, process: Cli) -> None:
    worker = process.start("worker", "run", "jobs:app", "--slots", "3")
    job = enqueue(app, "greet", "Ada")
    assert job.result(timeout=30) == "Hello, Ada!"
    app.close()
    worker.signal(signal.SIGINT)
    answer = worker.end()
    assert answer.code == 0
    for said in ("sqlite:///jobs.db", "survives", "queues   default", "slots=3", "job completed  task=greet"):
        assert said in answer.err


def test_a_factory_is_an_application_too(app: Treadle, process: Cli) -> None:
    enqueue(app, "greet", "Ada")
    app.close()
    assert process.run("up", "--app", "jobs:make", "--once", "--json").document["completed"] == 1


def test_log_lines_can_be_read_by_machines(app: Treadle, process: Cli) -> None:
    enqueue(app, "fail", "no way")
    enqueue(app, "greet", "Ada")
    app.close()
    answer = process.run("up", "--app", "jobs:app", "--once", "--json", "--log-format", "json")
    assert (answer.code, answer.document["failed"], answer.document["completed"]) == (1, 1, 1)
    lines = [json.loads(line) for line in answer.err.splitlines() if line.startswith("{")]
    (failed,) = [line for line in lines if line["message"] == "job failed"]
    assert (failed["level"], failed["task"], failed["attempt"]) == ("error", "fail", "2/2")
    assert failed["error"] == "ValueError: no way"
    assert {"at", "logger", "job", "queue", "took"} <= set(failed)


def test_quiet_says_only_what_went_wrong(app: Treadle, process: Cli) -> None:
    enqueue(app, "greet", "Ada")
    app.close()
    assert process.run("up", "--app", "jobs:app", "--once", "--quiet") == Answer(0, "", "")


def test_children_that_are_killed_are_replaced_and_their_job_is_done(app: Treadle, here: Path, process: Cli) -> None:
    parent = process.start("worker", "run", "jobs:app", "--processes", "2")
    job = enqueue(app, "wait", "flag")
    eventually(lambda: job.status == "running" and len(parent.children) == 2, "the job runs")
    for pid in parent.children:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(parent.children) == 4, "both are started again")
    (here / "flag").touch()
    assert job.result(timeout=30) == "flag"
    app.close()
    parent.signal(signal.SIGTERM)
    answer = parent.end()
    assert answer.code == 0
    assert answer.err.count("was killed by SIGKILL; another starts") == 2
    assert none_lives(parent)


def test_a_child_that_is_asked_to_stop_hands_back_and_is_replaced(app: Treadle, process: Cli) -> None:
    parent = process.start("up", "--app", "jobs:app", "--processes", "2", TREADLE_GRACE="0")
    eventually(lambda: parent.said.count("worker started") == 2, "both work")
    os.kill(parent.children[0], signal.SIGTERM)
    eventually(lambda: parent.said.count("worker started") == 3, "another takes its place")
    app.close()
    parent.signal(signal.SIGINT)
    assert parent.end().code == 0
    assert "ended with exit code 0; another starts" in parent.said
    assert none_lives(parent)


def test_workers_end_gracefully_when_their_supervisor_is_killed(app: Treadle, process: Cli) -> None:
    job = enqueue(app, "wait", "flag")
    parent = process.start("worker", "run", "jobs:app", "--processes", "2", TREADLE_GRACE="0")
    eventually(lambda: job.status == "running" and parent.said.count("worker started") == 2, "the job runs")
    parent.signal(signal.SIGKILL)
    eventually(lambda: none_lives(parent), "no worker is left behind")
    assert (job.status, job.refresh().attempt) == ("queued", 0)
    app.close()


def test_a_child_that_hangs_is_killed_by_a_second_signal(app: Treadle, process: Cli) -> None:
    parent = process.start("worker", "run", "jobs:app", "--processes", "2")
    eventually(lambda: parent.said.count("worker started") == 2, "both work")
    os.kill(parent.children[0], signal.SIGSTOP)
    parent.signal(signal.SIGTERM)
    eventually(lambda: "worker stopped" in parent.said, "the other one stops")
    parent.signal(signal.SIGTERM)
    assert parent.end().code == 1
    assert "did not stop in time and is killed" in parent.said
    assert none_lives(parent)
    app.close()


def test_a_store_that_cannot_be_opened_is_told_once(app: Treadle, here: Path, process: Cli) -> None:
    app.close()
    (here / "jobs.db").write_text("Dear diary, " * 1000, encoding="utf-8")
    answer = process.run("worker", "run", "jobs:app", "--processes", "2")
    assert answer.code == 5
    assert "this is not a SQLite database" in answer.err
    assert answer.err.count("is not a SQLite database") == 1
    assert "Traceback" not in answer.err
