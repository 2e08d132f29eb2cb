"""A worker's lease in PostgreSQL, over a connection of its own that no busy event loop holds up."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from treadle.core.errors import StoreError, StoreUnavailable
from treadle.core.job import Claim, Ending, Report, WorkerInfo
from treadle.stores.door import Door
from treadle.stores.postgres import verbs
from treadle.stores.postgres.errors import explained
from treadle.stores.postgres.holdings import Held, Holdings
from treadle.stores.postgres.lines import Lines
from treadle.stores.postgres.settings import PostgresSettings
from treadle.stores.postgres.statements import Statements
from treadle.stores.steps import Steps, T

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
        self._holdings = Holdings()
        self._lines: Lines | None = None
        self._process, self._parents = os.getpid(), list[Lines | None]()
        self._used = self.closed = False

    def note(self, worker: str, claims: Iterable[Claim], ended: Iterable[Ending] = ()) -> None:
        """Note, from any thread, what a worker was given and what it has ended, if it is this one."""
        if worker == self._worker.id and not self.closed:
            self._holdings.note(claims, ended)

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
        patience, known = min(LONGEST, lease / 1000 / SHARE), self._holdings.known()
        refs = [ref for ref, _ in known]
        held = await self._ask(
            lambda: verbs.beat(self._sql, self._worker, lease, reports, refs), patience, alone=not reports
        )
        self._holdings.hear(known, _claims(held))
        if self._holdings.due():
            held += await self._look(patience)
        return {each.id: each.asked for each in held}

    async def _look(self, patience: float) -> list[verbs.Holding]:
        """Read what else the worker holds. The beat is done: if this takes too long, it fails nobody."""
        try:
            held, took = await self._ask(lambda: verbs.held(self._sql, self._worker.id), patience, alone=True)
        except StoreError:
            if not self._holdings.complete:
                raise
            self._holdings.give_up(patience)
            return []
        self._holdings.look(_claims(held), took)
        return held

    async def _leave(self) -> None:
        await self._ask(lambda: verbs.bury(self._sql, [self._worker.id]), LONGEST, alone=True)

    async def _ask(self, verb: Callable[[], Steps[T]], patience: float, *, alone: bool) -> T:
        with explained(self._settings):
            async with asyncio.timeout(patience):
                lines = await self._line()
                return await lines(verb, alone=alone)

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


def _claims(held: Iterable[verbs.Holding]) -> frozenset[Held]:
    return frozenset((each.ref, each.epoch) for each in held)
