"""Tasks for child processes, which must find them in a module of their own."""

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from treadle import NEVER, Budget, Context, Pack, Rate, Retry, SoftTimeout, Treadle

pack = Pack("child")

#: Longer than any test.
FOR_EVER = 3_600.0


def make() -> Treadle:
    """Make what a child works for; it never opens the store."""
    app = Treadle("sqlite:///never-opened.db")
    app.include(pack)
    return app


@pack.task(executor="process")
def pid() -> int:
    return os.getpid()


@pack.task
def where() -> int:
    """Say which process runs it; it wishes for none of its own."""
    return os.getpid()


@pack.task(executor="process")
async def double(number: int) -> int:
    return 2 * number


@pack.task(executor="process", context=True)
def tell(ctx: Context) -> list[Any]:
    for done in range(5):
        ctx.progress(done + 1, 5, note="at it")
    ctx.log("a line", where="child")
    return [ctx.job_id, ctx.attempt, ctx.owner]


@pack.task(
    executor="process", context=True, budget=Budget("100/day", unit="tokens", cost="expected"), rate=Rate("1000/s")
)
def spend(ctx: Context, expected: int, used: int) -> None:
    ctx.spend_sync(tokens=used)
    ctx.heed({"RateLimit-Remaining": "0", "RateLimit-Reset": "3600"})


@pack.task(executor="process", retry=NEVER, timeout=timedelta(milliseconds=300))
def stuck(mark: str) -> None:
    _mark(mark)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(FOR_EVER)


@pack.task(executor="process", retry=NEVER, soft_timeout=timedelta(milliseconds=200))
def tidy() -> str:
    try:
        time.sleep(FOR_EVER)
    except SoftTimeout:
        return "tidied up"
    return "slept"


@pack.task(executor="process", retry=NEVER, timeout=timedelta(0))
def endless(mark: str) -> None:
    _mark(mark)
    time.sleep(FOR_EVER)


@pack.task(executor="process", retry=NEVER, timeout=timedelta(0), context=True)
def listens(ctx: Context, mark: str) -> None:
    _mark(mark)
    while True:
        ctx.check()
        time.sleep(0.01)


@pack.task(executor="process", retry=Retry(1, 0))
def dies(code: int) -> None:
    os._exit(code)


@pack.task(executor="process", retry=NEVER, context=True)
def brief(ctx: Context) -> int:
    time.sleep(0.1)
    ctx.check()
    return os.getpid()


@pack.task(executor="process", retry=NEVER)
def leaves() -> None:
    sys.exit("wrong usage")


@pack.task(executor="process", retry=NEVER)
def fails() -> None:
    raise LookupError("nothing here")


def _mark(path: str) -> None:
    """Leave this process's id for the test."""
    draft = Path(f"{path}.draft")
    draft.write_text(str(os.getpid()))
    draft.rename(path)
