"""Which parts of a message are its text and which hang on it. Knows MIME's tree; parses nothing itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from treadle.packs.mail.attachments import Attachment, describe
from treadle.packs.mail.charsets import decode, storable
from treadle.packs.mail.headers import Parsed, children
from treadle.packs.mail.html import to_text

PART_LIMIT = 500
DEPTH_LIMIT = 50
CHARSET = re.compile(r";\s*charset\s*=\s*\"?([A-Za-z0-9._:+-]{1,60})\"?\s*(?:;|\Z)", re.I)
TEXT_LIMIT = 1_000_000
"""Characters of text kept of one message."""


@dataclass(slots=True)
class Body:
    """What was found while walking the tree of one message; filled in one pass, then read."""

    text: str = ""
    attachments: list[Attachment] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    parts: int = 0
    has_html: bool = False

    def trouble(self, sentence: str) -> None:
        """Note once what could not be read fully."""
        if sentence not in self.troubles and len(self.troubles) < 10:
            self.troubles.append(sentence)


def read_body(message: Parsed) -> Body:
    """Find the readable text of a message and what else is in it."""
    body = Body()
    text = "\n\n".join(piece for piece in _texts(message, "", 0, body) if piece.strip())
    if len(text) > TEXT_LIMIT:
        body.trouble(f"text cut at {TEXT_LIMIT:,} characters")
    body.text = text[:TEXT_LIMIT]
    return body


def _texts(part: Parsed, path: str, depth: int, body: Body) -> Iterator[str]:
    """Walk one part: yield the texts a reader would see, collect the rest."""
    body.parts += 1
    if body.parts > PART_LIMIT:
        body.trouble(f"more than {PART_LIMIT} parts")
        return
    if depth > DEPTH_LIMIT:
        body.trouble(f"parts nested deeper than {DEPTH_LIMIT}")
        return
    kind, inner = part.get_content_type(), children(part)
    if kind == "multipart/alternative" and inner:
        yield from _best(inner, path, depth, body)
    elif inner and not kind.startswith("message/"):
        for number, child in enumerate(inner, 1):
            yield from _texts(child, _below(path, number), depth + 1, body)
            if body.parts > PART_LIMIT:
                return
    else:
        yield from _leaf(part, kind, path or "1", body)


def _best(inner: list[Parsed], path: str, depth: int, body: Body) -> Iterator[str]:
    """Choose among alternatives: plain text if it says something, else the first other that does."""
    versions: list[tuple[bool, str]] = []
    for number, child in enumerate(inner, 1):
        if body.parts > PART_LIMIT:
            break
        plain = child.get_content_type() == "text/plain"
        # Turning HTML into text is the dear part; it is not needed once there is plain text.
        if child.get_content_type() == "text/html" and any(is_plain and text.strip() for is_plain, text in versions):
            body.parts, body.has_html = body.parts + 1, True
            continue
        versions.append((plain, "\n\n".join(_texts(child, _below(path, number), depth + 1, body))))
    versions.sort(key=lambda version: not version[0])
    yield from [text for _, text in versions if text.strip()][:1]


def _leaf(part: Parsed, kind: str, path: str, body: Body) -> Iterator[str]:
    readable = kind in ("text/plain", "text/html", "text/enriched")
    if not readable or (part.get("Content-Disposition") and part.get_content_disposition() == "attachment"):
        body.attachments.append(describe(part, path))
        return
    text = _decoded(part, body)
    if kind == "text/html":
        body.has_html = True
        text = to_text(text)
    yield text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(part: Parsed, body: Body) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    declared = _charset(part)
    text, clean = decode(data[: 4 * TEXT_LIMIT], declared)
    if not clean:
        body.trouble(f"charset {declared!r} did not fit" if declared else "no charset fitted")
    return storable(text)


def _charset(part: Parsed) -> str | None:
    kind = str(part.get("Content-Type") or "")
    if found := CHARSET.search(kind):
        return found[1]
    value = part.get_param("charset") if "charset" in kind.lower() else None  # RFC 2231 and odder forms
    if isinstance(value, tuple):
        value = value[2]
    return storable(str(value))[:60] if value else None


def _below(path: str, number: int) -> str:
    return f"{path}.{number}" if path else str(number)
