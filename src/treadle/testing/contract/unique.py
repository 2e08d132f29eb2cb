"""What a unique key promises: one who holds it, for as long as it was said, and what a newcomer may change of him."""

import asyncio
from typing import Any

import pytest

from treadle.core.flow.gates import Gate, Kind
from treadle.core.flow.lanes import write_lane
from treadle.core.job import Added, Filter, NewJob
from treadle.core.outcomes import Outcome, cancel, complete, give_up, hand_back, hold, retry, snooze
from treadle.core.states import State
from treadle.core.store import Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.scene import LEASE, Hire, ids, job, jobs, seen, states

MINUTE = 60_000
DAY = 86_400_000
FORMS: list[dict[str, Any]] = [
    {},
    {"unique_until": "started"},
    {"unique_for": MINUTE},
    {"unique_until": "started", "unique_for": MINUTE},
    {"on_conflict": "replace"},
    {"on_conflict": "reschedule", "due_in": MINUTE},
]
WAITS: dict[str, dict[str, Any]] = {"queued": {}, "scheduled": {"due_in": DAY}, "held": {"held": "operator"}}
BOTH = pytest.mark.parametrize("verb", ["replace", "reschedule"])


def unique(id: str, **wishes: Any) -> NewJob:
    return job(id, **{"unique_key": "u", **wishes})


async def is_free(store: Store, id: str = "newcomer") -> bool:
    """Ask for the key; whoever gets it is gone again at once."""
    (added,) = await store.add([unique(id, held="asked")])
    if added.new:
        await store.delete([id])
    return added.new


# -- how long it is held ---------------------------------------------------------------


async def test_what_was_wished_of_a_key_can_be_seen(store: Store) -> None:
    await store.add([unique("a", unique_until="started", unique_for=MINUTE), job("b")])
    found = [await seen(store, id) for id in "ab"]
    assert [(each.unique_key, each.unique_until, each.unique_for) for each in found] == [
        ("u", "started", MINUTE), (None, "final", None),
    ]  # fmt: skip


async def test_a_key_may_be_given_up_at_the_first_start(store: Store, hire: Hire) -> None:
    """P8."""
    await store.add([unique("a", unique_until="started")])
    assert not await is_free(store)
    await hire("w1").claim_one()
    assert await store.add([unique("b")]) == [Added("b", True)]


@pytest.mark.parametrize("outcome", [retry(0), retry(1_000), snooze(1_000), hand_back(), hold("unknown_task")])
async def test_who_gave_its_key_up_when_it_started_never_takes_it_again(
    store: Store, clock: FakeClock, hire: Hire, outcome: Outcome
) -> None:
    await store.add([unique("a", unique_until="started", max_attempts=5)])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), outcome)
    assert await is_free(store)
    clock.forward(1_000)
    await worker.sweep()
    await store.release("unknown_task")
    assert await is_free(store, "second")
    assert (await worker.claim_one()).id == "a"


async def test_a_key_is_held_through_every_retry(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([unique("a", max_attempts=5)])
    worker = hire("w1")
    for outcome in (retry(0), retry(1_000), snooze(1_000), hand_back(), hold("operator")):
        await worker.settle(await worker.claim_one(), outcome)
        assert not await is_free(store)
        clock.forward(1_000)
        await worker.sweep()
    await store.release("operator")
    await worker.settle(await worker.claim_one(), complete())
    assert await is_free(store)


async def test_a_worker_that_dies_does_not_give_the_key_up(store: Store, clock: FakeClock, hire: Hire) -> None:
    """P8."""
    await store.add([unique("a")])
    await hire("w1").claim_one()
    clock.forward(LEASE)
    sweeper = hire("w2")
    (taken,) = (await sweeper.sweep()).taken
    assert not await is_free(store)
    await sweeper.settle(taken, give_up("crashed"))
    assert await is_free(store)


@pytest.mark.parametrize("until", ["final", "started"])
@pytest.mark.parametrize("outcome", [complete(), give_up("error"), cancel()])
async def test_for_its_time_a_key_is_held_whatever_becomes_of_the_job(
    store: Store, clock: FakeClock, hire: Hire, until: str, outcome: Outcome
) -> None:
    await store.add([unique("a", unique_until=until, unique_for=10_000)])
    clock.forward(1_000)
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), outcome)
    clock.forward(8_999)
    assert await store.add([unique("b")]) == [Added("a", False)]
    clock.forward(1)
    assert await store.add([unique("b")]) == [Added("b", True)], "it is over without anybody's sweep"
    assert await store.add([unique("c")]) == [Added("b", False)]


