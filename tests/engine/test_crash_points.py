"""Every call that a worker's life makes to its store is the moment of its death once, before and after it was done.

PROMISES 4.3: afterwards a fresh worker finds everything as it must be. The life is one in which much has happened
before: predecessors have died with jobs in their hands, silently or provably, an answer got lost, a job is held for a
task that nobody knew, another has taken down two workers, a third is old enough to go.
"""

import asyncio
import inspect
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from tests.engine.mortal import Dead, Mortal, Point
from tests.engine.scene import eventually, new_worker, running
from tests.stores.places import KINDS
from treadle import Budget, Context, NotDone, OutcomeUnknown, Retry, Snooze, StoreUnavailable, Treadle, Unique
from treadle.core.events import Event, Fenced, WorkerStarted
from treadle.core.job import Claim, Ending, Filter, NewJob, Snapshot, WorkerInfo
from treadle.core.outcomes import Outcome, complete, hold, retry
from treadle.core.states import Reason, State
from treadle.core.store import Store
from treadle.engine.neighbours import identify, pid_space
from treadle.schedule import Scheduler
from treadle.stores import open_store
from treadle.testing import FakeClock

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not pid_space(), reason="not on this platform: no proof of death"),
]

#: A heartbeat, a fifth of it, is what whoever comes after waits before it takes over from the silent.
LEASE = 1_000

#: The lease of the silent one: over before the worker's own is.
SHORT_LEASE = 800

#: Two sweeps in a life: the second takes over from the silent.
SWEEP = 350

#: Fewer would make more calls, all of the same kinds.
SLOTS = 12

BUSY = {State.SCHEDULED, State.QUEUED, State.RUNNING}

EIGHT_DAYS = 8 * 24 * 3600 * 1000

#: What only operators and onlookers say to a store. All else belongs to a worker's life.
OPERATORS = {
    "close", "schema", "migrate", "facts", "cancel", "revive", "hold",
    "get", "find", "count", "dump", "restore", "survey", "alter", "steer",
}  # fmt: skip


class Fate(NamedTuple):
    """What is to become of a job."""

    runs: int = 1
    state: State = State.COMPLETED
    crashes: int = 0
    """Of its predecessors."""


#: What is enqueued by the worker's own process, by its task; the id is the same.
ENQUEUED = {
    "fails once": Fate(runs=2),
    "snoozes": Fate(runs=2),
    "has a child": Fate(),
    "is unique": Fate(),
    "charges": Fate(runs=2),
    "charges and can look": Fate(),
    "commits": Fate(),
    "spends": Fate(),
    "plain": Fate(),
    "is unknown": Fate(runs=0, state=State.HELD),
}

#: What comes of it: the child of one, what another's transaction adds, a schedule's job.
BORN_LATER = {"child": Fate(), "follows": Fate(), "is due": Fate()}

#: What predecessors have left behind.
LEFT = {
    "was unknown": Fate(),
    "kills": Fate(runs=0, state=State.FAILED, crashes=3),
    "was a dead one's": Fate(crashes=1),
    "was a silent one's": Fate(crashes=1),
    "was answered to nobody": Fate(),
}


@dataclass
class World:
    """What is outside of the store, and survives whoever dies."""

    sql: bool
    runs: list[tuple[str, int]] = field(default_factory=list)
    """Task and epoch of each attempt that began."""
    charged: Counter[str] = field(default_factory=Counter)
    stale: list[tuple[str, Claim]] = field(default_factory=list)
    """Claims of the dead, and who held them."""
    faults: int = 0
    """Deaths, and stalls of this machine that a worker had to take for an outage: each may cost a job one run more."""

    @property
    def enqueued(self) -> dict[str, Fate]:
        return {name: fate for name, fate in ENQUEUED.items() if self.sql or name != "commits"}

    @property
    def born_later(self) -> dict[str, Fate]:
        return {name: fate for name, fate in BORN_LATER.items() if self.sql or name != "follows"}

    @property
    def fates(self) -> dict[str, Fate]:
        return self.enqueued | self.born_later | LEFT

    unknown: bool = False
    """Nobody can tell any more whether a charge was made."""

    def heard(self, event: Event) -> None:
        self.faults += isinstance(event, Fenced)

    def began(self, ctx: Context) -> None:
        self.runs.append((ctx.task, ctx.epoch))

    def ran(self, task: str) -> int:
        return sum(name == task for name, _ in self.runs)

    def charge(self, ctx: Context) -> str:
        self.charged[ctx.task] += 1
        return "charged"

    def look(self, ctx: Context) -> str:
        if not self.charged[ctx.task]:
            raise NotDone
        return "charged"


