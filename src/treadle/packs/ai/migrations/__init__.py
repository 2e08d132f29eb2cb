"""Alembic revisions of the ai pack's tables, oldest first."""
