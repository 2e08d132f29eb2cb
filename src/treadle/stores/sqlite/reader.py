"""Reading beside the writer: short transactions on a connection of their own, so that no listing delays a claim."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from treadle.core.errors import StoreUnavailable
from treadle.stores.sqlite.connection import connect, explained
from treadle.stores.sqlite.settings import SqliteSettings

T = TypeVar("T")


class Reader:
    """Runs queries, one after another, in one thread that starts at the first."""

    def __init__(self, settings: SqliteSettings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="treadle-reader")
        self._local = threading.local()

    async def __call__(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Run this query and answer what it gives; it must fetch all it needs before it returns."""
        try:
            reading = asyncio.get_running_loop().run_in_executor(self._threads, self._read, run)
        except RuntimeError:  # its thread has ended
            raise StoreUnavailable(f"{self._settings.path}: this store has been closed.") from None
        return await reading

    def _read(self, run: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect(self._settings, cache_kib=8_192)
            connection.execute("PRAGMA query_only=1")
            connection.execute("PRAGMA busy_timeout=2000")
        with explained(self._settings.path):
            return run(connection)

    def close(self) -> None:
        self._threads.submit(self._close_connection).result()
        self._threads.shutdown()

    def _close_connection(self) -> None:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
