"""ctx.tx: the task's own writes, the jobs that follow and its own end are one commit, on every SQL store."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest

from tests.engine.scene import ended, found, new_worker, running
from treadle import NEVER, Budget, ConfigError, Context, Rate, Retry, Stopped, Treadle
from treadle.core.events import AttemptEnded, Event
from treadle.core.job import Ending
from treadle.core.outcomes import retry
from treadle.core.states import State

SQL = [pytest.param("sqlite"), pytest.param("postgres", marks=pytest.mark.server)]


@pytest.fixture(params=SQL)
def kind(request: pytest.FixtureRequest) -> str:
    made: str = request.param
    return made


@pytest.fixture
def url(kind: str, new_place: Callable[[str], str]) -> str:
    return new_place(kind)


@pytest.fixture
async def app(url: str) -> AsyncIterator[Treadle]:
    """An application whose database also holds orders."""
    made = Treadle(url)
    await made.store.open()
    await asyncio.to_thread(execute, url, "DROP TABLE IF EXISTS orders")
    await asyncio.to_thread(execute, url, "CREATE TABLE orders (name TEXT)")
    yield made
    await made.store.close()


def connected(url: str) -> Any:
    return sqlite3.connect(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else psycopg.connect(url)


def execute(url: str, statement: str) -> list[Any]:
    with closing(connected(url)) as connection:
        rows = connection.execute(statement)
        answer = rows.fetchall() if rows.description else []
        connection.commit()
        return list(answer)


async def orders(url: str) -> list[str]:
    return [name for (name,) in await asyncio.to_thread(execute, url, "SELECT name FROM orders")]


async def insert(connection: Any, name: str) -> None:
    """Write through a connection of the store's own driver, whichever that is."""
    answer = connection.execute(f"INSERT INTO orders VALUES ('{name}')")
    if not isinstance(connection, sqlite3.Connection):
        await answer


async def test_writes_next_jobs_and_the_end_are_one_commit(app: Treadle, url: str) -> None:
    told: list[Event] = []
    app.listeners.append(told.append)

    @app.task
    async def follow(name: str) -> str:
        return f"followed {name}"

    @app.task(context=True)
    async def order(ctx: Context, name: str) -> str:
        ctx.progress(1, 2)
        ctx.log("paid")
        async with ctx.tx() as tx:
            await insert(tx.connection, name)
            await follow.using(tx=tx, id="next").aenqueue(name)
            tx.result = {"order": name}
            assert await app.store.get("next") is None, "nobody sees it before the commit"
            assert await orders(url) == []
        assert (await found(app.store, ctx.job_id)).state is State.COMPLETED
        return "what the function returns is not kept"

    job = await order.aenqueue("a")
    await app.arun_until_idle()
    done = await found(app.store, job.id)
    assert (done.state, done.result, done.attempt, done.epoch) == (State.COMPLETED, '{"order":"a"}', 1, 1)
    assert (done.progress and done.progress.done, len(done.log)) == (1, 1)
    assert await orders(url) == ["a"]
    assert (await found(app.store, "next")).result == '"followed a"'
    results = {event.claim.task: event.outcome.result for event in told if isinstance(event, AttemptEnded)}
    assert results == {"order": '{"order":"a"}', "follow": '"followed a"'}


async def test_a_block_that_raises_leaves_nothing(app: Treadle, url: str) -> None:
    @app.task
    async def follow() -> None: ...

    @app.task(context=True, retry=Retry(1, 0))
    async def order(ctx: Context) -> None:
        async with ctx.tx() as tx:
            await insert(tx.connection, f"attempt {ctx.attempt}")
            await follow.using(tx=tx, id=f"next {ctx.attempt}").aenqueue()
            if ctx.attempt == 1:
                raise ZeroDivisionError

    job = await order.aenqueue()
    await app.arun_until_idle()
    done = await found(app.store, job.id)
    assert (done.state, done.attempt) == (State.COMPLETED, 2)
    assert await orders(url) == ["attempt 2"]
    assert await app.store.get("next 1") is None


async def test_what_was_not_spent_is_given_back_and_what_was_heeded_is_kept_in_the_same_commit(app: Treadle) -> None:
    ran: list[int] = []

    @app.task(context=True, budget=Budget("100/day", unit="tokens", cost=75), rate=Rate("1000/s", key="account"))
    async def ask(ctx: Context, account: str) -> None:
        async with ctx.tx():
            await ctx.spend(tokens=10)
            ctx.heed({"RateLimit-Remaining": "0", "RateLimit-Reset": "3600"})
            ran.append(len(account))

    await ask.aenqueue_many([{"account": "a"}, {"account": "bb"}])
    await app.arun_until_idle()
    assert sorted(ran) == [1, 2], "each sets aside more than the other's leaves"
    job = await ask.aenqueue("a")
    await app.arun_until_idle()
    failing = [verdict.predicate for verdict in (await job.aexplain()).failing]
    assert "rate" in failing, "the account is parked"
    assert "budget" not in failing


