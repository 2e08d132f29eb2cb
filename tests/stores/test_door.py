"""Code without an event loop hands its coroutines through the door, from any thread, and after a fork."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from tests.stores.forks import in_a_fork, needs_forks
from treadle.stores.door import Door
from treadle.stores.loops import PerLoop


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door("a-door")
    yield door
    door.close()


async def name_of_thread() -> str:
    return threading.current_thread().name


async def loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "a-door"]


def test_a_coroutine_runs_in_a_thread_of_its_own_and_answers(door: Door) -> None:
    assert threads() == []
    assert door(name_of_thread()) == "a-door"
    assert threads() == ["a-door"]


def test_an_error_is_raised_to_who_waits(door: Door) -> None:
    async def fail() -> None:
        raise LookupError("no such job")

    with pytest.raises(LookupError, match="no such job"):
        door(fail())
    assert door(name_of_thread()) == "a-door"


def test_callers_of_many_threads_share_one_loop(door: Door) -> None:
    with ThreadPoolExecutor(8) as pool:
        loops = {future.result() for future in [pool.submit(lambda: door(loop())) for _ in range(50)]}
    assert len(loops) == 1
    assert threads() == ["a-door"]


def test_who_does_not_wait_may_cancel(door: Door) -> None:
    ended = threading.Event()

    async def work() -> None:
        try:
            await wait_for_ever()
        finally:
            ended.set()

    under_way = door.start(work())
    door(asyncio.sleep(0))
    under_way.cancel()
    assert ended.wait(10)
    assert door(name_of_thread()) == "a-door"


def test_closing_ends_the_thread_and_nobody_waits_for_ever(door: Door) -> None:
    begun = threading.Event()

    async def work() -> None:
        begun.set()
        await wait_for_ever()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: door(work()))
        assert begun.wait(10)
        door.close()
        with pytest.raises(CancelledError):
            waiting.result(10)
    assert threads() == []


def test_what_a_task_begins_while_it_is_ended_is_ended_as_well(door: Door) -> None:
    seen: list[str] = []

    async def second() -> None:
        try:
            await wait_for_ever()
        finally:
            seen.append("second")

    async def first() -> None:
        try:
            await wait_for_ever()
        finally:
            tasks.append(asyncio.create_task(second()))
            seen.append("first")

    tasks: list[asyncio.Task[None]] = []
    door.start(first())
    door(asyncio.sleep(0))
    door.close()
    assert seen[0] == "first"
    assert all(task.done() for task in tasks)


def test_what_is_kept_for_its_loop_is_closed_with_it(door: Door) -> None:
    closed: list[str] = []

    async def make() -> str:
        return "a connection"

    async def close(value: str) -> None:
        await asyncio.sleep(0)
        closed.append(value)

    kept = PerLoop(make, close)
    assert door(kept.get()) == "a connection"
    door.close()
    assert closed == ["a connection"]


def test_closing_twice_or_before_the_first_use_is_no_trouble_and_a_later_use_opens_it_again(door: Door) -> None:
    door.close()
    first = door(loop())
    door.close()
    door.close()
    assert first.is_closed()
    assert door(loop()) is not first


def test_it_may_be_closed_from_within(door: Door) -> None:
    async def close() -> None:
        door.close()

    closing = door.start(close())
    closing.result(10)
    assert door(name_of_thread()) == "a-door"


@needs_forks
def test_a_fork_has_a_thread_of_its_own_and_leaves_its_parents_alone(door: Door) -> None:
    before = door(loop())
    assert in_a_fork(lambda: str(door(loop()) is before)) == "False"

    def close() -> str:
        door.close()
        return "closed"

    assert in_a_fork(close) == "closed"
    assert door(loop()) is before
