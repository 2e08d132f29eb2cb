"""Blocking work of a coroutine's, in a thread that is never left alone with it."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def in_thread(act: Callable[..., T], *arguments: Any) -> T:
    """Act in a thread, and stay until it is done even if cancelled meanwhile.

    What it uses, a connection above all, may then be closed: two threads at once on one of SQLite's end the process.
    """
    acting = asyncio.ensure_future(asyncio.to_thread(act, *arguments))
    try:
        return await asyncio.shield(acting)
    finally:
        while not acting.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([acting])
