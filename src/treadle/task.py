"""A task: a function and its wishes. Enqueueing is checked against the function's signature, by type checkers too."""

import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, ParamSpec, TypeVar

from treadle.core.errors import ConfigError, InvalidArguments, PayloadTooLarge, TooManyJobs
from treadle.core.job import NewJob
from treadle.core.retry import DEFAULT, Retry, milliseconds
from treadle.governing import Governing
from treadle.handle import Job
from treadle.keep import Keep, checked_keep
from treadle.limits import OWN, Budgets, Limits, Rates, argument_names, tolls_of
from treadle.signature import Signature
from treadle.unique import Debounce, Throttle, Unique, one_of

if TYPE_CHECKING:
    from treadle.app import Treadle

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

PRIORITIES = range(-100, 101)
ATTEMPTS = range(1, 1_000_001)

#: Calls whose arguments are checked together.
SLICE = 1_000

#: Nothing is due later than in seven thousand years: the calendar ends in 9999.
LATEST = 7_000 * 366 * 24 * 3600 * 1000

When = timedelta | datetime | float


#: Jobs of one call: while it is written, a store may let nobody else in.
MOST = 50_000


def check_number(calls: Sequence[object]) -> None:
    """Raise TooManyJobs for more than one transaction should hold."""
    if len(calls) > MOST:
        raise TooManyJobs(len(calls), MOST)


class TaskOptions(NamedTuple):
    """What a task wishes for its jobs."""

    queue: str = "default"
    priority: int = 0
    retry: Retry = DEFAULT
    timeout: timedelta | None = None
    """None: the application's `job_timeout`; zero: for ever."""
    soft_timeout: timedelta | None = None
    """When SoftTimeout is raised inside the task, so that it may still put things in order."""
    expires: timedelta | None = None
    result_ttl: timedelta | None = None
    keep: timedelta | Keep | None = None
    """How long its ended jobs are kept; None: as the application's settings say."""
    unique: Unique | None = None
    debounce: Debounce | None = None
    throttle: Throttle | None = None
    concurrency: Limits = None
    rate: Rates = None
    budget: Budgets = None
    ordering_key: str | None = None
    """The argument whose equal values make jobs run strictly one after the other."""
    context: bool = False
    executor: Literal["auto", "process"] = "auto"

    def checked(self, task: str) -> "TaskOptions":
        """Answer itself, or raise ConfigError with what is wrong."""
        check_queue_name(task, self.queue)
        _check_priority(task, self.priority)
        for name in ("timeout", "soft_timeout", "expires", "result_ttl"):
            length = getattr(self, name)
            if length is not None and (not isinstance(length, timedelta) or length < timedelta(0)):
                raise ConfigError(f"{task}: {name}={length!r} must be a timedelta of zero or more.")
        if self.soft_timeout and self.timeout and self.soft_timeout >= self.timeout:
            raise ConfigError(f"{task}: the soft timeout must be shorter than the timeout.")
        checked_keep(task, self.keep)
        if not isinstance(self.retry, Retry):
            raise ConfigError(f"{task}: retry={self.retry!r} must be a policy, such as Retry(3) or NEVER.")
        one_of(task, self.unique, self.debounce, self.throttle)
        if self.ordering_key is not None and self.priority:
            raise ConfigError(f"{task}: an ordering key decides the order of its jobs; leave priority= out.")
        if self.executor not in ("auto", "process"):
            raise ConfigError(f"{task}: executor={self.executor!r} is not known; it is 'auto' or 'process'.")
        return self

    @property
    def uniqueness(self) -> Unique | None:
        """What keeps its jobs from being two."""
        return self.unique or self.debounce or self.throttle


class Wishes(NamedTuple):
    """What one enqueueing wishes beyond its task."""

    id: str | None = None
    queue: str | None = None
    priority: int | None = None
    run_after: When | None = None
    owner: str | None = None
    tenant: str | None = None
    batch: str | None = None
    expires: timedelta | None = None
    max_attempts: int | None = None
    ordering_key: str | None = None
    unique: Unique | None = None
    """One for these jobs, a Debounce or a Throttle too, in place of the task's."""
    tx: object | None = None


_NO_WISHES = Wishes()


class Call(NamedTuple, Generic[R]):
    """A checked call of a task, not yet enqueued; `enqueue_many` takes a list of them."""

    job: NewJob
    refuses: bool
    """Whether a live job with its unique key is an error."""
    tx: object | None = None
    """The caller's transaction that it shall be part of."""


