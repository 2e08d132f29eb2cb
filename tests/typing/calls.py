"""Calls that type checkers must accept, and calls that they must refuse. Checked, never run.

An ignore that is not needed is an error in both checkers, so a wrong call that is accepted is found.
"""

from datetime import timedelta
from typing import assert_type

from treadle import (
    Budget,
    Context,
    Debounce,
    Exponential,
    Job,
    Limit,
    Pack,
    Rate,
    Retry,
    Throttle,
    Treadle,
    Unique,
)

app = Treadle("sqlite:///typing.db")
pack = Pack("pack")


@app.task
async def greet(name: str) -> str:
    return f"Hello, {name}!"


@app.task
def add(a: int, b: int = 0) -> int:
    return a + b


@app.task(queue="mail", context=True, retry=Retry(3, Exponential(60)), unique=Unique("user_id"))
async def sync(ctx: Context, user_id: str, *, full: bool = False) -> dict[str, int]:
    ctx.progress(1, 2)
    return {}


@app.task(
    concurrency=[Limit(50), Limit(1, key="user_id")],
    rate=Rate("250/s", key=lambda args: args["account"], cost="size"),
    budget=Budget("2.50/day", unit="money", cost=0.01),
    debounce=Debounce(timedelta(seconds=30), "user_id", most=timedelta(minutes=5)),
)
async def limited(user_id: str, account: str, size: int = 1) -> None: ...


@app.task(context=True, ordering_key="user_id", throttle=Throttle(timedelta(minutes=5), "user_id"))
async def spend(ctx: Context, user_id: str) -> None:
    await ctx.spend(tokens=1200, money=0.25)
    ctx.heed({"Retry-After": "5"})


@pack.task("count", timeout=timedelta(seconds=30), context=True)
def count(ctx: Context, path: str) -> int:
    return len(path)


async def right() -> None:
    assert_type(greet.enqueue("Ada"), Job[str])
    assert_type(await greet.aenqueue(name="Ada"), Job[str])
    assert_type(await greet("Ada"), str)
    assert_type(add(1, 2), int)
    assert_type(add.enqueue(1).result(), int)
    assert_type(await (await sync.aenqueue("u1", full=True)).aresult(timeout=3), dict[str, int])
    assert_type(sync.using(priority=10, run_after=timedelta(hours=1), tenant="acme").enqueue("u1"), Job[dict[str, int]])
    assert_type(app.bind(count).enqueue("path"), Job[int])
    assert_type(limited.using(unique=Unique("user_id"), ordering_key="a1").enqueue("u1", "gmail"), Job[None])
    assert_type(limited.using(debounce=Debounce(timedelta(1))).enqueue("u1", "gmail").changed, bool)
    assert_type(await spend.using(throttle=Throttle(timedelta(1))).aenqueue("u1"), Job[None])
    app.queue("crm", concurrency=Limit(2), rate=[Rate("10/s")], weight=3)
    app.worker(queues={"crm": 3, "default": 1})
    app.enqueue_many([add.call(1), add.using(priority=1).call(2)])


def wrong() -> None:
    greet.enqueue(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    greet.enqueue()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    greet.enqueue("Ada", nam="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    add.enqueue("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    sync.enqueue("u1", True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    sync.enqueue(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    sync.using(priority="high")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app.bind(count).enqueue(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Limit("5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Unique("user_id", on_conflict="panic")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    limited.using(unique="user_id")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app.task(queue=5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
