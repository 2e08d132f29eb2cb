"""One mover at a time: both stores remember the move that they take part in, and until when its mover may act.

A mover that was killed leaves its note behind. The same move goes on at once where its process is provably dead, else
when the time that it gave itself is over; any other move is refused as long as jobs are under way.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import NamedTuple

from treadle.config import database_path
from treadle.core.errors import ConfigError, TreadleError
from treadle.core.ids import worker_id
from treadle.core.job import Filter, Snapshot, WorkerInfo
from treadle.core.states import State
from treadle.core.store import Store
from treadle.engine.heart import uptime
from treadle.engine.neighbours import provably_dead
from treadle.moving.plan import ARRIVING, LEAVING, SLICE

#: The record that holds it, in each of the two stores.
KIND, KEY = "move", "current"

#: Milliseconds that a mover gives itself, by the store's clock; it renews them when a third is gone.
LEASE = 30_000

SOURCE, TARGET = "source", "target"
HELD_FOR = {SOURCE: LEAVING, TARGET: ARRIVING}


class MoveRefused(TreadleError):
    """The jobs cannot be moved now: somebody else works on one of the stores, or another move comes first."""


class Note(NamedTuple):
    """What a store remembers of a move."""

    move: str
    role: str
    other: str
    """The address of the other store."""
    mover: WorkerInfo
    version: int


def address(store: Store) -> str:
    """Say where a store is, the same from every folder."""
    path = database_path(store.url)
    return store.url if path is None else f"sqlite:///{path.resolve()}"


async def read_note(store: Store) -> Note | None:
    """Read what a store remembers of a move."""
    for record in await store.read(KIND):
        if record.key == KEY:
            told = json.loads(record.value)
            return Note(told["move"], told["role"], told["other"], WorkerInfo(**told["mover"]), record.version)
    return None


async def pages(store: Store, filter: Filter) -> AsyncIterator[tuple[Snapshot, ...]]:
    """Read a listing, newest first, a page at a time."""
    cursor = None
    while True:
        page = await store.find(filter, SLICE, cursor)
        yield page.items
        cursor = page.next_cursor
        if cursor is None:
            return


class Turn:
    """The right to be the mover between two stores."""

    def __init__(self, source: Store, target: Store, me: WorkerInfo, clock: Callable[[], float] = uptime) -> None:
        self._stores = {SOURCE: source, TARGET: target}
        self._me, self._clock = me, clock
        self._renewed = 0.0

    async def take(self) -> None:
        """Raise MoveRefused if somebody else has it, ConfigError if both stores are one."""
        found = {role: await read_note(store) for role, store in self._stores.items()}
        for role, note in found.items():
            if note:
                await self._refuse_company(self._stores[role], note)
        for role, note in found.items():
            if note and not self._is_same(role, note, found):
                await self._refuse_unfinished(self._stores[role], note)
        move = next((note.move for note in found.values() if note), worker_id())
        self._renewed = self._clock()
        try:
            for role, store in self._stores.items():
                await self._refuse_itself(store)
                await self._write(role, move, found[role])
        except (MoveRefused, ConfigError):
            await self._take_away([role for role in found if found[role] is None])
            raise

    async def keep(self) -> None:
        """Renew it where that is due; to be called before each step. Raises MoveRefused if somebody else has it."""
        now = self._clock()
        if now - self._renewed < LEASE / 3000:
            return
        for role, store in self._stores.items():
            note = await read_note(store)
            if note is None or note.mover.id != self._me.id:
                raise MoveRefused(
                    "Another mover has gone on with this move, for this one was silent too long. Nothing is lost."
                )
            await self._write(role, note.move, note)
        self._renewed = now

    async def give_back(self) -> None:
        """End the move: nothing is under way any more."""
        for store in self._stores.values():
            note = await read_note(store)
            if note and note.mover.id == self._me.id:
                await store.write(KIND, KEY, None, note.version)

    async def _take_away(self, roles: Iterable[str]) -> None:
        for role in roles:
            note = await read_note(self._stores[role])
            if note and note.mover.id == self._me.id:
                await self._stores[role].write(KIND, KEY, None, note.version)

    def _is_same(self, role: str, note: Note, found: dict[str, Note | None]) -> bool:
        other_role = TARGET if role == SOURCE else SOURCE
        other = found[other_role]
        joined = other is not None and (other.move, other.role) == (note.move, other_role)
        return note.role == role and (joined or note.other == address(self._stores[other_role]))

    async def _refuse_company(self, store: Store, note: Note) -> None:
        left = note.mover.lease_until - await store.now()
        if left > 0 and not provably_dead(note.mover, self._me):
            raise MoveRefused(
                f"{store.url} takes part in a move already: process {note.mover.pid} on {note.mover.host} is at it."
                f" If that has died, try again in {left // 1000 + 1} s."
            )

    async def _refuse_unfinished(self, store: Store, note: Note) -> None:
        ends = (address(store), note.other) if note.role == SOURCE else (note.other, address(store))
        async for page in pages(store, Filter(states=(State.HELD,))):
            if any(job.reason == HELD_FOR[note.role] for job in page):
                raise MoveRefused(
                    f"A move from {ends[0]} to {ends[1]} was cut off while jobs were under way. Let it come to its end"
                    f" first: treadle store move {ends[0]} {ends[1]}"
                )

    async def _refuse_itself(self, store: Store) -> None:
        note = await read_note(store)
        if note and note.mover.id == self._me.id:
            raise ConfigError(f"{self._stores[SOURCE].url} and {store.url} are the same store; name another one.")

    async def _write(self, role: str, move: str, before: Note | None) -> None:
        store, other = self._stores[role], self._stores[TARGET if role == SOURCE else SOURCE]
        mover = self._me._replace(lease_until=await store.now() + LEASE)
        told = {"move": move, "role": role, "other": address(other), "mover": _written(mover)}
        if not await store.write(KIND, KEY, json.dumps(told), before.version if before else 0):
            raise MoveRefused(f"Another mover has begun at {store.url} in the same moment.")


def _written(mover: WorkerInfo) -> dict[str, object]:
    names = ("id", "host", "space", "pid", "born", "lease_until")
    return {name: getattr(mover, name) for name in names}
