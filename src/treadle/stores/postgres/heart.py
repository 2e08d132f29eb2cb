"""A worker's lease in PostgreSQL, over a connection of its own that no busy event loop holds up."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence

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
        self.closed = False

    def beat(self, lease: int, reports: Sequence[Report] = ()) -> Mapping[str, bool]:
        return self._door(self._beat(lease, reports))

    def leave(self) -> None:
        self._door(self._leave())

    def close(self) -> None:
        self._leave_the_parents()
        lines, self._lines, self.closed = self._lines, None, True
        if lines:
            self._door(lines.close())

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

    async def _line(self) -> Lines:
        self._leave_the_parents()
        if self._lines is None:
            self._lines = await self._connect()
        return self._lines

    def _leave_the_parents(self) -> None:
        """After a fork, let the parent's connection be: kept alive here, for its end would be told to the server."""
        if self._process != os.getpid():
            self._parents.append(self._lines)
            self._process, self._lines = os.getpid(), None
