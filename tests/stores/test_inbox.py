"""Callers of one moment travel together; what befalls one of them befalls no other."""

import asyncio
from collections.abc import Iterable, Sequence

import pytest

from treadle.core.errors import StoreUnavailable
from treadle.stores.inbox import Inbox


class Road:
    """What an inbox sends over: it notes each batch, and holds it up until it is told to let it pass."""

    def __init__(self, *, most: int = 10) -> None:
        self.sent: list[list[str]] = []
        self.inbox = Inbox[str, str](self._send, most)
        self._gates: list[asyncio.Future[None]] = []

    async def _send(self, items: Sequence[str]) -> list[str]:
        self.sent.append([*items])
        self._gates.append(asyncio.get_running_loop().create_future())
        await self._gates[-1]
        if "bad" in items:
            raise ValueError("a bad one")
        return [item.upper() for item in items]

    async def put(self, *callers: Iterable[str]) -> list[asyncio.Task[list[str]]]:
        """Let callers come one after another, in one moment."""
        tasks = [asyncio.create_task(self.inbox.put([*items])) for items in callers]
        await self.settle()
        return tasks

    async def let_pass(self, error: Exception | None = None) -> None:
        """Let the batch that is on its way arrive, or fail; the next one sets out."""
        gate = self._gates[-1]
        gate.set_exception(error) if error else gate.set_result(None)
        await self.settle()

    async def settle(self) -> None:
        """Let the loop turn until whoever could do something has done it."""
        for _ in range(10):
            await asyncio.sleep(0)


async def test_who_is_alone_is_sent_at_once() -> None:
    road = Road()
    (alone,) = await road.put("a")
    assert road.sent == [["a"]]
    await road.let_pass()
    assert await alone == ["A"]


async def test_those_who_come_while_a_batch_is_on_its_way_share_the_next_and_get_their_own_answers() -> None:
    road = Road()
    first, *others = await road.put("a", "bc", "d", "efg")
    assert road.sent == [["a"]]
    await road.let_pass()
    assert road.sent == [["a"], ["b", "c", "d", "e", "f", "g"]]
    (late,) = await road.put("h")
    await road.let_pass()
    assert road.sent[2:] == [["h"]]
    await road.let_pass()
    assert [await each for each in (first, *others, late)] == [["A"], ["B", "C"], ["D"], ["E", "F", "G"], ["H"]]
    (again,) = await road.put("i")
    assert road.sent[3:] == [["i"]], "nobody is on the way any more"
    await road.let_pass()
    assert await again == ["I"]


async def test_a_batch_carries_no_more_than_it_may_and_never_parts_what_came_together() -> None:
    road = Road(most=3)
    callers = await road.put("a", "bc", "de", "fghij", "k")
    for _ in range(5):
        await road.let_pass()
    assert road.sent == [["a"], ["b", "c"], ["d", "e"], ["f", "g", "h", "i", "j"], ["k"]]
    assert [len(await caller) for caller in callers] == [1, 2, 2, 5, 1]


async def test_an_unreachable_store_is_told_to_all_of_a_batch_after_one_try() -> None:
    road = Road()
    first, *others = await road.put("a", "b", "c")
    await road.let_pass()
    (next_one,) = await road.put("d")
    await road.let_pass(StoreUnavailable("nobody answers"))
    assert await first == ["A"]
    for caller in others:
        with pytest.raises(StoreUnavailable, match="nobody answers"):
            await caller
    assert road.sent == [["a"], ["b", "c"], ["d"]]
    await road.let_pass()
    assert await next_one == ["D"]


async def test_one_callers_mistake_is_told_to_that_caller_alone() -> None:
    road = Road()
    first, good, bad, last = await road.put(["a"], ["b"], ["bad"], ["c"])
    for _ in range(5):
        await road.let_pass()
    assert road.sent == [["a"], ["b", "bad", "c"], ["b"], ["bad"], ["c"]], "each of a batch that failed goes by itself"
    assert [await each for each in (first, good, last)] == [["A"], ["B"], ["C"]]
    with pytest.raises(ValueError, match="a bad one"):
        await bad


async def test_a_mistake_of_who_was_sent_alone_holds_up_nobody() -> None:
    road = Road()
    bad, good = await road.put(["bad"], ["b"])
    await road.let_pass()
    await road.let_pass()
    assert await good == ["B"]
    with pytest.raises(ValueError, match="a bad one"):
        await bad


@pytest.mark.parametrize("on_its_way", [False, True])
async def test_a_caller_of_a_shared_batch_who_is_cancelled_takes_no_other_along(on_its_way: bool) -> None:
    road = Road()
    first, cancelled, other = await road.put("a", "b", "c")
    if on_its_way:
        await road.let_pass()
    cancelled.cancel()
    await road.settle()
    assert cancelled.cancelled()
    for _ in range(1 if on_its_way else 2):
        await road.let_pass()
    assert (await first, await other) == (["A"], ["C"])


@pytest.mark.parametrize("error", [StoreUnavailable("nobody answers"), ValueError("a bad one")])
async def test_nobody_misses_an_error_that_was_meant_for_a_cancelled_caller(error: Exception) -> None:
    road = Road()
    first, cancelled = await road.put("a", "b")
    await road.let_pass()
    cancelled.cancel()
    await road.let_pass(error)
    assert await first == ["A"]
    (again,) = await road.put("c")
    await road.let_pass()
    assert await again == ["C"]


async def test_who_is_cancelled_on_the_way_alone_lets_the_others_go() -> None:
    road = Road()
    alone, other = await road.put("a", "b")
    alone.cancel()
    await road.settle()
    assert road.sent == [["a"], ["b"]]
    await road.let_pass()
    assert await other == ["B"]
    with pytest.raises(asyncio.CancelledError):
        await alone
