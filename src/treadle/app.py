"""Treadle: a store, tasks and packs, bound together."""

import importlib.util
import sys
import threading
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from treadle.config import Settings, settings_from
from treadle.core.errors import ConfigError, DuplicateJob, InvalidArguments, MissingExtra, UnknownTask
from treadle.core.ids import Clock, Ids
from treadle.core.job import Added, Filter, NewJob, Page
from treadle.core.states import State
from treadle.core.store import Enlisted, Pending, Store
from treadle.declare import Declaring
from treadle.handle import Job
from treadle.limits import tolls_of
from treadle.pack import Pack
from treadle.stores import open_store
from treadle.stores.clocks import wall_clock
from treadle.stores.steps import atake, take
from treadle.task import Call, Task, TaskOptions, check_number, check_queue_name, make_task

if TYPE_CHECKING:
    from treadle.bulk import Done
    from treadle.core.events import Listener
    from treadle.engine.context import Line
    from treadle.engine.worker import Worker
    from treadle.fallback import Spool
    from treadle.limits import Budgets, Limits, Rates, Toll
    from treadle.schedule import Missed, Overlap, Schedule
    from treadle.spending import Amount
    from treadle.stores.door import Door
    from treadle.transaction import Transaction

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Treadle(Declaring):
    """An application's background work: where its jobs are kept, and the tasks that run them.

    `store` is a URL; without one the environment decides (`TREADLE_STORE`, `DATABASE_URL`, `REDIS_URL`, else a
    file here). Further settings may be given by name, such as `payload_limit=1_000_000`. Nothing is opened
    before the first use. Raises ConfigError.
    """

    def __init__(
        self,
        store: str | Store | None = None,
        *,
        queues: Sequence[str] = (),
        clock: Clock | None = None,
        settings: Settings | None = None,
        **given: Any,
    ) -> None:
        url = store if isinstance(store, str) else None
        self.settings = replace(settings, **given) if settings else settings_from(store=url, **given)
        if url and settings:
            self.settings = replace(self.settings, store=url)
        self.store: Store = self._open_store(clock) if url or store is None else _as_store(store)
        self.tasks: dict[str, Task[Any, Any]] = {}
        self.packs: list[Pack] = []
        self.place: tuple[str, str] | None = None
        """Module and name where a child process finds it; looked for where not given."""
        self.schedules: dict[str, Schedule] = {}
        self.listeners: list[Listener] = []
        self._queues = set(queues) | {"default"}
        self._queue_tolls: dict[str, tuple[Toll, ...]] = {}
        self._declared: dict[str, tuple[str, tuple[int, int, int]]] = {}
        """By a limit's policy: who declared it, and with which numbers."""
        self.weights: dict[str, int] = {}
        """Queues that get more than one start for one of another queue's."""
        self._factories: dict[type[Any], Callable[[Treadle], Any]] = {}
        self._resources: dict[type[Any], Any] = {}
        self._making = threading.RLock()
        self.clock: Clock = clock or wall_clock
        """Says at which instant a job is enqueued, where the store's clock is not asked."""
        self._ids = Ids(self.clock)
        self._door: Door | None = None
        self.spool: Spool | None = self._make_spool() if self.settings.fallback else None

    def _open_store(self, clock: Clock | None) -> Store:
        return open_store(self.settings.store, clock, migrate=self.settings.auto_migrate)

    def _make_spool(self) -> "Spool":
        from treadle.fallback import Spool

        return Spool(self.store, self.settings.fallback or "", self._outside)

    # -- tasks and packs -----------------------------------------------------------

    def declare(self, fn: Callable[..., Any], name: str | None, options: TaskOptions) -> Task[Any, Any]:
        return self._register(make_task(fn, name, options, self))

    def include(self, pack: Pack) -> None:
        """Plug a pack in: its tasks and resources. Including it again changes nothing.

        Raises MissingExtra where its libraries are not installed.
        """
        if pack in self.packs:
            return
        for library in pack.needs:
            if importlib.util.find_spec(library) is None:
                raise MissingExtra(pack.extra, library)
        self.packs.append(pack)
        for task in pack.tasks.values():
            self._register(task.bound(self))
        for kind, factory in pack.factories.items():
            self._factories.setdefault(kind, factory)

    def bind(self, task: Task[P, R]) -> Task[P, R]:
        """Find this application's twin of a pack's task. Raises UnknownTask if the pack is not included."""
        if task.name not in self.tasks:
            raise UnknownTask(task.name, self.tasks)
        return task.bound(self)

    def task_named(self, name: str) -> Task[Any, Any]:
        """Find a task by its name. Raises UnknownTask with the nearest name."""
        try:
            return self.tasks[name]
        except KeyError:
            if name.startswith("treadle."):
                from treadle.builtin import builtin_tasks

                if name in (found := builtin_tasks(self)):
                    return found[name]
            raise UnknownTask(name, self.tasks) from None

    def _register(self, task: Task[Any, Any]) -> Task[Any, Any]:
        before = self.tasks.get(task.name)
        if before is not None and before.fn is not task.fn:
            raise ConfigError(f"Two tasks are called {task.name!r}; give one of them another name: @app.task('name').")
        self._agree(f"the task {task.name!r}", task.tolls)
        self.tasks[task.name] = task
        return task

    def _agree(self, owner: str, tolls: "Sequence[Toll]") -> None:
        """Raise ConfigError for a limit of one name that is declared with two numbers."""
        for toll in tolls:
            other, declared = self._declared.setdefault(toll.policy, (owner, toll.declared))
            if declared != toll.declared and other != owner:
                raise ConfigError(
                    f"The limit {toll.policy!r} has other numbers in {owner} than in {other}; give both the same,"
                    " or each a name= of its own."
                )
        self._declared.update({toll.policy: (owner, toll.declared) for toll in tolls})

    @property
    def queues(self) -> tuple[str, ...]:
        """All queues that this application knows: its tasks' and those it was given."""
        return tuple(sorted(self._queues | {task.options.queue for task in self.tasks.values()}))

    def queue(
        self,
        name: str,
        *,
        concurrency: "Limits" = None,
        rate: "Rates" = None,
        budget: "Budgets" = None,
        weight: int = 1,
    ) -> None:
        """Declare a queue: limits for all its jobs together, and how many starts it gets for one of another queue's.

        Raises ConfigError.
        """
        from treadle.engine.shares import WEIGHTS

        check_queue_name("app.queue", name)
        if type(weight) is not int or weight not in WEIGHTS:
            raise ConfigError(f"app.queue({name!r}): weight={weight!r} must be a whole number from 1 to 1,000.")
        tolls = tolls_of(f"@{name}", concurrency, rate, budget)
        self._agree(f"the queue {name!r}", tolls)
        self._queues.add(name)
        self._queue_tolls[name] = tolls
        self.weights[name] = weight

    def tolls_of_queue(self, name: str) -> "tuple[Toll, ...]":
        """List the limits of a queue."""
        return self._queue_tolls.get(name, ())

    def check_queue(self, task: str, queue: str) -> None:
        """Raise InvalidArguments for a queue that no worker of this application would serve."""
        if queue not in self._queues and queue not in self.queues:
            known = ", ".join(self.queues)
            raise InvalidArguments(
                task, f"no queue is called {queue!r} (known: {known}). Treadle(queues=[…]) adds one."
            )

    # -- schedules -----------------------------------------------------------------

    def cron(
        self,
        expression: str,
        *,
        tz: str = "UTC",
        missed: "Missed" = "one",
        overlap: "Overlap" = "skip",
        name: str | None = None,
    ) -> Callable[[Task[P, R]], Task[P, R]]:
        """Run a task at the times of a five-field cron expression: `app.cron("0 8 * * *")(send_digests)`.

        `missed` says what becomes of instants at which no worker was there: `skip`, `one`, `all`; `overlap` whether
        an instant is skipped while the last one's job is live (`skip`) or not (`allow`). Raises ConfigError.
        """
        from treadle.schedule import cron_schedule

        return lambda task: self._schedule(cron_schedule(name, task, expression, tz, missed, overlap), task)

    def every(
        self,
        interval: timedelta,
        *,
        missed: "Missed" = "one",
        overlap: "Overlap" = "skip",
        name: str | None = None,
    ) -> Callable[[Task[P, R]], Task[P, R]]:
        """Run a task again and again, at whole multiples of this interval since 1970."""
        from treadle.schedule import interval_schedule

        return lambda task: self._schedule(interval_schedule(name, task, interval, missed, overlap), task)

    def _schedule(self, schedule: "Schedule", task: Task[P, R]) -> Task[P, R]:
        if schedule.name in self.schedules:
            raise ConfigError(f"Two schedules are called {schedule.name!r}; give one of them another name=.")
        self.schedules[schedule.name] = schedule
        return task

    # -- resources -----------------------------------------------------------------

    def provide(self, kind: type[T], factory: "Callable[[Treadle], T]") -> None:
        """Register how to make this process's one resource of a type; wins over a pack's."""
        self._factories[kind] = factory

    def use(self, kind: type[T]) -> T:
        """Get this process's resource of a type, made at its first use. Raises ConfigError if nobody provides it."""
        with self._making:
            if kind not in self._resources:
                factory = self._factories.get(kind)
                if factory is None:
                    raise ConfigError(f"Nothing provides {kind.__name__}: app.provide({kind.__name__}, factory).")
                self._resources[kind] = factory(self)
            resource: T = self._resources[kind]
            return resource

    @property
    def database_url(self) -> str:
        """Where packs keep their tables: the store's own database, if no other is set."""
        return self.settings.database_url or self.store.url

    # -- jobs ----------------------------------------------------------------------

    def new_id(self) -> str:
        """Make a job's id: a UUIDv7."""
        return self._ids.take()[0]

    def new_ids(self, number: int) -> list[str]:
        """Make the ids of so many jobs, in order."""
        return self._ids.take(number)

    async def aenqueue_many(self, calls: Sequence[Call[R]]) -> list[Job[R]]:
        """Enqueue checked calls, all in one transaction; raises DuplicateJob where a task wishes so."""
        return await self.akeep(*_parts(calls))

    async def akeep(
        self, jobs: Sequence[NewJob], refusing: Collection[str] = (), tx: object | None = None
    ) -> list[Job[Any]]:
        """Add jobs as they are; one of `refusing` for which another stands raises DuplicateJob."""
        if tx is None:
            return self._handles(jobs, refusing, await (self.spool or self.store).add(jobs))
        added = self._enlisted(tx).add(jobs)
        return self._handles(jobs, refusing, await added if isinstance(added, Awaitable) else added)

    def keep(self, jobs: Sequence[NewJob], refusing: Collection[str] = (), tx: object | None = None) -> list[Job[Any]]:
        """Add jobs as they are; for code that is not async."""
        if tx is None:
            return self.wait(self.akeep(jobs, refusing))
        added = self._enlisted(tx).add(jobs)
        if isinstance(added, Awaitable):
            _never(added)
            raise ConfigError("tx= is asynchronous, so its database must be awaited: use aenqueue.")
        return self._handles(jobs, refusing, added)

    def _enlisted(self, tx: object) -> Enlisted:
        from treadle.transaction import Tx

        return tx.enlisted if isinstance(tx, Tx) else self.store.enlist(tx)

    def _handles(self, jobs: Sequence[NewJob], refusing: Collection[str], added: Sequence[Added]) -> list[Job[Any]]:
        if refusing:
            for job, standing in zip(jobs, added, strict=True):
                if job.id in refusing and standing.id != job.id:
                    raise DuplicateJob(job.task, job.unique_key or "", standing.id)
        return [Job(self, each.id, each.new, each.spooled, each.changed) for each in added]

    def enqueue_many(self, calls: Sequence[Call[R]]) -> list[Job[R]]:
        """Enqueue checked calls, all in one transaction; for code that is not async."""
        return self.keep(*_parts(calls))

    def job(self, id: str) -> Job[Any]:
        """Make the handle of a job by its id; nothing is read yet."""
        return Job(self, id, new=False)

    async def ajobs(self, *, limit: int = 50, cursor: str | None = None, **asked: Any) -> Page:
        """List jobs, newest first: `states=`, `tasks=`, `queues=`, `owner=`, `tenant=`, `batch=`, `created_after=`.

        Pages begin with what waits in the fallback; the cursor goes through that first, then through the store. While
        the store is away they end there.
        """
        return await (self.spool or self.store).find(_filter(asked), max(1, min(limit, 1000)), cursor)

    def jobs(self, *, limit: int = 50, cursor: str | None = None, **asked: Any) -> Page:
        """List jobs, newest first; for code that is not async."""
        return self.wait(self.ajobs(limit=limit, cursor=cursor, **asked))

    async def acount(self, **asked: Any) -> dict[State, int]:
        """Count jobs by state, asked as `ajobs` is; while the store is away, what waits in the fallback."""
        total = dict.fromkeys(State, 0)
        counted = await (self.spool or self.store).count(_filter(asked))
        for (_, state), number in counted.items():
            total[state] += number
        return total

    def count(self, **asked: Any) -> dict[State, int]:
        """Count jobs by state; for code that is not async."""
        return self.wait(self.acount(**asked))

    # -- steering ------------------------------------------------------------------

    async def apause(self, **target: str) -> None:
        """Let nothing of a queue, task, tenant, key or limit start any more, in the whole fleet and until `aresume`.

        Name one: `queue="mail"`, `task="mail.sync"`, `tenant="acme"`, `key="user_id=u1"`, `limit="openai:rate"`. What
        runs goes on. Raises ConfigError.
        """
        from treadle import steering

        await steering.pause(self.store, steering.target_of(**target))

    async def aresume(self, **target: str) -> None:
        """Let what was paused go on."""
        from treadle import steering

        await steering.resume(self.store, steering.target_of(**target))

    async def ascale(self, limit: int | None, **target: str) -> None:
        """Let at most so many of a queue, task or tenant run at once in the whole fleet; None: no such limit.

        With `limit="openai:rate"` the number of a declared limit is replaced; None gives it back its own.
        """
        from treadle import steering

        await steering.scale(self.store, steering.target_of(**target), limit)

    async def aweigh(self, weight: int, *, tenant: str) -> None:
        """Give a tenant so many turns for one of another's."""
        from treadle import steering

        await steering.weigh(self.store, steering.target_of(tenant=tenant), weight)

    def pause(self, **target: str) -> None:
        """Do what `apause` does, for code that is not async."""
        self.wait(self.apause(**target))

    def resume(self, **target: str) -> None:
        """Let what was paused go on; for code that is not async."""
        self.wait(self.aresume(**target))

    def scale(self, limit: int | None, **target: str) -> None:
        """Do what `ascale` does, for code that is not async."""
        self.wait(self.ascale(limit, **target))

    def weigh(self, weight: int, *, tenant: str) -> None:
        """Give a tenant so many turns for one of another's; for code that is not async."""
        self.wait(self.aweigh(weight, tenant=tenant))

    # -- many jobs at once -----------------------------------------------------------

    async def abulk(self, verb: str, **asked: Any) -> "Done":
        """Retry, cancel, delete, move or prioritize all jobs that fit: `abulk("retry", tasks=["mail.sync"])`.

        Asked for by `states=`, `tasks=`, `queues=`, `owner=`, `tenant=`, `batch=`, `reasons=`, `errors=` (texts that
        stand in the error), `older_than=` and `newer_than=` (timedelta since they were enqueued). Without any of them
        `all=True` must be said, and to delete `everything=True` besides. To move, `queue=` says where to; to
        prioritize, `priority=` which. Answers how many fitted, and to how many it applied. Raises ConfigError.
        """
        from treadle.bulk import carry_out, order

        for name in ("older_than", "newer_than"):
            if isinstance(asked.get(name), timedelta):
                asked[name] = round(asked[name].total_seconds() * 1000)
        return await carry_out(self.store, order(verb, await self.store.now(), **asked))

    def bulk(self, verb: str, **asked: Any) -> "Done":
        """Do what `abulk` does, for code that is not async."""
        return self.wait(self.abulk(verb, **asked))

    # -- what a running task asks ------------------------------------------------------

    def transaction(self, line: "Line", connection: object | None) -> "Transaction":
        """Make the transaction of `ctx.tx`."""
        from treadle.transaction import Transaction

        return Transaction(line, self.store, self._outside, connection)

    async def aonce(
        self, line: "Line", key: str, fn: "Callable[[], Pending[T]]", resolve: "Callable[[], Pending[T]] | None"
    ) -> T:
        """Do what `ctx.once` says."""
        from treadle.once import Once, once

        async def act(thunk: Callable[[], Any]) -> Any:
            answer = thunk()
            return await answer if isinstance(answer, Awaitable) else answer

        return await atake(once(Once(line, self.store, key), key, fn, resolve), act)

    def once(
        self, line: "Line", key: str, fn: "Callable[[], Pending[T]]", resolve: "Callable[[], Pending[T]] | None"
    ) -> T:
        """Do what `ctx.once_sync` says."""
        from treadle.once import Once, once

        def act(thunk: Callable[[], Any]) -> Any:
            answer = thunk()
            return self.wait(answer) if isinstance(answer, Coroutine) else answer

        return take(once(Once(line, self.store, key), key, fn, resolve), act)

    async def aspend(self, line: "Line", amounts: "Mapping[str, Amount]") -> None:
        """Do what `ctx.spend` says."""
        from treadle.spending import spend

        await spend(line, self.store, amounts)

    def spend(self, line: "Line", amounts: "Mapping[str, Amount]") -> None:
        """Do what `ctx.spend_sync` says."""
        self.wait(self.aspend(line, amounts))

    # -- waiting -------------------------------------------------------------------

    @property
    def _outside(self) -> "Door":
        if self._door is None:
            from treadle.stores.door import Door

            self._door = Door()
        return self._door

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine for code that is not async and wait for its answer; refuses in an event loop's thread."""
        if _in_event_loop():
            coroutine.close()
            raise ConfigError(
                "This call would block the event loop that it is made in. Use its async form:"
                " aenqueue, aresult, acancel…"
            )
        return self._outside(coroutine)

    # -- running -------------------------------------------------------------------

    def worker(self, *, queues: Sequence[str] | Mapping[str, int] | None = None, slots: int | None = None) -> "Worker":
        """Make a worker for this application; call it inside a running event loop.

        `queues`: names, or names with weights: {"mail": 3, "ai": 1} gets mail three starts for each of ai.
        """
        from treadle.run import make_worker

        return make_worker(self, queues, slots)

    def run_until_idle(self) -> None:
        """Run a worker in this process until nothing is queued or running."""
        import asyncio

        asyncio.run(self.arun_until_idle())

    async def arun_until_idle(self) -> None:
        """Run a worker on this event loop until nothing is queued or running."""
        await self.worker().run(until_idle=True)

    def run(self) -> None:
        """Run a worker in this process until it is told to stop (SIGTERM, Ctrl-C)."""
        from treadle.run import run_forever

        run_forever(self)

    def close(self) -> None:
        """Close the store and the resources of this process; a later use opens them again."""
        self.close_resources()
        if self.spool:
            self.wait(self.spool.close())
        self.wait(self.store.close())
        if self._door:
            self._door.close()

    def close_resources(self) -> None:
        """Close what `use` made in this process."""
        with self._making:
            resources, self._resources = list(self._resources.values()), {}
        for resource in resources:
            if hasattr(resource, "close"):
                resource.close()

    def __repr__(self) -> str:
        return f"<Treadle {self.store.url}, {len(self.tasks)} tasks>"


