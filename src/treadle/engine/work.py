"""What the engine needs to know of a task to run it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from treadle.core.retry import Retry

if TYPE_CHECKING:
    from treadle.engine.context import Context


class Executor(Enum):
    """Where a task's code runs."""

    LOOP = "loop"
    THREAD = "thread"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class Work:
    """A task as the engine sees it."""

    name: str
    executor: Executor
    invoke: "Callable[[str, Context], Any]"
    """Decode the arguments' JSON and call the function: a coroutine for the loop, a value for a thread."""
    encode: Callable[[Any], str | None]
    """Turn what it returned into JSON text; raises TreadleError if that cannot be."""
    retry: Retry
    timeout: int | None = None
    soft_timeout: int | None = None
