"""Where a claim begins to look while somebody's open transaction keeps what was claimed in its way."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

import psycopg
import pytest

from tests.servers.postgres import Postgres
from tests.stores.postgres.scene import open_with
from treadle.core.job import Cycle, Ending, Filter, NewJob
from treadle.core.outcomes import complete, hand_back, retry
from treadle.core.states import State
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.stores.postgres import lookout as module
from treadle.stores.postgres.lookout import EACH, LOOKS, SELDOM, SHARE, SLOW, START, Lookout, Place
from treadle.testing import FakeClock
from treadle.testing.contract.scene import Hand, ids, job, jobs

FAST, DEAR = SLOW / 10, SLOW * 2


class Seconds:
    """A clock for a lookout."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def look(lookout: Lookout, took: float, *queues: str, **places: Place) -> Sequence[Place]:
    """Look once, and learn; answer where it began."""
    begun = lookout.begin(queues or ("q",))
    lookout.learn(begun, places, took)
    return begun.begin


def slow_lookout(seconds: Seconds, **places: Place) -> Lookout:
    """One that has found looking from the start to be slow."""
    lookout = Lookout(seconds)
    for _ in range(LOOKS):
        assert look(lookout, DEAR, "q", **places) == [START]
    return lookout


def test_as_long_as_it_is_quick_every_look_begins_at_the_start(seconds: Seconds) -> None:
    lookout = Lookout(seconds)
    for number in range(10):
        assert look(lookout, FAST if number % LOOKS else DEAR, q=Place(0, number)) == [START]


def test_once_it_is_slow_looks_begin_behind_what_was_claimed(seconds: Seconds) -> None:
    lookout = slow_lookout(seconds, q=Place(0, 100))
    assert look(lookout, FAST, q=Place(0, 120)) == [Place(0, 100)]
    assert look(lookout, FAST) == [Place(0, 120)]
    assert look(lookout, FAST, q=Place(5, 7)) == [Place(0, 120)]
    assert look(lookout, FAST) == [Place(5, 7)]


def test_a_queue_of_which_nothing_was_claimed_is_looked_at_from_the_start(seconds: Seconds) -> None:
    lookout = slow_lookout(seconds, q=Place(0, 100))
    assert look(lookout, FAST, "q", "other") == [Place(0, 100), START]


@pytest.mark.parametrize(("dear", "pause"), [(DEAR, DEAR * SHARE), (1.0, SELDOM), (30.0, SELDOM)])
def test_now_and_then_a_scout_is_sent(seconds: Seconds, dear: float, pause: float) -> None:
    lookout = Lookout(seconds)
    assert lookout.scout(["q"]) is None
    for _ in range(LOOKS):
        look(lookout, dear, q=Place(0, 100))
    seconds.now += pause
    assert lookout.scout(["q"]) is None
    seconds.now += 0.001
    assert lookout.scout(["q"]) == {"q": Place(0, 100)}
    assert lookout.scout(["q"]) is None, "one is under way"
    assert look(lookout, dear) == [Place(0, 100)], "claims go on meanwhile"


def scouted(lookout: Lookout, seconds: Seconds, took: float, **firsts: Place) -> None:
    """Send a scout, and hear at once what it has found."""
    seconds.now += SELDOM + 1
    known = lookout.scout(["q"])
    assert known is not None
    lookout.hear(known, firsts, took)


def test_where_a_scout_finds_a_job_in_front_the_next_look_begins(seconds: Seconds) -> None:
    lookout = slow_lookout(seconds, q=Place(0, 100))
    scouted(lookout, seconds, DEAR, q=Place(-9, 200), other=Place(0, 1))
    assert look(lookout, FAST, q=Place(-9, 200)) == [Place(-9, 199)]


def test_a_look_that_was_under_way_when_a_scout_found_a_job_in_front_leads_nobody_past_it(seconds: Seconds) -> None:
    lookout = slow_lookout(seconds, q=Place(0, 100))
    begun = lookout.begin(["q"])
    scouted(lookout, seconds, DEAR, q=Place(-9, 200))
    lookout.learn(begun, {"q": Place(0, 101)}, FAST)
    assert look(lookout, FAST) == [Place(-9, 199)]


def test_a_scout_that_finds_none_in_front_changes_no_place(seconds: Seconds) -> None:
    lookout = slow_lookout(seconds, q=Place(0, 100))
    scouted(lookout, seconds, DEAR, q=Place(0, 101))
    assert look(lookout, FAST) == [Place(0, 100)]


