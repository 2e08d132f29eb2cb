"""A worker's lease in PostgreSQL, over a connection of its own that no busy event loop holds up."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence

from treadle.core.errors import StoreUnavailable
from treadle.core.job import Report, WorkerInfo
from treadle.stores.door import Door
from treadle.stores.postgres import verbs
from treadle.stores.postgres.errors import explained
from treadle.stores.postgres.lines import Lines
from treadle.stores.postgres.settings import PostgresSettings
from treadle.stores.postgres.statements import Statements

#: A beat that has no answer after so many seconds, or after this share of its lease, is given up: the worker must hear
#: in time that it is silent.
LONGEST, SHARE = 2.0, 5


class PostgresHeart:
    """Renews the lease; blocking, for one thread. Its connection lives in the store's background thread."""

    def __init__(
        self,
        door: Door,
        connect: Callable[[], Awaitable[Lines]],
        sql: Statements,
        settings: PostgresSettings,
        worker: WorkerInfo,
    ) -> None:
        self._door, self._connect, self._sql, self._settings, self._worker = door, connect, sql, settings, worker
        self._lines: Lines | None = None
        self._process, self._parents = os.getpid(), list[Lines | None]()
        self._used = self.closed = False

    def beat(self, lease: int, reports: Sequence[Report] = ()) -> Mapping[str, bool]:
        self._used = True
        return self._door(self._beat(lease, reports))

    def leave(self) -> None:
        self._used = True
        self._door(self._leave())

    def close(self) -> None:
        """End its connection for good, also in the middle of a beat."""
        self.closed = True
        if self._used:
            self._door(self._close())

    # -- in the background thread ------------------------------------------------------

    async def _beat(self, lease: int, reports: Sequence[Report]) -> Mapping[str, bool]:
        with explained(self._settings):
            async with asyncio.timeout(min(LONGEST, lease / 1000 / SHARE)):
                lines = await self._line()
                return await lines(lambda: verbs.beat(self._sql, self._worker, lease, reports), alone=not reports)

    async def _leave(self) -> None:
        with explained(self._settings):
            async with asyncio.timeout(LONGEST):
                lines = await self._line()
                await lines(lambda: verbs.bury(self._sql, [self._worker.id]), alone=True)

    async def _close(self) -> None:
        self._let_the_parents_be()
        self._used = False
        lines, self._lines = self._lines, None
        if lines:
            await lines.close()

    async def _line(self) -> Lines:
        self._let_the_parents_be()
        lines = self._lines or await self._connect()
        if self.closed:
            raise StoreUnavailable("This worker's lease is renewed no more: its heart, or its store, was closed.")
        self._lines = lines
        return lines

    def _let_the_parents_be(self) -> None:
        """Keep a parent's connection alive after a fork, for its end would be told to the server."""
        if self._process != os.getpid():
            self._parents.append(self._lines)
            self._process, self._lines = os.getpid(), None
