"""What a provider of AI answers is: the one seam between the jobs and whoever answers. Knows neither jobs nor tables.

A provider gets one task and one thread and gives one answer; how (rules, or prompt -> `complete` -> validated JSON)
is its own affair. Nobody sleeps here: a provider that was told to wait raises `treadle.RetryLater`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args

from treadle.packs.ai.threads import ThreadText

TaskName = Literal["summarize", "classify", "sentiment", "reply", "tasks"]
TASKS: tuple[TaskName, ...] = get_args(TaskName)


@dataclass(frozen=True, slots=True)
class Usage:
    """What answering cost. `cost_usd` is None where the price is unknown, never 0 for that."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        known = self.cost_usd is not None and other.cost_usd is not None
        return Usage(
            self.requests + other.requests,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            (self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None,
        )


@dataclass(frozen=True, slots=True)
class Instructions:
    """What the operator adds to a task: trusted text, and the ids of the entries it was packed from."""

    text: str = ""
    used: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A task's output (JSON-able), how sure the provider is (0 to 1), and what made it."""

    output: Mapping[str, Any]
    confidence: float
    model: str
    prompt_version: str
    usage: Usage = field(default_factory=Usage)


class ProviderError(Exception):
    """A provider could not answer one task; the others go on. `code` is a short word such as `bad_output`."""

    def __init__(self, code: str, message: str, *, retryable: bool) -> None:
        self.code, self.message, self.retryable = code, message, retryable
        super().__init__(f"{code}: {message}")


class Provider(Protocol):
    """Answers tasks about threads. `name`, `model` and `prompt_version` are part of the cache key."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def free(self) -> bool:
        """Whether an answer costs nothing: then those of a thread are kept together, not each on its own."""
        ...

    def prompt_version(self, task: TaskName) -> str:
        """Name the version of the prompt or algorithm that answers this task."""
        ...

    def run(self, task: TaskName, thread: ThreadText, instructions: Instructions) -> Answer:
        """Answer one task about one thread. Raises ProviderError, or RetryLater when told to wait."""
        ...
