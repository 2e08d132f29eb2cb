"""Raw bytes of one message to a frozen value. Pure and never raising: what cannot be read is said in `state`.

stdlib `email` with compat32 (`policy.default` raises on real mail), our tolerant layer above it.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Literal

from treadle.packs.mail.addresses import Address, addresses
from treadle.packs.mail.attachments import Attachment
from treadle.packs.mail.bodies import Body, read_body
from treadle.packs.mail.dates import parse_date, received_date
from treadle.packs.mail.headers import Headers, Parsed, bare_subject, children, first, message_ids, readable
from treadle.packs.mail.language import detect
from treadle.packs.mail.reader import read, read_headers

PARSER_VERSION = 1
RAW_LIMIT = 50 * 1024 * 1024
"""Bytes of a message that are kept; of a larger one only what is parsed."""
PARSE_LIMIT = 25 * 1024 * 1024
"""Bytes above which only the headers and the first text are read."""
OVERSIZE_WINDOW = 1024 * 1024
"""Bytes that are parsed of an oversize message."""
HEADER_LIMIT = 1024 * 1024
REFERENCES_LIMIT = 50
BLANK_LINE = re.compile(rb"\n\r?\n")
HEADER_LINE = re.compile(rb"(?:>?From .*\n)?[!-9;-~]+[ \t]*:")
# A line with a colon at the top is no proof of a mail; one of these is.
WELL_KNOWN = re.compile(
    rb"^(?:from|to|date|subject|received|return-path|message-id|mime-version|delivered-to):", re.I | re.M
)

State = Literal["ok", "partial", "failed", "oversize"]


@dataclass(frozen=True, slots=True)
class Letter:
    """What one message says; times in milliseconds since 1970 UTC, ids without angle brackets."""

    state: State
    trouble: str | None
    size: int
    dedupe_key: str
    message_id: str | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    subject: str = ""
    subject_bare: str = ""
    addresses: tuple[Address, ...] = ()
    sent_at: int | None = None
    received_at: int | None = None
    text: str = ""
    snippet: str = ""
    lang: str = "und"
    has_html: bool = False
    attachments: tuple[Attachment, ...] = ()
    list_id: str | None = None
    auto_submitted: str | None = None
    precedence: str | None = None
    delivered_to: str | None = None

    @property
    def sender(self) -> Address | None:
        """The first From address."""
        return next((address for address in self.addresses if address.role == "from"), None)


def parse(raw: bytes, now: int, *, size: int | None = None) -> Letter:
    """Read one message. `size` is its true size if `raw` is only its beginning; `now` in milliseconds."""
    size = len(raw) if size is None else size
    try:
        return _parse(raw, now, size)
    except Exception as error:  # noqa: BLE001 - one message, however broken, must not end an import
        return failed(raw, f"{type(error).__name__}: {error}", size=size)


def failed(raw: bytes, why: str, *, size: int | None = None) -> Letter:
    """Stand for a message that cannot be parsed; its raw bytes are kept all the same."""
    return Letter("failed", why[:300], len(raw) if size is None else size, by_content(raw))


@dataclass(slots=True)
class _Read:
    """What reading found, before it is understood."""

    raw: bytes
    size: int
    headers: Headers
    body: Body
    troubles: tuple[str, ...]

    @property
    def state(self) -> State:
        return "oversize" if self.size > PARSE_LIMIT else "partial" if self.troubles else "ok"


def _parse(raw: bytes, now: int, size: int) -> Letter:
    start = _first_header(raw)
    if start is None:
        return failed(raw, "no header: this is not a message" if raw.strip() else "empty", size=size)
    oversize = size > PARSE_LIMIT
    source, troubles = _bounded(raw[start : OVERSIZE_WINDOW if oversize else None])
    if raw[:start].strip():
        troubles.append("junk before the headers")
    if oversize:
        troubles.append(f"{size:,} bytes: only the beginning was parsed")
    headers, body = _read(source, troubles)
    return _letter(_Read(raw, size, headers, body, tuple(troubles)), now)


def _first_header(raw: bytes) -> int | None:
    """Find where the headers begin: at the top, below empty lines, or at the first well-known one below junk."""
    top = raw[:4096]
    blank = len(top) - len(top.lstrip())
    if HEADER_LINE.match(top, blank):
        return blank
    known = WELL_KNOWN.search(top)
    return known.start() if known else None


def _bounded(raw: bytes) -> tuple[bytes, list[str]]:
    """Cut headers of more than 1 MiB to their first 1 MiB of whole lines."""
    if len(raw) <= HEADER_LIMIT:
        return raw, []
    blank = BLANK_LINE.search(raw)
    end = blank.start() if blank else len(raw)
    if end <= HEADER_LIMIT:
        return raw, []
    cut = max(raw.rfind(b"\n", 0, HEADER_LIMIT), 0)
    return raw[:cut] + b"\n\n" + (raw[blank.end() :] if blank else b""), [f"{end:,} bytes of headers"]


def _read(raw: bytes, troubles: list[str]) -> tuple[Headers, Body]:
    try:
        headers, message = read(raw)
        body = read_body(message)
    except RecursionError:
        troubles.append("parts nested too deep")
        return read_headers(raw)[0], Body()
    troubles += body.troubles
    troubles += dict.fromkeys(type(defect).__name__.removesuffix("Defect") for defect in _defects(message))
    return headers, body


def _defects(message: Parsed) -> list[Any]:
    return [*message.defects, *(d for part in children(message)[:500] for d in part.defects)]


def _letter(source: _Read, now: int) -> Letter:
    headers, text = source.headers, source.body.text
    ids = message_ids(headers.get("message-id", ()))
    message_id = ids[0] if ids else None
    subject = readable(first(headers, "subject"))
    received = received_date(first(headers, "received"), now)
    return Letter(
        state=source.state,
        trouble="; ".join(source.troubles)[:500] or None,
        size=source.size,
        dedupe_key=_dedupe_key(message_id, headers, source.raw),
        message_id=message_id,
        in_reply_to=tuple(message_ids(headers.get("in-reply-to", ()))[:REFERENCES_LIMIT]),
        references=tuple(message_ids(headers.get("references", ()))[-REFERENCES_LIMIT:]),
        subject=subject,
        subject_bare=bare_subject(subject),
        addresses=addresses(headers),
        sent_at=parse_date(first(headers, "date"), now) or received,
        received_at=received,
        text=text,
        snippet=snippet(text),
        lang=detect(text),
        has_html=source.body.has_html,
        attachments=tuple(source.body.attachments),
        list_id=readable(first(headers, "list-id"), 300) or None,
        auto_submitted=readable(first(headers, "auto-submitted"), 60).lower() or None,
        precedence=readable(first(headers, "precedence"), 30).lower() or None,
        delivered_to=_delivered_to(headers),
    )


def snippet(text: str) -> str:
    """Give the first 200 characters that are not quoted, on one line."""
    found: list[str] = []
    length = 0
    for line in text[:3000].split("\n", 40)[:40]:
        if not line.startswith(">"):
            found += line.split()
            length += len(line)
            if length > 300:
                break
    return " ".join(found)[:200]


def _delivered_to(headers: Headers) -> str | None:
    """Read the mailbox this copy was delivered to last; lists write prose there, which does not count."""
    value = (first(headers, "delivered-to") or first(headers, "x-original-to")).strip().strip("<>").lower()
    return value if re.fullmatch(r"[^\s@<>]{1,64}@[^\s@<>]{1,255}", value) and value.isascii() else None


def _dedupe_key(message_id: str | None, headers: Headers, raw: bytes) -> str:
    """Name the message: the same letter by another way has other trace headers, but the same of these four."""
    if message_id is None:
        return by_content(raw)
    spoken = "\0".join(" ".join(first(headers, name).split()) for name in ("date", "from", "subject", "to"))
    return f"m:{message_id}:{hashlib.sha256(spoken.encode('utf-8', 'replace')).hexdigest()[:32]}"


def by_content(raw: bytes) -> str:
    """Name a message by its bytes."""
    return "s:" + hashlib.sha256(raw).hexdigest()
