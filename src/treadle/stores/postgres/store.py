"""The Store protocol on PostgreSQL: each verb travels over a connection of the event loop that asks."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import asyncpg

from treadle.core.errors import StoreError
from treadle.core.flow.steering import Steer
from treadle.core.ids import Clock
from treadle.core.job import (
    Added,
    Claim,
    Cycle,
    Ending,
    Filter,
    NewJob,
    Page,
    Record,
    Schema,
    Slice,
    Snapshot,
    StoreFacts,
    Survey,
    Swept,
    WorkerInfo,
)
from treadle.core.retention import Retention
from treadle.core.states import State
from treadle.core.store import Enlisted, Heart
from treadle.stores.borrowed import borrow
from treadle.stores.door import Door
from treadle.stores.ear import Ear, Line
from treadle.stores.inbox import Inbox
from treadle.stores.loops import PerLoop
from treadle.stores.postgres import queries, retaining, steering, verbs
from treadle.stores.postgres.ear import Glances, Notifications
from treadle.stores.postgres.enlisted import PostgresEnlisted
from treadle.stores.postgres.errors import LOST_RACES, explained
from treadle.stores.postgres.flow import claiming, surveying, tidying
from treadle.stores.postgres.flow import steering as flow_steering
from treadle.stores.postgres.flow.memory import Memory
from treadle.stores.postgres.heart import PostgresHeart
from treadle.stores.postgres.lines import Lines
from treadle.stores.postgres.lookout import Lookout, Places
from treadle.stores.postgres.migrate import migrate, read_schema, require
from treadle.stores.postgres.probe import Server, facts_of, probe, refuse_unfit
from treadle.stores.postgres.settings import PostgresSettings, place_of
from treadle.stores.postgres.statements import Statements
from treadle.stores.postgres.strays import Strays
from treadle.stores.steps import Steps, T

log = logging.getLogger("treadle.stores")

#: Jobs that callers of one moment add together at most.
BATCH = 1_000


class PostgresStore:
    """Jobs in one schema of one database. May be used from several event loops, and after a fork."""

    def __init__(self, settings: PostgresSettings, clock: Clock | None, lookout: Lookout | None = None) -> None:
        self._settings = settings
        self._sql = Statements(settings.schema, clock)
        self._door = Door("treadle-postgres")
        self._ear = Ear(self._door, self._make_line)
        self._lookout = lookout or Lookout()
        self._strays = Strays()
        self._flow = False
        """The last claim has found open lanes, or something steered."""
        self._memory = Memory()
        self._slice = tidying.START
        self._server: Server | None = None
        self._loops = PerLoop(self._connect, Loop.close)
        self._hearts: list[PostgresHeart] = []

    @property
    def url(self) -> str:
        return self._settings.url

    @property
    def lanes(self) -> int:
        return 2  # the server works on one cycle while the other's answer is on its way

    async def open(self) -> None:
        await self._loops.get()

    async def close(self) -> None:
        self._ear.close()
        for heart in self._hearts:
            await asyncio.to_thread(heart.close)
        self._hearts.clear()
        await self._loops.close()
        await asyncio.to_thread(self._door.close)
        self._server = None

    async def schema(self) -> Schema:
        return await self._directly(read_schema, self._settings.call_timeout)

    async def migrate(self) -> Schema:
        await self._look()
        return await self._directly(migrate)

    async def facts(self) -> StoreFacts:
        return facts_of(self._server or await self._look(), self._settings)

    # -- connecting ----------------------------------------------------------------

    async def _connect(self) -> "Loop":
        with explained(self._settings):
            return Loop(Lines(self._settings, await self._is_pooled()), self._sql)

    async def _connect_heart(self) -> Lines:
        return Lines(self._settings, await self._is_pooled(), size=1, by_index=True)

    async def _make_line(self) -> Line:
        return Glances() if await self._is_pooled() else Notifications(self._settings)

    async def _is_pooled(self) -> bool:
        return (await self._known_server()).pooled

    async def _known_server(self) -> Server:
        if self._server is None:
            self._server = await self._open()
        return self._server

    async def _look(self) -> Server:
        """Look whether the server is fit for use."""
        with explained(self._settings):
            server = await probe(self._settings)
        refuse_unfit(server, self._settings)
        return server

    async def _open(self) -> Server:
        """Look whether the server and its tables are fit for use."""
        server = await self._look()
        if self._settings.migrate:
            await self._directly(migrate)
        else:
            require(await self.schema(), self._settings)
        for note in facts_of(server, self._settings).notes:
            log.warning("PostgreSQL, %s: %s", place_of(self._settings), note)
        return server

    async def _directly(self, act: Callable[[Any, PostgresSettings], Awaitable[T]], patience: float | None = None) -> T:
        """Do something on a connection that is there for it alone."""
        with explained(self._settings):
            connection = await asyncpg.connect(
                self._settings.dsn,
                timeout=self._settings.connect_timeout,
                command_timeout=patience,
                statement_cache_size=0,
                server_settings={"application_name": "treadle"},
            )
            try:
                return await act(connection, self._settings)
            finally:
                await connection.close(timeout=self._settings.connect_timeout)

    async def _ask(self, verb: Callable[[], Steps[T]], *, alone: bool = False) -> T:
        loop = await self._loops.get()
        return await loop.lines(verb, alone=alone)

    # -- those who enqueue, and workers ----------------------------------------------

    async def add(self, jobs: Sequence[NewJob]) -> list[Added]:
        if not jobs:
            return []
        loop = await self._loops.get()
        added = await loop.inbox.put(jobs)
        self._lookout.notice(jobs)
        return added

    async def cycle(
        self, worker: str, ended: Sequence[Ending], queues: Sequence[str], want: int, shares: Sequence[int] = ()
    ) -> Cycle:
        loop = await self._loops.get()
        returns = any(ending.outcome.state is State.QUEUED for ending in ended)
        if returns:
            self._lookout.forget()
        self._send_scout(loop, queues)
        look = self._lookout.begin(queues)
        found = await self._cycle(loop, worker, ended, queues, look.begin, want, shares)
        if found.took is not None and want and queues:
            self._lookout.learn(look, found.places, found.took, found.cycle.now)
        if returns:
            self._lookout.forget()  # another claim may have looked between
        cycle = found.cycle
        self._note(worker, cycle.claims, ended)
        partial = found.took is not None and not (look.from_start or look.sure) and len(cycle.claims) < want
        return cycle._replace(partial=partial)

    async def _cycle(self, loop: "Loop", worker: str, ended: Sequence[Ending], *asked: Any) -> verbs.Found:
        """Take the way on which nobody waits for others, as long as nothing waits in lanes and nobody steers."""
        likely = self._flow or verbs.needs_lock(ended)
        if not likely and verbs.is_plain(ended):
            found = await loop.lines(lambda: verbs.cycle(self._sql, worker, ended, *asked), alone=True)
            if not found.flow:
                return found
            likely = True
        found = await loop.lines(
            lambda: claiming.cycle(self._sql, worker, ended, *asked, likely=likely, memory=self._memory)
        )
        self._flow = found.flow
        return found

    def _send_scout(self, loop: "Loop", queues: Sequence[str]) -> None:
        known = self._lookout.scout(queues)
        if known is not None:
            loop.send(self._scout(queues, known))

    async def _scout(self, queues: Sequence[str], known: Places) -> None:
        with contextlib.suppress(StoreError):  # whoever claims hears of it as well
            firsts, took = await self._ask(lambda: verbs.scout(self._sql, queues), alone=True)
            self._lookout.hear(known, firsts, took)

    async def claims(self, worker: str) -> list[Claim]:
        claims = await self._ask(lambda: verbs.claims(self._sql, worker), alone=True)
        self._note(worker, claims)
        return claims

    def _note(self, worker: str, claims: Sequence[Claim], ended: Sequence[Ending] = ()) -> None:
        """Tell the worker's heart what a beat has to ask for."""
        for heart in self._hearts:
            heart.note(worker, claims, ended)

    def heart(self, worker: WorkerInfo) -> Heart:
        heart = PostgresHeart(self._door, self._connect_heart, self._sql, self._settings, worker)
        self._hearts = [*(each for each in self._hearts if not each.closed), heart]
        return heart

    async def sweep(self, worker: str, limit: int, *, take: int) -> Swept:
        strays = await self._look_for_strays() if take and self._strays.due() else []
        swept = await self._ask(lambda: verbs.sweep(self._sql, worker, limit, take, strays))
        self._slice = await self._ask(lambda: tidying.tidy(self._sql, worker, self._slice))
        self._note(worker, swept.taken)
        if swept.promoted:
            self._lookout.forget()
        return swept

    async def _look_for_strays(self) -> list[str]:
        found: list[str] = []
        with contextlib.suppress(StoreError):  # one that is too slow to end must not keep the sweep from its work
            found = await self._ask(lambda: verbs.strays(self._sql), alone=True)
        self._strays.look(len(found))
        return found

    async def bury(self, workers: Sequence[str]) -> None:
        await self._ask(lambda: verbs.bury(self._sql, workers), alone=True)

    async def connect(self) -> object:
        await self.open()
        with explained(self._settings):
            # Behind a pooler a prepared statement would stay with the server's connection, for others to stumble upon.
            size = 0 if await self._is_pooled() else 100
            return await asyncpg.connect(
                self._settings.dsn, timeout=self._settings.connect_timeout, statement_cache_size=size
            )

    def enlist(self, tx: object) -> Enlisted:
        return PostgresEnlisted(borrow(tx), self._sql, self._settings, self._database, self._find_database)

    def _database(self) -> str:
        return self._server.database if self._server else self._door(self._find_database())

    async def _find_database(self) -> str:
        with explained(self._settings):
            return (await self._known_server()).database

    def subscribe(self, hint: Callable[[], None]) -> Callable[[], None]:
        return self._ear.subscribe(hint)

    # -- operators -------------------------------------------------------------------

    async def cancel(self, ids: Sequence[str]) -> list[str]:
        return await self._ask(lambda: steering.named(self._sql, "cancel", ids), alone=True)

    async def revive(self, ids: Sequence[str]) -> list[str]:
        revived = await self._ask(lambda: steering.revive(self._sql, ids), alone=True)
        self._lookout.forget()
        return revived

    async def hold(self, ids: Sequence[str], reason: str) -> list[str]:
        return await self._ask(lambda: steering.named(self._sql, "hold", ids, reason=reason), alone=True)

    async def release(self, reason: str, tasks: Sequence[str] | None = None) -> int:
        released = await self._ask(lambda: steering.release(self._sql, reason, tasks), alone=True)
        if released:
            self._lookout.forget()
        return released

    async def delete(self, ids: Sequence[str], *, ended_by: int | None = None) -> list[str]:
        return await self._ask(lambda: steering.delete(self._sql, ids, ended_by))

    async def outdated(self, rules: Retention, limit: int) -> list[str]:
        return await self._ask(lambda: retaining.outdated(self._sql, rules, limit))

    async def alter(self, ids: Sequence[str], *, queue: str | None = None, priority: int | None = None) -> list[str]:
        if queue is None and priority is None:
            return []
        altered = await self._ask(lambda: steering.alter(self._sql, ids, queue, priority), alone=True)
        self._lookout.forget()
        return altered

    async def steer(self, target: str, steer: Steer) -> None:
        await self._ask(lambda: flow_steering.steer(self._sql, target, steer))

    async def spend(self, claim: Claim, gate: str, units: int) -> int | None:
        return await self._ask(lambda: flow_steering.spend(self._sql, claim, gate, units))

    async def survey(self, queue: str, limit: int) -> Survey:
        return await self._ask(lambda: surveying.survey(self._sql, queue, limit))

    async def write(self, kind: str, key: str, value: str | None, expect: int | None = None) -> bool:
        return await self._ask(lambda: steering.write(self._sql, kind, key, value, expect), alone=True)

    async def note(self, claim: Claim, key: str, value: str, expect: int) -> bool:
        return await self._ask(lambda: steering.note(self._sql, claim, key, value, expect), alone=True)

    async def restore(self, jobs: Sequence[Snapshot]) -> list[str]:
        return await self._ask(lambda: steering.restore(self._sql, jobs)) if jobs else []

    # -- looking ---------------------------------------------------------------------

    async def get(self, id: str) -> Snapshot | None:
        return await self._ask(lambda: queries.get(self._sql, id), alone=True)

    async def find(self, filter: Filter, limit: int, cursor: str | None = None) -> Page:
        return await self._ask(lambda: queries.find(self._sql, filter, limit, cursor), alone=True)

    async def count(self, filter: Filter) -> dict[tuple[str, State], int]:
        return await self._ask(lambda: queries.count(self._sql, filter), alone=True)

    async def dump(self, after: str | None, limit: int) -> Slice:
        return await self._ask(lambda: queries.dump(self._sql, after, limit), alone=True)

    async def workers(self) -> list[WorkerInfo]:
        return await self._ask(lambda: queries.workers(self._sql), alone=True)

    async def read(self, kind: str, key: str | None = None) -> list[Record]:
        return await self._ask(lambda: queries.read(self._sql, kind, key), alone=True)

    async def now(self) -> int:
        return await self._ask(lambda: queries.now(self._sql), alone=True)


class Loop:
    """What the store keeps for one event loop."""

    def __init__(self, lines: Lines, sql: Statements) -> None:
        self.lines = lines
        self.inbox = Inbox[NewJob, Added](self._add, BATCH)
        self._sql = sql
        self._errands = set[asyncio.Task[None]]()

    def send(self, errand: Coroutine[Any, Any, None]) -> None:
        """Let this go on while nobody waits for it."""
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def close(self) -> None:
        """End what goes on, then the connections."""
        for errand in self._errands:
            errand.cancel()
        await asyncio.gather(*self._errands, return_exceptions=True)
        await self.lines.close()

    async def _add(self, jobs: Sequence[NewJob]) -> list[Added]:
        table = verbs.table_of(jobs)
        if verbs.can_be_new(table):
            with contextlib.suppress(*LOST_RACES):  # not so new after all
                return await self.lines.once(lambda: verbs.add_fresh(self._sql, table), alone=True)
        if any(job.on_conflict != "skip" for job in jobs):
            return await self.lines(lambda: verbs.add(self._sql, jobs))
        answers: verbs.Answers = {}
        return await self.lines(lambda: verbs.add(self._sql, jobs, answers), alone=True)
