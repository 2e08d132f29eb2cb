"""What hangs on a message: type, size, hash and a name that is safe to show. Contents stay in the raw bytes."""

import hashlib
import re
from dataclasses import dataclass
from email.utils import collapse_rfc2231_value
from urllib.parse import unquote_to_bytes

from treadle.packs.mail.charsets import decode, storable
from treadle.packs.mail.headers import Parsed, children, readable

NAME_LIMIT = 120
"""Characters of a file name that are kept, the extension among them."""
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f/\\:*?\"<>|\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
# Names that Windows gives to devices, with any extension.
DEVICE = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z)")


@dataclass(frozen=True, slots=True)
class Attachment:
    """One part that is not the readable text; `part_path` counts from 1 at each level, as IMAP does."""

    part_path: str
    name: str
    content_type: str
    size: int
    sha256: str
    disposition: str
    content_id: str | None


def safe_name(name: str, fallback: str = "attachment") -> str:
    """Make a file name that can neither leave its folder nor hide its ending."""
    name = UNSAFE.sub("_", name.replace("\\", "/").rpartition("/")[2] or name).strip(" .")
    if not name.strip("_"):
        return fallback
    if DEVICE.match(name):
        name = "_" + name
    if len(name) > NAME_LIMIT:
        stem, dot, ending = name.rpartition(".")
        keep = ending[:20] if dot and stem else ""
        name = name[: NAME_LIMIT - len(keep) - 1] + ("." + keep if keep else "")
    return name


def describe(part: Parsed, path: str) -> Attachment:
    """Gather what there is to know about one part."""
    content = part.get_payload(decode=True) if not part.is_multipart() else b""
    data = content if isinstance(content, bytes) else b""
    kind = storable(part.get_content_type())[:100]
    disposition = storable(part.get_content_disposition() or "")[:40]
    content_id = readable(str(part.get("Content-ID") or ""), 200).strip("<> ") or None
    name = safe_name(file_name(part), _fallback(part, kind))
    digest = hashlib.sha256(data).hexdigest()
    return Attachment(path, name, kind, len(data), digest, disposition or "attachment", content_id)


def file_name(part: Parsed) -> str:
    """Read the name a sender gave, by RFC 2231, RFC 2047 or as raw bytes; empty if there is none."""
    for header, parameter in (("content-disposition", "filename"), ("content-type", "name")):
        try:
            value = part.get_param(parameter, header=header)
        except (ValueError, IndexError, TypeError, LookupError):
            continue
        if isinstance(value, tuple):
            return _rfc2231(value)
        if value:
            return readable(str(value), 1000)
    return ""


def _rfc2231(value: tuple[str | None, str | None, str]) -> str:
    charset, _, text = value
    try:
        return readable(collapse_rfc2231_value((charset, "", text)), 1000)
    except (LookupError, ValueError):
        return readable(decode(unquote_to_bytes(text), charset)[0], 1000)


def _fallback(part: Parsed, kind: str) -> str:
    if kind != "message/rfc822":
        return "attachment"
    inner = children(part)
    subject = inner[0].get("Subject", "") if inner else ""
    return safe_name(readable(str(subject), 80), "message") + ".eml"
