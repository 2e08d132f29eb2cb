"""Tasks run on the loop and in threads: never more than there are slots, by priority, each in a clean context."""

import asyncio
import threading
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import pytest

from tests.engine.scene import ended, eventually, found, new_worker, reached, working
from treadle import NEVER, ConfigError, Context, DuplicateJob, InvalidArguments, JobFailed, Treadle, Unique
from treadle.core.events import AttemptEnded, Event, WorkerStarted, WorkerStopped
from treadle.core.job import Filter
from treadle.core.states import State


@dataclass
class Sum:
    total: int
    parts: list[int]


async def test_a_coroutine_and_a_plain_function_run_and_their_results_come_back_as_what_they_were(app: Treadle) -> None:
    @app.task
    async def add(first: int, second: int = 1) -> Sum:
        await asyncio.sleep(0)
        return Sum(first + second, [first, second])

    @app.task
    def where() -> str:
        return threading.current_thread().name

    async with working(app):
        assert await (await add.aenqueue(2, second=3)).aresult(10) == Sum(5, [2, 3])
        assert (await (await where.aenqueue()).aresult(10)).startswith("treadle-thread")


async def test_a_task_stays_the_function_that_it_is(app: Treadle) -> None:
    """S0.07"""

    @app.task
    async def double(number: int) -> int:
        return 2 * number

    @app.task
    def triple(number: int) -> int:
        return 3 * number

    assert (await double(4), triple(4)) == (8, 12)


async def test_the_context_tells_about_the_job(app: Treadle) -> None:
    class Mailbox:
        pass

    app.provide(Mailbox, lambda app: Mailbox())

    @app.task(context=True)
    async def look(ctx: Context, word: str) -> list[Any]:
        assert ctx.app is app
        assert ctx.use(Mailbox) is app.use(Mailbox)
        return [
            ctx.job_id,
            ctx.task,
            ctx.queue,
            ctx.attempt,
            ctx.max_attempts,
            ctx.epoch,
            ctx.owner,
            ctx.tenant,
            ctx.batch,
            word,
        ]

    async with working(app):
        job = await look.using(id="a", owner="me", tenant="acme", batch="b1", max_attempts=2).aenqueue("hello")
        assert await job.aresult(10) == ["a", "look", "default", 1, 2, 1, "me", "acme", "b1", "hello"]


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_never_more_run_than_there_are_slots(app: Treadle, kind: str) -> None:
    at_once, most = 0, 0
    lock = threading.Lock()

    def count(change: int) -> None:
        nonlocal at_once, most
        with lock:
            at_once += change
            most = max(most, at_once)

    async def on_the_loop() -> None:
        count(1)
        for _ in range(5):
            await asyncio.sleep(0)
        count(-1)

    def in_a_thread() -> None:
        count(1)
        count(-1)

    task: Any = app.task("work")(on_the_loop if kind == "async" else in_a_thread)
    await task.aenqueue_many([{} for _ in range(300)])
    await new_worker(app, slots=3).run(until_idle=True)
    assert await app.acount() == dict.fromkeys(State, 0) | {State.COMPLETED: 300}
    assert 1 <= most <= 3


async def test_a_worker_holds_no_more_than_it_runs_while_jobs_are_long(app: Treadle) -> None:
    """S2.05: no prefetch."""
    gate = asyncio.Event()

    @app.task
    async def wait() -> None:
        await gate.wait()

    await wait.aenqueue_many([{} for _ in range(10)])
    async with working(app, slots=4):
        await eventually(lambda: _count(app, State.RUNNING, 4))
        assert (await app.acount())[State.QUEUED] == 6
        gate.set()
        await eventually(lambda: _count(app, State.COMPLETED, 10))


async def _count(app: Treadle, state: State, number: int) -> bool:
    return (await app.acount())[state] == number


async def test_larger_priorities_run_sooner_then_the_oldest(app: Treadle) -> None:
    """S4.22, S0.61, P17"""
    order: list[str] = []

    @app.task
    async def note(name: str) -> None:
        order.append(name)

    for name, priority in (("a", 0), ("b", -100), ("c", 100), ("d", 0), ("e", 7)):
        await note.using(priority=priority).aenqueue(name)
    await new_worker(app, slots=1, reserve=0).run(until_idle=True)
    assert order == ["c", "e", "a", "d", "b"]