def _in_event_loop() -> bool:
    # Whoever runs a loop has imported asyncio; a script that only enqueues need not pay for it twice.
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def _parts(calls: Sequence[Call[Any]]) -> tuple[list[NewJob], set[str], object | None]:
    """Take calls apart: the jobs, those that refuse to be stood for, and the transaction of all."""
    check_number(calls)
    transactions = {id(call.tx): call.tx for call in calls}
    if len(transactions) > 1:
        raise ConfigError("These calls belong to different transactions; enqueue those of one tx= together.")
    jobs = [call.job for call in calls]
    return jobs, {call.job.id for call in calls if call.refuses}, next(iter(transactions.values()), None)


def _never(pending: Awaitable[Any]) -> None:
    """Let go of what nobody will await."""
    if isinstance(pending, Coroutine):
        pending.close()


def _as_store(store: Any) -> Store:
    if not hasattr(store, "cycle"):
        raise ConfigError(f"Treadle(store=…) takes a URL such as sqlite:///jobs.db or a store, not {store!r}.")
    made: Store = store
    return made


def _filter(asked: dict[str, Any]) -> Filter:
    """Make a filter of keyword arguments, forgiving about one value where many may stand."""
    values: dict[str, Any] = {}
    for name, value in asked.items():
        plural = {"state": "states", "task": "tasks", "queue": "queues"}.get(name, name)
        many = plural in ("states", "tasks", "queues")
        values[plural] = (value,) if many and isinstance(value, str) else tuple(value) if many else value
    if isinstance(values.get("created_after"), datetime):
        values["created_after"] = round(values["created_after"].timestamp() * 1000)
    try:
        values["states"] = tuple(State(state) for state in values.get("states", ()))
        return Filter(**values)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"Jobs cannot be asked for like this: {error}.") from None
