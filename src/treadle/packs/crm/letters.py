"""Where the crm pack's letters come from: the messages of the mail pack."""

from collections.abc import Sequence

from treadle.packs.crm import contacts
from treadle.packs.crm.contacts import Address, Letter
from treadle.packs.database import Database
from treadle.packs.mail import reading


def read(database: Database, message_ids: Sequence[str]) -> list[Letter]:
    """Read messages; those that are gone are left out."""
    return [_letter(message) for message in reading.read_messages(database, message_ids)]


def own_names(database: Database, owner: str) -> frozenset[str]:
    """Name the owner's own addresses and domains."""
    return contacts.own_names(reading.own_addresses(database, owner))


def _letter(message: reading.Message) -> Letter:
    return Letter(
        id=message.id,
        at=message.sent_at,
        outgoing=message.direction == "out",
        sender=Address(message.sender_name, message.sender_email),
        others=tuple(Address(one.name, one.email) for one in message.recipients if one.role != "reply_to"),
        subject=message.subject,
        text=message.reply_text,
        whole=message.text,
        list_id=message.list_id or "",
        automatic=is_automatic(message),
    )


def is_automatic(message: reading.Message) -> bool:
    """Tell from its headers whether a machine sent it, or sent it to many."""
    submitted = (message.auto_submitted or "no").strip().lower()
    return submitted != "no" or (message.precedence or "").strip().lower() in {"bulk", "junk", "list"}