async def test_its_time_being_over_gives_up_nothing_that_is_held_by_state(
    store: Store, clock: FakeClock, hire: Hire
) -> None:
    await store.add([unique("a", unique_for=1_000), unique("b", unique_key="v", unique_until="started", unique_for=1)])
    clock.forward(5_000)
    worker = hire("w1")
    await worker.sweep()
    assert [each.new for each in await store.add([unique("c"), unique("d", unique_key="v")])] == [False, False]
    await worker.claim(2)
    assert [each.new for each in await store.add([unique("c"), unique("d", unique_key="v")])] == [False, True]


async def test_a_key_is_held_by_state_and_not_by_what_is_kept_of_the_result(
    store: Store, clock: FakeClock, hire: Hire
) -> None:
    await store.add([unique("a", result_ttl=DAY)])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), complete('"x"'))
    assert await store.add([unique("b", result_ttl=1_000)]) == [Added("b", True)]
    claim = await worker.claim_one()
    clock.forward(2_000)
    await worker.sweep()
    assert not await is_free(store)
    await worker.settle(claim, complete('"y"'))
    assert await is_free(store)


@pytest.mark.parametrize("first", ["final", "window"])
async def test_whoever_is_deleted_takes_no_key_from_his_successor(
    store: Store, clock: FakeClock, hire: Hire, first: str
) -> None:
    await store.add([unique("a", unique_for=1_000 if first == "window" else None)])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), complete())
    clock.forward(1_000)
    assert await store.add([unique("b")]) == [Added("b", True)]
    assert await store.delete(["a"]) == ["a"]
    assert await store.add([unique("c")]) == [Added("b", False)]


async def test_whoever_is_deleted_gives_his_key_up(store: Store) -> None:
    await store.add([unique("a", held="operator")])
    assert await store.delete(["a"]) == ["a"]
    assert await store.add([unique("b")]) == [Added("b", True)]


# -- revival ---------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS[:4])
async def test_a_revived_job_takes_its_key_again(
    store: Store, clock: FakeClock, hire: Hire, form: dict[str, Any]
) -> None:
    await store.add([unique("a", **form)])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), complete())
    clock.forward(MINUTE)
    assert await store.revive(["a"]) == ["a"]
    assert await store.add([unique("b")]) == [Added("a", False)]
    worker.beat()
    assert (await worker.claim_one()).id == "a"


@pytest.mark.parametrize("window", [None, 1_000])
async def test_a_job_whose_key_another_holds_stays_final(
    store: Store, clock: FakeClock, hire: Hire, window: int | None
) -> None:
    await store.add([unique("a")])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), complete())
    await store.add([unique("b", unique_for=window)])
    await worker.settle(await worker.claim_one(), complete())
    assert await store.revive(["a"]) == ([] if window else ["a"])
    clock.forward(1_000)
    assert await store.revive(["a"]) == (["a"] if window else [])
    assert await store.add([unique("c")]) == [Added("a", False)]


async def test_of_two_who_are_revived_for_one_key_one_is(store: Store, hire: Hire) -> None:
    worker = hire("w1")
    for id in "ab":
        await store.add([unique(id)])
        await worker.settle(await worker.claim_one(), complete())
    assert len(await store.revive(["a", "b"])) == 1
    assert sorted(await states(store, "a", "b")) == ["completed", "queued"]


# -- what a newcomer changes -----------------------------------------------------------

NEWS: dict[str, Any] = {
    "args": '{"n":2}', "priority": 7, "meta": '{"trace":"new"}', "max_attempts": 9, "costs": "[4]",
    "tenant": "acme", "lane": write_lane("greet", "acme", [Gate(Kind.CONCURRENCY, "greet", "", 5)]),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("state", WAITS)
async def test_who_waits_takes_over_what_the_newcomer_brings(
    store: Store, clock: FakeClock, state: str, verb: str
) -> None:
    await store.add([unique("a", args='{"n":1}', owner="ada", **WAITS[state])])
    before = await seen(store, "a")
    clock.forward(1_000)
    newcomer = unique("b", owner="bob", **{**NEWS, **WAITS[state]}, on_conflict=verb)
    assert await store.add([newcomer]) == [Added("a", False, changed=True)]
    after = await seen(store, "a")
    assert {name: getattr(after, name) for name in NEWS} == NEWS
    due = clock() + DAY if state == "scheduled" and verb == "reschedule" else before.due_at
    assert after == before._replace(**NEWS, due_at=due)
    assert await store.get("b") is None


async def test_who_waits_to_be_tried_again_is_replaced_and_may_be_tried_once_at_least(
    store: Store, clock: FakeClock, hire: Hire
) -> None:
    await store.add([unique("a", max_attempts=5)])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), retry(1_000))
    assert await store.add([unique("b", args="2", max_attempts=3, on_conflict="replace")]) == [
        Added("a", False, changed=True),
    ]  # fmt: skip
    await store.add([unique("c", args="3", max_attempts=1, on_conflict="replace")])
    clock.forward(1_000)
    await worker.sweep()
    claim = await worker.claim_one()
    assert (claim.args, claim.attempt, claim.max_attempts) == ("3", 2, 2)


