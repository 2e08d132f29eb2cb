"""One connection to the file: how it is opened, locked for writing, and what its errors mean to a person."""

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from treadle.core.errors import StoreError, StoreUnavailable
from treadle.stores.sqlite.settings import SqliteSettings

#: File systems whose locks or shared memory SQLite cannot rely on (sqlite.org/wal.html, section 1).
NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "gluster", "lustre", "fuse.")


def connect(settings: SqliteSettings, *, cache_kib: int = 65_536) -> sqlite3.Connection:
    """Open the file in WAL mode. Raises StoreError with a remedy."""
    refuse_network(settings.path)
    folder = settings.path.absolute().parent
    if not folder.is_dir():
        raise StoreError(f"The folder {folder} for the job database does not exist; create it or correct the URL.")
    with explained(settings.path):
        # Each connection serves one thread at a time, but is opened, and may be closed, by another.
        connection = sqlite3.connect(
            settings.path, timeout=settings.patience, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, cache_kib)
        except BaseException:
            connection.close()
            raise
        return connection


def peek(settings: SqliteSettings) -> sqlite3.Connection:
    """Open the file only to look: it stays as it is, and one that is not there counts as empty. Raises StoreError."""
    path = settings.path.absolute()
    if not path.exists():
        return sqlite3.connect(":memory:", check_same_thread=False)
    # Without being told that nobody writes, SQLite would put its two files beside even to read.
    in_use = any(path.with_name(path.name + end).exists() for end in ("-wal", "-journal"))
    with explained(settings.path):
        return sqlite3.connect(
            f"{path.as_uri()}?{'mode=ro' if in_use else 'immutable=1'}",
            timeout=settings.patience,
            uri=True,
            check_same_thread=False,
        )


def _prepare(connection: sqlite3.Connection, cache_kib: int) -> None:
    if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # only possible before the first table
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA cache_size=-{cache_kib}")
    connection.execute("PRAGMA journal_size_limit=67108864")
    connection.execute("PRAGMA wal_autocheckpoint=4000")
    connection.execute("PRAGMA synchronous=FULL")
    # From here on waiting for the lock is our own: SQLite's back-off sleeps up to 100 ms and starves all but one.
    connection.execute("PRAGMA busy_timeout=0")


@contextmanager
def writing(connection: sqlite3.Connection, settings: SqliteSettings) -> Iterator[None]:
    """Hold the write lock for one transaction; commits, or rolls back when the block raises."""
    with explained(settings.path):
        _begin(connection, settings.patience)
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            # A full disk or an I/O error may have rolled back already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _begin(connection: sqlite3.Connection, patience: float) -> None:
    """Take the write lock at once: a deferred transaction that upgrades later fails without waiting."""
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if not _busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(random.random() * 0.002)  # a short random wait shares the lock fairly among processes


def _busy(error: sqlite3.Error) -> bool:
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, each a sentence with a remedy."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
        raise  # our own mistake, not the owner's
    except sqlite3.Error as error:
        raise translate(error, path) from error


def translate(error: sqlite3.Error, path: Path) -> StoreError:
    """Say what a SQLite error means for the owner of this file."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    make, sentence = MEANINGS.get(code, (StoreError, "SQLite refused: {error}. `treadle doctor` may know more"))
    return make(f"{path}: " + sentence.format(error=error, folder=path.absolute().parent) + ".")


MEANINGS: dict[int, tuple[Callable[[str], StoreError], str]] = {
    sqlite3.SQLITE_BUSY: (
        StoreUnavailable,
        "another process holds the write lock and does not let go; end it or its long transaction, then try again",
    ),
    sqlite3.SQLITE_LOCKED: (StoreUnavailable, "the database is locked by this process; try again"),
    sqlite3.SQLITE_FULL: (StoreUnavailable, "the disk is full; free some space in {folder}, nothing has been lost"),
    sqlite3.SQLITE_IOERR: (StoreUnavailable, "the disk answered with an error ({error}); check {folder}"),
    sqlite3.SQLITE_READONLY: (StoreError, "the file or its folder is read-only; give this user write permission"),
    sqlite3.SQLITE_PERM: (StoreError, "this user may not open the file; give it read and write permission"),
    sqlite3.SQLITE_CANTOPEN: (StoreError, "the file cannot be opened; is it a file, and may this user write {folder}?"),
    sqlite3.SQLITE_NOTADB: (StoreError, "this is not a SQLite database; name another file or move it away"),
    sqlite3.SQLITE_CORRUPT: (
        StoreError,
        "the database is damaged; stop all workers, then restore a backup or run `sqlite3 FILE .recover`",
    ),
}


def refuse_network(path: Path) -> None:
    """Raise StoreError if the file would lie on a network file system."""
    kind = file_system(path)
    if kind and kind.startswith(NETWORK):
        raise StoreError(
            f"{path} lies on a network file system ({kind}), where SQLite cannot keep its promises."
            " Put the file on a local disk, or use PostgreSQL or Redis to share jobs between machines."
        )


def file_system(path: Path, mounts: str = "/proc/self/mounts") -> str | None:
    """Name the type of the file system that holds this path; None where the system does not tell."""
    place = os.path.realpath(path)
    try:
        lines = Path(mounts).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    fields = (line.split(" ") for line in lines)
    points = [(point.replace("\\040", " ").rstrip("/"), kind) for _, point, kind, *_ in fields]
    holding = [(len(point), kind) for point, kind in points if place == point or place.startswith(point + "/")]
    return max(holding)[1] if holding else None
