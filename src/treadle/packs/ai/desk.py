"""The pack's resource, made once a process: its tables, the threads it reads, the providers it may ask.

SQLAlchemy and the mail pack's tables are imported when it is opened, not when the pack is included.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from treadle.core.errors import Discard
from treadle.packs.ai.local.provider import LocalProvider
from treadle.packs.ai.ports import Answer, Provider, TaskName
from treadle.packs.ai.process import Kept
from treadle.packs.ai.threads import ThreadText

if TYPE_CHECKING:
    from treadle.packs.ai.store import Learned
    from treadle.packs.database import Database

ProviderMaker = Callable[["Learned | None"], Provider]


class Threads(Protocol):
    """Where threads come from: the mail pack, or an application's own tables."""

    def read(self, thread_id: str) -> ThreadText | None:
        """Give a thread, None if there is none (any more)."""
        ...

    def waiting(self, owner: str, tasks: Sequence[TaskName], limit: int) -> Sequence[tuple[str, str]]:
        """Find threads that lack an answer: id and a word for their state, newest first."""
        ...


def _local(learned: "Learned | None") -> Provider:
    return LocalProvider(learned.model, learned.created_at) if learned else LocalProvider()


def now() -> int:
    """Tell the time: milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


LOCAL_ONLY: Mapping[str, ProviderMaker] = MappingProxyType({"local": _local})


@dataclass(frozen=True, slots=True)
class Desk:
    """All that the tasks of this pack touch. Safe to share between threads."""

    database: "Database"
    threads: Threads
    providers: Mapping[str, ProviderMaker] = field(default_factory=lambda: LOCAL_ONLY)
    clock: Callable[[], int] = now

    def provider(self, name: str, user_id: str) -> Provider:
        """Make the provider of this name, with what was learned for a user. Raises Discard for an unknown name."""
        maker = self.providers.get(name)
        if maker is None:
            known = ", ".join(sorted(self.providers))
            raise Discard(f"No AI provider is called {name!r} here. Use one of: {known}.")
        return maker(self.learned(user_id))

    def learned(self, user_id: str) -> "Learned | None":
        """Read what was learned for a user."""
        from treadle.packs.ai import store

        with self.database.read() as connection:
            return store.learned_model(connection, user_id, "classify")

    def find(self, thread_id: str, task: TaskName, key: str) -> Kept | None:
        """Look for a kept answer."""
        from treadle.packs.ai import store

        with self.database.read() as connection:
            found = store.find(connection, thread_id, task, key)
        return Kept(found.output, found.confidence, found.provider, found.model) if found else None

    def keep(self, thread_id: str, task: TaskName, key: str, answer: Answer, provider: str) -> None:
        """Keep one answer, durably, in a transaction of its own."""
        from treadle.packs.ai import store

        with self.database.write() as connection:
            store.keep(connection, thread_id, task, key, answer, provider, self.clock())
