"""The tables of the notify pack. Times are milliseconds since 1970, UTC."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, String, Table, UniqueConstraint

metadata = MetaData()

delivery = Table(
    "notify_delivery",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("dedupe_key", String(300), nullable=False),  # such as digest:me:2026-03-20
    Column("channel", String(20), nullable=False),
    Column("user_id", String(200), nullable=False),
    Column("state", String(12), nullable=False),  # sending, sent: of the letter, not the job's state
    Column("items", Integer, nullable=False),
    Column("message_id", String(200), nullable=False),
    Column("path", String(1000), nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    UniqueConstraint("dedupe_key", "channel", "user_id"),
)

preference = Table(
    "notify_preference",
    metadata,
    Column("user_id", String(200), primary_key=True),
    Column("event", String(40), primary_key=True),
    Column("channel", String(20), primary_key=True),
    Column("allowed", Boolean, nullable=False),
)
