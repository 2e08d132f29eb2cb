"""The packs' door to their tables: one engine a process on the SQLite file, short transactions, locked migrations.

What the tables are is each pack's business; where the file lies is the application's. SQLAlchemy is imported when the
first database is opened, not when a pack is included.
"""

import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from treadle import ConfigError, StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

PATIENCE = 30.0
"""Seconds to wait for somebody else's write lock before saying so."""

MEANINGS = {
    sqlite3.SQLITE_BUSY: "another process holds the write lock for more than {patience:.0f} s. "
    "End it or its long transaction, then try again",
    sqlite3.SQLITE_LOCKED: "the database is locked by this process. Try again",
    sqlite3.SQLITE_FULL: "the disk is full. Free some space in {folder}, then try again: nothing stored has been lost",
    sqlite3.SQLITE_IOERR: "the disk answered with an error. Check {folder}, then try again",
    sqlite3.SQLITE_READONLY: "the file or its folder is read-only. Give this user write permission",
    sqlite3.SQLITE_PERM: "this user may not open the file. Give it read and write permission",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened. Is it a file, does {folder} exist, may this user write there?",
    sqlite3.SQLITE_NOTADB: "this is not a SQLite database. Name another file or move it away",
    sqlite3.SQLITE_CORRUPT: "the database is damaged. Stop all workers, then restore a backup",
}


class DatabaseTrouble(StoreError):
    """The packs' database refused; says what to do."""


class Application(Protocol):
    """What of an application this module needs."""

    @property
    def database_url(self) -> str: ...


class Database:
    """The packs' tables in one SQLite file. Threads may share it; a connection belongs to one `with` block."""

    def __init__(self, url: str, *, patience: float = PATIENCE) -> None:
        self.path, self._durability = _location(url)
        self._patience = patience
        self._writer = threading.Lock()
        self._migrated: set[str] = set()
        self._engine = self._connectable()

    @contextmanager
    def read(self) -> Iterator["Connection"]:
        """See one consistent state of the tables. Raises DatabaseTrouble."""
        with self._explained(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator["Connection"]:
        """Write in one transaction, committed at the end of the block or rolled back when it raises.

        Keep it short (<= 100 ms): the engine writes to the same file. Raises DatabaseTrouble.
        """
        with self._turn(), self._explained(), self._engine.connect() as connection:
            self._begin_immediate(connection)
            with connection.begin():
                yield connection

    def migrate(self, pack: str, migrations: str) -> None:
        """Bring a pack's tables to the newest version of its `migrations` package; cheap when they are.

        Any number of processes may call this at once: the write lock lets one after the other look.
        """
        if pack in self._migrated:
            return
        with as_file(files(migrations)) as folder:
            self._upgrade(f"treadle_{pack}_version", folder)
        self._migrated.add(pack)

    def close(self) -> None:
        """Give all connections back to the system."""
        self._engine.dispose()

    def _connectable(self) -> "Engine":
        from sqlalchemy import URL, QueuePool, create_engine, event

        options = {"timeout": 0.25, "isolation_level": None, "check_same_thread": False}
        url = URL.create("sqlite", database=str(self.path))
        engine = create_engine(url, poolclass=QueuePool, pool_size=4, max_overflow=28, connect_args=options)
        event.listen(engine, "connect", self._prepare)
        event.listen(engine, "begin", _begin)
        return engine

    def _prepare(self, connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={'NORMAL' if self._durability == 'fast' else 'FULL'}")
        connection.execute("PRAGMA cache_size=-16384")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let the threads of this process queue for the write lock instead of fighting for it."""
        if not self._writer.acquire(timeout=self._patience):
            raise self._trouble(sqlite3.SQLITE_BUSY, "database is locked")
        try:
            yield
        finally:
            self._writer.release()

    def _begin_immediate(self, connection: "Connection") -> None:
        """Take the write lock at once: a transaction that upgrades later may fail without waiting (BUSY_SNAPSHOT)."""
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        deadline = time.monotonic() + self._patience
        while True:
            try:
                raw.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(random.random() * 0.002)  # a short random wait shares the lock fairly among processes

    def _upgrade(self, version_table: str, folder: Path) -> None:
        from alembic.operations import Operations
        from alembic.runtime.migration import MigrationContext
        from alembic.script import ScriptDirectory

        script = ScriptDirectory(str(folder), version_locations=[str(folder)])
        with self.write() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": version_table})
            known = [revision.revision for revision in script.walk_revisions()]
            _refuse_newer(self.path, script.get_heads(), context.get_current_heads(), known)
            missing = list(script.iterate_revisions("head", context.get_current_revision() or "base"))
            with Operations.context(context):
                for revision in reversed(missing):
                    revision.module.upgrade()
                    context.stamp(script, revision.revision)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from sqlalchemy.exc import DBAPIError

        try:
            yield
        except DBAPIError as error:
            raise self._trouble(_code(error.orig), error.orig) from error
        except sqlite3.Error as error:
            raise self._trouble(_code(error), error) from error

    def _trouble(self, code: int, detail: object) -> DatabaseTrouble:
        sentence = MEANINGS.get(code, f"SQLite refused: {detail}")
        where = {"patience": self._patience, "folder": self.path.absolute().parent}
        return DatabaseTrouble(f"{self.path}: {sentence.format(**where)}.")


def open_database(app: Application) -> Database:
    """Open the packs' database of an application; the factory that packs hand to `provide`."""
    return Database(app.database_url)


def _location(url: str) -> tuple[Path, str]:
    """Take `sqlite:///relative.db` or `sqlite:////absolute.db` apart, with `?durability=fast`."""
    parts = urlsplit(url)
    path = unquote(parts.path)[1:]
    if parts.scheme != "sqlite":
        raise ConfigError(
            f"The packs keep their tables in SQLite for now, not in {parts.scheme}. Give them a file beside the store:"
            " TREADLE_DATABASE_URL=sqlite:///jobs.db"
        )
    if parts.netloc or not path or path == ":memory:":
        raise ConfigError(f"{url!r} names no file. The packs keep their tables on disk: sqlite:///jobs.db")
    return Path(path), dict(parse_qsl(parts.query)).get("durability", "full").lower()


def _begin(connection: "Connection") -> None:
    """Begin as SQLAlchemy asks, unless `write` has already taken the lock."""
    raw: Any = connection.connection.driver_connection
    if not raw.in_transaction:
        connection.exec_driver_sql("BEGIN")


def _code(error: object) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _refuse_newer(path: Path, heads: list[str], current: tuple[str, ...], known: list[str]) -> None:
    unknown = set(current) - set(known)
    if unknown:
        raise DatabaseTrouble(
            f"{path} was written by a newer Treadle (version {', '.join(sorted(unknown))}; this one knows up to"
            f" {', '.join(heads)}). Install the newer one, or use another file."
        )
