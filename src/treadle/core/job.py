"""What is known of jobs: plain frozen values. Times are whole milliseconds since 1970, UTC.

They are named tuples: made and handed to a database driver by the hundred thousand, at a fifth of what a
frozen dataclass costs, and defined in a fraction of the time at import.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from treadle.core.flow.choosing import Line
from treadle.core.flow.gates import Standing
from treadle.core.flow.steering import Steering
from treadle.core.outcomes import Outcome
from treadle.core.states import State


class NewJob(NamedTuple):
    """A job as it is added. The store's clock turns what is relative into instants."""

    id: str
    task: str
    queue: str
    args: str
    """One JSON object: argument name -> value."""
    priority: int = 0
    """Larger runs sooner."""
    due_at: int | None = None
    due_in: int | None = None
    """Milliseconds from now; wins over `due_at`."""
    max_attempts: int = 1
    expires_in: int | None = None
    """Milliseconds after which it must not start any more."""
    result_ttl: int | None = None
    owner: str | None = None
    tenant: str | None = None
    batch: str | None = None
    unique_key: str | None = None
    held: str | None = None
    """A reason to hold it at once, such as "operator"."""
    meta: str | None = None
    """One JSON object that Treadle carries along, such as trace context."""
    lane: str | None = None
    """What governs it, as `treadle.core.flow.lanes` writes it; None: nothing but its queue and its task."""
    costs: str | None = None
    """A JSON array: the units that it costs at each gate of its lane; None: one each."""
    unique_until: str = "final"
    """How long it keeps its unique key: until it is "final", or until it is first "started"."""
    unique_for: int | None = None
    """Milliseconds for which it keeps its unique key at least, whatever becomes of it."""
    on_conflict: str = "skip"
    """What becomes of who stands for it, while that one waits: "skip" nothing, "replace" it gets the newcomer's
    arguments, costs and priority, "reschedule" those and the newcomer's due time."""
    fresh: bool = False
    """Its id was made for it a moment ago, so that nobody has it: a store need not look. (It may be wrong.)"""


class Added(NamedTuple):
    """The job that stands for a newcomer: itself, or who was there before."""

    id: str
    new: bool
    spooled: bool = False
    """It is durable on this host only: the store was away, and the application's fallback has it."""
    changed: bool = False
    """Who stands for the newcomer has taken something over from it (`NewJob.on_conflict`)."""


class Claim(NamedTuple):
    """The right to run one attempt. Whoever knows its epoch can tell an old claim from the current one."""

    ref: object
    """The store's own key of the job."""
    id: str
    task: str
    queue: str
    args: str
    priority: int
    attempt: int
    max_attempts: int
    epoch: int
    crashes: int
    queued_at: int
    expires_at: int | None
    result_ttl: int | None
    owner: str | None
    tenant: str | None
    batch: str | None
    meta: str | None
    lane: str | None = None
    costs: str | None = None
    taken: bool = False
    """It was taken over from a worker that went silent: to be settled, not to be run."""


class Progress(NamedTuple):
    """How far an attempt is. `done` never falls within one attempt."""

    done: int
    total: int | None = None
    failed: int = 0
    note: str | None = None

    @property
    def percent(self) -> int | None:
        """Whole percent, half rounded up, never 100 before all is done (ACCEPTANCE X2)."""
        if not self.total:
            return None
        exact = (200 * self.done + self.total) // (2 * self.total)
        return 100 if self.done >= self.total else max(0, min(99, exact))


class Report(NamedTuple):
    """What a running attempt has to tell between claim and settle."""

    claim: Claim
    progress: Progress | None = None
    log: str | None = None
    """All lines of this attempt that are kept, as one JSON array."""


class Spent(NamedTuple):
    """By how much an attempt used more (or, negative, less) of a budget than was set aside for it."""

    gate: str
    """The gate's name."""
    units: int
    window: int
    """The number of the window in which that was."""


class Ending(NamedTuple):
    """How one attempt ended, with the last it had to tell: all of it in one write."""

    claim: Claim
    outcome: Outcome
    progress: Progress | None = None
    log: str | None = None
    spent: tuple[Spent, ...] = ()


