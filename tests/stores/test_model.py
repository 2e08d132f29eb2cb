"""The same verbs, drawn at random, given to a store and to the model: what the world sees must be equal after each.

PROMISES 4.2. Old claims are settled too; a failure prints the steps that lead to it.
"""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.stores.model import Kept, Model
from treadle.core.job import Claim, Ending, Filter, NewJob, Snapshot, WorkerInfo
from treadle.core.outcomes import Outcome, cancel, complete, give_up, hand_back, hold, retry, skip, snooze
from treadle.core.states import FINAL, LEADS_TO, State
from treadle.core.store import Heart, Store
from treadle.stores import open_store
from treadle.testing import FakeClock

T = TypeVar("T")

LEASE = 10_000

IDS = st.sampled_from("abcdefgh")
WORKERS = st.sampled_from(["w1", "w2", "w3"])
QUEUES = st.sampled_from([("q1",), ("q2",), ("q1", "q2"), ()])
SHORT = st.sampled_from([None, 0, 1_000, 5_000])
NEW = st.builds(
    NewJob,
    id=IDS,
    task=st.just("greet"),
    queue=st.sampled_from(["q1", "q2"]),
    args=st.just("{}"),
    priority=st.sampled_from([0, 0, 0, 5, -5]),
    due_at=st.none(),
    due_in=SHORT,
    max_attempts=st.integers(1, 3),
    expires_in=st.sampled_from([None, None, 3_000, 20_000]),
    unique_key=st.sampled_from([None, None, "u1", "u2"]),
    held=st.sampled_from([None, None, None, "operator"]),
    **dict.fromkeys(("result_ttl", "owner", "tenant", "batch", "meta"), st.none()),
)
OUTCOMES = st.sampled_from([
    complete("1"), complete(), skip("x"), retry(0), retry(5_000), snooze(0), snooze(2_000, "retry_later"),
    hand_back(), hold("operator"), give_up("error", "boom"), cancel("why"),
])  # fmt: skip


def shown(job: Kept) -> dict[str, object]:
    """Say of a job in the model what a snapshot says."""
    names = ("state", "reason", "attempt", "max_attempts", "epoch", "crashes", "worker", "result", "finished_at")
    return {name: getattr(job, name) for name in names} | {
        "due_at": job.due_at, "expires_at": job.expires_at, "cancelling": job.cancel and job.state is State.RUNNING,
    }  # fmt: skip