async def test_a_worker_serves_the_queues_that_it_was_given(app: Treadle) -> None:
    task = app.task("work", queue="mail")(lambda: None)
    other = app.task("other", queue="crm")(lambda: None)
    await task.using(id="mail").aenqueue()
    await other.using(id="crm").aenqueue()
    await app.worker(queues=["crm"]).run(until_idle=True)
    assert [(await found(app.store, id)).state for id in ("mail", "crm")] == [State.QUEUED, State.COMPLETED]


marked: ContextVar[str] = ContextVar("marked", default="clean")


async def test_what_one_job_sets_in_its_context_no_other_sees(app: Treadle) -> None:
    @app.task
    async def on_the_loop(name: str) -> str:
        seen = marked.get()
        marked.set(name)
        await asyncio.sleep(0)
        assert marked.get() == name
        return seen

    @app.task
    def in_a_thread(name: str) -> str:
        seen = marked.get()
        marked.set(name)
        return seen

    jobs = [await on_the_loop.aenqueue(f"a{number}") for number in range(20)]
    jobs += [await in_a_thread.aenqueue(f"t{number}") for number in range(20)]
    await new_worker(app, slots=2).run(until_idle=True)
    assert {await job.aresult(0) for job in jobs} == {"clean"}


async def test_a_job_may_be_enqueued_from_within_a_job(app: Treadle) -> None:
    @app.task
    async def leaf(number: int) -> int:
        return number

    @app.task
    async def grow() -> list[str]:
        return [(await leaf.aenqueue(number)).id for number in range(3)]

    @app.task
    def plant() -> list[str]:
        return [leaf.enqueue(number).id for number in range(3)]

    jobs = [await grow.aenqueue(), await plant.aenqueue()]
    await app.arun_until_idle()
    ids = [id for job in jobs for id in await job.aresult(0)]
    assert [await app.job(id).aresult(0) for id in ids] == [0, 1, 2, 0, 1, 2]


async def test_a_thousand_are_enqueued_at_once_and_each_runs_once(app: Treadle) -> None:
    ran: list[int] = []

    @app.task
    async def note(number: int) -> None:
        ran.append(number)

    jobs = await note.aenqueue_many([{"number": number} for number in range(1_000)])
    assert len({job.id for job in jobs}) == 1_000
    assert (await app.store.find(Filter(), 1)).items[0].id == jobs[-1].id
    await app.arun_until_idle()
    assert sorted(ran) == list(range(1_000))
    assert (await app.acount())[State.COMPLETED] == 1_000


async def test_one_bad_call_of_many_enqueues_none(app: Treadle) -> None:
    task: Any = app.task("note")(_takes_a_number)
    with pytest.raises(InvalidArguments, match="'number'"):
        await task.aenqueue_many([{"number": 1}, {"number": "two"}])
    await app.store.open()
    assert sum((await app.acount()).values()) == 0


def _takes_a_number(number: int) -> None: ...


def test_code_that_is_not_async_does_all_of_it(tmp_path: Any) -> None:
    app = Treadle(f"sqlite:///{tmp_path / 'jobs.db'}")

    @app.task
    async def double(number: int) -> int:
        return 2 * number

    job = double.enqueue(21)
    assert job.status is State.QUEUED
    more = double.enqueue_many([{"number": number} for number in range(3)])
    app.run_until_idle()
    assert job.result(timeout=5) == 42
    assert [each.result() for each in more] == [0, 2, 4]
    assert app.count()[State.COMPLETED] == 4
    app.close()


async def test_a_call_that_would_block_the_loop_says_what_to_do(app: Treadle) -> None:
    task = app.task("greet")(lambda: None)
    for blocking in (task.enqueue, app.count, app.job("a").result, app.job("a").cancel):
        with pytest.raises(ConfigError, match="async form"):
            blocking()


async def test_until_idle_waits_for_what_is_due_and_leaves_what_is_not(app: Treadle) -> None:
    task = app.task("work")(lambda: None)
    await task.using(id="now").aenqueue()
    await task.using(id="later", run_after=3_600).aenqueue()
    await app.arun_until_idle()
    states = [(await found(app.store, id)).state for id in ("now", "later")]
    assert states == [State.COMPLETED, State.SCHEDULED]


