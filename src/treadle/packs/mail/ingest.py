"""One mailbox into the database: raw bytes first, then parsed, threaded and stored in slices that can be continued.

Each slice is one transaction with the resume token in it. Sources and slices.py read, parse.py understands, filing.py
stores; here it is put in order.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from treadle import Ids
from treadle.packs.database import Database
from treadle.packs.mail import ownership, reading, runs, store
from treadle.packs.mail.filing import Filing
from treadle.packs.mail.formats import Format
from treadle.packs.mail.parse import Letter, failed, parse
from treadle.packs.mail.rows import Raw
from treadle.packs.mail.runs import Running, Tally
from treadle.packs.mail.slices import Piece, Plan, Slice, slices
from treadle.packs.mail.sources import Item, Refused, open_source

DELIVERED_LIMIT = 50
"""Addresses that are counted to learn the owner's own."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is, after each slice."""

    done: int
    total: int
    unit: str
    tally: Tally
    refused: tuple[Refused, ...]


Listener = Callable[[Progress], None]


def import_mailbox(
    database: Database,
    path: str | Path,
    *,
    owner: str = "me",
    format: Format = "auto",
    addresses: Sequence[str] = (),
    on_slice: Listener = lambda progress: None,
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> reading.Run:
    """Bring a local mailbox home; continue an import that was cut off, skip what is known.

    `addresses` are the owner's own, to tell sent from received. `on_slice` is called between slices; what it raises
    ends the import where it stands, to be continued by the next call. Raises NotAMailbox, HostileArchive,
    ImportTaken, DatabaseTrouble; never because of a message.
    """
    place = Path(path).expanduser().absolute()
    kind, source = open_source(place, format, now=clock())
    ids = Ids(clock)
    with store.prepare(database).write() as connection:
        (account_id, run_id) = ids.take(2)
        account = store.account_of(connection, account_id, owner, ownership.told(owner, addresses), clock())
        running = runs.begin(connection, run_id, account.id, str(place), kind, source.fingerprint, clock())
    desk = _Desk(database, Filing(account, running.id, ids, clock), clock)
    total = source.total
    for ready in slices(source.items(running.token), running.inflight, owner, desk.known):
        running = desk.take_in(ready, running)
        on_slice(_progress(ready.plan.piece, total, source.unit, running))
    return desk.finish(running)


@dataclass(frozen=True, slots=True)
class _Desk:
    """The steps of one import, each in its own short transactions."""

    database: Database
    filing: Filing
    clock: Callable[[], int]

    def known(self, names: Iterable[str]) -> set[str]:
        """Say which raw bytes are stored as messages."""
        with self.database.read() as connection:
            return store.known_raws(connection, self.filing.account.id, names)

    def take_in(self, ready: Slice, running: Running) -> Running:
        """Keep the raw bytes of a slice, parse what is new, store it and move the run behind it."""
        piece, plan = ready.plan.piece, ready.plan
        if ready.fresh:
            with self.database.write() as connection:
                store.add_raws(connection, ready.rows)
                running = runs.mark(connection, running, plan.inflight)
        letters = [(raw, _read(raw, plan, self.clock())) for raw in ready.fresh]
        with self.database.write() as connection:
            stored = self.filing.file(connection, letters)
            delivered = _count_delivered(running.delivered, stored)
            return runs.move_on(connection, running, piece[-1].token, _tally(piece, stored), delivered)

    def finish(self, running: Running) -> reading.Run:
        """Learn which addresses are the owner's own, set directions by them, close the run."""
        account = self.filing.account
        own = account.own | ownership.learn(running.delivered, running.tally.stored)
        if own != account.own:
            self._set_directions(own)
        with self.database.write() as connection:
            store.learn_addresses(connection, account.id, own)
            runs.finish(connection, running, self.clock())
            run = reading.run_of(connection, running.id)
        assert run is not None  # it was written a moment ago, by us
        return run

    def _set_directions(self, own: frozenset[str]) -> None:
        """Go through all messages, a short transaction at a time; a crash in between does it again."""
        addresses, domains = sorted(own), sorted(ownership.own_domains(own))
        last: str | None = ""
        while last is not None:
            with self.database.write() as connection:
                last = store.set_directions(connection, self.filing.account.id, addresses, domains, last)


def _read(raw: Raw, plan: Plan, now: int) -> Letter:
    if plan.parse:
        return parse(raw.item.raw, now, size=raw.item.size)
    return failed(raw.item.raw, "two workers died while parsing this message", size=raw.item.size)


def _progress(piece: Piece, total: int, unit: str, running: Running) -> Progress:
    refused = tuple(one for one in piece if isinstance(one, Refused))
    return Progress(piece[-1].done, total, unit, running.tally, refused)


def _tally(piece: Piece, stored: Sequence[Letter]) -> Tally:
    refused = sum(isinstance(one, Refused) for one in piece)
    states = Counter(letter.state for letter in stored)
    return Tally(
        seen=len(piece),
        stored=len(stored),
        duplicates=len(piece) - refused - len(stored),
        refused=refused,
        bytes=sum(one.size for one in piece if isinstance(one, Item)),
        partial=states["partial"],
        failed=states["failed"],
        oversize=states["oversize"],
    )


def _count_delivered(known: Mapping[str, int], stored: Sequence[Letter]) -> dict[str, int]:
    counted = Counter(known)
    counted.update(letter.delivered_to for letter in stored if letter.delivered_to)
    return dict(counted.most_common(DELIVERED_LIMIT))
