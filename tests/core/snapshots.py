"""A job as it was seen at noon, for tests of what is decided about it."""

from typing import Any

from treadle.core.job import Snapshot
from treadle.core.states import State

NOON = 1_795_608_000_000  # 2026-11-25 12:00 UTC


def snapshot(id: str, **known: Any) -> Snapshot:
    """Make a queued job, unless it is known otherwise."""
    told: dict[str, Any] = dict.fromkeys(Snapshot._fields)
    told |= {"id": id, "task": "sync", "queue": "mail", "state": State.QUEUED, "args": "{}", "priority": 0}
    told |= {"attempt": 0, "max_attempts": 3, "epoch": 0, "crashes": 0, "cancelling": False, "created_at": NOON}
    told |= {"unique_until": "final", "cursor": "1", "attempts": (), "log": ()}
    return Snapshot(**{**told, **known})
