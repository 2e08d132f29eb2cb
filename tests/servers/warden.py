"""Ends servers whose test run was killed. Watched through one small process of its own, started with the first server.

The other way, PR_SET_PDEATHSIG, is Linux only, strikes as soon as the *thread* that started the server ends, removes no
folder, and needs a Python between us and the server, which a server's user may not be able to read.
"""

import atexit
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.servers import processes

ROOT = Path(__file__).resolve().parents[2]


class Warden:
    """Knows what would be left behind if this process died now, and has told it to a process that would clear it."""

    def __init__(self) -> None:
        self._servers: dict[int, int] = {}
        self._folders: set[str] = set()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, pid: int, ending: int) -> None:
        """Have a server ended by this signal, by SIGKILL if it does not listen, should we die first."""
        with self._lock:
            self._servers[pid] = ending
            self._tell()

    def release(self, pid: int) -> None:
        """Forget a server. Call it as soon as the id is free for somebody else."""
        with self._lock:
            if self._servers.pop(pid, None):
                self._tell()

    def keep(self, folder: Path) -> None:
        """Have a folder removed, should we die first."""
        with self._lock:
            self._folders.add(str(folder))
            self._tell()

    def clear(self, folder: Path) -> None:
        """Remove a folder now."""
        shutil.rmtree(folder, ignore_errors=True)
        with self._lock:
            self._folders.discard(str(folder))
            self._tell()

    def _tell(self) -> None:
        if self._process is None:
            self._process = self._start()
        assert self._process.stdin
        word = {"servers": list(self._servers.items()), "folders": sorted(self._folders)}
        self._process.stdin.write(json.dumps(word).encode() + b"\n")
        self._process.stdin.flush()

    def _start(self) -> subprocess.Popen[bytes]:
        atexit.register(self._end)
        # In a session of its own: Ctrl-C in a terminal is for us.
        return subprocess.Popen(
            [sys.executable, "-S", "-m", __name__],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=ROOT, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def _end(self) -> None:
        assert self._process
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


warden = Warden()


def last_word(pipe: int, parent: int) -> dict[str, Any]:
    """Read what our parent tells until it is gone; answer what it told last."""
    heard = b""
    while True:
        if select.select([pipe], [], [], 0.5)[0]:
            piece = os.read(pipe, 65536)
            if not piece:
                break
            heard = b"\n".join((heard + piece).split(b"\n")[-2:])
        elif os.getppid() != parent:
            break  # a child that it has forked holds the other end of the pipe open
    whole, _, _ = heard.rpartition(b"\n")
    word: dict[str, Any] = json.loads(whole or b'{"servers": [], "folders": []}')
    return word


def end(pid: int, ending: int) -> None:
    """End a server and what it has started, frozen or not."""
    family = {pid, *processes.descendants(pid)}
    processes.send(family, signal.SIGCONT)
    processes.send([pid], ending)
    if not processes.comes_true(lambda: processes.are_gone(family), 5):
        processes.send(family, signal.SIGKILL)


def main() -> None:
    word = last_word(sys.stdin.fileno(), os.getppid())
    for pid, ending in word["servers"]:
        end(pid, ending)
    for folder in word["folders"]:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
