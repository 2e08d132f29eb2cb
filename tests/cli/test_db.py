"""A store's tables: made, brought up to date, looked at."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.cli.acting import Answer, toy
from tests.stores.places import PARAMETERS
from treadle.stores import open_store

Call = Callable[..., Answer]


@pytest.fixture(params=PARAMETERS)
def untouched(request: pytest.FixtureRequest, here: Path, new_place: Callable[[str], str]) -> Iterator[str]:
    """The URL of a place that holds nothing of Treadle's: a file, a database or keys that are there."""
    url = new_place(request.param)
    if request.param == "sqlite":
        with closing(sqlite3.connect(here / "application.db")) as connection:
            connection.execute("CREATE TABLE orders (name TEXT)")
            connection.commit()
        yield "sqlite:///application.db"
    elif request.param == "postgres":
        yield f"{url}{'&' if '?' in url else '?'}schema=by_hand"
        with psycopg.connect(url) as connection:
            connection.execute("DROP SCHEMA IF EXISTS by_hand CASCADE")
    else:
        yield url


def newest(url: str) -> int:
    """Count the steps that this version has for a store of this kind."""
    return 2 if url.startswith(("sqlite", "postgres")) else 1


def test_tables_are_made_once(untouched: str, cli: Call) -> None:
    first = cli("db", "migrate", "--store", untouched)
    assert first.code == 0
    assert first.out.rstrip().endswith(f": schema 0 -> {newest(untouched)}")
    again = cli("db", "migrate", "--store", untouched)
    assert (again.code, again.out.rstrip().endswith(f": up to date (schema {newest(untouched)})")) == (0, True)
    assert cli("job", "list", "--store", untouched).err == "No jobs.\n"


def test_a_migration_as_json(untouched: str, cli: Call) -> None:
    document = cli("db", "migrate", "--store", untouched, "--json").document
    assert document == {"store": open_store(untouched).url, "from": 0, "to": newest(untouched), "changed": True}
    assert cli("db", "migrate", "--store", untouched, "--json").document["changed"] is False


def test_the_status_of_a_place_without_tables_says_what_to_do(untouched: str, cli: Call) -> None:
    for _ in range(2):
        answer = cli("db", "status", "--store", untouched)
        assert (answer.code, answer.err) == (1, "")
        facts = dict(line.split(maxsplit=1) for line in answer.out.splitlines())
        assert facts["schema"] == "none yet. Run: treadle db migrate"
        assert facts["server"].split()[0] in ("SQLite", "PostgreSQL", "Redis", "Valkey")


def test_the_status_of_a_place_that_is_up_to_date(untouched: str, cli: Call) -> None:
    cli("db", "migrate", "--store", untouched)
    answer = cli("db", "status", "--store", untouched)
    assert (answer.code, answer.err) == (0, "")
    facts = dict(line.split(maxsplit=1) for line in answer.out.splitlines())
    assert (facts["store"], facts["schema"]) == (open_store(untouched).url, f"{newest(untouched)}, up to date")
    assert facts["survives"]


def test_a_status_as_json(untouched: str, cli: Call) -> None:
    assert cli("db", "status", "--store", untouched, "--json").document["schema"] == {
        "found": 0, "known": newest(untouched), "current": False,
    }  # fmt: skip
    cli("db", "migrate", "--store", untouched)
    document = cli("db", "status", "--store", untouched, "--json").document
    assert set(document) == {"store", "server", "schema", "survives", "notes"}
    assert document["schema"] == {"found": newest(untouched), "known": newest(untouched), "current": True}


@pytest.mark.server
def test_with_a_redis_store_the_applications_outbox_is_made_too(
    new_place: Callable[[str], str], cli: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis, database = new_place("redis"), new_place("postgres")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS treadle.outbox")
        monkeypatch.setenv("TREADLE_DATABASE_URL", database)
        for said in ("made", "up to date"):
            answer = cli("db", "migrate", "--store", redis)
            assert (answer.code, answer.out.splitlines()[1]) == (0, f"outbox in the application's database: {said}")
        assert cli("db", "migrate", "--store", redis, "--json").document["outbox"] == "there"
        connection.execute("DROP TABLE treadle.outbox")


def test_looking_changes_no_file_of_anybody(here: Path, cli: Call) -> None:
    """Not even the journal mode of an application's own database."""
    with closing(sqlite3.connect(here / "application.db")) as connection:
        connection.execute("CREATE TABLE orders (name TEXT)")
        connection.commit()
    before = (here / "application.db").read_bytes()
    assert cli("db", "status", "--store", "sqlite:///application.db").code == 1
    assert [path.name for path in here.iterdir()] == ["application.db"]
    assert (here / "application.db").read_bytes() == before


def test_looking_at_a_store_in_use_sees_its_tables(here: Path, cli: Call) -> None:
    app = toy(here)
    app.count()
    try:
        assert cli("db", "status", "--store", "sqlite:///jobs.db").code == 0
    finally:
        app.close()


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("sqlite:///nowhere.db", 5, "There is no job database at nowhere.db (--store)"),
        ("sqlite:///diary.db", 5, "this is not a SQLite database"),
        ("postgres://ada:secret@127.0.0.1:1/jobs", 5, "nobody answers there"),
        ("mysql://ada:secret@db/jobs", 2, "starts with 'mysql'"),
    ],
)
def test_what_cannot_be_looked_at_is_explained(url: str, code: int, said: str, here: Path, cli: Call) -> None:
    (here / "diary.db").write_text("Dear diary, " * 1000, encoding="utf-8")
    answer = cli("db", "status", "--store", url)
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err
    assert "secret" not in answer.err
    assert not (here / "nowhere.db").exists()


def test_a_store_of_a_newer_treadle_is_left_alone(here: Path, cli: Call) -> None:
    cli("db", "migrate", "--store", "sqlite:///jobs.db")
    with closing(sqlite3.connect(here / "jobs.db")) as connection:
        connection.execute("INSERT INTO treadle_schema VALUES (99, 0)")
        connection.commit()
    status = cli("db", "status", "--store", "sqlite:///jobs.db")
    assert status.code == 1
    assert "99, of a newer Treadle; this one knows 2. Upgrade it: pip install -U treadle" in status.out
    migrate = cli("db", "migrate", "--store", "sqlite:///jobs.db")
    assert (migrate.code, migrate.out) == (5, "")
    assert "written by a newer Treadle" in migrate.err


def test_the_store_of_the_environment_is_the_default(here: Path, cli: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREADLE_STORE", "sqlite:///jobs.db")
    assert cli("db", "migrate").out == "sqlite:///jobs.db: schema 0 -> 2\n"
    assert cli("db", "status").code == 0
