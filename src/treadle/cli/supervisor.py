"""Several worker processes as one: started as commands of their own, never forked, and started again when they die.

A child lives as long as its stdin, which only the supervisor holds: closing it asks for a graceful stop, and a
supervisor that is killed leaves no worker behind.
"""

import _thread
import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from treadle.cli.exits import Exit

log = logging.getLogger("treadle.supervisor")

#: Told to a child by its supervisor.
SUPERVISED = "--supervised"

#: A child that lived so long did not die of its start.
HEALTHY = 10.0
LONGEST_PAUSE = 30.0
#: So many deaths right after the start, one after the other, end the whole group.
TOO_OFTEN = 8


@dataclass(frozen=True, slots=True)
class History:
    """How often in a row one child died young."""

    young_deaths: int = 0

    def after(self, lived: float) -> "History":
        return History() if lived >= HEALTHY else replace(self, young_deaths=self.young_deaths + 1)

    @property
    def pause(self) -> float:
        """Seconds before the next start: none after a long life, then 0.5, 1, 2 … 30."""
        return min(LONGEST_PAUSE, 0.25 * 2**self.young_deaths) if self.young_deaths else 0.0

    @property
    def hopeless(self) -> bool:
        return self.young_deaths >= TOO_OFTEN


class Supervisor:
    """Keeps so many children of one command alive until it is told to stop.

    `patience`: seconds that a child may take to stop before it is killed.
    """

    def __init__(self, command: Sequence[str], number: int, patience: float) -> None:
        self._command, self._number, self._patience = command, number, patience
        self._stopping = asyncio.Event()
        self._killing = asyncio.Event()
        self._worst: int = Exit.OK

    async def run(self) -> int:
        """Keep the children until the end; answers the exit code."""
        async with asyncio.TaskGroup() as group:
            for number in range(1, self._number + 1):
                group.create_task(self._keep(number))
        return self._worst

    def stop(self) -> None:
        """Ask all children to stop; the second time, kill them."""
        if self._stopping.is_set():
            self._killing.set()
        self._stopping.set()

    async def _keep(self, number: int) -> None:
        history = History()
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._live(number)
            if self._stopping.is_set():
                return
            history = history.after(time.monotonic() - began)
            if code in (Exit.USAGE, Exit.NOT_FOUND) or history.hopeless:
                self._give_up(number, code)
                return
            log.warning("worker %d %s; another starts in %g s", number, _how(code), history.pause)
            await _either(self._stopping.wait(), timeout=history.pause)

    async def _live(self, number: int) -> int:
        """Start a child and see it to its end."""
        child = await asyncio.create_subprocess_exec(*self._command, stdin=asyncio.subprocess.PIPE, **_own_group())
        log.info("worker %d is process %d", number, child.pid)
        ended = asyncio.create_task(child.wait())
        try:
            await _either(ended, self._stopping.wait())
            if not ended.done():
                _close_lifeline(child)
                await _either(ended, self._killing.wait(), timeout=self._patience)
        finally:
            if not ended.done():
                log.warning("worker %d did not stop in time and is killed; its jobs are taken over", number)
                child.kill()
        code = await ended
        if self._stopping.is_set() and code:
            self._worst = Exit.FAILED
        return code

    def _give_up(self, number: int, code: int) -> None:
        log.error("worker %d %s and would again; all workers stop", number, _how(code))
        self._worst = code if code > 0 else Exit.FAILED
        self._stopping.set()


async def _either(*waits: Any, timeout: float | None = None) -> None:
    """Wait until one of these is done or the time is up; nothing but the tasks that were given survives."""
    tasks = [wait if isinstance(wait, asyncio.Task) else asyncio.create_task(wait) for wait in waits]
    await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    for task, wait in zip(tasks, waits, strict=True):
        if task is not wait:
            task.cancel()


def _close_lifeline(child: asyncio.subprocess.Process) -> None:
    if child.stdin is not None:
        child.stdin.close()


def _own_group() -> dict[str, Any]:
    # Ctrl-C reaches a whole process group: the children would hear it twice, which means "now".
    if sys.platform == "win32":
        import subprocess

        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def stop_without_supervisor() -> None:
    """Let this process stop gracefully when its supervisor closes its stdin, on purpose or by dying."""
    threading.Thread(target=_await_the_end, name="treadle-lifeline", daemon=True).start()


def _await_the_end() -> None:
    while os.read(0, 4096):
        pass
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        os._exit(Exit.OK)  # it has not even begun
    _thread.interrupt_main(signal.SIGTERM)


@contextmanager
def stopping(supervisor: Supervisor) -> Any:
    """Stop the supervisor at SIGTERM and Ctrl-C."""
    loop = asyncio.get_running_loop()

    def heard(number: int, frame: object) -> None:
        loop.call_soon_threadsafe(supervisor.stop)

    before = {number: signal.signal(number, heard) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
