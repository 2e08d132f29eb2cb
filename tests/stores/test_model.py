"""The same verbs, drawn at random, given to all stores and to the model: what the world sees is equal after each.

PROMISES 4.2. Old claims are settled too; a failure prints the steps that lead to it.
"""

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.stores.model import Kept, Model
from tests.stores.places import KINDS
from treadle.core.flow.choosing import choose
from treadle.core.flow.gates import Gate, Kind, Park
from treadle.core.flow.lanes import write_lane
from treadle.core.flow.steering import Steer
from treadle.core.job import Claim, Cycle, Ending, Filter, NewJob, Snapshot, Spent, WorkerInfo
from treadle.core.outcomes import Outcome, cancel, complete, give_up, hand_back, hold, retry, skip, snooze
from treadle.core.retention import Retention
from treadle.core.states import FINAL, LEADS_TO, State
from treadle.core.store import Heart, Store
from treadle.stores import open_store
from treadle.testing import FakeClock

pytestmark = [pytest.mark.slow, pytest.mark.server]

T = TypeVar("T")

Ended = tuple[Kept, dict[str, Claim], Outcome, tuple[Spent, ...]]
"""A job in the model, its claim in each store, how that ended, and what was spent."""

LEASE = 10_000
DAY = 86_400_000

ALL = Gate(Kind.CONCURRENCY, "all", "", 2)
ONE, OTHER = (Gate(Kind.CONCURRENCY, "one", key, 1) for key in ("k=1", "k=2"))
ORDER = Gate(Kind.ORDER, "order", "k=1", 1)
API = Gate(Kind.RATE, "api", "", 1, 1_000, 2)
DAILY = Gate(Kind.BUDGET, "tokens", "", 10, DAY)
GATES: list[tuple[Gate, ...]] = [
    (), (), (ALL,), (ONE,), (OTHER, ALL), (ALL, ONE), (ORDER,), (ORDER, ONE), (API,), (API, OTHER), (DAILY,),
    (DAILY, ONE),
]  # fmt: skip

# Jobs without a tenant wait apart from those with one: whether they pay for turns depends on what a store has open.
OF_NOBODY, OF_TENANTS = ("q1", "q2"), "q3"
EVERYWHERE = (*OF_NOBODY, OF_TENANTS)

IDS = st.sampled_from("abcdefgh")
WORKERS = st.sampled_from(["w1", "w2", "w3"])
QUEUES = st.sampled_from([("q1",), ("q3",), ("q1", "q2"), EVERYWHERE, ()])
SHORT = st.sampled_from([None, 0, 1_000, 5_000])
TARGETS = st.sampled_from([
    "queue=q1", "queue=q3", "task=greet", "task=bye", "tenant=t1", "key=k=1", "one", "one:k=1", "all", "api", "tokens",
])  # fmt: skip
STEERS = st.sampled_from([
    Steer(), Steer(), Steer(paused=True), Steer(limit=0), Steer(limit=1), Steer(limit=3), Steer(weight=3),
    Steer(declared=(3, 1_000, 1)),
])  # fmt: skip


@st.composite
def new_jobs(draw: st.DrawFn) -> NewJob:
    """Draw a job. Where jobs wait for each other in order, none has a priority."""
    tenant = draw(st.sampled_from([None, None, "t1", "t2"]))
    task, gates = draw(st.sampled_from(["greet", "bye"])), draw(st.sampled_from(GATES))
    costs = [draw(st.integers(0, 4)) if gate.kind in (Kind.RATE, Kind.BUDGET) else 1 for gate in gates]
    lane = write_lane(task, tenant, gates)
    nothing: dict[str, Any] = dict.fromkeys(("due_at", "result_ttl", "owner", "batch", "meta"))
    return NewJob(
        id=draw(IDS),
        task=task,
        queue=OF_TENANTS if tenant else draw(st.sampled_from(OF_NOBODY)),
        args=draw(st.sampled_from(["{}", '{"n":1}'])),
        priority=0 if ORDER in gates else draw(st.sampled_from([0, 0, 0, 5, -5])),
        due_in=draw(SHORT),
        max_attempts=draw(st.integers(1, 3)),
        expires_in=draw(st.sampled_from([None, None, 3_000, 20_000])),
        tenant=tenant,
        unique_key=draw(st.sampled_from([None, None, f"u1-{task}-{tenant}", f"u2-{task}-{tenant}"])),
        held=draw(st.sampled_from([None, None, None, "operator"])),
        lane=lane,
        costs=json.dumps(costs) if lane and costs and draw(st.booleans()) else None,
        unique_until=draw(st.sampled_from(["final", "final", "started"])),
        unique_for=draw(st.sampled_from([None, None, 4_000])),
        on_conflict=draw(st.sampled_from(["skip", "skip", "replace", "reschedule"])),
        **nothing,
    )


