"""The mail pack's tables. Times: milliseconds since 1970 UTC; ids: sortable texts, the oldest first.

mail_account ─┬─ mail_import_run      how far an import got, and its counts
              ├─ mail_message ─┬─ mail_address, mail_attachment
              │                └─ mail_raw (by content; shared by the accounts of one owner)
              ├─ mail_thread
              └─ mail_reference       every id ever seen or mentioned, and the thread it leads to
"""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy import UniqueConstraint as Unique

metadata = MetaData()

account = Table(
    "mail_account",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("owner_id", String(200), nullable=False),
    Column("tenant", String(200), nullable=False, server_default=""),
    Column("provider", String(20), nullable=False),
    Column("address", String(320), nullable=False, server_default=""),
    Column("own_addresses", JSON, nullable=False),
    Column("state", String(20), nullable=False, server_default="active"),
    Column("created_at", BigInteger, nullable=False),
    Unique("owner_id", "provider", "address"),
)

import_run = Table(
    "mail_import_run",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account_id", String(36), nullable=False),
    Column("path", Text, nullable=False),
    Column("format", String(20), nullable=False),
    Column("fingerprint", String(80), nullable=False),
    Column("token", Text, nullable=False, server_default=""),
    Column("inflight", Integer, nullable=False, server_default="0"),
    Column("seen", Integer, nullable=False, server_default="0"),
    Column("stored", Integer, nullable=False, server_default="0"),
    Column("duplicates", Integer, nullable=False, server_default="0"),
    Column("refused", Integer, nullable=False, server_default="0"),
    Column("partial", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("oversize", Integer, nullable=False, server_default="0"),
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    Column("delivered", JSON, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Index("mail_import_run_place", "account_id", "path"),
)

raw = Table(
    "mail_raw",
    metadata,
    Column("owner_id", String(200), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("codec", String(10), nullable=False),
    Column("blob", LargeBinary, nullable=False),
)

message = Table(
    "mail_message",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account_id", String(36), nullable=False),
    Column("run_id", String(36)),
    Column("thread_id", String(36), nullable=False),
    Column("dedupe_key", String(600), nullable=False),
    Column("raw_sha256", String(64)),
    Column("message_id_hdr", String(500)),
    Column("in_reply_to", String(500)),
    Column("subject", Text, nullable=False),
    Column("subject_norm", Text, nullable=False),
    Column("from_name", Text, nullable=False),
    Column("from_email", String(320), nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("snippet", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("lang", String(8), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("is_read", Boolean, nullable=False),
    Column("is_flagged", Boolean, nullable=False),
    Column("is_draft", Boolean, nullable=False),
    Column("has_html", Boolean, nullable=False),
    Column("has_attachments", Boolean, nullable=False),
    Column("direction", String(3), nullable=False),
    Column("list_id", Text),
    Column("auto_submitted", String(60)),
    Column("precedence", String(30)),
    Column("parser_version", Integer, nullable=False),
    Column("parse_state", String(10), nullable=False),
    Column("parse_error", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    Unique("account_id", "dedupe_key"),
    Index("mail_message_thread", "thread_id"),
    Index("mail_message_raw", "account_id", "raw_sha256"),
    Index("mail_message_run", "run_id"),
)

address = Table(
    "mail_address",
    metadata,
    Column("message_id", String(36), primary_key=True),
    Column("pos", Integer, primary_key=True),
    Column("role", String(10), nullable=False),
    Column("name", Text, nullable=False),
    Column("email_norm", String(320), nullable=False),
    sqlite_with_rowid=False,
)

reference = Table(
    "mail_reference",
    metadata,
    Column("account_id", String(36), primary_key=True),
    Column("message_id_hdr", String(500), primary_key=True),
    Column("thread_id", String(36), nullable=False),
    Index("mail_reference_thread", "thread_id"),
    sqlite_with_rowid=False,
)

thread = Table(
    "mail_thread",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account_id", String(36), nullable=False),
    Column("root_subject", Text, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("message_count", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("ai_revision", Integer, nullable=False, server_default="0"),
    Column("merged_into", String(36)),
    Index("mail_thread_recent", "account_id", "last_at"),
)

attachment = Table(
    "mail_attachment",
    metadata,
    Column("message_id", String(36), primary_key=True),
    Column("part_path", String(200), primary_key=True),
    Column("filename_safe", Text, nullable=False),
    Column("content_type", String(100), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("disposition", String(40), nullable=False),
    Column("content_id", Text),
    sqlite_with_rowid=False,
)
