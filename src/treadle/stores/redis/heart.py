"""A worker's lease in Redis, over connections that no busy event loop holds up."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from treadle.core.job import Report, WorkerInfo
from treadle.stores.door import Door
from treadle.stores.redis import steering, working
from treadle.stores.redis.errors import explained
from treadle.stores.redis.settings import RedisSettings
from treadle.stores.redis.shards import Shards

#: A beat that has no answer after so many seconds, or after this share of its lease, is given up: the worker must hear
#: in time that it is silent.
LONGEST, SHARE = 2.0, 5


class RedisHeart:
    """Renews the lease; blocking, for one thread. Its connections are those of the store's background thread."""

    def __init__(
        self, door: Door, shards: Callable[[], Awaitable[Shards]], settings: RedisSettings, worker: WorkerInfo
    ) -> None:
        self._door, self._shards, self._settings, self._worker = door, shards, settings, worker

    def beat(self, lease: int, reports: Sequence[Report] = ()) -> Mapping[str, bool]:
        return self._door(self._beat(lease, reports))

    def leave(self) -> None:
        self._door(self._leave())

    def close(self) -> None:
        """Nothing is its own."""

    async def _beat(self, lease: int, reports: Sequence[Report]) -> Mapping[str, bool]:
        with explained(self._settings):
            async with asyncio.timeout(min(LONGEST, lease / 1000 / SHARE)):
                return await working.beat(await self._shards(), self._worker, lease, reports)

    async def _leave(self) -> None:
        with explained(self._settings):
            async with asyncio.timeout(LONGEST):
                await steering.bury(await self._shards(), [self._worker.id])
