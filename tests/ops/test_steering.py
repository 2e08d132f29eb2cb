"""Pausing, scaling and draining on every store."""

import pytest

from treadle import ConfigError, Treadle
from treadle.core.flow.gates import Gate, Kind
from treadle.core.flow.lanes import write_lane
from treadle.core.flow.steering import Steer
from treadle.core.outcomes import complete
from treadle.core.store import Store
from treadle.ops.steering import drain, list_limits, list_queues, list_targets, running_of
from treadle.steering import steered
from treadle.testing.contract.scene import Hire, job, states

PER_USER = Gate(Kind.CONCURRENCY, "greet:concurrency", "user_id=u1", 5)


async def test_an_application_pauses_and_resumes(store: Store, hire: Hire) -> None:
    app, hand = Treadle(store), hire("w1")
    await store.add([job("a")])
    await app.apause(queue="default")
    assert await hand.claim() == []
    await app.aresume(queue="default")
    assert [claim.id for claim in await hand.claim()] == ["a"]


@pytest.mark.parametrize(
    ("named", "target"),
    [
        ({"task": "greet"}, "task=greet"),
        ({"tenant": "acme"}, "tenant=acme"),
        ({"key": "user_id=u1"}, "key=user_id=u1"),
        ({"limit": "greet:concurrency"}, "greet:concurrency"),
    ],
)
async def test_what_is_paused_starts_nothing(named: dict[str, str], target: str, store: Store, hire: Hire) -> None:
    app, hand = Treadle(store), hire("w1")
    await store.add([job("a", tenant="acme", lane=write_lane("greet", "acme", [PER_USER]))])
    await app.apause(**named)
    assert (await steered(store, target)).paused
    assert await hand.claim() == []
    told = await app.job("a").aexplain()
    assert (told.runnable, target in {verdict.name for verdict in told.failing}) == (False, True)
    await app.aresume(**named)
    assert [claim.id for claim in await hand.claim()] == ["a"]


async def test_one_wish_leaves_the_others_as_they_are(store: Store) -> None:
    app = Treadle(store)
    await store.steer("tenant=acme", Steer(declared=(1, 2, 3)))
    await app.aweigh(3, tenant="acme")
    await app.ascale(5, tenant="acme")
    await app.apause(tenant="acme")
    assert await steered(store, "tenant=acme") == Steer(True, 5, 3, (1, 2, 3))
    await app.ascale(None, tenant="acme")
    assert await steered(store, "tenant=acme") == Steer(True, None, 3, (1, 2, 3))


async def test_a_wish_that_cannot_be_is_refused(store: Store) -> None:
    app = Treadle(store)
    for number in (0, -1, 1_000_001, True, 1.5, "5"):
        with pytest.raises(ConfigError, match="must lie between 1 and 1,000,000"):
            await app.ascale(number, queue="mail")  # type: ignore[arg-type]  # that is the point
    with pytest.raises(ConfigError, match="must lie between 1 and 1,000"):
        await app.aweigh(0, tenant="acme")
    with pytest.raises(ConfigError, match="Name one thing to steer"):
        await app.apause()
    assert await list_limits(store) == []


async def test_a_drain_waits_until_nothing_runs_any_more(store: Store, hire: Hire) -> None:
    hand = hire("w1")
    await store.add([job("a"), job("b"), job("c")])
    claims, told = await hand.claim(2), list[int]()

    async def let_one_end(seconds: float) -> None:
        await hand.settle(claims.pop(), complete())

    await drain(store, "queue=default", told.append, let_one_end)
    assert told == [2, 1, 0]
    assert await hand.claim() == []
    assert await states(store, "a", "b", "c") == ["completed", "completed", "queued"]


async def test_what_runs_is_counted_by_any_target(store: Store, hire: Hire) -> None:
    hand = hire("w1")
    await store.add([job("a", tenant="acme", lane=write_lane("greet", "acme", [PER_USER])), job("b")])
    assert len(await hand.claim(2)) == 2
    numbers = {"queue=default": 2, "task=greet": 2, "tenant=acme": 1, "key=user_id=u1": 1, PER_USER.name: 1}
    assert {target: await running_of(store, target) for target in numbers} == numbers
    assert await running_of(store, "key=user_id=u2") == 0


async def test_listings_tell_what_is_steered_and_known(store: Store, hire: Hire) -> None:
    hire("w1")
    await store.add([job("a", tenant="acme", queue="mail")])
    await store.steer("tenant=acme", Steer(weight=3))
    await store.steer("openai:rate", Steer(declared=(60, 60_000, 1)))
    await store.steer("queue=mail:concurrency", Steer(declared=(2, 0, 0)))
    assert [(each.name, each.workers) for each in await list_queues(store)] == [("default", 1), ("mail", 0)]
    assert [each[:3] for each in await list_targets(store, "tenant")] == [("acme", Steer(weight=3), 1)]
    assert [each.name for each in await list_limits(store)] == ["openai:rate", "queue=mail:concurrency"]