def with_tasks(store: Any, world: World) -> Treadle:
    """An application whose tasks do all that makes a worker talk to its store."""
    app = Treadle(store, keep_runs=0)
    app.listeners.append(world.heard)

    @app.task("plain", context=True)
    async def plain(ctx: Context) -> str:
        world.began(ctx)
        if isinstance(store, Mortal):  # one beat with something to tell is enough, and it is waited for
            ctx.progress(1, 2, note="half")
            ctx.log("said")
        return "plain"

    @app.task("fails once", context=True, retry=Retry(3, 0))
    async def fails_once(ctx: Context) -> str:
        world.began(ctx)
        if world.ran(ctx.task) == 1:
            raise ZeroDivisionError
        return "at last"

    @app.task("snoozes", context=True)
    async def snoozes(ctx: Context) -> str:
        world.began(ctx)
        if world.ran(ctx.task) == 1:
            raise Snooze(0)
        return "awake"

    @app.task("has a child", context=True)
    async def has_a_child(ctx: Context) -> str:
        world.began(ctx)
        await app.tasks["child"].using(id="child").aenqueue()
        return "proud"

    @app.task("charges", context=True, retry=Retry(3, 0))
    async def charges(ctx: Context) -> str:
        world.began(ctx)
        answer = await ctx.once("charge", lambda: world.charge(ctx))
        if world.ran(ctx.task) == 1:
            raise ZeroDivisionError
        return answer

    @app.task("charges and can look", context=True)
    async def charges_and_can_look(ctx: Context) -> str:
        world.began(ctx)
        return await ctx.once("charge", lambda: world.charge(ctx), resolve=lambda: world.look(ctx))

    @app.task("commits", context=True)
    async def commits(ctx: Context) -> str:
        world.began(ctx)
        async with ctx.tx() as tx:
            inserted = tx.connection.execute("INSERT INTO orders VALUES ('commits')")
            if inspect.isawaitable(inserted):
                await inserted
            await app.tasks["follows"].using(tx=tx, id="follows").aenqueue()
            tx.result = "committed"
        return "this is not kept"

    @app.task("spends", context=True, budget=Budget("100/day", unit="tokens"))
    async def spends(ctx: Context) -> str:
        world.began(ctx)
        await ctx.spend(tokens=3)
        return "spent"

    async def simple(ctx: Context) -> str:
        world.began(ctx)
        return "done"

    for name in ("is unique", "was a dead one's"):
        app.task(name, context=True, unique=Unique())(simple)
    for name in ("child", "follows", "old", "was unknown", "kills", "was a silent one's", "was answered to nobody"):
        app.task(name, context=True)(simple)
    app.every(timedelta(days=1))(app.task("is due", context=True)(simple))
    return app


# -- before ----------------------------------------------------------------------------


async def leave_behind(store: Store, clock: FakeClock, world: World, me: str) -> None:
    """Do what others did before, and this worker of that name itself, without knowing it."""
    app = with_tasks(store, world)
    await Scheduler(app).tick()
    dead = await hired(store, identify("dead", ["default"], 10)._replace(born="1"), 2 * EIGHT_DAYS)

    async def enqueued(name: str) -> None:
        await app.tasks[name].using(id=name).aenqueue()

    async def ended_as(outcome: Outcome) -> None:
        (claim,) = await claimed(store, dead)
        assert not (await store.cycle(dead, [Ending(claim, outcome)], (), 0)).lost

    await enqueued("old")
    await ended_as(complete('"long ago"'))
    clock.forward(EIGHT_DAYS)
    await enqueued("was unknown")
    await ended_as(hold(Reason.UNKNOWN_TASK))
    await enqueued("kills")
    for _ in range(2):
        await ended_as(retry(0, reason=Reason.CRASHED)._replace(crashed=True))
    await enqueued("was a dead one's")
    world.stale += [(dead, claim) for claim in await claimed(store, dead, 2)]
    await enqueued("was a silent one's")
    silent = await hired(store, WorkerInfo(id="silent", host="elsewhere"), SHORT_LEASE)
    world.stale += [(silent, claim) for claim in await claimed(store, silent)]
    await enqueued("was answered to nobody")
    await claimed(store, await hired(store, identify(me, ["default"], SLOTS), LEASE))


async def hired(store: Store, who: WorkerInfo, lease: int) -> str:
    """Have a worker hold a lease, and say no more; answer its id."""
    heart = store.heart(who)
    await asyncio.to_thread(heart.beat, lease)
    await asyncio.to_thread(heart.close)
    return who.id


