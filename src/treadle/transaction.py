"""Transactional completion: a task's own writes, the jobs that follow and its own end, in one commit.

The end is fenced: where the claim has been lost, nothing is committed.
"""

import inspect
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any

from treadle.core.errors import ConfigError, Stopped
from treadle.core.job import Ending
from treadle.core.outcomes import complete
from treadle.core.store import Enlisted, Store
from treadle.engine.context import Line
from treadle.stores.borrowed import borrow
from treadle.stores.door import Door
from treadle.stores.steps import T, atake, take
from treadle.stores.threads import in_thread

Acts = Generator[Callable[[], Any], Any, T]
"""What is to be done, one after another; each may have to be awaited."""


class Tx:
    """An open transaction: write through `connection`, enqueue through `using(tx=…)`, say the job's `result`."""

    __slots__ = ("connection", "enlisted", "result")

    def __init__(self, connection: Any, enlisted: Enlisted) -> None:
        self.connection = connection
        """The connection or session that was passed or, if none was, one of the store's own driver."""
        self.enlisted = enlisted
        self.result: Any = None
        """Kept as the job's result; what the function returns after the block is not."""


class Transaction:
    """Commits at the block's end together with the job's completion; rolls back when the block raises.

    `async with` in a coroutine, `with` in a plain function. Raises Stopped at the end of the block if the job is not
    this worker's any more: then nothing was kept. Raises ConfigError for a connection that does not reach the jobs.
    """

    def __init__(self, line: Line, store: Store, door: Door, given: Any) -> None:
        self._line, self._store, self._door, self._given = line, store, door, given
        self._blocks = False

    async def __aenter__(self) -> Tx:
        return await atake(self._enter(self._store.connect), self._soon)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await atake(self._exit(error), self._soon)

    def __enter__(self) -> Tx:
        return take(self._enter(self._store.connect, plain=True), self._now)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        take(self._exit(error), self._now)

    def _enter(self, connect: Callable[[], Any], plain: bool = False) -> Acts[Tx]:
        connection = (yield connect) if self._given is None else self._given
        try:
            self._borrowed = borrow(connection)
            self._blocks = self._given is None and not self._borrowed.awaits
            if plain and self._borrowed.awaits:
                raise ConfigError(
                    "`with ctx.tx()` is for plain functions, and this connection is asynchronous. Use `async with`, or"
                    " pass a connection that is not: with ctx.tx(connection)."
                )
            self._tx = Tx(connection, self._store.enlist(connection))
            yield self._borrowed.begin
        except BaseException:
            yield from self._close(connection)
            raise
        return self._tx

    def _exit(self, error: BaseException | None) -> Acts[None]:
        try:
            if error is None:
                yield from self._complete()
            else:
                yield self._borrowed.rollback
        finally:
            yield from self._close(self._tx.connection)

    def _complete(self) -> Acts[None]:
        line, tx = self._line, self._tx
        try:
            outcome = complete(line.encode(tx.result))._replace(park=line.park)
            ending = Ending(line.claim, outcome, line.progress, line.log_text(), line.spent_beyond())
            if not (yield lambda: tx.enlisted.complete(ending)):
                raise Stopped("this job is not this worker's any more; nothing of the transaction was kept")
        except BaseException:
            yield self._borrowed.rollback
            raise
        yield self._borrowed.commit
        line.ended = outcome

    def _close(self, connection: Any) -> Acts[None]:
        if self._given is None:
            yield connection.close

    def _now(self, act: Callable[[], Any]) -> Any:
        answer = act()
        return self._door(answer) if inspect.iscoroutine(answer) else answer

    async def _soon(self, act: Callable[[], Any]) -> Any:
        # What does not await may block: a file's write lock is waited for in a thread.
        answer = await in_thread(act) if self._blocks else act()
        return await answer if inspect.isawaitable(answer) else answer
