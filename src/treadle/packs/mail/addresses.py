"""Address headers to names and addresses. Caps and catches what parsers choke on; never raises."""

import re
from dataclasses import dataclass
from email.utils import getaddresses

from treadle.packs.mail.headers import Headers, readable, unfold

ADDRESS_LIMIT = 1000
"""Addresses kept of one message."""
ROLES = ("from", "to", "cc", "bcc", "reply-to")
# One mailbox in the form nearly all are written in; anything else goes to the full grammar of the stdlib.
COMMON = re.compile(r'\s*(?:"([^"\\\r\n]*)"|([^"<>,;:()\\\[\]@]*))\s*<([^<>\s",;:()\\]{1,320})>\s*\Z')
BARE = re.compile(r'\s*([^<>\s",;:()\\]{1,320}@[^<>\s",;:()\\@]{1,255})\s*\Z')
VALID = re.compile(r"[^\s@<>\"',;:()\[\]\\]+(?:@[^\s@<>\"',;:()\\]+)\Z")


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox in one role; `email` is lower case."""

    role: str
    name: str
    email: str


def addresses(headers: Headers) -> tuple[Address, ...]:
    """Read From, To, Cc, Bcc and Reply-To, at most 1,000 addresses in all."""
    found = [
        Address(role.replace("-", "_"), name, email)
        for role in ROLES
        for value in headers.get(role, ())
        for name, email in mailboxes(value)
    ]
    return tuple(found[:ADDRESS_LIMIT])


def mailboxes(value: str) -> list[tuple[str, str]]:
    """Read the (name, address) pairs of one raw header value; what is no address is left out."""
    value = unfold(value)
    pairs = _common(value)
    found = ((_name(name), email.strip().lower()) for name, email in (_grammar(value) if pairs is None else pairs))
    return [(name, email) for name, email in found if VALID.match(email) and len(email) <= 320 and email.isprintable()]


def _common(value: str) -> list[tuple[str, str]] | None:
    pairs = []
    for piece in value.split(","):
        if match := COMMON.match(piece):
            pairs.append((match[1] or match[2] or "", match[3]))
        elif match := BARE.match(piece):
            pairs.append(("", match[1]))
        else:
            return None
    return pairs


def _grammar(value: str) -> list[tuple[str, str]]:
    try:
        return getaddresses([value])[:ADDRESS_LIMIT]
    except (RecursionError, ValueError, IndexError, TypeError, AttributeError):  # 5,000 nested comments, and worse
        return [("", found) for found in re.findall(r"[^\s<>,;:()\"]{1,64}@[^\s<>,;:()\"@]{1,255}", value)]


def _name(name: str) -> str:
    return readable(name, 300).strip("'\" ") if name else ""
