"""Many who claim from the same lanes at once: no gate lets too many in, none stays shut while somebody waits."""

import asyncio
import random
from collections import Counter
from functools import partial

import asyncpg
import psycopg
import pytest

from tests.stores.postgres.scene import ask, locking, soon
from treadle.core.flow.gates import Gate, Kind
from treadle.core.flow.lanes import write_lane
from treadle.core.flow.steering import Steer
from treadle.core.job import Claim, Ending, Filter, NewJob
from treadle.core.outcomes import complete, hand_back, retry
from treadle.core.states import State
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.stores.postgres.flow import claiming
from treadle.stores.postgres.flow.memory import Memory
from treadle.stores.postgres.lines import fetch
from treadle.stores.postgres.lookout import START
from treadle.stores.postgres.statements import Statements
from treadle.stores.steps import atake
from treadle.testing.contract.scene import Hand, ids, job, seen

pytestmark = pytest.mark.server

ALL = Gate(Kind.CONCURRENCY, "all", "", 5)


def keyed(id: str, key: int, *gates: Gate, tenant: str | None = None) -> NewJob:
    """Make a job of which one at a time may run for its key."""
    one = Gate(Kind.CONCURRENCY, "one", f"user_id=u{key}", 1)
    return job(id, lane=write_lane("greet", tenant, [*gates, one]), tenant=tenant, max_attempts=5)


class Watch:
    """Who runs, as the workers know it."""

    def __init__(self) -> None:
        self.running: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    def start(self, claims: list[Claim]) -> None:
        for claim in claims:
            for name in names(claim):
                self.running[name] += 1
                self.most[name] = max(self.most[name], self.running[name])

    def end(self, claims: list[Claim]) -> None:
        for claim in claims:
            self.running.subtract(names(claim))


def names(claim: Claim) -> list[str]:
    return [name for name in ("all", "u0", "u1", "u2") if name in str(claim.lane)]


@pytest.mark.slow
async def test_no_gate_lets_too_many_in_and_all_that_waits_is_run(url: str) -> None:
    """P17."""
    chance, watch = random.Random(7), Watch()
    stores = [open_store(url) for _ in range(3)]
    hands = [Hand(store, f"w{number}") for number, store in enumerate(stores)]
    for hand in hands:
        await asyncio.to_thread(hand.beat, lease=3_600_000)
    done = set[str]()

    async def add(store: Store, name: str) -> None:
        for turn in range(20):
            gates = [ALL] if turn % 2 else []
            new = [keyed(f"{name}-{turn}-{n}", n % 3, *gates, tenant=f"t{n % 2}") for n in range(5)]
            if turn % 5 == 0:
                with psycopg.connect(url) as connection:
                    await asyncio.to_thread(store.enlist(connection).add, new)
            else:
                await store.add(new)

    async def work(hand: Hand) -> None:
        while len(done) < 300:
            claims = await hand.claim(chance.randint(1, 8))
            watch.start(claims)
            await asyncio.sleep(0)
            watch.end(claims)
            outcomes = [chance.choice([complete(), complete(), retry(0), hand_back()]) for _ in claims]
            ended = [Ending(*each) for each in zip(claims, outcomes, strict=True)]
            await hand.settle_all(ended)
            done.update(each.claim.id for each in ended if each.outcome.state.final or each.claim.attempt == 5)

    await soon(asyncio.gather(*(add(store, f"a{n}") for n, store in enumerate(stores)), *map(work, hands)))
    assert await stores[0].count(Filter()) == {("default", State.COMPLETED): 300}
    assert watch.most["all"] <= 5
    assert max(watch.most[f"u{key}"] for key in range(3)) == 1
    standings = (await stores[0].survey("default", 10)).standings
    assert [standing.used for standing in standings.values()] == [0] * len(standings)
    assert ask(url, "SELECT count(*) FROM treadle.standing WHERE used <> 0") == [0]
    for store in stores:
        await store.close()


async def test_a_user_whose_transaction_stays_open_holds_up_no_claim(url: str) -> None:
    store = open_store(url)
    hand = Hand(store, "w1")
    hand.beat()
    await store.add([keyed("a", 1), keyed("b", 2)])
    with psycopg.connect(url) as connection:
        store.enlist(connection).add([keyed("c", 1), keyed("d", 3)])
        assert ids(await soon(hand.claim(5))) == ["a", "b"]
        (claim, *_) = await store.claims("w1")
        assert await soon(hand.settle(claim, complete())) == frozenset()
        assert await soon(hand.claim(5)) == []
        connection.commit()
    assert ids(await hand.claim(5)) == ["c", "d"]
    await store.close()


async def test_an_attempt_that_is_completed_in_a_users_transaction_leaves_its_gates_with_the_commit(url: str) -> None:
    store = open_store(url)
    hand = Hand(store, "w1")
    hand.beat()
    await store.add([keyed("a", 1), keyed("b", 1)])
    claim = await hand.claim_one()
    with psycopg.connect(url) as connection:
        assert store.enlist(connection).complete(Ending(claim, complete()))
        assert await soon(hand.claim(5)) == []
        connection.commit()
    assert ids(await hand.claim(5)) == ["b"]
    await store.close()


