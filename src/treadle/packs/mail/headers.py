"""Header fields to text: unfolding, RFC 2047 encoded words, message ids. Never raises."""

import re
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterable
from email.message import Message
from typing import Any, TypeAlias

from treadle.packs.mail.charsets import decode, storable

Parsed: TypeAlias = "Message[Any, Any]"
Headers: TypeAlias = dict[str, list[str]]
"""Raw values by lower-case name, in the order of the message."""

VALUE_LIMIT = 64 * 1024
"""Characters of one header value that are looked at."""
ENCODED_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
FOLD = re.compile(r"[\r\n]+[ \t]*|[\t\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+")
MESSAGE_ID = re.compile(r"<([^<>]{3,500})>")
PREFIX = re.compile(
    r"\s*(?:(?:re|fwd?|aw|wg|antw|sv|vs|tr|rif|res|enc|rv)\s*(?:\[\d{1,3}\])?\s*:|\[[^\]]{1,40}\])", re.I
)


def collect(message: Parsed) -> Headers:
    """Gather the raw header values of one part."""
    found: Headers = {}
    for name, value in message.raw_items():
        found.setdefault(name.lower(), []).append(value)
    return found


def children(part: Parsed) -> list[Parsed]:
    """List the parts inside a part; none for a leaf."""
    payload: Any = part.get_payload() if part.is_multipart() else []
    return list(payload)


def first(headers: Headers, name: str) -> str:
    """Give the first raw value of a header, or an empty string."""
    values = headers.get(name)
    return values[0] if values else ""


def readable(value: str, limit: int = 2000) -> str:
    """Decode a raw header value to one line of at most `limit` characters."""
    value = unfold(value)
    if not value.isascii():
        value = decode(value.encode("utf-8", "surrogateescape"))[0]
    if "=?" in value:
        value = _decode_words(value)
    return storable(value).strip()[:limit]


def unfold(value: str) -> str:
    """Put a folded value on one line; control characters become spaces. Looks at 64 KiB at most."""
    value = value[:VALUE_LIMIT]
    return value if value.isascii() and value.isprintable() else FOLD.sub(" ", value)


def _decode_words(value: str) -> str:
    """Replace encoded words; white space between two of them is not part of the text (RFC 2047, 6.2)."""
    out: list[str] = []
    pending, charset, end = b"", "", 0
    for word in ENCODED_WORD.finditer(value):
        between = value[end : word.start()]
        data = _unpack(word[2], word[3])
        end = word.end()
        # One letter may be torn apart between two words of one charset: join the bytes first.
        if pending and not between.strip() and word[1] == charset:
            pending += data
            continue
        out.append(_flush(pending, charset))
        out.append(between if between.strip() or not out[-1] else "")
        pending, charset = data, word[1]
    return "".join((*out, _flush(pending, charset), value[end:]))


def _flush(data: bytes, charset: str) -> str:
    text = decode(data, charset.partition("*")[0])[0] if data else ""  # *de: a language tag (RFC 2231, 5)
    return FOLD.sub(" ", text)


def _unpack(encoding: str, text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    if encoding in "qQ":
        return a2b_qp(data, header=True)
    try:
        return a2b_base64(data + b"==")
    except ValueError:
        return data


def message_ids(values: Iterable[str]) -> list[str]:
    """Find `<…>` message ids in raw header values, without the brackets, in order and without junk."""
    found = (id for value in values for id in MESSAGE_ID.findall(value[:VALUE_LIMIT]))
    whole = ("".join(id.split()) for id in found)  # some programs fold lines in the middle of an id
    return [id for id in whole if plausible(id)]


def plausible(id: str) -> bool:
    """Tell a message id from junk: it has an @ inside, or is long enough to be unique by itself."""
    return id.isascii() and id.isprintable() and (0 < id.find("@") < len(id) - 1 or len(id) >= 16)


def bare_subject(subject: str) -> str:
    """Strip reply marks (Re, Fwd, AW, …) and list tags from a subject, for grouping and display."""
    at = 0
    while match := PREFIX.match(subject, at):
        at = match.end()
    return subject[at:].strip() or subject.strip()
