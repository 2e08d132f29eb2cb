"""What runs in a child process: one job at a time, told and asked about over two pipes.

    work      down: a job as JSON · up: progress, log lines, the outcome
    lifeline  down: "p" the worker still holds its lease · "c" stop · "s" soft timeout

A child whose lifeline falls silent ends itself: its worker died or was frozen, and the job is or will
soon be somebody else's.
"""

import asyncio
import contextlib
import inspect
import json
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from treadle.core.errors import Cancel, SoftTimeout
from treadle.core.job import Claim, Progress
from treadle.core.outcomes import Outcome
from treadle.engine.attempt import Asked
from treadle.engine.context import Context
from treadle.engine.judging import raised, returned
from treadle.engine.work import Work

Finder = Callable[[str], tuple[Any, Work]]
"""Task name -> the application and the work."""

SOFT_TIMEOUT_SIGNAL = getattr(signal, "SIGUSR1", None)


class ChildLine:
    """The running task's way to the worker, from inside the child."""

    def __init__(self, claim: Claim, work: Connection) -> None:
        self.claim, self._work = claim, work
        self.stopping: BaseException | None = None
        self.warning: SoftTimeout | None = None  # raised by a signal instead
        self._lock = threading.Lock()

    def tell(self, progress: Progress) -> None:
        self._send({"progress": list(progress)})

    def write(self, line: dict[str, object]) -> None:
        self._send({"log": line})

    def _send(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._work.send_bytes(json.dumps(message).encode())


class Child:
    """The child's two loops: jobs in its main thread, the lifeline beside it."""

    def __init__(self, work: Connection, lifeline: Connection, silence: float, find: Finder) -> None:
        self._work, self._lifeline, self._silence, self._find = work, lifeline, silence, find
        self._line: ChildLine | None = None

    def live(self) -> None:
        """Run jobs until the worker closes the pipe."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's to handle
        if SOFT_TIMEOUT_SIGNAL is not None:
            signal.signal(SOFT_TIMEOUT_SIGNAL, _soft_timeout)
        threading.Thread(target=self._hold_on, name="treadle-lifeline", daemon=True).start()
        with contextlib.suppress(EOFError, OSError):
            while True:
                claim = Claim(*json.loads(self._work.recv_bytes()))
                outcome = self._run(claim)
                self._work.send_bytes(json.dumps({"outcome": list(outcome)}).encode())

    def _run(self, claim: Claim) -> Outcome:
        app, work = self._find(claim.task)
        line = self._line = ChildLine(claim, self._work)
        try:
            value = work.invoke(claim.args, Context(line, app))
            if inspect.iscoroutine(value):
                value = asyncio.run(value)
            return returned(work, value)
        except (Exception, SystemExit) as error:
            asked = isinstance(line.stopping, Cancel)
            return raised(work, claim, Asked() if asked else error)
        finally:
            self._line = None

    def _hold_on(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while self._lifeline.poll(self._silence):
                self._obey(self._lifeline.recv_bytes())
        os._exit(1)

    def _obey(self, word: bytes) -> None:
        line = self._line
        if word == b"c" and line:
            line.stopping = Cancel()
        elif word == b"s" and line and SOFT_TIMEOUT_SIGNAL is not None:
            signal.pthread_kill(threading.main_thread().ident or 0, SOFT_TIMEOUT_SIGNAL)


def _soft_timeout(number: int, frame: object) -> None:
    raise SoftTimeout("the soft timeout has passed")
