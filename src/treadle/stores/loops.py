"""One value for each event loop: network drivers bind a connection to the loop that it was made in.

A value is closed with its loop, by the way that asyncio offers for it: an asynchronous generator that is still waiting
is told to end when its loop shuts down (`loop.shutdown_asyncgens`, which `asyncio.run` calls).
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerLoop(Generic[T]):
    """Makes a value at a loop's first question. A child process after a fork begins anew and closes nothing."""

    def __init__(self, make: Callable[[], Awaitable[T]], close: Callable[[T], Awaitable[None]]) -> None:
        self._make, self._close = make, close
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._making: dict[asyncio.AbstractEventLoop, asyncio.Task[T]] = {}
        self._kept: dict[asyncio.AbstractEventLoop, T] = {}
        self._keepers: dict[asyncio.AbstractEventLoop, AsyncGenerator[None, None]] = {}
        self._parents: list[object] = []
        """What a parent process has open: kept alive here, for its end would be told to the server."""

    async def get(self) -> T:
        """Give this loop's value; what `make` raises is raised to all who wait for it."""
        loop = asyncio.get_running_loop()
        if self._process != os.getpid():
            self._begin_anew()
        if loop in self._kept:
            return self._kept[loop]
        if loop not in self._making:
            self._making[loop] = loop.create_task(self._fill(loop))
        return await asyncio.shield(self._making[loop])

    async def close(self) -> None:
        """Close the values of all loops that still run."""
        if self._process != os.getpid():
            self._begin_anew()
        mine = asyncio.get_running_loop()
        for loop in list(self._keepers):
            if loop is mine:
                await self._let_go(loop)
            elif loop.is_running():
                with contextlib.suppress(RuntimeError):  # it has ended meanwhile, and closed its value
                    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._let_go(loop), loop))

    async def _fill(self, loop: asyncio.AbstractEventLoop) -> T:
        try:
            value = await self._make()
        finally:
            self._making.pop(loop, None)
        self._kept[loop] = value
        keeper = self._keepers[loop] = self._keep(loop, value)
        await anext(keeper)
        return value

    async def _keep(self, loop: asyncio.AbstractEventLoop, value: T) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._keepers.pop(loop, None)
            if self._kept.pop(loop, None) is not None:
                await self._close(value)

    async def _let_go(self, loop: asyncio.AbstractEventLoop) -> None:
        keeper = self._keepers.get(loop)
        if keeper is not None:
            await keeper.aclose()

    def _begin_anew(self) -> None:
        with self._lock:
            if self._process != os.getpid():
                self._parents += [self._making, self._kept, self._keepers]
                self._making, self._kept, self._keepers = {}, {}, {}
                self._process = os.getpid()