class Task(Generic[P, R]):
    """A registered function. Calling it calls the function; `enqueue` makes a job of it."""

    def __init__(self, fn: Callable[..., Any], name: str, options: TaskOptions, app: "Treadle | None" = None) -> None:
        self.fn, self.name, self.options, self.app = fn, _checked_name(name), options.checked(name), app
        self.wishes = _NO_WISHES
        self.signature = Signature(name, fn, options.context)
        self.tolls = tolls_of(name, options.concurrency, options.rate, options.budget)
        ordering = [options.ordering_key] if options.ordering_key and options.ordering_key not in OWN else []
        for what, fields in (
            ("Unique", options.uniqueness.fields if options.uniqueness else ()),
            ("a limit", argument_names(self.tolls)),
            ("ordering_key", ordering),
        ):
            if wrong := self.signature.unknown(fields):
                raise ConfigError(f"{name}: {what}: {wrong}")
        self.__doc__, self.__name__, self.__wrapped__ = fn.__doc__, getattr(fn, "__name__", name), fn
        self.__module__, self.__qualname__ = fn.__module__, getattr(fn, "__qualname__", name)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, here and now. (A task with a context: `task.fn(ctx, …)`.)"""
        result: R = self.fn(*args, **kwargs)
        return result

    def using(
        self,
        *,
        id: str | None = None,
        queue: str | None = None,
        priority: int | None = None,
        run_after: When | None = None,
        owner: str | None = None,
        tenant: str | None = None,
        batch: str | None = None,
        expires: timedelta | None = None,
        max_attempts: int | None = None,
        ordering_key: str | None = None,
        unique: Unique | None = None,
        debounce: Debounce | None = None,
        throttle: Throttle | None = None,
        tx: object | None = None,
    ) -> "Task[P, R]":
        """Wish something for the jobs enqueued through what this answers.

        `id`: a chosen id; a job that has it already stands for the newcomer. `run_after`: seconds or a
        timedelta from now, or an aware datetime. `priority`: -100…100, larger runs sooner. `expires`: do not
        start any more after this. `ordering_key`: jobs of one key run strictly one after the other. `unique`,
        `debounce`, `throttle`: one of them, in place of the task's. `tx`: a connection or session of sqlite3, psycopg,
        asyncpg, SQLAlchemy or Django, or what `ctx.tx()` gives: the job exists exactly if that transaction commits.
        """
        alike = one_of(self.name, unique, debounce, throttle)
        given: dict[str, Any] = {
            "id": id, "queue": queue, "priority": priority, "run_after": run_after, "owner": owner, "tenant": tenant,
            "batch": batch, "expires": expires, "max_attempts": max_attempts, "ordering_key": ordering_key,
            "unique": alike, "tx": tx,
        }  # fmt: skip
        return self._with(self.wishes._replace(**{name: value for name, value in given.items() if value is not None}))

    def bound(self, app: "Treadle") -> "Task[P, R]":
        """Make the same task of another application."""
        twin = self._with(self.wishes)
        twin.app = app
        return twin

    def _with(self, wishes: Wishes) -> "Task[P, R]":
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.__dict__.pop("_template", None)
        twin.__dict__.pop("_governing", None)
        twin.wishes = wishes
        return twin

    def call(self, *args: P.args, **kwargs: P.kwargs) -> Call[R]:
        """Check a call and keep it for `enqueue_many`. Raises InvalidArguments, PayloadTooLarge."""
        app = self._application()
        (job,) = self._new_jobs(app.new_ids(1), [self._encoded(app, args, kwargs)])
        return Call(job, self._refuses, self.wishes.tx)

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job[R]:
        """Enqueue a job and answer its handle once the store has it; for code that is not async.

        Raises InvalidArguments, PayloadTooLarge, DuplicateJob, StoreError.
        """
        return self._application().enqueue_many([self.call(*args, **kwargs)])[0]

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job[R]:
        """Enqueue a job and answer its handle once the store has it; raises as `enqueue` does."""
        return (await self._application().aenqueue_many([self.call(*args, **kwargs)]))[0]

    def enqueue_many(self, calls: Sequence[Mapping[str, Any]]) -> list[Job[R]]:
        """Enqueue one job for each mapping of arguments, all in one transaction.

        Raises TooManyJobs for more than 50,000, and what `enqueue` raises.
        """
        app = self._application()
        jobs = self._checked(app, calls)
        return app.keep(jobs, self._refusing(jobs), self.wishes.tx)

    async def aenqueue_many(self, calls: Sequence[Mapping[str, Any]]) -> list[Job[R]]:
        """Enqueue one job for each mapping of arguments, all in one transaction."""
        app = self._application()
        jobs = self._checked(app, calls)
        return await app.akeep(jobs, self._refusing(jobs), self.wishes.tx)

    def _checked(self, app: "Treadle", calls: Sequence[Mapping[str, Any]]) -> list[NewJob]:
        check_number(calls)
        texts = self._encoded_many(app, calls)
        return self._new_jobs(app.new_ids(len(texts)), texts)

    def _refusing(self, jobs: Sequence[NewJob]) -> frozenset[str]:
        return frozenset(job.id for job in jobs) if self._refuses else frozenset()

    def _encoded(self, app: "Treadle", args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        text = self.signature.encode(args, kwargs)
        limit = app.settings.payload_limit
        if len(text) * 4 > limit and (size := len(text.encode())) > limit:
            raise PayloadTooLarge(self.name, "arguments", size, limit)
        return text

    def _encoded_many(self, app: "Treadle", calls: Sequence[Mapping[str, Any]]) -> list[str]:
        texts: list[str] = []
        for start in range(0, len(calls), SLICE):
            written = self.signature.encode_many(calls[start : start + SLICE])
            if (size := max(map(len, written))) > app.settings.payload_limit:
                raise PayloadTooLarge(self.name, "arguments", size, app.settings.payload_limit)
            texts += map(bytes.decode, written)
        return texts

    def _application(self) -> "Treadle":
        if self.app is None:
            raise ConfigError(
                f"{self.name} belongs to a pack that is in no application yet: app.include(pack), then"
                " app.bind(task).enqueue(…)."
            )
        return self.app

    @property
    def _refuses(self) -> bool:
        return self._unique is not None and self._unique.on_conflict == "raise"

    @property
    def _unique(self) -> Unique | None:
        return self.wishes.unique or self.options.uniqueness

    def _new_jobs(self, ids: Sequence[str], texts: Sequence[str]) -> list[NewJob]:
        wishes, template = self.wishes, self._template
        if wishes.id is None and self._unique is None and self._governing.constant:
            # By far the most jobs differ in id and arguments only; tuples are cheaper to join than to fill by name.
            _, task, queue, _, *rest = map(repeat, template)
            return list(map(NewJob._make, zip(ids, task, queue, texts, *rest, strict=False)))
        return [self._new_job(wishes.id or id, text) for id, text in zip(ids, texts, strict=True)]

    def _new_job(self, id: str, text: str) -> NewJob:
        from msgspec.json import decode

        args: dict[str, Any] = {**self.signature.plain_defaults, **decode(text)}
        lane, costs = self._governing.constant or self._governing.of(args)
        unique = self._unique
        key = unique.key(self.name, self.wishes.tenant, args, self._application().clock()) if unique else None
        return self._template._replace(id=id, args=text, unique_key=key, lane=lane, costs=costs)

    @cached_property
    def _governing(self) -> Governing:
        """What its jobs must pass, by the limits of the task and of its queue."""
        options, wishes = self.options, self.wishes
        # A limit that the queue shares with the task is one gate, entered once.
        tolls = {toll.policy: toll for toll in self._application().tolls_of_queue(_given(wishes.queue, options.queue))}
        tolls |= {toll.policy: toll for toll in self.tolls}
        own = [name for name in OWN if not self.signature.takes(name)]
        return Governing(
            self.name, list(tolls.values()), wishes.tenant, wishes.owner, options.ordering_key, wishes.ordering_key,
            self.signature.plain_defaults, own,
        )  # fmt: skip

    @cached_property
    def _template(self) -> NewJob:
        """What all jobs of this task have in common under its wishes."""
        app, options, wishes = self._application(), self.options, self.wishes
        _check_wishes(self.name, app, wishes)
        priority = _given(wishes.priority, options.priority)
        if priority and (options.ordering_key or wishes.ordering_key):
            raise InvalidArguments(self.name, "an ordering key decides the order of its jobs; leave priority= out.")
        unique, governed = self._unique, self._governing.constant
        if wishes.unique and (wrong := self.signature.unknown(wishes.unique.fields)):
            raise InvalidArguments(self.name, f"{type(wishes.unique).__name__}: {wrong}")
        due_at, due_in = _due(self.name, wishes.run_after)
        if isinstance(unique, Debounce) and wishes.run_after is None:
            due_in = min(unique.delay, LATEST)
        expires = options.expires if wishes.expires is None else wishes.expires
        return NewJob(
            id="",
            task=self.name,
            queue=_given(wishes.queue, options.queue),
            args="",
            priority=priority,
            due_at=due_at,
            due_in=due_in,
            max_attempts=wishes.max_attempts or options.retry.attempts,
            expires_in=None if expires is None else min(milliseconds(expires), LATEST),
            result_ttl=min(milliseconds(_given(options.result_ttl, app.settings.result_ttl)), LATEST),
            owner=wishes.owner,
            tenant=wishes.tenant,
            batch=wishes.batch,
            lane=governed.lane if governed else None,
            unique_until=unique.until if unique else "final",
            unique_for=min(unique.window, LATEST) if unique and unique.window is not None else None,
            on_conflict=unique.on_conflict if unique and unique.on_conflict != "raise" else "skip",
            fresh=wishes.id is None,
        )

    def __repr__(self) -> str:
        return f"<Task {self.name}>"


class AsyncTask(Task[P, R]):
    """A task whose function is `async def`; it differs in what calling it gives."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:  # type: ignore[override]  # calling an async function gives a coroutine
        """Call the function itself: `await task(…)`."""
        result: Coroutine[Any, Any, R] = self.fn(*args, **kwargs)
        return result


