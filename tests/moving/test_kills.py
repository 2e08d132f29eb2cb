"""A mover dies at any call, before it is done or when nobody hears the answer: the next one brings it to its end."""

from collections.abc import Awaitable, Callable

import pytest

from tests.moving.conftest import SOME_PAIRS
from tests.moving.scene import (
    LATER,
    RUNS,
    Fate,
    check_apart,
    check_the_end,
    cut_off,
    die_at,
    furnish,
    live,
    move,
    run_all,
)
from treadle.core.outcomes import complete
from treadle.core.states import Reason, State
from treadle.core.store import Store
from treadle.moving import MoveRefused
from treadle.testing import FakeClock
from treadle.testing.contract.scene import Hand, job, jobs, seen, states

Places = Callable[[], Awaitable[tuple[Store, Store]]]


@pytest.fixture
def empty_places(
    pair: tuple[str, str],
    urls: tuple[str, str],
    new_place: Callable[[str], str],
    other_place: Callable[[str], str],
    open_at: Callable[[str], Store],
) -> Places:
    """Make both places anew."""

    async def make() -> tuple[Store, Store]:
        return open_at(new_place(pair[0])), open_at(other_place(pair[1]))

    return make


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_death_at_any_call_loses_nothing_and_runs_nothing_twice(
    empty_places: Places, clock: FakeClock, after: bool
) -> None:
    """P1, P7."""
    at, died = 0, True
    while died:
        at += 1
        source, target = await empty_places()
        await furnish(source, clock)
        died = await die_at(source, target, Fate(at, after=after))
        await check_apart(source, target)
        clock.forward(LATER)
        if died:
            await move(source, target, size=5)
        await check_the_end(source, target, clock)
        await source.close()
        await target.close()
    assert at > 20


@pytest.mark.slow
@pytest.mark.parametrize("pair", SOME_PAIRS, indirect=True)
async def test_workers_that_start_after_a_death_run_nothing_twice(empty_places: Places, clock: FakeClock) -> None:
    """P7: nobody knows that the move is not over, and both stores are worked off before it goes on."""
    at, died = 0, True
    while died:
        at += 1
        source, target = await empty_places()
        await furnish(source, clock)
        died = await die_at(source, target, Fate(at))
        clock.forward(LATER)
        ran = await run_all(target, source)
        if died:
            clock.forward(LATER)
            await move(source, target, size=5)
            ran += await run_all(target, source)
        assert sorted(ran) == sorted(RUNS), f"death at call {at}"
        await source.close()
        await target.close()


async def test_deaths_again_and_again_come_to_an_end(source: Store, target: Store, clock: FakeClock) -> None:
    await furnish(source, clock)
    at = 1
    while await die_at(source, target, Fate(at)):
        await check_apart(source, target)
        clock.forward(LATER)
        at += 1
    await check_the_end(source, target, clock)


# -- what others do while a move is cut off --------------------------------------------


async def test_what_was_under_way_runs_nowhere_until_the_move_goes_on(
    source: Store, target: Store, clock: FakeClock
) -> None:
    await source.add(jobs(3))
    await cut_off(source, target, clock)
    assert await run_all(source, target) == []
    await move(source, target)
    assert await run_all(source, target) == ["0000", "0001", "0002"]


async def test_what_was_under_way_leaves_the_source_before_it_can_run(
    source: Store, target: Store, clock: FakeClock
) -> None:
    await source.add(jobs(3))
    await cut_off(source, target, clock)
    assert await die_at(source, target, Fate(1, "release", after=True))
    await check_apart(source, target)
    assert await run_all(target, source) == ["0000", "0001", "0002"]


@pytest.mark.parametrize("place", ["source", "target"])
async def test_a_cancel_meanwhile_is_heard(source: Store, target: Store, clock: FakeClock, place: str) -> None:
    """P10: wherever the operator looked."""
    await source.add(jobs(2))
    clock.forward(1_000)
    await cut_off(source, target, clock)
    assert await (source if place == "source" else target).cancel(["0000"]) == ["0000"]
    await move(source, target)
    assert await states(target, "0000", "0001") == ["cancelled", "queued"]
    assert await run_all(target, source) == ["0001"]


