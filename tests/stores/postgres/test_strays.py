"""When a process looks for jobs of workers whom nobody knows, and that it finds them."""

import pytest

from tests.stores.postgres.scene import ask
from treadle.stores import open_store
from treadle.stores.postgres import strays as module
from treadle.stores.postgres.strays import SELDOM, Strays
from treadle.testing import FakeClock
from treadle.testing.contract.scene import Hand, ids, jobs


def test_a_process_looks_first_of_all_and_then_now_and_then() -> None:
    now = 1_000.0
    strays = Strays(lambda: now)
    for _ in range(3):
        assert strays.due()
        strays.look(0)
        now += SELDOM
        assert not strays.due()
        now += 0.001


def test_it_looks_again_at_once_until_there_are_none() -> None:
    strays = Strays(lambda: 1_000.0)
    for found in (3, 1, 1, 0):
        assert strays.due()
        strays.look(found)
    assert not strays.due()


@pytest.mark.server
async def test_jobs_of_one_whom_nobody_knows_are_found_in_the_end(
    url: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P1: who holds them was forgotten, so no look at the workers leads to them."""
    store = open_store(url, clock)
    dead, living = Hand(store, "dead"), Hand(store, "living")
    for hand in (dead, living):
        hand.beat()
    await store.add(jobs(5))
    await dead.claim(4)
    await living.claim()
    assert (await living.sweep()).taken == []
    ask(url, "DELETE FROM treadle.worker WHERE id = 'dead'")
    assert (await living.sweep()).taken == [], "it has just looked"
    monkeypatch.setattr(module, "SELDOM", -1.0)
    assert (await living.sweep(take=0)).taken == []
    assert len((await living.sweep(take=3)).taken) == 3
    monkeypatch.setattr(module, "SELDOM", SELDOM)
    assert len((await living.sweep(take=3)).taken) == 1, "where there was one there may be more"
    assert (await living.sweep()).taken == []
    await store.close()


@pytest.mark.server
async def test_one_who_was_unknown_and_beats_again_keeps_its_jobs(url: str, clock: FakeClock) -> None:
    """P3."""
    store = open_store(url, clock)
    back, living = Hand(store, "back"), Hand(store, "living")
    for hand in (back, living):
        hand.beat()
    await store.add(jobs(1))
    await back.claim()
    ask(url, "DELETE FROM treadle.worker WHERE id = 'back'")
    back.beat()
    assert ids((await living.sweep()).taken) == []
    assert back.beat() == {"0000": False}
    await store.close()
