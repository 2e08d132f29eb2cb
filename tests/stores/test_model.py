"""The same verbs, drawn at random, given to all stores and to the model: what the world sees is equal after each.

PROMISES 4.2. Old claims are settled too; a failure prints the steps that lead to it.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.stores.model import Kept, Model
from tests.stores.model_jobs import DAILY, DAY, EVERYWHERE, MADE, OF_NOBODY, OUTCOMES, STEERS, TARGETS, UNITS, new_jobs
from tests.stores.places import KINDS
from treadle.core.flow.choosing import choose
from treadle.core.flow.steering import Steer
from treadle.core.job import Claim, Cycle, Ending, Filter, NewJob, Snapshot, Spent, WorkerInfo
from treadle.core.outcomes import Outcome
from treadle.core.retention import Retention
from treadle.core.states import FINAL, LEADS_TO, State
from treadle.core.store import Heart, Store
from treadle.stores import open_store
from treadle.testing import FakeClock

pytestmark = [pytest.mark.slow, pytest.mark.server]

T = TypeVar("T")

Held = tuple[Kept, dict[str, Claim]]
"""A job in the model, and its claim in each store."""

Ended = tuple[Kept, dict[str, Claim], Outcome, tuple[Spent, ...]]
"""The same, how that ended, and what was spent."""

LEASE = 10_000
WORKERS = st.sampled_from(["w1", "w2", "w3"])
QUEUES = st.sampled_from([("q1",), ("q3",), ("q1", "q2"), EVERYWHERE, ()])

#: More than ever waits.
MUCH = 1_000


def shown(job: Kept) -> dict[str, object]:
    """Say of a job in the model what a snapshot says."""
    names = ("state", "reason", "attempt", "max_attempts", "epoch", "crashes", "worker", "result", "finished_at")
    return {name: getattr(job, name) for name in names} | {
        "due_at": job.due_at, "expires_at": job.expires_at, "cancelling": job.cancel and job.state is State.RUNNING,
        "queue": job.new.queue, "priority": job.new.priority, "args": job.new.args, "costs": job.new.costs,
    }  # fmt: skip


class Differential(RuleBasedStateMachine):
    """All stores beside the model."""

    def __init__(self, new_place: Callable[[str], str]) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="model")
        self.clock = FakeClock()
        self.model = Model(self.clock)
        # One file for each example: a place of SQLite's is one for the whole test.
        file = f"sqlite:///{Path(self.folder.name) / 'jobs.db'}?durability=fast"
        places = {kind: file if kind == "sqlite" else new_place(kind) for kind in KINDS}
        self.stores: dict[str, Store] = {kind: open_store(url, self.clock) for kind, url in places.items()}
        self.any = next(iter(self.stores))
        self.hearts: dict[tuple[str, str], Heart] = {}
        self.claims: list[Held] = []
        self.made = 0
        self.before: dict[str, Snapshot] = {}

    def all(self, ask: Callable[[Store], Coroutine[Any, Any, T]]) -> dict[str, T]:
        """Ask every store."""

        async def asked() -> list[T]:
            return [await ask(store) for store in self.stores.values()]

        return dict(zip(self.stores, self.runner.run(asked()), strict=True))

    def same(self, ask: Callable[[Store], Coroutine[Any, Any, T]], expected: object) -> None:
        """Ask every store; all must answer as the model does."""
        assert self.all(ask) == dict.fromkeys(self.stores, expected)

    def open(self) -> None:
        self.all(lambda store: store.open())
        for name in ("w1", "w2", "w3"):
            for kind, store in self.stores.items():
                self.hearts[kind, name] = store.heart(WorkerInfo(id=name))
            self.beat(name)

    @initialize(jobs=st.lists(new_jobs(), min_size=4, max_size=10))
    def begin(self, jobs: list[NewJob]) -> None:
        self.open()
        self.add(jobs)

    @rule(jobs=st.lists(new_jobs(), min_size=2, max_size=8))
    def add(self, jobs: list[NewJob]) -> None:
        jobs = [new if new.id != MADE else new._replace(id=f"{self.made + n:03}") for n, new in enumerate(jobs)]
        self.made += len(jobs)
        # Where it stands among those of its call who gets a key whose time is over is a store's own affair.
        calls = [[new] for new in jobs] if any(map(self.model.inherits, jobs)) else [jobs]
        for call in calls:
            self._offer(call)

    def _offer(self, jobs: list[NewJob]) -> None:
        self.same(lambda store: store.add(jobs), [self.model.add(new) for new in jobs])

    @rule(data=st.data(), want=st.integers(1, 6), jobs=st.lists(new_jobs(), max_size=4))
    def work(self, data: st.DataObject, want: int, jobs: list[NewJob]) -> None:
        """Do as a worker does all day: end some of what it runs, and take more of what has come."""
        self.beat("w1")
        if jobs:
            self.add(jobs)
        held = [each for each in self.claims if each[0].worker == "w1" and each[0].epoch == each[1][self.any].epoch]
        assert self._settle_and_claim("w1", self._ended(data, held, 4, twice=False), EVERYWHERE, want) == set()

    @rule(worker=WORKERS, queues=QUEUES, want=st.integers(0, 4))
    def claim(self, worker: str, queues: tuple[str, ...], want: int) -> None:
        self._settle_and_claim(worker, [], queues, want)

    @rule(worker=WORKERS, data=st.data(), want=st.integers(0, 2))
    def settle_whatever_and_claim(self, worker: str, data: st.DataObject, want: int) -> None:
        self._settle_and_claim(worker, self._ended(data, self.claims, 3, twice=True), EVERYWHERE, want)

    def _ended(self, data: st.DataObject, claims: Sequence[Held], most: int, *, twice: bool) -> list[Ended]:
        """Draw some of these claims, old ones too, and how they end; `twice`: one may end more than once."""
        if not claims:
            return []
        unique = None if twice else lambda each: each[0].new.id
        chosen = data.draw(st.lists(st.sampled_from(claims), max_size=most, unique_by=unique))
        return [(kept, each, data.draw(OUTCOMES), self._spent(data)) for kept, each in chosen]

    def _spent(self, data: st.DataObject) -> tuple[Spent, ...]:
        units, window = data.draw(UNITS), self.clock() // DAY
        return (Spent(DAILY.name, units, window),) if units else ()

    def _settle_and_claim(self, worker: str, ended: list[Ended], queues: tuple[str, ...], want: int) -> set[str]:
        """Answer what was lost."""
        answers = self.runner.run(self._cycle(worker, ended, queues, want))
        lost = self._settle(ended)
        assert {kind: answer.lost for kind, answer in answers.items()} == dict.fromkeys(self.stores, lost)
        claimed = self.model.claim(worker, queues, want)
        self._remember({kind: answer.claims for kind, answer in answers.items()}, claimed)
        return lost

    async def _cycle(self, worker: str, ended: list[Ended], queues: tuple[str, ...], want: int) -> dict[str, Cycle]:
        return {
            kind: await store.cycle(worker, [_ending(kind, each) for each in ended], queues, want)
            for kind, store in self.stores.items()
        }

    def _settle(self, ended: list[Ended]) -> set[str]:
        # Of several endings of one claim in one call the completion counts; a store may write completions first.
        in_order = sorted(ended, key=lambda each: each[2].state is not State.COMPLETED)
        return {each[0].new.id for each in in_order if not self.model.settle(each[0], _ending(self.any, each))}

    @rule(worker=WORKERS, verb=st.sampled_from(["beat", "beat", "leave", "bury"]))
    def change_a_lease(self, worker: str, verb: str) -> None:
        if verb == "beat":
            self.beat(worker)
            return
        if verb == "bury":
            self.all(lambda store: store.bury([worker]))
        else:
            for kind in self.stores:
                self.hearts[kind, worker].leave()
        self.model.leases[worker] = 0

    def beat(self, worker: str) -> None:
        expected = self.model.beat(worker, LEASE)
        answers = {kind: self.hearts[kind, worker].beat(LEASE) for kind in self.stores}
        assert answers == dict.fromkeys(self.stores, expected)

    @rule(milliseconds=st.sampled_from([0, 1, 1_000, 1_000, 5_000, LEASE]), sweeper=st.none() | WORKERS)
    def let_time_pass(self, milliseconds: int, sweeper: str | None) -> None:
        self.clock.forward(milliseconds)
        if sweeper:
            self.sweep(sweeper)

    def sweep(self, worker: str) -> None:
        answers = self.all(lambda store: store.sweep(worker, 1_000, take=1_000))
        promoted, expired, taken = self.model.sweep(worker)
        for answer in answers.values():
            assert (answer.promoted, answer.expired) == (promoted, expired)
        # They are to be settled, not to be run: no order is promised.
        told = {kind: sorted(answer.taken, key=lambda claim: claim.id) for kind, answer in answers.items()}
        self._remember(told, sorted(taken, key=lambda job: job.new.id))

    def _remember(self, claims: dict[str, list[Claim]], expected: list[Kept]) -> None:
        due = [(job.new.id, job.attempt, job.epoch, job.crashes, job.max_attempts) for job in expected]
        told = {
            kind: [(each.id, each.attempt, each.epoch, each.crashes, each.max_attempts) for each in answer]
            for kind, answer in claims.items()
        }
        assert told == dict.fromkeys(self.stores, due)
        for place, job in enumerate(expected):
            self.claims.append((job, {kind: answer[place] for kind, answer in claims.items()}))

    @rule(worker=WORKERS)
    def look_what_a_worker_holds(self, worker: str) -> None:
        held = [job for job in self.model.jobs if job.worker == worker and job.state is State.RUNNING]
        expected = sorted((job.new.id, job.epoch) for job in held)
        for claims in self.all(lambda store: store.claims(worker)).values():
            assert sorted((claim.id, claim.epoch) for claim in claims) == expected

    @rule(what=TARGETS, steer=STEERS)
    def steer(self, what: str, steer: Steer) -> None:
        self.all(lambda store: store.steer(what, steer))
        self.model.steer(what, steer)

    @rule(data=st.data(), verb=st.sampled_from(["alter", "cancel", "revive", "hold", "release", "delete", "prune"]))
    def operate(self, data: st.DataObject, verb: str) -> None:
        ids = [job.new.id for job in self.model.jobs]
        if verb == "release":
            self.release(data.draw(st.sampled_from([None, ["greet", "bye"]])))
        elif verb == "prune":
            state, age = data.draw(st.sampled_from(sorted(FINAL))), data.draw(st.sampled_from([0, 4_000]))
            self.prune(state, age, data.draw(st.sampled_from([0, 1, 3])))
        elif ids and verb == "alter":
            some = data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=2, unique=True))
            queue, priority = data.draw(st.sampled_from([None, *OF_NOBODY])), data.draw(st.sampled_from([None, 0, 5]))
            self.alter(some, queue, priority)
        elif ids:
            getattr(self, verb)(data.draw(st.sampled_from(ids)))

    def alter(self, ids: list[str], queue: str | None, priority: int | None) -> None:
        if queue:  # those with a tenant stay where they are
            ids = [id for id in ids if (job := self.model.find(id)) and job.new.tenant is None]
        applied = {id for id in ids if self.model.alter(id, queue, priority)}
        for kind, answer in self.all(lambda store: store.alter(ids, queue=queue, priority=priority)).items():
            assert (kind, set(answer)) == (kind, applied)

    @rule(data=st.data(), units=st.integers(0, 6))
    def spend(self, data: st.DataObject, units: int) -> None:
        if not self.claims:
            return
        kept, claims = data.draw(st.sampled_from(self.claims))
        expected = self.model.spend(kept, claims[self.any], DAILY.name, units)
        for kind, store in self.stores.items():
            assert (kind, self.runner.run(store.spend(claims[kind], DAILY.name, units))) == (kind, expected)

    @rule(queue=st.sampled_from(EVERYWHERE))
    def what_is_called_runnable_is_what_a_claim_takes(self, queue: str) -> None:
        self.beat("w1")
        runnable = self.all(lambda store: _runnable(store, queue))
        answers = self.all(lambda store: store.cycle("w1", [], (queue,), MUCH))
        for kind, answer in answers.items():
            assert (kind, {claim.id for claim in answer.claims}) == (kind, runnable[kind])
        self._remember(
            {kind: answer.claims for kind, answer in answers.items()}, self.model.claim("w1", (queue,), MUCH)
        )

    def cancel(self, id: str) -> None:
        self.same(lambda store: store.cancel([id]), [id] * self.model.cancel(id))

    def revive(self, id: str) -> None:
        self.clock.forward(1)  # of those who come to wait in one millisecond any may be the first
        self.same(lambda store: store.revive([id]), [id] * self.model.revive(id))
        self.clock.forward(1)

    def hold(self, id: str) -> None:
        self.same(lambda store: store.hold([id], "operator"), [id] * self.model.hold(id, "operator"))

    def delete(self, id: str) -> None:
        self._delete(id)

    def _delete(self, id: str) -> None:
        self.same(lambda store: store.delete([id]), [id] * self.model.delete(id))
        self.before.pop(id, None)  # an id may come back as another job

    def release(self, tasks: list[str] | None) -> None:
        self.same(lambda store: store.release("operator", tasks), self.model.release("operator"))

    def prune(self, state: State, age: int, runs: int) -> None:
        rules = Retention({state: age}, {"bye": {state: 2_000}}, runs)
        gone = sorted(self.model.outdated(rules))
        self.same(lambda store: _outdated(store, rules), gone)
        for id in gone:
            self._delete(id)

    @invariant()
    def the_world_sees_the_same(self) -> None:
        expected = {job.new.id: shown(job) for job in self.model.jobs}
        for kind, page in self.all(lambda store: store.find(Filter(), 500)).items():
            seen = {found.id: found for found in page.items}
            told = {id: {name: getattr(found, name) for name in expected.get(id, {})} for id, found in seen.items()}
            assert (kind, told) == (kind, expected)
            if kind == self.any:
                self._moved_legally(seen)

    @invariant()
    def the_counts_are_the_same(self) -> None:
        self.same(lambda store: store.count(Filter()), Counter((job.new.queue, job.state) for job in self.model.jobs))

    def _moved_legally(self, seen: dict[str, Snapshot]) -> None:
        for id, before in self.before.items():
            after = seen[id]
            assert after.epoch >= before.epoch
            assert after.state is before.state or _leads(before.state, after.state)
        self.before = seen

    def teardown(self) -> None:
        for heart in self.hearts.values():
            heart.close()
        self.all(lambda store: store.close())
        self.runner.close()
        self.folder.cleanup()


def _ending(kind: str, ended: Ended) -> Ending:
    _, claims, outcome, spent = ended
    return Ending(claims[kind], outcome, spent=spent)


async def _runnable(store: Store, queue: str) -> set[str]:
    """Ask what `explain` asks."""
    survey = await store.survey(queue, 1_000)
    choice = choose([survey.line], survey.standings, survey.steering, survey.now, MUCH, MUCH // 10)
    return {taken.job.id for taken in choice.taken}


async def _outdated(store: Store, rules: Retention) -> list[str]:
    return sorted(await store.outdated(rules, 100))


def _leads(source: State, target: State) -> bool:
    """Say whether one call may lead from here to there: settle and claim are one call, so are expire and promote."""
    step = LEADS_TO[source]
    return target in step or any(target in LEADS_TO[between] for between in step)


def test_all_stores_and_the_model_agree(new_place: Callable[[str], str]) -> None:
    """P1, P2, P4, P6, P8, P12, P15, P16, P17: whatever is asked of them, in whatever order."""
    chosen = settings(max_examples=100, stateful_step_count=40)
    run_state_machine_as_test(partial(Differential, new_place), settings=chosen)  # type: ignore[arg-type]  # any factory will do
