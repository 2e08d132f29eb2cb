"""The Store protocol on one SQLite file: each verb is handed to the writer or the reader."""

import asyncio
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial

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
from treadle.stores.sqlite import queries, verbs
from treadle.stores.sqlite.connection import connect, peek
from treadle.stores.sqlite.enlisted import SqliteEnlisted
from treadle.stores.sqlite.flow import steering
from treadle.stores.sqlite.flow.book import Book
from treadle.stores.sqlite.flow.surveying import survey
from treadle.stores.sqlite.heart import SqliteHeart
from treadle.stores.sqlite.migrate import migrate, require, schema
from treadle.stores.sqlite.reader import Reader
from treadle.stores.sqlite.retaining import outdated
from treadle.stores.sqlite.settings import SqliteSettings
from treadle.stores.sqlite.wake import Bell
from treadle.stores.sqlite.writer import Writer

SURVIVES = {"full": "power loss", "fast": "the death of any process; power loss may take the newest commits"}


class SqliteStore:
    """Jobs in one file. May be used from several event loops, and by a child forked while it was closed."""

    def __init__(self, settings: SqliteSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._bell = Bell(settings)
        self._book = Book()
        self._writer: Writer | None = None
        self._reader: Reader | None = None
        self._process = os.getpid()
        self._opening = threading.Lock()

    @property
    def url(self) -> str:
        return self._settings.url

    @property
    def lanes(self) -> int:
        return 1  # there is one write lock

    async def open(self) -> None:
        if self._process != os.getpid():
            self._after_fork()
        if self._writer is None:
            await asyncio.to_thread(self._open)

    def _open(self) -> None:
        with self._opening:
            if self._writer is not None:
                return
            with closing(connect(self._settings)) as connection:
                if self._settings.migrate:
                    migrate(connection, self._settings, self._clock())
                else:
                    require(connection, self._settings)
            self._reader = Reader(self._settings)
            self._book = Book()  # it is for one connection
            self._writer = Writer(self._settings, self._settings.durability == "full", self._book.forget)

    def _after_fork(self) -> None:
        # A fork copies SQLite's notes of the locks it holds, but not the locks: the parent's last close would throw
        # away the write-ahead log to which this process still writes.
        if self._writer or self._reader:
            raise StoreError(
                f"{self._settings.path}: this process was forked while the store was open, which SQLite does not"
                " survive. Open the store after the fork (gunicorn: no --preload), close it before, or spawn processes."
            )
        self._process = os.getpid()
        self._opening = threading.Lock()
        self._bell = Bell(self._settings)

    async def close(self) -> None:
        if self._process != os.getpid():
            return  # what is open here is the parent's
        await asyncio.to_thread(self._close)
        await asyncio.to_thread(self._bell.close)

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        reader, self._reader = self._reader, None
        if writer:
            writer.close()
        if reader:
            reader.close()

    def before_fork(self) -> None:
        """Close the file, so that a fork does no harm; nobody opens it before `after_fork`."""
        self._opening.acquire()
        self._close()

    def after_fork(self) -> None:
        """Let it be opened again, in the parent as in the child."""
        if self._process == os.getpid():
            self._opening.release()
        else:
            self._after_fork()

    async def schema(self) -> Schema:
        return await asyncio.to_thread(self._look, peek, schema)

    async def migrate(self) -> Schema:
        return await asyncio.to_thread(self._look, connect, partial(migrate, now=self._clock()))

    def _look(
        self,
        open_: "Callable[[SqliteSettings], sqlite3.Connection]",
        act: "Callable[[sqlite3.Connection, SqliteSettings], Schema]",
    ) -> Schema:
        with closing(open_(self._settings)) as connection:
            return act(connection, self._settings)

    async def facts(self) -> StoreFacts:
        survives = SURVIVES[self._settings.durability]
        return StoreFacts(f"SQLite {sqlite3.sqlite_version}, {self._settings.path}", survives)

    async def connect(self) -> object:
        await self.open()
        return await asyncio.to_thread(self._connect)

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self._settings, cache_kib=8_192)
        connection.execute(f"PRAGMA busy_timeout={int(self._settings.patience * 1000)}")
        return connection

    def enlist(self, tx: object) -> Enlisted:
        return SqliteEnlisted(borrow(tx), self._settings, self._clock)

    async def _write(self) -> Writer:
        if self._writer is None or self._process != os.getpid():
            await self.open()
        assert self._writer is not None
        return self._writer

    async def _read(self) -> Reader:
        if self._reader is None or self._process != os.getpid():
            await self.open()
        assert self._reader is not None
        return self._reader

    async def add(self, jobs: Sequence[NewJob]) -> list[Added]:
        if not jobs:
            return []
        write = await self._write()
        answer = await write(lambda connection: verbs.add(connection, self._clock(), jobs))
        self._bell.ring()
        return answer

    async def cycle(
        self, worker: str, ended: Sequence[Ending], queues: Sequence[str], want: int, shares: Sequence[int] = ()
    ) -> Cycle:
        write = await self._write()
        # A claim that power loss takes is simply claimed again; an ending must not be.
        answer, opened = await write(
            lambda connection: verbs.cycle(connection, self._book, self._clock(), worker, ended, queues, want, shares),
            flush=bool(ended),
        )
        if opened or any(ending.outcome.state is State.QUEUED for ending in ended):
            self._bell.ring()
        return answer

    async def steer(self, target: str, steer: Steer) -> None:
        write = await self._write()
        await write(lambda connection: steering.steer(connection, self._book, self._clock(), target, steer))
        self._bell.ring()

    async def spend(self, claim: Claim, gate: str, units: int) -> int | None:
        write = await self._write()
        return await write(lambda connection: steering.spend(connection, self._book, self._clock(), claim, gate, units))

    async def alter(self, ids: Sequence[str], *, queue: str | None = None, priority: int | None = None) -> list[str]:
        write = await self._write()
        applied = await write(lambda connection: steering.alter(connection, ids, queue, priority))
        if applied:
            self._bell.ring()
        return applied

    async def survey(self, queue: str, limit: int) -> Survey:
        read = await self._read()
        return await read(partial(survey, now=self._clock(), queue=queue, limit=limit))

    async def claims(self, worker: str) -> list[Claim]:
        write = await self._write()  # behind whatever cycle is still on its way
        return await write(lambda connection: verbs.claims(connection, worker), flush=False)

    def heart(self, worker: WorkerInfo) -> Heart:
        return SqliteHeart(self._settings, self._clock, worker)

    async def sweep(self, worker: str, limit: int, *, take: int) -> Swept:
        write = await self._write()
        answer = await write(
            lambda connection: verbs.sweep(connection, self._clock(), worker, limit, take), flush=False
        )
        if answer.promoted:
            self._bell.ring()
        return answer

    async def bury(self, workers: Sequence[str]) -> None:
        write = await self._write()
        await write(lambda connection: connection.execute(verbs.BURY, (json.dumps(list(workers)),)), flush=False)

    async def cancel(self, ids: Sequence[str]) -> list[str]:
        write = await self._write()
        return await write(lambda connection: verbs.cancel(connection, self._clock(), ids))

    async def revive(self, ids: Sequence[str]) -> list[str]:
        write = await self._write()
        answer = await write(lambda connection: verbs.revive(connection, self._clock(), ids))
        if answer:
            self._bell.ring()
        return answer

    async def hold(self, ids: Sequence[str], reason: str) -> list[str]:
        write = await self._write()
        return await write(lambda connection: verbs.hold(connection, ids, reason))

    async def release(self, reason: str, tasks: Sequence[str] | None = None) -> int:
        write = await self._write()
        released = await write(lambda connection: verbs.release(connection, self._clock(), reason, tasks))
        if released:
            self._bell.ring()
        return released

    async def delete(self, ids: Sequence[str], *, ended_by: int | None = None) -> list[str]:
        write = await self._write()
        return await write(lambda connection: verbs.delete(connection, ids, ended_by))

    async def delete_waiting(self, ids: Sequence[str]) -> list[str]:
        """Delete those of these jobs that are neither running nor final; answer the ids it applied to."""
        write = await self._write()
        return await write(lambda connection: verbs.delete_waiting(connection, ids))

    async def outdated(self, rules: Retention, limit: int) -> list[str]:
        read = await self._read()
        return await read(partial(outdated, now=self._clock(), rules=rules, limit=limit))

    async def write(self, kind: str, key: str, value: str | None, expect: int | None = None) -> bool:
        write = await self._write()
        return await write(lambda connection: verbs.write(connection, kind, key, value, expect))

    async def note(self, claim: Claim, key: str, value: str, expect: int) -> bool:
        write = await self._write()
        return await write(lambda connection: verbs.note(connection, claim, key, value, expect))

    async def get(self, id: str) -> Snapshot | None:
        read = await self._read()
        return await read(partial(queries.get, now=self._clock(), id=id))

    async def find(self, filter: Filter, limit: int, cursor: str | None = None) -> Page:
        read = await self._read()
        return await read(partial(queries.find, now=self._clock(), filter=filter, limit=limit, cursor=cursor))

    async def count(self, filter: Filter) -> dict[tuple[str, State], int]:
        read = await self._read()
        return await read(partial(queries.count, filter=filter))

    async def dump(self, after: str | None, limit: int) -> Slice:
        read = await self._read()
        return await read(partial(queries.dump, now=self._clock(), after=after, limit=limit))

    async def restore(self, jobs: Sequence[Snapshot]) -> list[str]:
        if not jobs:
            return []
        write = await self._write()
        restored = await write(lambda connection: verbs.restore(connection, jobs))
        if restored:
            self._bell.ring()
        return restored

    async def workers(self) -> list[WorkerInfo]:
        read = await self._read()
        return await read(queries.workers)

    async def read(self, kind: str, key: str | None = None) -> list[Record]:
        read = await self._read()
        return await read(partial(queries.read, kind=kind, key=key))

    async def now(self) -> int:
        return self._clock()

    def subscribe(self, hint: Callable[[], None]) -> Callable[[], None]:
        return self._bell.subscribe(hint)
