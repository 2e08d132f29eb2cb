"""When things go wrong around a worker: the store does not answer, the loop is blocked, a claim is lost."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engine.scene import ended, eventually, found, new_worker, reached, running, until
from treadle import NEVER, Context, StoreUnavailable, Treadle
from treadle.core.events import ClaimLost, Event, Fenced, LoopBlocked, StoreTrouble
from treadle.core.job import Report, WorkerInfo
from treadle.core.states import State
from treadle.engine.heart import HeartThread
from treadle.stores.clocks import wall_clock
from treadle.stores.sqlite import SqliteSettings, SqliteStore
from treadle.testing import FakeClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
async def app(path: Path) -> AsyncIterator[Treadle]:
    """An application whose store says soon that it does not answer, instead of waiting ten seconds."""
    made = Treadle(SqliteStore(SqliteSettings(path, patience=0.05), wall_clock))
    yield made
    await made.store.close()


@contextmanager
def outage(path: Path) -> Iterator[None]:
    """Hold the write lock for the length of a block, as a stuck process would."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def told(events: Sequence[Event], kind: type[Event], number: int = 1) -> Callable[[], bool]:
    """Say whether so many events of a kind have come."""
    return lambda: sum(isinstance(event, kind) for event in events) >= number


# -- the store goes away (P14) -------------------------------------------------------------


async def test_what_finishes_during_an_outage_is_settled_after_it_and_never_runs_again(
    app: Treadle, path: Path, events: list[Event]
) -> None:
    """P7, P14"""
    ran: list[int] = []
    go = asyncio.Event()

    @app.task
    async def work(number: int) -> int:
        ran.append(number)
        await go.wait()
        return number

    async with running(new_worker(app, lease=60_000)):
        jobs = await work.aenqueue_many([{"number": number} for number in range(5)])
        await until(lambda: len(ran) == 5)
        with outage(path):
            go.set()
            await until(told(events, StoreTrouble, 3))
        assert [await job.aresult(20) for job in jobs] == [0, 1, 2, 3, 4]
    assert ran == [0, 1, 2, 3, 4]
    assert {(await found(app.store, job.id)).epoch for job in jobs} == {1}
    assert not told(events, Fenced)()


async def test_after_an_outage_a_worker_claims_again_by_itself(app: Treadle, path: Path, events: list[Event]) -> None:
    """P14"""
    task = app.task("work")(lambda: "ran")
    async with running(new_worker(app, lease=60_000)):
        first = await task.aenqueue()
        assert await first.aresult(20) == "ran"
        await task.using(id="later", run_after=0.01).aenqueue()
        with outage(path):
            with pytest.raises(StoreUnavailable, match="write lock"):
                await task.aenqueue()
            assert (await app.acount())[State.COMPLETED] >= 1, "reading goes on"
        assert await app.job("later").aresult(20) == "ran"


async def test_a_worker_that_is_stopped_during_an_outage_still_settles(
    app: Treadle, path: Path, events: list[Event]
) -> None:
    """P11, P14"""
    go = asyncio.Event()

    @app.task
    async def work() -> str:
        await go.wait()
        return "done"

    worker = new_worker(app, lease=60_000)
    async with running(worker):
        job = await work.aenqueue()
        await reached(app, job.id, State.RUNNING)
        with outage(path):
            go.set()
            await until(told(events, StoreTrouble))
            worker.stop()
            await until(told(events, StoreTrouble, 3))
        assert (await ended(app, job.id)).state is State.COMPLETED
    assert await job.aresult(0) == "done"


async def test_before_its_lease_can_be_anothers_a_worker_stops_all_that_it_runs(
    app: Treadle, path: Path, events: list[Event]
) -> None:
    """Rule 3: at 0.8 L; afterwards it goes on by itself, and no attempt was spent."""
    seen: list[str] = []
    over = threading.Event()

    @app.task(retry=NEVER)
    async def on_the_loop() -> str:
        if not over.is_set():
            try:
                await asyncio.Event().wait()
            finally:
                seen.append("loop")
        return "loop"

    @app.task(retry=NEVER, context=True)
    def in_a_thread(ctx: Context) -> str:
        while not over.is_set():
            if ctx.cancelled:
                seen.append("thread")
                ctx.check()
            threading.Event().wait(0.005)
        return "thread"

    async with running(new_worker(app, lease=1_000)):
        jobs = [await on_the_loop.aenqueue(), await in_a_thread.aenqueue()]
        for job in jobs:
            await reached(app, job.id, State.RUNNING)
        with outage(path):
            await until(told(events, Fenced))
            await until(lambda: set(seen) == {"loop", "thread"})
            over.set()
        assert [await job.aresult(20) for job in jobs] == ["loop", "thread"]
    for job in jobs:
        again = await found(app.store, job.id)
        assert (again.attempt, again.crashes) == (1, 0)
        assert again.epoch >= 2


class Silent:
    """A heart that answers only while it is told to."""

    def __init__(self) -> None:
        self.answers, self.beats = True, 0

    def beat(self, lease: int, reports: Sequence[Report] = ()) -> Mapping[str, bool]:
        self.beats += 1
        if not self.answers:
            raise StoreUnavailable("no answer")
        return {}

    def leave(self) -> None: ...

    def close(self) -> None: ...


