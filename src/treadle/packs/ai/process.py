"""Ask a provider all that is wanted about one thread and keep each answer at once. Knows neither jobs nor SQL."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from treadle.core.errors import TreadleError
from treadle.packs.ai.keys import input_hash
from treadle.packs.ai.ports import Answer, Instructions, Provider, ProviderError, TaskName, Usage
from treadle.packs.ai.threads import ThreadText

Status = Literal["ok", "partial", "failed"]
_MESSAGE_CAP = 300


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer found in the cache."""

    output: Mapping[str, Any]
    confidence: float
    provider: str
    model: str


class Shelf(Protocol):
    """Where answers are kept, one by one."""

    def find(self, thread_id: str, task: TaskName, key: str) -> Kept | None: ...

    def keep(self, thread_id: str, task: TaskName, key: str, answer: Answer, provider: str) -> None: ...


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


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted about a thread. `force` asks again although the answer is known."""

    thread_id: str
    thread: ThreadText
    tasks: Sequence[TaskName]
    force: bool = False
    instructions: Instructions = field(default_factory=Instructions)


def process(request: Request, provider: Provider, shelf: Shelf, check: Callable[[], None] = lambda: None) -> Report:
    """Answer each task, keeping each answer before the next: a crash repeats only what is missing.

    One task's error leaves the others alone. What Treadle raises on purpose (RetryLater, a stop) goes through.
    """
    started = time.monotonic()
    results: dict[str, Mapping[str, Any]] = {}
    errors: dict[str, Failure] = {}
    usage = Usage()
    for task in dict.fromkeys(request.tasks):
        check()
        ending = _attempt(task, request, provider, shelf)
        if isinstance(ending, Failure):
            errors[task] = ending
        else:
            results[task], used = ending
            usage += used
    took = round((time.monotonic() - started) * 1000)
    return Report(request.thread_id, _status(results, errors), results, errors, usage, took)


def _status(results: Mapping[str, object], errors: Mapping[str, object]) -> Status:
    if not errors:
        return "ok"
    return "partial" if results else "failed"


def _attempt(
    task: TaskName, request: Request, provider: Provider, shelf: Shelf
) -> tuple[Mapping[str, Any], Usage] | Failure:
    try:
        return _answer(task, request, provider, shelf)
    except ProviderError as error:
        return Failure(error.code, error.message[:_MESSAGE_CAP], error.retryable)
    except TreadleError:
        raise
    except Exception as error:  # noqa: BLE001  # the other tasks of this thread must not suffer from a bug in one
        return Failure("internal", f"{type(error).__name__}: {error}"[:_MESSAGE_CAP], retryable=False)


def _answer(task: TaskName, request: Request, provider: Provider, shelf: Shelf) -> tuple[Mapping[str, Any], Usage]:
    key = input_hash(request.thread, task, provider, request.instructions)
    kept = None if request.force else shelf.find(request.thread_id, task, key)
    if kept is not None:
        return _told(kept, cached=True), Usage()
    answer = provider.run(task, request.thread, request.instructions)
    shelf.keep(request.thread_id, task, key, answer, provider.name)
    return _told(Kept(answer.output, answer.confidence, provider.name, answer.model), cached=False), answer.usage


def _told(kept: Kept, *, cached: bool) -> Mapping[str, Any]:
    about = {"provider": kept.provider, "model": kept.model, "confidence": kept.confidence, "cached": cached}
    return {**kept.output, **about}
