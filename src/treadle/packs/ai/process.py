"""Ask a provider all that is wanted about one thread and keep each answer at once. Knows neither jobs nor SQL."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from treadle import TreadleError
from treadle.packs.ai.keys import input_hash
from treadle.packs.ai.ports import Answer, Instructions, Provider, ProviderError, TaskName, Usage
from treadle.packs.ai.threads import ThreadText

Status = Literal["ok", "partial", "failed"]
_MESSAGE_CAP = 300


@dataclass(frozen=True, slots=True)
class Found:
    """An answer that was known already."""

    output: Mapping[str, Any]
    confidence: float
    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class Fresh:
    """A new answer, with the key of its question."""

    task: TaskName
    key: str
    answer: Answer
    provider: str
    context_used: Sequence[Mapping[str, Any]] = ()


class Shelf(Protocol):
    """Where answers are kept."""

    def find(self, thread_id: str, keys: Mapping[TaskName, str]) -> Mapping[TaskName, Found]: ...

    def keep(self, thread_id: str, fresh: Sequence[Fresh]) -> None: ...


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one task has no answer."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the tasks of one thread; the shape that the back ends read."""

    thread_id: str
    status: Status
    results: Mapping[str, Mapping[str, Any]]
    errors: Mapping[str, Failure]
    usage: Usage
    duration_ms: int

    def as_json(self) -> dict[str, Any]:
        """Give the report as plain JSON values."""
        return asdict(self)

    @property
    def retryable(self) -> bool:
        """Whether trying again may bring what is missing."""
        return any(failure.retryable for failure in self.errors.values())

    @property
    def trouble(self) -> str:
        """What went wrong, in one line."""
        return "; ".join(f"{task}: {failure.message}" for task, failure in self.errors.items())


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted about a thread. `force` asks again although the answer is known."""

    thread_id: str
    thread: ThreadText
    tasks: Sequence[TaskName]
    force: bool = False
    instructions: Instructions = field(default_factory=Instructions)


def process(request: Request, provider: Provider, shelf: Shelf, check: Callable[[], None] = lambda: None) -> Report:
    """Answer each task and keep each answer before the next is asked for: a crash repeats only what is missing.

    Free answers are kept together. One task's error leaves the others alone; what Treadle raises on purpose
    (RetryLater, a stop) goes through, after what is known has been kept.
    """
    started = time.monotonic()
    keys = {task: input_hash(request.thread, task, provider, request.instructions) for task in request.tasks}
    known = {} if request.force else shelf.find(request.thread_id, keys)
    results: dict[str, Mapping[str, Any]] = {task: _told(found, cached=True) for task, found in known.items()}
    errors: dict[str, Failure] = {}
    usage = Usage()
    with _keeping(request.thread_id, shelf, together=provider.free) as keep:
        for task in (task for task in keys if task not in known):
            check()
            answer = _answer(task, request, provider)
            if isinstance(answer, Failure):
                errors[task] = answer
                continue
            keep(Fresh(task, keys[task], answer, provider.name, request.instructions.used))
            results[task] = _told(Found(answer.output, answer.confidence, provider.name, answer.model), cached=False)
            usage += answer.usage
    took = round((time.monotonic() - started) * 1000)
    ordered: dict[str, Mapping[str, Any]] = {task: results[task] for task in keys if task in results}
    return Report(request.thread_id, _status(results, errors), ordered, errors, usage, took)


@contextmanager
def _keeping(thread_id: str, shelf: Shelf, *, together: bool) -> Iterator[Callable[[Fresh], None]]:
    """Keep each answer at once, or all at the end, however the end comes."""
    if not together:
        yield lambda fresh: shelf.keep(thread_id, [fresh])
        return
    pending: list[Fresh] = []
    try:
        yield pending.append
    finally:
        if pending:
            shelf.keep(thread_id, pending)


def _status(results: Mapping[str, object], errors: Mapping[str, object]) -> Status:
    if not errors:
        return "ok"
    return "partial" if results else "failed"


def _answer(task: TaskName, request: Request, provider: Provider) -> Answer | Failure:
    try:
        return provider.run(task, request.thread, request.instructions)
    except ProviderError as error:
        return Failure(error.code, error.message[:_MESSAGE_CAP], error.retryable)
    except TreadleError:
        raise
    except Exception as error:  # noqa: BLE001  # the other tasks of this thread must not suffer from a bug in one
        return Failure("internal", f"{type(error).__name__}: {error}"[:_MESSAGE_CAP], retryable=False)


def _told(found: Found, *, cached: bool) -> Mapping[str, Any]:
    about = {"provider": found.provider, "model": found.model, "confidence": found.confidence, "cached": cached}
    return {**found.output, **about}
