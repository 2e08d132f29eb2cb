"""Where the benchmarks keep jobs: a store of each kind, as durable as by default, on the disk of the checkout."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.servers.postgres import Postgres
from tests.servers.valkey import Valkey, client_of
from treadle import Treadle

KINDS = ("sqlite", "postgres", "redis")

#: Like a small server in production; the raw loop runs on it too.
POSTGRES = {"shared_buffers": "512MB", "max_wal_size": "4GB"}

TABLES = "job, worker, progress, log, attempt, record, arrival, lane, turn, line, standing"


@dataclass(frozen=True, slots=True)
class Place:
    """One kind of store."""

    kind: str
    title: str
    fresh: Callable[[str], str]
    """Give the URL of an empty store by this name; two names may be in use at once."""
    rest: Callable[[], None]
    """Let the server do what it would have done in a quiet hour before."""


@contextmanager
def place(kind: str) -> Iterator[Place]:
    """Start what this kind needs, and say where."""
    with ExitStack() as stack:
        root = Path(tempfile.mkdtemp(prefix="treadle-bench-", dir=os.environ.get("TREADLE_BENCH_DIR", os.getcwd())))
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        os.environ["LIMITS_DIR"] = str(root)
        match kind:
            case "sqlite":
                yield _files(root)
            case "postgres":
                yield _postgres(stack.enter_context(Postgres.start(root, durable=True, options=POSTGRES)))
            case _:
                yield _redis(stack.enter_context(Valkey.start(root, aof="everysec")))


def _files(root: Path) -> Place:
    numbers = count()
    return Place("sqlite", "SQLite, FULL", lambda name: f"sqlite:///{root}/{name}{next(numbers)}.db", os.sync)


def _postgres(server: Postgres) -> Place:
    import psycopg

    url = os.environ["LIMITS_PG"] = server.create_database("bench")
    made: set[str] = set()

    def fresh(name: str) -> str:
        if name not in made:
            app = Treadle(f"{url}&schema={name}")
            app.wait(app.store.migrate())
            app.close()
            made.add(name)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("TRUNCATE " + ", ".join(f"{name}.{table}" for table in TABLES.split(", ")))
        return f"{url}&schema={name}"

    def rest() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for name in made:
                connection.execute(f"VACUUM ANALYZE {name}.job")
            connection.execute("CHECKPOINT")

    return Place("postgres", f"PostgreSQL {server.version[0]}, fsync, synchronous_commit=on", fresh, rest)


def _redis(server: Valkey) -> Place:
    url = os.environ["LIMITS_REDIS"] = server.url()

    def fresh(name: str) -> str:
        with client_of(url) as client:
            for key in client.scan_iter(f"*{name}*", count=1_000):
                client.unlink(key)
        return f"{url}&prefix={name}"

    version = ".".join(map(str, server.version))
    return Place("redis", f"{server.binary.name} {version}, appendfsync everysec", fresh, lambda: None)