async def test_replacing_keeps_the_due_time(store: Store, clock: FakeClock) -> None:
    await store.add([unique("now"), unique("later", unique_key="v", due_in=5_000)])
    before = [await seen(store, id) for id in ("now", "later")]
    await store.add([
        unique("a", due_in=9_000, expires_in=99, on_conflict="replace"),
        unique("b", unique_key="v", expires_in=99, on_conflict="replace"),
    ])  # fmt: skip
    assert [await seen(store, id) for id in ("now", "later")] == before


@pytest.mark.parametrize(
    ("before", "due_in", "after"),
    [
        ("queued", 5_000, "scheduled"), ("queued", None, "queued"), ("queued", 0, "queued"),
        ("scheduled", 5_000, "scheduled"), ("scheduled", None, "queued"), ("scheduled", 0, "queued"),
        ("held", 5_000, "held"), ("held", None, "held"),
    ],
)  # fmt: skip
async def test_rescheduling_gives_it_the_newcomers_due_time(
    store: Store, clock: FakeClock, hire: Hire, before: str, due_in: int | None, after: str
) -> None:
    await store.add([unique("a", expires_in=MINUTE, **WAITS[before])])
    clock.forward(1_000)
    await store.add([unique("b", due_in=due_in, expires_in=2 * MINUTE, on_conflict="reschedule")])
    found = await seen(store, "a")
    assert (found.state, found.expires_at) == (after, clock() + 2 * MINUTE)
    assert found.due_at == (None if due_in is None else clock() + due_in)
    worker = hire("w1")
    assert ids(await worker.claim()) == (["a"] if after == "queued" else [])
    clock.forward(5_000)
    worker.beat()
    await worker.sweep()
    assert ids(await worker.claim()) == (["a"] if after == "scheduled" else [])
    if before == "held":
        assert await store.release("operator") == 1
        assert (await worker.claim_one()).id == "a"


async def test_a_held_job_that_was_rescheduled_waits_for_its_time_once_it_is_released(
    store: Store, clock: FakeClock
) -> None:
    await store.add([unique("a", held="operator")])
    await store.add([unique("b", due_in=5_000, on_conflict="reschedule")])
    assert await store.release("operator") == 1
    assert await states(store, "a") == ["scheduled"]


async def test_each_call_pushes_the_start_further(store: Store, clock: FakeClock, hire: Hire) -> None:
    """A debounce: the last of a burst of calls counts, with its arguments."""
    worker = hire("w1")
    for number in range(5):
        added = await store.add([unique(f"{number}", args=f"{number}", due_in=3_000, on_conflict="reschedule")])
        assert added == [Added("0", number == 0, changed=number > 0)]
        clock.forward(2_000)
        assert (await worker.sweep()).promoted == 0
    clock.forward(1_000)
    assert (await worker.sweep()).promoted == 1
    claim = await worker.claim_one()
    assert (claim.id, claim.args) == ("0", "4")


async def test_a_newcomers_priority_moves_the_place(store: Store, hire: Hire) -> None:
    await store.add([job("first"), unique("a"), unique("b", unique_key="v", priority=3)])
    await store.add([
        unique("x", priority=5, on_conflict="replace"), unique("y", unique_key="v", on_conflict="replace"),
    ])  # fmt: skip
    assert ids(await hire("w1").claim(3)) == ["a", "first", "b"]


@BOTH
@pytest.mark.parametrize("state", ["running", "completed"])
async def test_who_runs_or_is_final_changes_no_more(store: Store, hire: Hire, state: str, verb: str) -> None:
    await store.add([unique("a", unique_for=DAY)])
    worker = hire("w1")
    claim = await worker.claim_one()
    if state == "completed":
        await worker.settle(claim, complete())
    before = await seen(store, "a")
    assert await store.add([unique("b", **NEWS, due_in=5, on_conflict=verb)]) == [Added("a", False)]
    assert await seen(store, "a") == before


