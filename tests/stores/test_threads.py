"""A coroutine does not leave a thread alone with what it uses."""

import asyncio
import threading

import pytest

from treadle.stores.threads import in_thread


async def test_an_answer_and_an_error_come_back() -> None:
    assert await in_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)


async def test_whoever_is_cancelled_stays_until_the_thread_is_done() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def act() -> None:
        begun.set()
        go_on.wait(10)
        done.set()

    task = asyncio.ensure_future(in_thread(act))
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(2):  # however often it is asked
        task.cancel()
        await asyncio.wait([task], timeout=0)
        assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()
