"""One mover at a time, whoever is frozen meanwhile; and never from a store into itself."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.scene import SteadyClock
from tests.moving.conftest import SOME_PAIRS
from tests.moving.scene import (
    LATER,
    RUNS,
    Freeze,
    begun,
    check_apart,
    check_the_end,
    freezing,
    furnish,
    live,
    move,
    run_all,
)
from treadle import ConfigError
from treadle.core.store import Store
from treadle.moving import MoveRefused, Tally
from treadle.testing import FakeClock
from treadle.testing.contract.scene import job, jobs, states


def freeze_a_mover(
    source: Store, target: Store, freeze: Freeze, steady: SteadyClock | None = None
) -> "asyncio.Task[Tally]":
    clock = {"clock": steady} if steady else {}
    return asyncio.create_task(move(freezing(source, freeze), freezing(target, freeze), **clock))


@pytest.mark.parametrize("verb", ["hold", "restore", "delete", "release"])
async def test_a_second_mover_is_refused(source: Store, target: Store, clock: FakeClock, verb: str) -> None:
    await furnish(source, clock)
    freeze = Freeze(1, verb)
    first = freeze_a_mover(source, target, freeze)
    assert await begun(first, freeze)
    for one, other in ((source, target), (target, source)):
        with pytest.raises(MoveRefused, match=r"takes part in a move already: process \d+ on .* is at it"):
            await move(one, other)
    freeze.thawed.set()
    assert (await first).whole
    await check_the_end(source, target, clock)


async def test_of_two_movers_that_begin_together_one_moves(source: Store, target: Store, clock: FakeClock) -> None:
    await furnish(source, clock)
    ends = await asyncio.gather(*(move(source, target) for _ in range(2)), return_exceptions=True)
    assert all(isinstance(end, Tally | MoveRefused) for end in ends)
    clock.forward(LATER)
    await move(source, target)
    await check_the_end(source, target, clock)


async def test_a_mover_keeps_its_turn_as_long_as_it_is_at_work(source: Store, target: Store, clock: FakeClock) -> None:
    await source.add(jobs(30))
    freeze, steady = Freeze(6, "hold"), SteadyClock()

    def time_goes_by(tally: Tally) -> None:
        clock.forward(5_000)
        steady.forward(5)

    stores = freezing(source, freeze), freezing(target, freeze)
    first = asyncio.create_task(move(*stores, clock=steady, tell=time_goes_by))
    assert await begun(first, freeze)
    with pytest.raises(MoveRefused, match="takes part in a move already"):
        await move(source, target)
    freeze.thawed.set()
    assert (await first).moved == 30


@pytest.mark.slow
@pytest.mark.parametrize("pair", SOME_PAIRS, indirect=True)
async def test_a_mover_that_was_frozen_at_any_call_does_no_harm_when_it_wakes(
    urls: tuple[str, str],
    pair: tuple[str, str],
    new_place: Callable[[str], str],
    other_place: Callable[[str], str],
    open_at: Callable[[str], Store],
    clock: FakeClock,
) -> None:
    """P1, P7: another has brought the move to its end meanwhile, and the jobs have run."""
    at, stood = 0, True
    while stood:
        at += 1
        source, target = open_at(new_place(pair[0])), open_at(other_place(pair[1]))
        await furnish(source, clock)
        freeze, steady = Freeze(at), SteadyClock()
        first = freeze_a_mover(source, target, freeze, steady)
        if stood := await begun(first, freeze):
            clock.forward(LATER)
            await move(source, target)
        ran = await run_all(target)
        clock.forward(LATER)
        steady.forward(LATER)
        freeze.thawed.set()
        with contextlib.suppress(MoveRefused):
            await first
        ran += await run_all(target, source)
        assert sorted(ran) == sorted(RUNS), f"frozen at call {at}"
        assert await live(source) == []
        await source.close()
        await target.close()
    assert at > 20


async def test_a_mover_that_was_silent_too_long_leaves_the_rest_to_another(
    source: Store, target: Store, clock: FakeClock
) -> None:
    await source.add(jobs(12))
    slow, steady = Freeze(1, "delete"), SteadyClock()
    first = freeze_a_mover(source, target, slow, steady)
    assert await begun(first, slow)
    clock.forward(LATER)
    next_one = Freeze(2, "restore")
    second = freeze_a_mover(source, target, next_one)
    assert await begun(second, next_one)
    steady.forward(LATER)
    slow.thawed.set()
    with pytest.raises(MoveRefused, match="Another mover has gone on with this move"):
        await first
    next_one.thawed.set()
    assert (await second).whole
    assert await run_all(target, source) == [each.id for each in jobs(12)]


# -- what others do in the middle ------------------------------------------------------


async def test_a_cancel_in_the_middle_is_heard(source: Store, target: Store) -> None:
    """P10: the mover has read the job, and is about to bring it."""
    await source.add(jobs(2))
    freeze = Freeze(1, "restore")
    moving = freeze_a_mover(source, target, freeze)
    assert await begun(moving, freeze)
    assert await source.cancel(["0000"]) == ["0000"]
    freeze.thawed.set()
    assert (await moving).whole
    assert await states(target, "0000", "0001") == ["cancelled", "queued"]
    assert await run_all(target, source) == ["0001"]


@pytest.mark.parametrize(("verb", "ran"), [("restore", False), ("restore", True), ("delete", False)])
@pytest.mark.parametrize("reason", ["operator", "unknown_task"])
async def test_a_job_that_is_released_in_the_middle_runs_once(
    source: Store, target: Store, reason: str, verb: str, ran: bool
) -> None:
    """P7. (Were it to run and end right before the delete, nobody could tell.)"""
    await source.add([job("a", held=reason)])
    freeze = Freeze(1, verb)
    moving = freeze_a_mover(source, target, freeze)
    assert await begun(moving, freeze)
    await source.release(reason)
    done = await run_all(source) if ran else []
    freeze.thawed.set()
    await moving
    await target.release("operator")
    assert done + await run_all(target, source) == ["a"]
    assert await states(target, "a") == ["completed"]


async def test_a_job_that_was_released_in_the_middle_is_not_ready_in_both(source: Store, target: Store) -> None:
    await source.add([job("a", held="unknown_task")])
    before_delete, next_round = Freeze(1, "delete"), Freeze(2, "hold")
    stores = [freezing(freezing(store, before_delete), next_round) for store in (source, target)]
    moving = asyncio.create_task(move(*stores))
    assert await begun(moving, before_delete)
    await source.release("unknown_task")
    before_delete.thawed.set()
    assert await begun(moving, next_round)
    await check_apart(source, target)
    next_round.thawed.set()
    assert (await moving).moved == 1


async def test_a_store_is_not_moved_into_itself(urls: tuple[str, str], open_at: Callable[[str], Store]) -> None:
    for url in urls:
        source, target = open_at(url), open_at(url)
        await source.add(jobs(3))
        with pytest.raises(ConfigError, match="are the same store"):
            await move(source, target)
        assert await source.read("move") == []
        assert await run_all(source) == ["0000", "0001", "0002"]


async def test_a_file_is_known_by_any_of_its_names(
    tmp_path: Path, open_at: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.db").symlink_to("jobs.db")
    source, target = open_at("sqlite:///jobs.db"), open_at("sqlite:///link.db")
    await source.add(jobs(1))
    with pytest.raises(ConfigError, match="are the same store"):
        await move(source, target)
