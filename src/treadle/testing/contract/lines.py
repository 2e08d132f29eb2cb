"""What lining up promises: whoever may run is found, by whatever way it came to wait or others went."""

from collections.abc import Awaitable, Callable

import pytest

from treadle.core.flow.gates import Gate, Kind
from treadle.core.job import Ending, NewJob
from treadle.core.outcomes import complete, hand_back, hold, retry, snooze
from treadle.core.store import Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.hints import heard
from treadle.testing.contract.scene import LEASE, Hand, Hire, governed, ids, job, seen, several

ONE = Gate(Kind.CONCURRENCY, "greet:concurrency", "user_id=u1", 1)
FLEET = Gate(Kind.CONCURRENCY, "fleet", "", 1)
API = Gate(Kind.RATE, "api", "", 1, 60_000, 1)


class Ground:
    """Where somebody lines up."""

    def __init__(self, store: Store, clock: FakeClock, worker: Hand) -> None:
        self.store, self.clock, self.worker = store, clock, worker


async def _add(on: Ground) -> None:
    await on.store.add([governed("a", ONE)])


async def _promote(on: Ground) -> None:
    await on.store.add([governed("a", ONE, due_in=1_000)])
    assert await on.worker.claim(5) == []
    on.clock.forward(1_000)
    assert (await on.worker.sweep()).promoted == 1


async def _release(on: Ground) -> None:
    await on.store.add([governed("a", ONE, held="operator")])
    assert await on.worker.claim(5) == []
    assert await on.store.release("operator") == 1


async def _come_back(on: Ground) -> None:
    await on.store.add([governed("a", ONE, max_attempts=5)])
    await on.worker.finish(await on.worker.claim(1), hand_back())


async def _try_again(on: Ground) -> None:
    await on.store.add([governed("a", ONE, max_attempts=5)])
    await on.worker.finish(await on.worker.claim(1), retry(0))


async def _try_again_later(on: Ground) -> None:
    await on.store.add([governed("a", ONE, max_attempts=5)])
    await on.worker.finish(await on.worker.claim(1), snooze(1_000))
    assert await on.worker.claim(5) == []
    on.clock.forward(1_000)
    await on.worker.sweep()


async def _hold_and_release(on: Ground) -> None:
    await on.store.add([governed("a", ONE)])
    assert await on.store.hold(["a"], "operator") == ["a"]
    assert await on.worker.claim(5) == []
    assert await on.store.release("operator") == 1


async def _revive(on: Ground) -> None:
    await on.store.add([governed("a", ONE)])
    await on.worker.finish(await on.worker.claim(1), complete())
    assert await on.store.revive(["a"]) == ["a"]


async def _move_here(on: Ground) -> None:
    await on.store.add([governed("a", ONE, queue="other")])
    assert await on.worker.claim(5) == []
    assert await on.store.alter(["a"], queue="default") == ["a"]


async def _restore(on: Ground) -> None:
    await on.store.add([governed("a", ONE)])
    dumped = (await on.store.dump(None, 5)).items
    await on.store.hold(["a"], "moving")
    await on.store.delete(["a"])
    assert await on.worker.claim(5) == []
    assert await on.store.restore(dumped) == ["a"]


async def _replace(on: Ground) -> None:
    await on.store.add([governed("a", FLEET, unique_key="u")])
    await on.store.add([governed("b", ONE, unique_key="u", on_conflict="replace")])


async def _reschedule(on: Ground) -> None:
    await on.store.add([governed("a", ONE, unique_key="u", due_in=9_000)])
    assert await on.worker.claim(5) == []
    await on.store.add([governed("b", ONE, unique_key="u", on_conflict="reschedule")])


