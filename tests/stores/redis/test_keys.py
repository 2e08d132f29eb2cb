"""What is in the keyspace: one hash tag in every key, nothing of who is gone, nothing that grows for ever."""

import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from redis import Redis

from tests.servers.valkey import Valkey
from treadle.core.flow.gates import Gate, Kind, Park
from treadle.core.job import Ending, Filter, NewJob, Progress, Report, WorkerInfo
from treadle.core.outcomes import cancel, complete, give_up, hold, retry, snooze
from treadle.core.states import FINAL, State
from treadle.core.store import OF_JOB, Store
from treadle.stores import open_store
from treadle.testing import FakeClock
from treadle.testing.contract.adding import STRANGE
from treadle.testing.contract.scene import LEASE, Hire, governed, hire, job, jobs, prune, seen

pytestmark = pytest.mark.server

__all__ = ["hire"]

#: What stays of a store in which no job is left.
LASTING = {"{treadle}:schema", "{treadle}:seq", "{treadle}:workers", "{treadle}:crew"}

#: What stays besides where jobs took turns: how far they were.
TURNS = {"{treadle}:clocks", "{treadle}:paid:default"}

GATES = (
    Gate(Kind.CONCURRENCY, "fleet", "", 3), Gate(Kind.ORDER, "order", "user=1", 1),
    Gate(Kind.RATE, "api", "", 9, 1_000, 2), Gate(Kind.BUDGET, "tokens", "", 50, 10_000),
)  # fmt: skip


@pytest.fixture
async def store(server: Valkey, clock: FakeClock) -> AsyncIterator[Store]:
    store = open_store(server.url(), clock)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def client(server: Valkey) -> Iterator["Redis"]:
    with server.client() as client:
        yield client


def keys(client: "Redis") -> set[str]:
    found: list[Any] = client.keys("*")
    return {str(key) for key in found}


async def _live(store: Store, clock: FakeClock, hire: Hire, number: int) -> None:
    """Let jobs live by chance, with all that can belong to one, until each is final."""
    chance = random.Random(number)
    new = [
        NewJob(
            f"{number}-{each}", chance.choice(["greet", "sum"]), chance.choice(["q1", "q2"]), "{}",
            priority=chance.choice([0, 5]), max_attempts=3, owner=chance.choice([None, "ada", STRANGE]),
            tenant=chance.choice([None, "acme"]), batch=chance.choice([None, "b"]),
            result_ttl=chance.choice([None, 9, 10**12]), unique_key=chance.choice([None, f"{number}-{each}"]),
            due_in=chance.choice([None, 50]),
            expires_in=chance.choice([None, 30, 10**6]), held=chance.choice([None, None, "operator"]),
        )
        for each in range(60)
    ]  # fmt: skip
    await store.add(new)
    worker = hire("w")
    for _ in range(12):
        clock.forward(10)
        worker.beat()
        await worker.sweep()
        await store.release("operator")
        claims = await worker.claim(20, ["q1", "q2"])
        ends = [complete('"x"'), complete(), give_up("error", "boom"), cancel(), retry(5), snooze(0), hold("operator")]
        worker.beat(*(Report(claim, Progress(1, 3), '[{"n":1}]') for claim in claims[::3]))
        await worker.settle_all([Ending(c, chance.choice(ends), Progress(2), '[{"n":2}]') for c in claims])
        for each in new[::7]:
            await store.write(OF_JOB + each.id, "step", "1")
        await store.revive([each.id for each in chance.sample(new, 3)])
        await store.hold([each.id for each in chance.sample(new, 3)], "operator")
    await store.cancel([each.id for each in new])
    assert all(state.final for _, state in await store.count(Filter()))


@pytest.mark.parametrize("way", ["prune", "delete"])
async def test_nothing_is_left_of_jobs_that_are_gone(
    store: Store, client: "Redis", clock: FakeClock, hire: Hire, way: str
) -> None:
    """P16."""
    for number in range(5):
        await _live(store, clock, hire, number)
    assert len(keys(client)) > 500
    if way == "prune":
        while await prune(store, dict.fromkeys(FINAL, 0), 37):
            pass
    else:
        there = [found.id for found in (await store.dump(None, 1_000)).items]
        random.Random(1).shuffle(there)
        for start in range(0, len(there), 7):
            await store.delete(there[start : start + 7])
    assert keys(client) <= LASTING
    assert await store.count(Filter()) == {}


