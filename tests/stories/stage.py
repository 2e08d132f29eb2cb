"""Starts, kills, freezes and hears the processes of a story, and reads the history that its tasks have written."""

import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.engine.scene import PATIENCE, ended, eventually, found, until
from tests.stories import application
from treadle import Treadle
from treadle.core.job import Snapshot
from treadle.core.states import LIVE

ROOT = Path(__file__).parents[2]


class Process:
    """Another process of the application, heard through what it prints."""

    def __init__(self, environment: dict[str, str], words: tuple[str, ...]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stories.application", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=environment, text=True, start_new_session=True,
        )  # fmt: skip
        self.pid = self._process.pid
        self._said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._said.put(line.strip())
        self._said.put(None)

    def hear(self) -> str:
        """Wait for the next line."""
        line = self._said.get(timeout=PATIENCE)
        assert line is not None, "it ended without a word"
        return line

    def hear_of(self, word: str) -> None:
        """Wait for a line that begins so."""
        while not self.hear().startswith(word):
            continue

    def tell(self, word: str = "go") -> None:
        assert self._process.stdin
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def send(self, number: int) -> None:
        """Send a signal to the process alone, not to its children."""
        os.kill(self.pid, number)

    def kill(self) -> int:
        """End it as SIGKILL does."""
        self.send(signal.SIGKILL)
        return self.wait()

    def stop(self) -> list[str]:
        """End it as a service manager does, and answer what it still said; it must end well."""
        self.send(signal.SIGTERM)
        said = self.rest()
        assert self.wait() == 0, said
        return said

    def wait(self) -> int:
        return self._process.wait(PATIENCE)

    def wait_briefly(self) -> int | None:
        """Give it a moment to end; None if it lives on."""
        try:
            return self._process.wait(0.05)
        except subprocess.TimeoutExpired:
            return None

    def rest(self) -> list[str]:
        """Read all that it says until its end."""
        return list(iter(lambda: self._said.get(timeout=PATIENCE), None))

    def close(self) -> None:
        """Kill it and whatever it has started."""
        if self._process.poll() is None:
            os.killpg(self.pid, signal.SIGCONT)
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()


class Stage:
    """One story's store, its history, its processes, and the application as the test sees it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.gate = folder, folder / "gate"
        self.url, self._history = url, folder / "history"
        self._processes: list[Process] = []
        self.app = Treadle(self.url)
        for name, task in application.app.tasks.items():
            self.app.tasks[name] = task.bound(self.app)

    def start(self, *words: str, **settings: str) -> Process:
        """Start a process of the application with these settings."""
        environment = {
            **os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), "TREADLE_STORE": self.url,
            "TREADLE_TEST_HISTORY": str(self._history),
            **{f"TREADLE_{name.upper()}": value for name, value in settings.items()},
        }  # fmt: skip
        process = Process(environment, words)
        self._processes.append(process)
        return process

    def worker(self, **settings: str) -> Process:
        """Start a worker and wait until it serves."""
        process = self.start("work", **settings)
        process.hear_of("WorkerStarted")
        return process

    def history(self, word: str) -> list[list[str]]:
        """Read what tasks have noted under this word."""
        if not self._history.exists():
            return []
        return [line.split()[1:] for line in self._history.read_text().splitlines() if line.startswith(word + " ")]

    async def noted(self, word: str, number: int = 1) -> list[list[str]]:
        """Wait until so many notes of this word are there."""
        await until(lambda: len(self.history(word)) >= number)
        return self.history(word)

    async def found(self, id: str) -> Snapshot:
        return await found(self.app.store, id)

    async def ended(self, id: str) -> Snapshot:
        return await ended(self.app, id)

    def clear(self) -> None:
        for process in self._processes:
            process.close()


async def gone(pid: int) -> None:
    """Wait until a process has ended."""

    def is_gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except OSError:
            return True

    await until(is_gone)


async def done(stage: Stage, number: int) -> None:
    """Wait until so many jobs are completed."""

    async def look() -> bool:
        return (await stage.app.acount())["completed"] >= number  # type: ignore[index]  # a StrEnum equals its value

    await eventually(look)


async def all_ended(stage: Stage) -> None:
    """Wait until no job waits or runs."""

    async def look() -> bool:
        counts = await stage.app.acount()
        return not any(counts[state] for state in LIVE)

    await eventually(look)
