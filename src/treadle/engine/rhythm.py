"""Doing something again and again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger("treadle.engine")


async def every(pause: Callable[[], float], beat: Callable[[], Awaitable[object]], wake: asyncio.Event) -> None:
    """Call `beat`, then wait `pause()` seconds or until `wake` is set; for ever. A beat that fails is logged."""
    while True:
        wake.clear()
        try:
            await beat()
        except Exception:
            log.exception("%s failed and will be tried again", beat.__qualname__)
        try:
            async with asyncio.timeout(pause()):
                await wake.wait()
        except TimeoutError:
            continue
