"""Alembic revisions of the mail pack's tables, oldest first."""
