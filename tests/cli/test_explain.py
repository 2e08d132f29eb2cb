"""Why a job waits, from the command line and from code."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.acting import Answer, enqueue, toy
from treadle import Treadle

Call = Callable[..., Answer]

KEYS = {
    "id", "task", "queue", "state", "runnable", "says", "verdicts", "blockers", "ahead_in_lane", "ahead_in_queue",
    "next_at", "start", "workers", "whole",
}  # fmt: skip


@pytest.fixture
def app(here: Path, monkeypatch: pytest.MonkeyPatch) -> Treadle:
    """Two jobs that wait, one that is not due, one that ended."""
    monkeypatch.setenv("TREADLE_STORE", "sqlite:///jobs.db")
    app = toy(here)
    enqueue(app, "greet", "Ada", id="ended")
    app.run_until_idle()
    for id in ("first", "second"):
        enqueue(app, "greet", "Bob", id=id)
    enqueue(app, "greet", "Cy", id="later", run_after=3600)
    app.close()
    return app


def test_a_waiting_job_tells_what_it_waits_for(app: Treadle, cli: Call) -> None:
    told = cli("job", "explain", "second")
    assert told.code == 0
    assert told.out.startswith("runnable: 1 job goes before it; no live worker serves the queue 'default'.\n")
    assert "paused     yes     the queue 'default' is not paused" in told.out
    assert "worker     no      no live worker serves the queue 'default'" in told.out


def test_an_explanation_as_json_keeps_its_shape(app: Treadle, cli: Call) -> None:
    told = cli("job", "explain", "second", "--json").document
    assert set(told) == KEYS
    assert (told["runnable"], told["ahead_in_queue"]) == (True, {"number": 1, "more": False})
    assert told["start"]["at"] is None
    assert {"predicate", "passes", "says", "name", "used", "limit", "until", "blockers"} == set(told["verdicts"][0])


def test_a_paused_queue_is_the_reason(app: Treadle, cli: Call) -> None:
    cli("queue", "pause", "default")
    told = cli("job", "explain", "first", "--json").document
    assert (told["runnable"], told["says"].startswith("waiting: the queue 'default' is paused")) == (False, True)


def test_a_job_that_is_not_due_tells_when_it_will_be(app: Treadle, cli: Call) -> None:
    told = cli("job", "explain", "later", "--json").document
    assert told["says"].startswith("waiting: it is due ")
    assert told["next_at"] == cli("job", "show", "later", "--json").document["due_at"]


def test_a_job_that_has_ended_says_so(app: Treadle, cli: Call) -> None:
    assert "it has ended" in cli("job", "explain", "ended").out


def test_a_queue_tells_what_holds_it_up(app: Treadle, cli: Call) -> None:
    assert cli("queue", "explain", "default").out.startswith(
        "2 jobs waiting, 2 runnable, 0 running; no live worker serves the queue 'default'.\n"
    )
    cli("queue", "pause", "default")
    told = cli("queue", "explain", "default", "--json").document
    assert (told["paused"], told["runnable"]["number"]) == (True, 0)
    assert [each["says"] for each in told["obstacles"]] == ["the queue 'default' is paused"]


def test_an_id_may_be_shortened(app: Treadle, cli: Call) -> None:
    assert cli("job", "explain", "secon", "--json").document["id"] == "second"
    assert cli("job", "explain", "nobody").code == 3


def test_the_handle_explains_itself(app: Treadle) -> None:
    told = app.job("first").explain()
    assert (told.runnable, told.serving.workers) == (True, 0)
    app.close()