async def test_a_result_that_cannot_be_written_rolls_back(app: Treadle, url: str) -> None:
    @app.task(context=True, retry=NEVER)
    async def order(ctx: Context) -> None:
        async with ctx.tx() as tx:
            await insert(tx.connection, "a")
            tx.result = object()

    job = await order.aenqueue()
    await app.arun_until_idle()
    failed = await found(app.store, job.id)
    assert (failed.state, failed.failure and failed.failure.type) == (State.FAILED, "InvalidArguments")
    assert await orders(url) == []


async def test_who_has_lost_the_claim_commits_nothing(app: Treadle, url: str) -> None:
    """P6: fenced by the epoch."""
    stopped: list[str] = []
    over = asyncio.Event()

    @app.task(context=True, retry=NEVER)
    async def order(ctx: Context) -> str:
        if ctx.epoch > 1:
            await over.wait()  # else the worker's end may stop the first before it asks
            return "second"
        try:
            async with ctx.tx() as tx:
                await insert(tx.connection, "stale")
                line: Any = ctx._line
                if isinstance(tx.connection, sqlite3.Connection):
                    tx.connection.rollback()  # one file has one writer; the block's end asks again
                await app.store.cycle("somebody", [Ending(line.claim, retry(0))], [], 0)
        except Stopped as error:
            stopped.append(str(error))
            raise
        finally:
            over.set()
        return "first"

    job = await order.aenqueue()
    async with running(new_worker(app)):
        done = await ended(app, job.id)
    assert done.result == '"second"'
    assert "nothing of the transaction was kept" in stopped[0]
    assert await orders(url) == []


async def test_what_is_raised_after_the_block_changes_nothing(app: Treadle, url: str) -> None:
    @app.task(context=True, retry=Retry(3, 0))
    async def order(ctx: Context) -> None:
        async with ctx.tx() as tx:
            await insert(tx.connection, "a")
        raise ZeroDivisionError

    job = await order.aenqueue()
    await app.arun_until_idle()
    done = await found(app.store, job.id)
    assert (done.state, done.attempt, done.failure) == (State.COMPLETED, 1, None)
    assert await orders(url) == ["a"]


async def test_a_plain_function_passes_its_own_connection(app: Treadle, url: str) -> None:
    @app.task
    def follow() -> None: ...

    @app.task(context=True)
    def order(ctx: Context) -> None:
        with closing(connected(url)) as connection, ctx.tx(connection) as tx:
            connection.execute("INSERT INTO orders VALUES ('plain')")
            follow.using(tx=tx, id="next").enqueue()
            tx.result = 1

    job = await order.aenqueue()
    await app.arun_until_idle()
    assert (await found(app.store, job.id)).result == "1"
    assert await orders(url) == ["plain"]
    assert (await found(app.store, "next")).state is State.COMPLETED


async def test_a_plain_function_without_one_is_told_what_to_do(app: Treadle, kind: str, url: str) -> None:
    @app.task(context=True, retry=NEVER)
    def order(ctx: Context) -> None:
        with ctx.tx() as tx:
            tx.connection.execute("INSERT INTO orders VALUES ('plain')")

    job = await order.aenqueue()
    await app.arun_until_idle()
    done = await found(app.store, job.id)
    if kind == "sqlite":
        assert (done.state, await orders(url)) == (State.COMPLETED, ["plain"])
    else:
        assert done.failure
        assert "pass a connection that is not" in done.failure.message


async def test_sessions_of_sqlalchemy_are_committed_with_the_job(app: Treadle, kind: str, url: str) -> None:
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

    drivers = {"sqlite": ("sqlite:", "sqlite+aiosqlite:"), "postgres": ("postgresql:", "postgresql+asyncpg:")}
    engine = create_async_engine(url.replace(*drivers[kind]))
    make = async_sessionmaker(engine)

    @app.task(context=True)
    async def order(ctx: Context) -> None:
        async with make() as session, ctx.tx(session) as tx:
            await session.execute(text("INSERT INTO orders VALUES ('by session')"))
            tx.result = True

    job = await order.aenqueue()
    await app.arun_until_idle()
    assert (await found(app.store, job.id)).result == "true"
    assert await orders(url) == ["by session"]
    await engine.dispose()


async def test_a_connection_that_does_not_reach_the_jobs_is_refused(app: Treadle) -> None:
    @app.task(context=True, retry=NEVER)
    async def order(ctx: Context) -> None:
        with closing(sqlite3.connect(":memory:")) as other:
            async with ctx.tx(other):
                pass

    job = await order.aenqueue()
    await app.arun_until_idle()
    failed = await found(app.store, job.id)
    assert failed.failure
    assert failed.failure.type == ConfigError.__name__
