"""Making an application's worker, and running it as a process: signals, children, the end."""

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle.builtin import builtin_tasks
from treadle.config import is_database
from treadle.core.errors import ConfigError, InvalidArguments
from treadle.core.retention import Retention
from treadle.core.retry import milliseconds
from treadle.declaring import Declaration
from treadle.engine.child import Child
from treadle.engine.context import Context
from treadle.engine.processes import CHILD, Processes
from treadle.engine.resort import LastResort
from treadle.engine.rhythm import Errand
from treadle.engine.settings import WorkerSettings
from treadle.engine.shares import WEIGHTS
from treadle.engine.work import Executor, Work
from treadle.engine.worker import Worker
from treadle.keep import ages_of_tasks, declare_ages
from treadle.locate import find_application, place_of
from treadle.signature import ResultCodec

if TYPE_CHECKING:
    from treadle.app import Treadle
    from treadle.stores.outbox import Relay
    from treadle.task import Task

log = logging.getLogger("treadle")

#: Seconds after the grace in which a worker that was told to stop must be gone (PROMISES P11).
LEAVING = 1.8

#: Seconds between two looks for instants of schedules (and tries to tell the store the limits), and for jobs whose
#: transactions have been committed elsewhere.
LOOK, CARRY = 1.0, 0.25

#: Seconds between two looks whether the store knows how long jobs are kept as this code has it.
DECLARE = 60.0

Queues = Sequence[str] | Mapping[str, int] | None


def make_worker(app: "Treadle", queues: Queues = None, slots: int | None = None) -> Worker:
    """Make a worker for an application. Raises ConfigError."""
    if multiprocessing.current_process().name == CHILD:
        raise ConfigError(
            "A child process of a worker imports the program that started it, which must not start a worker there:"
            " put app.run() below `if __name__ == '__main__':`."
        )
    settings = worker_settings(app, queues, slots)
    works = {name: work_of(app, task) for name, task in {**builtin_tasks(app), **app.tasks}.items()}
    worker = Worker(
        app.store,
        works,
        lambda attempt: Context(attempt, app),
        settings,
        listeners=app.listeners,
        processes=_processes(app, works, settings),
        errands=_errands(app),
    )
    return worker


def worker_settings(app: "Treadle", queues: Queues, slots: int | None) -> WorkerSettings:
    """Turn an application's settings into a worker's."""
    known = app.settings
    weighed = weights_of(app, queues)
    return WorkerSettings(
        queues=tuple(weighed),
        weights=tuple(weighed.values()) if len(set(weighed.values())) > 1 else (),
        slots=slots or known.concurrency,
        lease=milliseconds(known.lease),
        grace=milliseconds(known.grace),
        stop_grace=milliseconds(known.stop_grace),
        retention=Retention(tasks=ages_of_tasks({**builtin_tasks(app), **app.tasks}, known), runs=known.keep_runs),
        archive=Path(known.archive) if known.archive else None,
    )


def weights_of(app: "Treadle", queues: Queues) -> dict[str, int]:
    """Read which queues are to be served, with their weights: as a mapping, or as names such as "mail" or "mail:3".

    Raises InvalidArguments for a queue that the application does not know.
    """
    if not queues:
        return {queue: app.weights.get(queue, 1) for queue in app.queues}
    weighed = {}
    for queue in queues:
        name, colon, weight = queue.rpartition(":")
        if isinstance(queues, Mapping):
            name, given = queue, queues[queue]
        elif colon and weight.isdecimal() and queue not in app.queues:
            given = int(weight)
        else:
            name, given = queue, app.weights.get(queue, 1)
        app.check_queue("worker", name)
        if given not in WEIGHTS:
            raise InvalidArguments("worker", f"the weight of {name!r} is {given!r}; it must lie between 1 and 1,000.")
        weighed[name] = given
    return weighed


def work_of(app: "Treadle", task: "Task[Any, Any]") -> Work:
    """Tell the engine what it needs to know of a task."""
    options = task.options
    timeout = app.settings.job_timeout if options.timeout is None else options.timeout
    return Work(
        name=task.name,
        executor=_executor(task),
        invoke=_invoker(task),
        encode=ResultCodec(task.name, app.settings.result_limit),
        retry=options.retry,
        timeout=milliseconds(timeout) or None,
        soft_timeout=milliseconds(options.soft_timeout) if options.soft_timeout else None,
    )