class Differential(RuleBasedStateMachine):
    """A store beside the model."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="model")
        self.clock = FakeClock()
        self.model = Model(self.clock)
        self.store: Store = open_store(f"sqlite:///{Path(self.folder.name) / 'jobs.db'}?durability=fast", self.clock)
        self.hearts: dict[str, Heart] = {}
        self.claims: list[tuple[Kept, Claim]] = []
        self.before: dict[str, Snapshot] = {}

    def run(self, verb: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(verb)

    @initialize()
    def open(self) -> None:
        self.run(self.store.open())
        for name in ("w1", "w2", "w3"):
            self.hearts[name] = self.store.heart(WorkerInfo(id=name))

    @rule(jobs=st.lists(NEW, min_size=1, max_size=4))
    def add(self, jobs: list[NewJob]) -> None:
        assert self.run(self.store.add(jobs)) == [self.model.add(new) for new in jobs]

    @rule(worker=WORKERS)
    def beat(self, worker: str) -> None:
        assert self.hearts[worker].beat(LEASE) == self.model.beat(worker, LEASE)

    @rule(worker=WORKERS)
    def leave(self, worker: str) -> None:
        self.hearts[worker].leave()
        self.model.leases[worker] = 0

    @rule(worker=WORKERS)
    def bury(self, worker: str) -> None:
        self.run(self.store.bury([worker]))
        self.model.leases[worker] = 0

    @rule(worker=WORKERS, queues=QUEUES, want=st.integers(0, 4))
    def claim(self, worker: str, queues: tuple[str, ...], want: int) -> None:
        answer = self.run(self.store.cycle(worker, [], queues, want))
        self._remember(answer.claims, self.model.claim(worker, queues, want))

    @rule(worker=WORKERS, data=st.data(), want=st.integers(0, 2))
    def settle_and_claim(self, worker: str, data: st.DataObject, want: int) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.claims), max_size=3)) if self.claims else []
        ended = [(kept, claim, data.draw(OUTCOMES)) for kept, claim in chosen]
        answer = self.run(self.store.cycle(worker, [Ending(*each[1:]) for each in ended], ("q1", "q2"), want))
        assert answer.lost == self._settle(ended)
        self._remember(answer.claims, self.model.claim(worker, ("q1", "q2"), want))

    def _settle(self, ended: list[tuple[Kept, Claim, Outcome]]) -> set[str]:
        # Of several endings of one claim in one call the completion counts; a store may write completions first.
        in_order = sorted(ended, key=lambda each: each[2].state is not State.COMPLETED)
        return {claim.id for kept, claim, outcome in in_order if not self.model.settle(kept, claim, outcome)}

    @rule(worker=WORKERS)
    def sweep(self, worker: str) -> None:
        answer = self.run(self.store.sweep(worker, 1_000, take=1_000))
        promoted, expired, taken = self.model.sweep(worker)
        assert (answer.promoted, answer.expired) == (promoted, expired)
        self._remember(answer.taken, sorted(taken, key=lambda job: -job.new.priority))

    def _remember(self, claims: list[Claim], expected: list[Kept]) -> None:
        told = [(claim.id, claim.attempt, claim.epoch, claim.crashes, claim.max_attempts) for claim in claims]
        assert told == [(job.new.id, job.attempt, job.epoch, job.crashes, job.max_attempts) for job in expected]
        self.claims += zip(expected, claims, strict=True)

    @rule(id=IDS)
    def cancel(self, id: str) -> None:
        assert self.run(self.store.cancel([id])) == [id] * self.model.cancel(id)

    @rule(id=IDS)
    def revive(self, id: str) -> None:
        assert self.run(self.store.revive([id])) == [id] * self.model.revive(id)

    @rule()
    def release(self) -> None:
        assert self.run(self.store.release("operator", ["greet"])) == self.model.release("operator")

    @rule(state=st.sampled_from(sorted(FINAL)), age=st.sampled_from([0, 4_000]))
    def purge(self, state: State, age: int) -> None:
        gone = self.run(self.store.purge({state: age}, 100))
        assert gone == self.model.purge({state: age})
        self.before.clear()  # an id may come back as another job

    @rule(milliseconds=st.sampled_from([1, 1_000, 5_000, LEASE]))
    def forward(self, milliseconds: int) -> None:
        self.clock.forward(milliseconds)

    @invariant()
    def the_world_sees_the_same(self) -> None:
        seen = {found.id: found for found in self.run(self.store.find(Filter(), 100)).items}
        expected = {job.new.id: shown(job) for job in self.model.jobs}
        assert {
            id: {name: getattr(found, name) for name in expected.get(id, {})} for id, found in seen.items()
        } == expected
        self._moved_legally(seen)

    def _moved_legally(self, seen: dict[str, Snapshot]) -> None:
        for id, before in self.before.items():
            after = seen[id]
            assert after.epoch >= before.epoch
            assert after.state is before.state or _leads(before.state, after.state)
        self.before = seen

    def teardown(self) -> None:
        for heart in self.hearts.values():
            heart.close()
        self.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()


def _leads(source: State, target: State) -> bool:
    """Say whether one call may lead from here to there: settle and claim are one call, so are expire and promote."""
    step = LEADS_TO[source]
    return target in step or any(target in LEADS_TO[between] for between in step)


TestDifferential = Differential.TestCase
TestDifferential.settings = settings(max_examples=60, stateful_step_count=40)
