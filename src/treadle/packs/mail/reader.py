"""Bytes to headers and a MIME tree: stdlib `email` with compat32, and a short cut for messages of one part.

Most mail has one part. Its headers are split here by one expression and its body is simply the rest, which takes a
third of the stdlib's time; whatever is not plainly of this form goes the stdlib's way. A property test compares both.
"""

import re
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32

from treadle.packs.mail.headers import Headers, Parsed, collect

PARSER = BytesParser(policy=compat32)
FIELD = re.compile(r"([!-9;-~]+):[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)\n")
MANY_PARTS = re.compile(r"\s*[\"']?\s*(?:multipart|message)", re.I)
CONTENT = ("content-type", "content-transfer-encoding", "content-disposition", "content-id")


def read(raw: bytes) -> tuple[Headers, Parsed]:
    """Parse a message. Raises RecursionError for parts nested beyond the interpreter's patience."""
    return _one_part(raw) or _any(raw)


def read_headers(raw: bytes) -> tuple[Headers, Parsed]:
    """Parse the headers only; the body stays one lump."""
    message: Parsed = PARSER.parsebytes(raw, headersonly=True)
    return collect(message), message


def _any(raw: bytes) -> tuple[Headers, Parsed]:
    message: Parsed = PARSER.parsebytes(raw)
    return collect(message), message


def _one_part(raw: bytes) -> tuple[Headers, Parsed] | None:
    """Read a message that plainly has one part; None if it is not plain."""
    end, start = _blank_line(raw)
    if end < 0:
        return None
    head = raw[:end].decode("ascii", "surrogateescape").replace("\r\n", "\n")
    headers = _fields(head)
    if headers is None or any(MANY_PARTS.match(kind) for kind in headers.get("content-type", ())):
        return None
    message: Parsed = Message(policy=compat32)
    for name in CONTENT:
        for value in headers.get(name, ()):
            message.set_raw(name, value)
    message.set_payload(raw[start:].decode("ascii", "surrogateescape"))
    return headers, message


def _blank_line(raw: bytes) -> tuple[int, int]:
    """Find the end of the headers, its own line end included, and the start of the body."""
    unix, network = raw.find(b"\n\n"), raw.find(b"\n\r\n")
    if network < 0 or 0 <= unix < network:
        return unix + 1 if unix >= 0 else -1, unix + 2
    return network + 1, network + 3


def _fields(head: str) -> Headers | None:
    """Split header lines; None if one is not of the form `Name: value` or a continuation of it."""
    fields = FIELD.findall(head)
    continued = head.count("\n ") + head.count("\n\t")
    if "\r" in head or len(fields) + continued != head.count("\n"):
        return None
    found: Headers = {}
    for name, value in fields:
        found.setdefault(name.lower(), []).append(value)
    return found
