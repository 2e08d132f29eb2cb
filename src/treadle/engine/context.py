"""What a running task sees of its job."""

import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from treadle.core.errors import SoftTimeout, Stopped
from treadle.core.flow.gates import Park
from treadle.core.job import Claim, Progress, Spent
from treadle.core.outcomes import Outcome
from treadle.core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from decimal import Decimal

    from treadle.app import Treadle
    from treadle.core.store import Pending
    from treadle.transaction import Transaction

T = TypeVar("T")

#: A log line longer than this is cut, and a note.
LONGEST_LINE, LONGEST_NOTE = 4_000, 500

#: The largest count that every store and every JSON reader keeps exactly.
MOST = 2**53 - 1


class Line(Protocol):
    """The way from a running task to whoever watches over it."""

    claim: Claim
    stopping: BaseException | None
    warning: SoftTimeout | None
    progress: Progress | None
    ended: Outcome | None
    """How it ended already, in a transaction of the task's own."""
    spent: dict[str, tuple[int, int]]
    """By the budget's gate: units used, and units granted beyond what was set aside."""
    park: Park | None
    """What the other side's headers said."""

    def spend(self, gate: str, used: int, granted: int) -> None:
        """Note what was used of a budget."""
        ...

    def heed(self, told: Park) -> None:
        """Note what the other side said of the pace it bears."""
        ...

    def spent_beyond(self) -> tuple[Spent, ...]: ...

    def encode(self, value: object) -> str | None:
        """Write a result as JSON text."""
        ...

    def log_text(self) -> str | None: ...

    def tell(self, progress: Progress) -> None: ...

    def write(self, line: dict[str, object]) -> None: ...


class Context:
    """The running job, from its own code's point of view. Every method may be called from the task's thread."""

    __slots__ = ("_line", "app")

    def __init__(self, line: Line, app: "Treadle") -> None:
        self._line = line
        self.app = app

    @property
    def job_id(self) -> str:
        return self._line.claim.id

    @property
    def task(self) -> str:
        return self._line.claim.task

    @property
    def queue(self) -> str:
        return self._line.claim.queue

    @property
    def attempt(self) -> int:
        """Which try this is, from 1."""
        return self._line.claim.attempt

    @property
    def max_attempts(self) -> int:
        return self._line.claim.max_attempts

    @property
    def epoch(self) -> int:
        """Rises with every claim of this job: give it to the outside as a fencing token."""
        return self._line.claim.epoch

    @property
    def owner(self) -> str | None:
        return self._line.claim.owner

    @property
    def tenant(self) -> str | None:
        return self._line.claim.tenant

    @property
    def batch(self) -> str | None:
        return self._line.claim.batch

    @property
    def cancelled(self) -> bool:
        """Whether the job was asked to stop: cancelled, timed out, shut down, or its claim lost."""
        return self._line.stopping is not None

    def check(self) -> None:
        """Raise Stopped if the job was asked to stop, once SoftTimeout past that; call it where stopping is safe."""
        warning, self._line.warning = self._line.warning, None
        if warning is not None:
            raise warning
        reason = self._line.stopping
        if reason is not None:
            raise Stopped(str(reason))

    def progress(
        self, done: int, total: int | None = None, *, failed: int | None = None, note: str | None = None
    ) -> None:
        """Tell how far the job is. Cheap: it is written a few times a second at most, and `done` never falls."""
        told = plain(str(note)[:LONGEST_NOTE]) if note else None
        self._line.tell(Progress(_count(done), None if total is None else _count(total), _count(failed or 0), told))

    def log(self, message: str, **fields: object) -> None:
        """Keep a line with the job; the last 200 lines or 32 KB of an attempt are kept."""
        line: dict[str, object] = {"at": time.time_ns() // 1_000_000, "attempt": self.attempt}
        line["message"] = plain(str(message)[:LONGEST_LINE])
        line.update({key: plain(str(value)[:LONGEST_LINE]) for key, value in fields.items()})
        self._line.write(line)

    def tx(self, connection: object | None = None) -> "Transaction":
        """Open a transaction that commits together with this job's completion; see `Transaction` and `Tx`.

        `connection`: a connection or session of the application's, in the database that keeps the jobs, to write
        through; without one a connection of the store's own driver is opened.
        """
        return self.app.transaction(self._line, connection)

    @overload
    async def once(
        self, key: str, fn: "Callable[[], Awaitable[T]]", *, resolve: "Callable[[], Pending[T]] | None" = None
    ) -> T: ...
    @overload
    async def once(
        self, key: str, fn: "Callable[[], T]", *, resolve: "Callable[[], Pending[T]] | None" = None
    ) -> T: ...
    async def once(self, key: str, fn: "Callable[[], Any]", *, resolve: "Callable[[], Any] | None" = None) -> Any:
        """Have an effect on the outside world once in all attempts of this job; answer what `fn` gave, then or now.

        `fn` takes no arguments and may be async. That it raises means that nothing happened: the next attempt tries it
        again. If an attempt died in the middle of it, `resolve` is asked: it returns the result, or raises NotDone.
        Without it the job fails: raises OutcomeUnknown. The answer must be JSON.
        """
        return await self.app.aonce(self._line, key, fn, resolve)

    def once_sync(self, key: str, fn: "Callable[[], T]", *, resolve: "Callable[[], T] | None" = None) -> T:
        """Do what `once` does, in a plain function."""
        return self.app.once(self._line, key, fn, resolve)

    async def spend(self, **amounts: "int | float | Decimal") -> None:
        """Count what this job uses of its budgets, such as `tokens=1200`, before it is used.

        Within what was set aside for it nobody is asked. Raises BudgetSpent where a cap would be broken; then nothing
        was counted. What is not used of what was set aside is given back when the attempt ends.
        """
        await self.app.aspend(self._line, amounts)

    def spend_sync(self, **amounts: "int | float | Decimal") -> None:
        """Do what `spend` does, in a plain function."""
        self.app.spend(self._line, amounts)

    def heed(self, headers: "Mapping[str, str]") -> None:
        """Learn from a response's headers how far apart the next jobs of the same key should start."""
        from treadle.core.pace import pace_from

        told = pace_from(headers, time.time())
        if told is not None:
            self._line.heed(told)

    def use(self, kind: type[T]) -> T:
        """Get this process's resource of a type, as `app.provide` or a pack registered it."""
        return self.app.use(kind)

    def __repr__(self) -> str:
        return f"<Context of job {self.job_id}, attempt {self.attempt}>"


def _count(number: int) -> int:
    return max(0, min(int(number), MOST))
