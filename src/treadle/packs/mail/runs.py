"""One import run in the database: begun or continued, moved on with each slice, finished. Its token never regresses."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import Connection, insert, select, update

from treadle import TreadleError
from treadle.packs.mail.model import import_run

CAREFUL = -1
"""`inflight` while a single message is parsed after a worker has died in its slice."""


class ImportTaken(TreadleError):
    """Somebody else imports the same mailbox for the same owner right now."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} is being imported by another job. Wait for it or cancel it; this one changes nothing."
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """What a slice adds to the counts: seen = stored + duplicates + refused; the last three are among stored."""

    seen: int = 0
    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    bytes: int = 0
    partial: int = 0
    failed: int = 0
    oversize: int = 0


@dataclass(frozen=True, slots=True)
class Running:
    """Where a run stands."""

    id: str
    path: str
    token: str
    inflight: int
    delivered: Mapping[str, int]
    tally: Tally


def begin(
    connection: Connection, fresh_id: str, account_id: str, path: str, format: str, fingerprint: str, now: int
) -> Running:
    """Continue the run of this mailbox that was not finished, or begin one.

    A mailbox that changed since (another fingerprint) is read from its start again: what is known is skipped.
    """
    table = import_run
    mine = (table.c.account_id == account_id, table.c.path == path, table.c.finished_at.is_(None))
    row = connection.execute(select(table).where(*mine).order_by(table.c.id.desc()).limit(1)).first()
    if row is None:
        values = {"account_id": account_id, "path": path, "format": format, "fingerprint": fingerprint}
        connection.execute(insert(table).values(id=fresh_id, delivered={}, started_at=now, **values))
        return Running(fresh_id, path, "", 0, {}, Tally())
    tally = Tally(**{field.name: getattr(row, field.name) for field in fields(Tally)})
    running = Running(row.id, path, row.token, row.inflight, row.delivered, tally)
    if row.fingerprint == fingerprint:
        return running
    return _write(connection, running, {"fingerprint": fingerprint, "token": "", "inflight": 0})


def mark(connection: Connection, running: Running, inflight: int) -> Running:
    """Say how many messages are being parsed, so that a death in the middle leaves a trace."""
    return _write(connection, running, {"inflight": inflight})


def move_on(
    connection: Connection, running: Running, token: str, tally: Tally, delivered: Mapping[str, int]
) -> Running:
    """Add a slice to the run and put its token behind it. Raises ImportTaken if another worker was faster."""
    summed = {field.name: getattr(running.tally, field.name) + getattr(tally, field.name) for field in fields(Tally)}
    moved = _write(connection, running, {"token": token, "inflight": 0, "delivered": dict(delivered), **summed})
    return replace(moved, tally=Tally(**summed))


def finish(connection: Connection, running: Running, now: int) -> None:
    """Note that the mailbox was read to its end."""
    connection.execute(update(import_run).where(import_run.c.id == running.id).values(finished_at=now))


def _write(connection: Connection, running: Running, values: dict[str, Any]) -> Running:
    held = (import_run.c.id == running.id, import_run.c.token == running.token, import_run.c.finished_at.is_(None))
    if connection.execute(update(import_run).where(*held).values(**values)).rowcount != 1:
        raise ImportTaken(running.path)
    known = {name: values[name] for name in ("token", "inflight", "delivered") if name in values}
    return replace(running, **known)
