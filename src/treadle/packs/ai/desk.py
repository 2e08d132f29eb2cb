"""The pack's resource, made once a process: its tables, the threads it reads, the providers it may ask.

SQLAlchemy and the mail pack's tables are imported when it is opened, not when the pack is included.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from treadle import Discard
from treadle.packs.ai.local.provider import LocalProvider
from treadle.packs.ai.ports import Provider, TaskName
from treadle.packs.ai.process import Found, Fresh
from treadle.packs.ai.threads import ThreadText

if TYPE_CHECKING:
    from treadle.packs.ai.store import Learned
    from treadle.packs.database import Database

ProviderMaker = Callable[["Learned | None"], Provider]


@dataclass(frozen=True, slots=True)
class Opened:
    """A thread as it was when it was read. `revision` rises when a message joins."""

    id: str
    owner: str
    revision: int
    text: ThreadText


class Threads(Protocol):
    """Where threads come from: the mail pack, or an application's own tables."""

    def read(self, thread_id: str) -> Opened | None:
        """Give a thread, None if there is none (any more)."""
        ...

    def waiting(self, owner: str, tasks: Sequence[TaskName]) -> Iterator[tuple[str, int]]:
        """Name threads that have grown or lack an answer: (id, revision), each once, newest first."""
        ...

    def settled(self, thread: Opened) -> None:
        """Note that this state of a thread has been dealt with."""
        ...


def local_provider(learned: "Learned | None") -> Provider:
    """Make the provider that needs no account, with what was learned if there is something."""
    return LocalProvider(learned.model, learned.created_at) if learned else LocalProvider()


LOCAL_ONLY: Mapping[str, ProviderMaker] = MappingProxyType({"local": local_provider})


def wall_clock() -> int:
    """Tell the time: milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Desk:
    """All that the tasks of this pack touch. Safe to share between threads."""

    database: "Database"
    threads: Threads
    providers: Mapping[str, ProviderMaker] = field(default_factory=lambda: LOCAL_ONLY)
    clock: Callable[[], int] = wall_clock

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

    def find(self, thread_id: str, keys: Mapping[TaskName, str]) -> Mapping[TaskName, Found]:
        """Look for kept answers to exactly these questions."""
        from treadle.packs.ai import store

        with self.database.read() as connection:
            found = store.find(connection, thread_id, keys)
        return {task: Found(one.output, one.confidence, one.provider, one.model) for task, one in found.items()}

    def keep(self, thread_id: str, fresh: Sequence[Fresh]) -> None:
        """Keep answers durably, in one transaction."""
        from treadle.packs.ai import store

        with self.database.write() as connection:
            for one in fresh:
                store.keep(connection, thread_id, one, self.clock())
