"""The one door for code that is not async: a thread with an event loop that runs coroutines for it."""

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Door:
    """Runs coroutines for callers that have no loop, or whose loop may be busy.

    The thread starts at the first call, again after a fork.
    """

    def __init__(self, name: str = "treadle-door") -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process = 0
        self._parents: list[asyncio.AbstractEventLoop | None] = []
        """A parent process's loop: kept alive after a fork, for the end of what is open there would be told."""

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run this coroutine and wait for its answer."""
        return self.start(coroutine).result()

    def start(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        """Run this coroutine and do not wait."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._running_loop())

    def close(self) -> None:
        """End the thread, and what still runs there."""
        with self._lock:
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if loop and thread and self._process == os.getpid():
            loop.call_soon_threadsafe(loop.stop)
            if thread is not threading.current_thread():
                thread.join()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._process != os.getpid():
                self._parents.append(self._loop)
                self._process = os.getpid()
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_turn, args=(self._loop,), name=self._name, daemon=True)
                self._thread.start()
            return self._loop


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        while tasks := asyncio.all_tasks(loop):  # one that ends may leave something to be done
            loop.run_until_complete(_let_go(tasks))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _let_go(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel what somebody still waits for in another thread, so that nobody waits for ever."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