class Cycle(NamedTuple):
    """The answer to a cycle."""

    claims: list[Claim]
    """Best priority first, then oldest."""
    lost: frozenset[str]
    """Ids of ended jobs whose claim was no longer current; nothing was changed for them."""
    now: int
    """The store's clock: when the claims began."""
    leased: bool = True
    """False: the worker's lease had run out, so it got nothing and must beat first."""
    more: bool = False
    """There may be more to claim than was given: as much was found as was wanted, or others stood in the way."""
    partial: bool = False
    """Less was found than was wanted, in a part of what waits: a later claim will look at all."""
    opens_in: int | None = None
    """Milliseconds until the next of the lanes in these queues opens by itself."""


class Swept(NamedTuple):
    """The answer to a sweep."""

    promoted: int
    expired: int
    taken: list[Claim]
    """Abandoned claims, now the sweeper's, to be settled by it and not to be run."""
    next_due: int | None
    """Milliseconds until the next scheduled job falls due."""


class Failure(NamedTuple):
    """What went wrong, as text only."""

    type: str
    message: str
    traceback: str | None = None


class Attempt(NamedTuple):
    """One attempt that did not simply complete."""

    number: int
    epoch: int
    worker: str | None
    started_at: int | None
    ended_at: int
    ending: str
    """The state that it led to, or the reason of the failure."""
    failure: Failure | None


class Snapshot(NamedTuple):
    """All that was known of one job at one moment."""

    id: str
    task: str
    queue: str
    state: State
    reason: str | None
    outcome: str | None
    args: str
    result: str | None
    failure: Failure | None
    priority: int
    attempt: int
    max_attempts: int
    epoch: int
    crashes: int
    cancelling: bool
    worker: str | None
    owner: str | None
    tenant: str | None
    batch: str | None
    unique_key: str | None
    created_at: int
    queued_at: int | None
    due_at: int | None
    expires_at: int | None
    started_at: int | None
    finished_at: int | None
    result_until: int | None
    result_ttl: int | None
    meta: str | None
    lane: str | None
    costs: str | None
    unique_until: str
    unique_for: int | None
    progress: Progress | None
    cursor: str
    """Where this job stands in a listing; opaque."""
    attempts: tuple[Attempt, ...] = ()
    """Only filled by `get`."""
    log: tuple[Mapping[str, object], ...] = ()
    """Only filled by `get`."""


class Filter(NamedTuple):
    """Which jobs; an empty tuple or None asks nothing."""

    states: tuple[State, ...] = ()
    tasks: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    owner: str | None = None
    tenant: str | None = None
    batch: str | None = None
    created_after: int | None = None


class Page(NamedTuple):
    """A slice of a listing, newest first."""

    items: tuple[Snapshot, ...]
    next_cursor: str | None


class Slice(NamedTuple):
    """A part of all that a store keeps, oldest first, each with its attempts and log."""

    items: tuple[Snapshot, ...]
    after: str | None
    """Where the next part begins; None: this was the last."""


class WorkerInfo(NamedTuple):
    """Who a worker is; enough for a neighbour on the same host to tell whether its process still lives."""

    id: str
    host: str = ""
    space: str = ""
    """The boot and the process-id space that `pid` belongs to; empty where that cannot be told."""
    pid: int = 0
    born: str = ""
    """The process's start as the kernel counts it: tells a reused pid."""
    queues: tuple[str, ...] = ()
    slots: int = 0
    lease_until: int = 0
    seen_at: int = 0
    started_at: int = 0
    details: Mapping[str, object] = MappingProxyType({})


class Record(NamedTuple):
    """A small shared fact with the version that a compare-and-set names."""

    key: str
    value: str
    version: int


class Schema(NamedTuple):
    """How far a store's tables or keys are."""

    found: int
    """0: there are none yet."""
    known: int
    """What this version of Treadle needs."""

    @property
    def current(self) -> bool:
        return self.found == self.known


class StoreFacts(NamedTuple):
    """What a person should know of the store that answers."""

    server: str
    """Its kind and version, such as "PostgreSQL 15.8"."""
    survives: str
    """What an answered call survives, in words."""
    notes: tuple[str, ...] = ()
    """What could be better, each a sentence with the remedy."""


class Running(NamedTuple):
    """A job that somebody runs, as far as the gates are concerned."""

    id: str
    queue: str
    task: str
    tenant: str | None
    lane: str | None


class Survey(NamedTuple):
    """What a claim for one queue would look at, with none of it written: for `explain`."""

    now: int
    line: Line
    standings: Mapping[str, Standing]
    steering: Steering
    running: tuple[Running, ...]