OUTCOMES = st.sampled_from([
    complete("1"), complete(), skip("x"), retry(0), retry(5_000), snooze(0), snooze(2_000, "retry_later"),
    hand_back(), hold("operator"), give_up("error", "boom"), cancel("why"),
    snooze(2_000, "retry_later")._replace(park=Park(2_000)), complete()._replace(park=Park(0, 2_000_000, 4_000)),
])  # fmt: skip
#: More than ever waits.
MUCH = 1_000
UNITS = st.sampled_from([0, 0, -3, 2])


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
        self.claims: list[tuple[Kept, dict[str, Claim]]] = []
        self.before: dict[str, Snapshot] = {}

    def all(self, ask: Callable[[Store], Coroutine[Any, Any, T]]) -> dict[str, T]:
        """Ask every store."""

        async def asked() -> list[T]:
            return [await ask(store) for store in self.stores.values()]

        return dict(zip(self.stores, self.runner.run(asked()), strict=True))

    def same(self, ask: Callable[[Store], Coroutine[Any, Any, T]], expected: object) -> None:
        """Ask every store; all must answer as the model does."""
        assert self.all(ask) == dict.fromkeys(self.stores, expected)

    @initialize()
    def open(self) -> None:
        self.all(lambda store: store.open())
        for name in ("w1", "w2", "w3"):
            for kind, store in self.stores.items():
                self.hearts[kind, name] = store.heart(WorkerInfo(id=name))

    @rule(jobs=st.lists(new_jobs(), min_size=1, max_size=4))
    def add(self, jobs: list[NewJob]) -> None:
        self.same(lambda store: store.add(jobs), [self.model.add(new) for new in jobs])

    @rule(worker=WORKERS)
    def beat(self, worker: str) -> None:
        expected = self.model.beat(worker, LEASE)
        answers = {kind: self.hearts[kind, worker].beat(LEASE) for kind in self.stores}
        assert answers == dict.fromkeys(self.stores, expected)

    @rule(worker=WORKERS)
    def leave(self, worker: str) -> None:
        for kind in self.stores:
            self.hearts[kind, worker].leave()
        self.model.leases[worker] = 0

    @rule(worker=WORKERS)
    def bury(self, worker: str) -> None:
        self.all(lambda store: store.bury([worker]))
        self.model.leases[worker] = 0

    @rule(worker=WORKERS, queues=QUEUES, want=st.integers(0, 4))
    def claim(self, worker: str, queues: tuple[str, ...], want: int) -> None:
        answers = self.all(lambda store: store.cycle(worker, [], queues, want))
        self._remember(
            {kind: answer.claims for kind, answer in answers.items()}, self.model.claim(worker, queues, want)
        )

    @rule(worker=WORKERS, data=st.data(), want=st.integers(0, 2))
    def settle_and_claim(self, worker: str, data: st.DataObject, want: int) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.claims), max_size=3)) if self.claims else []
        ended = [(kept, claims, data.draw(OUTCOMES), self._spent(data)) for kept, claims in chosen]
        answers = self.runner.run(self._cycle(worker, ended, want))
        lost = self._settle(ended)
        assert {kind: answer.lost for kind, answer in answers.items()} == dict.fromkeys(self.stores, lost)
        claimed = self.model.claim(worker, EVERYWHERE, want)
        self._remember({kind: answer.claims for kind, answer in answers.items()}, claimed)

    async def _cycle(self, worker: str, ended: list[Ended], want: int) -> dict[str, Cycle]:
        return {
            kind: await store.cycle(worker, [_ending(kind, each) for each in ended], EVERYWHERE, want)
            for kind, store in self.stores.items()
        }

    def _spent(self, data: st.DataObject) -> tuple[Spent, ...]:
        units, window = data.draw(UNITS), self.clock() // DAY
        return (Spent(DAILY.name, units, window),) if units else ()

    def _settle(self, ended: list[Ended]) -> set[str]:
        # Of several endings of one claim in one call the completion counts; a store may write completions first.
        in_order = sorted(ended, key=lambda each: each[2].state is not State.COMPLETED)
        return {each[0].new.id for each in in_order if not self.model.settle(each[0], _ending(self.any, each))}

    @rule(worker=WORKERS)
    def sweep(self, worker: str) -> None:
        answers = self.all(lambda store: store.sweep(worker, 1_000, take=1_000))
        promoted, expired, taken = self.model.sweep(worker)
        for answer in answers.values():
            assert (answer.promoted, answer.expired) == (promoted, expired)
        in_order = sorted(taken, key=lambda job: -job.new.priority)
        self._remember({kind: answer.taken for kind, answer in answers.items()}, in_order)

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

    @rule(ids=st.lists(IDS, min_size=1, max_size=2, unique=True), queue=st.sampled_from([None, *OF_NOBODY]),
          priority=st.sampled_from([None, 0, 5]))  # fmt: skip
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

    @rule(id=IDS)
    def cancel(self, id: str) -> None:
        self.same(lambda store: store.cancel([id]), [id] * self.model.cancel(id))

    @rule(id=IDS)
    def revive(self, id: str) -> None:
        self.clock.forward(1)  # of those who come to wait in one millisecond any may be the first
        self.same(lambda store: store.revive([id]), [id] * self.model.revive(id))
        self.clock.forward(1)

    @rule(id=IDS)
    def hold(self, id: str) -> None:
        self.same(lambda store: store.hold([id], "operator"), [id] * self.model.hold(id, "operator"))

    @rule(id=IDS)
    def delete(self, id: str) -> None:
        self._delete(id)

    def _delete(self, id: str) -> None:
        self.same(lambda store: store.delete([id]), [id] * self.model.delete(id))
        self.before.pop(id, None)  # an id may come back as another job

    @rule(tasks=st.sampled_from([None, ["greet", "bye"]]))
    def release(self, tasks: list[str] | None) -> None:
        self.same(lambda store: store.release("operator", tasks), self.model.release("operator"))

    @rule(state=st.sampled_from(sorted(FINAL)), age=st.sampled_from([0, 4_000]), runs=st.sampled_from([0, 1, 3]))
    def prune(self, state: State, age: int, runs: int) -> None:
        rules = Retention({state: age}, {"bye": {state: 2_000}}, runs)
        gone = sorted(self.model.outdated(rules))
        self.same(lambda store: _outdated(store, rules), gone)
        for id in gone:
            self._delete(id)

    @rule(milliseconds=st.sampled_from([1, 1_000, 5_000, LEASE]))
    def forward(self, milliseconds: int) -> None:
        self.clock.forward(milliseconds)

    @invariant()
    def the_world_sees_the_same(self) -> None:
        expected = {job.new.id: shown(job) for job in self.model.jobs}
        for kind, page in self.all(lambda store: store.find(Filter(), 100)).items():
            seen = {found.id: found for found in page.items}
            told = {id: {name: getattr(found, name) for name in expected.get(id, {})} for id, found in seen.items()}
            assert (kind, told) == (kind, expected)
            if kind == "sqlite":
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
