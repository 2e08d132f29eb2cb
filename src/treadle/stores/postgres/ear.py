"""Hearing that work has come: LISTEN on a connection of its own, or a look now and then where none can be kept."""

import asyncio
import contextlib
import itertools
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

import asyncpg

from treadle.core.errors import StoreError
from treadle.stores.door import Door
from treadle.stores.postgres.errors import explained
from treadle.stores.postgres.settings import PostgresSettings

log = logging.getLogger("treadle.stores")

Hint = Callable[[], None]

#: Seconds between hints where a pooler passes no notifications on.
POLL = 0.2

#: Seconds between two tries to listen again, the first and the longest.
PATIENCE, LONGEST = 0.1, 1.0


class Ear:
    """Passes on to this process's subscribers what the server tells. A child process after a fork begins anew."""

    def __init__(self, settings: PostgresSettings, door: Door, is_pooled: Callable[[], Awaitable[bool]]) -> None:
        self._settings, self._door, self._is_pooled = settings, door, is_pooled
        self._numbers = itertools.count()
        self._parents: list[Future[None] | None] = []
        """What listens in a parent process: kept alive after a fork, for its end would be told to the server."""
        self._listening: Future[None] | None = None
        self._begin()

    def _begin(self) -> None:
        self._parents.append(self._listening)
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._hints: dict[int, Hint] = {}
        self._listening = None

    def subscribe(self, hint: Hint) -> Callable[[], None]:
        """Call this hint, from any thread, until the answered function is called."""
        if self._process != os.getpid():
            self._begin()
        with self._lock:
            number = next(self._numbers)
            self._hints[number] = hint
            if self._listening is None:
                self._listening = self._door.start(self._listen())
        return lambda: self._leave(number)

    def tell(self) -> None:
        """Tell those who wait in this process."""
        for hint in list(self._hints.values()):
            hint()

    def close(self) -> None:
        """Listen no more."""
        if self._process != os.getpid():
            return
        with self._lock:
            listening, self._listening = self._listening, None
        if listening:
            listening.cancel()

    def _leave(self, number: int) -> None:
        if self._process != os.getpid():
            return
        with self._lock:
            self._hints.pop(number, None)
            idle = not self._hints
        if idle:
            self.close()

    async def _listen(self) -> None:
        patience = PATIENCE
        while True:
            try:
                with explained(self._settings):
                    pooled = await self._is_pooled()
                    await (self._look_now_and_then() if pooled else self._hear())
                patience = PATIENCE
            except StoreError as error:
                log.debug("the connection that listens is made again: %s", error)
            await asyncio.sleep(patience)
            patience = min(LONGEST, patience * 2)

    async def _look_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(POLL)
            self.tell()

    async def _hear(self) -> None:
        """Listen until the connection ends."""
        ended = asyncio.Event()
        connection = await asyncpg.connect(
            self._settings.dsn, timeout=self._settings.connect_timeout, server_settings={"application_name": "treadle"}
        )
        try:
            connection.add_termination_listener(lambda _: ended.set())
            await connection.add_listener(self._settings.channel, self._told)
            self.tell()  # something may have come before
            await ended.wait()
        finally:
            with contextlib.suppress(Exception):
                await connection.close(timeout=1)

    def _told(self, *_: Any) -> None:
        self.tell()
