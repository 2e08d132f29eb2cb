"""Two stores that are given the same verbs, drawn by chance: all that can be read must be equal after each."""

import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from treadle.core.job import Claim, Ending, Filter, NewJob, Progress, Report, Snapshot, WorkerInfo
from treadle.core.outcomes import Outcome, cancel, complete, give_up, hand_back, hold, retry, skip, snooze
from treadle.core.retention import Retention
from treadle.core.states import FINAL, State
from treadle.core.store import Store
from treadle.testing import FakeClock

T = TypeVar("T")

LEASE = 10_000
IDS, WORKERS, REASONS, TASKS = "abcdefghijkl", ("w1", "w2", "w3"), ("operator", "moving"), ("greet", "sum")
START = FakeClock()()

WISHES: dict[str, Sequence[Any]] = {
    "id": IDS, "task": TASKS, "queue": ("q1", "q2"), "args": ("{}", '{"n":1}'), "priority": (0, 0, 0, 100, -100),
    "due_at": (None, None, None, START + 90_000), "due_in": (None, None, None, 0, 5_000), "max_attempts": (1, 2, 3),
    "expires_in": (None, None, None, 20_000), "result_ttl": (None, 0, 9_000), "owner": (None, "ada", ""),
    "tenant": (None, "acme"), "batch": (None, "b1", "b2"), "unique_key": (None, None, None, "u1", "u2"),
    "held": (None, None, None, None, *REASONS), "meta": (None, "{}"), "fresh": (False, True),
}  # fmt: skip

OUTCOMES = (
    complete("1"), complete("1"), complete(), skip("x"), retry(0), retry(5_000, '{"type":"E","message":"m"}'),
    snooze(0), snooze(2_000, "retry_later"), hand_back(), hold("operator"), give_up("error", "boom"), cancel("why"),
    Outcome(State.QUEUED, "crashed", crashed=True),
)  # fmt: skip

QUESTIONS: dict[str, Sequence[Any]] = {
    "states": ((), (), *((state,) for state in State), (State.QUEUED, State.FAILED)),
    "tasks": ((), (), ("greet",), ("sum", "nobody")), "queues": ((), (), ("q1",), ("q2", "nobody")),
    "owner": (None, None, "ada", ""), "tenant": (None, None, "acme"), "batch": (None, None, "b1"),
    "created_after": (None, None, START + 30_000),
}  # fmt: skip