@BOTH
async def test_an_equal_id_changes_nothing(store: Store, verb: str) -> None:
    await store.add([unique("a"), job("b")])
    before = [await seen(store, id) for id in "ab"]
    assert await store.add([unique("a", **NEWS, on_conflict=verb), job("b", **NEWS, on_conflict=verb)]) == [
        Added("a", False), Added("b", False),
    ]  # fmt: skip
    assert [await seen(store, id) for id in "ab"] == before


@BOTH
async def test_among_the_jobs_of_one_call_the_last_counts(store: Store, hire: Hire, verb: str) -> None:
    offered = [unique(f"{number}", args=f"{number}", on_conflict=verb) for number in range(4)]
    assert await store.add([job("x"), *offered, job("y")]) == [
        Added("x", True), Added("0", True), *[Added("0", False, changed=True)] * 3, Added("y", True),
    ]  # fmt: skip
    claims = await hire("w1").claim(5)
    assert [(claim.id, claim.args) for claim in claims] == [("x", "{}"), ("0", "3"), ("y", "{}")]


async def test_who_is_told_to_be_skipped_changes_nothing_beside_who_is_not(store: Store) -> None:
    await store.add([unique("a", args="0")])
    assert await store.add([
        unique("b", args="1", on_conflict="replace"), unique("c", args="2"), unique("d", args="3", unique_key=None),
    ]) == [Added("a", False, changed=True), Added("a", False), Added("d", True)]  # fmt: skip
    assert (await seen(store, "a")).args == "1"


# -- many at once ----------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
async def test_of_many_producers_at_once_one_gets_the_key(store: Store, form: dict[str, Any]) -> None:
    """P8."""
    answers = await asyncio.gather(*(store.add([unique(f"{number}", **form)]) for number in range(20)))
    assert sum(added.new for (added,) in answers) == 1
    assert len({added.id for (added,) in answers}) == 1
    assert all(added.new or added.changed == ("on_conflict" in form) for (added,) in answers)
    assert sum((await store.count(Filter())).values()) == 1


@pytest.mark.parametrize("form", FORMS)
async def test_of_many_producers_of_many_keys_each_key_has_one(store: Store, form: dict[str, Any]) -> None:
    """P8: they come in other orders, and nobody waits for ever for another."""

    def offered(producer: int) -> list[NewJob]:
        keys = [(number * (producer + 1)) % 7 for number in range(7)]
        return [unique(f"{producer}-{key}", unique_key=f"u{key}", **form) for key in keys]

    answers = await asyncio.gather(*(store.add(offered(producer)) for producer in range(6)))
    assert sum(added.new for answer in answers for added in answer) == 7
    assert sum((await store.count(Filter())).values()) == 7


async def test_of_many_who_want_a_key_whose_time_is_over_one_gets_it(
    store: Store, clock: FakeClock, hire: Hire
) -> None:
    """P8."""
    await store.add([unique("a", unique_for=1_000)])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), complete())
    clock.forward(1_000)
    answers = await asyncio.gather(*(store.add([unique(f"{number}")]) for number in range(20)))
    assert sum(added.new for (added,) in answers) == 1
    assert len({added.id for (added,) in answers} - {"a"}) == 1


async def test_who_claims_and_who_replaces_at_once_agree(store: Store, hire: Hire) -> None:
    """Either the newcomer's arguments run, or it was told that nothing changed."""
    await store.add([unique(each.id, unique_key=each.id, args="0") for each in jobs(40)])
    worker = hire("w1")

    async def replace(key: str) -> Added:
        (added,) = await store.add([unique(f"new-{key}", unique_key=key, args="1", on_conflict="replace")])
        return added

    claiming = asyncio.create_task(worker.claim(40))
    answers = await asyncio.gather(*(replace(each.id) for each in jobs(40)))
    claims = [*await claiming, *await worker.claim(40)]
    ran = {claim.id: claim.args for claim in claims}
    assert len(ran) == 40
    assert all((ran[added.id] == "1") == added.changed for added in answers)


async def test_a_dump_brings_a_key_and_its_time_along(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([unique("a", unique_for=10_000), unique("b", unique_key="v", unique_until="started")])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), complete())
    dumped = (await store.dump(None, 10)).items
    assert [(each.unique_until, each.unique_for) for each in dumped] == [("final", 10_000), ("started", None)]
    await store.hold(["b"], "moving")
    assert sorted(await store.delete(["a", "b"])) == ["a", "b"]
    assert await store.restore(dumped) == ["a", "b"]
    assert [(await seen(store, id)).state for id in "ab"] == [State.COMPLETED, State.QUEUED]
    assert not (await store.add([unique("c", unique_key="v")]))[0].new
