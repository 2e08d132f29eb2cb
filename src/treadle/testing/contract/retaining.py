"""What may go (P16): only final jobs older than their state's age, and never the last runs of a task."""

import pytest

from treadle.core.outcomes import Outcome, complete
from treadle.core.retention import Retention
from treadle.core.states import FINAL, State
from treadle.core.store import Store
from treadle.testing.clock import FakeClock
from treadle.testing.contract.scene import Hire, job, jobs, prune, states
from treadle.testing.contract.steering import ENDS

NOW = dict.fromkeys(FINAL, 0)


async def end(store: Store, clock: FakeClock, *ids: str) -> None:
    """Cancel these, one after another."""
    for id in ids:
        await store.cancel([id])
        clock.forward(1_000)


@pytest.mark.parametrize("outcome", ENDS)
async def test_a_final_job_may_go_when_it_is_as_old_as_its_state_allows(
    store: Store, clock: FakeClock, hire: Hire, outcome: Outcome
) -> None:
    await store.add([job("a")])
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), outcome)
    others = [state for state in State if state is not outcome.state]
    clock.forward(60_000)
    assert await store.outdated(Retention(dict.fromkeys(others, 0), runs=0), 10) == []
    assert await store.outdated(Retention({outcome.state: 60_001}, runs=0), 10) == []
    assert await store.outdated(Retention({outcome.state: 60_000}, runs=0), 10) == ["a"]


async def test_asking_what_may_go_changes_nothing(store: Store, clock: FakeClock) -> None:
    await store.add([job("a")])
    await end(store, clock, "a")
    for _ in range(2):
        assert await store.outdated(Retention(NOW, runs=0), 10) == ["a"]
    assert await store.delete(["a"]) == ["a"]
    assert await store.outdated(Retention(NOW, runs=0), 10) == []


