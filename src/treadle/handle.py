"""A job in the hands of whoever enqueued it."""

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from treadle.core.errors import JobFailed, JobNotDone, JobNotFound, ResultExpired
from treadle.core.job import Progress, Snapshot
from treadle.core.states import State
from treadle.signature import read_result

if TYPE_CHECKING:
    from treadle.app import Treadle
    from treadle.core.flow.explaining import Explanation

R = TypeVar("R")

#: Seconds between two looks while a result is awaited: short at first, then calmer.
SHORTEST, LONGEST = 0.01, 0.5


class Job(Generic[R]):
    """A job's id, and what can be asked of it. Reading goes to the store each time.

    `status`, `progress`, `result` and their like are for code that is not async and wait for the store;
    async code has the same with an `a` in front.
    """

    __slots__ = ("app", "changed", "id", "new", "spooled")

    def __init__(self, app: "Treadle", id: str, new: bool = True, spooled: bool = False, changed: bool = False) -> None:
        self.app, self.id = app, id
        self.new = new
        """False: a job that was there before stands for the call (an equal id or unique key)."""
        self.spooled = spooled
        """True: the store was away; the job is safe on this host and goes on its way when the store is back."""
        self.changed = changed
        """True: the job that stands for the call waits, and has taken over its arguments (`on_conflict`)."""

    async def arefresh(self) -> Snapshot:
        """Read all that is known of it now. Raises JobNotFound."""
        snapshot = await (self.app.spool or self.app.store).get(self.id)
        if snapshot is None:
            raise JobNotFound(self.id)
        return snapshot

    async def aresult(self, timeout: float | timedelta | None = None) -> R:
        """Wait for the job to end and give its result.

        Raises JobNotDone after `timeout` seconds, JobFailed if it failed or was cancelled, ResultExpired.
        """
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        snapshot = await self._end(seconds)
        if snapshot.state is not State.COMPLETED:
            raise JobFailed(self.id, snapshot.state, _why(snapshot))
        if snapshot.result is None and snapshot.result_until is not None:
            raise ResultExpired(self.id)
        task = self.app.tasks.get(snapshot.task)
        value: R = read_result(task.fn if task else None, snapshot.result)
        return value

    async def _end(self, timeout: float | None) -> Snapshot:
        import asyncio

        until = None if timeout is None else time.monotonic() + timeout
        pause = SHORTEST
        while True:
            snapshot = await self.arefresh()
            if snapshot.state.final:
                return snapshot
            if until is not None and time.monotonic() >= until:
                raise JobNotDone(self.id, snapshot.state, timeout or 0)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST)

    async def acancel(self) -> bool:
        """Cancel it, or ask it to stop if it runs; False if it had ended."""
        return bool(await (self.app.spool or self.app.store).cancel([self.id]))

    async def aretry(self) -> bool:
        """Queue it again if it has ended; False if it is live."""
        return bool(await self.app.store.revive([self.id]))

    async def aexplain(self) -> "Explanation":
        """Tell why it waits: each predicate of the claim with its verdict. Raises JobNotFound."""
        from treadle.explanation import explain_job

        return await explain_job(self.app.store, await self.arefresh())

    def refresh(self) -> Snapshot:
        """Read all that is known of it now. Raises JobNotFound."""
        return self.app.wait(self.arefresh())

    def result(self, timeout: float | timedelta | None = None) -> R:
        """Wait for the job to end and give its result; raises as `aresult` does."""
        return self.app.wait(self.aresult(timeout))

    def cancel(self) -> bool:
        """Cancel it, or ask it to stop if it runs; False if it had ended."""
        return self.app.wait(self.acancel())

    def retry(self) -> bool:
        """Queue it again if it has ended; False if it is live."""
        return self.app.wait(self.aretry())

    def explain(self) -> "Explanation":
        """Tell why it waits: each predicate of the claim with its verdict. Raises JobNotFound."""
        return self.app.wait(self.aexplain())

    @property
    def status(self) -> State:
        """Its state now."""
        return self.refresh().state

    @property
    def progress(self) -> Progress | None:
        """How far it is, if it has told."""
        return self.refresh().progress

    def __repr__(self) -> str:
        return f"<Job {self.id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)


def _why(snapshot: Snapshot) -> str:
    failure: Any = snapshot.failure
    return f"{failure.type}: {failure.message}" if failure else snapshot.reason or ""
