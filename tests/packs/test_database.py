"""The packs' door to their tables: short transactions, migrations under a lock, errors that say what to do."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from treadle import ConfigError, TreadleError
from treadle.packs.database import Database, DatabaseTrouble

MIGRATIONS = "treadle.packs.mail.migrations"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'packs.db'}", patience=0.1)
    with opened.write() as connection:
        connection.execute(text("CREATE TABLE note (word TEXT)"))
    yield opened
    opened.close()


def words(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(text("SELECT word FROM note ORDER BY rowid")))


def add(database: Database, word: str) -> None:
    with database.write() as connection:
        connection.execute(text("INSERT INTO note VALUES (:word)"), {"word": word})


def add_and_fail(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("INSERT INTO note VALUES ('lost')"))
        raise KeyError


def fill(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1")
        connection.exec_driver_sql("CREATE TABLE large AS SELECT zeroblob(100000) AS a")


def test_a_write_is_there_afterwards_and_one_that_raises_is_not(database: Database) -> None:
    add(database, "kept")
    with pytest.raises(KeyError):
        add_and_fail(database)
    assert words(database) == ["kept"]


def test_writes_survive_power_loss_unless_the_url_says_fast(database: Database, tmp_path: Path) -> None:
    fast = Database(f"sqlite:///{tmp_path / 'packs.db'}?durability=fast")
    for opened, level in ((database, 2), (fast, 1)):
        with opened.read() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == level
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    fast.close()


def test_a_reader_sees_one_state_while_somebody_writes(database: Database) -> None:
    with database.read() as connection:
        before = connection.scalar(text("SELECT count(*) FROM note"))
        add(database, "new")
        assert connection.scalar(text("SELECT count(*) FROM note")) == before
    assert words(database) == ["new"]


def test_threads_take_turns_to_write(tmp_path: Path, database: Database) -> None:
    patient = Database(f"sqlite:///{database.path}")
    threads = [threading.Thread(target=add, args=(patient, str(n))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    patient.close()
    assert sorted(words(database)) == sorted(map(str, range(8)))


def test_a_lock_that_is_not_let_go_is_said(database: Database) -> None:
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseTrouble, match=r"another process holds the write lock.*then try again"):
        add(database, "x")
    other.close()
    add(database, "y")
    assert words(database) == ["y"]


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(b"this is no database at all, but a text of some length" * 20)
    database = Database(f"sqlite:///{file}")
    with pytest.raises(DatabaseTrouble, match=r"not a SQLite database\. Name another file"), database.read():
        pass
    database.close()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'no' / 'x.db'}")
    with pytest.raises(DatabaseTrouble, match=r"cannot be opened"), database.write():
        pass
    database.close()


def test_a_full_database_is_said(database: Database) -> None:
    with pytest.raises(DatabaseTrouble, match=r"the disk is full\. Free some space"):
        fill(database)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="not on this platform: root may write")
def test_a_read_only_file_is_said(database: Database) -> None:
    os.chmod(database.path, 0o444)
    with pytest.raises(DatabaseTrouble, match=r"read-only"):
        add(database, "x")


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "sqlite://host/x.db", "postgresql://h/d", "redis://h"]
)
def test_urls_without_a_file_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"sqlite:///jobs\.db"):
        Database(url)


def test_migrations_run_once_each_in_their_packs_own_version_table(database: Database) -> None:
    database.migrate("mail", MIGRATIONS)
    database.migrate("mail", MIGRATIONS)
    again = Database(f"sqlite:///{database.path}")
    again.migrate("mail", MIGRATIONS)
    with again.read() as connection:
        assert connection.scalars(text("SELECT version_num FROM treadle_mail_version")).all() == ["mail_0001"]
    again.close()


def test_the_tables_are_those_of_the_model(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    from treadle.packs.mail.model import metadata

    database.migrate("mail", MIGRATIONS)
    ours = {"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables}
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=ours), metadata) == []


def test_a_file_of_a_newer_version_is_left_alone(database: Database) -> None:
    database.migrate("mail", MIGRATIONS)
    with database.write() as connection:
        connection.execute(text("UPDATE treadle_mail_version SET version_num = 'mail_9999'"))
    older = Database(f"sqlite:///{database.path}")
    with pytest.raises(DatabaseTrouble, match=r"written by a newer Treadle .*mail_9999"):
        older.migrate("mail", MIGRATIONS)
    older.close()


@pytest.mark.slow
def test_two_processes_may_migrate_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'both.db'}"
    code = f"from treadle.packs.database import Database as D; D({url!r}).migrate('mail', {MIGRATIONS!r})"
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [one.wait() for one in running] == [0, 0, 0]


def test_trouble_is_one_of_treadles_errors() -> None:
    assert issubclass(DatabaseTrouble, TreadleError)
