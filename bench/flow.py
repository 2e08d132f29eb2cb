"""What the predicates cost: turns, three limits a task, many keys; and how soon another tenant's job starts."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from bench.application import ARGUMENTS, application
from bench.growth import Hand
from bench.places import Place, place
from bench.raw import TEXT
from bench.rounds import Rate, interleaved, percentile, ratio, show
from treadle import Limit, Treadle
from treadle import Rate as PerTime
from treadle.core.flow.gates import Gate, Kind
from treadle.core.flow.lanes import write_lane
from treadle.core.job import NewJob

TENANTS, KEYS = 100, 1_000

#: Keys of which the cost of a claim is compared, jobs that wait in both cases, and cycles that are timed.
FEW, MANY, QUEUED, CYCLES = 1_000, 100_000, 100_000, 100


def flow(kind: str, jobs: int = 20_000, rounds: int = 5) -> dict[str, float]:
    """End to end with tenants, and with tenants, keys and three limits, as shares of the plain path."""
    with place(kind) as here:
        cases: dict[str, Callable[[], Rate]] = {
            "plain": lambda: asyncio.run(_drained(here, jobs, _plain)),
            "tenants": lambda: asyncio.run(_drained(here, jobs, _tenants)),
            "all predicates": lambda: asyncio.run(_drained(here, jobs, _limited)),
        }
        found = interleaved(cases, rounds)
    show(f"{here.title}, {jobs:,} no-op jobs, {TENANTS} tenants, {KEYS:,} keys, 3 limits", found, "plain")
    return {
        f"{kind}: end to end with {TENANTS} tenants / plain": ratio(found, "tenants", "plain"),
        f"{kind}: end to end with all predicates / plain": ratio(found, "all predicates", "plain"),
    }


Filling = Callable[[Treadle, Any, int], list[Any]]


async def _drained(here: Place, jobs: int, calls: Filling) -> Rate:
    app, noop = application(await asyncio.to_thread(here.fresh, "flow"))
    await app.store.open()
    for start in range(0, jobs, 1_000):
        await app.aenqueue_many(calls(app, noop, start))
    await asyncio.to_thread(here.rest)
    try:
        return await Rate.over(jobs, app.arun_until_idle)
    finally:
        await app.store.close()


def _plain(app: Treadle, noop: Any, start: int) -> list[Any]:
    return [noop.call(**ARGUMENTS) for _ in range(1_000)]


def _tenants(app: Treadle, noop: Any, start: int) -> list[Any]:
    return [noop.using(tenant=f"t{number % TENANTS}").call(**ARGUMENTS) for number in range(start, start + 1_000)]


def _limited(app: Treadle, noop: Any, start: int) -> list[Any]:
    if "limited" not in app.tasks:
        app.task(
            "limited",
            concurrency=[Limit(1_000), Limit(1, key="user_id")],
            rate=PerTime("1000/s", key="user_id"),
        )(noop.fn)
    limited = app.tasks["limited"]
    return [
        limited.using(tenant=f"t{number % TENANTS}").call(**ARGUMENTS | {"user_id": f"u{number % KEYS}"})
        for number in range(start, start + 1_000)
    ]


# -- many keys -----------------------------------------------------------------------


def keys(kind: str, rounds: int = 5) -> dict[str, float]:
    """What a cycle costs with 100,000 distinct keys in the queue, as a multiple of 1,000 keys with as many jobs."""
    with place(kind) as here:
        return asyncio.run(_keys(here, rounds))


async def _keys(here: Place, rounds: int) -> dict[str, float]:
    hands = {}
    for number in (FEW, MANY):
        hands[number] = await Hand.at(await asyncio.to_thread(here.fresh, f"keys{number}"))
        for start in range(0, QUEUED, 1_000):
            await hands[number].store.add(_keyed(hands[number].store, start, number))
    await asyncio.to_thread(here.rest)
    multiples = []
    for _ in range(rounds):
        took = {number: [await hand.cycle(100) for _ in range(CYCLES)] for number, hand in hands.items()}
        mean = {number: sum(each) / len(each) for number, each in took.items()}
        multiples.append(mean[MANY] / mean[FEW])
        print(f"  {here.title}, N=100: {FEW:,} keys {mean[FEW]:.2f} ms, {MANY:,} keys {mean[MANY]:.2f} ms", flush=True)
    for hand in hands.values():
        await hand.close()
    return {f"{here.kind}: cycle with {MANY:,} keys / {FEW:,} keys": percentile(multiples, 0.5)}


def _keyed(store: Any, start: int, number: int) -> list[NewJob]:
    app = Treadle(store)
    return [
        NewJob(
            app.new_id(), "noop", "default", TEXT, tenant=f"t{each % TENANTS}", lane=_lane(each % number), fresh=True
        )
        for each in range(start, start + 1_000)
    ]


def _lane(key: int) -> str | None:
    one_at_a_time = Gate(Kind.CONCURRENCY, "noop:concurrency", f"user_id=u{key}", 1)
    per_second = Gate(Kind.RATE, "noop:rate", f"user_id=u{key}", 1_000, 1_000, 1_000)
    return write_lane("noop", f"t{key % TENANTS}", [one_at_a_time, per_second])


# -- turns ---------------------------------------------------------------------------

#: Jobs of the one tenant, seconds that each takes, and slots; jobs of others whose starts are timed.
BACKLOG, SERVICE, SLOTS, OTHERS = 100_000, 0.02, 10, 50


def turns(kind: str) -> dict[str, float]:
    """How soon another tenant's job starts while one has 100,000 queued, in mean service times."""
    with place(kind) as here:
        return {f"{kind}: another tenant's first start p99, in service times": asyncio.run(_turns(here))}


async def _turns(here: Place) -> float:
    app = Treadle(await asyncio.to_thread(here.fresh, "turns"), concurrency=SLOTS)
    starts: dict[str, float] = {}
    begun: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
    spans: list[float] = []

    @app.task
    async def work(name: str) -> None:
        starts[name] = began = time.perf_counter()
        begun[name].set()
        await asyncio.sleep(SERVICE)
        spans.append(time.perf_counter() - began)

    await app.store.open()
    for _ in range(0, BACKLOG, 1_000):
        await work.using(tenant="big").aenqueue_many([{"name": ""}] * 1_000)
    worker = app.worker()
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(3)
    waits = []
    for number in range(OTHERS):
        asked = time.perf_counter()
        await work.using(tenant=f"small{number}").aenqueue(f"job{number}")
        await begun[f"job{number}"].wait()
        waits.append(starts[f"job{number}"] - asked)
    worker.stop()
    await running
    await app.store.close()
    service = sum(spans) / len(spans)
    found = percentile(waits, 0.99) / service
    print(
        f"  {here.title}: service {service * 1000:.1f} ms, p50 {percentile(waits, 0.5) / service:.2f}, p99 {found:.2f}"
    )
    return found