def _executor(task: "Task[Any, Any]") -> Executor:
    from treadle.task import AsyncTask

    if task.options.executor == "process":
        return Executor.PROCESS
    return Executor.LOOP if isinstance(task, AsyncTask) else Executor.THREAD


def _invoker(task: "Task[Any, Any]") -> Callable[[str, Context], Any]:
    decode, fn = task.signature.decode, task.fn
    if task.options.context:

        def invoke_with_context(args: str, context: Context) -> Any:
            places, names = decode(args)
            return fn(context, *places, **names)

        return invoke_with_context

    def invoke(args: str, context: Context) -> Any:
        places, names = decode(args)
        return fn(*places, **names)

    return invoke


# -- child processes ---------------------------------------------------------------


def _processes(app: "Treadle", works: dict[str, Work], settings: WorkerSettings) -> Processes | None:
    wanting = [work.name for work in works.values() if work.executor is Executor.PROCESS]
    place = place_of(app)
    if wanting and place is None:
        raise ConfigError(
            f"{wanting[0]} wishes executor='process', but a child process cannot find this application."
            " Assign it to a name at the top of a module: app = Treadle(…)."
        )
    if place is None or (place[0] == "__main__" and not wanting):
        return None  # a child would run that program again, and nobody has asked for one
    return Processes(child_main, place, settings.fence / 1000, [] if place[0] == "__main__" else [place[0]])


def child_main(work: Connection, lifeline: Connection, silence: float, place: Sequence[str]) -> None:
    """Live as a child process of a worker."""
    app = find_application(*place)
    known: dict[str, Work] = {}

    def find(name: str) -> tuple[Any, Work]:
        if name not in known:
            known[name] = work_of(app, app.task_named(name))
        return app, known[name]

    Child(work, lifeline, silence, find).live()


# -- a worker as a process -----------------------------------------------------------


def run_forever(app: "Treadle", queues: Queues = None, slots: int | None = None) -> None:
    """Run a worker until SIGTERM or Ctrl-C; a second signal ends the process at once."""
    resort = LastResort(app.settings.grace.total_seconds() + LEAVING)
    try:
        asyncio.run(_run_until_told(app, queues, slots, resort))
    finally:
        resort.disarm()
        app.close_resources()


async def _run_until_told(app: "Treadle", queues: Queues, slots: int | None, resort: LastResort) -> None:
    worker = make_worker(app, queues, slots)
    with stopping_on_signals(worker.stop, resort):
        await worker.run()


@contextlib.contextmanager
def stopping_on_signals(stop: Callable[[], None], resort: LastResort | None = None) -> Any:
    """Call `stop` at the first SIGTERM, SIGINT or SIGBREAK, and arm the last resort; the second ends the process."""
    loop = asyncio.get_running_loop()
    asked: list[int] = []

    def heard(number: int, frame: object) -> None:
        if asked:
            log.warning("second signal: this worker ends now; its jobs are taken over when its lease runs out")
            os._exit(128 + number)
        asked.append(number)
        if resort:
            resort.arm()
        loop.call_soon_threadsafe(stop)

    names = ("SIGTERM", "SIGINT", "SIGBREAK" if sys.platform == "win32" else "SIGINT")
    numbers = {getattr(signal, name) for name in names}
    before = {number: signal.signal(number, heard) for number in numbers}
    try:
        yield
        if resort:
            resort.settled = True
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _errands(app: "Treadle") -> list[Errand]:
    """List what a worker of this application does beside its jobs."""
    errands = [Errand(LOOK, Declaration(app).tell), Errand(DECLARE, partial(declare_ages, app))]
    if app.schedules:
        from treadle.schedule import Scheduler

        errands.append(Errand(LOOK, Scheduler(app).tick))
    if app.spool:
        errands.append(Errand(LOOK, app.spool.forward))
    if relay := outbox_of(app):
        errands.append(Errand(CARRY, relay.tick, relay.close))
    return errands


def outbox_of(app: "Treadle") -> "Relay | None":
    """Make the relay of the application's outbox; None where its store is its database, or it has none."""
    from treadle.stores.outbox import relay_for

    url = app.settings.database_url
    if not url or is_database(app.store.url):
        return None
    return relay_for(url, app.store, make=app.settings.auto_migrate)