def test_what_a_scout_tells_of_places_that_were_forgotten_meanwhile_teaches_nothing(seconds: Seconds) -> None:
    lookout = slow_lookout(seconds, q=Place(0, 100))
    seconds.now += SELDOM + 1
    known = lookout.scout(["q"])
    assert known is not None
    lookout.forget()
    lookout.hear(known, {"q": Place(0, 50)}, DEAR)
    assert look(lookout, DEAR) == [START]


def test_a_look_is_sure_once_a_scout_found_none_in_front_and_until_something_is_claimed(seconds: Seconds) -> None:
    lookout = slow_lookout(seconds, q=Place(0, 100))
    assert not lookout.begin(["q"]).sure
    scouted(lookout, seconds, DEAR, q=Place(0, 50))
    assert not lookout.begin(["q"]).sure
    scouted(lookout, seconds, DEAR)
    assert lookout.begin(["q"]).sure
    look(lookout, FAST)
    assert lookout.begin(["q"]).sure
    look(lookout, FAST, q=Place(0, 51))
    assert not lookout.begin(["q"]).sure


def test_one_quick_scout_ends_it(seconds: Seconds) -> None:
    lookout = slow_lookout(seconds, q=Place(0, 100))
    scouted(lookout, seconds, FAST)
    assert look(lookout, FAST) == [START]


def test_what_is_slow_grows_with_the_number_of_queues(seconds: Seconds) -> None:
    many = [f"q{number}" for number in range(20)]
    lookout = Lookout(seconds)
    for _ in range(LOOKS):
        look(lookout, SLOW + 10 * EACH, *many, q0=Place(0, 9))
    assert look(lookout, FAST, *many) == [START] * 20
    assert Lookout(seconds).begin([]).begin == []


def test_after_something_was_put_in_front_the_next_look_begins_at_the_start(seconds: Seconds) -> None:
    lookout = slow_lookout(seconds, q=Place(0, 100))
    lookout.forget()
    assert look(lookout, DEAR, q=Place(0, 50)) == [START]
    assert look(lookout, FAST) == [Place(0, 50)]


def test_a_look_that_was_under_way_when_something_was_put_in_front_teaches_nothing(seconds: Seconds) -> None:
    lookout = slow_lookout(seconds, q=Place(0, 100))
    begun = lookout.begin(["q"])
    lookout.forget()
    lookout.learn(begun, {"q": Place(0, 200)}, FAST)
    assert look(lookout, DEAR) == [START]


@pytest.mark.parametrize(
    ("queue", "priority", "seen"), [("q", 1, True), ("q", 0, False), ("q", -1, False), ("other", 9, False)]
)
def test_only_a_new_job_of_better_priority_stands_in_front(
    seconds: Seconds, queue: str, priority: int, seen: bool
) -> None:
    lookout = slow_lookout(seconds, q=Place(0, 100))
    lookout.notice([NewJob("a", "greet", queue, "{}"), NewJob("b", "greet", queue, "{}", priority=priority)])
    assert look(lookout, FAST) == [START if seen else Place(0, 100)]


# -- on a server -----------------------------------------------------------------------------


