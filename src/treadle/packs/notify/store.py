"""Deliveries and wishes in the database: who already got what, and who wants none of it."""

from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, select
from sqlalchemy.dialects.sqlite import insert

from treadle.packs.notify.model import delivery, preference


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One letter to one user over one channel; `created_at` in milliseconds."""

    dedupe_key: str
    channel: str
    user_id: str
    state: str
    items: int
    message_id: str
    path: str
    created_at: int


def begin(connection: Connection, wanted: Delivery) -> Delivery:
    """Claim the letter, or return the one that stands for it: a retry goes on with the first one's identity."""
    values = {name: getattr(wanted, name) for name in Delivery.__slots__}
    connection.execute(insert(delivery).values(values).on_conflict_do_nothing())
    found = find(connection, wanted.dedupe_key, wanted.channel, wanted.user_id)
    return found or wanted


def find(connection: Connection, dedupe_key: str, channel: str, user_id: str) -> Delivery | None:
    """Return the letter with this key, if there is one."""
    columns = [delivery.c[name] for name in Delivery.__slots__]
    row = connection.execute(select(*columns).where(*_is(dedupe_key, channel, user_id))).one_or_none()
    return Delivery(**row._mapping) if row else None


def confirm(connection: Connection, letter: Delivery, *, path: str, at: int) -> Delivery:
    """Note that the letter is out, and return it so."""
    here = _is(letter.dedupe_key, letter.channel, letter.user_id)
    connection.execute(delivery.update().where(*here).values(state="sent", path=path, sent_at=at))
    return replace(letter, state="sent", path=path)


def wants(connection: Connection, user_id: str, event: str, channel: str) -> bool:
    """Tell whether a user takes this kind of news over this channel; without a word from them, yes."""
    query = select(preference.c.allowed).where(
        preference.c.user_id == user_id, preference.c.event == event, preference.c.channel == channel
    )
    return connection.scalar(query) is not False


def wish(connection: Connection, user_id: str, event: str, channel: str, *, allowed: bool) -> None:
    """Keep what a user wishes."""
    values = {"user_id": user_id, "event": event, "channel": channel, "allowed": allowed}
    changed = insert(preference).values(values)
    connection.execute(
        changed.on_conflict_do_update(index_elements=["user_id", "event", "channel"], set_={"allowed": allowed})
    )


def _is(dedupe_key: str, channel: str, user_id: str) -> tuple[ColumnElement[bool], ...]:
    return (delivery.c.dedupe_key == dedupe_key, delivery.c.channel == channel, delivery.c.user_id == user_id)