async def claimed(store: Store, who: str, want: int = 1) -> list[Claim]:
    """Have a worker take so many jobs, which must be there."""
    claims = (await store.cycle(who, [], ["default"], want)).claims
    assert len(claims) == want
    return claims


# -- a life, and another -----------------------------------------------------------------


async def live(mortal: Mortal, store: Store, clock: FakeClock, world: World) -> list[str]:
    """Enqueue, work until nothing is left, and answer what was acknowledged until the end, whichever it was."""
    app, acknowledged, loop = with_tasks(mortal, world), list[str](), asyncio.get_running_loop()

    def time_goes_by(event: Event) -> None:
        if isinstance(event, WorkerStarted):
            clock.forward(SHORT_LEASE)

    app.listeners.append(time_goes_by)
    worker = new_worker(app, lease=LEASE, sweep=SWEEP, slots=SLOTS)
    await leave_behind(store, clock, world, worker.id)
    try:
        wished = [app.tasks[name].using(id=name).call().job for name in world.enqueued if name in app.tasks]
        unknown = NewJob(id="is unknown", task="is unknown", queue="default", args="{}")
        acknowledged += [added.id for added in await app.store.add([*wished, unknown])]
        await Scheduler(app).tick()
        life = asyncio.ensure_future(worker.run())
        mortal.on_death = lambda: loop.call_soon_threadsafe(life.cancel)

        async def over() -> bool:
            return life.done() or await is_at_rest(store)

        await eventually(over)
        worker.stop()
        await life
    except* (Dead, asyncio.CancelledError, StoreUnavailable):
        assert mortal.dead
    await mortal.lay_to_rest()
    return acknowledged


async def is_at_rest(store: Store) -> bool:
    """Say whether all that can be done is done."""
    counts = await store.count(Filter())
    if any(state in BUSY for _, state in counts):
        return False
    jobs = await everything(store)
    held = {task for task, job in jobs.items() if job.state is State.HELD}
    return "old" not in jobs and held <= {"is unknown"} and all(jobs[task].state.final for task in jobs.keys() - held)


async def everything(store: Store) -> dict[str, Snapshot]:
    """Find all jobs, of which there is one a task."""
    items = (await store.find(Filter(), 100)).items
    jobs = {job.task: job for job in items}
    assert len(jobs) == len(items), "P1, P9: nobody came twice"
    return jobs


class Estate(NamedTuple):
    """What was there when a worker had ended, one way or the other."""

    jobs: dict[str, Snapshot]
    ran: Counter[str]
    crashes: dict[str, int]
    """How often each job has crashed, once all who are dead by now are buried."""


async def look_at(store: Store, world: World) -> Estate:
    jobs = await everything(store)
    crashes = {task: job.crashes for task, job in jobs.items()}
    for holder in {job.worker for job in jobs.values() if job.worker and job.state is State.RUNNING}:
        for claim in await store.claims(holder):
            world.stale.append((holder, claim))
            crashes[claim.task] += not claim.taken
    if world.sql:
        done = "commits" in jobs and jobs["commits"].state is State.COMPLETED
        assert await orders(store) == ["commits"] * done, "what a task wrote is there exactly if it completed by it"
        assert ("follows" in jobs) == done, "P15"
    return Estate(jobs, Counter(task for task, _ in world.runs), crashes)


async def tidy_up(store: Store, clock: FakeClock, world: World) -> None:
    """Let another worker do what is left, once the dead one's lease is over."""
    clock.forward(LEASE)
    app = with_tasks(store, world)
    await Scheduler(app).tick()
    async with running(new_worker(app, lease=LEASE, sweep=20, slots=SLOTS)):
        await eventually(lambda: is_at_rest(store))


# -- what must be true afterwards --------------------------------------------------------


async def check(store: Store, world: World, acknowledged: list[str], estate: Estate) -> None:
    jobs = await everything(store)
    assert {*acknowledged, *LEFT} <= {job.id for job in jobs.values()}, "P1: what was acknowledged is there"
    assert set(jobs) <= set(world.fates), "P1, P16: nobody else"
    assert "is due" in jobs, "P9"
    assert ("child" in jobs) == ("has a child" in jobs), "P15: a child as soon as its parent completed"
    for task, job in jobs.items():
        check_fate(world, job, world.fates[task])
        crashes = estate.crashes.get(task, 0)
        assert job.crashes == crashes, f"P12: {task} crashed {crashes} times, not {job.crashes}"
        assert 0 <= crashes - world.fates[task].crashes <= world.faults, "P12: one death is one crash"
        before = estate.jobs.get(task)
        if before and before.state.final:
            assert (job.epoch, world.ran(task)) == (before.epoch, estate.ran[task]), (
                f"P7: {task} was over, and ran again"
            )
    assert len(set(world.runs)) == len(world.runs), "P4: a claim is run once"
    check_charges(world, jobs)
    assert (await look_at(store, world)).jobs == jobs
    for holder, claim in world.stale:
        lost = (await store.cycle(holder, [Ending(claim, complete('"stale"'))], (), 0)).lost
        assert lost == {claim.id}, f"P6: {holder} is dead"
    assert await everything(store) == jobs, "P6"
    again = [NewJob(f"again {id}", "plain", "default", "{}", unique_key=job.unique_key) for id, job in jobs.items()]
    keyed = [job for job in again if job.unique_key]
    assert len(keyed) >= 2
    assert all(added.new for added in await store.add(keyed)), "P8: unique keys are free at the end"


