"""The connections of one event loop, and how a verb travels over one.

No pool of the driver's: its bookkeeping costs as much as the rest of a short call, and nothing of ours stays on a
connection that would have to be reset.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import asyncpg

from treadle.core.errors import StoreUnavailable
from treadle.stores.postgres.errors import LOST_RACES, explained
from treadle.stores.postgres.settings import PostgresSettings, place_of
from treadle.stores.steps import Rows, Step, Steps, T, atake

#: How often a verb that lost a race is begun again, and the most seconds it rests before.
TRIES, REST = 5, 0.02

RELAX = Step("SELECT set_config('synchronous_commit', 'off', true)")


class Lines:
    """As many connections as are needed at once, made at their first use. One that broke is replaced."""

    def __init__(self, settings: PostgresSettings, pooled: bool, size: int | None = None) -> None:
        self._settings, self._pooled = settings, pooled
        self._free = asyncio.Semaphore(size or settings.pool)
        self._idle: list[asyncpg.Connection] = []
        self._busy: set[asyncpg.Connection] = set()
        self._relaxed_each_time = pooled and settings.durability == "fast"

    async def __call__(self, verb: Callable[[], Steps[T]], *, alone: bool = False) -> T:
        """Take a verb's steps in one transaction; `alone`: without, for only one of them changes anything.

        A verb that lost a race against another (a deadlock, say) is begun again. Raises StoreError.
        """
        for _ in range(TRIES):
            try:
                return await self.once(verb, alone=alone)
            except LOST_RACES:
                await asyncio.sleep(random.random() * REST)
        raise StoreUnavailable(
            f"PostgreSQL, {place_of(self._settings)}: others change the same jobs all the time; try again."
        )

    async def once(self, verb: Callable[[], Steps[T]], *, alone: bool = False) -> T:
        """Take a verb's steps as a call does, but raise the driver's error where it lost a race."""
        with explained(self._settings):
            async with self._free:
                return await self._take(verb(), alone and not self._relaxed_each_time)

    async def _take(self, steps: Steps[T], alone: bool) -> T:
        connection = await self._pick_up()
        self._busy.add(connection)
        try:
            execute = partial(fetch, connection)
            if alone:
                answer = await atake(steps, execute)
            else:
                async with connection.transaction():
                    if self._relaxed_each_time:
                        await execute(RELAX)
                    answer = await atake(steps, execute)
        except asyncpg.PostgresError:
            self._put_down(connection)
            raise
        except BaseException:  # cut off in the middle: whatever state it is in, nobody shall use it
            connection.terminate()
            raise
        finally:
            self._busy.discard(connection)
        self._put_down(connection)
        return answer

    async def _pick_up(self) -> asyncpg.Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        connection = await asyncpg.connect(
            self._settings.dsn,
            timeout=self._settings.connect_timeout,
            command_timeout=self._settings.call_timeout,
            # Behind a pooler a prepared statement may be asked for on another connection of the server's.
            statement_cache_size=0 if self._pooled else 200,
            server_settings={"application_name": "treadle"},
        )
        if not self._pooled:
            relaxed = "; SET synchronous_commit = off" if self._settings.durability == "fast" else ""
            # Compiling a plan costs more than any of ours takes.
            await connection.execute("SET jit = off" + relaxed)
        return connection

    def _put_down(self, connection: asyncpg.Connection) -> None:
        if not connection.is_closed():
            self._idle.append(connection)

    async def close(self) -> None:
        """End all connections; one that is still in use, or does not answer, is cut."""
        idle, self._idle = self._idle, []
        for connection in self._busy:
            connection.terminate()
        with contextlib.suppress(Exception):
            await asyncio.gather(*(connection.close(timeout=1) for connection in idle))


async def fetch(connection: Any, step: Step) -> Rows:
    """Take one step on a connection of asyncpg's."""
    rows: Rows = await connection.fetch(step.statement, *step.values)
    return rows
