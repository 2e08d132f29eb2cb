"""Raising SoftTimeout inside a coroutine: asyncio can only cancel, so the cancellation is translated on its way in."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any

from treadle.engine.attempt import Attempt


class Warned:
    """Awaits a coroutine; a cancellation that stands for a warning reaches it as that warning."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], attempt: Attempt) -> None:
        self._coroutine, self._attempt = coroutine, attempt

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._coroutine.__await__()
        try:
            waiting = steps.send(None)
            while True:
                try:
                    received = yield waiting
                except asyncio.CancelledError as cancelled:
                    waiting = steps.throw(self._translate(cancelled))
                else:
                    waiting = steps.send(received)
        except StopIteration as end:
            return end.value
        finally:
            self._coroutine.close()

    def _translate(self, cancelled: asyncio.CancelledError) -> BaseException:
        warning, self._attempt.warning = self._attempt.warning, None
        if warning is None or self._attempt.stopping is not None:
            return cancelled
        task = asyncio.current_task()
        if task:
            task.uncancel()
        return warning
