"""Alembic revisions of the crm pack's tables, oldest first."""
