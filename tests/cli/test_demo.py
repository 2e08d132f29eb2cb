"""The demo as a newcomer runs it (README): headless to its end, then again."""

import signal
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.cli.acting import Cli, eventually
from treadle.cli.demo import where_to_look

pytestmark = pytest.mark.slow

FIGURES = {
    "status", "run", "messages", "threads", "summaries", "labels", "tasks", "drafts", "contacts", "leads", "failures",
    "jobs", "jobs_failed", "seconds", "jobs_per_second", "digest", "store",
}  # fmt: skip


def test_the_demo_ends_with_its_figures_as_the_last_line(here: Path, process: Cli) -> None:
    answer = process.run("up", "--demo", "--once", "--json")
    assert answer.code == 0, answer.err
    figures = answer.document
    assert set(figures) == FIGURES
    assert (figures["status"], figures["failures"], figures["jobs_failed"]) == ("completed", 0, 0)
    assert figures["messages"] >= 60
    assert figures["threads"] >= 20
    assert figures["summaries"] == figures["labels"] == figures["threads"]
    assert min(figures[name] for name in ("tasks", "drafts", "leads", "jobs_per_second")) > 0
    assert figures["jobs"] > figures["threads"]
    assert answer.out.count("\n") == 1
    letter = message_from_bytes(Path(figures["digest"]["path"]).read_bytes())
    assert letter["Subject"].startswith("Your mail of ")
    listing = process.run(
        "job", "list", "--store", figures["store"], "--state", "completed", "--json", "--limit", "1000"
    )
    assert len(listing.document["jobs"]) == figures["jobs"]


def test_a_demo_that_is_run_again_shows_the_same_work(here: Path, process: Cli) -> None:
    answers = [process.run("up", "--demo", "--once", "--json").document for _ in range(2)]
    same = ("messages", "threads", "summaries", "tasks", "drafts", "contacts", "leads", "jobs")
    assert [answers[0][name] for name in same] == [answers[1][name] for name in same]
    assert [path.name for path in here.iterdir()] == ["treadle-demo"]


def test_the_demo_shows_a_table_and_goes_on_as_a_worker(here: Path, process: Cli) -> None:
    demo = process.start("up", "--demo")
    eventually(lambda: "The worker goes on" in demo.said, "the run is over")
    second = process.run("up", "--demo", "--once", "--json")
    assert (second.code, second.error["code"]) == (4, "conflict")
    assert "Another demo works in" in second.error["message"]
    demo.signal(signal.SIGINT)
    answer = demo.end()
    assert answer.code == 0
    rows = dict(line.rsplit(None, 1) for line in answer.out.splitlines() if line[-1:].isdigit())
    assert int(rows["messages"]) >= 60
    assert "tasks found" in rows
    assert "Where to look next" in answer.out
    assert "treadle mail import PATH" in answer.out
    for said in ("import: 100 %", "AI threads: ", "contacts: ", "digest: 1/1"):
        assert said in answer.err


def test_a_demo_that_is_stopped_says_so(here: Path, process: Cli) -> None:
    demo = process.start("up", "--demo", "--once", "--json")
    eventually(lambda: "import: 100 %" in demo.said, "the import is through")
    demo.signal(signal.SIGINT)
    answer = demo.end()
    assert (answer.code, answer.out, answer.error["code"]) == (130, "", "interrupted")


def test_the_demo_may_stand_in_another_folder(here: Path, process: Cli) -> None:
    (here / "elsewhere").mkdir()
    figures = process.run("up", "--demo", "--once", "--json", "--work-dir", "elsewhere").document
    assert Path(figures["digest"]["path"]).is_relative_to(here / "elsewhere" / "treadle-demo" / "outbox")


def test_what_is_not_the_demo_s_is_left_alone(here: Path, process: Cli) -> None:
    (here / "treadle-demo" / "outbox").mkdir(parents=True)
    (here / "treadle-demo" / "notes.txt").write_text("mine")
    (here / "treadle-demo" / "jobs.db").write_text("Dear diary")
    assert process.run("up", "--demo", "--once", "--json").code == 0
    assert (here / "treadle-demo" / "notes.txt").read_text() == "mine"


def test_without_a_digest_nothing_is_named() -> None:
    text = "\n".join(where_to_look({"digest": None, "store": "sqlite:///a.db"}))
    assert "none was written" in text
    assert "treadle job list --store sqlite:///a.db" in text