def _given(wish: T | None, otherwise: T) -> T:
    return otherwise if wish is None else wish


def make_task(fn: Callable[..., Any], name: str | None, options: TaskOptions, app: "Treadle | None") -> Task[Any, Any]:
    """Make the task of a function; its name is the function's where none is given."""
    if not callable(fn):
        raise ConfigError(f"@task decorates a function, not {fn!r}.")
    if isinstance(fn, Task):
        raise ConfigError(f"{fn!r} is a task already; decorate its function once.")
    name = getattr(fn, "__name__", None) if name is None else name
    if name is None:
        raise ConfigError(f"{fn!r} has no name of its own; give the task one: @app.task('name').")
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise ConfigError(f"{name}: a task returns its result; a function with `yield` cannot be one.")
    kind = AsyncTask if inspect.iscoroutinefunction(fn) else Task
    return kind(fn, name, options, app)


def _checked_name(name: str) -> str:
    if not _writable(name, 200) or name != name.strip():
        raise ConfigError(f"{str(name)[:60]!r} cannot name a task; use 1 to 200 printable characters.")
    return name


def _writable(text: object, longest: int) -> bool:
    """Say whether this is text to keep: not empty, not too long, no control characters, no lone surrogates."""
    if not isinstance(text, str) or not 0 < len(text) <= longest:
        return False
    return not any(ord(sign) < 32 or 0xD800 <= ord(sign) <= 0xDFFF for sign in text)


