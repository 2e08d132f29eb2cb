"""Deliveries and preferences."""

import sqlalchemy as sa
from alembic import op

revision = "notify_0001"
down_revision: str | None = None


def upgrade() -> None:
    """Create the tables of the first version."""
    op.create_table(
        "notify_delivery",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("dedupe_key", sa.String(300), nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("user_id", sa.String(200), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(200), nullable=False),
        sa.Column("path", sa.String(1000), nullable=False, server_default=""),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger()),
        sa.UniqueConstraint("dedupe_key", "channel", "user_id"),
    )
    op.create_table(
        "notify_preference",
        sa.Column("user_id", sa.String(200), primary_key=True),
        sa.Column("event", sa.String(40), primary_key=True),
        sa.Column("channel", sa.String(20), primary_key=True),
        sa.Column("allowed", sa.Boolean(), nullable=False),
    )
