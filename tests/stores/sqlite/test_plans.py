"""Every statement of the hot path finds its rows by an index, whatever the planner has been told of the table."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files

import pytest

from treadle.core.ids import Ids
from treadle.core.job import Filter, NewJob
from treadle.core.states import State
from treadle.stores.sqlite import queries, retaining, verbs
from treadle.stores.sqlite.connection import connect
from treadle.stores.sqlite.flow.book import Book
from treadle.stores.sqlite.migrate import migrate
from treadle.stores.sqlite.settings import SqliteSettings

#: statement -> the index that must serve it
STATEMENTS: dict[str, tuple[str, str]] = {
    "claim": (verbs.CLAIM, "treadle_job_queued"),
    "claim of one queue": (verbs.CLAIM_ONE_QUEUE, "treadle_job_queued"),
    "settle": (verbs.SETTLE, "INTEGER PRIMARY KEY"),
    "settled": (verbs.SETTLED, "INTEGER PRIMARY KEY"),
    "obey cancel": (verbs.OBEY_CANCEL, "INTEGER PRIMARY KEY"),
    "keep attempt": (verbs.KEEP_ATTEMPT, "INTEGER PRIMARY KEY"),
    "keep progress": (verbs.KEEP_PROGRESS, "INTEGER PRIMARY KEY"),
    "keep log": (verbs.KEEP_LOG, "INTEGER PRIMARY KEY"),
    "holdings": (verbs.HOLDINGS, "treadle_job_running"),
    "promote": (verbs.PROMOTE, "treadle_job_due"),
    "next due": (verbs.NEXT_DUE, "treadle_job_due"),
    "expire": (verbs.EXPIRE, "treadle_job_expiring"),
    "take over": (verbs.TAKE_OVER, "treadle_job_running"),
    "forget workers": (verbs.FORGET_WORKERS, "treadle_job_running"),
    "drop results": (verbs.DROP_RESULTS, "treadle_job_result"),
    "cancel what waits": (verbs.CANCEL_WAITING, "sqlite_autoindex_treadle_job_1"),
    "cancel what runs": (verbs.CANCEL_RUNNING, "sqlite_autoindex_treadle_job_1"),
    "revive": (verbs.REVIVE, "sqlite_autoindex_treadle_job_1"),
    "release": (verbs.RELEASE, "treadle_job_held"),
    "ended": (retaining.ENDED, "treadle_job_finished"),
    "kept": (retaining.KEPT, "treadle_job_finished"),
    "outdated": (retaining.OUTDATED, "treadle_job_finished"),
    "purge progress": (verbs.PURGE_CHILDREN[0], "INTEGER PRIMARY KEY"),
    "purge log": (verbs.PURGE_CHILDREN[1], "PRIMARY KEY"),
    "purge attempts": (verbs.PURGE_CHILDREN[2], "PRIMARY KEY"),
    "get": (queries.BY_ID, "sqlite_autoindex_treadle_job_1"),
    "attempts": (queries.ATTEMPTS, "PRIMARY KEY"),
    "log": (queries.LOG, "PRIMARY KEY"),
}


@pytest.fixture(scope="module", params=["empty", "analyzed", "analyzed when all were done"])
def connection(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[sqlite3.Connection]:
    """A file as the planner may meet it."""
    settings = SqliteSettings(tmp_path_factory.mktemp("plans") / "jobs.db")
    with closing(connect(settings)) as opened:
        migrate(opened, settings, 0)
        if request.param != "empty":
            _furnish(opened)
        if request.param == "analyzed when all were done":
            opened.execute("UPDATE treadle_job SET state = 'completed', finished_at = seq")
        if request.param != "empty":
            opened.execute("ANALYZE")
        yield opened


def _furnish(connection: sqlite3.Connection) -> None:
    """Put 10,000 jobs in, a thousand of each live kind, the others finished, in three queues."""
    ids = Ids(lambda: 1_000)
    new = [
        NewJob(
            id=id, task="greet", queue=f"q{number % 3}", args="{}", owner=f"o{number % 50}", batch=f"b{number % 20}",
            due_in=60_000 if number % 10 == 1 else None, held="operator" if number % 10 == 2 else None,
            expires_in=90_000, priority=number % 5,
        )
        for number, id in enumerate(ids.take(10_000))
    ]  # fmt: skip
    verbs.add(connection, 1_000, new)
    connection.execute(verbs.BEAT, ("w1", 1_000, 15_000, "", "", 0, "", "[]", 1, "{}"))
    verbs.cycle(connection, Book(), 1_000, "w1", [], ["q0", "q1", "q2"], 1_000)
    connection.execute(
        "UPDATE treadle_job SET state = 'completed', finished_at = seq, result = '1', result_until = seq"
        " WHERE state = 'queued' AND seq % 10 > 3"
    )


def plan(connection: sqlite3.Connection, statement: str) -> str:
    """Ask SQLite how it would do this, with parameters that it knows nothing of."""
    places = {token for token in statement.replace(",", " ").replace(")", " ").split() if token.startswith("?")}
    places |= {f"?{number}" for number in range(1, 12) if f"?{number}" in statement}
    lines = connection.execute(f"EXPLAIN QUERY PLAN {statement}", [None] * len(places)).fetchall()
    return "\n".join(line[-1] for line in lines)


@pytest.mark.parametrize("name", STATEMENTS)
def test_each_statement_finds_its_rows_by_its_index(connection: sqlite3.Connection, name: str) -> None:
    statement, index = STATEMENTS[name]
    told = plan(connection, statement)
    assert _scans(told) == [], told
    assert index in told, told


def test_completions_find_their_rows_by_their_key(connection: sqlite3.Connection) -> None:
    for statement, values in verbs.COMPLETE.pieces([(1, 1, 1, None, None, None, None)] * 111):
        told = "\n".join(row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values))
        assert _scans(told) == [], told
        assert "SEARCH treadle_job USING INTEGER PRIMARY KEY" in told


@pytest.mark.parametrize(
    ("filter", "index"),
    [
        (Filter(owner="o1"), "treadle_job_owner"),
        (Filter(owner="o1", states=(State.FAILED,)), "treadle_job_owner"),
        (Filter(batch="b1"), "treadle_job_batch"),
    ],
)
def test_a_listing_or_count_of_one_owner_or_batch_reads_only_that(
    connection: sqlite3.Connection, filter: Filter, index: str
) -> None:
    traced: list[str] = []
    connection.set_trace_callback(traced.append)
    queries.find(connection, 0, filter, 20, None)
    queries.count(connection, filter)
    connection.set_trace_callback(None)
    plans = ["\n".join(row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {each}")) for each in traced]
    assert len(plans) == 2
    for told in plans:
        assert _scans(told) == [], told
        assert index in told, told


def _scans(told: str) -> list[str]:
    """Name the steps that read all jobs, one by one."""
    return [line for line in told.splitlines() if line.startswith(("SCAN treadle_job", "SCAN job"))]


def test_no_statement_needs_a_newer_sqlite_than_the_pages_say() -> None:
    """3.35: the operators -> and ->> came with 3.38, and many a system has 3.37."""
    folder = files("treadle.stores.sqlite")
    texts = [each for part in ("sql", "migrations") for each in folder.joinpath(part).iterdir()]
    assert [each.name for each in texts if "->" in each.read_text()] == []
