"""Calls that type checkers must accept, and calls that they must refuse. Checked, never run.

An ignore that is not needed is an error in both checkers, so a wrong call that is accepted is found.
"""

from datetime import timedelta
from typing import assert_type

from treadle import Context, Exponential, Job, Pack, Retry, Treadle, Unique

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
    app.task(queue=5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
