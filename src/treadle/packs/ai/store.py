"""Results, labels and learned models in the database. What is asked and answered is for process.py."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects.sqlite import insert

from treadle.packs.ai.local.bayes import Model
from treadle.packs.ai.model import label, learned, result
from treadle.packs.ai.ports import TaskName
from treadle.packs.ai.process import Fresh
from treadle.packs.database import Database

_CHUNK = 400
_LABELS_CAP = 5_000


@dataclass(frozen=True, slots=True)
class Stored:
    """A kept answer. `created_at` is milliseconds since 1970, UTC."""

    thread_id: str
    task: str
    output: Mapping[str, Any]
    confidence: float
    provider: str
    model: str
    prompt_version: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Learned:
    """The model in use for a user, how it did when it was tried, and since when it is in use."""

    model: Model
    metrics: Mapping[str, Any]
    created_at: int


@dataclass(frozen=True, slots=True)
class Label:
    """What a user said a thread is."""

    thread_id: str
    value: str
    at: int


def prepare(database: Database) -> Database:
    """Make sure that this pack's tables are there and new; cheap when they are."""
    database.migrate("ai", "treadle.packs.ai.migrations")
    return database


def find(connection: Connection, thread_id: str, keys: Mapping[TaskName, str]) -> dict[TaskName, Stored]:
    """Look for the answers to exactly these questions (task -> input hash)."""
    query = select(result).where(result.c.thread_id == thread_id, result.c.input_hash.in_(list(keys.values())))
    rows = {(row.task, row.input_hash): _stored(row) for row in connection.execute(query)}
    return {task: rows[task, key] for task, key in keys.items() if (task, key) in rows}


def keep(connection: Connection, thread_id: str, fresh: Fresh, now: int) -> None:
    """Keep an answer; a newer answer to the same question takes the older one's place."""
    question = {"thread_id": thread_id, "task": fresh.task, "input_hash": fresh.key}
    told = {
        "output": dict(fresh.answer.output),
        "confidence": fresh.answer.confidence,
        "provider": fresh.provider,
        "model": fresh.answer.model,
        "prompt_version": fresh.answer.prompt_version,
        "context_used": [dict(entry) for entry in fresh.context_used],
        "created_at": now,
    }
    query = insert(result).values(question | told)
    connection.execute(query.on_conflict_do_update(index_elements=list(question), set_=told))


def newest(connection: Connection, thread_ids: Iterable[str]) -> dict[str, dict[str, Stored]]:
    """Give each thread's newest answer per task: `newest(c, ids)["t1"]["summarize"].output["summary"]`."""
    found: dict[str, dict[str, Stored]] = {}
    for chunk in _chunks(list(dict.fromkeys(thread_ids))):
        last = (
            select(func.max(result.c.id))
            .where(result.c.thread_id.in_(chunk))
            .group_by(result.c.thread_id, result.c.task)
        )
        for row in connection.execute(select(result).where(result.c.id.in_(last))):
            found.setdefault(row.thread_id, {})[row.task] = _stored(row)
    return found


def missing(connection: Connection, thread_ids: Sequence[str], tasks: Sequence[TaskName]) -> list[str]:
    """Keep those threads, in their order, that lack an answer to one of the tasks."""
    done: dict[str, int] = {}
    for chunk in _chunks(list(thread_ids)):
        count = func.count(func.distinct(result.c.task))
        query = select(result.c.thread_id, count).where(result.c.thread_id.in_(chunk), result.c.task.in_(tasks))
        done.update((row[0], row[1]) for row in connection.execute(query.group_by(result.c.thread_id)))
    return [thread for thread in thread_ids if done.get(thread, 0) < len(set(tasks))]


def totals(connection: Connection, thread_ids: Iterable[str]) -> dict[str, int]:
    """Count what the newest answers hold: summaries, labels, sentiments, tasks_found, drafts, suspicious."""
    counts = dict.fromkeys(("summaries", "labels", "sentiments", "tasks_found", "drafts", "suspicious"), 0)
    for tasks in newest(connection, thread_ids).values():
        outputs = {task: stored.output for task, stored in tasks.items()}
        counts["summaries"] += "summarize" in outputs
        counts["labels"] += "classify" in outputs
        counts["sentiments"] += "sentiment" in outputs
        counts["tasks_found"] += len(outputs.get("tasks", {}).get("tasks", ()))
        counts["drafts"] += outputs.get("reply", {}).get("draft") is not None
        counts["suspicious"] += bool(outputs.get("classify", {}).get("suspicious_instructions"))
    return counts


def correct(connection: Connection, user_id: str, thread_id: str, task: TaskName, value: str, now: int) -> None:
    """Keep a user's correction of an answer; `ai.learn` learns from it. Their last word about a thread stands."""
    row = {"user_id": user_id, "thread_id": thread_id, "task": task, "value": value, "at": now}
    query = insert(label).values(row)
    connection.execute(
        query.on_conflict_do_update(index_elements=["user_id", "thread_id", "task"], set_={"value": value, "at": now})
    )


def labels(connection: Connection, user_id: str, task: TaskName) -> list[Label]:
    """List a user's newest corrections, at most 5,000, oldest first."""
    query = select(label).where(label.c.user_id == user_id, label.c.task == task)
    rows = connection.execute(query.order_by(label.c.at.desc(), label.c.thread_id).limit(_LABELS_CAP))
    return [Label(row.thread_id, row.value, row.at) for row in reversed(rows.all())]


def learned_model(connection: Connection, user_id: str, task: TaskName) -> Learned | None:
    """Read the model that is in use for a user."""
    row = connection.execute(select(learned).where(learned.c.user_id == user_id, learned.c.task == task)).first()
    if row is None:
        return None
    return Learned(Model(row.blob["examples"], row.blob["counts"]), row.metrics, row.created_at)


def activate(
    connection: Connection, user_id: str, task: TaskName, model: Model, metrics: Mapping[str, Any], now: int
) -> None:
    """Put a learned model to use in place of the one before."""
    values = {
        "blob": {
            "examples": dict(model.examples),
            "counts": {name: dict(words) for name, words in model.counts.items()},
        },
        "metrics": dict(metrics),
        "created_at": now,
    }
    query = insert(learned).values({"user_id": user_id, "task": task, **values})
    connection.execute(query.on_conflict_do_update(index_elements=["user_id", "task"], set_=values))


def _stored(row: Row[Any]) -> Stored:
    return Stored(
        thread_id=row.thread_id,
        task=row.task,
        output=row.output,
        confidence=row.confidence,
        provider=row.provider,
        model=row.model,
        prompt_version=row.prompt_version,
        created_at=row.created_at,
    )


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
