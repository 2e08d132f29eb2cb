"""What the engine tells its listeners. Logs, metrics and live views are made of these, outside the engine."""

from collections.abc import Callable
from dataclasses import dataclass

from treadle.core.job import Claim
from treadle.core.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class WorkerStarted:
    """A worker holds its first lease and begins to claim."""

    worker: str
    queues: tuple[str, ...]
    slots: int


@dataclass(frozen=True, slots=True)
class WorkerStopped:
    """A worker has given its lease up."""

    worker: str
    handed_back: int


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """An attempt ended on this worker; its outcome is about to be settled."""

    claim: Claim
    outcome: Outcome
    took: int
    """Milliseconds of running."""


@dataclass(frozen=True, slots=True)
class ClaimLost:
    """A job had been taken over before its ending was settled; the ending changed nothing."""

    job_id: str
    task: str


@dataclass(frozen=True, slots=True)
class TakenOver:
    """A job was taken over from a worker that went silent."""

    claim: Claim
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class LoopBlocked:
    """The event loop has not turned for a while; `task` is what ran on it."""

    seconds: float
    task: str | None


@dataclass(frozen=True, slots=True)
class StoreTrouble:
    """A call to the store failed; it will be made again."""

    verb: str
    error: str


@dataclass(frozen=True, slots=True)
class Fenced:
    """This worker stopped its attempts because its lease could soon be somebody else's."""

    worker: str
    attempts: int


Event = WorkerStarted | WorkerStopped | AttemptEnded | ClaimLost | TakenOver | LoopBlocked | StoreTrouble | Fenced

Listener = Callable[[Event], None]
