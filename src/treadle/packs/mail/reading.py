"""What other packs, the CLI and pages read of the mail pack: frozen values, never rows. Ids may be of merged threads.

Each function takes the packs' Database and reads in one short transaction; `prepare` must have made the tables.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, update

from treadle.packs.database import Database
from treadle.packs.mail.model import account, import_run, message, thread
from treadle.packs.mail.replies import without_quotes
from treadle.packs.mail.statements import ATTACHMENTS, MESSAGES, MESSAGES_OF_THREAD, RECIPIENTS, THREAD


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody a message was addressed to; `role` is to, cc, bcc or reply_to."""

    role: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Attached:
    """One attachment of a message; its content stays in the raw bytes."""

    name: str
    content_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Message:
    """One stored message. Times in milliseconds since 1970 UTC; `direction` is in or out."""

    id: str
    thread_id: str
    message_id: str | None
    in_reply_to: str | None
    subject: str
    subject_bare: str
    sender_name: str
    sender_email: str
    recipients: tuple[Recipient, ...]
    attachments: tuple[Attached, ...]
    sent_at: int
    received_at: int
    text: str
    snippet: str
    lang: str
    direction: str
    list_id: str | None
    auto_submitted: str | None
    precedence: str | None
    has_html: bool
    parse_state: str

    @property
    def to(self) -> tuple[str, ...]:
        """The addresses in To."""
        return tuple(one.email for one in self.recipients if one.role == "to")

    @property
    def reply_text(self) -> str:
        """The text without quoted history and signature; worked out at each call (some milliseconds at worst)."""
        return without_quotes(self.text, self.lang)


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread, its messages oldest first. `revision` rises with every message that joins."""

    id: str
    owner: str
    subject: str
    revision: int
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One import and its counts: seen = stored + duplicates + refused; partial, failed, oversize are among stored."""

    id: str
    owner: str
    path: str
    format: str
    seen: int
    stored: int
    duplicates: int
    refused: int
    partial: int
    failed: int
    oversize: int
    bytes: int
    threads: int
    started_at: int
    finished_at: int | None


@dataclass(frozen=True, slots=True)
class Counts:
    """What an owner has."""

    messages: int
    threads: int
    unprocessed: int
    failed: int


def read_thread(database: Database, thread_id: str) -> Thread | None:
    """Read a thread with all its messages; a merged thread gives the one it became part of."""
    with database.read() as connection:
        row = _resolve(connection, thread_id)
        if row is None:
            return None
        found = _messages(connection, connection.execute(MESSAGES_OF_THREAD, {"id": row.id}).all())
        return Thread(row.id, row.owner_id, row.root_subject, row.revision, tuple(found))


def read_messages(database: Database, ids: Sequence[str]) -> list[Message]:
    """Read messages by id, oldest first; ids that are gone are left out."""
    with database.read() as connection:
        return _messages(connection, connection.execute(MESSAGES, {"ids": json.dumps(list(ids))}).all())


def thread_ids(
    database: Database, owner: str, *, since: int = 0, until: int | None = None, limit: int = 1000
) -> list[str]:
    """Name an owner's threads, the one with the newest message first; with a last message in [since, until)."""
    query = _threads_of(owner).where(thread.c.last_at >= since)
    query = query.order_by(thread.c.last_at.desc(), thread.c.id).limit(limit)
    return _column(database, query if until is None else query.where(thread.c.last_at < until))


def active_threads(database: Database, owner: str, since: int, until: int) -> list[str]:
    """Name the threads in which a message was sent in [since, until), whatever came later."""
    sent = (message.c.sent_at >= since, message.c.sent_at < until, message.c.deleted_at.is_(None))
    return _column(database, _threads_of(owner).where(thread.c.id.in_(select(message.c.thread_id).where(*sent))))


def threads_of_run(database: Database, run_id: str) -> list[str]:
    """Name the threads that an import run brought messages to, the oldest first."""
    query = select(message.c.thread_id).where(message.c.run_id == run_id).distinct()
    return sorted(_column(database, query))


def messages_of_run(database: Database, run_id: str) -> list[str]:
    """Name the messages that an import run stored, in the order of the import."""
    return _column(database, select(message.c.id).where(message.c.run_id == run_id).order_by(message.c.id))


def unprocessed_threads(database: Database, owner: str, limit: int = 50) -> list[tuple[str, int]]:
    """Find threads whose newest messages no AI job has settled yet: (id, revision), newest first."""
    query = _threads_of(owner).with_only_columns(thread.c.id, thread.c.revision)
    query = query.where(thread.c.ai_revision < thread.c.revision).order_by(thread.c.last_at.desc()).limit(limit)
    with database.read() as connection:
        return [(row.id, row.revision) for row in connection.execute(query)]


