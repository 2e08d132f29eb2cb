"""Which ended jobs may go, read beside the writer: per task, so that what one keeps stands in front of no other."""

import sqlite3
from collections.abc import Iterator
from itertools import islice

from treadle.core.retention import Retention, due_tasks
from treadle.core.states import FINAL, State
from treadle.stores.sqlite.flow.said import load

ENDED = load("ended")
KEPT = load("kept", "task", "runs")
OUTDATED = load("outdated", "task", "completed", "failed", "cancelled", "limit")

#: Later than any end.
ALL = 2**62


def outdated(connection: sqlite3.Connection, now: int, rules: Retention, limit: int) -> list[str]:
    ended = [(State(state), task, now - first) for state, task, first in connection.execute(ENDED)]
    return list(islice(_of_tasks(connection, now, rules, due_tasks(rules, ended), limit), limit))


def _of_tasks(
    connection: sqlite3.Connection, now: int, rules: Retention, tasks: list[str], limit: int
) -> Iterator[str]:
    for task in tasks:
        last = _end_of_last_runs(connection, task, rules.runs)
        if last is not None:
            before = {state: _before(now, rules.age(task, state), last) for state in FINAL}
            asked = (task, before[State.COMPLETED], before[State.FAILED], before[State.CANCELLED], limit)
            yield from (id for (id,) in connection.execute(OUTDATED, asked).fetchall())


def _end_of_last_runs(connection: sqlite3.Connection, task: str, runs: int) -> int | None:
    """Say when the first of the last runs of a task ended; None: there have not been so many."""
    found = connection.execute(KEPT, (task, runs)).fetchone() if runs else (ALL,)
    return found[0] if found else None


def _before(now: int, age: int | None, last: int) -> int | None:
    """Say up to which end jobs may go; None: none may."""
    return None if age is None else min(now - age, last - 1)