def check_queue_name(task: str, queue: str) -> None:
    if not _writable(queue, 100) or " " in queue:
        raise ConfigError(f"{task}: {queue!r} cannot name a queue; use 1 to 100 characters without spaces.")


def _check_priority(task: str, priority: int) -> None:
    if priority not in PRIORITIES:
        raise InvalidArguments(task, f"priority={priority} must lie between -100 and 100; larger runs sooner.")


def _check_wishes(task: str, app: "Treadle", wishes: Wishes) -> None:
    if wishes.priority is not None:
        _check_priority(task, wishes.priority)
    if wishes.queue is not None:
        app.check_queue(task, wishes.queue)
    for name in ("id", "owner", "tenant", "batch", "ordering_key"):
        text = getattr(wishes, name)
        if text is not None and not _writable(text, 200):
            raise InvalidArguments(task, f"{name}={text!r:.80} must be 1 to 200 printable characters.")
    if wishes.max_attempts is not None and wishes.max_attempts not in ATTEMPTS:
        raise InvalidArguments(task, f"max_attempts={wishes.max_attempts} must lie between 1 and {ATTEMPTS[-1]:,}.")
    expires: object = wishes.expires
    if expires is not None and not (isinstance(expires, timedelta) and expires >= timedelta(0)):
        raise InvalidArguments(task, f"expires={expires!r} must be a timedelta of zero or more.")


def _due(task: str, when: When | None) -> tuple[int | None, int | None]:
    """Split a wish for later into an instant or a distance, in milliseconds."""
    if when is None:
        return None, None
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise InvalidArguments(
                task, "run_after is a datetime without a time zone; give it one, or use a timedelta."
            )
        return round(when.timestamp() * 1000), None
    try:
        return None, min(max(0, milliseconds(when)), LATEST)
    except (TypeError, ValueError, OverflowError):
        raise InvalidArguments(
            task, f"run_after={when!r} is no time; give seconds, a timedelta or a datetime."
        ) from None
