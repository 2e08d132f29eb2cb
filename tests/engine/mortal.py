"""A store whose caller dies at one of its calls: before it is done, or after, when nobody hears the answer any more."""

import inspect
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from treadle.core.errors import StoreUnavailable
from treadle.core.job import Added, Ending, NewJob, Report, WorkerInfo
from treadle.core.store import Enlisted, Heart, Pending, Store

T = TypeVar("T")


class Dead(BaseException):
    """The process that called is gone: nothing of it goes on, not even what catches every error."""


class Mortal:
    """Stands before a store; once it is dead, no call gets through."""

    def __init__(self, store: Store, fatal: int, done: bool, *, on_death: Callable[[], None] = lambda: None) -> None:
        self._store, self._fatal, self._done, self.on_death = store, fatal, done, on_death
        self._lock = threading.Lock()
        self.calls: list[str] = []
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)
        if not inspect.iscoroutinefunction(verb):
            return verb

        async def call(*arguments: Any, **named: Any) -> Any:
            fatal = self.begin(name)
            answer = await verb(*arguments, **named)
            try:
                self.end(name, fatal)
            except Dead:
                if name == "connect":
                    await _hang_up(answer)
                raise
            return answer

        return call

    def enlist(self, tx: object) -> "MortalEnlisted":
        return MortalEnlisted(self._store.enlist(tx), self)

    def heart(self, worker: WorkerInfo) -> "MortalHeart":
        return MortalHeart(self._store.heart(worker), self)

    def begin(self, name: str) -> bool:
        """Count a call; say whether its end is the end of all. Raises Dead."""
        with self._lock:
            self.calls.append(name)
            fatal = len(self.calls) == self._fatal and not self.dead
        if fatal and not self._done:
            self._die()
        self._breathe(name)
        return fatal

    def end(self, name: str, fatal: bool) -> None:
        """Let the answer through. Raises Dead."""
        if fatal:
            self._die()
        self._breathe(name)

    def _breathe(self, name: str) -> None:
        if self.dead:
            raise Dead(name)

    def _die(self) -> None:
        self.dead = True
        self.on_death()


class MortalEnlisted:
    """Takes part in a caller's transaction as long as its process lives."""

    def __init__(self, enlisted: Enlisted, mortal: Mortal) -> None:
        self._enlisted, self._mortal = enlisted, mortal

    def add(self, jobs: Sequence[NewJob]) -> Pending[list[Added]]:
        return self._alive("enlisted.add", lambda: self._enlisted.add(jobs))

    def complete(self, ending: Ending) -> Pending[bool]:
        return self._alive("enlisted.complete", lambda: self._enlisted.complete(ending))

    def _alive(self, name: str, act: Callable[[], Pending[T]]) -> Pending[T]:
        fatal = self._mortal.begin(name)
        pending = act()
        if isinstance(pending, Awaitable):
            return self._later(name, fatal, pending)
        self._mortal.end(name, fatal)
        return pending

    async def _later(self, name: str, fatal: bool, pending: Awaitable[T]) -> T:
        answer = await pending
        self._mortal.end(name, fatal)
        return answer


class MortalHeart:
    """Beats as long as its process lives."""

    def __init__(self, heart: Heart, mortal: Mortal) -> None:
        self._heart, self._mortal = heart, mortal

    def beat(self, lease: int, reports: Sequence[Report] = ()) -> Mapping[str, bool]:
        return self._alive("beat", lambda: self._heart.beat(lease, reports))

    def leave(self) -> None:
        self._alive("leave", self._heart.leave)

    def close(self) -> None:
        self._heart.close()

    def _alive(self, name: str, act: Callable[[], T]) -> T:
        try:
            fatal = self._mortal.begin(name)
            answer = act()
            self._mortal.end(name, fatal)
        except Dead as death:
            raise StoreUnavailable("this process is dead") from death  # its thread ends by itself
        return answer


async def _hang_up(connection: Any) -> None:
    """Do what the kernel does for a dead process."""
    ended = connection.close()
    if inspect.isawaitable(ended):
        await ended
