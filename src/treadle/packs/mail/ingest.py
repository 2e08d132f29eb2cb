"""One mailbox into the database: raw bytes first, then parsed, threaded and stored in slices that can be continued.

Each slice is one transaction with the resume token in it. Sources read, parse.py understands, threads.py decides what
belongs together, store.py writes; here it is put in order.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from treadle.core.ids import Ids
from treadle.packs.database import Database
from treadle.packs.mail import model, ownership, reading, runs, store
from treadle.packs.mail.parse import Letter, failed, parse
from treadle.packs.mail.rows import Raw, Rows, address_rows, attachment_rows, message_row, name_raw, raw_row
from treadle.packs.mail.runs import CAREFUL, Running, Tally
from treadle.packs.mail.sources import Item, Refused, open_source
from treadle.packs.mail.sources.detecting import Format
from treadle.packs.mail.threads import Threading, assign, linking_ids

SLICE = 100
"""Messages in one transaction."""
SLICE_BYTES = 4 * 1024 * 1024
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
    desk = _Desk(database, account, ids, clock)
    total = source.total
    for piece, parser, mark in _careful(source.items(running.token), running.inflight):
        running = desk.take_in(piece, running, parser, mark)
        refused = tuple(one for one in piece if isinstance(one, Refused))
        on_slice(Progress(piece[-1].done, total, source.unit, running.tally, refused))
    return desk.finish(running)


@dataclass(frozen=True, slots=True)
class _Desk:
    """What every step of one import needs."""

    database: Database
    account: store.Account
    ids: Ids
    clock: Callable[[], int]

    def take_in(self, piece: "Piece", running: Running, parser: "Parser", mark: int) -> Running:
        """Keep the raw bytes of a slice, parse what is new of it, store it and move the run behind it."""
        raws = [name_raw(item) for item in piece if isinstance(item, Item)]
        with self.database.read() as connection:
            known = store.known_raws(connection, self.account.id, (raw.sha256 for raw in raws))
        fresh = list({raw.sha256: raw for raw in raws if raw.sha256 not in known}.values())
        if fresh:
            running = self._keep_raws(fresh, running, mark)
        letters = [(raw, parser(raw, self.clock())) for raw in fresh]
        with self.database.write() as connection:
            stored = self._store(connection, letters, running.id)
            tally = _tally(piece, stored)
            delivered = _count_delivered(running.delivered, stored)
            return runs.move_on(connection, running, piece[-1].token, tally, delivered)

    def _keep_raws(self, fresh: Sequence[Raw], running: Running, mark: int) -> Running:
        rows = [raw_row(self.account.owner, raw) for raw in fresh if raw.kept]
        with self.database.write() as connection:
            store.add_raws(connection, rows)
            return runs.mark(connection, running, mark)

    def _store(self, connection: Connection, letters: Sequence[tuple[Raw, Letter]], run_id: str) -> list[Letter]:
        """Write the letters that are new; the same letter in other bytes is a duplicate."""
        keys = store.known_keys(connection, self.account.id, (letter.dedupe_key for _, letter in letters))
        fresh: dict[str, tuple[Raw, Letter]] = {}
        copies: list[str] = []
        for raw, letter in letters:
            if letter.dedupe_key in keys or letter.dedupe_key in fresh:
                copies.append(raw.sha256)
            else:
                fresh[letter.dedupe_key] = (raw, letter)
        self._write(connection, list(fresh.values()), run_id)
        store.drop_raws(connection, self.account.owner, copies)
        return [letter for _, letter in fresh.values()]

    def _write(self, connection: Connection, letters: Sequence[tuple[Raw, Letter]], run_id: str) -> None:
        now, account_id = self.clock(), self.account.id
        linked = [linking_ids(letter) for _, letter in letters]
        known = store.known_references(connection, account_id, (id for ids in linked for id in ids))
        threading = assign(linked, known, lambda: self.ids.take()[0])
        domains = ownership.own_domains(self.account.own)
        messages: Rows = []
        places = zip(self.ids.take(len(letters)), threading.threads, letters, strict=True)
        for id, thread_id, (raw, letter) in places:
            row = message_row(letter, raw, now)
            out = ownership.went_out(row["from_email"], self.account.own, domains)
            row.update(id=id, account_id=account_id, run_id=run_id, thread_id=thread_id)
            messages.append(row | {"direction": "out" if out else "in"})
        pairs = list(zip(messages, (letter for _, letter in letters), strict=True))
        store.grow(connection, [*store.merge(connection, account_id, threading.merges), *_growth(messages, threading)])
        store.lead(connection, account_id, threading.references)
        store.add(connection, model.message, messages)
        store.add(connection, model.address, [one for row, letter in pairs for one in address_rows(row["id"], letter)])
        attached = [one for row, letter in pairs for one in attachment_rows(row["id"], letter)]
        store.add(connection, model.attachment, attached)

    def finish(self, running: Running) -> reading.Run:
        """Learn which addresses are the owner's own, set directions by them, close the run."""
        own = self.account.own | ownership.learn(running.delivered, running.tally.stored)
        with self.database.write() as connection:
            if own != self.account.own:
                store.learn_addresses(connection, self.account.id, own)
                store.set_directions(connection, self.account.id, sorted(own), sorted(ownership.own_domains(own)))
            runs.finish(connection, running, self.clock())
            run = reading.run_of(connection, running.id)
        assert run is not None  # it was written a moment ago, by us
        return run


Piece = Sequence[Item | Refused]
Parser = Callable[[Raw, int], Letter]


def _parse(raw: Raw, now: int) -> Letter:
    return parse(raw.item.raw, now, size=raw.item.size)


def _do_not_parse(raw: Raw, now: int) -> Letter:
    return failed(raw.item.raw, "two workers died while parsing this message", size=raw.item.size)


def _careful(items: Iterator[Item | Refused], inflight: int) -> Iterator[tuple[Piece, Parser, int]]:
    """Cut the stream into slices; where a worker died before, one message at a time, and its killer unparsed.

    `inflight` is the trace that the dead worker left: how many messages it had in hand, or CAREFUL if only one.
    """
    if inflight == CAREFUL:
        yield from ((piece, _do_not_parse, CAREFUL) for piece in _slices(islice(items, 1), 1))
    elif inflight:
        yield from ((piece, _parse, CAREFUL) for piece in _slices(islice(items, inflight), 1))
    for piece in _slices(items, SLICE):
        yield piece, _parse, len(piece)


def _slices(items: Iterable[Item | Refused], most: int) -> Iterator[Piece]:
    """Gather messages up to a number or 4 MiB, whichever comes first."""
    piece: list[Item | Refused] = []
    size = 0
    for item in items:
        piece.append(item)
        size += len(item.raw) if isinstance(item, Item) else 0
        if len(piece) >= most or size >= SLICE_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _growth(messages: Rows, threading: Threading) -> Rows:
    """Sum up what a slice adds to each thread."""
    grown: dict[str, dict[str, object]] = {}
    for row in sorted(messages, key=lambda row: row["sent_at"]):
        one = grown.setdefault(
            row["thread_id"],
            {
                "id": row["thread_id"],
                "account_id": row["account_id"],
                "root_subject": row["subject_norm"],
                "first_at": row["sent_at"],
                "last_at": row["sent_at"],
                "message_count": 0,
                "revision": 0,
            },
        )
        count = int(str(one["message_count"])) + 1
        one.update(last_at=row["sent_at"], message_count=count, revision=count)
    return list(grown.values())


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
