"""A store whose caller dies at one of its calls: before it is done, or after, when nobody hears the answer any more."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from treadle.core.errors import StoreUnavailable
from treadle.core.job import Added, Ending, NewJob, Report, WorkerInfo
from treadle.core.store import Enlisted, Heart, Pending, Store

T = TypeVar("T")


class Dead(BaseException):
    """The process that called is gone: nothing of it goes on, not even what catches every error."""


class Point(NamedTuple):
    """One call in a life: the first `beat`, the third `cycle`."""

    verb: str
    number: int


class Mortal:
    """Stands before a store; once it is dead, no call gets through. It dies at one point of its life, or never."""

    def __init__(self, store: Store, fatal: Point | None, done: bool) -> None:
        self._store, self._fatal, self._done = store, fatal, done
        self._lock = threading.Lock()
        self._under_way: set[asyncio.Future[Any]] = set()
        self._connections: list[Any] = []
        self.on_death: Callable[[], object] = lambda: None
        self.calls: list[Point] = []
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)
        if not inspect.iscoroutinefunction(verb):
            return verb

        async def call(*arguments: Any, **named: Any) -> Any:
            fatal = self.begin(name)
            answer = await self._send(verb(*arguments, **named))
            self.end(name, fatal)
            return answer

        return call

    async def _send(self, call: Coroutine[Any, Any, Any]) -> Any:
        """Await a call; the store goes on with it, whatever becomes of who made it."""
        sent = asyncio.ensure_future(call)
        self._under_way.add(sent)
        try:
            return await asyncio.shield(sent)
        finally:
            if sent.done():
                self._under_way.discard(sent)

    async def connect(self) -> object:
        fatal = self.begin("connect")
        connection = await self._store.connect()
        self._connections.append(connection)
        self.end("connect", fatal)
        return named_alike(connection, self)

    async def lay_to_rest(self) -> None:
        """Wait for what was under way when it died, and hang up, as the kernel does for a dead process."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        for connection in self._connections:
            ended = connection.close()
            if inspect.isawaitable(ended):
                await ended

    def enlist(self, tx: object) -> "MortalEnlisted":
        return MortalEnlisted(self._store.enlist(tx), self)

    def heart(self, worker: WorkerInfo) -> "MortalHeart":
        return MortalHeart(self._store.heart(worker), self)

    def begin(self, name: str) -> bool:
        """Count a call; say whether its end is the end of all. Raises Dead."""
        with self._lock:
            point = Point(name, 1 + sum(each.verb == name for each in self.calls))
            self.calls.append(point)
            fatal = point == self._fatal and not self.dead
        if fatal and not self._done:
            self._die()
        self._breathe(name)
        return fatal

    def end(self, name: str, fatal: bool) -> None:
        """Let the answer through. Raises Dead."""
        if fatal:
            self._die()
        self._breathe(name)

    def act(self, name: str, act: Callable[[], Pending[T]]) -> Pending[T]:
        """Make a call that is to be awaited, or not. Raises Dead."""
        fatal = self.begin(name)
        pending = act()
        if isinstance(pending, Awaitable):
            return self._later(name, fatal, pending)
        self.end(name, fatal)
        return pending

    async def _later(self, name: str, fatal: bool, pending: Awaitable[T]) -> T:
        answer = await pending
        self.end(name, fatal)
        return answer

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
        return self._mortal.act("enlisted.add", lambda: self._enlisted.add(jobs))

    def complete(self, ending: Ending) -> Pending[bool]:
        return self._mortal.act("enlisted.complete", lambda: self._enlisted.complete(ending))


class MortalConnection:
    """A driver's connection as long as its process lives; what a transaction is begun and ended by are calls."""

    def __init__(self, connection: Any, mortal: Mortal) -> None:
        self._connection, self._mortal = connection, mortal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, *values: Any) -> Any:
        verb = statement.split()[0].lower()
        return self._mortal.act(f"tx.{verb}", lambda: self._connection.execute(statement, *values))

    def commit(self) -> Any:
        return self._mortal.act("tx.commit", self._connection.commit)

    def rollback(self) -> Any:
        return self._mortal.act("tx.rollback", self._connection.rollback)


def named_alike(connection: Any, mortal: Mortal) -> MortalConnection:
    """Stand before a connection under the name of its class: by that name connections are told apart."""
    kind = type(connection)
    alike: type[MortalConnection] = type(kind.__name__, (MortalConnection,), {"__module__": kind.__module__})
    return alike(connection, mortal)


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
