"""What is known of a person, grown message by message. Pure; the order of messages does not matter."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from treadle.packs.crm.contacts import (
    WEIGHT,
    Address,
    Kind,
    Letter,
    Sighting,
    company_of,
    domain_label,
    kind_of,
    normal_email,
    tidy_name,
)
from treadle.packs.crm.scoring import LEAD_FROM, raw_points, signals
from treadle.packs.crm.signature import phone_of, signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One address of one owner, and what its messages told. Times are milliseconds."""

    email: str
    kind: Kind
    first_seen: int
    last_seen: int
    name: str = ""
    name_at: int = 0
    company: str = ""
    phone: str = ""
    phone_at: int = 0
    first_in: int | None = None
    last_in: int | None = None
    first_out: int | None = None
    last_out: int | None = None
    in_count: int = 0
    out_count: int = 0
    signals: Mapping[str, int] = field(default_factory=dict)

    @property
    def wrote_first(self) -> bool:
        """They wrote to us before we ever wrote to them."""
        return self.first_in is not None and (self.first_out is None or self.first_in < self.first_out)

    @property
    def waits(self) -> bool:
        """Their last message came after our last one."""
        return self.last_in is not None and (self.last_out is None or self.last_in > self.last_out)

    def known_signals(self) -> dict[str, int]:
        """All rules that apply, those of single messages and those of the whole correspondence."""
        told: dict[str, tuple[bool, int]] = {
            "wrote_first": (self.wrote_first, self.first_in or 0),
            "works_at_a_company": (bool(domain_label(self.email)), self.first_seen),
            "left_a_phone_number": (bool(self.phone), self.phone_at),
            "waits_for_an_answer": (self.waits, self.last_in or 0),
        }
        return dict(self.signals) | {rule: at for rule, (holds, at) in told.items() if holds}

    @property
    def is_lead(self) -> bool:
        """A person who came to us on their own and asked for something that we sell."""
        return self.kind is Kind.PERSON and self.wrote_first and raw_points(self.signals) >= LEAD_FROM


def sightings(letter: Letter, own: frozenset[str]) -> list[Sighting]:
    """Say whom a message shows: its sender, and those it went to; each address once."""
    if letter.outgoing:
        seen = [_seen(letter, other, "out", own) for other in letter.others]
    else:
        near = [] if letter.bulk else [_seen(letter, other, "near", own) for other in letter.others]
        seen = [_sender(letter, own), *near]
    first = {one.email: one for one in reversed([one for one in seen if one])}
    return [one for one in first.values() if one.kind is not Kind.SELF]


def _seen(letter: Letter, address: Address, way: str, own: frozenset[str]) -> Sighting | None:
    email = normal_email(address.email)
    if not email:
        return None
    kind, name = kind_of(email, own=own), tidy_name(address.name, email)
    return Sighting(
        message_id=letter.id, email=email, kind=kind, at=letter.at, way=way, name=name, company=company_of(email)
    )


def _sender(letter: Letter, own: frozenset[str]) -> Sighting | None:
    seen = _seen(letter, letter.sender, "in", own)
    if seen is None or seen.kind is not Kind.PERSON:
        return seen
    if letter.bulk:
        return replace(seen, kind=Kind.LIST)
    end = signature(letter.whole or letter.text)
    return replace(seen, company=company_of(seen.email, end), phone=phone_of(end), signals=signals(letter))


def grow(contact: Contact | None, seen: Iterable[Sighting]) -> Contact:
    """Add sightings of one address. Any order and any slicing of the same messages ends in the same contact."""
    for one in seen:
        contact = _merge(contact, _of(one)) if contact else _of(one)
    if contact is None:
        raise ValueError("A contact needs at least one sighting.")
    return contact


def _of(one: Sighting) -> Contact:
    inward, outward = (one.at if one.way == way else None for way in ("in", "out"))
    return Contact(
        email=one.email,
        kind=one.kind,
        first_seen=one.at,
        last_seen=one.at,
        name=one.name,
        name_at=one.at if one.name else 0,
        company=one.company,
        phone=one.phone,
        phone_at=one.at if one.phone else 0,
        first_in=inward,
        last_in=inward,
        first_out=outward,
        last_out=outward,
        in_count=int(one.way == "in"),
        out_count=int(one.way == "out"),
        signals=dict.fromkeys(one.signals, one.at),
    )


def _merge(a: Contact, b: Contact) -> Contact:
    name_at, name = max((a.name_at, a.name), (b.name_at, b.name))
    phone_at, phone = max((a.phone_at, a.phone), (b.phone_at, b.phone))
    rules = a.signals.keys() | b.signals.keys()
    return Contact(
        email=a.email,
        kind=max(a.kind, b.kind, key=WEIGHT.__getitem__),
        first_seen=min(a.first_seen, b.first_seen),
        last_seen=max(a.last_seen, b.last_seen),
        name=name,
        name_at=name_at,
        company=_better_company(a.email, a.company, b.company),
        phone=phone,
        phone_at=phone_at,
        first_in=_either(min, a.first_in, b.first_in),
        last_in=_either(max, a.last_in, b.last_in),
        first_out=_either(min, a.first_out, b.first_out),
        last_out=_either(max, a.last_out, b.last_out),
        in_count=a.in_count + b.in_count,
        out_count=a.out_count + b.out_count,
        signals={rule: max(a.signals.get(rule, 0), b.signals.get(rule, 0)) for rule in sorted(rules)},
    )


def _better_company(email: str, a: str, b: str) -> str:
    # A signature's spelling ("North Quay Couriers Ltd") tells more than the domain's word ("Northquay").
    from_domain = company_of(email)
    return max({a, b} - {"", from_domain}, key=lambda name: (len(name), name), default=from_domain)


def _either(pick: Callable[[int, int], int], a: int | None, b: int | None) -> int | None:
    return pick(a, b) if a is not None and b is not None else a if b is None else b