async def test_a_later_job_starts_when_its_time_has_come(app: Treadle) -> None:
    task = app.task("work")(lambda: None)
    async with working(app):
        job = await task.using(run_after=0.05).aenqueue()
        snapshot = await ended(app, job.id)
    assert snapshot.started_at is not None
    assert snapshot.due_at is not None
    assert snapshot.started_at >= snapshot.due_at


async def test_a_worker_tells_of_its_life(app: Treadle, events: list[Event]) -> None:
    task = app.task("work", retry=NEVER)(lambda: 1 / 0)
    job = await task.using(id="a").aenqueue()
    await app.arun_until_idle()
    with pytest.raises(JobFailed, match="ZeroDivisionError"):
        await job.aresult(0)
    assert [type(event) for event in events] == [WorkerStarted, AttemptEnded, WorkerStopped]
    assert isinstance(events[1], AttemptEnded)
    assert (events[1].claim.id, events[1].outcome.state) == ("a", State.FAILED)


async def test_a_listener_that_fails_harms_no_job(app: Treadle) -> None:
    def fail(event: Event) -> None:
        raise RuntimeError("no")

    app.listeners.append(fail)
    job = await app.task("work")(lambda: 7).aenqueue()
    await app.arun_until_idle()
    assert await job.aresult(0) == 7


# -- what the code does not know -----------------------------------------------------------


async def test_an_unknown_task_is_held_and_released_by_a_worker_that_knows_it(app: Treadle) -> None:
    newer = Treadle(app.store)
    task = newer.task("brand_new")(lambda: "done")
    app.task("old")(lambda: None)
    job = await task.aenqueue()
    await app.arun_until_idle()
    held = await found(app.store, job.id)
    assert (held.state, held.reason, held.attempt) == (State.HELD, "unknown_task", 0)
    await newer.arun_until_idle()
    assert await job.aresult(0) == "done"
    assert (await found(app.store, job.id)).attempt == 1


async def test_arguments_that_no_longer_fit_fail_at_once_and_are_named(app: Treadle) -> None:
    older = Treadle(app.store)
    before = older.task("greet")(_greeted)

    @app.task("greet")
    def greet(name: str, greeting: str) -> None: ...

    job = await before.aenqueue("Ada")
    await app.arun_until_idle()
    failed = await found(app.store, job.id)
    assert (failed.state, failed.attempt) == (State.FAILED, 1), "trying again would not help"
    assert failed.failure is not None
    assert failed.failure.type == "InvalidArguments"
    assert "greeting" in failed.failure.message


def _greeted(name: str) -> None: ...


# -- unique (P8) ---------------------------------------------------------------------------


async def test_while_a_unique_job_lives_it_stands_for_newcomers(app: Treadle) -> None:
    gate = asyncio.Event()

    @app.task(unique=Unique("user"))
    async def sync(user: str, full: bool = False) -> None:
        await gate.wait()

    async with working(app):
        first = await sync.aenqueue("u1")
        await reached(app, first.id, State.RUNNING)
        again = await sync.aenqueue("u1", full=True)
        other = await sync.aenqueue("u2")
        assert (again.id, again.new, other.new) == (first.id, False, True)
        gate.set()
        await ended(app, first.id)
        assert (await sync.aenqueue("u1")).new


async def test_a_unique_job_may_refuse_newcomers_aloud(app: Treadle) -> None:
    task = app.task("sync", unique=Unique(on_conflict="raise"))(lambda: None)
    first = await task.aenqueue()
    with pytest.raises(DuplicateJob, match=first.id) as refused:
        await task.aenqueue()
    assert refused.value.holder == first.id
    assert (await app.acount())[State.QUEUED] == 1


async def test_of_a_hundred_offers_at_one_moment_one_unique_job_comes(app: Treadle) -> None:
    task = app.task("sync", unique=Unique())(lambda: None)
    jobs = await asyncio.gather(*(task.aenqueue() for _ in range(100)))
    assert (len({job.id for job in jobs}), sum(job.new for job in jobs)) == (1, 1)


async def test_a_chosen_id_that_is_taken_changes_nothing(app: Treadle) -> None:
    @app.task
    async def double(number: int) -> int:
        return 2 * number

    first = await double.using(id="mine").aenqueue(2)
    await app.arun_until_idle()
    again = await double.using(id="mine").aenqueue(50)
    assert (again.id, again.new, await first.aresult(0)) == ("mine", False, 4)
