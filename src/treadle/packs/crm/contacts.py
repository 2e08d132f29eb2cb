"""Who wrote, and what a message tells about them. Pure; keeping contacts is store.py's work.

Everything here reads untrusted mail: what cannot be read safely is left empty rather than guessed.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from treadle.packs.crm.tables import free_mail


class Kind(StrEnum):
    """What stands behind an address."""

    PERSON = "person"
    LIST = "list"
    NOREPLY = "noreply"
    SELF = "self"


# A person who also writes to lists stays a person; a machine or we ourselves stay what we are.
WEIGHT = {Kind.LIST: 0, Kind.PERSON: 1, Kind.NOREPLY: 2, Kind.SELF: 3}

_ADDRESS = re.compile(r"[^\s@<>(),;:\"\\\x00-\x1f\x7f]{1,64}@([^\s@<>(),;:\"\\\x00-\x1f\x7f]{1,190})")
_MACHINE = re.compile(
    r"(do|please)?[-_.]?(no|not)[-_.]?(reply|respond|answer)|(no|do[-_.]?not)[-_.]?reply.*|mailer[-_.]?daemon|postmaster|"
    r"bounces?([-_.+].*)?|notifications?|notify|automat(ed|ic)([-_.].*)?|(keine|nicht)[-_.]?antwort(en)?|ne[-_.]?pas[-_.]?repondre"
)
_LIST = re.compile(r"(.*[-_.])?(newsletter|news|mailing[-_.]?list|owner|request|subscribe|unsubscribe)([-_.].*)?")


_LIST_HOSTS = ("groups.", "googlegroups.", "list.", "lists.", "mailing.", "news.", "newsletter.", "newsletters.")


@dataclass(frozen=True, slots=True)
class Address:
    """One address as a message shows it."""

    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """The part of a message that tells about people. Times are milliseconds since 1970, UTC."""

    id: str
    at: int
    outgoing: bool
    sender: Address
    others: tuple[Address, ...] = ()
    subject: str = ""
    text: str = ""  # what the sender wrote anew
    whole: str = ""  # with signature and quoted history
    list_id: str = ""
    automatic: bool = False

    @property
    def bulk(self) -> bool:
        """Sent to many, or by a machine."""
        return bool(self.list_id) or self.automatic


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One person seen in one message."""

    message_id: str
    email: str
    kind: Kind
    at: int
    way: str  # "in": they wrote to us, "out": we wrote to them, "near": they were also addressed
    name: str = ""
    company: str = ""
    phone: str = ""
    signals: tuple[str, ...] = ()


def normal_email(address: str) -> str:
    """Return the address in lower case, or "" for what is no address."""
    email = unicodedata.normalize("NFC", address.strip()).lower()
    found = _ADDRESS.fullmatch(email)
    return email if found and "." in found[1].strip(".") else ""


def kind_of(email: str, *, own: frozenset[str], bulk: bool = False) -> Kind:
    """Tell people from lists, machines and ourselves. `own` holds whole addresses and own domains."""
    local, _, domain = email.partition("@")
    if email in own or not own.isdisjoint(_and_above(domain)):
        return Kind.SELF
    if _MACHINE.fullmatch(local):
        return Kind.NOREPLY
    listed = bulk or _LIST.fullmatch(local) or domain.startswith(_LIST_HOSTS)
    return Kind.LIST if listed else Kind.PERSON


def _and_above(domain: str) -> list[str]:
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(len(labels) - 1)]


def own_names(addresses: Iterable[str]) -> frozenset[str]:
    """Own addresses, and their domains where these are not shared with strangers."""
    emails = {email for address in addresses if (email := normal_email(address))}
    domains = {email.partition("@")[2] for email in emails} - free_mail()
    return frozenset(emails | domains)


def plain(text: str, limit: int) -> str:
    """One line without control, bidi and zero-width characters, of at most `limit` characters."""
    shown = "".join(c if unicodedata.category(c)[0] != "C" else " " if c in "\t\r\n" else "" for c in text[: 4 * limit])
    return " ".join(shown.split())[:limit].rstrip()


def tidy_name(name: str, email: str) -> str:
    """Return "Helen Ashworth" for `"ASHWORTH, Helen" (via a list)`; from the address only where that is plain."""
    clean = re.sub(r"\s*(\(.*?\)|\[.*?\]|\bvia .*)", "", plain(name, 200)).strip(" \"'<>,;")
    if not clean or "@" in clean:
        return name_from_address(email)
    last, comma, first = clean.partition(",")
    if comma and "," not in first and len(first.split()) in (1, 2) and len(last.split()) <= 2:
        clean = f"{first.strip()} {last.strip()}"
    shouted = sum(map(str.isupper, clean)) > 6 and clean.isupper()
    words = [
        word.capitalize() if (shouted or comma) and word.isupper() and len(word) > 3 else word for word in clean.split()
    ]
    return " ".join(words)[:120]


def name_from_address(email: str) -> str:
    """Read `helen.ashworth@…` as a name; anything less clear gives ""."""
    parts = email.partition("@")[0].replace("_", ".").split(".")
    if len(parts) != 2 or not all(part.isalpha() and len(part) > 1 for part in parts):
        return ""
    return " ".join(part.capitalize() for part in parts)


def domain_label(email: str) -> str:
    """Return the part of the domain that a company chose (`acme` of `mail.acme.co.uk`), "" for free mail."""
    domain = email.partition("@")[2]
    labels = domain.split(".")
    if not free_mail().isdisjoint(_and_above(domain)) or len(labels) < 2 or labels[-1].isdigit():
        return ""
    second_level = (
        len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in {"ac", "co", "com", "gov", "net", "or", "org"}
    )
    label = labels[-3 if second_level else -2]
    return "" if label.startswith("xn--") else label


def company_of(email: str, signature: Iterable[str] = ()) -> str:
    """Name the employer: the signature's spelling if it fits the domain, else the domain's own word."""
    label = domain_label(email)
    if not label:
        return ""
    wanted = _squash(label)
    parts = [part.strip() for line in signature for part in line.split(",")]
    fitting = [part for part in parts if 2 < len(part) <= 60 and len(wanted) > 3 and _fits(_squash(part), wanted)]
    return plain(fitting[0], 60) if fitting else plain(label.replace("-", " ").title(), 60)


def _fits(written: str, wanted: str) -> bool:
    # "millbrooknurseries" fits "millbrooknursery": the domain is often the singular, or lacks a last word.
    return written.startswith(wanted[: max(5, len(wanted) - 1)])


def _squash(text: str) -> str:
    for umlaut, letters in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss"), ("&", "")):
        text = text.lower().replace(umlaut, letters)
    return "".join(c for c in unicodedata.normalize("NFKD", text) if c.isascii() and c.isalnum())
