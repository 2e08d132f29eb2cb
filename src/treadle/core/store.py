"""The seam: what every store promises. A store keeps jobs and decides nothing.

1. A job has at most one current claim, and its epoch rises with each.
2. Only the holder of the current claim moves a running job.
3. What a call has answered is still so after a crash.

Losing a race is an answer, never an exception. `treadle.testing.contract` checks all of it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from treadle.core.job import (
    Added,
    Cycle,
    Ending,
    Filter,
    NewJob,
    Page,
    Record,
    Report,
    Snapshot,
    Swept,
    WorkerInfo,
)
from treadle.core.states import State


class Heart(Protocol):
    """One worker's lease, renewed over a connection of its own. Blocking: it is called from its own thread."""

    def beat(self, lease: int, reports: Sequence[Report] = ()) -> Mapping[str, bool]:
        """Renew the lease for `lease` ms and pass on reports; answer id -> *asked to stop?* for each claim held.

        A claim that is missing in the answer was lost. A report under an old epoch changes nothing.
        """
        ...

    def leave(self) -> None:
        """Give the lease up; whatever the worker still holds may be taken over at once."""
        ...

    def close(self) -> None: ...


class Store(Protocol):
    """Where jobs are kept. Every verb may be awaited from any running event loop."""

    @property
    def url(self) -> str:
        """Where this store is, without secrets."""
        ...

    async def open(self) -> None:
        """Connect and bring the schema up to date. Calling it again does nothing."""
        ...

    async def close(self) -> None: ...

    async def add(self, jobs: Sequence[NewJob]) -> list[Added]:
        """Keep these, in one transaction, and name who stands for each, in order.

        An equal id, or the live holder of an equal unique key, stands for the newcomer, also among `jobs`.
        """
        ...

    async def cycle(self, worker: str, ended: Sequence[Ending], queues: Sequence[str], want: int) -> Cycle:
        """Settle these and claim up to `want` jobs of `queues`, in one transaction.

        An ending that was settled before (the answer got lost) counts as settled.
        """
        ...

    def heart(self, worker: WorkerInfo) -> Heart:
        """Make the means to hold a lease."""
        ...

    async def sweep(self, worker: str, limit: int, *, take: int) -> Swept:
        """Do what time demands: promote the due, expire the late, take over at most `take` abandoned claims.

        A take-over counts a crash, unless the claim was a sweeper's who died before it settled.
        """
        ...

    async def bury(self, workers: Sequence[str]) -> None:
        """Declare these workers dead: their leases end now."""
        ...

    async def cancel(self, ids: Sequence[str]) -> list[str]:
        """Cancel what waits, ask what runs to stop; answer the ids it applied to."""
        ...

    async def revive(self, ids: Sequence[str]) -> list[str]:
        """Queue final jobs again with one attempt more; answer the ids it applied to."""
        ...

    async def release(self, reason: str, tasks: Sequence[str]) -> int:
        """Queue (or schedule) the jobs of these tasks that are held for `reason`."""
        ...

    async def purge(self, older_than: Mapping[State, int], limit: int) -> int:
        """Delete at most `limit` final jobs whose end is further back than their state's age in ms."""
        ...

    async def get(self, id: str) -> Snapshot | None: ...

    async def find(self, filter: Filter, limit: int, cursor: str | None = None) -> Page:
        """Read a page, newest first. Raises ConfigError for a cursor that is none."""
        ...

    async def count(self, filter: Filter) -> dict[tuple[str, State], int]:
        """Count jobs as (queue, state) -> n."""
        ...

    async def workers(self) -> list[WorkerInfo]: ...

    async def read(self, kind: str) -> list[Record]:
        """Read all records of a kind."""
        ...

    async def write(self, kind: str, key: str, value: str | None, expect: int | None = None) -> bool:
        """Set (None: delete) a record if its version is still `expect` (0: it must not exist, None: whatever)."""
        ...

    async def now(self) -> int:
        """Read the store's clock."""
        ...

    def subscribe(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Call `hint`, from any thread, when work may have come; answer the means to stop that.

        Hints get lost; nothing may depend on one.
        """
        ...
