"""Every call that a worker's life makes to its store is the moment of its death once, before and after it was done.

PROMISES 4.3: afterwards a fresh worker finds everything as it must be.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.mortal import Dead, Mortal
from tests.engine.scene import eventually, new_worker, running
from tests.stores.places import KINDS
from treadle import Context, Retry, Snooze, StoreUnavailable, Treadle, Unique
from treadle.core.job import Filter
from treadle.core.states import State
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.testing import FakeClock

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.timeout(600)]

LEASE = 30_000

#: Whoever comes after waits one heartbeat before it takes over; nothing else depends on it.
SHORT_LEASE = 5_000

#: What is enqueued: task -> how often it is meant to run.
MEANT = {"plain": 1, "fails once": 2, "snoozes": 2, "has a child": 1, "child": 1, "commits": 1, "is unique": 1}


def with_tasks(store: Any, ran: Counter[str], *, sql: bool) -> Treadle:
    """An application whose tasks do all that makes a worker talk to its store."""
    app = Treadle(store)

    @app.task("plain", context=True)
    async def plain(ctx: Context) -> str:
        ran[ctx.job_id] += 1
        ctx.progress(1, 2, note="half")
        ctx.log("said")
        return "plain"

    @app.task("fails once", context=True, retry=Retry(3, 0))
    async def fails_once(ctx: Context) -> str:
        ran[ctx.job_id] += 1
        if ran[ctx.job_id] == 1:
            raise ZeroDivisionError
        return "at last"

    @app.task("snoozes", context=True)
    async def snoozes(ctx: Context) -> str:
        ran[ctx.job_id] += 1
        if ran[ctx.job_id] == 1:
            raise Snooze(0)
        return "awake"

    @app.task("child", context=True)
    async def child(ctx: Context) -> str:
        ran[ctx.job_id] += 1
        return "grown"

    @app.task("has a child", context=True)
    async def has_a_child(ctx: Context) -> str:
        ran[ctx.job_id] += 1
        await child.using(id="child").aenqueue()
        return "proud"

    @app.task("is unique", context=True, unique=Unique())
    async def is_unique(ctx: Context) -> str:
        ran[ctx.job_id] += 1
        return "alone"

    @app.task("commits", context=True)
    async def commits(ctx: Context) -> str:
        ran[ctx.job_id] += 1
        if sql:
            async with ctx.tx() as tx:
                tx.result = "committed"
        return "committed"

    return app


async def live(mortal: Mortal, ran: Counter[str], *, sql: bool) -> list[str]:
    """Enqueue, work until nothing is left, and answer what was acknowledged until the end, whichever it was."""
    app, acknowledged = with_tasks(mortal, ran, sql=sql), list[str]()
    loop = asyncio.get_running_loop()
    try:
        for name in MEANT:
            if name != "child":
                acknowledged.append((await app.tasks[name].using(id=name).aenqueue()).id)
        task = asyncio.ensure_future(new_worker(app, lease=LEASE, sweep=20, slots=3).run(until_idle=True))
        mortal.on_death = lambda: loop.call_soon_threadsafe(task.cancel)  # type: ignore[assignment]  # nobody looks at it
        await task
    except* (Dead, asyncio.CancelledError, StoreUnavailable):
        assert mortal.dead
    return acknowledged


async def tidy_up(store: Store, clock: FakeClock, ran: Counter[str], *, sql: bool) -> None:
    """Let another worker do what is left, once the dead one's lease is over."""
    clock.forward(LEASE)
    app = with_tasks(store, ran, sql=sql)

    async def all_done() -> bool:
        counts = await app.acount()
        return sum(counts.values()) == counts[State.COMPLETED]

    async with running(new_worker(app, lease=SHORT_LEASE, sweep=20, slots=3)):
        await eventually(all_done)


async def check(store: Store, ran: Counter[str], acknowledged: list[str]) -> None:
    found = {each.id: each for each in (await store.find(Filter(), 100)).items}
    assert set(acknowledged) <= set(found), "P1: what was acknowledged is there"
    assert set(found) <= set(MEANT), "P1: nobody else"
    for id, job in found.items():
        assert job.state is State.COMPLETED, id
        assert job.result, "P15: with the state came the result"
        assert job.crashes <= 1, "P12: one death is one crash"
        assert MEANT[id] <= ran[id] <= MEANT[id] + 1, f"P7: {id} ran {ran[id]} times"
        assert job.epoch >= job.attempt >= 1, "P2: each attempt was on record"
    assert ("child" in found) == ("has a child" in found), "P15: a child as soon as its parent completed"


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_worker_may_die_at_any_call(new_place: Callable[[str], str], kind: str, done: bool) -> None:
    sql = kind != "redis"
    for fatal in itertools.count(1):
        clock, ran = FakeClock(), Counter[str]()
        url = await asyncio.to_thread(new_place, kind)
        store = open_store(url.replace("jobs.db", f"jobs-{fatal}.db"), clock)
        await store.open()
        mortal = Mortal(store, fatal, done)
        try:
            acknowledged = await live(mortal, ran, sql=sql)
            if mortal.dead:
                await tidy_up(store, clock, ran, sql=sql)
            await check(store, ran, acknowledged)
        except BaseException as error:
            error.add_note(f"It died at call {fatal}: {' '.join(mortal.calls)}")
            raise
        await store.close()
        if not mortal.dead:
            assert fatal > 12, "a life of few calls proves little"
            return
