"""The one writer of this process: a thread that runs everything waiting in its inbox as one transaction.

A commit that reaches the disk costs the same for one job and for a thousand, so callers that ask at
the same moment share one (group commit). Each call has a savepoint: its failure is its own.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from treadle.core.errors import StoreUnavailable
from treadle.stores.sqlite.connection import connect, explained, writing
from treadle.stores.sqlite.settings import SqliteSettings

T = TypeVar("T")

#: Calls that share a transaction at most: bounds how long the write lock is held.
GROUP = 64


@dataclass(slots=True, eq=False)
class Call:
    """One verb on its way through the writer."""

    run: Callable[[sqlite3.Connection], Any]
    answer: "asyncio.Future[Any]"
    flush: bool
    """Whether its commit must reach the disk before the answer."""
    value: Any = None
    error: BaseException | None = None

    def resolve(self) -> None:
        if self.answer.done():  # the caller was cancelled meanwhile
            return
        if self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(self.value)


class Writer:
    """Runs calls on its own connection, in order, many to a transaction."""

    def __init__(self, settings: SqliteSettings, durable: bool, undone: Callable[[], None]) -> None:
        """`undone` is called, in the writer's thread, when something that a call has written was rolled back."""
        self._settings, self._durable, self._undone = settings, durable, undone
        self._inbox: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._connection = connect(settings)
        self._flushing = True
        self._closed = False
        self._door = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="treadle-writer", daemon=True)
        self._thread.start()

    async def __call__(self, run: Callable[[sqlite3.Connection], T], *, flush: bool = True) -> T:
        """Run this inside the next transaction and answer what it gives once that is committed."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with self._door:  # nothing may be put behind the end of the inbox, where nobody reads
            if self._closed:
                raise StoreUnavailable(f"{self._settings.path}: this store has been closed.")
            self._inbox.put(Call(run, answer, flush and self._durable))
        return await answer

    def close(self) -> None:
        """Finish what waits in the inbox, then close the connection."""
        with self._door:
            closed, self._closed = self._closed, True
            if not closed:
                self._inbox.put(None)
        if not closed:
            self._thread.join()

    def _work(self) -> None:
        while (first := self._inbox.get()) is not None:
            calls = self._drain(first)
            self._commit(calls)
            _answer(calls)
        self._connection.close()

    def _drain(self, first: Call) -> list[Call]:
        calls = [first]
        while len(calls) < GROUP:
            try:
                call = self._inbox.get_nowait()
            except queue.Empty:
                break
            if call is None:
                self._inbox.put(None)
                break
            calls.append(call)
        return calls

    def _commit(self, calls: Sequence[Call]) -> None:
        try:
            self._set_flushing(any(call.flush for call in calls))
            with writing(self._connection, self._settings):
                if len(calls) == 1:
                    calls[0].value = calls[0].run(self._connection)
                else:
                    for call in calls:
                        self._run_guarded(call)
        except BaseException as error:  # noqa: BLE001 - handed to the callers
            self._undone()
            for call in calls:
                call.error = error

    def _run_guarded(self, call: Call) -> None:
        self._connection.execute("SAVEPOINT call")
        try:
            with explained(self._settings.path):
                call.value = call.run(self._connection)
        except Exception as error:
            if not self._connection.in_transaction:
                raise  # SQLite gave the whole transaction up: a full disk, an I/O error
            self._connection.execute("ROLLBACK TO call")
            self._undone()
            call.error = error
        self._connection.execute("RELEASE call")

    def _set_flushing(self, flush: bool) -> None:
        # Without a flush the commit survives the death of any process and goes to disk with the next one that asks.
        if flush != self._flushing:
            self._connection.execute(f"PRAGMA synchronous={'FULL' if flush else 'NORMAL'}")
            self._flushing = flush


def _answer(calls: Sequence[Call]) -> None:
    """Wake each event loop once for all its calls."""
    loops = {call.answer.get_loop() for call in calls}
    for loop in loops:
        mine = [call for call in calls if call.answer.get_loop() is loop]
        try:
            loop.call_soon_threadsafe(_resolve, mine)
        except RuntimeError:  # that loop is closed: nobody waits any more
            continue


def _resolve(calls: Sequence[Call]) -> None:
    for call in calls:
        call.resolve()
