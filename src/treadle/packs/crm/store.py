"""Contacts and leads in the database: read and written here; what they are, merging.py and scoring.py decide."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, bindparam, func, select, tuple_
from sqlalchemy.dialects.sqlite import insert

from treadle.packs.crm.contacts import Kind, Sighting
from treadle.packs.crm.merging import Contact, grow
from treadle.packs.crm.model import contact, lead, sighting
from treadle.packs.crm.scoring import score

_T = TypeVar("_T")

_CHUNK = 400
_OWN_STAGES = ("new", "engaged")  # the other stages were chosen by a person and stay
_FIELDS = tuple(part.name for part in fields(Contact) if part.name not in ("email", "kind"))


@dataclass(frozen=True, slots=True)
class Kept:
    """What one batch of messages changed."""

    new: int
    updated: int
    leads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A lead as people read it. Times are milliseconds since 1970, UTC."""

    id: int
    email: str
    name: str
    company: str
    phone: str
    stage: str
    score: int
    score_reasons: tuple[Mapping[str, Any], ...]
    created_at: int
    last_seen: int


def keep(connection: Connection, owner: str, seen: Sequence[Sighting]) -> Kept:
    """Store what messages told about people. A message that was counted before changes nothing."""
    known = _contacts(connection, owner, {one.email for one in seen})
    fresh = _fresh(connection, known, seen)
    if not fresh:
        return Kept(0, 0, 0)
    grown = {email: grow(known[email][1] if email in known else None, ones) for email, ones in fresh.items()}
    _write_contacts(connection, owner, grown)
    ids = {email: number for email, (number, _) in _contacts(connection, owner, grown).items()}
    rows = [{"contact_id": ids[email], "message_id": one.message_id} for email, ones in fresh.items() for one in ones]
    connection.execute(insert(sighting).on_conflict_do_nothing(), rows)
    leads = _stand(connection, owner, {ids[email]: one for email, one in grown.items()})
    return Kept(new=len(grown.keys() - known.keys()), updated=len(grown.keys() & known.keys()), leads=leads)


def rescore(connection: Connection, owner: str, after: int = 0, limit: int = _CHUNK) -> tuple[int, int | None]:
    """Score one page of an owner's leads anew; return how many, and the id to go on after (None at the end)."""
    page = (
        select(lead.c.id, contact)
        .join_from(lead, contact, lead.c.contact_id == contact.c.id)
        .where(lead.c.owner_id == owner, lead.c.id > after)
        .order_by(lead.c.id)
        .limit(limit)
    )
    rows = connection.execute(page).all()
    at = newest(connection, owner)
    changes = [{"of": row[0], **_scored(_contact(row), at)} for row in rows]
    if changes:
        connection.execute(lead.update().where(lead.c.id == bindparam("of")), changes)
    return len(rows), rows[-1][0] if len(rows) == limit else None


def newest(connection: Connection, owner: str) -> int:
    """Return the time of the owner's newest mail (ms): scores age with the mail, so the same mail scores the same."""
    found = connection.scalar(select(func.max(contact.c.last_seen)).where(contact.c.owner_id == owner))
    return int(found or 0)


def leads(
    connection: Connection, owner: str, *, since: int = 0, until: int | None = None, limit: int = 50
) -> list[Lead]:
    """List leads whose person first wrote in [since, until), best first."""
    query = _lead_query(owner).where(lead.c.created_at >= since).limit(limit)
    if until is not None:
        query = query.where(lead.c.created_at < until)
    return [_lead(row) for row in connection.execute(query)]


def count_leads(connection: Connection, owner: str, *, since: int = 0, until: int | None = None) -> int:
    """Count leads whose person first wrote in [since, until)."""
    query = select(func.count()).select_from(lead).where(lead.c.owner_id == owner, lead.c.created_at >= since)
    return int(connection.scalar(query if until is None else query.where(lead.c.created_at < until)) or 0)


def count_contacts(connection: Connection, owner: str, kind: Kind | None = None) -> int:
    """Count an owner's contacts, of one kind or all."""
    query = select(func.count()).select_from(contact).where(contact.c.owner_id == owner)
    return int(connection.scalar(query if kind is None else query.where(contact.c.kind == str(kind))) or 0)


