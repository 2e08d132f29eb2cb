"""Hearing from a server that work has come. How a server tells it is each store's own: its `Line`."""

import asyncio
import contextlib
import itertools
import logging
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from typing import Protocol

from treadle.stores.door import Door

log = logging.getLogger("treadle.stores")

Hint = Callable[[], None]

#: Seconds between two tries to listen again, the first and the longest.
PATIENCE, LONGEST = 0.1, 1.0

#: Seconds of silence after which a line is tested, and in which it must answer then.
SILENCE, ANSWER = 10.0, 5.0


class Line(Protocol):
    """A connection on which a server tells that work has come. Each call may raise whatever its driver raises."""

    async def listen(self) -> None:
        """Connect and subscribe."""

    async def hear(self, within: float) -> object:
        """Wait for the next word; None after so many seconds of silence."""

    async def test(self) -> None:
        """Ask a silent connection whether it lives; raises if it does not. Words that come meanwhile are kept."""

    async def close(self) -> None:
        """End the connection, in whatever state it is."""


MakeLine = Callable[[], Awaitable[Line]]


def answering() -> asyncio.Timeout:
    """Limit the time in which a server has to answer on a line."""
    return asyncio.timeout(ANSWER)


class Ear:
    """Passes on to this process's subscribers what a server tells. A child process after a fork begins anew."""

    def __init__(self, door: Door, make_line: MakeLine) -> None:
        self._door, self._make_line = door, make_line
        self._listeners: dict[int, Listener] = {}
        """By process. A parent's is kept alive after a fork, for its end would be told to the server."""

    @property
    def _listener(self) -> "Listener":
        # Without a lock: another thread may have held it at the moment of a fork, and nobody would ever release it.
        process = os.getpid()
        known = self._listeners.get(process)
        return known or self._listeners.setdefault(process, Listener(self._door, self._make_line))

    def subscribe(self, hint: Hint) -> Callable[[], None]:
        """Call this hint, from any thread, until the answered function is called."""
        listener = self._listener
        number = listener.join(hint)

        def leave() -> None:
            if listener is self._listener:  # in a child process it is the parent's
                listener.leave(number)

        return leave

    def tell(self) -> None:
        """Tell those who wait in this process."""
        self._listener.tell()

    def close(self) -> None:
        """Listen no more, until somebody subscribes again."""
        self._listener.close()


class Listener:
    """What an ear has in one process: its subscribers, and while there are any a task that listens for them."""

    def __init__(self, door: Door, make_line: MakeLine) -> None:
        self._door, self._make_line = door, make_line
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._hints: dict[int, Hint] = {}
        self._listening: Future[None] | None = None

    def join(self, hint: Hint) -> int:
        """Add a subscriber, and answer the number by which it leaves."""
        with self._lock:
            number = next(self._numbers)
            self._hints[number] = hint
            if self._listening is None or self._listening.done():  # done: it has ended with the door
                self._listening = self._door.start(self._listen())
        return number

    def leave(self, number: int) -> None:
        """Forget a subscriber; the last one ends the listening."""
        with self._lock:  # for both: who joins between them would not be heard
            self._hints.pop(number, None)
            if not self._hints:
                self._stop()

    def tell(self) -> None:
        """Tell all subscribers."""
        for hint in list(self._hints.values()):
            try:
                hint()
            except Exception as error:  # noqa: BLE001 - it must not keep the others from hearing
                log.debug("a subscriber could not be told that work has come: %r", error)

    def close(self) -> None:
        """Listen no more, whoever is subscribed."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        listening, self._listening = self._listening, None
        if listening:
            listening.cancel()

    # -- in the door's thread --------------------------------------------------------

    async def _listen(self) -> None:
        patience = PATIENCE
        while True:
            try:
                async with self._connected() as line:
                    patience = PATIENCE
                    self.tell()  # something may have come before
                    await self._hear(line)
            except Exception as error:  # noqa: BLE001 - nobody awaits this: it would end all hints
                log.debug("the connection that listens is made again: %r", error)
            await asyncio.sleep(patience)
            patience = min(LONGEST, patience * 2)

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Line]:
        line = await self._make_line()
        try:
            await line.listen()
            yield line
        finally:
            with contextlib.suppress(Exception):  # it is given up whatever happens
                await line.close()

    async def _hear(self, line: Line) -> None:
        """Pass on what comes until the connection ends; whether a silent one lives only its answer can tell."""
        while True:
            if await line.hear(SILENCE) is None:
                await line.test()
            else:
                self.tell()
