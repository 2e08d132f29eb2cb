"""Many at once on the same jobs: nobody hears of a lost race, nothing is lost, nothing is done twice."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import asyncpg
import psycopg
import pytest

from tests.servers.postgres import Postgres
from tests.stores.postgres.scene import ask, soon, waiting
from treadle.core.errors import StoreUnavailable
from treadle.core.job import Added, Claim, Ending, Filter, Progress, Report
from treadle.core.outcomes import Outcome, cancel, complete, give_up, hand_back, hold, retry, snooze
from treadle.core.retention import Retention
from treadle.core.states import FINAL, State
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.stores.postgres import verbs
from treadle.stores.postgres.statements import Statements
from treadle.stores.steps import Rows, Step, take
from treadle.testing import FakeClock
from treadle.testing.contract.scene import LEASE, Hand, ids, job, jobs, seen

pytestmark = pytest.mark.server

OUTCOMES: Sequence[Callable[[], Outcome]] = (
    lambda: complete("1"), complete, lambda: retry(0, "{}"), lambda: retry(500, "{}"), lambda: snooze(300), hand_back,
    lambda: hold("operator"), lambda: give_up("error", "{}"), cancel,
)  # fmt: skip


class Game:
    """Everybody does everything at once, by chance, on a few jobs."""

    def __init__(self, url: str, clock: FakeClock, seed: int) -> None:
        self.url, self.clock, self.chance = url, clock, random.Random(seed)
        self.stores = [open_store(f"{url}&pool=3", clock) for _ in range(4)]
        self.offered = self.new = self.gone = 0
        self.lost: list[str] = []
        self.number = 0
        self.epochs: dict[str, int] = defaultdict(int)
        self.settled: Counter[tuple[str, int]] = Counter()
        self.known: list[str] = []

    async def play(self, turns: int) -> None:
        hands = [Hand(store, f"w{number}") for number, store in enumerate(self.stores)]
        for hand in hands:
            hand.beat()
        acts: list[Callable[[], Awaitable[None]]] = [
            *(partial(self.add, store) for store in self.stores),
            *(partial(self.work, hand) for hand in hands * 2),
            *(partial(self.steer, store) for store in self.stores[:2]),
            partial(self.sweep, hands[0]),
        ]
        await asyncio.gather(*(self.repeat(act, turns) for act in acts))
        for hand in hands:
            hand.heart.close()

    async def repeat(self, act: Callable[[], Awaitable[None]], turns: int) -> None:
        for _ in range(turns):
            try:
                await act()
            except StoreUnavailable as error:
                self.lost.append(str(error))
            await asyncio.sleep(0)

    async def add(self, store: Store) -> None:
        chance = self.chance
        offered = []
        for _ in range(chance.randint(1, 6)):
            self.number += 1
            key = chance.choice([None, "u1", "u2", "u3", "u4"])
            queue = chance.choice(["default", "other"])
            due_in = chance.choice([None, None, 300])
            offered.append(job(f"{self.number:05}", unique_key=key, queue=queue, due_in=due_in, max_attempts=3))
        answers = await store.add(offered)
        self.offered += len(offered)
        self.new += sum(answer.new for answer in answers)
        for answer, new in zip(answers, offered, strict=True):
            assert answer.new == (answer.id == new.id)
        self.known += [answer.id for answer in answers if answer.new]

    async def work(self, hand: Hand) -> None:
        queues = self.chance.choice([("default",), ("default", "other"), ("other",)])
        answer = await hand.store.cycle(hand.name, [], queues, self.chance.randint(1, 6))
        if not answer.leased:
            await asyncio.to_thread(hand.beat)
        for claim in answer.claims:
            assert claim.epoch > self.epochs[claim.id], "an epoch was given twice, or fell"
            self.epochs[claim.id] = claim.epoch
        reports = [Report(claim, Progress(1, 2), "[]") for claim in answer.claims]
        await asyncio.to_thread(hand.beat, *reports)
        await self.end(hand, answer.claims)

    async def end(self, hand: Hand, claims: Sequence[Claim]) -> None:
        ended = [Ending(claim, self.chance.choice(OUTCOMES)(), Progress(2, 2), "[]") for claim in claims]
        self.chance.shuffle(ended)
        ended += ended[:1]  # as if its answer had been lost
        lost = await hand.settle_all(ended)
        for claim in {ending.claim.id: ending.claim for ending in ended}.values():
            if claim.id not in lost:
                self.settled[claim.id, claim.epoch] += 1

    async def steer(self, store: Store) -> None:
        chosen = self.chance.sample(self.known, min(len(self.known), 12))
        await store.cancel(chosen[:2])
        await store.revive(chosen[2:8])
        await store.hold(chosen[6:9], "operator")
        await store.release("operator")
        deleted = await store.delete(chosen[9:])
        pruned = await store.delete(await store.outdated(Retention(dict.fromkeys(FINAL, 2_000), runs=1), 5))
        self.gone += len(deleted) + len(pruned)

    async def sweep(self, hand: Hand) -> None:
        self.clock.forward(self.chance.choice([10, 100, 300]))
        if self.chance.random() < 0.1:
            self.clock.forward(LEASE)  # all fall silent, and whoever is first takes over from the others
            await asyncio.to_thread(hand.beat)
        swept = await hand.sweep()
        for claim in swept.taken:
            assert claim.epoch > self.epochs[claim.id]
            self.epochs[claim.id] = claim.epoch
        await self.end(hand, swept.taken)


CHECKS = {
    "a unique key has one live job":
        "SELECT unique_key FROM treadle.job WHERE finished_at IS NULL GROUP BY 1 HAVING count(unique_key) > 1",
    "what runs has a worker": "SELECT key FROM treadle.job WHERE (worker IS NOT NULL) <> (state = 'running')",
    "what is final has an end":
        "SELECT key FROM treadle.job"
        " WHERE (finished_at IS NOT NULL) <> (state IN ('completed', 'failed', 'cancelled'))",
    "states are known":
        "SELECT state FROM treadle.job WHERE state NOT IN"
        " ('held', 'scheduled', 'queued', 'running', 'completed', 'failed', 'cancelled')",
    "no attempt without a claim": "SELECT key FROM treadle.job WHERE attempt > epoch OR attempt < 0 OR crashes < 0",
    "an attempt has ended once": "SELECT job FROM treadle.attempt GROUP BY job, epoch HAVING count(*) > 1",
    "what belonged to a job went with it":
        "SELECT job FROM (SELECT job FROM treadle.progress UNION ALL SELECT job FROM treadle.attempt UNION ALL"
        " SELECT job FROM treadle.log) AS part WHERE NOT EXISTS (SELECT 1 FROM treadle.job WHERE key = part.job)",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_everybody_does_everything_at_once(url: str, clock: FakeClock, seed: int) -> None:
    """P1, P4, P6, P8."""
    game = Game(url, clock, seed)
    await game.play(turns=50)
    count = sum((await game.stores[0].count(Filter())).values())
    assert [error for error in game.lost if "others change the same jobs" not in error] == []
    assert game.new > 50
    assert count + game.gone == game.new, "accepted jobs are there, or were deleted"
    assert [times for times in game.settled.values() if times > 1] == [], "a claim was ended twice"
    for name, check in CHECKS.items():
        assert ask(url, check) == [], name
    epochs = dict(ask(url, "SELECT name, epoch FROM treadle.job"))
    assert {id: epoch for id, epoch in epochs.items() if epoch != game.epochs[id]} == {}
    for store in game.stores:
        await store.close()


@pytest.mark.parametrize("queues", [("a",), ("a", "b", "c")])
async def test_workers_who_claim_at_once_share_nothing_and_leave_nothing_behind(
    url: str, clock: FakeClock, queues: tuple[str, ...]
) -> None:
    """P1, P4: whoever is told that there may be more asks again, and so nobody stops too early."""
    stores = [open_store(url, clock) for _ in range(3)]
    hands = [Hand(stores[number % 3], f"w{number}") for number in range(9)]
    for hand in hands:
        hand.beat()
    new = [job(f"{n:04}", queue=queues[n % len(queues)], priority=n % 3) for n in range(900)]
    await stores[0].add(new)

    async def work(hand: Hand) -> list[str]:
        claimed: list[str] = []
        more = True
        while more:
            answer = await hand.store.cycle(hand.name, [], queues, 7)
            claimed += ids(answer.claims)
            more = answer.more
        return claimed

    shares = await soon(asyncio.gather(*(work(hand) for hand in hands for _ in range(2))))
    assert sorted(id for share in shares for id in share) == [each.id for each in new]
    for store in stores:
        await store.close()


@pytest.mark.parametrize("again", [complete, lambda: retry(0), lambda: give_up("error")])
@pytest.mark.parametrize("turned", [False, True])
async def test_two_endings_of_one_claim_in_one_call_are_one(
    url: str, clock: FakeClock, again: Callable[[], Outcome], turned: bool
) -> None:
    store = open_store(url, clock)
    hand = Hand(store, "w1")
    hand.beat()
    await store.add(jobs(3, max_attempts=3))
    one, two, three = await hand.claim(3)
    ended = [Ending(one, complete('"done"')), Ending(two, complete()), Ending(one, again()), Ending(three, retry(0))]
    answer = await store.cycle("w1", ended[::-1] if turned else ended, ["default"], 5)
    assert (answer.lost, ids(answer.claims)) == (frozenset(), ["0002"])
    assert (await seen(store, "0000")).state is State.COMPLETED
    assert (await seen(store, "0000")).result in ('"done"', None)
    await store.close()


async def test_a_claim_whose_worker_nobody_knows_any_more_is_taken_over(url: str, clock: FakeClock) -> None:
    """P1: its commit may come just after a sweeper has forgotten the silent worker, and the worker may be dead."""
    store = open_store(url, clock)
    dead, living = Hand(store, "dead"), Hand(store, "living")
    for hand in (dead, living):
        hand.beat()
    await store.add(jobs(3))
    (claim,) = await dead.claim()
    (held,) = await living.claim()
    ask(url, "DELETE FROM treadle.worker WHERE id = 'dead'")
    (taken,) = (await living.sweep()).taken
    assert (taken.id, taken.epoch, taken.crashes) == (claim.id, 2, 1)
    assert (await living.sweep()).taken == []
    assert await dead.settle(claim, complete()) == {claim.id}
    assert await living.settle_all([Ending(taken, retry(0)), Ending(held, complete())]) == frozenset()
    await store.close()


async def test_a_cancel_and_an_ending_that_meet_leave_a_final_job(url: str) -> None:
    store = open_store(url)
    hand = Hand(store, "w1")
    hand.beat()
    for number in range(30):
        await store.add([job(f"{number}", max_attempts=3)])
        claim = await hand.claim_one()
        cancelled, lost = await asyncio.gather(store.cancel([claim.id]), hand.settle(claim, retry(0)))
        assert (cancelled, lost) == ([claim.id], frozenset())
        assert (await seen(store, claim.id)).state is State.CANCELLED
    assert await hand.claim() == []
    await store.close()


async def test_adds_of_the_same_keys_in_opposite_orders_end_in_an_answer(server: Postgres, database: str) -> None:
    """P8: the one waits for the other's key and the other for the one's; the server ends one of them, nobody hears."""
    url = server.url(database)
    ask(url, f"ALTER DATABASE {database} SET deadlock_timeout = '20ms'")
    stores = [open_store(url) for _ in range(2)]
    keys = [f"u{number}" for number in range(40)]
    for turn in range(5):
        offers = [
            [job(f"{turn}-{number}-{key}", unique_key=f"{turn}-{key}") for key in order]
            for number, order in enumerate((keys, keys[::-1]))
        ]
        answers = await soon(asyncio.gather(*(store.add(new) for store, new in zip(stores, offers, strict=True))))
        assert sum(answer.new for each in answers for answer in each) == 40
        assert {answer.id for answer in answers[0]} == {answer.id for answer in answers[1]}
    for store in stores:
        await store.close()


SQL, KEY = Statements("treadle", None), "00000000-0000-7000-8000-000000000001"


def test_a_newcomer_for_whom_nobody_is_ever_found_standing_is_not_called_kept() -> None:
    """P1: an answer that names a job which is not there would lose it."""

    def execute(step: Step) -> Rows:
        return [(1, None, False, False)] if "standing" in step.statement else []

    with pytest.raises(StoreUnavailable, match="same unique keys"):
        take(verbs.add(SQL, [job("a", unique_key="u")]), execute)


def test_what_was_answered_before_a_race_was_lost_stays_answered() -> None:
    """P8: accepted + refused = offered, also where the same call goes through at the second try."""
    turns: list[Rows | Exception] = [
        [(KEY, None)], [(1, None, False, False)], asyncpg.DeadlockDetectedError("lost"), [],
        [(1, "holder", True, False)],
    ]  # fmt: skip

    def execute(step: Step) -> Rows:
        turn = turns.pop(0)
        if isinstance(turn, Exception):
            raise turn
        return turn

    answers: verbs.Answers = {}
    new = [job(KEY), job("b", unique_key="u")]
    with pytest.raises(asyncpg.DeadlockDetectedError):
        take(verbs.add(SQL, new, answers), execute)
    assert take(verbs.add(SQL, new, answers), execute) == [Added(KEY, True), Added("holder", False)]


async def test_an_add_that_waits_for_the_holder_of_its_key_takes_the_key_if_it_ends(url: str) -> None:
    store = open_store(url)
    hand = Hand(store, "w1")
    hand.beat()
    await store.add([job("first", unique_key="u")])
    claim = await hand.claim_one()
    with psycopg.connect(url) as other:
        # Somebody's transaction ends the holder and offers the key to a job of its own, which then is rolled back.
        enlisted = store.enlist(other)
        assert enlisted.complete(Ending(claim, complete()))
        assert enlisted.add([job("second", unique_key="u")]) == [Added("second", True)]
        adding = asyncio.create_task(store.add([job("third", unique_key="u")]))
        await waiting(url)
        other.commit()
        assert await soon(adding) == [Added("second", False)]
    await store.cancel(["second"])
    assert await store.add([job("fourth", unique_key="u")]) == [Added("fourth", True)]
    await store.close()
