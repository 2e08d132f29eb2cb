"""A caller's connection as a store sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from treadle.core.store import Pending
from treadle.stores.steps import Step, Steps, T, atake, take


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

    def run(self, steps: Steps[T]) -> Pending[T]:
        """Take these steps; to be awaited where the connection is."""
        return atake(steps, self.execute) if self.awaits else take(steps, self.execute)
