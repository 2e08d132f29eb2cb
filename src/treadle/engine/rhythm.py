"""Doing something again and again."""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from treadle.core.errors import StoreError

log = logging.getLogger("treadle.engine")


class Errand(NamedTuple):
    """Something that a worker does beside its jobs, again and again."""

    pause: float
    """Seconds between the end of one and the next."""
    act: Callable[[], Awaitable[object]]
    close: Callable[[], Awaitable[object]] | None = None
    """Called when the worker ends."""


def one_at_a_time(act: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
    """Let calls wait for each other: when the second returns, the first has told what it did."""
    lock = asyncio.Lock()

    @functools.wraps(act)
    async def turn() -> object:
        async with lock:
            return await act()

    return turn


async def every(pause: Callable[[], float], beat: Callable[[], Awaitable[object]]) -> None:
    """Call `beat`, then wait `pause()` seconds; for ever. A beat that fails is logged, an outage once."""
    said = ""
    while True:
        try:
            await beat()
            said = ""
        except StoreError as error:
            if str(error) != said:
                said = str(error)
                log.warning("%s failed and is tried again until it goes: %s", beat.__qualname__, error)
        except Exception:
            log.exception("%s failed and will be tried again", beat.__qualname__)
        await asyncio.sleep(pause())
