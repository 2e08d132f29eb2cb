"""Hearing that work has come: LISTEN on a connection of its own, or a look now and then where none can be kept."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import asyncpg

from treadle.stores.ear import answering
from treadle.stores.postgres.errors import explained
from treadle.stores.postgres.settings import PostgresSettings

#: Seconds between hints where a pooler passes no notifications on.
POLL = 0.2

#: Seconds that the end of a connection may take.
FAREWELL = 1


class Notifications:
    """Hears what is notified on the channel of our schema."""

    def __init__(self, settings: PostgresSettings) -> None:
        self._settings = settings
        self._connection: Any = None
        self._stirred = asyncio.Event()
        """Something was notified, or the connection has ended."""

    async def listen(self) -> None:
        with explained(self._settings):
            self._connection = await asyncpg.connect(
                self._settings.dsn,
                timeout=self._settings.connect_timeout,
                server_settings={"application_name": "treadle"},
            )
            self._connection.add_termination_listener(self._stir)
            await self._ask(self._connection.add_listener(self._settings.channel, self._stir))

    async def hear(self, within: float) -> object:
        try:
            async with asyncio.timeout(within):
                await self._stirred.wait()
        except TimeoutError:
            return None
        if self._connection.is_closed():
            raise ConnectionError("the server has ended the connection")
        self._stirred.clear()
        return True

    async def test(self) -> None:
        with explained(self._settings):
            await self._ask(self._connection.execute("SELECT 1"))

    async def close(self) -> None:
        if self._connection:
            await self._connection.close(timeout=FAREWELL)

    def _stir(self, *_: object) -> None:
        self._stirred.set()

    async def _ask(self, call: Awaitable[object]) -> None:
        try:
            async with answering():
                await call
        except BaseException:
            # At once: the driver would ask the server to cancel the call, and wait for that on the same silent wire.
            self._connection.terminate()
            raise


class Glances:
    """Takes it that work may have come whenever a while has passed."""

    async def listen(self) -> None:
        """Do nothing: there is no connection."""

    async def hear(self, within: float) -> object:
        await asyncio.sleep(POLL)
        return True

    async def test(self) -> None:
        """Do nothing: it is never silent."""

    async def close(self) -> None:
        """Do nothing: there is no connection."""
