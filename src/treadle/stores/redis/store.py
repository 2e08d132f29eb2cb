"""The Store protocol on Redis: each verb is a script, sent over a connection of the event loop that asks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from treadle.core.errors import ConfigError, StoreError
from treadle.core.flow.steering import Steer
from treadle.core.ids import Clock
from treadle.core.job import (
    Added,
    Claim,
    Cycle,
    Ending,
    Filter,
    NewJob,
    Page,
    Record,
    Schema,
    Slice,
    Snapshot,
    StoreFacts,
    Survey,
    Swept,
    WorkerInfo,
)
from treadle.core.retention import Retention
from treadle.core.states import State
from treadle.core.store import Enlisted, Heart
from treadle.stores.borrowed import borrow
from treadle.stores.door import Door
from treadle.stores.ear import Ear, Line
from treadle.stores.inbox import Inbox
from treadle.stores.loops import PerLoop
from treadle.stores.outbox.enlisted import OutboxEnlisted
from treadle.stores.redis import flow, listing, looking, scattered, steering, working
from treadle.stores.redis.cluster import ClusterWire
from treadle.stores.redis.ear import Subscription
from treadle.stores.redis.heart import RedisHeart
from treadle.stores.redis.probe import NO_FILE, Server, facts_of, probe, refuse_unfit
from treadle.stores.redis.settings import Kind, RedisSettings
from treadle.stores.redis.shards import Shards
from treadle.stores.redis.wire import ServerWire, Wire

log = logging.getLogger("treadle.stores")

T = TypeVar("T")

#: Jobs that callers of one moment add together at most.
BATCH = 1_000

NO_TRANSACTION = (
    "Jobs are kept in Redis, which has no transactions that a task's own writes could be part of: ctx.tx() needs a SQL"
    " store. Make the task safe to repeat instead: ctx.once, or ctx.job_id as the key of what it writes."
)

#: How the keys are laid out.
SCHEMA = 1


class RedisStore:
    """Jobs under one prefix of keys. May be used from several event loops, and after a fork."""

    def __init__(self, settings: RedisSettings, clock: Clock | None) -> None:
        self._settings, self._clock = settings, clock
        self._scattered = settings.kind is Kind.CLUSTER
        self._door = Door("treadle-redis")
        self._ear = Ear(self._door, self._make_line)
        self._servers: list[Server] = []
        self._loops = PerLoop(self._begin, _end)

    @property
    def url(self) -> str:
        return self._settings.url

    @property
    def lanes(self) -> int:
        return 2  # the server works on one cycle while the other's answer is being read

    async def open(self) -> None:
        await self._loops.get()

    async def close(self) -> None:
        self._ear.close()
        await self._loops.close()
        await asyncio.to_thread(self._door.close)
        self._servers = []

    async def schema(self) -> Schema:
        return await self._directly(lambda wire: self._schema(wire, ""))

    async def migrate(self) -> Schema:
        await self._directly(self._look)
        return await self._directly(lambda wire: self._schema(wire, SCHEMA))

    async def facts(self) -> StoreFacts:
        return facts_of(self._servers or await self._directly(self._look), self._settings)

    # -- connecting ----------------------------------------------------------------

    def _wire(self) -> Wire:
        return ClusterWire(self._settings) if self._scattered else ServerWire(self._settings)

    async def _directly(self, act: Callable[[Wire], Awaitable[T]]) -> T:
        """Do something over a wire that is there for it alone."""
        wire = self._wire()
        try:
            return await act(wire)
        finally:
            await wire.close()

    def _shards_over(self, wire: Wire) -> Shards:
        return Shards(wire, self._settings.prefix, self._clock, scattered=self._scattered)

    async def _begin(self) -> "Loop":
        wire = self._wire()
        try:
            if not self._servers:
                self._servers = await self._check(wire)
        except BaseException:
            await wire.close()
            raise
        return Loop(wire, self._shards_over(wire), self._add)

    async def _look(self, wire: Wire) -> list[Server]:
        """Look whether the servers are fit for use."""
        servers = await probe(wire)
        refuse_unfit(servers, self._settings)
        return servers

    async def _check(self, wire: Wire) -> list[Server]:
        servers = await self._look(wire)
        await self._schema(wire, SCHEMA)
        if not all(server.appends for server in servers):
            log.warning("%s: %s", self._settings.place, NO_FILE)
        return servers

    async def _schema(self, wire: Wire, wished: int | str) -> Schema:
        """Read how far the keys are, and say so there if nobody did yet."""
        shards = self._shards_over(wire)
        schema = Schema(int(await shards.ask(shards.registry, "schema", wished)), SCHEMA)
        if wished and schema.found > schema.known:
            raise StoreError(
                f"{self._settings.place}: the keys of prefix {self._settings.prefix!r} were written by a newer Treadle"
                f" (schema {schema.found}; this one knows {schema.known}). Upgrade this installation:"
                " pip install -U treadle"
            )
        return schema

    async def _make_line(self) -> Line:
        return Subscription((await self._loops.get()).wire.connect, f"{self._settings.prefix}:wake")

    async def _shards(self) -> Shards:
        return (await self._loops.get()).shards

    def _stir(self, woken: int) -> None:
        """Tell who waits in this process without the way over the server."""
        if woken:
            self._ear.tell()

    # -- those who enqueue, and workers ----------------------------------------------

    async def add(self, jobs: Sequence[NewJob]) -> list[Added]:
        if not jobs:
            return []
        return await (await self._loops.get()).inbox.put(jobs)

    async def _add(self, shards: Shards, jobs: Sequence[NewJob]) -> list[Added]:
        add = scattered.add if self._scattered else working.add
        added, woken = await add(shards, jobs)
        self._stir(woken)
        return added

    async def cycle(
        self, worker: str, ended: Sequence[Ending], queues: Sequence[str], want: int, shares: Sequence[int] = ()
    ) -> Cycle:
        cycle = scattered.cycle if self._scattered else working.cycle
        answer, woken = await cycle(await self._shards(), worker, ended, queues, want, shares)
        self._stir(woken)
        return answer

    async def claims(self, worker: str) -> list[Claim]:
        return await working.claims(await self._shards(), worker)

    def heart(self, worker: WorkerInfo) -> Heart:
        return RedisHeart(self._door, self._shards, self._settings, worker)

    async def sweep(self, worker: str, limit: int, *, take: int) -> Swept:
        swept, woken = await working.sweep(await self._shards(), worker, limit, take)
        self._stir(woken)
        return swept

    async def bury(self, workers: Sequence[str]) -> None:
        await steering.bury(await self._shards(), workers)

    async def connect(self) -> object:
        raise ConfigError(NO_TRANSACTION)

    def enlist(self, tx: object) -> Enlisted:
        return OutboxEnlisted(borrow(tx), self._settings.place)

    def subscribe(self, hint: Callable[[], None]) -> Callable[[], None]:
        return self._ear.subscribe(hint)

    # -- operators -------------------------------------------------------------------

    async def cancel(self, ids: Sequence[str]) -> list[str]:
        return await steering.cancel(await self._shards(), ids)

    async def revive(self, ids: Sequence[str]) -> list[str]:
        revive = scattered.revive if self._scattered else steering.revive
        revived, woken = await revive(await self._shards(), ids)
        self._stir(woken)
        return revived

    async def hold(self, ids: Sequence[str], reason: str) -> list[str]:
        return await steering.hold(await self._shards(), ids, reason)

    async def release(self, reason: str, tasks: Sequence[str] | None = None) -> int:
        released, woken = await steering.release(await self._shards(), reason, tasks)
        self._stir(woken)
        return released

    async def delete(self, ids: Sequence[str], *, ended_by: int | None = None) -> list[str]:
        return await steering.delete(await self._shards(), ids, ended_by)

    async def outdated(self, rules: Retention, limit: int) -> list[str]:
        return await steering.outdated(await self._shards(), rules, limit)

    async def alter(self, ids: Sequence[str], *, queue: str | None = None, priority: int | None = None) -> list[str]:
        if queue is None and priority is None:
            return []
        alter = scattered.alter if self._scattered else steering.alter
        altered, woken = await alter(await self._shards(), ids, queue, priority)
        self._stir(woken)
        return altered

    async def steer(self, target: str, steer: Steer) -> None:
        await flow.steer(await self._shards(), target, steer)
        self._stir(1)

    async def spend(self, claim: Claim, gate: str, units: int) -> int | None:
        return await flow.spend(await self._shards(), claim, gate, units)

    async def restore(self, jobs: Sequence[Snapshot]) -> list[str]:
        restore = scattered.restore if self._scattered else steering.restore
        restored, woken = await restore(await self._shards(), jobs)
        self._stir(woken)
        return restored

    async def read(self, kind: str, key: str | None = None) -> list[Record]:
        return await steering.read(await self._shards(), kind, key)

    async def write(self, kind: str, key: str, value: str | None, expect: int | None = None) -> bool:
        return await steering.write(await self._shards(), kind, key, value, expect)

    async def note(self, claim: Claim, key: str, value: str, expect: int) -> bool:
        return await steering.note(await self._shards(), claim, key, value, expect)

    async def now(self) -> int:
        return await steering.read_clock(await self._shards())

    # -- looking ---------------------------------------------------------------------

    async def get(self, id: str) -> Snapshot | None:
        return await looking.get(await self._shards(), id)

    async def find(self, filter: Filter, limit: int, cursor: str | None = None) -> Page:
        return await listing.find(await self._shards(), filter, limit, cursor)

    async def count(self, filter: Filter) -> dict[tuple[str, State], int]:
        return await looking.count(await self._shards(), filter)

    async def dump(self, after: str | None, limit: int) -> Slice:
        return await looking.dump(await self._shards(), after, limit)

    async def survey(self, queue: str, limit: int) -> Survey:
        return await flow.survey(await self._shards(), queue, limit)

    async def workers(self) -> list[WorkerInfo]:
        return await looking.workers(await self._shards())


class Loop:
    """What the store keeps for one event loop."""

    def __init__(
        self, wire: Wire, shards: Shards, add: Callable[[Shards, Sequence[NewJob]], Awaitable[list[Added]]]
    ) -> None:
        self.wire, self.shards = wire, shards
        self.inbox = Inbox[NewJob, Added](lambda jobs: add(shards, jobs), BATCH)


async def _end(loop: Loop) -> None:
    await loop.wire.close()
