"""Retry, cancel, delete, move and prioritize: by ids, and of all that fit a filter."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.acting import Answer, enqueue, toy
from treadle import Treadle

Call = Callable[..., Answer]


@pytest.fixture
def app(here: Path, monkeypatch: pytest.MonkeyPatch) -> Treadle:
    """Three jobs that failed, one that completed, two that wait."""
    monkeypatch.setenv("TREADLE_STORE", "sqlite:///jobs.db")
    app = toy(here)
    enqueue(app, "fail", "429 too many", id="f1", owner="ada", tenant="acme", max_attempts=1)
    enqueue(app, "fail", "429 again", id="f2", owner="bob", batch="b1", max_attempts=1)
    enqueue(app, "fail", "no \x1b[31mway", id="f3", owner="ada", max_attempts=1)
    enqueue(app, "greet", "Ada", id="done", owner="ada")
    app.run_until_idle()
    enqueue(app, "greet", "Bob", id="later", run_after=3600)
    enqueue(app, "greet", "Cy", id="soon")
    app.close()
    return app


def states(app: Treadle, *ids: str) -> list[str]:
    found = [str(app.job(id).status) for id in ids]
    app.close()
    return found


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--task", "fail"], ["f3", "f2", "f1"]),
        (["--owner", "ada"], ["f3", "f1"]),
        (["--tenant", "acme"], ["f1"]),
        (["--batch", "b1"], ["f2"]),
        (["--error", "429"], ["f2", "f1"]),
        (["--error", "valueerror", "--error", "AGAIN"], ["f2"]),
        (["--reason", "error"], ["f3", "f2", "f1"]),
        (["--reason", "timeout"], []),
        (["--queue", "default", "--state", "completed"], ["done"]),
        (["--older-than", "1h"], []),
        (["--newer-than", "1h"], ["f3", "f2", "f1"]),
        (["--all"], ["f3", "f2", "f1"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_a_dry_run_tells_which_jobs_are_meant(options: list[str], ids: list[str], app: Treadle, cli: Call) -> None:
    answer = cli("job", "retry", "--dry-run", "--json", *options)
    assert answer.code == 0
    assert answer.document == {
        "verb": "retry", "matched": {"number": len(ids), "more": False}, "applied": 0, "examples": ids,
    }  # fmt: skip
    assert states(app, "f1", "f2", "f3", "done") == ["failed", "failed", "failed", "completed"]


def test_a_dry_run_shows_a_few_to_people(app: Treadle, cli: Call) -> None:
    answer = cli("job", "retry", "--task", "fail", "--dry-run")
    assert answer.out == "3 jobs would be queued again.\n"
    assert "f2  fail  failed  ValueError: 429 again" in answer.err
    assert "\x1b" not in answer.err


def test_what_fits_is_done_once_it_is_confirmed(app: Treadle, cli: Call) -> None:
    refused = cli("job", "retry", "--error", "429")
    assert (refused.code, refused.out) == (4, "")
    assert "2 jobs will be queued again, if you say so: --yes" in refused.err
    assert cli("job", "retry", "--error", "429", "--yes").out == "2 jobs queued again.\n"
    assert states(app, "f1", "f2", "f3") == ["queued", "queued", "failed"]


def test_waiting_jobs_are_cancelled_by_a_filter(app: Treadle, cli: Call) -> None:
    assert cli("job", "cancel", "--task", "greet", "--yes", "--json").document == {
        "verb": "cancel", "matched": 2, "applied": 2,
    }  # fmt: skip
    assert states(app, "later", "soon", "done") == ["cancelled", "cancelled", "completed"]


def test_ended_jobs_are_deleted_and_live_ones_are_not(app: Treadle, cli: Call) -> None:
    assert cli("job", "delete", "f1").out == "f1  deleted\n"
    assert cli("job", "show", "f1").code == 3
    answer = cli("job", "delete", "soon")
    assert (answer.code, "is queued; cancel it first" in answer.err) == (4, True)
    assert cli("job", "delete", "--owner", "bob", "--yes").out == "1 job deleted.\n"


def test_everything_is_deleted_only_by_an_explicit_word(app: Treadle, cli: Call) -> None:
    for options in ([], ["--yes"]):
        assert cli("job", "delete", "--all", *options).code == 2
    assert "--delete-everything" in cli("job", "delete", "--all", "--yes").err
    assert cli("job", "delete", "--all", "--delete-everything", "--yes").out == "4 jobs deleted.\n"
    assert states(app, "soon", "later") == ["queued", "scheduled"]


def test_waiting_jobs_are_moved_to_another_queue(app: Treadle, cli: Call) -> None:
    moved = cli("job", "move", "soon", "--to", "slow")
    assert (moved.code, moved.out) == (0, "soon  moved to slow\n")
    assert "No live worker serves the queue 'slow'" in moved.err
    assert cli("job", "show", "soon", "--json").document["queue"] == "slow"
    answer = cli("job", "move", "done", "--to", "slow")
    assert (answer.code, "only a job that waits can be moved" in answer.err) == (4, True)
    assert cli("job", "move", "--task", "greet", "--to", "slow", "--yes").out == "2 jobs moved.\n"


def test_waiting_jobs_are_given_another_priority(app: Treadle, cli: Call) -> None:
    assert cli("job", "prioritize", "later", "--to", "50").out == "later  priority 50\n"
    assert cli("job", "show", "later", "--json").document["priority"] == 50
    assert cli("job", "prioritize", "done", "--to", "1").code == 4
    assert cli("job", "prioritize", "--task", "greet", "--to", "-7", "--yes").out == "2 jobs given that priority.\n"
    assert cli("job", "show", "soon", "--json").document["priority"] == -7


def test_a_worker_can_be_given_the_order_as_a_job(app: Treadle, cli: Call) -> None:
    started = cli("job", "retry", "--error", "429", "--yes", "--as-job", "--json").document
    assert started["matched"] == {"number": 2, "more": False}
    app.run_until_idle()
    shown = app.job(started["job"]).refresh()
    assert (shown.task, shown.state, shown.result) == ("treadle.bulk", "completed", '{"matched":2,"applied":2}')
    assert shown.progress is not None
    assert (shown.progress.done, shown.progress.total) == (2, 2)
    again = [app.job(id).refresh() for id in ("f1", "f2", "f3")]
    assert [(job.state, job.attempt) for job in again] == [("failed", 2), ("failed", 2), ("failed", 1)]
    app.close()


def test_an_order_to_cancel_all_does_not_cancel_itself(app: Treadle, cli: Call) -> None:
    id = cli("job", "cancel", "--all", "--yes", "--as-job", "--json").document["job"]
    cli("job", "move", "soon", "later", "--to", "elsewhere")
    app.run_until_idle()
    assert states(app, id, "soon", "later") == ["completed", "cancelled", "cancelled"]


def test_nothing_that_fits_is_no_error(app: Treadle, cli: Call) -> None:
    answer = cli("job", "retry", "--task", "nobody", "--yes")
    assert (answer.code, answer.out) == (0, "0 jobs would be queued again.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["retry"], "Missing argument 'ID...'"),
        (["retry", "--yes"], "Missing argument 'ID...'"),
        (["retry", "f1", "--task", "fail"], "by their ids or by a filter, not by both"),
        (["retry", "f1", "--dry-run"], "not by both"),
        (["retry", "--state", "queued"], "No job that is queued can be meant by retry"),
        (["cancel", "--state", "failed"], "No job that is failed can be meant by cancel"),
        (["delete", "--error", ""], "An empty text was given for errors"),
        (["delete", "--older-than", "0s"], "--all"),
        (["delete", "--older-than", "soon"], "'soon' is not a duration; write 90s"),
        (["delete", "--newer-than=-5m"], "lies in the future"),
        (["move", "soon"], "Missing option '--to'"),
        (["move", "soon", "--to", "two words"], "'two words' cannot name a queue"),
        (["move", "soon", "--to", "\x1b[31m"], "cannot name a queue"),
        (["prioritize", "soon", "--to", "101"], "'--to'"),
        (["prioritize", "soon", "--to", "high"], "'--to'"),
    ],
    ids=lambda value: " ".join(value).encode("unicode_escape").decode() if isinstance(value, list) else "",
)
def test_an_order_that_cannot_be_meant_so_is_answered_with_a_sentence(
    arguments: list[str], said: str, app: Treadle, cli: Call
) -> None:
    before = cli("job", "list", "--json").out
    answer = cli("job", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert "\x1b" not in answer.err
    assert cli("job", "list", "--json").out == before


def test_the_application_has_the_same_in_code(app: Treadle) -> None:
    assert app.bulk("retry", tasks=["fail"], errors=["429"]) == (2, 2)
    assert states(app, "f1", "f2", "f3") == ["queued", "queued", "failed"]
