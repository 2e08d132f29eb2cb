"""Taking jobs from one store to another, by hand."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.acting import Answer, Cli, enqueue, eventually, toy
from treadle import State, Treadle

Call = Callable[..., Answer]

HERE, THERE = "sqlite:///jobs.db", "sqlite:///new.db"
MOVE = ("store", "move", HERE, THERE)


@pytest.fixture
def app(here: Path) -> Treadle:
    """One job that completed, one that waits, one for later."""
    app = toy(here)
    enqueue(app, "greet", "Ada", id="greeting")
    app.run_until_idle()
    enqueue(app, "greet", "Bob", id="waiting")
    enqueue(app, "greet", "Cyd", id="later", run_after=3600)
    app.close()
    return app


@pytest.fixture
def other(here: Path, monkeypatch: pytest.MonkeyPatch) -> Treadle:
    """The same application where the jobs are to be."""
    monkeypatch.setenv("TREADLE_STORE", THERE)
    app = toy(here)
    monkeypatch.setenv("TREADLE_STORE", "")
    return app


def states(app: Treadle) -> dict[str, str]:
    found = {job.id: str(job.state) for job in app.jobs(limit=1_000).items}
    app.close()
    return found


def counts(app: Treadle) -> dict[State, int]:
    found = app.count()
    app.close()
    return {state: number for state, number in found.items() if number}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() if path.is_file() else b"" for path in folder.iterdir()}


def test_a_move_says_what_it_did_and_what_comes_next(app: Treadle, other: Treadle, cli: Call) -> None:
    answer = cli(*MOVE)
    assert answer.code == 0
    heading, *rows, last = answer.out.splitlines()
    assert heading.split() == ["WHAT", "NUMBER"]
    assert [row.rsplit(maxsplit=1) for row in rows] == [["jobs moved", "2"], ["ended jobs copied", "1"]]
    assert last == f"Nothing is left to run in {HERE}. Let producers and workers use {THERE} from now on."
    assert answer.err.splitlines() == ["moving: 2/2", "history: 1/1"]
    assert states(other) == {"greeting": "completed", "waiting": "queued", "later": "scheduled"}
    assert states(app) == {"greeting": "completed"}


@pytest.mark.usefixtures("app")
def test_with_json_it_is_one_document(cli: Call) -> None:
    assert cli(*MOVE, "--json").document == {
        "status": "moved", "from": HERE, "to": THERE, "moved": 2, "copied": 1, "records": 0, "taken_over": 0,
        "left": {"waiting": 0, "running": 0}, "stuck": [],
    }  # fmt: skip
    again = cli(*MOVE, "--json").document
    assert (again["status"], again["moved"], again["copied"]) == ("moved", 0, 0)


@pytest.mark.usefixtures("app")
def test_a_dry_run_tells_and_changes_nothing(here: Path, cli: Call) -> None:
    before = contents(here)
    answer = cli(*MOVE, "--dry-run")
    assert (answer.code, answer.err) == (0, "")
    assert [line.split() for line in answer.out.splitlines()] == [
        ["from", HERE],
        ["to", THERE, "(nothing", "is", "there", "yet)"],
        ["QUEUE", "STATE", "HERE", "THERE", "BECOMES"],
        ["default", "scheduled", "1", "0", "moves"],
        ["default", "queued", "1", "0", "moves"],
        ["default", "completed", "1", "0", "is", "copied"],
    ]
    assert contents(here) == before


@pytest.mark.usefixtures("app")
def test_a_dry_run_tells_what_is_there_already(other: Treadle, cli: Call) -> None:
    enqueue(other, "greet", "Dan")
    enqueue(other, "greet", "Eve", run_after=3600)
    other.close()
    document = cli(*MOVE, "--dry-run", "--json").document
    assert {(row["state"], row["here"], row["there"]) for row in document.pop("jobs")} == {
        ("scheduled", 1, 1), ("queued", 1, 1), ("completed", 1, 0),
    }  # fmt: skip
    assert document == {"dry_run": True, "from": HERE, "to": THERE, "refused": False, "workers": []}


def test_a_dry_run_of_nothing_says_so(here: Path, cli: Call) -> None:
    app = toy(here)
    app.count()
    app.close()
    assert cli(*MOVE, "--dry-run").err == "No jobs.\n"


def test_what_cannot_move_yet_is_named(app: Treadle, other: Treadle, cli: Call) -> None:
    for place in (app, other):
        job = place.task_named("greet").using(id=f"at {place.store.url}").call("Ada").job
        place.keep([job._replace(unique_key="the\x1bkey", held=None)])
        place.close()
    answer = cli(*MOVE)
    assert answer.code == 4
    assert f"1 stayed, for other live jobs of {THERE} hold their unique keys: at {HERE} (the" in answer.err
    assert "\x1b" not in answer.err + answer.out
    document = cli(*MOVE, "--json").document
    assert (document["status"], document["left"]) == ("incomplete", {"waiting": 1, "running": 0})
    assert document["stuck"] == [{"id": f"at {HERE}", "unique_key": "the\x1bkey"}]
    other.run_until_idle()
    other.close()
    assert cli(*MOVE).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "Missing argument 'SRC'"),
        ([HERE], 2, "Missing argument 'DST'"),
        ([HERE, HERE], 2, "SRC and DST are the same store"),
        ([HERE, "sqlite:///./link.db"], 2, "SRC and DST are the same store"),
        (["jobs.db", THERE], 2, "sqlite:///jobs.db"),
        ([HERE, "mysql://ada:secret@db/jobs"], 2, "starts with 'mysql'"),
        (["sqlite:///nowhere.db", THERE], 5, "There is no job database at nowhere.db (SRC)"),
        (["sqlite:///empty.db", THERE], 5, "There are no tables of Treadle's at sqlite:///empty.db (SRC)"),
        (["sqlite:///diary.db", THERE], 5, "this is not a SQLite database"),
        ([HERE, "postgres://ada:secret@127.0.0.1:1/jobs"], 5, "nobody answers there"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("option", ["--live", "--dry-run"])
@pytest.mark.usefixtures("app")
def test_bad_input_is_answered_with_a_sentence(
    arguments: list[str], code: int, said: str, option: str, here: Path, cli: Call
) -> None:
    (here / "link.db").symlink_to("jobs.db")
    (here / "empty.db").touch()
    (here / "diary.db").write_text("Dear diary, " * 1000, encoding="utf-8")
    answer = cli("store", "move", *arguments, option)
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert "secret" not in answer.err
    assert not (here / "new.db").exists()
    assert (here / "empty.db").stat().st_size == 0


@pytest.mark.usefixtures("app")
def test_a_target_that_cannot_be_made_is_explained(cli: Call) -> None:
    answer = cli("store", "move", HERE, "sqlite:///nowhere/new.db")
    assert (answer.code, answer.out) == (5, "")
    assert "does not exist; create it" in answer.err


@pytest.mark.usefixtures("app")
def test_a_target_without_tables_is_told_how_to_get_them(
    here: Path, cli: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREADLE_AUTO_MIGRATE", "no")
    answer = cli(*MOVE)
    assert answer.code == 5
    assert f"{THERE} has no tables of Treadle's yet. Run: treadle db migrate --store {THERE}" in answer.err
    assert cli("db", "migrate", "--store", THERE).code == 0
    assert cli(*MOVE).code == 0


@pytest.mark.server
@pytest.mark.usefixtures("app")
def test_tables_in_postgres_are_made_only_if_that_is_wished(
    postgres_place: Callable[[], str], cli: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres_place()
    url += f"{'&' if '?' in url else '?'}schema=moved_by_hand"
    answer = cli("store", "move", HERE, url)
    assert answer.code == 5
    assert "has no tables of Treadle's yet. Run: treadle db migrate --store" in answer.err
    assert cli("store", "move", HERE, url, "--dry-run").out.splitlines()[1].endswith("(nothing is there yet)")
    monkeypatch.setenv("TREADLE_AUTO_MIGRATE", "yes")
    assert cli("store", "move", HERE, url, "--json").document["moved"] == 2
    assert cli("store", "move", url, THERE, "--json").document["moved"] == 2


@pytest.mark.slow
def test_live_workers_stand_in_the_way_unless_they_are_meant_to_go_on(
    app: Treadle, other: Treadle, here: Path, process: Cli, cli: Call
) -> None:
    worker = process.start("worker", "run", "jobs:app", "--slots", "1")
    job = enqueue(app, "wait", "flag", id="held up")
    eventually(lambda: job.status == "running", "the job runs")
    enqueue(app, "greet", "Dan", id="behind")
    app.close()
    refused = cli(*MOVE, "--json")
    assert (refused.code, refused.error["code"]) == (4, "conflict")
    assert f"process {worker.process.pid} on " in refused.error["message"]
    assert refused.error["message"].endswith("--live")
    dry = cli(*MOVE, "--dry-run")
    assert dry.code == 0
    assert ["default", "running", "1", "0", "is", "waited", "for"] in [line.split() for line in dry.out.splitlines()]
    assert f"worker  process {worker.process.pid} on" in dry.out
    assert "--live" in dry.err

    move = process.start(*MOVE, "--live", "--json")
    eventually(lambda: "1 running" in move.said, "the mover waits")
    eventually(lambda: states(other).get("behind") == "queued", "what waits is moved")
    (here / "flag").touch()
    answer = move.end()
    assert (answer.code, answer.document["left"]) == (0, {"waiting": 0, "running": 0})
    assert states(app) == {"greeting": "completed", "waiting": "completed", "held up": "completed"}
    assert states(other)["held up"] == "completed"
    worker.signal(signal.SIGTERM)
    assert worker.end().code == 0


@pytest.mark.slow
def test_ctrl_c_ends_it_between_two_slices(app: Treadle, other: Treadle, process: Cli, cli: Call) -> None:
    worker = process.start("worker", "run", "jobs:app", "--slots", "1")
    job = enqueue(app, "wait", "flag", id="held up")
    eventually(lambda: job.status == "running", "the job runs")
    app.close()
    move = process.start(*MOVE, "--live")
    eventually(lambda: "1 running" in move.said, "the mover waits")
    move.signal(signal.SIGINT)
    answer = move.end()
    assert answer.code == 130
    assert answer.err.splitlines()[-2:] == ["Stopped: nothing is lost, and the same command goes on.", "Interrupted."]
    worker.process.kill()
    worker.process.wait()
    answer = cli(*MOVE, "--json")
    assert (answer.code, answer.document["taken_over"], answer.document["moved"]) == (0, 1, 1)
    assert states(other)["held up"] == "queued"


@pytest.mark.slow
def test_a_move_that_is_killed_again_and_again_loses_nothing(
    app: Treadle, other: Treadle, process: Cli, cli: Call
) -> None:
    """P1, P7."""
    number = 12_000
    greet = app.task_named("greet")
    for start in range(0, number, 1_000):
        app.enqueue_many([greet.call(str(each)) for each in range(start, start + 1_000)])
    app.close()
    for _ in range(3):
        move = process.start(*MOVE)
        eventually(lambda: "moving: " in move.said or move.process.poll() is not None, "it has begun")  # noqa: B023
        move.process.kill()
        move.process.wait()
    between = counts(app), counts(other)
    assert State.QUEUED in between[0], "it was killed in the middle"
    assert cli(*MOVE).code == 0
    assert counts(app) == {State.COMPLETED: 1}
    assert counts(other) == {State.QUEUED: number + 1, State.SCHEDULED: 1, State.COMPLETED: 1}
    other.run_until_idle()
    assert counts(other) == {State.SCHEDULED: 1, State.COMPLETED: number + 2}
