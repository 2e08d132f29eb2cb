"""What `subscribe` offers: a hint after work has come. Hints may get lost elsewhere, not in the adding process."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from treadle.core.outcomes import hand_back
from treadle.core.store import Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.scene import Hire, job

#: Seconds after which a hint counts as lost: long, for it is only waited for when something is broken.
PATIENCE = 20


async def heard(store: Store, act: Callable[[], Awaitable[object]]) -> None:
    """Act, and wait for the hint."""
    loop, hinted = asyncio.get_running_loop(), asyncio.Event()

    def hint() -> None:
        loop.call_soon_threadsafe(hinted.set)

    leave = store.subscribe(hint)
    try:
        await act()
        await asyncio.wait_for(hinted.wait(), PATIENCE)
    finally:
        leave()


@pytest.mark.parametrize("way", ["add", "revive", "release", "promote", "hand back"])
async def test_whoever_waits_is_told_that_work_has_come(store: Store, clock: FakeClock, hire: Hire, way: str) -> None:
    worker = hire("w1")
    await store.add([
        job("final"), job("held", held="operator"), job("late", due_in=1_000), job("running", priority=9),
    ])  # fmt: skip
    await store.cancel(["final"])
    claim = await worker.claim_one()
    clock.forward(1_000)
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "add": lambda: store.add([job("new")]),
        "revive": lambda: store.revive(["final"]),
        "release": lambda: store.release("operator", ["greet"]),
        "promote": worker.sweep,
        "hand back": lambda: worker.settle(claim, hand_back()),
    }
    await heard(store, acts[way])


async def test_after_a_hint_the_work_is_there(store: Store, hire: Hire) -> None:
    await heard(store, lambda: store.add([job("a")]))
    assert (await hire("w1").claim_one()).id == "a"


async def test_who_has_left_is_told_no_more(store: Store) -> None:
    calls: list[int] = []
    leave = store.subscribe(lambda: calls.append(1))
    await heard(store, lambda: store.add([job("a")]))  # by others, too: so whoever begins to listen has done so
    leave()
    before = len(calls)
    await heard(store, lambda: store.add([job("b")]))
    assert len(calls) == before
