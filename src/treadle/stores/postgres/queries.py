"""What is read, as steps."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from treadle.core.errors import ConfigError
from treadle.core.job import Filter, Page, Record, Slice, Snapshot, WorkerInfo
from treadle.core.states import State
from treadle.stores import rows
from treadle.stores.postgres.naming import FIRST, can_be_kept, is_key
from treadle.stores.postgres.statements import Statements
from treadle.stores.steps import Rows, Steps

#: Each question of a filter but that for states, as a condition that an index can serve.
CONDITIONS = {
    "tasks": "job.task = ANY (:tasks::text[])",
    "queues": "job.queue = ANY (:queues::text[])",
    "owner": "job.owner = :owner",
    "tenant": "job.tenant = :tenant",
    "batch": "job.batch = :batch",
    "created_after": "job.created_at >= :created_after",
}


def get(sql: Statements, id: str) -> Steps[Snapshot | None]:
    if not can_be_kept(id):
        return None
    condition = "job.key = :id::uuid AND job.name IS NULL" if is_key(id) else "job.name = :id"
    found = yield sql.finding("choose", [condition], limit=1, id=id)
    whole = yield from _whole(sql, found)
    return whole[0] if whole else None


def dump(sql: Statements, after: str | None, limit: int) -> Steps[Slice]:
    found = yield sql.finding("choose", ["job.key > :after::uuid"], "ASC", limit=limit, after=after or FIRST)
    whole = yield from _whole(sql, found)
    return Slice(tuple(whole), str(found[-1][0]) if len(found) == limit else None)


def _whole(sql: Statements, found: Rows) -> Steps[list[Snapshot]]:
    """Make snapshots of rows, with their attempts and log lines."""
    if not found:
        return []
    refs = [row[0] for row in found]
    attempts, logs = defaultdict[str, list[Any]](list), defaultdict[str, list[Any]](list)
    for ref, *attempt in (yield sql("attempts", refs=refs)):
        attempts[ref].append(rows.attempt(attempt))
    for ref, lines in (yield sql("log", refs=refs)):
        logs[ref] += json.loads(lines)
    return [rows.snapshot(row, attempts[row[0]], logs[row[0]]) for row in found]


def find(sql: Statements, filter: Filter, limit: int, cursor: str | None) -> Steps[Page]:
    asked = _asked(filter)
    conditions = [CONDITIONS[name] for name in asked]
    if cursor is not None:
        if not is_key(cursor):
            raise ConfigError(f"{cursor!r} is not a cursor; use next_cursor of the page before, unchanged.")
        asked["before"] = cursor
        conditions.append("job.key < :before::uuid")
    if filter.owner is not None:
        way, asked["states"] = "choose_by_owner", [state.value for state in filter.states or State]
    else:
        way = "choose" if filter.batch is None else "choose_by_batch"
        conditions += _in_states(filter.states)
    found = yield sql.finding(way, conditions, limit=limit + 1, **asked)
    items = tuple(rows.snapshot(row) for row in found[:limit])
    return Page(items, items[-1].cursor if len(found) > limit else None)


def count(sql: Statements, filter: Filter) -> Steps[dict[tuple[str, State], int]]:
    asked = _asked(filter)
    conditions = [*_in_states(filter.states), *(CONDITIONS[name] for name in asked)]
    found = yield sql.counting(conditions, **asked)
    return {(queue, State(state)): number for queue, state, number in found}


def _asked(filter: Filter) -> dict[str, Any]:
    """Name the questions that a filter really asks, but that for states, with their values."""
    given = {name: getattr(filter, name) for name in CONDITIONS}
    asked = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    return {name: value for name, value in asked.items() if value is not None and value != []}


def _in_states(states: Sequence[State]) -> list[str]:
    """Ask for states. They are written out: so the planner knows how many jobs of each there are."""
    if not states:
        return []
    words = [f"'{state.value}'" for state in states]
    asked = f"job.state = {words[0]}" if len(words) == 1 else f"job.state IN ({', '.join(words)})"
    return [asked, *(["job.finished_at IS NOT NULL"] if all(state.final for state in states) else [])]


def workers(sql: Statements) -> Steps[list[WorkerInfo]]:
    return [rows.worker(row) for row in (yield sql("workers"))]


def read(sql: Statements, kind: str, key: str | None) -> Steps[list[Record]]:
    return [Record(*row) for row in (yield sql("read", kind=kind, key=key))]


def now(sql: Statements) -> Steps[int]:
    ((told,),) = yield sql("clock")
    return int(told)
