"""What runs in a child process: one job at a time, told and asked about over two pipes.

    work      down: a job as JSON, and when it was claimed · up: that it begins, progress, log lines, the outcome
    lifeline  down: "p" the worker still holds its lease · "c 3" stop the third job · "s 3" its soft timeout

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

from treadle.core.errors import Cancel, SoftTimeout, TreadleError
from treadle.core.flow.gates import Park
from treadle.core.job import Claim, Progress, Spent
from treadle.core.outcomes import Outcome, give_up
from treadle.core.states import Reason
from treadle.engine.attempt import LOG_LINES, Asked, spent_beyond
from treadle.engine.context import Context
from treadle.engine.faults import describe
from treadle.engine.judging import raised, returned
from treadle.engine.work import Work

Finder = Callable[[str], tuple[Any, Work]]
"""Task name -> the application and the work."""

SOFT_TIMEOUT_SIGNAL = getattr(signal, "SIGUSR1", None)

#: The exit code of a child whose lifeline fell silent: not the job's fault (sysexits.h: a temporary failure).
SILENT = 75

#: Seconds between looks whether a job has begun of which something was said.
SOON = 0.02


class ChildLine:
    """The running task's way to the worker, from inside the child."""

    def __init__(self, claim: Claim, at: int, work: Connection, encode: Callable[[object], str | None]) -> None:
        self.claim, self._at, self._work, self.encode = claim, at, work, encode
        self.progress: Progress | None = None
        self.ended: Outcome | None = None
        self._log: list[dict[str, object]] = []
        self.stopping: BaseException | None = None
        self.warning: SoftTimeout | None = None  # raised by a signal instead
        self._lock = threading.Lock()
        self.spent: dict[str, tuple[int, int]] = {}
        self.park: Park | None = None

    def spend(self, gate: str, used: int, granted: int) -> None:
        self.spent[gate] = used, granted
        self._send({"spent": [gate, used, granted]})

    def heed(self, told: Park) -> None:
        self.park = told
        self._send({"park": list(told)})

    def spent_beyond(self) -> tuple[Spent, ...]:
        return spent_beyond(self.claim, self.spent, self._at)

    def tell(self, progress: Progress) -> None:
        self.progress = progress
        self._send({"progress": list(progress)})

    def write(self, line: dict[str, object]) -> None:
        self._log = [*self._log[1 - LOG_LINES :], line]
        self._send({"log": line})

    def log_text(self) -> str | None:
        return json.dumps(self._log) if self._log else None

    def _send(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._work.send_bytes(json.dumps(message).encode())


class Child:
    """The child's two loops: jobs in its main thread, the lifeline beside it."""

    def __init__(self, work: Connection, lifeline: Connection, silence: float, find: Finder) -> None:
        self._work, self._lifeline, self._silence, self._find = work, lifeline, silence, find
        self._line: ChildLine | None = None
        self._jobs = 0
        self._early: list[bytes] = []
        """What was said of a job that has not begun yet: a child takes a moment to start."""

    def live(self) -> None:
        """Run jobs until the worker closes the pipe."""
        # Who signals the whole group means the worker, which gives its jobs their grace. Handlers that do nothing,
        # and not SIG_IGN: that would be inherited by what a task starts.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _leave_it_to_the_worker)
        if SOFT_TIMEOUT_SIGNAL is not None:
            signal.signal(SOFT_TIMEOUT_SIGNAL, self._interrupt)
        threading.Thread(target=self._hold_on, name="treadle-lifeline", daemon=True).start()
        with contextlib.suppress(EOFError, OSError):
            while True:
                at, *claim = json.loads(self._work.recv_bytes())
                outcome = self._run(Claim(*claim), at)
                self._work.send_bytes(json.dumps({"outcome": list(outcome)}).encode())

    def _run(self, claim: Claim, at: int) -> Outcome:
        self._jobs += 1
        try:
            app, work = self._find(claim.task)
        except TreadleError as error:
            return give_up(Reason.ERROR, describe(error))  # this module defines no such task, next time neither
        line = self._line = ChildLine(claim, at, self._work, work.encode)
        try:
            self._work.send_bytes(b'{"begun": true}')
            outcome = returned(work, self._invoke(work, claim, Context(line, app)))
            return line.ended or outcome
        except BaseException as error:  # noqa: BLE001 - a task may raise anything
            self._line = None
            if line.ended:
                return line.ended
            asked = isinstance(line.stopping, Cancel)
            return raised(work, claim, Asked() if asked else error)

    def _invoke(self, work: Work, claim: Claim, context: Context) -> Any:
        try:
            value = work.invoke(claim.args, context)
            return asyncio.run(value) if inspect.iscoroutine(value) else value
        finally:
            self._line = None  # from here on no soft timeout interrupts

    def _hold_on(self) -> None:
        try:
            self._listen()
        except (EOFError, OSError):
            pass  # the worker is gone
        finally:  # whatever went wrong: a child that hears nothing must not live on
            os._exit(SILENT)

    def _listen(self) -> None:
        silent = 0.0
        while silent < self._silence:
            pause = SOON if self._early else self._silence
            if self._lifeline.poll(pause):
                self._early.append(self._lifeline.recv_bytes())
                silent = 0.0
            else:
                silent += pause
            self._early = [word for word in self._early if not self._obey(word)]

    def _obey(self, word: bytes) -> bool:
        """Do what the worker says; False if the job that is meant has not begun."""
        what, _, job = word.partition(b" ")
        if what == b"p" or int(job) < self._jobs:
            return True
        line = self._line
        if int(job) > self._jobs or line is None:
            return int(job) == self._jobs
        if what == b"c":
            line.stopping = Cancel()
        elif SOFT_TIMEOUT_SIGNAL is None:
            line.warning = _soft_timeout()
        else:
            signal.pthread_kill(threading.main_thread().ident or 0, SOFT_TIMEOUT_SIGNAL)
        return True

    def _interrupt(self, number: int, frame: object) -> None:
        """Raise inside the job; this runs in the main thread, where the job does."""
        if self._line is not None:
            raise _soft_timeout()


def _leave_it_to_the_worker(number: int, frame: object) -> None:
    return


def _soft_timeout() -> SoftTimeout:
    return SoftTimeout("the soft timeout has passed")
