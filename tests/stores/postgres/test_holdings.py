"""What a beat asks for, and when a heart reads all that its worker holds, for an open transaction makes that dear."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.stores.postgres.scene import ask
from treadle.core.errors import StoreError
from treadle.core.job import Claim, Ending
from treadle.core.outcomes import complete, retry
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.stores.postgres import holdings as module
from treadle.stores.postgres.holdings import LOOKS, SELDOM, SHARE, SLOW, Held, Holdings
from treadle.testing import FakeClock
from treadle.testing.contract.scene import LEASE, Hand, ids, jobs

FAST, DEAR = SLOW / 10, SLOW * 2

NONE = frozenset[Held]()


class Seconds:
    """A clock for what a worker holds."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def slow_holdings(seconds: Seconds, took: float = DEAR) -> Holdings:
    """Those of a worker for whom reading all has been found to be slow."""
    holdings = Holdings(seconds)
    for _ in range(LOOKS):
        assert holdings.due()
        holdings.look(NONE, took)
    return holdings


def claim_of(ref: str, epoch: int = 1) -> Claim:
    return Claim(ref, ref, "greet", "q", "{}", 0, 1, 3, epoch, 0, 0, None, None, None, None, None, None)


def test_as_long_as_it_is_quick_everything_is_read_each_time(seconds: Seconds) -> None:
    holdings = Holdings(seconds)
    for number in range(10):
        assert holdings.due()
        holdings.look(NONE, FAST if number % LOOKS else DEAR)


@pytest.mark.parametrize(("took", "pause"), [(DEAR, DEAR * SHARE), (1.0, SELDOM), (30.0, SELDOM)])
def test_once_it_is_slow_everything_is_read_now_and_then(seconds: Seconds, took: float, pause: float) -> None:
    holdings = slow_holdings(seconds, took)
    seconds.now += pause
    assert not holdings.due()
    seconds.now += 0.001
    assert holdings.due()


def test_one_quick_look_ends_it(seconds: Seconds) -> None:
    holdings = slow_holdings(seconds)
    holdings.look(NONE, FAST)
    assert holdings.due()


def test_a_look_that_was_given_up_was_a_slow_one(seconds: Seconds) -> None:
    holdings = Holdings(seconds)
    for _ in range(LOOKS):
        assert holdings.due()
        holdings.give_up(1.0)
    assert not holdings.due()
    assert not holdings.complete


def test_what_was_given_is_asked_for_until_it_has_ended_or_was_lost(seconds: Seconds) -> None:
    holdings = Holdings(seconds)
    holdings.note([claim_of("a"), claim_of("b"), claim_of("c")])
    holdings.note([claim_of("d")], [Ending(claim_of("a"), complete())])
    assert holdings.known() == {("b", 1), ("c", 1), ("d", 1)}
    holdings.hear(holdings.known(), frozenset({("b", 1), ("c", 1)}))
    assert holdings.known() == {("b", 1), ("c", 1)}


def test_what_was_given_while_a_beat_was_under_way_stays(seconds: Seconds) -> None:
    holdings = Holdings(seconds)
    holdings.note([claim_of("a")])
    asked = holdings.known()
    holdings.note([claim_of("a", epoch=2), claim_of("b")], [Ending(claim_of("a"), retry(0))])
    holdings.hear(asked, NONE)
    assert holdings.known() == {("a", 2), ("b", 1)}


def test_what_was_found_under_another_claim_takes_its_place(seconds: Seconds) -> None:
    holdings = Holdings(seconds)
    holdings.note([claim_of("a")])
    holdings.hear(holdings.known(), frozenset({("a", 2)}))
    assert holdings.known() == {("a", 2)}


# -- on a server -----------------------------------------------------------------------------


