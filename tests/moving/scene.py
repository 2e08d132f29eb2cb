"""What moves in these tests: one job of each kind, an application that notes what runs, and movers that die."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, cast

from treadle import Context, Treadle
from treadle.core.job import Progress, Report, Snapshot
from treadle.core.outcomes import complete, give_up, hold, retry
from treadle.core.states import FINAL, LIVE, State
from treadle.core.store import OF_JOB, Heart, Store
from treadle.moving import Mover, Tally
from treadle.testing import FakeClock
from treadle.testing.contract.scene import LEASE, Hand, job

T = TypeVar("T")

ERROR = json.dumps({"type": "ValueError", "message": "no such mailbox", "traceback": "line 1"})

#: Longer than any lease of a mover.
LATER = 60_000

HOUR = 3_600_000

#: What becomes of each job of `furnish`: it runs, in this order, or never.
RUNS = ["urgent", "orphan", "again", "first", "back", "unknown", "second", "keyed"]
LATE = ["late"]
STAYS = {"kept": "held", "done": "completed", "bad": "failed", "dropped": "cancelled"}


async def furnish(store: Store, clock: FakeClock) -> None:
    """Put one job of each kind into a store, with all that belongs to it."""
    await store.add([
        job("urgent", priority=50),
        job("done", owner="ada", tenant="acme", batch="b", meta="{}", result_ttl=HOUR, priority=90),
        job("bad", priority=90), job("orphan", max_attempts=3, priority=90), job("dropped"),
        job("again", max_attempts=3, priority=90, unique_key="a"),
        job("first", args='{"name": "Zo\\u00eb \\u0000"}'), job("back", max_attempts=3, priority=90),
        job("unknown", priority=90, queue="default"), job("kept", held="operator"), job("second", expires_in=HOUR),
        job("late", due_in=HOUR), job("keyed", unique_key="k"),
    ])  # fmt: skip
    hand = Hand(store, "a worker that dies")
    await asyncio.to_thread(hand.beat)
    claims = {claim.id: claim for claim in await hand.claim(6)}
    clock.forward(1_000)
    await hand.settle(claims["done"], complete('"x"'), Progress(3, 3, 1, "all"), '[{"n":1}]')
    await hand.settle(claims["bad"], give_up("error", ERROR))
    await hand.settle(claims["again"], retry(1_000, ERROR), Progress(1, 2), '[{"n":2}]')
    await hand.settle(claims["back"], retry(0, ERROR))
    await hand.settle(claims["unknown"], hold("unknown_task"))
    await store.cancel(["dropped"])
    await store.write(OF_JOB + "again", "once:pay", '{"done": true}')
    await store.write(OF_JOB + "done", "once:pay", '{"done": true}')
    await store.write("schedule", "digest", '{"last": 1, "text": "x"}')
    hand.heart.close()
    clock.forward(LEASE)


async def move(source: Store, target: Store, **wishes: Any) -> Tally:
    """Move with slices of a few jobs, and look again without a pause."""
    return await Mover(source, target, **{"size": 4, "poll": 0.01, **wishes}).run()


async def whole(store: Store) -> dict[str, Snapshot]:
    """Read all jobs of a store."""
    part = await store.dump(None, 1_000)
    return {job.id: job for job in part.items}


async def live(store: Store) -> list[str]:
    """Name the jobs of a store that have not ended."""
    return sorted(found.id for found in (await whole(store)).values() if found.state in LIVE)


async def run_all(*stores: Store) -> list[str]:
    """Let a worker run on each store until nothing is queued; answer the ids that ran, in order."""
    ran: list[str] = []
    for store in stores:
        app = Treadle(store, settings=None, concurrency=1)

        @app.task("greet", context=True)
        async def greet(ctx: Context, name: str = "") -> None:
            ran.append(ctx.job_id)

        await app.arun_until_idle()
    return ran


async def check_the_end(source: Store, target: Store, clock: FakeClock) -> None:
    """All of `furnish` is in the target or ran exactly once, and nothing is left to run in the source."""
    assert await live(source) == []
    clock.forward(2_000)
    ran = await run_all(target, source)
    clock.forward(HOUR)
    ran += await run_all(target, source)
    there = await whole(target)
    assert sorted(ran) == sorted([*RUNS, *LATE]), ran
    assert {id: str(there[id].state) for id in STAYS} == STAYS
    assert {id for id, found in there.items() if found.state is State.COMPLETED} == {"done", *RUNS, *LATE}
    for id in ("again", "done"):
        assert [record.key for record in await target.read(OF_JOB + id)] == ["once:pay"]
    assert [record.key for record in await target.read("schedule")] == ["digest"]
    assert await source.read("move") == await target.read("move") == []
    assert all(found.state in FINAL for found in (await whole(source)).values())


async def check_apart(source: Store, target: Store) -> None:
    """No job can run in the target as long as the source has it, in whichever state."""
    here, there = await whole(source), await whole(target)
    ready = {id for id, found in there.items() if found.state in (State.QUEUED, State.SCHEDULED, State.RUNNING)}
    assert ready & here.keys() == set()


class Died(BaseException):
    """The process was killed."""


#: What changes something, or tells that it did. Dying beside a reading call is dying beside its neighbours.
EFFECTS = frozenset({"hold", "release", "delete", "restore", "write", "sweep", "cycle", "bury", "beat", "leave"})


class Fate:
    """Kills a process at one call of its stores, before or after it is done; nothing is done there any more then."""

    def __init__(self, at: int, verb: str = "", *, after: bool = False) -> None:
        self._at, self._verb, self._after = at, verb, after
        self._calls = 0
        self.dead = False

    def meet(self, verb: str) -> bool:
        """Count a call; answer whether it is the last that is done. Raises Died."""
        if self.dead:
            raise Died
        self._calls += self._verb in ("", verb)
        self.dead = self._calls == self._at and self._verb in ("", verb)
        if self.dead and not self._after:
            raise Died
        return self.dead


class _Mortal:
    def __init__(self, store: Store, fate: Fate) -> None:
        self._store, self._fate = store, fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return partial(self._act, name, found) if name in EFFECTS else found

    def heart(self, worker: Any) -> "_MortalHeart":
        return _MortalHeart(self._store.heart(worker), self._fate)

    async def _act(self, name: str, verb: Callable[..., Awaitable[T]], *asked: Any, **wished: Any) -> T:
        last = self._fate.meet(name)
        answer = await verb(*asked, **wished)
        if last:
            raise Died
        return answer


class _MortalHeart:
    def __init__(self, heart: Heart, fate: Fate) -> None:
        self._heart, self._fate = heart, fate
        self.close = heart.close

    def beat(self, lease: int, reports: Sequence[Report] = ()) -> Mapping[str, bool]:
        last = self._fate.meet("beat")
        answer = self._heart.beat(lease, reports)
        if last:
            raise Died
        return answer

    def leave(self) -> None:
        last = self._fate.meet("leave")
        self._heart.leave()
        if last:
            raise Died


def mortal(store: Store, fate: Fate) -> Store:
    """Make the store of a process that dies."""
    return cast(Store, _Mortal(store, fate))


async def die_at(source: Store, target: Store, fate: Fate) -> bool:
    """Move until fate strikes; answer whether it did."""
    with contextlib.suppress(Died):
        await move(mortal(source, fate), mortal(target, fate), size=5)
    return fate.dead


async def cut_off(source: Store, target: Store, clock: FakeClock) -> None:
    """Let a mover die where the target has the jobs of a slice and the source has them still; wait until it is over."""
    assert await die_at(source, target, Fate(1, "delete"))
    clock.forward(LATER)


class Freeze:
    """Stops a process before one of its calls until it is thawed."""

    def __init__(self, at: int, verb: str = "") -> None:
        self._at, self._verb = at, verb
        self._calls = 0
        self.reached, self.thawed = asyncio.Event(), asyncio.Event()

    async def meet(self, verb: str) -> None:
        self._calls += self._verb in ("", verb)
        if self._calls == self._at and self._verb in ("", verb):
            self.reached.set()
            await self.thawed.wait()


class _Freezing:
    def __init__(self, store: Store, freeze: Freeze) -> None:
        self._store, self._freeze = store, freeze

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return partial(self._act, name, found) if name in EFFECTS else found

    async def _act(self, name: str, verb: Callable[..., Awaitable[T]], *asked: Any, **wished: Any) -> T:
        await self._freeze.meet(name)
        return await verb(*asked, **wished)


def freezing(store: Store, freeze: Freeze) -> Store:
    """Make the store of a process that stands still for a while."""
    return cast(Store, _Freezing(store, freeze))


async def begun(moving: "asyncio.Task[Tally]", freeze: Freeze) -> bool:
    """Wait until a mover stands still or has come to its end; answer whether it stands."""
    standing = asyncio.create_task(freeze.reached.wait())
    await asyncio.wait([moving, standing], return_when=asyncio.FIRST_COMPLETED)
    standing.cancel()
    return freeze.reached.is_set()
