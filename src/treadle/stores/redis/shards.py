"""Which shards there are, and how they are asked.

A server has one shard for everything. In a cluster each queue has its own, so that queues may live on different nodes;
one more, the registry, holds what belongs to no queue: records, the schema, the counter of jobs, the queues' names.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from treadle.core.ids import Clock
from treadle.stores.redis.lines import Word
from treadle.stores.redis.scripts import script
from treadle.stores.redis.wire import Call, Wire

#: Jobs that one call moves at most: while a script runs, all others wait.
MOST = 150


class Shards:
    """All shards of one store, seen from one event loop."""

    def __init__(self, wire: Wire, prefix: str, clock: Clock | None, *, scattered: bool) -> None:
        self._wire, self._prefix, self._clock = wire, prefix, clock
        self.scattered = scattered
        """Whether each queue has a shard of its own."""
        self.registry = f"{{{prefix}}}"
        self.flowing = set[str]()
        """Shards in which, when they were last asked, jobs waited in lanes or an operator steered."""

    def of(self, queue: str) -> str:
        """Name the shard of a queue. Its name is written so that it cannot end the tag."""
        return f"{{{self._prefix}:{quote(queue, safe='')}}}" if self.scattered else self.registry

    async def all(self) -> list[str]:
        """Name all shards that may hold jobs."""
        if not self.scattered:
            return [self.registry]
        return [self.of(queue.decode()) for queue in await self.ask(self.registry, "queues")]

    async def everywhere(self) -> list[str]:
        """Name all shards in which workers have leases."""
        return [self.registry, *await self.all()] if self.scattered else [self.registry]

    def note_flow(self, shard: str, flows: bool) -> None:
        if flows:
            self.flowing.add(shard)
        else:
            self.flowing.discard(shard)

    def call(self, shard: str, verb: str, *words: Word) -> Call:
        """Prepare a call; the time goes along if a test's clock decides."""
        return Call(script(verb), shard, ("" if self._clock is None else self._clock(), *words))

    async def send(self, calls: Sequence[Call], patience: float | None = None) -> list[Any]:
        """Make calls in one round and give their answers in order. Raises StoreError."""
        return await self._wire.send(calls, patience) if calls else []

    async def ask(self, shard: str, verb: str, *words: Word) -> Any:
        """Make one call."""
        return (await self._wire.send((self.call(shard, verb, *words),)))[0]

    async def ask_all(self, verb: str, *words: Word) -> list[Any]:
        """Make the same call in each shard that may hold jobs."""
        return await self.send([self.call(shard, verb, *words) for shard in await self.all()])

    async def ask_about(self, names: Sequence[str], verb: str, *words: Word) -> list[list[Any]]:
        """Make the same call in each shard with these names, slice by slice; each is named once."""
        distinct, answers = list(dict.fromkeys(names)), list[Any]()
        shards = await self.everywhere() if distinct else []
        for start in range(0, len(distinct), MOST):
            some = distinct[start : start + MOST]
            answers += await self.send([self.call(shard, verb, *words, *some) for shard in shards])
        return answers
