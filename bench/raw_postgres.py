"""The raw loop on PostgreSQL: a bare table, one statement that adds and one that settles and claims."""

import os
import uuid
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

from bench.rounds import Rate

SCHEMA = """
DROP TABLE IF EXISTS raw_jobs;
CREATE TABLE raw_jobs (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid NOT NULL UNIQUE,
    queue text NOT NULL, name text NOT NULL, args text NOT NULL, state smallint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(), attempt int NOT NULL DEFAULT 0, worker text,
    started_at timestamptz, finished_at timestamptz, result text) WITH (fillfactor = 70);
CREATE INDEX ON raw_jobs (queue, seq) WHERE state = 0;
CREATE INDEX ON raw_jobs (finished_at) WHERE state = 2;
"""
ADD = "INSERT INTO raw_jobs (id, queue, name, args) SELECT id, 'default', 'noop', $2 FROM unnest($1::uuid[]) AS id"
CYCLE = """
WITH done AS (
    UPDATE raw_jobs SET state = 2, finished_at = now(), result = '"ok"' WHERE seq = ANY ($1::bigint[]) AND state = 1),
picked AS MATERIALIZED (
    SELECT seq FROM raw_jobs WHERE state = 0 AND queue = 'default' ORDER BY seq LIMIT $2 FOR UPDATE SKIP LOCKED)
UPDATE raw_jobs AS job SET state = 1, attempt = attempt + 1, worker = 'w', started_at = now()
FROM picked WHERE job.seq = picked.seq RETURNING job.seq, job.name, job.args, job.attempt
"""


async def add(url: str, jobs: int, batch: int, args: str) -> Rate:
    """Time adding so many jobs, so many to a statement."""
    connection = await _table(url)

    async def go() -> None:
        await _add(connection, jobs, batch, args)

    try:
        return await Rate.over(jobs, go)
    finally:
        await connection.close()


async def cycle(url: str, jobs: int, batch: int, args: str) -> Rate:
    """Time claiming and settling so many jobs, so many to a statement."""
    connection = await _table(url)
    await _add(connection, jobs, batch, args)
    await connection.execute("VACUUM ANALYZE raw_jobs")

    async def go() -> None:
        done: list[int] = []
        while (rows := await connection.fetch(CYCLE, done, batch)) or done:
            done = [row[0] for row in rows]

    try:
        return await Rate.over(jobs, go)
    finally:
        await connection.close()


async def _table(url: str) -> asyncpg.Connection:
    parts = urlsplit(url)
    options = [(name, value) for name, value in parse_qsl(parts.query) if name != "schema"]
    connection = await asyncpg.connect(urlunsplit(parts._replace(query=urlencode(options))))
    await connection.execute("SET jit = off")
    await connection.execute(SCHEMA)
    return connection


async def _add(connection: asyncpg.Connection, jobs: int, batch: int, args: str) -> None:
    for _ in range(0, jobs, batch):
        await connection.fetch(ADD, [uuid.UUID(bytes=os.urandom(16)) for _ in range(batch)], args)
