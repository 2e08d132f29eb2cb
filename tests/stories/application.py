"""The application of the stories: workers of it live in processes of their own and tell what happens, line by line.

Run as `python -m tests.stories.application`. Tasks note what they do in a history file that outlives any kill.
"""

import asyncio
import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

from treadle import NEVER, Context, Retry, Treadle, Unique
from treadle.core.events import Event

app = Treadle()

#: Where tasks note what they do; one `write` of a short line is never torn.
HISTORY = Path(os.environ.get("TREADLE_TEST_HISTORY", os.devnull))


def note(*words: object) -> None:
    with HISTORY.open("ab", buffering=0) as history:
        history.write((" ".join(map(str, words)) + "\n").encode())


@app.task(context=True, retry=Retry(3, 0.1))
async def brief(ctx: Context, number: int) -> int:
    note("brief", ctx.job_id, os.getpid())
    return number


@app.task(context=True, retry=NEVER, timeout=timedelta(0))
async def hold(ctx: Context, gate: str) -> str:
    """Wait on the loop until a file is there."""
    note("begun", ctx.job_id, ctx.epoch, os.getpid())
    try:
        while not await asyncio.to_thread(os.path.exists, gate):  # noqa: ASYNC110  # another process makes it
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        note("stopped", ctx.job_id, ctx.epoch)
        raise
    note("passed", ctx.job_id, ctx.epoch)
    return f"epoch {ctx.epoch}"


@app.task(context=True, retry=NEVER, timeout=timedelta(0))
def hold_in_a_thread(ctx: Context, gate: str) -> str:
    """Wait in a thread until a file is there; whoever is told to stop writes it down and returns all the same."""
    return _hold(ctx, gate)


@app.task(context=True, retry=NEVER, timeout=timedelta(0), executor="process")
def hold_in_a_process(ctx: Context, gate: str) -> str:
    return _hold(ctx, gate)


def _hold(ctx: Context, gate: str) -> str:
    note("begun", ctx.job_id, ctx.epoch, os.getpid())
    while not os.path.exists(gate):
        if ctx.cancelled:
            note("stopped", ctx.job_id, ctx.epoch)
            return "a late result"
        time.sleep(0.01)
    note("passed", ctx.job_id, ctx.epoch)
    return f"epoch {ctx.epoch}"


@app.task(context=True, retry=Retry(10, 0))
def kills_its_worker(ctx: Context) -> None:
    note("killing", ctx.job_id, ctx.attempt)
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(executor="process")
def plant() -> list[str]:
    """Enqueue from within a child process."""
    return [brief.enqueue(number).id for number in range(3)]


@app.task(unique=Unique("user"))
async def sync(user: str) -> None:
    note("sync", user)


@app.task(context=True)
async def tick(ctx: Context) -> None:
    note("tick", ctx.job_id)


if os.environ.get("TREADLE_TEST_SCHEDULE"):
    app.every(timedelta(seconds=1), missed="all", overlap="allow")(tick)


def tell(event: Event) -> None:
    print(type(event).__name__, getattr(event, "handed_back", ""), flush=True)


def work() -> None:
    app.listeners.append(tell)
    app.run()
    print("ended", flush=True)


def offer(times: int) -> None:
    """Enqueue one unique job again and again, at a word; tell how often it was new and how often not."""
    app.count()
    print("ready", flush=True)
    sys.stdin.readline()
    jobs = [sync.enqueue("u1") for _ in range(times)]
    print(sum(job.new for job in jobs), sum(not job.new for job in jobs), flush=True)


def fork() -> None:
    """Use the application in a fork of a process that has used it, and go on using it in the parent."""
    brief.enqueue(1)
    if not (child := os.fork()):
        try:
            brief.enqueue(2)
            print("child enqueued", flush=True)
        except Exception as error:
            print("child:", error, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    brief.enqueue(3)
    print("parent:", sum(app.count().values()), flush=True)


def fork_before_use() -> None:
    """Fork a process that has only declared its tasks, as a preloading web server does."""
    if not (child := os.fork()):
        print("child:", brief.enqueue(2).new, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    brief.enqueue(3)
    print("parent:", sum(app.count().values()), flush=True)


ACTS = {"work": work, "fork": fork, "fork_before_use": fork_before_use}

if __name__ == "__main__":
    # The tasks of this module must be found by children under its own name.
    from tests.stories import application

    act, *words = sys.argv[1:]
    if act == "offer":
        application.offer(int(words[0]))
    else:
        application.ACTS[act]()
