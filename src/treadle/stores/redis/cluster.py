"""The way into a cluster: which node serves which shard, and the calls of one round sorted by node.

Slots that are being moved are refused by the node that gives them away: a shard's tag is no key that exists, so the
first thing that a script names is not there. So no script ever meets a shard of which a part is gone.
"""

import asyncio
import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from redis.asyncio.connection import AbstractConnection
from redis.crc import key_slot
from redis.exceptions import RedisError, ResponseError

from treadle.core.errors import StoreError, StoreUnavailable
from treadle.stores.redis.connecting import connect
from treadle.stores.redis.errors import explained, word_of
from treadle.stores.redis.guides import Guides
from treadle.stores.redis.lines import Lines, Word
from treadle.stores.redis.settings import Address, RedisSettings
from treadle.stores.redis.wire import Call, send_over

#: How often a call is sent on to the node that is named instead: it was not made where it is not served.
TRIES = 4


class Map(NamedTuple):
    """Which node serves which slots."""

    starts: Sequence[int]
    ends: Sequence[int]
    nodes: Sequence[Address]

    def node_of(self, shard: str) -> Address | None:
        """Name the node of a shard; None: its slot is served by nobody."""
        slot = key_slot(shard.encode())
        place = bisect_right(self.starts, slot) - 1
        return self.nodes[place] if place >= 0 and slot <= self.ends[place] else None


class ClusterWire:
    """To all nodes of a cluster, each over connections of its own."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._nodes: dict[Address, Lines] = {}
        self._guides = Guides(settings.addresses)
        self._map: Map | None = None
        self._reading: asyncio.Task[Map] | None = None

    async def send(self, calls: Sequence[Call], patience: float | None = None) -> list[Any]:
        answers: dict[int, Any] = {}
        waiting = list(range(len(calls)))
        with explained(self._settings):
            for _ in range(TRIES):
                answers |= await self._round(calls, waiting, patience or self._settings.call_timeout)
                waiting = [number for number in waiting if _has_moved(answers[number])]
                if not waiting:
                    break
            for answer in answers.values():
                if isinstance(answer, ResponseError):
                    raise answer
        return [answers[number] for number in range(len(calls))]

    async def command(self, *words: Word) -> list[Any]:
        with explained(self._settings):
            nodes = list(dict.fromkeys((await self._read_map()).nodes))
            answers = [await self._lines(node).ask([words], self._settings.call_timeout) for node in nodes]
            for (answer,) in answers:
                if isinstance(answer, ResponseError):
                    raise answer
        return [answer for (answer,) in answers]

    async def connect(self) -> AbstractConnection:
        """Connect to any node: what is published to one is passed on by all."""
        nodes = list(dict.fromkeys((await self._read_map()).nodes))
        trouble: Exception = StoreUnavailable(f"{self._settings.place}: the cluster has no nodes. Bring them back.")
        for node in random.sample(nodes, len(nodes)):
            try:
                return await connect(self._settings, node)
            except (RedisError, OSError, TimeoutError) as error:
                trouble = error
        self._map = None
        raise trouble

    async def close(self) -> None:
        if self._reading:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        for lines in self._nodes.values():
            await lines.close()

    # -- nodes -------------------------------------------------------------------------

    async def _round(self, calls: Sequence[Call], waiting: Sequence[int], patience: float) -> dict[int, Any]:
        """Send these calls, to all their nodes at once; answer what came of each, by number."""
        by_node: dict[Address, list[int]] = defaultdict(list)
        for number in waiting:
            by_node[await self._node_of(calls[number].shard)].append(number)
        rounds = [
            self._send_to(node, [calls[number] for number in numbers], patience) for node, numbers in by_node.items()
        ]
        came = await asyncio.gather(*rounds, return_exceptions=True)
        answers: dict[int, Any] = {}
        for numbers, answer in zip(by_node.values(), came, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            answers |= zip(numbers, answer, strict=True)
        return answers

    async def _send_to(self, node: Address, calls: Sequence[Call], patience: float) -> list[Any]:
        try:
            answers = await send_over(self._lines(node), calls, patience)
        except BaseException:  # also of who waits no longer, as a heartbeat does: another node may take its place
            self._map = None
            self._guides.distrust(node)
            raise
        if any(map(_has_moved, answers)):
            self._map = None
            self._guides.prefer(node)  # it knows already
        return answers

    async def _node_of(self, shard: str) -> Address:
        node = (await self._read_map()).node_of(shard)
        if node is None:
            self._map = None
            raise StoreUnavailable(f"{self._settings.place}: no node serves the slot of {shard}. Bring its nodes back.")
        return node

    def _lines(self, node: Address) -> Lines:
        if node not in self._nodes:
            self._nodes[node] = Lines(lambda: connect(self._settings, node))
        return self._nodes[node]

    async def _read_map(self) -> Map:
        """Read it once for all who need it; who waits no longer does not end it for the others, or for the next."""
        if self._map is None:
            if self._reading is None:
                self._reading = asyncio.create_task(self._ask_for_map())
                self._reading.add_done_callback(self._have_read)
            return await asyncio.shield(self._reading)
        return self._map

    def _have_read(self, reading: asyncio.Task[Map]) -> None:
        self._reading = None
        if not reading.cancelled() and reading.exception() is None:
            self._map = reading.result()

    async def _ask_for_map(self) -> Map:
        found = await self._guides.ask(self._ask_node) or Map([], [], [])
        known = [*found.nodes, *self._settings.addresses]
        self._guides.keep(known)
        for node in self._nodes.keys() - known:  # they have left
            await self._nodes.pop(node).close()
        return found

    async def _ask_node(self, node: Address) -> Map | None:
        """None: it knows of no slots, as one that has left the cluster."""
        (answer,) = await self._lines(node).ask([("CLUSTER", "SLOTS")], self._settings.connect_timeout)
        if isinstance(answer, ResponseError):
            raise StoreError(f"{self._settings.place}: {node} is no node of a cluster. Write redis://{node}/0")
        return _read(answer, node) if answer else None


def _read(answer: Sequence[Any], asked: Address) -> Map:
    """Read CLUSTER SLOTS: first, last, [host, port, ...] of the primary, replicas."""
    ranges = sorted((first, last, (primary[0] or b"").decode(), primary[1]) for first, last, primary, *_ in answer)
    nodes = [Address(host if host not in ("", "?") else asked.host, port) for *_, host, port in ranges]
    return Map([each[0] for each in ranges], [each[1] for each in ranges], nodes)


def _has_moved(answer: object) -> bool:
    return isinstance(answer, ResponseError) and word_of(answer) == "MOVED"
