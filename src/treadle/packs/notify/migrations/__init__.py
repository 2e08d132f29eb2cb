"""Alembic revisions of the notify pack's tables, oldest first."""
