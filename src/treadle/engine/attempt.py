"""One attempt while it runs: its claim, what it has told, and whether it was asked to stop."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from treadle.core.errors import SoftTimeout, TreadleError
from treadle.core.flow.gates import Park
from treadle.core.flow.lanes import read_costs, read_lane
from treadle.core.job import Claim, Progress, Spent

if TYPE_CHECKING:
    import asyncio

    from treadle.core.outcomes import Outcome
    from treadle.engine.work import Work

LOG_LINES, LOG_BYTES = 200, 32_000


class Lost(TreadleError):
    """The claim is no longer this worker's; whatever the attempt does now is nobody's."""


class ShuttingDown(TreadleError):
    """The worker stops; the job goes back to its queue."""


class Asked(TreadleError):
    """An operator asked the job to stop."""


class Attempt:
    """Shared by the loop, the task's thread and the heart; every field has one writer."""

    __slots__ = (
        "at", "claim", "deadline", "ended", "log", "log_size", "nudge", "over", "park", "pressed", "progress", "runner",
        "since", "soft_deadline", "spent", "stop_until", "stopping", "unsent", "warning", "work",
    )  # fmt: skip

    def __init__(self, claim: Claim, work: "Work", nudge: Callable[[], None], since: float, at: int = 0) -> None:
        self.claim, self.work, self.nudge = claim, work, nudge
        self.at = at
        """When it was claimed, by the store's clock."""
        self.spent: dict[str, tuple[int, int]] = {}
        """By the budget's gate: units used, and units granted beyond what was set aside."""
        self.park: Park | None = None
        """What the other side's headers said."""
        self.since = since
        """When it was claimed, then when it started; seconds of the worker's steady clock."""
        self.deadline: float | None = None
        self.soft_deadline: float | None = None
        self.stopping: BaseException | None = None
        """Why it was told to stop."""
        self.stop_until = 0.0
        self.pressed = False
        """It has been told twice."""
        self.warning: SoftTimeout | None = None
        self.over = False
        """Its ending is known; what the code still does is ignored."""
        self.runner: asyncio.Task[Any] | None = None
        self.progress: Progress | None = None
        self.log: list[dict[str, object]] | None = None
        self.log_size = 0
        self.ended: Outcome | None = None
        """How it ended already, in a transaction of the task's own: whatever comes after changes nothing."""
        self.unsent = False
        """There is progress or a log line that no beat has carried yet."""

    def encode(self, value: object) -> str | None:
        """Write a result as JSON text."""
        return self.work.encode(value)

    def tell(self, progress: Progress) -> None:
        """Keep this progress for the next beat; `done` never falls."""
        before = self.progress
        if before and before.done > progress.done:
            progress = progress._replace(done=before.done)
        self.progress = progress
        self._pending()

    def write(self, line: dict[str, object]) -> None:
        """Keep a log line; the oldest go when there are too many."""
        lines = self.log = self.log or []
        lines.append(line)
        self.log_size += _size(line)
        while len(lines) > LOG_LINES or (self.log_size > LOG_BYTES and len(lines) > 1):
            self.log_size -= _size(lines.pop(0))
        self._pending()

    def spend(self, gate: str, used: int, granted: int) -> None:
        """Note what was used of a budget."""
        self.spent[gate] = used, granted

    def heed(self, told: Park) -> None:
        """Note what the other side said of the pace it bears; the last word counts."""
        self.park = told

    def spent_beyond(self) -> tuple[Spent, ...]:
        """Say by how much it used more or less of budgets than is set aside for it."""
        return spent_beyond(self.claim, self.spent, self.at)

    def _pending(self) -> None:
        if not self.unsent:
            self.unsent = True
            self.nudge()

    def log_text(self) -> str | None:
        """Give the kept lines as JSON text."""
        return json.dumps(list(self.log)) if self.log else None


def spent_beyond(claim: Claim, spent: Mapping[str, tuple[int, int]], at: int) -> tuple[Spent, ...]:
    """Say by how much a job that was claimed `at` used more or less than is set aside and was granted."""
    if not spent:
        return ()
    gates = read_lane(claim.lane or "").gates
    found = []
    for gate, cost in zip(gates, read_costs(claim.costs, len(gates)), strict=True):
        used, granted = spent.get(gate.name, (cost, 0))
        if used != cost + granted:
            found.append(Spent(gate.name, used - cost - granted, at // gate.period))
    return tuple(found)


def _size(line: dict[str, object]) -> int:
    return sum(len(str(value)) + len(key) + 8 for key, value in line.items())
