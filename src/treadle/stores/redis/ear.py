"""Hearing that work has come: a subscription on a connection of its own."""

from collections import deque
from collections.abc import Awaitable, Callable

from redis.asyncio.connection import AbstractConnection

from treadle.stores.ear import answering


class Subscription:
    """Hears what is published on one channel."""

    def __init__(self, connect: Callable[[], Awaitable[AbstractConnection]], channel: str) -> None:
        self._connect, self._channel = connect, channel
        self._connection: AbstractConnection | None = None
        self._heard: deque[object] = deque()
        """Words that came in place of an answer."""

    async def listen(self) -> None:
        self._connection = await self._connect()
        async with answering():
            await self._connection.send_command("SUBSCRIBE", self._channel)
            await self._connection.read_response()

    async def hear(self, within: float) -> object:
        if self._heard:
            return self._heard.popleft()
        told: object = await self._open.read_response(timeout=within)
        return told

    async def test(self) -> None:
        async with answering():
            await self._open.send_command("PING")
            while (told := await self._open.read_response())[0] != b"pong":
                self._heard.append(told)

    async def close(self) -> None:
        if self._connection:
            await self._connection.disconnect(nowait=True)

    @property
    def _open(self) -> AbstractConnection:
        assert self._connection, "it does not listen yet"
        return self._connection
