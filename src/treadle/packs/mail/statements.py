"""Statements that are needed again and again, built once: making them costs more than running them."""

from typing import Any, cast

from sqlalchemy import BindParameter, ColumnElement, bindparam, func, select

from treadle.packs.mail.model import account, address, attachment, message, reference, thread


def among(column: Any, values: Any) -> ColumnElement[bool]:
    """Say IN with one parameter, a JSON list, for any number of values."""
    listed = func.json_each(values).table_valued("value")
    return cast(ColumnElement[bool], column.in_(select(listed.c.value)))


ID: BindParameter[str] = bindparam("id")
IDS: BindParameter[str] = bindparam("ids")

# What an import asks of each slice.
ACCOUNT: BindParameter[str] = bindparam("account")
KNOWN_RAWS = select(message.c.raw_sha256).where(message.c.account_id == ACCOUNT, among(message.c.raw_sha256, IDS))
KNOWN_KEYS = select(message.c.dedupe_key).where(message.c.account_id == ACCOUNT, among(message.c.dedupe_key, IDS))
KNOWN_REFERENCES = select(reference.c.message_id_hdr, reference.c.thread_id).where(
    reference.c.account_id == ACCOUNT, among(reference.c.message_id_hdr, IDS)
)

# What readers ask.
THREAD = select(thread, account.c.owner_id).join(account, account.c.id == thread.c.account_id).where(thread.c.id == ID)
MESSAGES_OF_THREAD = (
    select(message)
    .where(message.c.thread_id == ID, message.c.deleted_at.is_(None))
    .order_by(message.c.sent_at, message.c.id)
)
MESSAGES = select(message).where(among(message.c.id, IDS)).order_by(message.c.sent_at, message.c.id)
RECIPIENTS = select(address).where(among(address.c.message_id, IDS), address.c.role != "from").order_by(address.c.pos)
ATTACHMENTS = select(attachment).where(among(attachment.c.message_id, IDS)).order_by(attachment.c.part_path)
