"""What the digest task does: gather the facts, write the letter once, remember it."""

import hashlib
import os
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from datetime import date as Date
from email.headerregistry import Address
from pathlib import Path

from treadle import Discard, Treadle
from treadle.packs.database import Database
from treadle.packs.mail.store import prepare
from treadle.packs.notify import facts, outbox, rendering, store
from treadle.packs.notify.digest import Digest, digest

EVENT, CHANNEL = "digest", "file"
SENDER = Address("Treadle", "treadle", "localhost")
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")

Report = dict[str, str | int | None]


def write_digest(database: Database, user_id: str, date: str | None) -> Report:
    """Write a user's digest of a day (ISO; the day of the newest mail if None) unless it is written already."""
    day = _day(date) or facts.newest_day(database, user_id)
    if day is None:
        return _report("empty")
    if (earlier := _sent(database, user_id, day)) is not None:
        return _report("sent", earlier)
    if not _wanted(database, user_id):
        return _report("suppressed")
    made = digest(facts.of_day(database, user_id, day))
    return _report("empty") if made.empty else _report("sent", send(database, made))


def send(database: Database, made: Digest) -> store.Delivery:
    """Write one digest: first who it is in the database, then the file, then that it is out.

    A crash in between repeats the same letter under the same name, so there is never a second one.
    """
    with database.write() as connection:
        letter = store.begin(connection, _letter(made))
    message = rendering.mail(
        made,
        to=address(made.user),
        sender=SENDER,
        message_id=letter.message_id,
        at=datetime.fromtimestamp(letter.created_at / 1000, UTC),
    )
    path = outbox.write(folder(database.path, os.environ), _name(made), message)
    with database.write() as connection:
        return store.confirm(connection, letter, path=str(path), at=_now())


def folder(database: Path, settings: Mapping[str, str]) -> Path:
    """Name the outbox: TREADLE_OUTBOX, else `outbox` beside the database."""
    chosen = settings.get("TREADLE_OUTBOX")
    return Path(chosen) if chosen else database.parent / "outbox"


def address(user_id: str) -> Address:
    """Return the user's address; an id that is none becomes a mailbox of this machine."""
    rendering.header_value("user id", user_id)
    if _PLAIN_ADDRESS.fullmatch(user_id):
        return Address(addr_spec=user_id)
    return Address(username=re.sub(r"[^A-Za-z0-9_-]+", "-", user_id).strip("-")[:64] or "user", domain="localhost")


def tables(app: Treadle) -> Database:
    """Open the application's database with the tables of this pack, and of those it reads, in it."""
    database = prepare(app.use(Database))
    for name in ("ai", "crm", "notify"):
        database.migrate(name, f"treadle.packs.{name}.migrations")
    return database


def _day(date: str | None) -> Date | None:
    try:
        return Date.fromisoformat(date) if date else None
    except ValueError:
        raise Discard(f"{date!r} is no date. Write it as 2026-03-20.") from None


def _sent(database: Database, user_id: str, day: Date) -> store.Delivery | None:
    with database.read() as connection:
        letter = store.find(connection, _key(user_id, day), CHANNEL, user_id)
    return letter if letter is not None and letter.state == "sent" else None


def _wanted(database: Database, user_id: str) -> bool:
    with database.read() as connection:
        return store.wants(connection, user_id, EVENT, CHANNEL)


def _letter(made: Digest) -> store.Delivery:
    return store.Delivery(
        dedupe_key=_key(made.user, made.date),
        channel=CHANNEL,
        user_id=made.user,
        state="sending",
        items=made.items,
        message_id=f"<digest.{made.date}.{_mark(made)}@treadle.localhost>",
        path="",
        created_at=_now(),
    )


def _name(made: Digest) -> str:
    return f"digest-{made.date}-{_mark(made)}"


def _key(user_id: str, day: Date) -> str:
    return f"digest:{user_id}:{day}"


def _mark(made: Digest) -> str:
    # File names and ids are ours: a user id may hold anything, its hash is twelve plain letters.
    return hashlib.sha256(_key(made.user, made.date).encode()).hexdigest()[:12]


def _report(status: str, letter: store.Delivery | None = None) -> Report:
    if letter is None:
        return {"status": status, "items": 0, "message_id": None, "path": None}
    return {"status": status, "items": letter.items, "message_id": letter.message_id, "path": letter.path}


def _now() -> int:
    return time.time_ns() // 1_000_000
