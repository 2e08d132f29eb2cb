"""The connections of one event loop to one server, and how calls travel over them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import ResponseError

pack: Callable[[Any], bytes] | None
try:
    from hiredis import pack_command as pack
except ImportError:  # the driver's own way is slower
    pack = None

Word: TypeAlias = str | bytes | int
Command: TypeAlias = tuple[Word, ...]

#: Connections at most; whoever comes then waits for one.
MOST = 16

#: Seconds after which a connection that nobody used may have been closed without our having heard of it.
STALE = 0.001


class _Idle(NamedTuple):
    connection: AbstractConnection
    since: float


class Lines:
    """Connections, made by `connect` when all others are in use. One that broke is given up."""

    def __init__(self, connect: Callable[[], Awaitable[AbstractConnection]]) -> None:
        self._connect = connect
        self._idle: list[_Idle] = []
        self._room = asyncio.Semaphore(MOST)
        self._loop = asyncio.get_running_loop()
        self._closed = False

    async def ask(self, commands: Sequence[Command], patience: float) -> list[Any]:
        """Send these together and answer what came of each; what the server refused is an error among the answers.

        It is tried once. Raises the driver's errors, TimeoutError after so many seconds.
        """
        async with asyncio.timeout(patience), self._room:
            connection = await self._take()
            try:
                await connection.send_packed_command(_packed(connection, commands), check_health=False)
                answers = [await _read(connection) for _ in commands]
            except BaseException:
                await connection.disconnect(nowait=True)
                raise
            await self._put_back(connection)
            return answers

    async def drop(self) -> None:
        """Close the connections that nobody uses."""
        idle, self._idle = self._idle, []
        for connection, _ in idle:
            await connection.disconnect(nowait=True)

    async def close(self) -> None:
        self._closed = True
        await self.drop()

    async def _take(self) -> AbstractConnection:
        while self._idle:
            connection, since = self._idle.pop()
            try:
                usable = await _is_open(connection, self._loop.time() - since > STALE)
            except BaseException:
                await connection.disconnect(nowait=True)
                raise
            if usable:
                return connection
            await connection.disconnect(nowait=True)
        return await self._connect()

    async def _put_back(self, connection: AbstractConnection) -> None:
        if self._closed:
            await connection.disconnect(nowait=True)
        else:
            self._idle.append(_Idle(connection, self._loop.time()))


def _packed(connection: AbstractConnection, commands: Sequence[Command]) -> bytes:
    if pack is None:
        return b"".join(piece for command in commands for piece in connection.pack_command(*command))
    return b"".join([pack(command) for command in commands])


async def _read(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return error


async def _is_open(connection: AbstractConnection, stale: bool) -> bool:
    """Look whether the other end has closed it: nothing was sent yet, so that another can be used."""
    if stale:
        for _ in range(2):  # the loop hears of the end in the first round, and tells in the second
            await asyncio.sleep(0)
    look = getattr(connection, "can_read", None) or connection.can_read_destructive
    try:
        return not await look()
    except (Disconnected, OSError):
        return False
