"""Hearing that work has come: a subscription on a connection of its own."""

import asyncio
import itertools
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from treadle.core.errors import StoreError
from treadle.stores.door import Door

log = logging.getLogger("treadle.stores")

Hint = Callable[[], None]

#: Seconds between two tries to listen again, the first and the longest.
PATIENCE, LONGEST = 0.1, 1.0

#: Seconds of silence after which the connection is tried, and in which it must answer then.
SILENCE, ANSWER = 10.0, 5.0


class Ear:
    """Passes on to this process's subscribers what is published."""

    def __init__(self, door: Door, channel: str, connect: Callable[[], Awaitable[AbstractConnection]]) -> None:
        self._door, self._channel, self._connect = door, channel, connect
        self._hints: dict[int, Hint] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._listening: Future[None] | None = None

    def subscribe(self, hint: Hint) -> Callable[[], None]:
        """Call this hint, from any thread, until the answered function is called."""
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
        with self._lock:
            listening, self._listening = self._listening, None
        if listening:
            listening.cancel()

    def _leave(self, number: int) -> None:
        with self._lock:
            self._hints.pop(number, None)
            idle = not self._hints
        if idle:
            self.close()

    async def _listen(self) -> None:
        patience = PATIENCE
        while True:
            try:
                connection = await self._connect()
                patience = PATIENCE
                await self._hear(connection)
            except (RedisError, StoreError, OSError, TimeoutError) as error:
                log.debug("the connection that listens is made again: %s", error)
            await asyncio.sleep(patience)
            patience = min(LONGEST, patience * 2)

    async def _hear(self, connection: AbstractConnection) -> None:
        """Listen until the connection ends."""
        try:
            await connection.send_command("SUBSCRIBE", self._channel)
            while True:
                kind = await self._next_word(connection)
                if kind in (b"subscribe", b"message"):  # something may have come before the subscription
                    self.tell()
        finally:
            await connection.disconnect(nowait=True)

    async def _next_word(self, connection: AbstractConnection) -> object:
        """Wait for what is published; a connection that is silent for long is asked whether it still works."""
        told = await connection.read_response(timeout=SILENCE)
        if told is None:
            await connection.send_command("PING")
            told = await connection.read_response(timeout=ANSWER)
        if told is None:
            raise TimeoutError("the connection that listens fell silent")
        return told[0]
