"""Servers that all know the way: the sentinels, or the nodes of a cluster. One that is silent holds nobody up."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any, TypeVar

from redis.exceptions import RedisError

from treadle.stores.redis.settings import Address

T = TypeVar("T")

#: Seconds after which the next is asked as well: within one heartbeat somebody who answers must be reached.
MOMENT = 0.2


class Guides:
    """Whom to ask, in order: first who answered last, and last who was asked and did not answer."""

    def __init__(self, addresses: Collection[Address]) -> None:
        self._order = list(dict.fromkeys(addresses))

    async def ask(self, question: Callable[[Address], Coroutine[Any, Any, T | None]]) -> T | None:
        """Ask one a moment after the other, or as soon as nobody is left to wait for, until one gives an answer.

        None: none of them knows. Raises the driver's errors if none knows and one did not answer, any other at once.
        """
        waiting, asked = list(self._order), dict[asyncio.Task[T | None], Address]()
        running = set[asyncio.Task[T | None]]()
        trouble: Exception | None = None
        try:
            while waiting or running:
                if waiting:
                    task = asyncio.create_task(question(waiting[0]))
                    asked[task] = waiting.pop(0)
                    running.add(task)
                done, running = await asyncio.wait(
                    running, timeout=MOMENT if waiting else None, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    try:
                        answer = task.result()
                    except (RedisError, OSError, TimeoutError) as error:
                        trouble = error
                        continue
                    if answer is not None:
                        self.prefer(asked.pop(task))
                        return answer
        finally:
            self.distrust(*asked.values())
            await _end(asked)
        if trouble:
            raise trouble
        return None

    def prefer(self, address: Address) -> None:
        """Ask this one first."""
        self._order.sort(key=lambda each: each != address)

    def distrust(self, *addresses: Address) -> None:
        """Ask these last."""
        self._order.sort(key=lambda each: each in addresses)

    def keep(self, addresses: Collection[Address]) -> None:
        """Know these and no others. Newcomers stand behind the first, who named them."""
        known = [address for address in self._order if address in addresses]
        newcomers = [address for address in dict.fromkeys(addresses) if address not in known]
        self._order = [*known[:1], *newcomers, *known[1:]]


async def _end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel those that still run, and wait until they have closed what they opened."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
