"""Statements that reading needs again and again, built once: making them costs more than running them."""

from typing import Any, cast

from sqlalchemy import BindParameter, ColumnElement, bindparam, func, select

from treadle.packs.mail.model import account, address, attachment, message, thread


def among(column: Any, values: Any) -> ColumnElement[bool]:
    """Say IN with one parameter, a JSON list, for any number of values."""
    listed = func.json_each(values).table_valued("value")
    return cast(ColumnElement[bool], column.in_(select(listed.c.value)))


ID: BindParameter[str] = bindparam("id")
IDS: BindParameter[str] = bindparam("ids")

THREAD = select(thread, account.c.owner_id).join(account, account.c.id == thread.c.account_id).where(thread.c.id == ID)
MESSAGES_OF_THREAD = (
    select(message)
    .where(message.c.thread_id == ID, message.c.deleted_at.is_(None))
    .order_by(message.c.sent_at, message.c.id)
)
MESSAGES = select(message).where(among(message.c.id, IDS)).order_by(message.c.sent_at, message.c.id)
RECIPIENTS = select(address).where(among(address.c.message_id, IDS), address.c.role != "from").order_by(address.c.pos)
ATTACHMENTS = select(attachment).where(among(attachment.c.message_id, IDS)).order_by(attachment.c.part_path)
