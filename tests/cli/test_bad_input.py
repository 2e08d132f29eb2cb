"""Whatever is typed wrong, lies wrong or is broken: a sentence that says what to do, and the documented exit code."""

import os
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.acting import Answer, enqueue, toy
from treadle import samples

Call = Callable[..., Answer]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["frob"], 2, "No such command 'frob'"),
        (["job", "list", "--frob"], 2, "No such option"),
        (["job", "list", "--state", "asleep"], 2, "'asleep' is not one of"),
        (["job", "list", "--cursor", "abc"], 2, "'abc' is not a cursor"),
        (["job", "list", "--limit", "0"], 2, "--limit"),
        (["job", "show", "no-such-id"], 3, "No job has the id 'no-such-id'"),
        (["job", "retry", "no-such-id"], 3, "No job has the id"),
        (["job", "cancel", "no-such-id"], 3, "No job has the id"),
        (["job", "watch", "no-such-id"], 3, "No job has the id"),
        (["job", "cancel"], 2, "Missing argument"),
        (["job", "list", "--store", "postgres://ada:secret@127.0.0.1:1/jobs"], 5, "nobody answers there"),
        (["job", "list", "--store", "jobs.db"], 2, "sqlite:///jobs.db"),
        (
            ["job", "list", "--store", "sqlite:///elsewhere/jobs.db"],
            5,
            "no job database at elsewhere/jobs.db (--store)",
        ),
        (["worker", "run", "no_such_module"], 2, "no module 'no_such_module'"),
        (["worker", "run", "jobs:nothing"], 2, "is not a Treadle application"),
        (["worker", "run", "jobs:not_an_app"], 2, "is not a Treadle application"),
        (["worker", "run", "a-b"], 2, "names no application"),
        (["worker", "run", "jobs:app", "--queues", "nope"], 2, "no queue is called 'nope' (known: default)"),
        (["worker", "run", "jobs:app", "--processes", "0"], 2, "--processes"),
        (["worker", "run", "jobs:app", "--log-format", "xml"], 2, "--log-format"),
        (["worker", "run", "broken"], 2, "broken cannot be loaded: ZeroDivisionError: division by zero"),
        (["up", "--app", "jobs:app", "--store", "sqlite:///other.db"], 2, "names its own store"),
        (["up", "--once", "--store", "sqlite:///elsewhere/jobs.db"], 5, "does not exist; create it"),
        (["up", "--demo", "--store", "sqlite:///a.db"], 2, "a store and an application of its own"),
        (["up", "--json"], 2, "--once"),
        (["up", "--once", "--processes", "2"], 2, "--once works in one process"),
        (["up", "--work-dir", "elsewhere"], 2, "does not exist"),
        (["mail", "import", "elsewhere"], 2, "does not exist"),
        (["mail", "import", "jobs.py"], 2, "jobs.py is not a mailbox"),
        (["mail", "import", "empty"], 2, "the folder holds no .eml file"),
        (["mail", "import", "evil.zip"], 2, "evil.zip"),
        (["mail", "import", "cut.zip"], 2, "cut.zip is not a mailbox"),
        (["mail", "import", "jobs.py", "--format", "pst"], 2, "the format 'pst' is not known"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_answered_with_a_sentence(
    arguments: list[str], code: int, said: str, here: Path, cli: Call
) -> None:
    app = toy(here)
    enqueue(app, "greet", "Ada")
    app.close()
    (here / "treadle.db").symlink_to("jobs.db")
    (here / "broken.py").write_text("1 / 0\n", encoding="utf-8")
    (here / "empty").mkdir()
    make_archives(here)
    answer = cli(*arguments)
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert "secret" not in answer.err


def make_archives(folder: Path) -> None:
    with zipfile.ZipFile(folder / "evil.zip", "w") as archive:
        archive.writestr("../outside.eml", "From: a@example.org\n\nhello\n")
    whole = (folder / "evil.zip").read_bytes()
    (folder / "cut.zip").write_bytes(whole[: len(whole) // 2])


def test_nothing_of_an_archive_gets_out(here: Path, cli: Call) -> None:
    folder = here / "inner"
    folder.mkdir()
    make_archives(folder)
    cli("mail", "import", "inner/evil.zip")
    assert not (here / "outside.eml").exists()
    assert not (here / "inner" / "outside.eml").exists()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TREADLE_STORE", "mysql://ada:secret@db/jobs", "starts with 'mysql'"),
        ("TREADLE_STORE", "sqlite://jobs.db", "three slashes"),
        ("TREADLE_STORE", "sqlite://ada:secret@db/jobs", "names a host ('db')"),
        ("TREADLE_LEASE", "soon", "TREADLE_LEASE: 'soon' is not a duration; write 90s"),
        ("TREADLE_CONCURRENCY", "many", "TREADLE_CONCURRENCY='many' is not a whole number"),
        ("TREADLE_CONCURRENCY", "0", "concurrency=0 is too small"),
    ],
)
def test_a_bad_setting_is_named(name: str, value: str, said: str, cli: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    answer = cli("job", "list")
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert "secret" not in answer.err


@pytest.mark.parametrize("command", [["job", "list"], ["up", "--once", "--quiet"]], ids=" ".join)
@pytest.mark.parametrize("kind", ["not a database", "damaged", "a folder"])
def test_a_store_that_cannot_be_read_is_explained(kind: str, command: list[str], here: Path, cli: Call) -> None:
    spoil(here / "treadle.db", kind)
    answer = cli(*command)
    assert (answer.code, answer.out) == (5, "")
    assert "treadle.db: " in answer.err
    assert "Traceback" not in answer.err


def spoil(path: Path, kind: str) -> None:
    if kind == "a folder":
        path.mkdir()
    elif kind == "not a database":
        path.write_text("Dear diary, " * 1000, encoding="utf-8")
    else:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE filler AS SELECT randomblob(100000) AS noise")
            connection.commit()
        content = bytearray(path.read_bytes())
        content[100:4096] = os.urandom(3996)
        path.write_bytes(content)


def test_a_read_only_store_is_explained(here: Path, cli: Call) -> None:
    if os.name != "posix" or os.geteuid() == 0:
        pytest.skip("not on this platform: nothing is read-only for this user")
    app = toy(here)
    job = enqueue(app, "greet", "Ada")
    app.close()
    here.chmod(0o500)
    (here / "jobs.db").chmod(0o400)
    try:
        answer = cli("job", "cancel", job.id, "--store", "sqlite:///jobs.db")
    finally:
        here.chmod(0o700)
    assert answer.code == 5
    assert "read-only" in answer.err or "cannot be opened" in answer.err


@pytest.mark.slow
def test_a_store_that_somebody_else_holds_is_explained(here: Path, cli: Call) -> None:
    app = toy(here)
    job = enqueue(app, "greet", "Ada")
    app.close()
    with closing(sqlite3.connect(here / "jobs.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = cli("job", "cancel", job.id, "--store", "sqlite:///jobs.db")
    assert answer.code == 5
    assert "another process holds the write lock" in answer.err


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from treadle.cli.root import run
sys.exit(run(sys.argv[2:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("limit", [10_000, 200_000])
def test_a_full_disk_is_explained_and_loses_nothing(limit: int, here: Path, cli: Call) -> None:
    if sys.platform == "win32":
        pytest.skip("not on this platform: no limit on the size of files")
    command = ["mail", "import", str(samples.path()), "--json", "--quiet"]
    full = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), *command],
        capture_output=True,
        text=True,
        cwd=here,
        env={**os.environ, "TREADLE_LEASE": "2s"},
        timeout=100,
    )
    assert (full.returncode, full.stdout) == (5, "")
    assert "treadle.db: the disk" in full.stderr.splitlines()[-1]
    assert "Traceback" not in full.stderr
    assert cli(*command).document["messages"] > 60


def test_output_that_cannot_be_written_is_explained(here: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("not on this platform: no /dev/full")
    toy(here).close()
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "treadle", "--help"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_who_leaves_early_hears_no_complaint(here: Path) -> None:
    done = subprocess.Popen([sys.executable, "-m", "treadle", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.stdout is not None
    assert done.stderr is not None
    done.stdout.close()
    assert (done.wait(timeout=30), done.stderr.read()) == (0, b"")
    done.stderr.close()