@pytest.fixture
def always_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every look count as slow, so that a few thousand jobs are enough."""
    monkeypatch.setattr(module, "SLOW", 0.0)
    monkeypatch.setattr(module, "EACH", 0.0)


@contextlib.contextmanager
def long_transaction(url: str) -> Iterator[None]:
    """Hold a snapshot open, as a dump or a report does."""
    with psycopg.connect(url) as connection:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT count(*) FROM treadle.job")
        yield
        connection.rollback()


async def drain(hand: Hand, number: int, slice: int = 100) -> list[str]:
    """Claim and end so many jobs; answer their ids."""
    done: list[str] = []
    while len(done) < number:
        claims = await hand.claim(min(slice, number - len(done)))
        assert claims, "work was missed"
        await hand.settle_all([Ending(claim, complete()) for claim in claims])
        done += ids(claims)
    return done


@pytest.mark.server
async def test_behind_a_long_transaction_a_better_priority_is_found_by_a_scout(
    url: str, clock: FakeClock, seconds: Seconds, always_slow: None
) -> None:
    """P17."""
    store, other = open_with(url, clock, lookout=Lookout(seconds)), open_store(url, clock)
    hand = Hand(store, "w1")
    hand.beat(lease=3_600_000)
    await store.add(jobs(4_000))
    with long_transaction(url):
        done = await drain(hand, 3_000)
        await other.add([job("better", priority=9)])
        assert ids(await hand.claim()) == ["3000"], "it begins behind what was claimed"
        seconds.now += SELDOM + 1
        later = await drain(hand, 1_000, slice=5)
        assert later.index("better") < 900
        assert await hand.claim() == []
    assert sorted([*done, "3000", *later]) == sorted(["better", *(each.id for each in jobs(4_000))])
    await store.close()
    await other.close()


@pytest.mark.server
@pytest.mark.parametrize("queues", [("default",), ("default", "other")])
@pytest.mark.parametrize("way", ["retry", "hand back", "promote", "revive", "release", "priority"])
async def test_what_a_process_puts_in_front_itself_is_found_at_once(
    url: str, clock: FakeClock, seconds: Seconds, always_slow: None, way: str, queues: Sequence[str]
) -> None:
    """P17; and nobody who runs until idle goes home too early."""
    store = open_with(url, clock, lookout=Lookout(seconds))
    hand = Hand(store, "w1")
    hand.beat(lease=3_600_000)
    await store.add([job("due", due_in=1_000), job("held", held="operator"), job("dead"), job("first", max_attempts=3)])
    await store.cancel(["dead"])
    await store.add(jobs(10))
    first = await hand.claim_one()
    for _ in range(8):
        assert len(await hand.claim(1, queues)) == 1
    if way in ("retry", "hand back"):
        ended = [Ending(first, retry(0) if way == "retry" else hand_back())]
        assert ids((await store.cycle("w1", ended, queues, 1)).claims) == ["first"]
    elif way == "promote":
        clock.forward(1_000)
        assert (await hand.sweep()).promoted == 1
        assert ids(await hand.claim(1, queues)) == ["due"]
    elif way == "revive":
        assert await store.revive(["dead"]) == ["dead"]
        assert ids(await hand.claim(1, queues)) == ["dead"]
    elif way == "release":
        assert await store.release("operator") == 1
        assert ids(await hand.claim(1, queues)) == ["held"]
    else:
        await store.add([job("better", priority=1)])
        assert ids(await hand.claim(1, queues)) == ["better"]
    assert ids(await hand.claim(5, queues)) == ["0008", "0009"]
    await store.close()


@pytest.mark.server
@pytest.mark.slow
async def test_nothing_is_missed_at_the_end_whatever_others_put_in_front(
    url: str, clock: FakeClock, seconds: Seconds, always_slow: None
) -> None:
    stores = [open_with(url, clock, lookout=Lookout(seconds)) for _ in range(3)]
    hands = [Hand(store, f"w{number}") for number, store in enumerate(stores)]
    for hand in hands:
        hand.beat(lease=3_600_000)

    async def act(number: int, store: Store, hand: Hand) -> None:
        for turn in range(20):
            await store.add([job(f"{number}-{turn}-{n}", priority=(turn * n) % 3, max_attempts=3) for n in range(20)])
            claims = await hand.claim(15)
            outcomes = [retry(0) if claim.attempt == 1 and n % 5 == 0 else complete() for n, claim in enumerate(claims)]
            await hand.settle_all([Ending(claim, outcome) for claim, outcome in zip(claims, outcomes, strict=True)])
            seconds.now += 0.05

    with long_transaction(url):
        await asyncio.gather(*(act(number, *pair) for number, pair in enumerate(zip(stores, hands, strict=True))))
        cycle = Cycle([], frozenset(), 0, partial=True)
        while cycle.claims or cycle.partial:  # until a scout is back who found nothing
            seconds.now += SELDOM + 1
            ended = [Ending(claim, complete()) for claim in cycle.claims]
            cycle = await stores[0].cycle("w0", ended, ["default"], 100)
    assert await stores[0].count(Filter()) == {("default", State.COMPLETED): 1_200}
    for store in stores:
        await store.close()


@pytest.mark.server
async def test_a_server_that_is_slow_to_answer_is_not_taken_for_one_that_is_slow_to_find(
    server: Postgres, database: str
) -> None:
    """P17: or over a long wire priorities would hold for nobody."""
    store, other = open_store(server.url(database)), open_store(server.url(database))
    hand = Hand(store, "w1")
    await asyncio.to_thread(hand.beat, lease=3_600_000)
    await store.add(jobs(10))
    for _ in range(LOOKS + 1):
        server.freeze()
        claiming = asyncio.create_task(hand.claim())
        await asyncio.to_thread(server.freeze)  # to see that all of it stands still takes longer than a slow look
        server.thaw()
        await claiming
    await other.add([job("better", priority=9)])
    assert ids(await hand.claim()) == ["better"]
    await store.close()
    await other.close()
