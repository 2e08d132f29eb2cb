"""Idle latency: from the call of enqueue to the start of the job, in one process and from another."""

import asyncio
import subprocess
import sys
import time
from contextlib import closing

from bench.places import place
from bench.rounds import percentile
from treadle import Treadle


def latency_here(kind: str, number: int = 300) -> dict[str, float]:
    """Milliseconds with an idle worker in the process that enqueues."""
    with place(kind) as here:
        found = asyncio.run(_latency(here.fresh("here"), number))
    return _figures(f"{kind}: one process", found)


async def _latency(url: str, number: int) -> list[float]:
    app = Treadle(url)
    found: list[float] = []

    @app.task
    async def stamp(sent: float) -> None:
        found.append((time.time() - sent) * 1000)

    worker = app.worker()
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(0.5)
    for _ in range(number):
        await stamp.aenqueue(time.time())
        await asyncio.sleep(0.01)
    worker.stop()
    await running
    await app.store.close()
    return found


ELSEWHERE = """
import sys, time
from treadle import Treadle
app = Treadle(sys.argv[1])

@app.task
async def stamp(sent: float) -> float:
    return (time.time() - sent) * 1000

app.run()
"""


def latency_elsewhere(kind: str, number: int = 300) -> dict[str, float]:
    """The same with the worker in another process."""
    with place(kind) as here:
        url = here.fresh("elsewhere")
        worker = subprocess.Popen([sys.executable, "-c", ELSEWHERE, url])
        with closing(Treadle(url)) as app:
            found = app.wait(_enqueue(app, number))
            worker.terminate()
            worker.wait()
    return _figures(f"{kind}: other process", found)


async def _enqueue(app: Treadle, number: int) -> list[float]:
    @app.task
    async def stamp(sent: float) -> float:
        return 0.0

    await stamp.aenqueue(time.time())
    while not await app.store.workers():  # noqa: ASYNC110 - it is another process
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    jobs = []
    for _ in range(number):
        jobs.append(await stamp.aenqueue(time.time()))
        await asyncio.sleep(0.02)
    return [await job.aresult(timeout=30) for job in jobs]


def _figures(name: str, found: list[float]) -> dict[str, float]:
    return {f"{name} p50 ms": percentile(found, 0.5), f"{name} p99 ms": percentile(found, 0.99)}
