"""The `@task` decorator, shared by applications and packs, with types that keep the function's signature."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar, overload

from treadle.core.errors import ConfigError
from treadle.core.retry import Retry
from treadle.engine.context import Context
from treadle.keep import Keep
from treadle.limits import Budgets, Limits, Rates
from treadle.task import AsyncTask, Task, TaskOptions
from treadle.unique import Debounce, Throttle, Unique

P = ParamSpec("P")
R = TypeVar("R")


class Decorate(Protocol):
    """Turns a function into a task."""

    @overload
    def __call__(self, fn: Callable[P, Awaitable[R]], /) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> Task[P, R]: ...


class DecorateWithContext(Protocol):
    """Turns a function whose first parameter is the context into a task without that parameter."""

    @overload
    def __call__(self, fn: Callable[Concatenate[Context, P], Awaitable[R]], /) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, fn: Callable[Concatenate[Context, P], R], /) -> Task[P, R]: ...


class Declaring:
    """Has a `task` decorator."""

    def declare(self, fn: Callable[..., Any], name: str | None, options: TaskOptions) -> Task[Any, Any]:
        """Register a task."""
        raise NotImplementedError

    @overload
    def task(self, fn: Callable[P, Awaitable[R]], /) -> AsyncTask[P, R]: ...
    @overload
    def task(self, fn: Callable[P, R], /) -> Task[P, R]: ...
    @overload
    def task(
        self,
        name: str | None = None,
        /,
        *,
        context: Literal[True],
        queue: str = ...,
        priority: int = ...,
        retry: Retry = ...,
        timeout: timedelta | None = ...,
        soft_timeout: timedelta | None = ...,
        expires: timedelta | None = ...,
        result_ttl: timedelta | None = ...,
        keep: timedelta | Keep | None = ...,
        unique: Unique | None = ...,
        debounce: Debounce | None = ...,
        throttle: Throttle | None = ...,
        concurrency: Limits = ...,
        rate: Rates = ...,
        budget: Budgets = ...,
        ordering_key: str | None = ...,
        executor: Literal["auto", "process"] = ...,
    ) -> DecorateWithContext: ...
    @overload
    def task(
        self,
        name: str | None = None,
        /,
        *,
        context: Literal[False] = ...,
        queue: str = ...,
        priority: int = ...,
        retry: Retry = ...,
        timeout: timedelta | None = ...,
        soft_timeout: timedelta | None = ...,
        expires: timedelta | None = ...,
        result_ttl: timedelta | None = ...,
        keep: timedelta | Keep | None = ...,
        unique: Unique | None = ...,
        debounce: Debounce | None = ...,
        throttle: Throttle | None = ...,
        concurrency: Limits = ...,
        rate: Rates = ...,
        budget: Budgets = ...,
        ordering_key: str | None = ...,
        executor: Literal["auto", "process"] = ...,
    ) -> Decorate: ...
    def task(self, fn: Any = None, /, **options: Any) -> Any:
        """Register a function as a task: `@app.task`, or `@app.task("name", queue="mail", …)`.

        `context=True` passes a `Context` as first argument. `executor="process"` runs it in a child process,
        which is killed at the timeout. Raises ConfigError where an option cannot work.
        """
        if callable(fn):
            return self.declare(fn, None, TaskOptions())
        unknown = [name for name in options if name not in TaskOptions._fields]
        if unknown:
            raise ConfigError(
                f"@app.task has no option {unknown[0]!r}; it has {', '.join(TaskOptions._fields)}."
                " How often a job is tried, say, is `retry=Retry(3)`."
            )
        return lambda function: self.declare(function, fn, TaskOptions(**options))