WAYS: dict[str, Callable[[Ground], Awaitable[None]]] = {
    "add": _add, "promote": _promote, "release": _release, "come back": _come_back, "try again": _try_again,
    "try again later": _try_again_later, "hold and release": _hold_and_release, "revive": _revive,
    "move here": _move_here, "restore": _restore, "replace": _replace, "reschedule": _reschedule,
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
async def test_whoever_is_queued_in_a_lane_is_found(store: Store, clock: FakeClock, hire: Hire, way: str) -> None:
    ground = Ground(store, clock, hire("w1"))
    await WAYS[way](ground)
    assert [line.jobs[0].id for turn in (await store.survey("default", 5)).line.turns for line in turn.rows] == ["a"]
    claim = await ground.worker.claim_one()
    assert claim.id == "a"
    await store.add([governed("next", ONE)])
    assert await ground.worker.claim(5) == []
    await ground.worker.finish([claim])
    assert ids(await ground.worker.claim(5)) == ["next"]


#: Ways of one who has not held the place himself.
OF_STRANGERS = [way for way in WAYS if way not in ("come back", "try again", "try again later", "revive")]


@pytest.mark.parametrize("way", OF_STRANGERS)
async def test_whoever_is_queued_in_a_lane_whose_gate_is_full_is_found_later(
    store: Store, clock: FakeClock, hire: Hire, way: str
) -> None:
    ground = Ground(store, clock, hire("w1"))
    await store.add([governed("busy", FLEET, ONE)])
    busy = await ground.worker.claim_one()
    await store.add([governed("first", ONE, due_in=5_000)])
    await WAYS[way](ground)
    assert await ground.worker.claim(5) == []
    await ground.worker.finish([busy])
    assert ids(await ground.worker.claim(5)) == ["a"]


@pytest.mark.parametrize("way", ["cancel", "hold", "expire", "move", "reschedule", "replace", "delete"])
async def test_whoever_leaves_a_lane_while_it_waits_lets_the_next_be_asked(
    store: Store, clock: FakeClock, hire: Hire, way: str
) -> None:
    """The first of the lane waits for more of the budget than is left; the next does not."""
    daily = Gate(Kind.BUDGET, "tokens", "", 10, 86_400_000)
    first = governed("a", daily, costs="[50]", expires_in=1_000, unique_key="u")
    await store.add([first, governed("b", daily, costs="[5]")])
    worker = hire("w1")
    assert await worker.claim(5) == []
    if way == "expire":
        clock.forward(1_000)
        assert (await worker.sweep()).expired == 1
    elif way in ("reschedule", "replace"):
        lane = governed("x", FLEET, ONE).lane
        newcomer = first._replace(id="n", lane=lane, costs=None, due_in=60_000, on_conflict=way)
        assert (await store.add([newcomer]))[0].changed
    elif way == "move":
        assert await store.alter(["a"], queue="other") == ["a"]
    else:
        verb = store.cancel(["a"]) if way == "cancel" else store.hold(["a"], "operator")
        assert await verb == ["a"]
    if way == "delete":
        assert await store.delete(["a"]) == ["a"]
    assert "b" in ids(await worker.claim(5))


async def test_who_is_better_than_the_first_of_a_lane_that_is_shut_is_asked(store: Store, hire: Hire) -> None:
    daily = Gate(Kind.BUDGET, "tokens", "", 10, 86_400_000)
    await store.add([governed("a", daily, costs="[50]"), governed("b", daily, costs="[1]")])
    worker = hire("w1")
    assert await worker.claim(5) == []
    await store.add([governed("c", daily, costs="[2]", priority=1)])
    assert ids(await worker.claim(5)) == ["c"]
    assert await store.alter(["b"], priority=1) == ["b"]
    assert ids(await worker.claim(5)) == ["b"]


async def test_who_is_worse_than_the_first_of_its_lane_waits_behind_it(store: Store, hire: Hire) -> None:
    """P17."""
    await store.add(several("ab", ONE, priority=3))
    worker = hire("w1")
    claim = await worker.claim_one()
    await store.add([governed("c", ONE, priority=2), governed("d", ONE, priority=4), governed("e", ONE)])
    assert await worker.claim(5) == []
    await worker.finish([claim])
    assert await worker.drain() == ["d", "b", "c", "e"]


async def test_many_who_line_up_in_one_call_are_all_found(store: Store, hire: Hire) -> None:
    made: list[NewJob] = [
        governed(f"{number:03}", ONE._replace(key=f"user_id=u{number % 37}"), tenant=f"t{number % 5}")
        for number in range(300)
    ]
    await store.add(made)
    assert sorted(await hire("w1").drain(50)) == [each.id for each in made]


async def test_a_lane_opens_when_its_instant_has_come_whoever_asks_first(
    store: Store, clock: FakeClock, hire: Hire
) -> None:
    await store.add([governed(f"{number:03}", API._replace(key=f"k{number % 40}")) for number in range(80)])
    worker = hire("w1")
    assert ids(await worker.claim(100)) == [f"{number:03}" for number in range(40)]
    assert (await worker.look(100)).opens_in == 60_000
    clock.forward(60_000)
    worker.beat()
    assert ids(await worker.claim(100)) == [f"{number:03}" for number in range(40, 80)]


@pytest.mark.parametrize("outcome", [complete(), retry(60_000), hold("operator")])
async def test_whoever_waits_is_told_that_a_place_is_free(store: Store, hire: Hire, outcome: object) -> None:
    await store.add(several("ab", ONE, max_attempts=3))
    worker = hire("w1")
    claim = await worker.claim_one()
    assert await worker.claim(5) == []
    await heard(store, lambda: worker.settle(claim, outcome))  # type: ignore[arg-type]  # parametrize knows no types
    assert ids(await worker.claim(5)) == ["b"]


async def test_who_stands_for_a_newcomer_is_told_beside_one_who_lines_up(store: Store) -> None:
    """P8: what lining up writes is not counted for a job."""
    await store.add([job("a"), job("u", unique_key="u")])
    for number in range(1, 6):
        lining = [governed(f"{number}-{each}", ONE._replace(key=f"k{number}-{each}")) for each in range(3)]
        offered = [job("a"), *lining[: number % 3 + 1], job(f"n{number}", unique_key="u"), *[job("a")] * (number % 4)]
        answers = await store.add(offered)
        assert [added.new for added in answers] == [new in lining for new in offered]


async def test_what_is_lost_is_named_beside_those_who_give_up_a_key(store: Store, clock: FakeClock, hire: Hire) -> None:
    """P6: what an ending writes beside its job is not counted for another."""
    await store.add([governed("lost", ONE, unique_key="u0"), *[job(f"{n}", unique_key=f"u{n}") for n in range(1, 4)]])
    (lost,) = [claim for claim in await hire("w1").claim(4) if claim.id == "lost"]
    clock.forward(LEASE)
    worker = hire("w2")
    taken = {claim.id: claim for claim in (await worker.sweep()).taken}
    ended = [Ending(claim, complete()) for claim in (lost, taken["1"])]
    assert await worker.settle_all(ended) == {"lost"}
    await store.add([governed("next", ONE)])
    assert await worker.claim(5) == []
    ended = [Ending(claim, complete()) for claim in (lost, taken["2"], taken["3"], lost)]
    assert await worker.settle_all(ended) == {"lost"}
    assert await worker.claim(5) == []
    await worker.finish([taken["lost"]])
    assert ids(await worker.claim(5)) == ["next"]


async def test_a_plain_job_is_as_it_always_was(store: Store, hire: Hire) -> None:
    await store.add([job("a"), governed("b", ONE), job("c")])
    worker = hire("w1")
    claims = await worker.claim(5)
    assert [(claim.id, claim.lane, claim.costs) for claim in claims if claim.id != "b"] == [
        ("a", None, None), ("c", None, None),
    ]  # fmt: skip
    assert ((await seen(store, "a")).lane, (await seen(store, "a")).costs) == (None, None)