async def test_nothing_is_left_of_lanes_in_which_nobody_waits(
    store: Store, client: "Redis", clock: FakeClock, hire: Hire
) -> None:
    """P16: nor of gates that are at rest, and of unique keys whose time is over."""
    chance, worker = random.Random(1), hire("w")
    for number in range(120):
        gates = chance.sample(GATES, chance.randrange(4))
        wishes: dict[str, Any] = {
            "unique_key": f"{number}",
            "unique_for": 5_000,
            "unique_until": chance.choice(["final", "started"]),
        }
        wishes |= {"tenant": chance.choice([None, "acme"]), "due_in": chance.choice([None, 900])}
        await store.add([governed(f"{number}", *gates, **wishes)])
    for _ in range(60):
        claims = await worker.claim(9)
        outcomes = [
            complete(),
            retry(0),
            retry(500),
            hold("operator"),
            snooze(100)._replace(park=Park(700, 9_000, 800)),
        ]
        await worker.settle_all([Ending(claim, chance.choice(outcomes)) for claim in claims])
        clock.forward(200)
        worker.beat()
        await worker.sweep()
    await store.cancel([f"{number}" for number in range(120)])
    while await prune(store, dict.fromkeys(FINAL, 0), 50):
        pass
    clock.forward(60_000)
    await worker.sweep()
    assert keys(client) <= LASTING | TURNS
    assert len(keys(client) & TURNS) == 2


