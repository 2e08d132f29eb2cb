"""A caller's connection as a store sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from treadle.core.store import Pending
from treadle.stores.steps import Rows, Step, Steps, T, atake, take

Explain = Callable[[Exception], Exception]
"""Says more of a driver's error, or gives it back."""


@dataclass(frozen=True, slots=True)
class Borrowed:
    """Takes statements, in the caller's transaction, in the caller's thread or loop."""

    dialect: str
    """`sqlite`, `postgresql`, or the name of another."""
    awaits: bool
    """Whether what the functions below give is to be awaited."""
    execute: Callable[[Step], Any]
    """Run one statement, in the style of its dialect (`?1`, `$1`), and give its rows."""
    begin: Callable[[], Any]
    """Make sure that a transaction is open."""
    commit: Callable[[], Any]
    rollback: Callable[[], Any]

    def run(self, steps: Steps[T], explain: Explain) -> Pending[T]:
        """Take these steps; to be awaited where the connection is."""
        return self.run_soon(steps, explain) if self.awaits else self.run_now(steps, explain)

    def run_now(self, steps: Steps[T], explain: Explain) -> T:
        """Take these steps over a connection that is not asynchronous."""

        def now(step: Step) -> Rows:
            try:
                rows: Rows = self.execute(step)
            except Exception as error:
                raise explain(error) from error
            return rows

        return take(steps, now)

    async def run_soon(self, steps: Steps[T], explain: Explain) -> T:
        """Take these steps over one that is."""

        async def soon(step: Step) -> Rows:
            try:
                rows: Rows = await self.execute(step)
            except Exception as error:
                raise explain(error) from error
            return rows

        return await atake(steps, soon)
