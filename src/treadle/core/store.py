"""The seam: what every store promises. A store keeps jobs and decides nothing.

1. A job has at most one current claim, and its epoch rises with each.
2. Only the holder of the current claim moves a running job.
3. What a call has answered is still so after a crash.

Losing a race is an answer, never an exception. `treadle.testing.contract` checks all of it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, TypeVar

from treadle.core.flow.steering import Steer
from treadle.core.job import (
    Added,
    Claim,
    Cycle,
    Ending,
    Filter,
    NewJob,
    Page,
    Record,
    Report,
    Schema,
    Slice,
    Snapshot,
    StoreFacts,
    Survey,
    Swept,
    WorkerInfo,
)
from treadle.core.retention import Retention
from treadle.core.states import State

T = TypeVar("T")

Pending: TypeAlias = T | Awaitable[T]
"""An answer, or what is to be awaited for it: the caller's transaction decides which."""

#: Records of the kind `OF_JOB + id` belong to that job and are deleted with it.
OF_JOB = "job:"


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


class Enlisted(Protocol):
    """A caller's own transaction: what is done through it is so exactly if that transaction commits.

    Nothing is awaited where the caller's connection is not asynchronous.
    """

    def add(self, jobs: Sequence[NewJob]) -> Pending[list[Added]]:
        """Keep these, as `Store.add` does; no worker sees them before the commit."""
        ...

    def complete(self, ending: Ending) -> Pending[bool]:
        """End this attempt as completed; False if its claim is not current any more: roll back then.

        Raises ConfigError where jobs are not kept in the caller's database.
        """
        ...


class Store(Protocol):
    """Where jobs are kept. Every verb may be awaited from any running event loop."""

    @property
    def url(self) -> str:
        """Where this store is, without secrets."""
        ...

    @property
    def lanes(self) -> int:
        """How many cycles of one worker are worth having under way at once."""
        ...

    async def open(self) -> None:
        """Connect, and see that the schema is one that this version knows. Calling it again does nothing.

        Raises StoreError with a remedy, StoreUnavailable if nobody answers.
        """
        ...

    async def close(self) -> None: ...

    async def schema(self) -> Schema:
        """Read how far the schema is, without changing it."""
        ...

    async def migrate(self) -> Schema:
        """Bring the schema up to date and answer how far it was before. Any number may do so at once."""
        ...

    async def facts(self) -> StoreFacts: ...

    async def add(self, jobs: Sequence[NewJob]) -> list[Added]:
        """Keep these, in one transaction, and name who stands for each, in order.

        An equal id, or who has an equal unique key, stands for the newcomer, also among `jobs`.
        """
        ...

    async def cycle(
        self, worker: str, ended: Sequence[Ending], queues: Sequence[str], want: int, shares: Sequence[int] = ()
    ) -> Cycle:
        """Settle these and claim up to `want` jobs of `queues`, in one transaction.

        An ending that was settled before (the answer got lost) counts as settled. Who is claimed, `choose` decides
        (`treadle.core.flow.choosing`). `shares`: so many jobs of each queue go before those of the others.
        """
        ...

    async def steer(self, target: str, steer: Steer) -> None:
        """Pause, limit or weigh a target, or let it be as it was: `treadle.core.flow.steering`."""
        ...

    async def survey(self, queue: str, limit: int) -> Survey:
        """Read what a claim for this queue would look at: at most so many tenants, lanes of each, and jobs of each."""
        ...

    async def spend(self, claim: Claim, gate: str, units: int) -> int | None:
        """Take more units of a budget that the claim has entered; answer the window's number, None if it has not so
        many left or the claim is not current."""
        ...

    async def alter(self, ids: Sequence[str], *, queue: str | None = None, priority: int | None = None) -> list[str]:
        """Move waiting jobs to a queue, or give them a priority; answer the ids it applied to.

        The priority of jobs that wait for each other in order (`is_ordered`) stays what it is.
        """
        ...

    async def claims(self, worker: str) -> list[Claim]:
        """Read the claims that a worker holds: the answer that gave it one may have been lost on its way."""
        ...

    async def connect(self) -> object:
        """Open a connection of its own driver, which `enlist` takes; the caller closes it. Raises ConfigError."""
        ...

    def enlist(self, tx: object) -> Enlisted:
        """Take part in the transaction of a caller's connection or session.

        Raises ConfigError for one that is not known or not of this store's kind.
        """
        ...

    def heart(self, worker: WorkerInfo) -> Heart:
        """Make the means to hold a lease; the worker's claims come from this same store."""
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

    async def hold(self, ids: Sequence[str], reason: str) -> list[str]:
        """Keep aside those of these jobs that are scheduled or queued; answer the ids it applied to."""
        ...

    async def release(self, reason: str, tasks: Sequence[str] | None = None) -> int:
        """Queue (or schedule) the jobs, of these tasks or of any, that are held for `reason`."""
        ...

    async def delete(self, ids: Sequence[str], *, ended_by: int | None = None) -> list[str]:
        """Delete those of these jobs that are held or final; answer the ids it applied to.

        `ended_by`: only those that are final since this millisecond or longer; one may have been revived meanwhile.
        """
        ...

    async def outdated(self, rules: Retention, limit: int) -> list[str]:
        """Name at most `limit` final jobs that may go (`treadle.core.retention`), of each task the oldest first.

        Nothing is changed; who wants them gone deletes what ended before it asked.
        """
        ...

    async def get(self, id: str) -> Snapshot | None: ...

    async def find(self, filter: Filter, limit: int, cursor: str | None = None) -> Page:
        """Read a page, newest first. Raises ConfigError for a cursor that is none."""
        ...

    async def count(self, filter: Filter) -> dict[tuple[str, State], int]:
        """Count jobs as (queue, state) -> n."""
        ...

    async def dump(self, after: str | None, limit: int) -> Slice:
        """Read a part of all jobs, oldest first; begin with None, go on with what the slice says."""
        ...

    async def restore(self, jobs: Sequence[Snapshot]) -> list[str]:
        """Keep these as another store has dumped them; answer the ids that were not here before.

        A running one is queued: its claim was the other store's. A live one whose unique key another holds is left out.
        """
        ...

    async def workers(self) -> list[WorkerInfo]: ...

    async def read(self, kind: str, key: str | None = None) -> list[Record]:
        """Read the records of a kind: all, or the one with this key."""
        ...

    async def write(self, kind: str, key: str, value: str | None, expect: int | None = None) -> bool:
        """Set (None: delete) a record if its version is still `expect` (0: it must not exist, None: whatever)."""
        ...

    async def note(self, claim: Claim, key: str, value: str, expect: int) -> bool:
        """Set a record of the claim's own job (`OF_JOB`) if its version is still `expect` and the claim is current."""
        ...

    async def now(self) -> int:
        """Read the store's clock."""
        ...

    def subscribe(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Call `hint`, from any thread, when work may have come; answer the means to stop that.

        Hints get lost; nothing may depend on one.
        """
        ...
