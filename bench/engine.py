"""The engine against the raw loop: enqueue_many, end to end, idle latency, a million finished jobs."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.raw import ARGUMENTS, TEXT, Raw, yardstick
from bench.rounds import Rate, interleaved, percentile, ratio, show
from treadle import Treadle
from treadle.core.job import Ending, NewJob, WorkerInfo
from treadle.core.outcomes import complete


@contextmanager
def folder() -> Iterator[str]:
    """A folder on the disk that holds the checkout: the temporary one may be memory."""
    path = tempfile.mkdtemp(prefix="treadle-bench-", dir=os.environ.get("TREADLE_BENCH_DIR", os.getcwd()))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def application(path: str, slots: int = 100) -> tuple[Treadle, Any]:
    """An application with one task that does nothing with an average job's arguments."""
    app = Treadle(f"sqlite:///{path}/{os.urandom(4).hex()}.db", concurrency=slots)

    @app.task
    async def noop(
        user_id: str, thread_id: str, provider: str, tasks: list[str], lookback_days: int, full_sync: bool,
        options: dict[str, str | int | float], trace: str,
    ) -> None:  # fmt: skip
        return None

    return app, noop


def raw_rates(path: str, jobs: int, batch: int) -> dict[str, Any]:
    """The cases of the raw loop: the shared yardstick's where it is, else our own of the same kind."""
    shared = yardstick()
    if shared is not None:
        os.environ["LIMITS_DIR"] = path

        def rated(rate: Any) -> Rate:
            return Rate(float(rate), rate.client_us)

        return {
            "raw add": lambda: rated(shared.enqueue("sqlite", "FULL", jobs, batch)),
            "raw cycle": lambda: rated(shared.raw("sqlite", "FULL", jobs, batch)),
        }

    def add() -> Rate:
        raw = Raw(path)
        rate = Rate.of(jobs, lambda: raw.add(jobs, batch, TEXT))
        raw.close()
        return rate

    def drain() -> Rate:
        raw = Raw(path)
        raw.add(jobs, batch, TEXT)
        rate = Rate.of(jobs, lambda: raw.drain(batch))
        raw.close()
        return rate

    return {"raw add": add, "raw cycle": drain}


def enqueue_many(path: str, jobs: int, batch: int) -> Rate:
    """Enqueue through the public door, so many to a call."""
    app, noop = application(path)

    async def go() -> None:
        await app.store.open()
        for _ in range(0, jobs, batch):
            await noop.aenqueue_many([ARGUMENTS] * batch)

    rate = Rate.of(jobs, lambda: asyncio.run(go()))
    app.close()
    return rate


def end_to_end(path: str, jobs: int) -> Rate:
    """Claim, decode, check, run, settle: a whole worker with all that keeps its promises."""
    app, noop = application(path)
    noop.enqueue_many([ARGUMENTS] * jobs)
    rate = Rate.of(jobs, app.run_until_idle)
    app.close()
    return rate


def throughput(jobs: int = 20_000, batch: int = 100, rounds: int = 5) -> dict[str, float]:
    """enqueue_many and end to end, as shares of the raw loop at the same durability (FULL)."""
    with folder() as path:
        cases = raw_rates(path, jobs, batch) | {
            "enqueue_many": lambda: enqueue_many(path, jobs, batch),
            "end to end": lambda: end_to_end(path, jobs),
        }
        found = interleaved(cases, rounds)
    show(f"SQLite, FULL, {jobs:,} no-op jobs, batches of {batch}", found, "raw cycle")
    return {
        "enqueue_many / raw": ratio(found, "enqueue_many", "raw add"),
        "end to end / raw": ratio(found, "end to end", "raw cycle"),
    }


# -- idle latency --------------------------------------------------------------------


def latency_here(number: int = 300) -> dict[str, float]:
    """Milliseconds from the call of enqueue to the start of the job, worker idle, in one process."""
    with folder() as path:
        found = asyncio.run(_latency(path, number))
    return {"one process p50 ms": percentile(found, 0.5), "one process p99 ms": percentile(found, 0.99)}


async def _latency(path: str, number: int) -> list[float]:
    app = Treadle(f"sqlite:///{path}/latency.db")
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


def latency_elsewhere(number: int = 200) -> dict[str, float]:
    """The same from another process: the worker runs in a child."""
    with folder() as path:
        url = f"sqlite:///{path}/latency.db"
        worker = subprocess.Popen([sys.executable, "-c", ELSEWHERE, url])
        app = Treadle(url)

        @app.task
        async def stamp(sent: float) -> float:
            return 0.0

        async def go() -> list[float]:
            await stamp.aenqueue(time.time())
            while not await app.store.workers():  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
            jobs = []
            for _ in range(number):
                jobs.append(await stamp.aenqueue(time.time()))
                await asyncio.sleep(0.02)
            return [await job.aresult(timeout=30) for job in jobs]

        found = asyncio.run(go())
        worker.terminate()
        worker.wait()
        app.close()
    return {"other process p50 ms": percentile(found, 0.5), "other process p99 ms": percentile(found, 0.99)}


# -- a million finished jobs ---------------------------------------------------------


def growth(finished: int = 1_000_000, jobs: int = 10_000, rounds: int = 3) -> dict[str, float]:
    """A cycle's rate with a million finished jobs in the file, as a share of the empty file's."""
    with folder() as path:
        return asyncio.run(_growth(path, finished, jobs, rounds))


async def _growth(path: str, finished: int, jobs: int, rounds: int) -> dict[str, float]:
    full = await _store(path, "full")
    await _fill(full, finished)
    os.sync()  # else the first checkpoint pays for writing the whole file
    empty = await _store(path, "empty")
    found: dict[str, list[Rate]] = {}
    for _ in range(rounds):
        for batch, count in ((1, jobs // 20), (100, jobs)):
            for name, store in (("empty", empty), ("full", full)):
                found.setdefault(f"{name} N={batch}", []).append(await _drain(store, count, batch))
    await full.close()
    await empty.close()
    show(f"cycle with {finished:,} finished jobs", found, "empty N=100")
    return {f"million finished N={n}": ratio(found, f"full N={n}", f"empty N={n}") for n in (1, 100)}


async def _store(path: str, name: str) -> Any:
    store = Treadle(f"sqlite:///{path}/{name}.db").store
    await store.open()
    store.heart(WorkerInfo(id="bench")).beat(3_600_000)
    return store


def _jobs(app: Treadle, number: int) -> list[NewJob]:
    return [NewJob(app.new_id(), "noop", "default", TEXT) for _ in range(number)]


async def _fill(store: Any, number: int) -> None:
    app = Treadle(store)
    for _ in range(0, number, 5_000):
        await store.add(_jobs(app, 5_000))
        claims = (await store.cycle("bench", [], ["default"], 5_000)).claims
        await store.cycle("bench", [Ending(claim, complete()) for claim in claims], [], 0)


async def _drain(store: Any, number: int, batch: int) -> Rate:
    await store.add(_jobs(Treadle(store), number))
    cpu, start = time.process_time(), time.perf_counter()
    ended: list[Ending] = []
    while True:
        cycle = await store.cycle("bench", ended, ["default"], batch)
        if not cycle.claims and not ended:
            break
        ended = [Ending(claim, complete()) for claim in cycle.claims]
    return Rate(number / (time.perf_counter() - start), (time.process_time() - cpu) / number * 1e6)