async def test_nothing_that_lives_may_go(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add([job("r"), job("q"), job("s", due_in=99_000), job("h", held="operator")])
    await hire("w1").claim_one()
    clock.forward(90_000)
    assert await store.outdated(Retention(dict.fromkeys(State, 0), runs=0), 100) == []
    assert await states(store, "r", "q", "s", "h") == ["running", "queued", "scheduled", "held"]


async def test_a_job_that_has_ended_again_is_not_deleted_for_what_it_was(store: Store, clock: FakeClock) -> None:
    await store.add(jobs(3))
    await end(store, clock, "0000", "0001")
    asked = clock()
    outdated = await store.outdated(Retention(NOW, runs=0), 10)
    clock.forward(1)
    await store.revive(["0000"])
    await end(store, clock, "0000")
    await store.hold(["0002"], "operator")
    assert await store.delete([*outdated, "0002"], ended_by=asked) == ["0001"]
    assert await states(store, "0000", "0002") == ["cancelled", "held"]
    assert sorted(await store.delete(["0000", "0002"])) == ["0000", "0002"]


async def test_a_job_that_was_revived_may_not_go(store: Store, clock: FakeClock) -> None:
    await store.add(jobs(2))
    await end(store, clock, "0000", "0001")
    await store.revive(["0000"])
    assert await store.outdated(Retention(NOW, runs=0), 10) == ["0001"]


async def test_no_more_are_named_than_asked_for_and_the_oldest_first(store: Store, clock: FakeClock) -> None:
    await store.add(jobs(5))
    await end(store, clock, *(each.id for each in reversed(jobs(5))))
    assert await prune(store, NOW, 2) == ["0004", "0003"]
    assert await prune(store, NOW) == ["0002", "0001", "0000"]


async def test_the_oldest_go_first_whatever_they_ended_as(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add(jobs(4))
    worker = hire("w1")
    for claim in await worker.claim(2):
        await worker.settle(claim, complete())
        clock.forward(1_000)
        await store.cancel([f"{int(claim.id) + 2:04}"])
        clock.forward(1_000)
    assert await prune(store, NOW, 3) == ["0000", "0002", "0001"]
    assert await prune(store, NOW, 3) == ["0003"]


async def test_the_last_runs_of_a_task_are_kept_however_old(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add(jobs(6))
    worker = hire("w1")
    first, second = await worker.claim(2)
    await end(store, clock, "0002", "0003")
    for claim in (second, first):
        await worker.settle(claim, complete())
        clock.forward(1_000)
    assert await prune(store, NOW, runs=5) == []
    assert await prune(store, NOW, runs=4) == []
    assert await prune(store, NOW, runs=3) == ["0002"]
    await end(store, clock, "0005")
    assert await prune(store, NOW, runs=3) == ["0003"]
    assert await prune(store, NOW, runs=1) == ["0001", "0000"]


async def test_of_runs_that_ended_in_one_moment_none_is_kept_less_than_another(store: Store, clock: FakeClock) -> None:
    await store.add(jobs(6))
    await store.cancel(["0000"])
    clock.forward(1)
    await store.cancel([each.id for each in jobs(6)[1:]])
    clock.forward(1)
    assert await prune(store, NOW, runs=2) == ["0000"]
    assert len(await prune(store, NOW, runs=0)) == 5


async def test_each_task_keeps_its_own_last_runs(store: Store, clock: FakeClock) -> None:
    await store.add([*jobs(3), job("x", task="rare"), job("y", task="rare"), job("z", task="zeta")])
    await end(store, clock, "x", "y", "z", "0000", "0001", "0002")
    assert sorted(await prune(store, NOW, runs=1)) == ["0000", "0001", "x"]


async def test_what_is_kept_of_a_task_stands_in_front_of_no_other(store: Store, clock: FakeClock) -> None:
    """Were all asked for in one order, those kept at its beginning would be read again and again, or hide the rest."""
    await store.add([*jobs(20, task="a"), job("x", task="b"), job("y", task="b")])
    await end(store, clock, *(each.id for each in jobs(20)), "x", "y")
    assert await prune(store, NOW, 1, runs=20) == []
    assert await prune(store, NOW, 1, runs=2) == ["0000"]
    rules = Retention({State.CANCELLED: 0}, {"a": {State.CANCELLED: 99_000_000}}, runs=1)
    assert await store.outdated(rules, 1) == ["x"]


async def test_a_task_has_ages_of_its_own(store: Store, clock: FakeClock) -> None:
    strange = "a task: [\"with\" }{ 'odd'] ÿ.%*"
    await store.add([job("a", task=strange), job("b"), job("c", task="short")])
    await store.cancel(["a", "b", "c"])
    clock.forward(10_000)
    tasks = {strange: {State.CANCELLED: 60_000}, "short": {State.CANCELLED: 5_000, State.FAILED: 1}}
    assert await store.outdated(Retention({State.CANCELLED: 20_000}, tasks, runs=0), 10) == ["c"]
    clock.forward(10_000)
    assert sorted(await store.outdated(Retention({State.CANCELLED: 20_000}, tasks, runs=0), 10)) == ["b", "c"]
    clock.forward(40_000)
    assert sorted(await prune(store, {State.CANCELLED: 60_000})) == ["a", "b", "c"]


async def test_a_state_without_an_age_is_kept_for_ever(store: Store, clock: FakeClock, hire: Hire) -> None:
    await store.add(jobs(2))
    worker = hire("w1")
    await worker.settle(await worker.claim_one(), complete())
    await store.cancel(["0001"])
    clock.forward(10**12)
    assert await prune(store, {State.CANCELLED: 0}) == ["0001"]


async def test_many_may_go_of_many_tasks(store: Store, clock: FakeClock) -> None:
    await store.add([job(f"{task:03}-{number}", task=f"t{task}") for task in range(250) for number in range(2)])
    named = [f"{task:03}-{number}" for task in range(250) for number in range(2)]
    assert len(await store.cancel(named)) == 500
    clock.forward(1)
    gone = await prune(store, NOW, 400)
    assert len(set(gone)) == 400
    assert {*gone, *await prune(store, NOW, 400)} == {*named}
