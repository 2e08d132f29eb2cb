"""Looking at jobs and steering them."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.acting import Answer, Cli, enqueue, eventually, toy
from treadle import Treadle

Call = Callable[..., Answer]

KEYS = {
    "id", "task", "queue", "state", "reason", "outcome", "priority", "attempt", "max_attempts", "epoch", "crashes",
    "cancelling", "worker", "owner", "tenant", "batch", "unique_key", "created_at", "queued_at", "due_at", "started_at",
    "finished_at", "expires_at", "result_until", "progress", "failure",
}  # fmt: skip


@pytest.fixture
def app(here: Path, monkeypatch: pytest.MonkeyPatch) -> Treadle:
    """One job that completed, one that failed, one that waits."""
    monkeypatch.setenv("TREADLE_STORE", "sqlite:///jobs.db")
    app = toy(here)
    enqueue(app, "greet", "Ada", id="greeting", owner="ada", batch="b1")
    enqueue(app, "fail", "no \x1b[31mway", id="failure", owner="bob")
    app.run_until_idle()
    enqueue(app, "wait", "flag", id="waiting", owner="ada", run_after=3600)
    app.close()
    return app


def listed(cli: Call, *options: str) -> list[str]:
    return [job["id"] for job in cli("job", "list", "--json", *options).document["jobs"]]


def test_jobs_are_listed_newest_first(app: Treadle, cli: Call) -> None:
    answer = cli("job", "list")
    assert answer.code == 0
    heading, *rows = answer.out.splitlines()
    assert heading.split() == ["ID", "TASK", "STATE", "TRY", "DONE", "AGE"]
    assert [row.split()[:3] for row in rows] == [
        ["waiting", "wait", "scheduled"],
        ["failure", "fail", "failed"],
        ["greeting", "greet", "completed"],
    ]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ([], ["waiting", "failure", "greeting"]),
        (["--state", "failed"], ["failure"]),
        (["--state", "failed", "--state", "completed"], ["failure", "greeting"]),
        (["--task", "greet"], ["greeting"]),
        (["--owner", "ada"], ["waiting", "greeting"]),
        (["--batch", "b1"], ["greeting"]),
        (["--queue", "nowhere"], []),
        (["--limit", "1"], ["waiting"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_a_listing_can_be_narrowed(options: list[str], ids: list[str], app: Treadle, cli: Call) -> None:
    assert listed(cli, *options) == ids


def test_a_listing_goes_on_behind_its_cursor(app: Treadle, cli: Call) -> None:
    first = cli("job", "list", "--json", "--limit", "2").document
    assert [job["id"] for job in first["jobs"]] == ["waiting", "failure"]
    assert listed(cli, "--cursor", first["next_cursor"]) == ["greeting"]
    assert f"--cursor {first['next_cursor']}" in cli("job", "list", "--limit", "2").err


def test_a_job_as_json_keeps_its_shape(app: Treadle, cli: Call) -> None:
    (job,) = cli("job", "list", "--json", "--task", "greet").document["jobs"]
    assert set(job) == KEYS
    whole = cli("job", "show", "greeting", "--json").document
    assert set(whole) == KEYS | {"args", "result", "attempts", "log"}
    assert (whole["args"], whole["result"], whole["state"]) == ({"name": "Ada"}, "Hello, Ada!", "completed")
    assert whole["created_at"].endswith("Z")


def test_a_failed_job_is_shown_with_its_attempts_and_where_it_failed(app: Treadle, cli: Call) -> None:
    shown = cli("job", "show", "failure")
    assert shown.code == 0
    assert "failed (error)" in shown.out
    assert shown.out.count("ValueError: no") >= 3
    assert "raise ValueError(why)" in shown.out or "in fail" in shown.out
    assert len(cli("job", "show", "failure", "--json").document["attempts"]) == 2


def test_what_a_job_says_cannot_steer_the_terminal(app: Treadle, cli: Call) -> None:
    for command in (["job", "show", "failure"], ["job", "watch", "failure"], ["job", "show", "failure", "--json"]):
        answer = cli(*command)
        assert "\x1b" not in answer.out + answer.err


def test_an_id_may_be_shortened_where_it_is_unmistakable(app: Treadle, cli: Call) -> None:
    assert cli("job", "show", "greet", "--json").document["id"] == "greeting"
    assert cli("job", "show", "wai…ing", "--json").document["id"] == "waiting"
    enqueue(app, "greet", "Bob", id="greetings")
    app.close()
    answer = cli("job", "show", "greet")
    assert (answer.code, "may be any of 2 jobs" in answer.err) == (2, True)
    assert cli("job", "show", "greeting", "--json").document["id"] == "greeting"


def test_a_job_that_ended_is_retried_and_a_live_one_is_not(app: Treadle, cli: Call) -> None:
    assert cli("job", "retry", "failure").out == "failure  queued again\n"
    answer = cli("job", "retry", "failure")
    assert (answer.code, answer.out) == (4, "")
    assert "is queued; only a job that has ended can be retried" in answer.err


def test_a_waiting_job_is_cancelled_and_an_ended_one_is_not(app: Treadle, cli: Call) -> None:
    assert cli("job", "cancel", "waiting").out == "waiting  cancelled\n"
    answer = cli("job", "cancel", "waiting")
    assert answer.code == 4
    assert "has ended (cancelled)" in answer.err


def test_what_one_job_refuses_leaves_the_others_alone(app: Treadle, cli: Call) -> None:
    answer = cli("job", "cancel", "nobody", "greeting", "waiting", "--json")
    assert answer.code == 3
    assert [(one["id"], one["ok"]) for one in answer.document["jobs"]] == [
        ("nobody", False),
        ("greeting", False),
        ("waiting", True),
    ]


@pytest.mark.parametrize(("id", "code"), [("greeting", 0), ("failure", 1)])
def test_watching_ends_with_the_outcome_of_the_job(id: str, code: int, app: Treadle, cli: Call) -> None:
    answer = cli("job", "watch", id, "--json")
    assert answer.code == code
    assert answer.document["id"] == id


@pytest.mark.slow
def test_watching_tells_how_far_a_job_is_until_its_end(app: Treadle, here: Path, process: Cli, cli: Call) -> None:
    worker = process.start("worker", "run", "jobs:app")
    job = enqueue(app, "wait", "flag")
    eventually(lambda: (known := job.progress) and known.done == 1, "the job tells its progress")
    app.close()
    watch = process.start("job", "watch", job.id)
    eventually(lambda: "wait: 1/4, running: waiting\n" in watch.said, "the watcher tells the progress")
    (here / "flag").touch()
    answer = watch.end()
    assert (answer.code, answer.out) == (0, "")
    assert "wait completed after" in answer.err
    worker.signal(signal.SIGTERM)
    assert worker.end().code == 0


@pytest.mark.slow
def test_a_running_job_is_asked_to_stop(app: Treadle, process: Cli, cli: Call) -> None:
    process.start("worker", "run", "jobs:app")
    job = enqueue(app, "wait", "flag", id="asked")
    eventually(lambda: job.status == "running", "the job runs")
    app.close()
    assert cli("job", "cancel", "asked").out == "asked  asked to stop\n"
    assert cli("job", "watch", "asked").code == 1
    assert cli("job", "show", "asked", "--json").document["state"] == "cancelled"


def test_no_store_is_made_by_looking(here: Path, cli: Call) -> None:
    assert cli("job", "list").code == 5
    assert list(here.iterdir()) == []


def test_a_listing_of_nothing_says_so(here: Path, cli: Call) -> None:
    app = toy(here)
    app.count()
    app.close()
    answer = cli("job", "list", "--store", "sqlite:///jobs.db")
    assert (answer.code, answer.out, answer.err) == (0, "", "No jobs.\n")
    document: Any = json.loads(cli("job", "list", "--store", "sqlite:///jobs.db", "--json").out)
    assert document == {"jobs": [], "next_cursor": None}


@pytest.mark.server
@pytest.mark.slow
def test_what_waits_in_the_fallback_is_shown_while_the_store_is_away(
    here: Path, cli: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """X10, S1.14: nobody else could say where the jobs are."""
    monkeypatch.setenv("TREADLE_STORE", "redis://127.0.0.1:1")
    monkeypatch.setenv("TREADLE_FALLBACK", "sqlite:///spool.db")
    app = Treadle()
    kept = app.task("greet")(lambda: None).enqueue()
    app.close()
    listed = cli("job", "list")
    assert listed.code == 0
    assert kept.id in listed.out
    shown = cli("job", "show", kept.id)
    assert (shown.code, "spooled" in shown.out) == (0, True)