@pytest.fixture
def always_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let reading everything count as slow, so that it is done for the first beats of a heart alone."""
    monkeypatch.setattr(module, "SLOW", 0.0)
    monkeypatch.setattr(module, "SHARE", float("inf"))
    monkeypatch.setattr(module, "SELDOM", float("inf"))


def slow_hand(store: Store, name: str = "w1") -> Hand:
    """One whose heart reads no more than it must from now on."""
    hand = Hand(store, name)
    for _ in range(LOOKS):
        assert hand.beat() == {}
    return hand


@pytest.mark.server
async def test_while_it_is_slow_a_cancel_is_heard_with_the_next_beat(
    url: str, clock: FakeClock, always_slow: None
) -> None:
    """P10."""
    store, other = open_store(url, clock), open_store(url, clock)
    hand = slow_hand(store)
    await store.add(jobs(3))
    await hand.claim(3)
    assert hand.beat() == {"0000": False, "0001": False, "0002": False}
    assert await other.cancel(["0001"]) == ["0001"]
    assert hand.beat() == {"0000": False, "0001": True, "0002": False}
    await store.close()
    await other.close()


@pytest.mark.server
async def test_while_it_is_slow_a_lost_claim_is_missing_in_the_next_beat(
    url: str, clock: FakeClock, always_slow: None
) -> None:
    """P2, P3."""
    store, other = open_store(url, clock), open_store(url, clock)
    hand = slow_hand(store)
    await store.add(jobs(2))
    await hand.claim(2)
    assert hand.beat() == {"0000": False, "0001": False}
    clock.forward(LEASE)
    thief = Hand(other, "w2")
    thief.beat()
    (taken,) = (await thief.sweep(take=1)).taken
    assert hand.beat() == {id: False for id in ("0000", "0001") if id != taken.id}
    await store.close()
    await other.close()


@pytest.mark.server
async def test_while_it_is_slow_a_beat_knows_whatever_its_store_gave_and_took(
    url: str, clock: FakeClock, always_slow: None
) -> None:
    store = open_store(url, clock)
    dead, hand = Hand(store, "dead"), slow_hand(store)
    dead.beat()
    await store.add(jobs(4, max_attempts=3))
    await dead.claim()
    clock.forward(LEASE)
    hand.beat()
    assert ids((await hand.sweep()).taken) == ["0000"]
    assert hand.beat() == {"0000": False}, "what it took over"
    first, second = await hand.claim(2)
    answer = await store.cycle("w1", [Ending(first, retry(0)), Ending(second, complete())], ["default"], 1)
    assert ids(answer.claims) == ["0001"]
    assert hand.beat() == {"0000": False, "0001": False}, "what it was given again, and nothing that has ended"
    await store.close()


@pytest.mark.server
async def test_while_it_is_slow_a_claim_that_was_answered_to_nobody_is_named_later(
    url: str, clock: FakeClock, always_slow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P1: its worker lives, so nobody else would take it over."""
    store, nobody = open_store(url, clock), open_store(url, clock)
    hand = slow_hand(store)
    await store.add(jobs(2))
    (claim,) = await hand.claim()
    await nobody.cycle("w1", [], ["default"], 1)
    assert hand.beat() == {claim.id: False}
    with monkeypatch.context() as later:
        later.setattr(module, "SELDOM", -1.0)
        assert hand.beat() == {"0000": False, "0001": False}
    assert hand.beat() == {"0000": False, "0001": False}, "it is known from now on"
    await store.close()
    await nobody.close()


@pytest.mark.server
async def test_while_it_is_slow_what_was_looked_up_is_known(url: str, clock: FakeClock, always_slow: None) -> None:
    store, nobody = open_store(url, clock), open_store(url, clock)
    hand = slow_hand(store)
    await store.add(jobs(1))
    await nobody.cycle("w1", [], ["default"], 1)
    assert ids(await store.claims("w1")) == ["0000"]
    assert hand.beat() == {"0000": False}
    await store.close()
    await nobody.close()


@contextmanager
def without_states(url: str) -> Iterator[None]:
    """Break what reads everything that a worker holds; jobs can still be asked for by their keys."""
    ask(url, "ALTER TABLE treadle.job RENAME COLUMN state TO hidden")
    yield
    ask(url, "ALTER TABLE treadle.job RENAME COLUMN hidden TO state")


@pytest.mark.server
async def test_where_reading_everything_fails_a_beat_names_what_is_known(url: str, clock: FakeClock) -> None:
    """P3: the lease is renewed, and a worker that holds it must not fence itself."""
    store = open_store(url, clock)
    hand = Hand(store, "w1")
    hand.beat()
    await store.add(jobs(2))
    await hand.claim()
    with without_states(url):
        assert hand.beat() == {"0000": False}
    assert hand.beat() == {"0000": False}
    await store.close()


@pytest.mark.server
async def test_a_heart_that_could_never_read_everything_does_not_answer(url: str, clock: FakeClock) -> None:
    """P2: whatever is missing in its answer counts as lost."""
    store = open_store(url, clock)
    hand = Hand(store, "w1")
    with without_states(url), pytest.raises(StoreError):
        hand.beat()
    assert hand.beat() == {}
    await store.close()
