"""Each event loop has a value of its own, which ends with it; a fork begins anew and ends nothing of its parent's."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.stores.forks import in_a_fork, needs_forks
from treadle.stores.loops import PerLoop


class Values:
    """Makes numbers, and notes where each was closed."""

    def __init__(self) -> None:
        self.made = 0
        self.closed: dict[int, asyncio.AbstractEventLoop] = {}
        self.failing = False
        self.gate: asyncio.Event | None = None
        self.of_loops = PerLoop(self._make, self._close)

    async def _make(self) -> int:
        self.made += 1
        if self.gate:
            await self.gate.wait()
        if self.failing:
            raise ConnectionError("nobody answers")
        return self.made

    async def _close(self, value: int) -> None:
        await asyncio.sleep(0)  # a loop that has ended could not
        self.closed[value] = asyncio.get_running_loop()


@pytest.fixture
def values() -> Values:
    return Values()


async def test_a_loop_has_one_value_whoever_asks_and_how_many_at_once(values: Values) -> None:
    assert await asyncio.gather(*(values.of_loops.get() for _ in range(5))) == [1] * 5
    assert await values.of_loops.get() == 1


async def test_a_value_that_could_not_be_made_is_told_to_all_and_tried_again_by_the_next(values: Values) -> None:
    values.failing = True
    answers = await asyncio.gather(*(values.of_loops.get() for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ConnectionError] * 3
    assert values.made == 1
    values.failing = False
    assert await values.of_loops.get() == 2


async def test_a_cancelled_caller_leaves_the_value_to_the_others(values: Values) -> None:
    values.gate = asyncio.Event()
    impatient, patient = [asyncio.create_task(values.of_loops.get()) for _ in range(2)]
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait([impatient])
    values.gate.set()
    assert await patient == 1
    assert impatient.cancelled()


async def test_a_closed_value_is_made_anew_at_the_next_question(values: Values) -> None:
    await values.of_loops.get()
    for _ in range(2):
        await values.of_loops.close()
    assert [*values.closed] == [1]
    assert await values.of_loops.get() == 2


def test_a_value_is_closed_by_its_own_loop_when_that_ends(values: Values) -> None:
    assert asyncio.run(values.of_loops.get()) == 1
    assert [*values.closed] == [1]
    assert values.closed[1].is_closed(), "that loop, which has ended since"
    assert asyncio.run(values.of_loops.get()) == 2
    asyncio.run(values.of_loops.close())
    assert [*values.closed] == [1, 2]


class Turning:
    """A loop that turns in a thread of its own, and ends with the block."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._still, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._turn)

    def _turn(self) -> None:
        self.loop.run_forever()
        self._still.set()
        self._end.wait()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def __enter__(self) -> "Turning":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._end.set()
        self._thread.join()

    def stop(self) -> None:
        """Let it stand still, without an end."""
        if not self._still.is_set():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._still.wait()

    def ask(self, values: Values) -> int:
        return asyncio.run_coroutine_threadsafe(values.of_loops.get(), self.loop).result(10)


async def test_two_loops_have_two_values_and_closing_ends_both_each_in_its_own(values: Values) -> None:
    with Turning() as other:
        mine, others = await values.of_loops.get(), await asyncio.to_thread(other.ask, values)
        assert (mine, others) == (1, 2)
        await values.of_loops.close()
        assert values.closed == {1: asyncio.get_running_loop(), 2: other.loop}
        assert await asyncio.to_thread(other.ask, values) == 3
    assert values.closed[3] is other.loop


def test_many_loops_at_once_share_nothing(values: Values) -> None:
    together = threading.Barrier(8)

    def ask() -> tuple[int, int]:
        async def twice() -> tuple[int, int]:
            together.wait(10)
            return await values.of_loops.get(), await values.of_loops.get()

        return asyncio.run(twice())

    with ThreadPoolExecutor(8) as threads:
        pairs = [future.result() for future in [threads.submit(ask) for _ in range(8)]]
    assert all(first == second for first, second in pairs)
    assert sorted(first for first, _ in pairs) == sorted(values.closed) == list(range(1, 9))


async def test_a_loop_that_stands_still_holds_nobody_up_who_closes(values: Values) -> None:
    other = Turning()
    with other:
        await asyncio.to_thread(other.ask, values)
        other.stop()
        await values.of_loops.close()
        assert values.closed == {}
    assert [*values.closed] == [1]


@needs_forks
def test_a_fork_makes_its_own_and_closes_nothing_of_its_parents(values: Values) -> None:
    with asyncio.Runner() as runner:
        assert runner.run(values.of_loops.get()) == 1

        def act(do: Callable[[], object]) -> str:
            return f"{do()} {sorted(values.closed)}"

        assert in_a_fork(lambda: act(lambda: asyncio.run(values.of_loops.close()))) == "None []"
        assert in_a_fork(lambda: act(lambda: asyncio.run(values.of_loops.get()))) == "2 [2]"
        assert runner.run(values.of_loops.get()) == 1, "it is as it was"
    assert [*values.closed] == [1]
