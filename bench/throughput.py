"""The engine against the raw loop, on each store: enqueue_many, end to end, and a second worker process."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable

from bench.application import ARGUMENTS, application, fill
from bench.places import Place, place
from bench.raw import raw_rates
from bench.rounds import Rate, interleaved, ratio, show


def throughput(kind: str, jobs: int = 20_000, batch: int = 100, rounds: int = 5) -> dict[str, float]:
    """enqueue_many and end to end, as shares of the raw loop at the same durability."""
    with place(kind) as here:
        cases = raw_rates(here, jobs, batch) | {
            "enqueue_many": lambda: asyncio.run(enqueue_many(here.fresh("many"), jobs, batch)),
            "end to end": lambda: asyncio.run(end_to_end(here.fresh("whole"), here, jobs)),
        }
        found = interleaved(cases, rounds)
    show(f"{here.title}, {jobs:,} no-op jobs, batches of {batch}", found, "raw cycle")
    return {
        f"{kind}: enqueue_many / raw": ratio(found, "enqueue_many", "raw add"),
        f"{kind}: end to end / raw": ratio(found, "end to end", "raw cycle"),
    }


async def enqueue_many(url: str, jobs: int, batch: int) -> Rate:
    """Enqueue through the public door, so many to a call."""
    app, noop = application(url)
    await app.store.open()

    async def go() -> None:
        for _ in range(0, jobs, batch):
            await noop.aenqueue_many([ARGUMENTS] * batch)

    return await _rated(app.store.close, jobs, go)


async def end_to_end(url: str, here: Place, jobs: int) -> Rate:
    """Claim, decode, check, run, settle: a whole worker with all that keeps its promises."""
    app, noop = application(url)
    await fill(app, noop, jobs)
    await asyncio.to_thread(here.rest)
    return await _rated(app.store.close, jobs, app.arun_until_idle)


async def _rated(close: Callable[[], Awaitable[None]], jobs: int, work: Callable[[], Awaitable[object]]) -> Rate:
    """Time this over so many jobs, the store being open."""
    try:
        return await Rate.over(jobs, work)
    finally:
        await close()


# -- a second process ----------------------------------------------------------------

DRAIN = """
import asyncio, sys, time
from bench.application import application
app, _ = application(sys.argv[1])

async def main():
    await app.store.open()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    start = time.time()
    await app.arun_until_idle()
    print(f"[{start}, {time.time()}]", flush=True)
    await app.store.close()

asyncio.run(main())
"""


def processes(kind: str, jobs: int = 20_000, rounds: int = 5) -> dict[str, float]:
    """Jobs a second with two worker processes, as a share of what one does."""
    with place(kind) as here:
        cases = {
            "1 process": lambda: drained(here, jobs, 1),
            "2 processes": lambda: drained(here, jobs, 2),
        }
        found = interleaved(cases, rounds)
    show(f"{here.title}, {jobs:,} no-op jobs, worker processes", found, "1 process")
    return {f"{kind}: two processes / one": ratio(found, "2 processes", "1 process")}


def drained(here: Place, jobs: int, number: int) -> Rate:
    """Have so many processes work until nothing is left; from the first one's start to the last one's end."""
    url = here.fresh("shared")
    app, noop = application(url)
    app.wait(fill(app, noop, jobs))
    app.close()
    here.rest()
    workers = [
        subprocess.Popen([sys.executable, "-c", DRAIN, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(number)
    ]
    for worker in workers:
        _line(worker)
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    spans = [json.loads(_line(worker)) for worker in workers]
    for worker in workers:
        worker.communicate()
    return Rate(jobs / (max(end for _, end in spans) - min(start for start, _ in spans)), 0.0)


def _line(worker: "subprocess.Popen[str]") -> str:
    assert worker.stdout
    return worker.stdout.readline()
