"""The life of a job, drawn once.

                 held <──────────────┐ (unknown task)
                  │ ▲                │
          release ▼ │ hold           │
    add ──> scheduled ──promote──> queued ──claim──> running ──> completed
                  ▲                  ▲                │  │  └───> failed
                  └──retry, snooze───┼────────────────┘  └──────> cancelled
                                     └──hand back──┘

    held, scheduled, queued ──cancel──> cancelled
    held, scheduled, queued ──expire──> failed (reason "expired")
    running ──take over──> running (another worker, the next epoch)
    completed, failed, cancelled ──revive──> queued, ──delete──> gone

*Retrying*, *cancelling*, *stalled* and *skipped* are views (DESIGN.md 1), never states.
"""

from enum import StrEnum


class State(StrEnum):
    """Where a job is; the value is the word that the stores, the API and the CLI use."""

    HELD = "held"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in FINAL


FINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})
LIVE = frozenset(State) - FINAL

#: Every legal move. A test walks this table against each store.
LEADS_TO: dict[State, frozenset[State]] = {
    State.HELD: frozenset({State.SCHEDULED, State.QUEUED, State.CANCELLED, State.FAILED}),
    State.SCHEDULED: frozenset({State.QUEUED, State.HELD, State.CANCELLED, State.FAILED}),
    State.QUEUED: frozenset({State.RUNNING, State.HELD, State.CANCELLED, State.FAILED}),
    State.RUNNING: frozenset(State),
    State.COMPLETED: frozenset({State.QUEUED}),
    State.FAILED: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset({State.QUEUED}),
}


class Reason(StrEnum):
    """Why a job failed or is held."""

    ERROR = "error"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    EXPIRED = "expired"
    DISCARDED = "discarded"
    UNKNOWN_TASK = "unknown_task"
    OPERATOR = "operator"
