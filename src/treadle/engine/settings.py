"""How one worker behaves. Times are milliseconds inside."""

from dataclasses import dataclass, field
from pathlib import Path

from treadle.core.retention import Retention


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What a worker serves, how much at once, and how long it may be silent."""

    queues: tuple[str, ...] = ("default",)
    weights: tuple[int, ...] = ()
    """How many starts each queue gets for those of the others; empty: the best job of all goes first."""
    slots: int = 10
    lease: int = 15_000
    """How long claims hold without a heartbeat."""
    grace: int = 25_000
    """How long running jobs may go on after a stop was asked."""
    stop_grace: int = 5_000
    """How long a job that was told to stop (cancelled, timed out) may tidy up."""
    sweep: int = 1_000
    reserve: int = 200
    """Most jobs claimed ahead of free slots, and only while jobs are very short."""
    retention: Retention = field(default_factory=Retention)
    """Which ended jobs go, of this worker's own tasks; those of others have told theirs to the store."""
    archive: Path | None = None
    """A directory in which all that goes is kept."""

    @property
    def heartbeat(self) -> int:
        return self.lease // 5

    @property
    def fence(self) -> int:
        """After so long without an answered heartbeat the worker stops its own attempts."""
        return self.lease * 8 // 10