def _lead_query(owner: str) -> Select[Any]:
    shown = (contact.c.email_norm, contact.c.name, contact.c.company, contact.c.phone, contact.c.last_seen)
    joined = select(lead, *shown).join_from(lead, contact, lead.c.contact_id == contact.c.id)
    return joined.where(lead.c.owner_id == owner).order_by(lead.c.score.desc(), lead.c.id)


def _lead(row: Row[Any]) -> Lead:
    return Lead(
        id=row.id,
        email=row.email_norm,
        name=row.name,
        company=row.company,
        phone=row.phone,
        stage=row.stage,
        score=row.score,
        score_reasons=tuple(row.score_reasons),
        created_at=row.created_at,
        last_seen=row.last_seen,
    )


def _contacts(connection: Connection, owner: str, emails: Iterable[str]) -> dict[str, tuple[int, Contact]]:
    found: dict[str, tuple[int, Contact]] = {}
    for chunk in _chunks(sorted(emails)):
        query = select(contact).where(contact.c.owner_id == owner, contact.c.email_norm.in_(chunk))
        found.update((row.email_norm, (row.id, _contact(row))) for row in connection.execute(query))
    return found


def _contact(row: Row[Any]) -> Contact:
    values = row._mapping
    return Contact(email=row.email_norm, kind=Kind(row.kind), **{name: values[name] for name in _FIELDS})


def _fresh(
    connection: Connection, known: Mapping[str, tuple[int, Contact]], seen: Sequence[Sighting]
) -> dict[str, list[Sighting]]:
    pairs = {(known[one.email][0], one.message_id): one for one in seen if one.email in known}
    counted: set[tuple[int, str]] = set()
    for chunk in _chunks(sorted(pairs)):
        query = select(sighting).where(tuple_(sighting.c.contact_id, sighting.c.message_id).in_(chunk))
        counted.update((row.contact_id, row.message_id) for row in connection.execute(query))
    fresh: defaultdict[str, dict[str, Sighting]] = defaultdict(dict)
    for one in seen:
        if one.email not in known or (known[one.email][0], one.message_id) not in counted:
            fresh[one.email].setdefault(one.message_id, one)
    return {email: list(ones.values()) for email, ones in fresh.items()}


def _write_contacts(connection: Connection, owner: str, grown: Mapping[str, Contact]) -> None:
    rows = [
        {name: getattr(one, name) for name in _FIELDS}
        | {"owner_id": owner, "email_norm": email, "kind": str(one.kind), "domain": email.partition("@")[2]}
        for email, one in grown.items()
    ]
    new = insert(contact)
    keys = {"owner_id", "email_norm"}
    changed = {name: new.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(new.on_conflict_do_update(index_elements=sorted(keys), set_=changed), rows)


def _stand(connection: Connection, owner: str, touched: Mapping[int, Contact]) -> int:
    """Let leads begin, move on and end as their contacts tell; return how many began."""
    at = newest(connection, owner)
    before = _leads_of(connection, touched)
    begins = [
        {"owner_id": owner, "contact_id": number, "created_at": one.first_in, **_scored(one, at), "stage": _stage(one)}
        for number, one in touched.items()
        if one.is_lead and number not in before
    ]
    goes_on = [
        {"of": number, "now": _stage(one), **_scored(one, at)}
        for number, one in touched.items()
        if one.is_lead and before.get(number) in _OWN_STAGES
    ]
    ends = [{"of": number} for number, one in touched.items() if not one.is_lead and before.get(number) in _OWN_STAGES]
    if begins:
        connection.execute(insert(lead), begins)
    if goes_on:
        connection.execute(
            lead.update().where(lead.c.contact_id == bindparam("of")).values(stage=bindparam("now")), goes_on
        )
    if ends:  # an older message showed that we had written to them first
        connection.execute(lead.delete().where(lead.c.contact_id == bindparam("of")), ends)
    return len(begins)


def _leads_of(connection: Connection, numbers: Iterable[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for chunk in _chunks(sorted(numbers)):
        query = select(lead.c.contact_id, lead.c.stage).where(lead.c.contact_id.in_(chunk))
        found.update((row.contact_id, row.stage) for row in connection.execute(query))
    return found


def _stage(one: Contact) -> str:
    return "engaged" if one.out_count else "new"


def _scored(one: Contact, at: int) -> dict[str, Any]:
    result = score(one.known_signals(), at)
    return {"score": result.value, "score_reasons": [asdict(reason) for reason in result.reasons], "scored_at": at}


def _chunks(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