async def test_a_job_that_gets_another_tenant_stands_in_its_place_among_the_others(store: Store) -> None:
    tenants = ["acme", "umbrella"]
    new = [job(f"{number:03}", tenant=tenants[number % 2], unique_key=f"{number}") for number in range(250)]
    await store.add(new[:120])
    await store.add(new[120:])
    moved = [9, 10, 118, 119, 120, 249]
    newcomers = [job(f"x{n}", tenant=tenants[not n % 2], unique_key=f"{n}", on_conflict="replace") for n in moved]
    await store.add(newcomers)
    for tenant in tenants:
        expected = [each.id for n, each in enumerate(new) if tenants[(n % 2) ^ (n in moved)] == tenant]
        found, cursor = list[str](), None
        while True:
            page = await store.find(Filter(tenant=tenant), 20, cursor)
            found += [each.id for each in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert found == expected[::-1]


async def test_every_key_has_the_one_tag_and_the_prefix(server: Valkey, client: "Redis", clock: FakeClock) -> None:
    store = open_store(f"{server.url()}&prefix=my.shop-1", clock)
    names = ("id", "task", "queue", "owner", "tenant", "batch", "unique_key", "held")
    await store.add([job(**dict.fromkeys(names, STRANGE)), job("}a{b}", queue="}", expires_in=1_000)])
    await store.write("{kind}", "key", "value")
    store.heart(WorkerInfo("{w}")).beat(LEASE)
    await store.cycle("{w}", [], ["}"], 1)
    assert [key for key in keys(client) if not key.startswith("{my.shop-1}:")] == []
    await store.close()


async def test_two_prefixes_in_one_database_do_not_see_each_other(server: Valkey, clock: FakeClock) -> None:
    one, other = (open_store(f"{server.url()}&prefix={name}", clock) for name in ("one", "one.more"))
    assert [added.new for store in (one, other) for added in await store.add([job("a", unique_key="u")])] == [
        True,
        True,
    ]
    await one.cancel(["a"])
    assert (await seen(other, "a")).state is State.QUEUED
    assert [sum((await store.count(Filter())).values()) for store in (one, other)] == [1, 1]
    await one.close()
    await other.close()


async def test_what_is_remembered_of_a_job_is_bounded(store: Store, client: "Redis", hire: Hire) -> None:
    await store.add([job("a")])
    worker = hire("w")
    for number in range(150):
        await worker.settle(await worker.claim_one(), snooze(0), Progress(number), f'[{{"n":{number}}}]')
    found = await seen(store, "a")
    assert len(found.attempts) == len(found.log) == 100
    assert (found.attempts[-1].epoch, dict(found.log[-1])) == (150, {"n": 149})
    assert client.llen("{treadle}:tries:a") == client.llen("{treadle}:log:a") == 100


async def test_results_whose_time_is_over_take_no_room(
    store: Store, client: "Redis", clock: FakeClock, hire: Hire
) -> None:
    worker = hire("w")
    await store.add(jobs(130, result_ttl=1_000))
    claims = await worker.claim(130)
    await worker.settle_all([Ending(claim, complete(f'"{"x" * 5_000}"')) for claim in claims])
    dumped = (await store.dump(None, 1_000)).items
    await store.delete([found.id for found in dumped])
    await store.restore(dumped)
    assert results(client) == 130
    clock.forward(1_000)
    worker.beat()
    await worker.sweep(limit=70)
    assert results(client) == 60
    await worker.sweep(limit=70)
    assert not client.exists("{treadle}:results")
    assert results(client) == 0
    assert (await seen(store, "0007")).result_until == clock()


def results(client: "Redis") -> int:
    """Count jobs that hold a large result."""
    return sum(client.strlen(f"{{treadle}}:life:{each.id}") > 5_000 for each in jobs(130))


async def test_a_worker_that_is_gone_leaves_nothing(
    store: Store, client: "Redis", clock: FakeClock, hire: Hire
) -> None:
    await store.add(jobs(3))
    await hire("gone").claim(3)
    clock.forward(LEASE)
    worker = hire("w")
    taken = (await worker.sweep()).taken
    await worker.settle_all([Ending(claim, give_up("crashed")) for claim in taken])
    assert client.zrange("{treadle}:workers", 0, -1) == client.hkeys("{treadle}:crew") == ["w"]
    assert not [key for key in keys(client) if ":run:" in key]


async def test_counts_of_empty_queues_are_forgotten(store: Store, client: "Redis") -> None:
    await store.add([job(f"{number}", queue=f"q{number}") for number in range(50)])
    await store.cancel([f"{number}" for number in range(50)])
    await store.delete([f"{number}" for number in range(50)])
    assert not client.exists("{treadle}:counts")


async def test_a_page_of_an_index_loses_exactly_those_that_are_gone(store: Store) -> None:
    await store.add(jobs(250, owner="ada"))
    gone = [each.id for each in jobs(250) if int(each.id) % 3]
    await store.cancel(gone)
    await store.delete(gone)
    await store.add([job(gone[0], owner="ada")])
    left = [*(each.id for each in jobs(250) if int(each.id) % 3 == 0), gone[0]]
    for filter in (Filter(), Filter(owner="ada")):
        found, cursor = list[str](), None
        while True:
            page = await store.find(filter, 40, cursor)
            found += [each.id for each in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert found == left[::-1]


@pytest.mark.parametrize("number", [999, 1_000, 2_001, 4_500])
async def test_any_number_of_jobs_is_one_call(store: Store, hire: Hire, number: int) -> None:
    """Lua's stack takes some thousand values."""
    assert sum(added.new for added in await store.add(jobs(number))) == number
    assert sum(added.new for added in await store.add(jobs(number))) == 0
    worker = hire("w")
    claims = await worker.claim(number)
    assert [claim.id for claim in claims] == [each.id for each in jobs(number)]
    assert len(worker.beat()) == number
    assert await worker.settle_all([Ending(claim, complete()) for claim in claims]) == frozenset()
    assert await store.count(Filter()) == {("default", State.COMPLETED): number}


@pytest.mark.parametrize("tenant", [None, "acme"])
async def test_a_queue_that_is_named_twice_is_served_once(store: Store, hire: Hire, tenant: str | None) -> None:
    await store.add([governed(f"{number:04}", tenant=tenant) for number in range(9)])
    worker = hire("w")
    first = await worker.claim(4, ["default", "default"])
    assert [claim.id for claim in first + await worker.claim(9, ["other", "default", "default"])] == [
        each.id for each in jobs(9)
    ]


async def test_a_filter_that_fits_few_finds_them_among_many(store: Store, hire: Hire) -> None:
    await store.add(jobs(1_200))
    await hire("w").claim(700)
    await store.add([job("rare", task="rare"), *jobs(1_900, queue="late")[1_200:]])
    for filter in (Filter(tasks=("rare",)), Filter(tasks=("rare",), states=(State.QUEUED,))):
        page = await store.find(filter, 5)
        assert ([found.id for found in page.items], page.next_cursor) == (["rare"], None)
    assert sum((await store.count(Filter(tasks=("greet",)))).values()) == 1_900


async def test_one_sweep_does_as_much_as_it_may(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([*jobs(400, due_in=1_000), *jobs(900, expires_in=1_000)[400:]])
    clock.forward(1_000)
    worker = hire("w")
    first, second, third = [await worker.sweep(limit=350) for _ in range(3)]
    assert [(each.promoted, each.expired, each.next_due) for each in (first, second, third)] == [
        (350, 350, 0), (50, 150, None), (0, 0, None),
    ]  # fmt: skip


async def test_the_operator_s_verbs_take_any_number(store: Store) -> None:
    await store.add(jobs(700))
    ids = [each.id for each in jobs(700)]
    assert await store.hold(ids, "moving") == ids
    assert await store.release("moving") == 700
    assert await store.cancel([*ids, *ids]) == ids
    assert await store.revive(ids) == ids
    assert await store.cancel(ids) == ids
    assert len(await prune(store, {State.CANCELLED: -1}, 450)) == 450
    assert len(await store.delete(ids)) == 250
