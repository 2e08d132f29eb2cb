"""The tables of the ai pack. Threads are the mail pack's: their ids stand here as text, without a foreign key."""

from sqlalchemy import JSON, BigInteger, Column, Float, Integer, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData()

#: One answer to one task about one state of a thread.
result = Table(
    "ai_result",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("thread_id", String(200), nullable=False),
    Column("task", String(20), nullable=False),
    Column("input_hash", String(64), nullable=False),
    Column("output", JSON, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("provider", String(40), nullable=False),
    Column("model", String(120), nullable=False),
    Column("prompt_version", String(40), nullable=False),
    Column("context_used", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("thread_id", "task", "input_hash"),
)

#: What a person says a thread is; the newest word of a user about a thread stands.
label = Table(
    "ai_label",
    metadata,
    Column("user_id", String(200), primary_key=True),
    Column("thread_id", String(200), primary_key=True),
    Column("task", String(20), primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

#: What was learned from a user's labels and is in use.
learned = Table(
    "ai_model",
    metadata,
    Column("user_id", String(200), primary_key=True),
    Column("task", String(20), primary_key=True),
    Column("blob", JSON, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
