"""Doing something again and again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger("treadle.engine")


async def every(pause: Callable[[], float], beat: Callable[[], Awaitable[object]]) -> None:
    """Call `beat`, then wait `pause()` seconds; for ever. A beat that fails is logged."""
    while True:
        try:
            await beat()
        except Exception:
            log.exception("%s failed and will be tried again", beat.__qualname__)
        await asyncio.sleep(pause())