async def test_a_worker_fences_itself_once_each_time_no_beat_was_answered_for_so_long() -> None:
    clock, heart, fenced = FakeClock(), Silent(), list[int]()
    thread = HeartThread(
        heart, lease=1_000, heartbeat=200, fence=800, reports=list, answered=lambda answer, held: None,
        fenced=lambda: fenced.append(clock()), pulse=lambda: None, held=dict, clock=lambda: clock() / 1000,
    )  # fmt: skip

    async def beat() -> None:
        before = heart.beats
        clock.forward(400)
        thread.nudge()
        await until(lambda: heart.beats > before)

    thread.start()
    for outages in (1, 2):
        heart.answers = False
        await beat()
        await beat()
        assert len(fenced) == outages - 1, "0.8 L are not over yet"
        for _ in range(3):
            await beat()
        assert len(fenced) == outages
        heart.answers = True
        await beat()
        await beat()
        assert len(fenced) == outages
    thread.stop()


async def test_a_beat_that_was_not_answered_is_tried_again_soon_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """P14: a worker that has fenced itself goes on with the first answer, not a heartbeat later."""
    clock, heart = FakeClock(), Silent()
    thread = HeartThread(
        heart, lease=3_600_000, heartbeat=720_000, fence=2_880_000, reports=list, answered=lambda answer, held: None,
        fenced=lambda: None, pulse=lambda: None, held=dict, clock=lambda: clock() / 1000,
    )  # fmt: skip

    async def beats_after(seconds: int, number: int) -> None:
        clock.forward(seconds * 1000)
        await until(lambda: heart.beats == number)

    thread.start()
    heart.answers = False
    await beats_after(720, 2)
    await beats_after(1, 3)
    heart.answers = True
    await beats_after(1, 4)
    clock.forward(700_000)
    thread.stop()
    assert heart.beats == 4, "and then at its own pace again"
    assert [record.getMessage().partition(" and ")[0] for record in caplog.records] == ["heartbeat failed"]


# -- a claim is lost ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_a_lost_claim_stops_its_attempt_and_its_late_result_changes_nothing(
    app: Treadle, events: list[Event], kind: str
) -> None:
    """P4, P6"""
    stopped = threading.Event()

    async def on_the_loop(ctx: Context) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.set()
        return "late"

    def in_a_thread(ctx: Context) -> str:
        while not ctx.cancelled:
            threading.Event().wait(0.005)
        stopped.set()
        return "late"

    task: Any = app.task("work", context=True)(on_the_loop if kind == "async" else in_a_thread)
    async with running(new_worker(app, lease=1_000)) as worker:
        job = await task.aenqueue()
        await reached(app, job.id, State.RUNNING)
        thief = app.store.heart(WorkerInfo(id="thief"))
        thief.beat(60_000)
        await _steal(app, worker.id)
        await until(stopped.is_set)
        await until(told(events, ClaimLost))
    stolen = await found(app.store, job.id)
    assert (stolen.state, stolen.worker, stolen.epoch, stolen.result) == (State.RUNNING, "thief", 2, None)
    thief.close()


async def _steal(app: Treadle, worker: str) -> None:
    """Take a worker's claims over, though it is alive."""

    async def look() -> object:
        await app.store.bury([worker])
        return (await app.store.sweep("thief", 10, take=10)).taken

    await eventually(look)


# -- the loop is blocked (P13) -----------------------------------------------------------------


@pytest.mark.slow
async def test_a_task_that_blocks_the_loop_costs_no_lease_and_is_reported_by_name(
    app: Treadle, path: Path, events: list[Event]
) -> None:
    """P13: for two leases a neighbour sweeps and takes nothing over."""
    reported, neighbour_is_up = threading.Event(), threading.Event()
    app.listeners.append(lambda event: reported.set() if _blocked_for(event) > 4 else None)

    @app.task
    async def blocks() -> str:
        assert reported.wait(60)
        return "blocked"

    @app.task
    async def waits() -> str:
        await asyncio.to_thread(reported.wait, 60)
        return "waited"

    def neighbour() -> None:
        asyncio.run(_sweep_until(path, neighbour_is_up, reported))

    thread = threading.Thread(target=neighbour)
    thread.start()
    await until(neighbour_is_up.is_set)
    async with running(new_worker(app, lease=2_000)):
        waiting = await waits.aenqueue()
        await reached(app, waiting.id, State.RUNNING)
        blocking = await blocks.aenqueue()
        assert [await job.aresult(30) for job in (blocking, waiting)] == ["blocked", "waited"]
    thread.join()
    assert {(await found(app.store, job.id)).epoch for job in (blocking, waiting)} == {1}
    assert {event.task for event in events if isinstance(event, LoopBlocked)} == {"blocks"}


def _blocked_for(event: Event) -> float:
    return event.seconds if isinstance(event, LoopBlocked) else 0.0


async def _sweep_until(path: Path, up: threading.Event, over: threading.Event) -> None:
    """Be another worker of this file, with another queue."""
    app = Treadle(SqliteStore(SqliteSettings(path), wall_clock))
    app.task("other", queue="other")(lambda: None)
    async with running(app.worker(queues=["other"])):
        up.set()
        await until(over.is_set)
    await app.store.close()
