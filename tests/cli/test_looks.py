"""How things look: bars, tables, log lines and what they are made of. Pure, but for one look at a real terminal."""

import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from treadle import Progress, State
from treadle.cli import described, figures, logs, show
from treadle.cli.bars import Bar, Lines, display
from treadle.cli.following import View, bars
from treadle.cli.patience import ENOUGH, Patience
from treadle.core.errors import StoreUnavailable
from treadle.core.events import StoreTrouble
from treadle.core.job import Failure, Snapshot


def snapshot(**known: object) -> Snapshot:
    told: dict[str, object] = dict.fromkeys(Snapshot._fields)
    told |= {
        "id": "1", "task": "t", "queue": "q", "state": State.QUEUED, "args": "{}", "priority": 0, "attempt": 0,
        "max_attempts": 3, "epoch": 0, "crashes": 0, "cancelling": False, "created_at": 0, "cursor": "1",
        "attempts": (), "log": (),
    }  # fmt: skip
    return Snapshot(**(told | known))  # type: ignore[arg-type]  # a table of what a test wants to say


@pytest.mark.parametrize("letter", ["\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\ud800", "\x00"])
def test_nothing_that_steers_a_terminal_gets_through(letter: str) -> None:
    assert letter not in show.plain(f"a{letter}b")
    assert letter not in show.lines(f"a{letter}b")[0]
    assert letter not in Bar("n", 1, 2, note=f"a{letter}b").text
    assert letter not in "".join(show.aligned(["a"], [[f"a{letter}b"]], frozenset()))


def test_several_lines_become_one() -> None:
    assert show.plain("a\r\n\tb") == "a b"
    assert show.plain("Grüße, 世界 👍") == "Grüße, 世界 👍"


def test_columns_are_aligned_and_nothing_is_cut_off() -> None:
    lines = show.aligned(["name", "n"], [["a" * 200, "1"], ["b", "1,000"]], frozenset({"n"}))
    assert lines == [
        "NAME".ljust(200) + "      N",
        "a" * 200 + "      1",
        "b".ljust(200) + "  1,000",
    ]


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "0.0 s"), (1_250, "1.2 s"), (45_000, "45 s"), (150_000, "2 m"), (7_200_000, "2 h"), (172_800_000, "2 d")],
)
def test_lengths_of_time_are_short(milliseconds: int, text: str) -> None:
    assert show.length(milliseconds) == text


@pytest.mark.parametrize(
    ("job", "word"),
    [
        (snapshot(state=State.SCHEDULED, attempt=1), "retrying"),
        (snapshot(state=State.SCHEDULED), "scheduled"),
        (snapshot(state=State.RUNNING, cancelling=True), "cancelling"),
        (snapshot(state=State.COMPLETED, outcome="skipped"), "skipped"),
        (snapshot(state=State.FAILED), "failed"),
    ],
)
def test_states_have_the_words_that_people_use(job: Snapshot, word: str) -> None:
    assert described.state_of(job) == word


def test_a_shortened_id_still_means_the_same_job() -> None:
    id = "ai:01a20179-8ead-7000-b980-7d4b0fbbeac2:01a20179-975c-7016-b6d9-c6c4970e1a24"
    assert described.matches(id, described.shortened(id))
    assert len(described.shortened(id)) == 24
    assert described.shortened("digest@2026") == "digest@2026"


def test_off_a_terminal_a_bar_is_told_only_when_it_moved() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    for done in range(101):
        lines.show([Bar("work", done, 100)])
    told = stream.getvalue().splitlines()
    assert told[0] == "work: 10/100"
    assert told[-1] == "work: 100/100"
    assert len(told) == 10


def test_off_a_terminal_rich_is_not_asked() -> None:
    stream = io.StringIO()
    with display(stream) as screen:
        screen.show([Bar("import", 5, 10, share=True, note="7 messages")])
    assert stream.getvalue() == "import: 50 %, 7 messages\n"


def test_a_run_is_four_bars() -> None:
    run = snapshot(state=State.RUNNING, progress=Progress(50, 100, 0, "7 messages"))
    assert [bar.text for bar in bars(View(run, {}, {}, None))] == [
        "import: 50 %, 7 messages", "AI threads: 0", "contacts: 0", "digest: 0/1"
    ]  # fmt: skip
    done = snapshot(state=State.COMPLETED, result='{"messages": 9}')
    counts = {State.COMPLETED: 2, State.FAILED: 1, State.QUEUED: 3}
    view = View(done, counts, {State.COMPLETED: 1}, snapshot(state=State.COMPLETED))
    assert [bar.text for bar in bars(view)] == [
        "import: 100 %, 9 new messages", "AI threads: 3/6, 1 failed", "contacts: 1/1", "digest: 1/1"
    ]  # fmt: skip


def test_a_bar_says_why_a_job_does_not_go_on() -> None:
    failure = Failure("OSError", "no disk", None)
    waiting = snapshot(state=State.SCHEDULED, attempt=1, failure=failure, due_at=1_000)
    assert "attempt 1 of 3 failed: no disk Next try at " in bars(View(waiting, {}, {}, None))[0].text
    held = snapshot(state=State.HELD, reason="unknown_task")
    assert "held: unknown_task" in bars(View(held, {}, {}, None))[0].text


def test_a_run_whose_import_failed_is_over_and_failed() -> None:
    view = View(snapshot(state=State.FAILED, finished_at=2_000), {}, {}, None)
    found = figures.figures(view, "sqlite:///a.db")
    assert (view.over, found["status"], found["jobs_failed"], found["seconds"]) == (True, "failed", 1, 2.0)


def test_patience_ends_when_nothing_moves_while_the_store_refuses() -> None:
    now = [0.0]
    patience = Patience(lambda: now[0])
    patience.check("a")
    patience.listen(StoreTrouble("cycle", "the disk is full."))
    now[0] = ENOUGH
    patience.check("a")
    patience.check("b")  # it moves
    now[0] = 10 * ENOUGH
    patience.check("b")
    patience.listen(StoreTrouble("cycle", "the disk is full."))
    now[0] = 12 * ENOUGH
    with pytest.raises(StoreUnavailable, match=r"the disk is full\. Nothing is lost"):
        patience.check("b")


def test_a_log_line_of_another_library_keeps_its_traceback() -> None:
    try:
        raise ValueError("no\x1b[31m way")
    except ValueError:
        record = logging.LogRecord("other", logging.ERROR, "", 0, "it %s", ("broke",), sys.exc_info())
    text = logs.Console().format(record)
    assert "error   it broke\n    Traceback" in text
    assert "\x1b" not in text
    line = json.loads(logs.Json().format(record))
    assert (line["logger"], line["message"]) == ("other", "it broke")
    assert "ValueError" in line["traceback"]


@pytest.mark.slow
def test_on_a_terminal_bars_move_and_the_figures_stand_in_a_table(here: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("not on this platform: no pty")
    shown = on_a_terminal(["up", "--demo", "--once"], here)
    assert "━" in shown
    assert "AI threads" in shown
    assert "tasks found" in shown
    assert "Where to look next" in shown


def on_a_terminal(arguments: list[str], folder: Path) -> str:
    """Run a command on a terminal of 80 columns; answers what it drew."""
    import pty

    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    command = [sys.executable, "-m", "treadle", *arguments]
    process = subprocess.Popen(command, cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    drawn = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not piece:
            break
        drawn += piece
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return drawn.decode(errors="replace")
