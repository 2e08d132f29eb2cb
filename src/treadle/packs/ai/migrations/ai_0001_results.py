"""Results, labels and learned models."""

import sqlalchemy as sa
from alembic import op

revision = "ai_0001"
down_revision: str | None = None


def upgrade() -> None:
    """Create the tables of the first version."""
    op.create_table(
        "ai_result",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("thread_id", sa.String(200), nullable=False),
        sa.Column("task", sa.String(20), nullable=False),
        sa.Column("input_hash", sa.String(64), nullable=False),
        sa.Column("output", sa.JSON(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("provider", sa.String(40), nullable=False),
        sa.Column("model", sa.String(120), nullable=False),
        sa.Column("prompt_version", sa.String(40), nullable=False),
        sa.Column("context_used", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("thread_id", "task", "input_hash"),
    )
    op.create_table(
        "ai_label",
        sa.Column("user_id", sa.String(200), primary_key=True),
        sa.Column("thread_id", sa.String(200), primary_key=True),
        sa.Column("task", sa.String(20), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "ai_model",
        sa.Column("user_id", sa.String(200), primary_key=True),
        sa.Column("task", sa.String(20), primary_key=True),
        sa.Column("blob", sa.JSON(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
    )
