"""The connections of one event loop, and how a verb travels over one."""

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
    """A pool, made by `connect`. A connection that broke is replaced at its next use."""

    def __init__(self, pool: asyncpg.Pool, settings: PostgresSettings, pooled: bool) -> None:
        self._pool, self._settings = pool, settings
        self._relaxed_each_time = pooled and settings.durability == "fast"

    async def __call__(self, verb: Callable[[], Steps[T]], *, alone: bool = False) -> T:
        """Take a verb's steps in one transaction; `alone`: without, for only one of them changes anything.

        A verb that lost a race against another (a deadlock, say) is begun again. Raises StoreError.
        """
        for _ in range(TRIES):
            try:
                with explained(self._settings):
                    return await self._take(verb(), alone and not self._relaxed_each_time)
            except LOST_RACES:
                await asyncio.sleep(random.random() * REST)
        raise StoreUnavailable(
            f"PostgreSQL, {place_of(self._settings)}: others change the same jobs all the time; try again."
        )

    async def _take(self, steps: Steps[T], alone: bool) -> T:
        async with self._pool.acquire(timeout=self._settings.call_timeout) as connection:
            execute = partial(fetch, connection)
            if alone:
                return await atake(steps, execute)
            async with connection.transaction():
                if self._relaxed_each_time:
                    await execute(RELAX)
                return await atake(steps, execute)

    async def close(self) -> None:
        """End all connections; one that does not answer is cut."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1):
                await self._pool.close()
            return
        self._pool.terminate()


async def fetch(connection: Any, step: Step) -> Rows:
    """Take one step on a connection of asyncpg's."""
    rows: Rows = await connection.fetch(step.statement, *step.values)
    return rows


async def connect(settings: PostgresSettings, pooled: bool, size: int | None = None) -> Lines:
    """Make the connections of the running loop; none is opened before its first use."""
    pool = asyncpg.create_pool(
        settings.dsn,
        min_size=0,
        max_size=size or settings.pool,
        timeout=settings.connect_timeout,
        command_timeout=settings.call_timeout,
        # Behind a pooler a prepared statement may be asked for on another connection of the server's.
        statement_cache_size=0 if pooled else 200,
        init=None if pooled else partial(_prepare, relaxed=settings.durability == "fast"),
        reset=_leave_as_it_is,
        server_settings={"application_name": "treadle"},
    )
    return Lines(await pool, settings, pooled)


async def _prepare(connection: asyncpg.Connection, relaxed: bool) -> None:
    # Compiling a plan costs more than any of ours takes.
    await connection.execute("SET jit = off" + ("; SET synchronous_commit = off" if relaxed else ""))


async def _leave_as_it_is(connection: asyncpg.Connection) -> None:
    """Nothing of ours stays on a connection; resetting it would cost a round trip a call."""
