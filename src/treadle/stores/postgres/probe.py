"""What kind of server answers: its version, whether it may be written, and whether a pooler stands in between."""

from typing import NamedTuple

import asyncpg

from treadle.core.errors import StoreError, StoreUnavailable
from treadle.core.job import StoreFacts
from treadle.stores.postgres.settings import PostgresSettings, place_of

#: The oldest server whose SQL we speak.
OLDEST = 130_000

FACTS = """
SELECT current_setting('server_version_num')::integer AS number, current_setting('server_version') AS version,
       pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS read_only,
       current_setting('synchronous_commit') AS commit, current_setting('fsync') AS fsync,
       current_setting('server_encoding') AS encoding, current_database() AS database, pg_backend_pid() AS pid
"""


class Server(NamedTuple):
    """What was found."""

    number: int
    version: str
    commit: str
    fsync: str
    read_only: bool = False
    encoding: str = "UTF8"
    database: str = ""
    """As the server calls it; a pooler may know it by another name."""
    pooled: bool = False
    """A pooler gives each transaction another connection to the server, so that nothing may be kept on one."""


async def probe(settings: PostgresSettings) -> Server:
    """Connect once and look. Raises the driver's errors."""
    first = await _connect(settings)
    try:
        found = await first.fetchrow(FACTS)
        # A pooler cannot tell the client which of the server's processes will serve it.
        pooled = found["pid"] != first.get_server_pid() and await _is_shared(settings, first)
    finally:
        await first.close(timeout=settings.connect_timeout)
    known = {name: value for name, value in found.items() if name != "pid"}
    return Server(**known, pooled=pooled)


async def _is_shared(settings: PostgresSettings, first: asyncpg.Connection) -> bool:
    """Say whether two connections of ours meet the same process of the server, or one of them several."""
    second = await _connect(settings)
    met: dict[asyncpg.Connection, set[int]] = {first: set(), second: set()}
    try:
        # No regular order: a pooler may deal its connections out in turn.
        for each in (first, second, second, first, first, second):
            met[each].add(await each.fetchval("SELECT pg_backend_pid()"))
        shared = bool(met[first] & met[second]) or len(met[first]) > 1 or len(met[second]) > 1
        if shared:
            await first.execute("BEGIN")  # a pooler in statement mode refuses
            await first.execute("COMMIT")
        return shared
    finally:
        await second.close(timeout=settings.connect_timeout)


async def _connect(settings: PostgresSettings) -> asyncpg.Connection:
    return await asyncpg.connect(
        settings.dsn,
        timeout=settings.connect_timeout,
        command_timeout=settings.call_timeout,
        statement_cache_size=0,
        server_settings={"application_name": "treadle"},
    )


def refuse_unfit(server: Server, settings: PostgresSettings) -> None:
    """Raise StoreError for a server that is too old, or that takes no writes, or not every text."""
    place = f"PostgreSQL, {place_of(settings)}: "
    if server.number < OLDEST:
        raise StoreError(place + f"version {server.version} is too old; Treadle needs PostgreSQL 13 or newer.")
    if server.encoding not in ("UTF8", "SQL_ASCII"):
        raise StoreError(
            place + f"its encoding is {server.encoding}, which cannot hold every text of a job. Keep jobs in a database"
            " that was made with ENCODING 'UTF8'."
        )
    if server.read_only:
        raise StoreUnavailable(
            place + "this server is read-only: a replica, or set so. Name the primary in the URL, or all hosts with"
            " ?target_session_attrs=read-write."
        )


def facts_of(server: Server, settings: PostgresSettings) -> StoreFacts:
    """Say what a person should know of this server."""
    notes = []
    if server.pooled:
        notes.append(POOLED)
    if server.fsync == "off":
        notes.append("fsync is off: a crash of the machine may damage the whole database. Set fsync = on.")
    survives = SURVIVES.get(server.commit, SURVIVES["on"])
    return StoreFacts(
        f"PostgreSQL {server.version}, {place_of(settings)}",
        SURVIVES["off"] if settings.durability == "fast" else survives,
        tuple(notes),
    )


POOLED = (
    "it is reached through a pooler in transaction mode, which passes no notifications on: new jobs are looked for"
    " five times a second. A URL that leads past the pooler wakes workers at once."
)

SURVIVES = {
    "on": "power loss, on this server",
    "local": "power loss, on this server",
    "remote_write": "power loss of this server; the standby has it in memory",
    "remote_apply": "power loss, here and on the standby",
    "off": "the death of any client; a crash of the server may take the last half second (synchronous_commit is off)",
}
