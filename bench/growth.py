"""What a claim costs in a store that holds a million jobs, and in PostgreSQL while a transaction is held open."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bench.places import Place, place
from bench.raw import TEXT
from bench.rounds import percentile
from treadle import Treadle
from treadle.core.job import Ending, NewJob, WorkerInfo
from treadle.core.outcomes import complete
from treadle.core.store import Heart, Store

#: Jobs that one call carries while a store is filled.
SLICE = 1_000

#: Milliseconds that the worker's lease lasts, and seconds between two of its beats and of its sweeps.
LEASE, BEAT, SWEEP = 36_000_000, 3.0, 1.0

#: Cycles that are timed in one round, by the number of jobs that each wants.
CYCLES = {1: 1_000, 100: 200}


def growth(kind: str, jobs: int = 1_000_000, rounds: int = 5) -> dict[str, float]:
    """The 99th percentile of a cycle with a million finished, or queued, jobs, as a multiple of an empty store's."""
    figures: dict[str, float] = {}
    for state, fill in (("finished", _finish), ("queued", _queue)):
        with place(kind) as here:
            figures |= asyncio.run(_growth(here, state, fill, jobs, rounds))
    return figures


async def _growth(
    here: Place, state: str, fill: Callable[[Store, int], Awaitable[None]], jobs: int, rounds: int
) -> dict[str, float]:
    hands = {name: await Hand.at(await asyncio.to_thread(here.fresh, name)) for name in ("empty", "filled")}
    await fill(hands["filled"].store, jobs)
    await asyncio.to_thread(here.rest)
    multiples: dict[int, list[float]] = {want: [] for want in CYCLES}
    for _ in range(rounds):
        for want, cycles in CYCLES.items():
            found = {name: await hand.timed(want, cycles) for name, hand in hands.items()}
            p99 = {name: percentile(times, 0.99) for name, times in found.items()}
            multiples[want].append(p99["filled"] / p99["empty"])
            print(
                f"  {here.title}, {jobs:,} {state}, N={want}: p50 {percentile(found['filled'], 0.5):.2f} ms, empty"
                f" {percentile(found['empty'], 0.5):.2f} ms; p99 {p99['filled']:.2f} ms, empty {p99['empty']:.2f} ms",
                flush=True,
            )
    for hand in hands.values():
        await hand.close()
    return {
        f"{here.kind}: claim p99 with a million {state} N={want} / empty": percentile(each, 0.5)
        for want, each in multiples.items()
    }


class Hand:
    """One that claims and settles like a worker, without the engine around."""

    def __init__(self, store: Store, heart: Heart) -> None:
        self.store, self.heart = store, heart
        self._ended: list[Ending] = []

    @classmethod
    async def at(cls, url: str) -> "Hand":
        """Take a lease for some hours."""
        store = Treadle(url).store
        await store.open()
        heart = store.heart(WorkerInfo(id="bench"))
        await asyncio.to_thread(heart.beat, LEASE)
        return cls(store, heart)

    async def timed(self, want: int, cycles: int) -> list[float]:
        """Give the milliseconds of so many cycles that settle and claim; what they find was added before."""
        for start in range(0, want * cycles, SLICE):
            await self.store.add(made(self.store, min(SLICE, want * cycles - start)))
        return [await self.cycle(want) for _ in range(cycles)]

    async def cycle(self, want: int) -> float:
        """Settle what was claimed before, claim anew; answer the milliseconds."""
        start = time.perf_counter()
        claims = (await self.store.cycle("bench", self._ended, ["default"], want)).claims
        took = (time.perf_counter() - start) * 1000
        self._ended = [Ending(claim, complete()) for claim in claims]
        return took

    async def close(self) -> None:
        await asyncio.to_thread(self.heart.close)
        await self.store.close()


def made(store: Any, number: int) -> list[NewJob]:
    """Make new jobs."""
    app = Treadle(store)
    return [NewJob(app.new_id(), "noop", "default", TEXT, fresh=True) for _ in range(number)]


async def _queue(store: Store, number: int) -> None:
    for _ in range(0, number, SLICE):
        await store.add(made(store, SLICE))


async def _finish(store: Store, number: int) -> None:
    ended: list[Ending] = []
    for _ in range(0, number, SLICE):
        await store.add(made(store, SLICE))
        claims = (await store.cycle("bench", ended, ["default"], SLICE)).claims
        ended = [Ending(claim, complete('"ok"')) for claim in claims]
    await store.cycle("bench", ended, [], 0)


# -- a transaction that is held open -------------------------------------------------


def horizon(seconds: int = 600, rate: int = 200) -> dict[str, float]:
    """The 99th percentile of a claim at the end of ten minutes in which nothing could be vacuumed."""
    with place("postgres") as here:
        return asyncio.run(_horizon(here.fresh("held"), seconds, rate))


async def _horizon(url: str, seconds: int, rate: int) -> dict[str, float]:
    import asyncpg

    hand = await Hand.at(url)
    vital = Vital(hand)
    living = asyncio.create_task(vital.live())
    before = await _steady(hand, 30, rate)
    print(f"  before: {vital.told()}", flush=True)
    holder = await asyncpg.connect(url.partition("&schema")[0])
    block = holder.transaction(isolation="repeatable_read")
    await block.start()
    await holder.fetch("SELECT count(*) FROM held.job")
    found = before
    for minute in range(1, seconds // 60 + 1):
        found = await _steady(hand, 60, rate)
        print(f"  minute {minute}: claim p50 {percentile(found, 0.5):.2f} ms, p99 {percentile(found, 0.99):.2f} ms"
              f" (before: {percentile(before, 0.5):.2f}, {percentile(before, 0.99):.2f}); {vital.told()}",
              flush=True)  # fmt: skip
    living.cancel()
    await asyncio.gather(living, return_exceptions=True)
    await block.rollback()
    await holder.close()
    await hand.close()
    share = percentile(found, 0.99) / percentile(before, 0.99)
    return {f"postgres: claim p99 after {seconds // 60} min of an open transaction / before": share}


class Vital:
    """Beats and sweeps at an engine's pace, for the worker that claims meanwhile on another connection."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand
        self._took: dict[str, list[float]] = {"beat": [], "sweep": []}

    async def live(self) -> None:
        """Beat and sweep until this is cancelled."""
        async with asyncio.TaskGroup() as acts:
            acts.create_task(self._every(BEAT, "beat", lambda: asyncio.to_thread(self._hand.heart.beat, LEASE)))
            acts.create_task(self._every(SWEEP, "sweep", lambda: self._hand.store.sweep("bench", 500, take=100)))

    async def _every(self, seconds: float, name: str, act: Callable[[], Awaitable[object]]) -> None:
        start = time.monotonic()
        for turn in itertools.count():
            await asyncio.sleep(max(0.0, start + turn * seconds - time.monotonic()))
            began = time.perf_counter()
            await act()
            self._took[name].append((time.perf_counter() - began) * 1000)

    def told(self) -> str:
        """Say how long they took since this was last asked."""
        took, self._took = self._took, {"beat": [], "sweep": []}
        return ", ".join(f"{name} p99 {percentile(each, 0.99):.2f} ms" for name, each in took.items())


async def _steady(hand: Hand, seconds: int, rate: int) -> list[float]:
    """Add, claim and settle so many jobs a second, twenty times a second."""
    found, share = [], rate // 20
    start = time.monotonic()
    for turn in range(seconds * 20):
        await asyncio.sleep(max(0.0, start + turn / 20 - time.monotonic()))
        await hand.store.add(made(hand.store, share))
        found.append(await hand.cycle(share))
    return found