class Beside:
    """Two stores that live by one clock, and the chance that plays with them.

    `scattered`: one of them keeps each queue apart, so that a cycle over several is not one transaction, a fresh id is
    not looked for in the others, and a lease reaches a new queue with the next beat.
    """

    def __init__(
        self, stores: tuple[Store, Store], clock: FakeClock, chance: random.Random, *, scattered: bool = False
    ) -> None:
        self.stores, self.clock, self.chance, self.scattered = stores, clock, chance, scattered
        self.hearts = {
            name: [store.heart(WorkerInfo(id=name, queues=("q1",), slots=3)) for store in stores] for name in WORKERS
        }
        self.claims: list[tuple[Claim, Claim]] = []
        self.gone: dict[str, Snapshot] = {}
        self.steps: list[str] = []

    async def both(self, verb: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
        """Give a verb to both and answer what both said."""
        first, second = [await verb(store) for store in self.stores]
        assert first == second
        return first

    def pick(self, choices: Sequence[T]) -> T:
        return self.chance.choice(choices)

    def some(self, choices: Sequence[T], most: int) -> list[T]:
        return [self.pick(choices) for _ in range(self.chance.randint(0, most if choices else 0))]

    async def play(self) -> None:
        """Take one step, and look at everything."""
        step = self.pick(DECK)
        self.steps.append(step.__name__)
        await step(self)
        await self.look()

    def note(self, *what: object) -> None:
        self.steps[-1] += f" {what}"

    # -- work --------------------------------------------------------------------------

    async def add(self) -> None:
        jobs = [
            NewJob(**{name: self.pick(choices) for name, choices in WISHES.items()})
            for _ in range(self.chance.randint(1, 5))
        ]
        jobs = [job._replace(fresh=job.fresh and not self.scattered) for job in jobs]
        self.note(jobs)
        await self.both(lambda store: store.add(jobs))

    async def claim(self) -> None:
        worker = self.pick(WORKERS)
        await self._beat(worker, 0)
        await self._cycle(worker, 0, self._queues([("q1", "q2"), ("q2", "q1")]), self.chance.randint(1, 4))

    async def end(self) -> None:
        """Settle, in one call with a claim or without."""
        queues = self._queues([("q1",), ("q2",), ("q1", "q2"), ()])
        await self._cycle(self.pick(WORKERS), 4, queues, self.chance.randint(0, 2))

    def _queues(self, choices: list[tuple[str, ...]]) -> tuple[str, ...]:
        return self.pick(choices)[: 1 if self.scattered else 2]

    async def _cycle(self, worker: str, most: int, queues: tuple[str, ...], want: int) -> None:
        ended = [(claims, self.pick(OUTCOMES), *self._tell()) for claims in self._recent(most)]
        self.note(worker, queues, want, [(claims[0].id, claims[0].epoch, *rest) for claims, *rest in ended])
        first, second = [
            await store.cycle(worker, [Ending(each[0][number], *each[1:]) for each in ended], queues, want)
            for number, store in enumerate(self.stores)
        ]
        assert first[1:] == second[1:]
        self._remember(first.claims, second.claims)

    async def beat(self) -> None:
        await self._beat(self.pick(WORKERS), 3)

    async def _beat(self, worker: str, most: int) -> None:
        said = [(claims, self._tell()) for claims in self._recent(most)]
        self.note(worker, [(claims[0].id, claims[0].epoch, rest) for claims, rest in said])
        first, second = [
            heart.beat(LEASE, [Report(claims[number], *rest) for claims, rest in said])
            for number, heart in enumerate(self.hearts[worker])
        ]
        assert first == second

    def _recent(self, most: int) -> list[tuple[Claim, Claim]]:
        """Choose claims, each once, of the latest: they are current more often than not."""
        chosen = {(claims[0].id, claims[0].epoch): claims for claims in self.some(self.claims[-8:], most)}
        return [*chosen.values()]

    def _tell(self) -> tuple[Progress | None, str | None]:
        progress = self.pick([None, None, Progress(1, 4), Progress(3, 4, 1, "three"), Progress(2)])
        return progress, self.pick([None, None, '[{"n":1}]', '[{"n":1},{"n":2}]'])

    async def relieve(self) -> None:
        """Let the others' leases end, and one take over what they held."""
        worker = self.pick(WORKERS)
        self.clock.forward(LEASE)
        await self._beat(worker, 0)
        await self._sweep(worker)

    async def sweep(self) -> None:
        worker = self.pick(WORKERS)
        if self.scattered:
            await self._beat(worker, 0)
        await self._sweep(worker)

    async def _sweep(self, worker: str) -> None:
        first, second = [await store.sweep(worker, 1_000, take=1_000) for store in self.stores]
        assert (first.promoted, first.expired, first.next_due) == (second.promoted, second.expired, second.next_due)
        self._remember(first.taken, second.taken)

    def _remember(self, first: list[Claim], second: list[Claim]) -> None:
        one, other = [
            [claim._replace(ref=0, taken=bool(claim.taken)) for claim in claims] for claims in (first, second)
        ]
        assert one == other
        self.claims += zip(first, second, strict=True)

    async def leave(self) -> None:
        for heart in self.hearts[self.pick(WORKERS)]:
            heart.leave()

    async def bury(self) -> None:
        worker = self.pick(WORKERS)
        await self.both(lambda store: store.bury([worker, "nobody"]))

    # -- operators ---------------------------------------------------------------------

    async def cancel(self) -> None:
        await self._steer(lambda store, ids: store.cancel(ids))

    async def hold(self) -> None:
        reason = self.pick(REASONS)
        await self._steer(lambda store, ids: store.hold(ids, reason))

    async def _steer(self, verb: Callable[[Store, list[str]], Coroutine[Any, Any, list[str]]]) -> None:
        ids = self.some(IDS, 3)
        self.note(ids)
        first, second = [await verb(store, ids) for store in self.stores]
        assert sorted(first) == sorted(second)

    async def revive(self) -> None:
        id = self.pick(IDS)
        self.note(id)
        await self.both(lambda store: store.revive([id]))

    async def release(self) -> None:
        reason, tasks = self.pick(REASONS), self.pick([None, None, [], ["sum"], [*TASKS]])
        await self.both(lambda store: store.release(reason, tasks))

    async def delete(self) -> None:
        id = self.pick(IDS)
        self.note(id)
        await self.both(lambda store: store.write(f"job:{id}", "step", "1"))
        found = await self.stores[0].get(id)
        if await self.both(lambda store: store.delete([id])) and found:
            self.gone[id] = found

    async def restore(self) -> None:
        jobs = self.some([*self.gone.values()], 2)
        self.note([job.id for job in jobs])
        await self.both(lambda store: store.restore(jobs))

    async def prune(self) -> None:
        state, age, task = self.pick(sorted(FINAL)), self.pick([0, 4_000]), self.pick(TASKS)
        # In a cluster each queue keeps the last runs of a task.
        rules = Retention({state: age}, {task: {state: 2_000}}, 0 if self.scattered else self.pick([0, 1, 2]))
        gone = await self.both(lambda store: outdated(store, rules))
        await self.both(lambda store: deleted(store, gone))

    async def forward(self) -> None:
        self.clock.forward(self.pick([1, 1_000, 5_000]))

    # -- looking -----------------------------------------------------------------------

    async def find(self) -> None:
        for _ in range(5):
            filter = Filter(**{name: self.pick(choices) for name, choices in QUESTIONS.items()})
            self.note(filter)
            limit = self.chance.randint(1, 4)
            await self.both(lambda store, filter=filter, limit=limit: pages(store, filter, limit))  # type: ignore[misc]  # bound now
            await self.both(lambda store, filter=filter: store.count(filter))  # type: ignore[misc]  # bound now

    async def look(self) -> None:
        there = {snapshot.id for snapshot in await self.both(dumped)}
        # An id that comes back as another job is told apart by SQLite alone: here nothing but the time of its claim.
        self.claims = [claims for claims in self.claims if claims[0].id in there]
        await self.both(lambda store: store.count(Filter()))
        await self.both(self._workers)
        await self.both(lambda store: store.read("job:a"))
        for worker in WORKERS:
            first, second = [await store.claims(worker) for store in self.stores]
            assert [(claim.id, claim.epoch) for claim in first] == [(claim.id, claim.epoch) for claim in second]

    async def _workers(self, store: Store) -> list[WorkerInfo]:
        workers = await store.workers()
        return sorted(worker._replace(started_at=0) for worker in workers) if self.scattered else workers


#: What is drawn, as often as it stands here.
DECK: list[Callable[[Beside], Coroutine[Any, Any, None]]] = [
    *[Beside.add] * 4, *[Beside.claim] * 5, *[Beside.end] * 6, Beside.beat, Beside.relieve, Beside.sweep, Beside.leave,
    Beside.bury, *[Beside.cancel] * 2, Beside.hold, *[Beside.revive] * 2, *[Beside.release] * 2, Beside.delete,
    Beside.restore, Beside.prune, Beside.forward, Beside.find,
]  # fmt: skip


def told(snapshot: Snapshot) -> Snapshot:
    """Leave out where a store has its job."""
    return snapshot._replace(cursor="")


async def outdated(store: Store, rules: Retention) -> list[str]:
    return sorted(await store.outdated(rules, 100))


async def deleted(store: Store, ids: Sequence[str]) -> list[str]:
    return sorted(await store.delete(ids))


async def pages(store: Store, filter: Filter, limit: int) -> list[list[Snapshot]]:
    found, cursor = list[list[Snapshot]](), None
    while True:
        page = await store.find(filter, limit, cursor)
        found.append([told(snapshot) for snapshot in page.items])
        cursor = page.next_cursor
        if cursor is None:
            return found


async def dumped(store: Store) -> list[Snapshot]:
    found, after = list[Snapshot](), None
    while True:
        part = await store.dump(after, 3)
        found += map(told, part.items)
        after = part.after
        if after is None:
            return found
