"""The mail pack's statements: what an import reads and writes, one function a step, all on a given connection.

What belongs together is decided in threads.py, what a row holds in rows.py.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, func, or_, select, update
from sqlalchemy.dialects.sqlite import dialect, insert

from treadle.packs.database import Database
from treadle.packs.mail import model
from treadle.packs.mail.rows import Rows
from treadle.packs.mail.statements import KNOWN_KEYS, KNOWN_RAWS, KNOWN_REFERENCES, among

AT_ONCE = 2_000
"""Messages that one statement may change: the engine waits for the same file."""


@dataclass(frozen=True, slots=True)
class Account:
    """A place that messages belong to, and the addresses that are its owner's own."""

    id: str
    owner: str
    own: frozenset[str]


def prepare(database: Database) -> Database:
    """Make the mail pack's tables, or bring them up to date; cheap when they are."""
    database.migrate("mail", "treadle.packs.mail.migrations")
    return database


def account_of(connection: Connection, fresh_id: str, owner: str, own: frozenset[str], now: int) -> Account:
    """Find or make the owner's local account; addresses told now join those known."""
    table = model.account
    row = {"id": fresh_id, "owner_id": owner, "provider": "local", "own_addresses": [], "created_at": now}
    connection.execute(insert(table).values(address="", **row).on_conflict_do_nothing())
    mine = (table.c.owner_id == owner, table.c.provider == "local", table.c.address == "")
    found = connection.execute(select(table.c.id, table.c.own_addresses).where(*mine)).one()
    known = own | frozenset(found.own_addresses)
    learn_addresses(connection, found.id, known)
    return Account(found.id, owner, known)


def learn_addresses(connection: Connection, account_id: str, own: frozenset[str]) -> None:
    """Keep which addresses are the owner's own."""
    mine = update(model.account).where(model.account.c.id == account_id)
    connection.execute(mine.values(own_addresses=sorted(own)))


def known_raws(connection: Connection, account_id: str, names: Iterable[str]) -> set[str]:
    """Say which of these bytes the account has as messages."""
    return set(connection.scalars(KNOWN_RAWS, _asked(account_id, names)))


def known_keys(connection: Connection, account_id: str, keys: Iterable[str]) -> set[str]:
    """Say which of these dedupe keys the account has."""
    return set(connection.scalars(KNOWN_KEYS, _asked(account_id, keys)))


def known_references(connection: Connection, account_id: str, ids: Iterable[str]) -> dict[str, str]:
    """Look up the threads that message ids lead to."""
    rows = connection.execute(KNOWN_REFERENCES, _asked(account_id, ids))
    return {row.message_id_hdr: row.thread_id for row in rows}


def _asked(account_id: str, values: Iterable[str]) -> dict[str, str]:
    return {"account": account_id, "ids": json.dumps(list(values))}


def _among(column: Any, values: Iterable[str]) -> ColumnElement[bool]:
    return among(column, json.dumps(list(values)))


def add(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert rows in one statement; none is fine. Each row has all columns of the first."""
    if rows:
        connection.exec_driver_sql(_insertion(table, tuple(rows[0])), rows)


def add_raws(connection: Connection, rows: Rows) -> None:
    """Keep raw bytes; those that are kept already stay."""
    if rows:
        connection.exec_driver_sql(_insertion(model.raw, tuple(rows[0])) + " ON CONFLICT DO NOTHING", rows)


@lru_cache(maxsize=32)
def _insertion(table: Table, columns: tuple[str, ...]) -> str:
    """Write the INSERT once: rows go to the driver as they are, SQLAlchemy would look at each value again."""
    return str(insert(table).compile(dialect=dialect(paramstyle="named"), column_keys=columns))


def drop_raws(connection: Connection, owner: str, names: Sequence[str]) -> None:
    """Let go of bytes that turned out to be a copy of a message kept in other bytes."""
    accounts = select(model.account.c.id).where(model.account.c.owner_id == owner)
    table = model.message
    used = exists().where(table.c.account_id.in_(accounts), table.c.raw_sha256 == model.raw.c.sha256)
    if names:
        mine = (model.raw.c.owner_id == owner, _among(model.raw.c.sha256, names))
        connection.execute(delete(model.raw).where(*mine, ~used))


def lead(connection: Connection, account_id: str, references: Mapping[str, str]) -> None:
    """Let message ids lead to threads, wherever they led before."""
    if references:
        add_or_move = insert(model.reference)
        add_or_move = add_or_move.on_conflict_do_update(
            index_elements=["account_id", "message_id_hdr"], set_={"thread_id": add_or_move.excluded.thread_id}
        )
        rows = [{"account_id": account_id, "message_id_hdr": id, "thread_id": to} for id, to in references.items()]
        connection.execute(add_or_move, rows)


def merge(connection: Connection, account_id: str, merges: Mapping[str, str]) -> Rows:
    """Move all of some threads into older ones; answers the rows that the older ones grow by."""
    grown: Rows = []
    for old, new in merges.items():
        table = model.thread
        row = connection.execute(select(table).where(table.c.id == old)).one()
        grown.append({**row._mapping, "id": new})
        connection.execute(update(table).where(table.c.merged_into == old).values(merged_into=new))
        connection.execute(update(table).where(table.c.id == old).values(merged_into=new, message_count=0))
        connection.execute(update(model.message).where(model.message.c.thread_id == old).values(thread_id=new))
        connection.execute(
            update(model.reference)
            .where(model.reference.c.account_id == account_id, model.reference.c.thread_id == old)
            .values(thread_id=new)
        )
    return [{name: row[name] for name in GROWING} for row in grown]


GROWING = ("id", "account_id", "root_subject", "first_at", "last_at", "message_count", "revision")


def grow(connection: Connection, rows: Rows) -> None:
    """Add messages to threads, or begin them: counts add up, the earliest message names the thread."""
    if not rows:
        return
    statement = insert(model.thread)
    new, old = statement.excluded, model.thread.c
    statement = statement.on_conflict_do_update(
        index_elements=["id"],
        set_={
            "root_subject": func.iif(new.first_at < old.first_at, new.root_subject, old.root_subject),
            "first_at": func.min(new.first_at, old.first_at),
            "last_at": func.max(new.last_at, old.last_at),
            "message_count": old.message_count + new.message_count,
            "revision": old.revision + new.revision,
        },
    )
    connection.execute(statement, rows)


def set_directions(
    connection: Connection, account_id: str, own: Sequence[str], domains: Sequence[str], after: str
) -> str | None:
    """Mark as gone out what own addresses and domains sent, of the next 2,000 messages; answers the last of them."""
    table = model.message
    of_account = select(table.c.id).where(table.c.account_id == account_id, table.c.id > after)
    last = connection.scalar(select(func.max(of_account.order_by(table.c.id).limit(AT_ONCE).subquery().c.id)))
    if last is None:
        return None
    ours = or_(
        _among(table.c.from_email, own), *(table.c.from_email.endswith("@" + one, autoescape=True) for one in domains)
    )
    mine = (table.c.account_id == account_id, table.c.id > after, table.c.id <= last, ours)
    connection.execute(update(table).where(*mine).values(direction="out"))
    return str(last)
