"""Group commit for callers: those who ask while a batch is on its way share the next one.

No timer: who is alone is sent at once, and the more come, the more travel together.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from treadle.core.errors import StoreUnavailable

A = TypeVar("A")
R = TypeVar("R")


class _Call(NamedTuple, Generic[A, R]):
    items: Sequence[A]
    answer: "asyncio.Future[list[R]]"


class Inbox(Generic[A, R]):
    """Belongs to one event loop. `send` answers one thing for each item, in order, or raises and has done nothing."""

    def __init__(self, send: Callable[[Sequence[A]], Awaitable[list[R]]], most: int) -> None:
        self._send, self._most = send, most
        self._busy = False
        self._waiting: list[_Call[A, R]] = []
        self._postman: asyncio.Task[None] | None = None

    async def put(self, items: Sequence[A]) -> list[R]:
        """Send these, alone or in company, and answer what came of them."""
        if not self._busy:
            self._busy = True
            try:
                return await self._send(items)
            finally:
                self._go_on()
        call = _Call[A, R](items, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        return await call.answer

    def _go_on(self) -> None:
        self._busy = bool(self._waiting)
        if self._busy:
            self._postman = asyncio.get_running_loop().create_task(self._carry())

    async def _carry(self) -> None:
        try:
            while self._waiting:
                await self._deliver(self._take())
        finally:
            self._busy = False

    def _take(self) -> list[_Call[A, R]]:
        """Take as many calls as one batch carries, at least one."""
        number, room = 0, self._most
        for call in self._waiting:
            room -= len(call.items)
            if number and room < 0:
                break
            number += 1
        taken, self._waiting = self._waiting[:number], self._waiting[number:]
        return taken

    async def _deliver(self, calls: list[_Call[A, R]]) -> None:
        try:
            answers = await self._send([item for call in calls for item in call.items])
        except Exception as error:  # noqa: BLE001 - handed to the callers
            if len(calls) == 1 or isinstance(error, StoreUnavailable):
                for call in calls:
                    if not call.answer.done():
                        call.answer.set_exception(error)
            else:  # one caller's mistake is not the others'
                for call in calls:
                    await self._deliver([call])
            return
        start = 0
        for call in calls:
            end = start + len(call.items)
            if not call.answer.done():
                call.answer.set_result(answers[start:end])
            start = end
