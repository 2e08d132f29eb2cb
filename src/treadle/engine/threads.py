"""Own threads for plain functions: a thread that hangs can be written off, which an executor's cannot.

Results go back to the event loop in bursts: one wake-up for all that ended meanwhile.
"""

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    """Runs calls in as many threads as were ever needed at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._clean = loop, copy_context()
        self._work: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._ended: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._waking = False
        self._free = self._threads = 0

    def run(self, call: Callable[[], T]) -> "asyncio.Future[T]":
        """Run this call in a thread. Cancelling the future writes the thread off until it comes back by itself."""
        answer: asyncio.Future[T] = self._loop.create_future()
        answer.add_done_callback(self._released)
        self._free -= 1
        if self._free < 0:
            self._start()
        self._work.put((call, answer))
        return answer

    def close(self) -> None:
        """Let idle threads end. One that is still busy ends with its call; it holds nothing up."""
        for _ in range(self._threads):
            self._work.put(None)

    def _start(self) -> None:
        self._free += 1
        self._threads += 1
        threading.Thread(target=self._live, name=f"treadle-thread-{self._threads}", daemon=True).start()

    def _released(self, answer: "asyncio.Future[Any]") -> None:
        # A call that was given up still occupies its thread; it counts as free once the thread is back.
        if not answer.cancelled():
            self._free += 1

    def _live(self) -> None:
        while (item := self._work.get()) is not None:
            call, answer = item
            try:
                value, error = self._clean.copy().run(call), None
            except BaseException as raised:  # noqa: BLE001 - handed to the loop
                value, error = None, raised
            self._ended.append((answer, value, error))
            if not self._waking:
                self._waking = True
                try:
                    self._loop.call_soon_threadsafe(self._deliver)
                except RuntimeError:  # the loop is closed: nobody waits any more
                    return

    def _deliver(self) -> None:
        self._waking = False
        while self._ended:
            answer, value, error = self._ended.popleft()
            if answer.cancelled():
                self._free += 1
            elif error is not None:
                answer.set_exception(_tame(error))
            else:
                answer.set_result(value)


def _tame(error: BaseException) -> BaseException:
    # A future cannot carry these: they would stop the loop instead of the job.
    if isinstance(error, (StopIteration, KeyboardInterrupt, SystemExit, GeneratorExit)):
        return RuntimeError(f"the task raised {type(error).__name__}: {error}")
    return error
