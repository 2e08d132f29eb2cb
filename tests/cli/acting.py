"""What the command-line tests act with: commands as processes, bounded waiting, a small application."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from treadle import Job, Treadle

T = TypeVar("T")

APP = '''
import os
import time
from datetime import timedelta
from pathlib import Path

from treadle import Context, Retry, Treadle

app = Treadle(os.environ.get("TREADLE_STORE") or "sqlite:///jobs.db")


@app.task
async def greet(name: str) -> str:
    return f"Hello, {name}!"


@app.task(retry=Retry(1, [0]))
def fail(why: str) -> None:
    raise ValueError(why)


@app.task(context=True)
def wait(ctx: Context, name: str) -> str:
    """Go on until the file of this name is there."""
    ctx.progress(1, 4, note="waiting")
    while not Path(name).exists():
        ctx.check()
        time.sleep(0.01)
    ctx.progress(4, 4, note="here")
    return name


def make() -> Treadle:
    return app


not_an_app = 5
'''


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on the last line of stdout."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def error(self) -> Any:
        """The JSON document on the last line of stderr."""
        return json.loads(self.err.splitlines()[-1])["error"]


@dataclass(frozen=True, slots=True)
class Running:
    """A command under way. What it says on stderr can be read at any time."""

    process: "subprocess.Popen[str]"
    notes: Path

    @property
    def said(self) -> str:
        return self.notes.read_text(encoding="utf-8")

    @property
    def children(self) -> list[int]:
        """The workers that a supervisor has started, the dead ones too."""
        return [int(pid) for pid in re.findall(r"worker \d is process (\d+)", self.said)]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, seconds: float = 60) -> Answer:
        """Wait for its end."""
        out, _ = self.process.communicate(timeout=seconds)
        return Answer(self.process.returncode, out, self.said)


@dataclass(slots=True)
class Cli:
    """Starts commands in a folder."""

    folder: Path
    started: list[Running] = field(default_factory=list)

    def start(self, *arguments: str, **settings: str) -> Running:
        """Start a command with a process of its own."""
        notes = self.folder.parent / f"{self.folder.name}-notes-{len(self.started)}"
        with notes.open("w", encoding="utf-8") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "treadle", *arguments],
                cwd=self.folder,
                env={**os.environ, **settings},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self.started.append(Running(process, notes))
        return self.started[-1]

    def run(self, *arguments: str, **settings: str) -> Answer:
        """Run a command to its end."""
        return self.start(*arguments, **settings).end()

    def kill_all(self) -> None:
        for running in self.started:
            if running.process.poll() is None:
                running.process.kill()
            running.process.communicate()


def eventually(ask: Callable[[], T], what: str, seconds: float = 30) -> T:
    """Ask again and again until the answer is true; fails with `what` after a while."""
    until = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < until, f"never happened: {what}"
        time.sleep(0.02)
    return answer


def toy(folder: Path) -> Treadle:
    """Put an application into a folder, importable as `jobs:app`; answers one of the same tasks to enqueue with."""
    (folder / "jobs.py").write_text(APP, encoding="utf-8")
    space: dict[str, Any] = {"__name__": "toy"}
    exec(compile(APP, "jobs.py", "exec"), space)  # a module of this name may be another test's
    app = space["app"]
    assert isinstance(app, Treadle)
    return app


def enqueue(app: Treadle, task: str, argument: str, **wishes: Any) -> Job[Any]:
    return app.task_named(task).using(**wishes).enqueue(argument)
