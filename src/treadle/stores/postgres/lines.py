"""The connections of one event loop, and how a verb travels over one.

No pool of the driver's: its bookkeeping costs as much as the rest of a short call, and nothing of ours stays on a
connection that would have to be reset.
"""

import asyncio
import contextlib
import random
import select
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import asyncpg

from treadle.core.errors import StoreUnavailable, TreadleError
from treadle.stores.postgres.errors import LOST_RACES, explained
from treadle.stores.postgres.settings import PostgresSettings, place_of
from treadle.stores.steps import Rows, Step, Steps, T, atake

#: How often a verb that lost a race is begun again, and the most seconds it rests before.
TRIES, REST = 5, 0.02

#: Each of our statements sees what is there when it begins, whatever the database prefers: no claim fails for a race.
ISOLATION = "ISOLATION LEVEL READ COMMITTED"

RELAX = Step("SELECT set_config('synchronous_commit', 'off', true)")

#: Seconds that the server may take to give up what nobody waits for any more.
FAREWELL = 1.0


class Lines:
    """As many connections as are needed at once, made at their first use. One that broke is replaced."""

    def __init__(
        self, settings: PostgresSettings, pooled: bool, size: int | None = None, *, by_index: bool = False
    ) -> None:
        self._settings, self._pooled, self._by_index = settings, pooled, by_index
        self._free = asyncio.Semaphore(size or settings.pool)
        self._idle: list[asyncpg.Connection] = []
        self._busy: set[asyncpg.Connection] = set()
        self._leaving: set[asyncio.Task[None]] = set()
        self._relaxed_each_time = pooled and settings.durability == "fast"
        self._closed = False

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
                return await self._use(partial(self._take, verb(), alone and not self._relaxed_each_time))

    async def _use(self, act: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Act on a connection; whoever finds it in an unknown state must not use it again."""
        connection = await self._pick_up()
        self._busy.add(connection)
        try:
            answer = await act(connection)
        except (asyncpg.PostgresError, TreadleError):
            self._put_down(connection)
            raise
        except BaseException as error:  # cut off in the middle
            self._part_with(connection)
            if isinstance(error, TimeoutError):  # the others may lead into the same silence, and each would be tried
                self._part_with_idle()
            raise
        finally:
            self._busy.discard(connection)
        self._put_down(connection)
        return answer

    async def _take(self, steps: Steps[T], alone: bool, connection: asyncpg.Connection) -> T:
        execute = partial(fetch, connection)
        if alone:
            return await atake(steps, execute)
        # Not the driver's own block: at its end it would ask a server for a ROLLBACK that may be silent for ever.
        await connection.execute(f"BEGIN {ISOLATION}")
        try:
            if self._relaxed_each_time:
                await execute(RELAX)
            answer = await atake(steps, execute)
            await connection.execute("COMMIT")
        except (asyncpg.PostgresError, TreadleError):
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
            raise
        return answer

    async def _pick_up(self) -> asyncpg.Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                if is_quiet(connection):
                    return connection
                connection.terminate()
        connection = await asyncpg.connect(
            self._settings.dsn,
            timeout=self._settings.connect_timeout,
            command_timeout=self._settings.call_timeout,
            # Behind a pooler a prepared statement may be asked for on another connection of the server's.
            statement_cache_size=0 if self._pooled else 200,
            server_settings={"application_name": "treadle"},
        )
        try:
            await self._prepare(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _prepare(self, connection: asyncpg.Connection) -> None:
        """Set what stays with a connection."""
        if not self._pooled:
            # Compiling a plan costs more than any of ours takes.
            wishes = f"SET jit = off; SET SESSION CHARACTERISTICS AS TRANSACTION {ISOLATION}"
            relaxed = "; SET synchronous_commit = off" if self._settings.durability == "fast" else ""
            # What is planned while there are no jobs is kept, and done so when there are many.
            by_index = "; SET enable_seqscan = off" if self._by_index else ""
            await connection.execute(wishes + relaxed + by_index)
        if self._closed:
            raise StoreUnavailable(f"PostgreSQL, {place_of(self._settings)}: this store was closed meanwhile.")

    def _put_down(self, connection: asyncpg.Connection) -> None:
        if self._closed:
            connection.terminate()
        elif not connection.is_closed():
            self._idle.append(connection)

    def _part_with(self, connection: asyncpg.Connection) -> None:
        """Give a connection up, in the background; the server is told to end what it does there."""
        leaving = asyncio.get_running_loop().create_task(_part(connection))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    def _part_with_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            self._part_with(connection)

    async def close(self) -> None:
        """End all connections for good; one that is still in use, or does not answer, is cut."""
        self._closed = True
        for connection in self._busy:
            connection.terminate()
        self._part_with_idle()
        await asyncio.gather(*self._leaving)


async def _part(connection: asyncpg.Connection) -> None:
    with contextlib.suppress(Exception):  # it is given up whatever happens
        await connection.close(timeout=FAREWELL)


def is_quiet(connection: Any) -> bool:
    """Say whether nothing has come that nobody asked for: mostly the farewell of a server that has been restarted.

    The event loop may have been too busy to hear it; a call must not be lost on such a connection.
    """
    transport = getattr(connection, "_transport", None)
    wire = transport and transport.get_extra_info("socket")
    if wire is None:
        return True
    if not hasattr(select, "poll"):
        return not select.select([wire], [], [], 0)[0]
    look = select.poll()
    look.register(wire, select.POLLIN)
    return not look.poll(0)


async def fetch(connection: Any, step: Step) -> Rows:
    """Take one step on a connection of asyncpg's."""
    rows: Rows = await connection.fetch(step.statement, *step.values)
    return rows
