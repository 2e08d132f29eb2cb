"""Bring the schema up to date: numbered scripts, each applied once, under a lock that ends with its transaction."""

from importlib.resources import files
from typing import Any, NamedTuple

from treadle.core.errors import StoreError
from treadle.core.job import Schema
from treadle.stores.postgres.settings import PostgresSettings, place_of

#: Names our lock among those of other applications: "treadle" in ASCII, cut to a bigint.
LOCK = int.from_bytes(b"treadle", "big")

VERSIONS = """
CREATE TABLE "{schema}".schema_version (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())
"""


class Migration(NamedTuple):
    """One step of the schema."""

    version: int
    script: str


def migrations(schema: str) -> list[Migration]:
    """Read all steps, in order."""
    folder = files("treadle.stores.postgres").joinpath("migrations")
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    steps = [(int(entry.name[:4]), entry.read_text(encoding="utf-8")) for entry in found]
    return [Migration(number, script.replace("treadle.", f'"{schema}".')) for number, script in sorted(steps)]


async def read_schema(connection: Any, settings: PostgresSettings) -> Schema:
    """Read how far the tables are."""
    table = f'"{settings.schema}".schema_version'
    there = await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table)
    found = await connection.fetchval(f"SELECT max(version) FROM {table}") if there else 0  # noqa: S608 - a checked word
    return Schema(found or 0, migrations(settings.schema)[-1].version)


async def migrate(connection: Any, settings: PostgresSettings) -> Schema:
    """Apply what is missing and answer how far it was. Any number may do so at once; one of them does it."""
    # Not as the database may prefer it: who has waited for the lock must see what was done meanwhile.
    async with connection.transaction(isolation="read_committed"):
        await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        before = await read_schema(connection, settings)
        refuse_newer(before, settings)
        if before.found == 0:
            await _make_room(connection, settings.schema)
        for step in migrations(settings.schema):
            if step.version > before.found:
                await connection.execute(step.script)
                await connection.execute(
                    f'INSERT INTO "{settings.schema}".schema_version (version) VALUES ({step.version})'  # noqa: S608
                )
        return before


async def _make_room(connection: Any, schema: str) -> None:
    # Asked first: CREATE SCHEMA IF NOT EXISTS wants a right that is not needed where the schema is there.
    if not await connection.fetchval("SELECT to_regnamespace($1) IS NOT NULL", f'"{schema}"'):
        await connection.execute(f'CREATE SCHEMA "{schema}"')
    await connection.execute(VERSIONS.format(schema=schema))


def require(found: Schema, settings: PostgresSettings) -> None:
    """Raise StoreError unless the tables are up to date."""
    refuse_newer(found, settings)
    if not found.current:
        what = "has no tables of Treadle's yet" if not found.found else f"has the schema {found.found} of {found.known}"
        raise StoreError(
            f"PostgreSQL, {place_of(settings)}: it {what}. Run: treadle db migrate (or set TREADLE_AUTO_MIGRATE=1)"
        )


def refuse_newer(found: Schema, settings: PostgresSettings) -> None:
    """Raise StoreError where a newer Treadle has been."""
    if found.found > found.known:
        raise StoreError(
            f"PostgreSQL, {place_of(settings)}: its tables are of a newer Treadle (schema {found.found}; this one knows"
            f" {found.known}). Upgrade this installation: pip install -U treadle"
        )