def mark_processed(connection: Connection, thread_id: str, revision: int) -> None:
    """Note that an AI job has dealt with a thread as of a revision; a later message makes it unprocessed again."""
    held = (thread.c.id == thread_id, thread.c.ai_revision < revision)
    connection.execute(update(thread).where(*held).values(ai_revision=revision))


def own_addresses(database: Database, owner: str) -> frozenset[str]:
    """Name the addresses that are the owner's own, told or learnt from Delivered-To."""
    with database.read() as connection:
        rows = connection.scalars(select(account.c.own_addresses).where(account.c.owner_id == owner))
        return frozenset(one for own in rows for one in own)


def newest_message_at(database: Database, owner: str) -> int | None:
    """Tell when the owner's newest message was sent."""
    with database.read() as connection:
        newest: int | None = connection.scalar(_threads_of(owner).with_only_columns(func.max(thread.c.last_at)))
        return newest


def count(database: Database, owner: str) -> Counts:
    """Count an owner's messages and threads."""
    threads = _threads_of(owner).with_only_columns(func.count())
    waiting = threads.where(thread.c.ai_revision < thread.c.revision)
    of_owner = message.c.account_id.in_(select(account.c.id).where(account.c.owner_id == owner))
    messages = select(func.count()).select_from(message).where(of_owner, message.c.deleted_at.is_(None))
    failed = messages.where(message.c.parse_state == "failed")
    with database.read() as connection:
        return Counts(*(connection.scalar(query) or 0 for query in (messages, threads, waiting, failed)))


def read_run(database: Database, run_id: str) -> Run | None:
    """Read an import run and its counts."""
    with database.read() as connection:
        return run_of(connection, run_id)


def run_of(connection: Connection, run_id: str) -> Run | None:
    """Read an import run in a transaction that is open already."""
    row = connection.execute(select(import_run).where(import_run.c.id == run_id)).first()
    if row is None:
        return None
    of_run = message.c.run_id == run_id
    threads = connection.scalar(select(func.count(message.c.thread_id.distinct())).where(of_run)) or 0
    owner = connection.scalar(select(account.c.owner_id).where(account.c.id == row.account_id)) or ""
    names = "id path format seen stored duplicates refused partial failed oversize bytes started_at finished_at".split()
    return Run(owner=owner, threads=threads, **{name: getattr(row, name) for name in names})


def _threads_of(owner: str) -> Select[Any]:
    accounts = select(account.c.id).where(account.c.owner_id == owner)
    return select(thread.c.id).where(thread.c.account_id.in_(accounts), thread.c.merged_into.is_(None))


def _resolve(connection: Connection, thread_id: str) -> Row[Any] | None:
    """Follow merges to the living thread; merges point straight there, so two steps are the most."""
    row = connection.execute(THREAD, {"id": thread_id}).first()
    if row is not None and row.merged_into is not None:
        return connection.execute(THREAD, {"id": row.merged_into}).first()
    return row


def _messages(connection: Connection, rows: Sequence[Row[Any]]) -> list[Message]:
    ids = {"ids": json.dumps([row.id for row in rows])}
    recipients: dict[str, list[Recipient]] = defaultdict(list)
    for one in connection.execute(RECIPIENTS, ids):
        recipients[one.message_id].append(Recipient(one.role, one.name, one.email_norm))
    attached: dict[str, list[Attached]] = defaultdict(list)
    for one in connection.execute(ATTACHMENTS, ids):
        attached[one.message_id].append(Attached(one.filename_safe, one.content_type, one.size))
    return [_message(row, tuple(recipients[row.id]), tuple(attached[row.id])) for row in rows]


def _message(row: Row[Any], recipients: tuple[Recipient, ...], attached: tuple[Attached, ...]) -> Message:
    return Message(
        id=row.id,
        thread_id=row.thread_id,
        message_id=row.message_id_hdr,
        in_reply_to=row.in_reply_to,
        subject=row.subject,
        subject_bare=row.subject_norm,
        sender_name=row.from_name,
        sender_email=row.from_email,
        recipients=recipients,
        attachments=attached,
        sent_at=row.sent_at,
        received_at=row.received_at,
        text=row.text,
        snippet=row.snippet,
        lang=row.lang,
        direction=row.direction,
        list_id=row.list_id,
        auto_submitted=row.auto_submitted,
        precedence=row.precedence,
        has_html=row.has_html,
        parse_state=row.parse_state,
    )


def _column(database: Database, query: Select[Any]) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(query))
