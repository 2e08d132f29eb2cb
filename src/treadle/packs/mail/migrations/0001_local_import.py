"""The tables of the local import."""

import sqlalchemy as sa
from alembic import op

revision = "mail_0001"
down_revision: str | None = None


def upgrade() -> None:
    """Create the tables of the first version."""
    op.create_table(
        "mail_account",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("owner_id", sa.String(length=200), nullable=False),
        sa.Column("tenant", sa.String(length=200), server_default="", nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=320), server_default="", nullable=False),
        sa.Column("own_addresses", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=20), server_default="active", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("owner_id", "provider", "address"),
    )
    op.create_table(
        "mail_address",
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("pos", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email_norm", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("message_id", "pos"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mail_attachment",
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("part_path", sa.String(length=200), nullable=False),
        sa.Column("filename_safe", sa.Text(), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("disposition", sa.String(length=40), nullable=False),
        sa.Column("content_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("message_id", "part_path"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mail_import_run",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("format", sa.String(length=20), nullable=False),
        sa.Column("fingerprint", sa.String(length=80), nullable=False),
        sa.Column("token", sa.Text(), server_default="", nullable=False),
        sa.Column("inflight", sa.Integer(), server_default="0", nullable=False),
        sa.Column("seen", sa.Integer(), server_default="0", nullable=False),
        sa.Column("stored", sa.Integer(), server_default="0", nullable=False),
        sa.Column("duplicates", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refused", sa.Integer(), server_default="0", nullable=False),
        sa.Column("partial", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("oversize", sa.Integer(), server_default="0", nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("delivered", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("mail_import_run_place", "mail_import_run", ["account_id", "path"], unique=False)
    op.create_table(
        "mail_message",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("thread_id", sa.String(length=36), nullable=False),
        sa.Column("dedupe_key", sa.String(length=600), nullable=False),
        sa.Column("raw_sha256", sa.String(length=64), nullable=True),
        sa.Column("message_id_hdr", sa.String(length=500), nullable=True),
        sa.Column("in_reply_to", sa.String(length=500), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_norm", sa.Text(), nullable=False),
        sa.Column("from_name", sa.Text(), nullable=False),
        sa.Column("from_email", sa.String(length=320), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("snippet", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("lang", sa.String(length=8), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("is_read", sa.Boolean(), nullable=False),
        sa.Column("is_flagged", sa.Boolean(), nullable=False),
        sa.Column("is_draft", sa.Boolean(), nullable=False),
        sa.Column("has_html", sa.Boolean(), nullable=False),
        sa.Column("has_attachments", sa.Boolean(), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("list_id", sa.Text(), nullable=True),
        sa.Column("auto_submitted", sa.String(length=60), nullable=True),
        sa.Column("precedence", sa.String(length=30), nullable=True),
        sa.Column("parser_version", sa.Integer(), nullable=False),
        sa.Column("parse_state", sa.String(length=10), nullable=False),
        sa.Column("parse_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "dedupe_key"),
    )
    op.create_index("mail_message_raw", "mail_message", ["account_id", "raw_sha256"], unique=False)
    op.create_index("mail_message_run", "mail_message", ["run_id"], unique=False)
    op.create_index("mail_message_thread", "mail_message", ["thread_id"], unique=False)
    op.create_table(
        "mail_raw",
        sa.Column("owner_id", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("codec", sa.String(length=10), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "sha256"),
    )
    op.create_table(
        "mail_reference",
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("message_id_hdr", sa.String(length=500), nullable=False),
        sa.Column("thread_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "message_id_hdr"),
        sqlite_with_rowid=False,
    )
    op.create_index("mail_reference_thread", "mail_reference", ["thread_id"], unique=False)
    op.create_table(
        "mail_thread",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("root_subject", sa.Text(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("message_count", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("ai_revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("merged_into", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("mail_thread_recent", "mail_thread", ["account_id", "last_at"], unique=False)
