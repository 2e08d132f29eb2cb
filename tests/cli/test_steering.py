"""Pausing, limiting and weighing from the command line; listing what is steered."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.acting import Answer, Cli, enqueue, eventually, toy
from treadle import Treadle
from treadle.core.flow.steering import Steer

Call = Callable[..., Answer]


@pytest.fixture
def app(here: Path, monkeypatch: pytest.MonkeyPatch) -> Treadle:
    """One job that waits."""
    monkeypatch.setenv("TREADLE_STORE", "sqlite:///jobs.db")
    app = toy(here)
    enqueue(app, "greet", "Ada", id="greeting", tenant="acme")
    app.close()
    return app


def row(cli: Call, kind: str, name: str) -> Any:
    """Read what a listing says of one name."""
    (found,) = [each for each in cli(kind, "list", "--json").document[f"{kind}s"] if each["name"] == name]
    return found


@pytest.mark.parametrize(
    ("kind", "name"),
    [("queue", "default"), ("task", "greet"), ("tenant", "acme"), ("key", "user_id=u1"), ("limit", "openai:rate")],
)
def test_what_is_paused_stays_so_until_it_is_resumed(kind: str, name: str, app: Treadle, cli: Call) -> None:
    assert cli(kind, "pause", name).out == f"{kind} {name}  paused; 0 running\n"
    assert row(cli, kind, name)["paused"] is True
    assert cli(kind, "resume", name).out == f"{kind} {name}  not paused; 0 running\n"
    left = [each for each in cli(kind, "list", "--json").document[f"{kind}s"] if each["name"] == name]
    assert not any(each["paused"] for each in left)


def test_a_paused_queue_starts_nothing_and_a_resumed_one_does(app: Treadle, cli: Call) -> None:
    cli("queue", "pause", "default")
    app.run_until_idle()
    assert app.job("greeting").status == "queued"
    app.close()
    cli("queue", "resume", "default")
    app.run_until_idle()
    assert app.job("greeting").status == "completed"
    app.close()


def test_a_limit_is_set_and_taken_away(app: Treadle, cli: Call) -> None:
    assert cli("queue", "scale", "default", "5").out == "queue default  not paused, limit 5; 0 running\n"
    assert cli("queue", "pause", "default").out == "queue default  paused, limit 5; 0 running\n"
    assert cli("queue", "resume", "default", "--json").document == {
        "target": "queue=default", "paused": False, "limit": 5, "weight": 1, "running": 0,
    }  # fmt: skip
    assert row(cli, "queue", "default")["limit"] == 5
    assert cli("queue", "scale", "default", "none").out == "queue default  not paused; 0 running\n"


def test_a_tenant_is_given_more_turns(app: Treadle, cli: Call) -> None:
    assert cli("tenant", "weight", "acme", "3").out == "tenant acme  not paused, weight 3; 0 running\n"
    assert row(cli, "tenant", "acme") == {
        "name": "acme", "paused": False, "limit": None, "weight": 3, "queued": 1, "running": 0,
    }  # fmt: skip
    assert "acme" in cli("tenant", "list").out


def test_a_declared_limit_is_listed_with_what_was_set_instead(app: Treadle, cli: Call) -> None:
    app.wait(app.store.steer("openai:rate", Steer(declared=(60, 60_000, 10))))
    app.wait(app.store.steer("queue=mail:concurrency", Steer(declared=(2, 0, 0))))
    app.close()
    assert cli("limit", "set", "openai:rate", "30").code == 0
    assert cli("limit", "list").out.splitlines() == [
        "LIMIT                   DECLARED              SET  PAUSED",
        "openai:rate             60 in 60 s, burst 10   30",
        "queue=mail:concurrency  2 at once",
    ]
    assert cli("limit", "reset", "openai:rate").code == 0
    assert row(cli, "limit", "openai:rate") == {
        "name": "openai:rate", "paused": False, "limit": None, "weight": 1,
        "declared": {"limit": 60, "period": 60_000, "burst": 10},
    }  # fmt: skip


def test_queues_are_listed_with_their_jobs(app: Treadle, cli: Call) -> None:
    heading, only = cli("queue", "list").out.splitlines()
    assert heading.split() == [
        "QUEUE",
        "PAUSED",
        "LIMIT",
        "QUEUED",
        "RUNNING",
        "SCHEDULED",
        "HELD",
        "FAILED",
        "WORKERS",
    ]
    assert only.split() == ["default", "1", "0", "0", "0", "0", "0"]


def test_a_listing_of_nothing_says_so(app: Treadle, cli: Call) -> None:
    assert cli("key", "list").err == "No key is steered.\n"
    assert "workers tell theirs when they start" in cli("limit", "list").err


def test_a_name_that_looks_mistyped_is_steered_and_said(app: Treadle, cli: Call) -> None:
    answer = cli("queue", "pause", "defualt")
    assert answer.code == 0
    assert "No queue is known here by the name 'defualt'; there is one called 'default'." in answer.err


def test_draining_what_does_not_run_is_done_at_once(app: Treadle, cli: Call) -> None:
    answer = cli("queue", "drain", "default")
    assert (answer.code, answer.out) == (0, "queue default  paused; nothing of it runs\n")
    assert row(cli, "queue", "default")["paused"] is True


@pytest.mark.slow
def test_draining_waits_for_what_runs(app: Treadle, here: Path, process: Cli, cli: Call) -> None:
    process.start("worker", "run", "jobs:app")
    job = enqueue(app, "wait", "flag")
    eventually(lambda: job.status == "running", "the job runs")
    drain = process.start("task", "drain", "wait")
    eventually(lambda: "task wait: 0/1, 1 running" in drain.said, "the drain tells how many run")
    (here / "flag").touch()
    answer = drain.end()
    assert (answer.code, answer.out) == (0, "task wait  paused; nothing of it runs\n")
    app.close()


@pytest.mark.slow
def test_a_drain_that_is_cut_short_leaves_it_paused(app: Treadle, here: Path, process: Cli, cli: Call) -> None:
    process.start("worker", "run", "jobs:app")
    job = enqueue(app, "wait", "flag")
    eventually(lambda: job.status == "running", "the job runs")
    drain = process.start("queue", "drain", "default")
    eventually(lambda: "1 running" in drain.said, "the drain tells how many run")
    drain.signal(signal.SIGINT)
    answer = drain.end()
    assert answer.code == 130
    assert "The queue default stays paused: treadle queue resume default" in answer.err
    assert row(cli, "queue", "default")["paused"] is True
    (here / "flag").touch()
    app.close()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["queue", "pause"], 2, "Missing argument 'QUEUE'"),
        (["queue", "pause", ""], 2, "cannot name a queue"),
        (["queue", "pause", "\x1b[31mred"], 2, "cannot name a queue"),
        (["tenant", "pause", "x" * 500], 2, "cannot name a tenant"),
        (["key", "pause", "u1"], 2, "such as user_id=u1"),
        (["queue", "scale", "default", "0"], 2, "to let nothing start, pause"),
        (["queue", "scale", "default", "many"], 2, "'many' is not a whole number or 'none'"),
        (["queue", "scale", "default", "٣"], 2, "is not a whole number"),
        (["queue", "scale", "default", "9999999"], 2, "must lie between 1 and 1,000,000"),
        (["tenant", "weight", "acme", "0"], 2, "weight=0 must lie between 1 and 1,000"),
        (["tenant", "weight", "acme", "none"], 2, "is not a whole number"),
        (["limit", "set", "openai:rate", "x"], 2, "is not a whole number"),
        (["limit", "set", "key=user_id=u1", "3"], 2, "name the one you mean"),
        (["queue", "explain", ""], 2, "cannot name a queue"),
        (["queue", "weight", "default", "3"], 2, "No such command 'weight'"),
        (["queue", "pause", "default", "--store", "sqlite:///elsewhere.db"], 5, "There is no job database"),
    ],
    ids=lambda value: " ".join(value)[:60].encode("unicode_escape").decode() if isinstance(value, list) else "",
)
def test_bad_input_is_answered_with_a_sentence(
    arguments: list[str], code: int, said: str, app: Treadle, cli: Call
) -> None:
    answer = cli(*arguments)
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert "\x1b" not in answer.err
