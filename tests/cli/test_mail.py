"""`treadle mail import`: one's own mail, in pieces and again."""

import shutil
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.acting import Answer, Cli, eventually
from treadle import samples

Call = Callable[..., Answer]


@pytest.mark.slow
def test_the_same_mailbox_again_brings_nothing_new(here: Path, cli: Call) -> None:
    shutil.copy(samples.path(), here / "mine.mbox")
    first = cli("mail", "import", "mine.mbox", "--owner", "ada@example.org", "--json")
    assert (first.code, first.document["status"]) == (0, "completed")
    assert first.document["messages"] >= 60
    assert first.document["store"] == "sqlite:///treadle.db"
    again = cli("mail", "import", "mine.mbox", "--owner", "ada@example.org")
    assert (again.code, again.out) == (0, "Nothing new: every message was there already.\n")
    jobs = cli("job", "list", "--owner", "ada@example.org", "--task", "pipeline.run_mailbox", "--json").document["jobs"]
    assert [job["state"] for job in jobs] == ["completed", "completed"]


@pytest.mark.slow
def test_an_import_shows_what_came_out_as_a_table(here: Path, cli: Call) -> None:
    letter = b"From: Ada <ada@example.org>\nTo: me@example.net\nSubject: Invoice\n\nPlease pay.\n"
    with zipfile.ZipFile(here / "mine.zip", "w") as archive:
        archive.writestr("one.eml", letter)
    answer = cli("mail", "import", "mine.zip", "--store", "sqlite:///other.db")
    assert answer.code == 0
    assert answer.out.splitlines()[:2] == ["WHAT         NUMBER", "messages          1"]
    assert "store sqlite:///other.db (--store)" in answer.err
    assert (here / "other.db").exists()


@pytest.mark.slow
def test_an_import_that_was_stopped_goes_on_where_it_was(here: Path, process: Cli) -> None:
    command = ["mail", "import", str(samples.path()), "--json"]
    cut = process.start(*command)
    eventually(lambda: "import: 100 %" in cut.said, "the import is through")
    cut.signal(signal.SIGTERM)
    first = cut.end()
    assert (first.code, first.out) == (130, "")
    second = process.run(*command)
    assert (second.code, second.document["status"]) == (0, "completed")
    assert "An earlier run of this mailbox was cut off; it goes on." in second.err
    assert second.document["summaries"] == second.document["threads"] >= 20


def test_refused_at_the_door_a_mailbox_leaves_no_job(here: Path, cli: Call) -> None:
    (here / "notes.txt").write_text("milk, bread")
    assert cli("mail", "import", "notes.txt").code == 2
    assert not (here / "treadle.db").exists()