async def test_a_job_that_somebody_changes_at_the_moment_is_passed_by_and_takes_no_place(url: str) -> None:
    store = open_store(url)
    hand = Hand(store, "w1")
    hand.beat()
    await store.add([keyed("a", 1, ALL), keyed("b", 2, ALL)])
    with locking(url, "a"):
        assert ids(await soon(hand.claim(5))) == ["b"]
        assert ask(url, "SELECT used FROM treadle.standing WHERE name = 'all'") == [1]
    assert ids(await hand.claim(5)) == ["a"]
    await store.close()


async def test_the_holder_of_an_order_that_ends_while_it_waits_lets_the_next_go(url: str) -> None:
    store = open_store(url)
    hand = Hand(store, "w1")
    hand.beat()
    lane = write_lane("greet", None, [Gate(Kind.ORDER, "order", "user_id=u1", 1)])
    await store.add([job(id, lane=lane, max_attempts=3) for id in ("a", "b")])
    await hand.settle(await hand.claim_one(), retry(60_000))
    assert await hand.claim(5) == []
    assert await store.cancel(["a"]) == ["a"]
    assert ids(await hand.claim(5)) == ["b"]
    await store.close()


async def test_the_sweep_reads_the_word_of_queues_that_nobody_serves(url: str) -> None:
    store = open_store(url)
    hand = Hand(store, "w1")
    hand.beat()
    await store.add([keyed("a", 1)._replace(queue="other")])
    assert ask(url, "SELECT count(*) FROM treadle.arrival") == [1]
    await hand.sweep()
    assert ask(url, "SELECT count(*) FROM treadle.arrival") == [0]
    assert ids(await hand.claim(5, ["other"])) == ["a"]
    await store.close()


async def test_names_that_are_longer_than_an_index_takes_are_lanes_and_gates_as_others_are(url: str) -> None:
    store = open_store(url)
    hand = Hand(store, "w1")
    hand.beat()
    gate = Gate(Kind.CONCURRENCY, "one", "k=" + "".join(random.Random(1).choices("abcdefghijk漢\\", k=4_000)), 1)
    lane = write_lane("greet", None, [gate])
    await store.add([job(id, lane=lane) for id in ("a", "b")])
    claim = await hand.claim_one()
    assert await hand.claim(5) == []
    await hand.settle(claim, complete())
    assert ids(await hand.claim(5)) == ["b"]
    await store.close()


async def test_what_runs_under_a_cap_is_counted_anew_by_the_sweep(url: str) -> None:
    store = open_store(url)
    hand = Hand(store, "w1")
    hand.beat()
    await store.add([job(f"{number}") for number in range(4)])
    claims = await hand.claim(2)
    await store.steer("queue=default", Steer(limit=2))
    assert await hand.claim(5) == []
    ask(url, "UPDATE treadle.standing SET used = 0 WHERE name = 'queue=default'")
    await hand.sweep()
    assert await hand.claim(5) == []
    await hand.settle_all([Ending(claim, complete()) for claim in claims])
    assert len(await hand.claim(5)) == 2
    assert (await seen(store, "0")).state is State.COMPLETED
    await store.close()


async def test_a_worker_that_held_the_lock_last_believes_others_who_came_between(url: str) -> None:
    stores = [open_store(url) for _ in range(2)]
    hands = [Hand(store, f"w{number}") for number, store in enumerate(stores)]
    for hand in hands:
        await asyncio.to_thread(hand.beat)
    await stores[0].add([keyed("a", 1), keyed("b", 2), keyed("c", 3)])
    (first,) = await hands[0].claim(1)
    assert ids(await hands[1].claim(5)) == ["b", "c"]
    await stores[0].add([keyed(f"{key}-next", key) for key in (1, 2, 3)])
    await hands[0].settle(first, complete())
    assert ids(await hands[0].claim(5)) == ["1-next"]
    for store in stores:
        await store.close()


async def test_what_was_taken_back_is_not_remembered(url: str) -> None:
    store = open_store(url)
    hand = Hand(store, "w1")
    hand.beat()
    await store.add([keyed("a", 1), keyed("b", 1)])
    memory, sql = Memory(), Statements("treadle", None)
    connection = await asyncpg.connect(url)

    async def claim() -> list[str]:
        steps = claiming.cycle(sql, "w1", [], ["default"], [START], 5, memory=memory)
        return ids((await atake(steps, partial(fetch, connection))).cycle.claims)

    transaction = connection.transaction()
    await transaction.start()
    assert await claim() == ["a"]
    await transaction.rollback()
    async with connection.transaction():
        assert await claim() == ["a"], "its place is free again, whatever this process knows"
    async with connection.transaction():
        assert await claim() == []
    await connection.close()
    await store.close()