def check_fate(world: World, job: Snapshot, fate: Fate) -> None:
    """See that a job ended as meant; of `charges` more is asked elsewhere."""
    task, ran = job.task, world.ran(job.task)
    if task == "charges" and job.state is State.FAILED:
        return
    assert job.state is fate.state, f"{task} is {job.state}"
    assert fate.runs <= ran <= fate.runs + world.faults, f"P7: {task} ran {ran} times"
    assert job.result or job.state is not State.COMPLETED, f"P15: with its end came the result of {task}"
    assert job.epoch >= job.attempt >= (fate.runs > 0), "P2: each attempt was on record"


def check_charges(world: World, jobs: dict[str, Snapshot]) -> None:
    """See that each effect happened once, or that nobody can know: who began it died before the end."""
    for task in {"charges", "charges and can look"} & jobs.keys():
        known = jobs[task].state is State.COMPLETED
        assert known <= world.charged[task] <= 1, f"{task}: {world.charged[task]} times"
        if not known:
            failure = jobs[task].failure
            assert (task, failure and failure.type) == ("charges", OutcomeUnknown.__name__)
            assert world.faults
            world.unknown = True


async def orders(store: Store) -> list[str]:
    """Read what `commits` has written."""
    return [name for (name,) in await asked(store, "SELECT name FROM orders")]


async def asked(store: Store, *statements: str) -> list[Any]:
    """Run statements, each in a transaction of its own, and answer the rows of the last."""
    connection: Any = await store.connect()
    rows: list[Any] = []
    try:
        for statement in statements:
            if isinstance(connection, sqlite3.Connection):
                rows = connection.execute(statement).fetchall()
            else:
                rows = await connection.fetch(statement)
    finally:
        closed = connection.close()
        if inspect.isawaitable(closed):
            await closed
    return rows


# -- every point -------------------------------------------------------------------------


async def play(url: str, sql: bool, fatal: Point | None, done: bool) -> tuple[Mortal, World]:
    """Let a worker live until this point, then another, and check what both did."""
    clock, world = FakeClock(), World(sql)
    store = open_store(url, clock)
    await store.open()
    if world.sql:
        await asked(store, "DROP TABLE IF EXISTS orders", "CREATE TABLE orders (name TEXT)")
    mortal = Mortal(store, fatal, done)
    try:
        acknowledged = await live(mortal, store, clock, world)
        estate = await look_at(store, world)
        if mortal.dead:
            world.faults += 1
            await tidy_up(store, clock, world)
        await check(store, world, acknowledged, estate)
    except BaseException as error:
        told = " ".join(f"{call.verb}/{call.number}" for call in mortal.calls)
        error.add_note(f"It was to die at {fatal}, and called: {told}")
        raise
    finally:
        await store.close()
    return mortal, world


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_worker_may_die_at_any_call(new_place: Callable[[str], str], kind: str, done: bool) -> None:
    async def lived(fatal: Point | None) -> tuple[Mortal, World]:
        return await play(await asyncio.to_thread(new_place, kind), kind != "redis", fatal, done)

    calls = (await lived(None))[0].calls
    lives = [await lived(fatal) for fatal in calls]
    killed = {fatal.verb for fatal, (mortal, _) in zip(calls, lives, strict=True) if mortal.dead}
    verbs = {name for name, verb in vars(Store).items() if inspect.iscoroutinefunction(verb)} - OPERATORS
    verbs |= {"beat", "leave", "enlisted.add", "enlisted.complete", "tx.begin", "tx.insert", "tx.commit"}
    if kind == "redis":
        verbs = {verb for verb in verbs if verb != "connect" and "." not in verb}
    assert killed == verbs, "these are all that a worker's life consists of"
    assert any(world.unknown for _, world in lives), "the worst moment of all was among them"
