"""From a parsed letter to the rows that keep it. Pure."""

import hashlib
import zlib
from dataclasses import dataclass
from typing import Any

from treadle.packs.mail.dates import EARLIEST
from treadle.packs.mail.parse import PARSER_VERSION, RAW_LIMIT, Letter
from treadle.packs.mail.sources.item import Item

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Raw:
    """A message's bytes with their name."""

    item: Item
    sha256: str

    @property
    def kept(self) -> bool:
        """Whether the bytes are kept whole."""
        return self.item.size <= RAW_LIMIT


def name_raw(item: Item) -> Raw:
    """Name a message by the hash of its bytes."""
    return Raw(item, hashlib.sha256(item.raw).hexdigest())


def raw_row(owner: str, raw: Raw) -> dict[str, Any]:
    """Pack the bytes; small gains are not worth the level."""
    packed = _pack(raw.item.raw)
    plain = len(packed) >= len(raw.item.raw)
    blob, codec = (raw.item.raw, "none") if plain else (packed, "zlib")
    return {"owner_id": owner, "sha256": raw.sha256, "size": raw.item.size, "codec": codec, "blob": blob}


def _pack(data: bytes) -> bytes:
    """Compress; a window no larger than most mails saves a quarter of the time, which goes into setting it up."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, 13, 6) if len(data) < 16_384 else zlib.compressobj(1)
    return deflate.compress(data) + deflate.flush()


def message_row(letter: Letter, raw: Raw, now: int) -> dict[str, Any]:
    """Write what the letter itself says; whose it is and where it belongs is added by the store."""
    sender = letter.sender
    arrived = _sane(raw.item.arrived_at, now)
    received = letter.received_at or arrived
    return {
        "dedupe_key": letter.dedupe_key,
        "raw_sha256": raw.sha256 if raw.kept else None,
        "message_id_hdr": letter.message_id,
        "in_reply_to": letter.in_reply_to[0] if letter.in_reply_to else None,
        "subject": letter.subject,
        "subject_norm": letter.subject_bare,
        "from_name": sender.name if sender else "",
        "from_email": sender.email if sender else "",
        "sent_at": letter.sent_at or received or now,
        "received_at": received or letter.sent_at or now,
        "snippet": letter.snippet,
        "text": letter.text,
        "lang": letter.lang,
        "size": letter.size,
        "is_read": "S" in raw.item.flags,
        "is_flagged": "F" in raw.item.flags,
        "is_draft": "D" in raw.item.flags,
        "has_html": letter.has_html,
        "has_attachments": bool(letter.attachments),
        "list_id": letter.list_id,
        "auto_submitted": letter.auto_submitted,
        "precedence": letter.precedence,
        "parser_version": PARSER_VERSION,
        "parse_state": letter.state,
        "parse_error": letter.trouble,
        "created_at": now,
    }


def _sane(instant: int | None, now: int) -> int | None:
    return instant if instant is not None and EARLIEST <= instant <= now else None


def address_rows(id: str, letter: Letter) -> Rows:
    """Write the addresses in the order of the message."""
    return [
        {"message_id": id, "pos": pos, "role": one.role, "name": one.name, "email_norm": one.email}
        for pos, one in enumerate(letter.addresses)
    ]


def attachment_rows(id: str, letter: Letter) -> Rows:
    """Write what hangs on the message."""
    return [
        {
            "message_id": id,
            "part_path": one.part_path,
            "filename_safe": one.name,
            "content_type": one.content_type,
            "size": one.size,
            "sha256": one.sha256,
            "disposition": one.disposition,
            "content_id": one.content_id,
        }
        for one in letter.attachments
    ]
