"""Child processes for `executor="process"`: kept and reused, killed for a hard time limit.

Children come from a fork server or are spawned: a fork of a process with threads can hang for ever.
"""

import contextlib
import json
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from treadle.core.errors import Crashed, SoftTimeout
from treadle.core.flow.gates import Park
from treadle.core.job import Progress
from treadle.core.outcomes import Outcome
from treadle.core.states import State
from treadle.engine.attempt import Attempt, ShuttingDown
from treadle.engine.child import SILENT

#: What a child process is called.
CHILD = "treadle-child"

Main = Callable[[Connection, Connection, float, Sequence[str]], None]
"""The child's entry: its two pipes, how long its lifeline may be silent, and where the application is."""


class Processes:
    """As many children as were ever needed at once. `run` blocks and is called from threads."""

    def __init__(self, main: Main, application: Sequence[str], silence: float, preload: Sequence[str]) -> None:
        methods = multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if "forkserver" in methods:
            self._context.set_forkserver_preload(list(preload))
        self._main, self._application, self._silence = main, application, silence
        self._lock = threading.Lock()
        self._idle: list[_Process] = []
        self._busy: dict[Attempt, _Process] = {}
        self._starting: dict[Attempt, list[Callable[[_Process], None]]] = {}
        """What shall be done to children that are not there yet: starting one takes a while."""
        self._closed = False

    def run(self, attempt: Attempt, begun: Callable[[Attempt], None]) -> Outcome:
        """Run this attempt in a child, tell when its code begins, wait for its outcome. Raises Crashed if it died."""
        outcome = None
        while outcome is None:
            outcome = self._run_once(attempt, begun)
        return outcome

    def _run_once(self, attempt: Attempt, begun: Callable[[Attempt], None]) -> Outcome | None:
        """Run it in one child; None if that had died while it waited for work."""
        process = self._hire(attempt)
        try:
            outcome = process.run(attempt, begun)
        except _DiedBefore:
            return None
        except BaseException:
            process.kill()
            raise
        finally:
            with self._lock:
                del self._busy[attempt]
        with self._lock:
            self._idle.append(process)
        return outcome

    def _hire(self, attempt: Attempt) -> "_Process":
        with self._lock:
            process = self._idle_one()
            self._starting[attempt] = []
        try:
            process = process or _Process(self._context, self._main, self._application, self._silence)
        except BaseException:
            with self._lock:
                del self._starting[attempt]
            raise
        with self._lock:
            process.jobs += 1
            self._busy[attempt] = process
            for act in self._starting.pop(attempt):
                act(process)
            if self._closed:
                process.kill()
        return process

    def _idle_one(self) -> "_Process | None":
        """Take a child that waits for work. Those that ended meanwhile are no job's fault: nobody runs in them."""
        while self._idle:
            if (process := self._idle.pop()).alive:
                return process
        return None

    def ask(self, attempt: Attempt) -> None:
        """Ask the job in this child to stop."""
        self._tell(attempt, lambda process: process.say(b"c %d" % process.jobs))

    def warn(self, attempt: Attempt, warning: SoftTimeout) -> None:
        """Raise SoftTimeout in this child's job."""
        self._tell(attempt, lambda process: process.say(b"s %d" % process.jobs))

    def kill(self, attempt: Attempt) -> None:
        """End the child that runs this attempt, now."""
        self._tell(attempt, _Process.kill)

    def _tell(self, attempt: Attempt, act: "Callable[[_Process], None]") -> None:
        with self._lock:  # held meanwhile: the child must not go on to another attempt
            if attempt in self._starting:
                self._starting[attempt].append(act)
            elif process := self._busy.get(attempt):
                act(process)

    def pulse(self) -> None:
        """Tell all children that the worker still holds its lease."""
        with self._lock:
            everybody = [*self._idle, *self._busy.values()]
        for process in everybody:
            process.say(b"p")

    def close(self) -> None:
        """End all children."""
        with self._lock:
            self._closed = True
            everybody = [*self._idle, *self._busy.values()]
        for process in everybody:
            process.kill()


class _DiedBefore(Exception):  # it is nobody's error
    """A child that had waited for work was dead before it could begin this job."""


class _Process:
    def __init__(self, context: Any, main: Main, application: Sequence[str], silence: float) -> None:
        self.jobs = 0
        """How many it was given; tells which of them a word is for."""
        self._work, childs_work = context.Pipe()
        childs_lifeline, self._lifeline = context.Pipe(duplex=False)
        arguments = (childs_work, childs_lifeline, silence, tuple(application))
        self._process = context.Process(target=main, args=arguments, name=CHILD, daemon=True)
        self._process.start()
        if sys.platform != "win32":
            # A child that is stuck in native code reads nothing; whoever speaks to it must not wait for that.
            os.set_blocking(self._lifeline.fileno(), False)
        childs_work.close()
        childs_lifeline.close()

    def run(self, attempt: Attempt, begun: Callable[[Attempt], None]) -> Outcome:
        has_begun = False
        try:
            self._work.send_bytes(json.dumps([attempt.at, *attempt.claim]).encode())
            while True:
                message = json.loads(self._work.recv_bytes())
                if "outcome" in message:
                    state, *rest = message["outcome"]
                    outcome = Outcome(State(state), *rest)
                    return outcome._replace(park=outcome.park and Park(*outcome.park))
                if "begun" in message:
                    has_begun = True
                    begun(attempt)
                if "progress" in message:
                    attempt.tell(Progress(*message["progress"]))
                if "spent" in message:
                    attempt.spend(*message["spent"])
                if "park" in message:
                    attempt.heed(Park(*message["park"]))
                if "log" in message:
                    attempt.write(message["log"])
        except (EOFError, OSError):
            self._process.join(1)
            if self._process.exitcode == SILENT:
                raise ShuttingDown("no heartbeat was answered") from None
            if self.jobs > 1 and not has_begun and attempt.stopping is None:
                raise _DiedBefore from None  # its end shows in /proc before the fork server tells of it
            raise Crashed(f"its process ended with exit code {self._process.exitcode}") from None

    @property
    def alive(self) -> bool:
        return self._process.exitcode is None

    def say(self, word: bytes) -> None:
        with contextlib.suppress(OSError):
            self._lifeline.send_bytes(word)

    def kill(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._process.kill()
