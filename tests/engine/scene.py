"""What the engine's tests act with: workers that run until a block ends, bounded waiting, a clock moved by hand."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from treadle import Treadle
from treadle.core.job import Snapshot
from treadle.core.states import State
from treadle.core.store import Store
from treadle.engine.context import Context
from treadle.engine.settings import WorkerSettings
from treadle.engine.worker import Worker
from treadle.run import _processes, make_worker, work_of, worker_settings

T = TypeVar("T")

#: Seconds after which a test gives up waiting; no test is meant to come near.
PATIENCE = 20.0


class SteadyClock:
    """Stands for a worker's steady clock, in seconds; the test moves it."""

    def __init__(self) -> None:
        self._now = 1_000.0

    def __call__(self) -> float:
        return self._now

    def forward(self, seconds: float) -> None:
        self._now += seconds


def new_worker(app: Treadle, *, clock: Callable[[], float] = time.monotonic, **wishes: Any) -> Worker:
    """Make a worker as `app.worker()` does, with a clock and settings of the test's own, and no schedules."""
    settings: WorkerSettings = replace(worker_settings(app, None, None), **wishes)
    works = {name: work_of(app, task) for name, task in app.tasks.items()}
    return Worker(
        app.store,
        works,
        lambda attempt: Context(attempt, app),
        settings,
        listeners=app.listeners,
        processes=_processes(app, works, settings),
        clock=clock,
    )


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[Worker]:
    """Let a worker run for the length of a block, then stop it as SIGTERM would."""
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        async with asyncio.timeout(PATIENCE):
            await task


def working(app: Treadle, **wishes: Any) -> AbstractAsyncContextManager[Worker]:
    """Let an application's worker run for the length of a block."""
    return running(new_worker(app, **wishes) if wishes else make_worker(app))


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """Look again and again until what is seen is true; answer it."""
    patience = time.monotonic() + PATIENCE
    while not (seen := await look()):
        assert time.monotonic() < patience, f"{look} was not seen within {PATIENCE} s"
        await asyncio.sleep(0.005)
    return seen


async def until(true: Callable[[], object]) -> None:
    """Wait until something in this process is true."""

    async def look() -> bool:
        return bool(true())

    await eventually(look)


async def reached(app: Treadle, id: str, *states: State) -> Snapshot:
    """Wait until a job is in one of these states."""

    async def look() -> Snapshot | None:
        seen = await app.store.get(id)
        return seen if seen and seen.state in states else None

    return await eventually(look)


async def ended(app: Treadle, id: str) -> Snapshot:
    """Wait until a job has ended."""
    return await reached(app, id, State.COMPLETED, State.FAILED, State.CANCELLED)


async def ended_while(app: Treadle, id: str, clock: SteadyClock) -> Snapshot:
    """Wait until a job has ended, while time goes by."""

    async def look() -> Snapshot | None:
        clock.forward(0.1)
        seen = await found(app.store, id)
        return seen if seen.state.final else None

    return await eventually(look)


async def found(store: Store, id: str) -> Snapshot:
    """Read a job that must be there."""
    snapshot = await store.get(id)
    assert snapshot is not None
    return snapshot


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"
