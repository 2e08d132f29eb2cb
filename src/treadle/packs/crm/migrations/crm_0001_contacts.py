"""Contacts, the messages they were counted in, and leads."""

import sqlalchemy as sa
from alembic import op

revision = "crm_0001"
down_revision: str | None = None


def upgrade() -> None:
    """Create the tables of the first version."""
    op.create_table(
        "contact",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("owner_id", sa.String(200), nullable=False),
        sa.Column("email_norm", sa.String(320), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("name", sa.String(120), nullable=False, server_default=""),
        sa.Column("name_at", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("company", sa.String(60), nullable=False, server_default=""),
        sa.Column("domain", sa.String(255), nullable=False, server_default=""),
        sa.Column("phone", sa.String(20), nullable=False, server_default=""),
        sa.Column("phone_at", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("first_in", sa.BigInteger()),
        sa.Column("last_in", sa.BigInteger()),
        sa.Column("first_out", sa.BigInteger()),
        sa.Column("last_out", sa.BigInteger()),
        sa.Column("in_count", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("out_count", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("signals", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(20), nullable=False, server_default="mail"),
        sa.UniqueConstraint("owner_id", "email_norm"),
    )
    op.create_index("contact_owner_last_seen", "contact", ["owner_id", "last_seen"])
    op.create_table(
        "contact_sighting",
        sa.Column("contact_id", sa.Integer(), sa.ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("message_id", sa.String(200), primary_key=True),
    )
    op.create_table(
        "lead",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("owner_id", sa.String(200), nullable=False),
        sa.Column(
            "contact_id", sa.Integer(), sa.ForeignKey("contact.id", ondelete="CASCADE"), nullable=False, unique=True
        ),
        sa.Column("stage", sa.String(12), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("score_reasons", sa.JSON(), nullable=False),
        sa.Column("scored_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("lead_owner_score", "lead", ["owner_id", "score"])