@pytest.mark.parametrize(("reason", "arrives"), [("operator", "held"), ("unknown_task", "queued")])
async def test_what_stayed_held_meanwhile_is_moved_once(
    source: Store, target: Store, clock: FakeClock, reason: str, arrives: str
) -> None:
    await source.add([job("a", held=reason)])
    await cut_off(source, target, clock)
    await move(source, target)
    assert await states(target, "a") == [arrives]
    assert await live(source) == []


@pytest.mark.parametrize("ends", [False, True], ids=["waits", "ran"])
@pytest.mark.parametrize("reason", ["operator", "unknown_task"])
async def test_what_the_source_released_meanwhile_is_not_run_again(
    source: Store, target: Store, clock: FakeClock, reason: str, ends: bool
) -> None:
    """P7: the target has a copy of it that knows nothing of that."""
    await source.add([job("a", held=reason)])
    await cut_off(source, target, clock)
    await source.release(reason)
    ran = await run_all(source) if ends else []
    await move(source, target)
    await target.release("operator")
    assert ran + await run_all(target, source) == ["a"]
    assert await states(target, "a") == ["completed"]


async def test_what_the_target_released_meanwhile_is_not_run_again(
    source: Store, target: Store, clock: FakeClock
) -> None:
    """P7."""
    await source.add([job("a", held="operator")])
    await cut_off(source, target, clock)
    await target.release("operator")
    ran = await run_all(target)
    await move(source, target)
    await source.release("operator")
    assert ran + await run_all(target, source) == ["a"]


async def test_what_ran_on_in_the_source_is_moved_as_it_is_now(source: Store, target: Store, clock: FakeClock) -> None:
    """It was held for want of its task, which a new worker there knows; its first attempt failed."""
    await source.add([job("a", held=Reason.UNKNOWN_TASK, max_attempts=2)])
    await cut_off(source, target, clock)
    await source.release(Reason.UNKNOWN_TASK)
    hand = Hand(source, "w")
    hand.beat()
    await hand.settle(await hand.claim_one(), complete()._replace(state=State.QUEUED))
    hand.heart.leave()
    hand.heart.close()
    await move(source, target)
    assert (await seen(target, "a")).epoch == 1
    assert await run_all(target, source) == ["a"]


async def test_another_move_must_wait_until_the_first_has_come_to_its_end(
    source: Store, target: Store, open_at: Callable[[str], Store], clock: FakeClock, tmp_path: object
) -> None:
    third = open_at(f"sqlite:///{tmp_path}/third.db")
    await source.add(jobs(3))
    await third.add([job("other")])
    await cut_off(source, target, clock)
    for one, other in ((target, source), (source, third), (third, target), (target, third), (third, source)):
        with pytest.raises(MoveRefused, match="was cut off while jobs were under way"):
            await move(one, other)
    await move(source, target)
    await move(third, target)
    assert await run_all(source, target, third) == ["0000", "0001", "0002", "other"]


async def test_a_move_that_left_nothing_under_way_stands_in_nobody_s_way(
    source: Store, target: Store, open_at: Callable[[str], Store], clock: FakeClock, tmp_path: object
) -> None:
    third = open_at(f"sqlite:///{tmp_path}/third.db")
    await source.add(jobs(3))
    assert await die_at(source, target, Fate(1, "hold"))
    clock.forward(LATER)
    await move(source, third)
    assert len(await run_all(third, target)) == 3


async def test_a_target_that_was_made_anew_gets_what_was_under_way(
    source: Store, target: Store, clock: FakeClock
) -> None:
    await source.add(jobs(3))
    await cut_off(source, target, clock)
    await target.delete(["0000", "0001", "0002"])
    await target.write("move", "current", None)
    await move(source, target)
    assert len(await run_all(source, target)) == 3
