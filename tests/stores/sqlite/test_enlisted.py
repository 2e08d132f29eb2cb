"""A job enqueued in a caller's transaction exists exactly if that commits: every driver that reaches a SQLite file."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiosqlite
import django
import pytest
from django.conf import settings as django_settings
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import scoped_session, sessionmaker

from treadle import ConfigError, DuplicateJob, Treadle, Unique
from treadle.core.job import Added, Ending, Filter, WorkerInfo
from treadle.core.outcomes import complete, hand_back
from treadle.core.states import State
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.testing.contract.scene import job


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = open_store(url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture(params=["implicit", "autocommit", "sqlalchemy session", "scoped", "sqlalchemy connection"])
def plain(request: pytest.FixtureRequest, store: Store, path: Path) -> Iterator[tuple[Any, Callable[[], None], Any]]:
    """A connection or session of each kind in an open transaction, and how to commit and to roll back."""
    kind = request.param
    if kind in ("implicit", "autocommit"):
        with closing(sqlite3.connect(path, isolation_level=None if kind == "autocommit" else "DEFERRED")) as connection:
            connection.row_factory = sqlite3.Row
            if kind == "autocommit":
                connection.execute("BEGIN")
            yield connection, connection.commit, connection.rollback
        return
    engine = create_engine(f"sqlite:///{path}")
    if kind == "sqlalchemy connection":
        with engine.connect() as opened:
            yield opened, opened.commit, opened.rollback
    else:
        make = sessionmaker(engine)
        session = scoped_session(make) if kind == "scoped" else make()
        yield session, session.commit, session.rollback
        session.close()
    engine.dispose()


async def _kept(store: Store) -> list[str]:
    return sorted(found.id for found in (await store.find(Filter(), 1_000)).items)


async def test_after_the_commit_the_job_is_there(store: Store, plain: tuple[Any, ...]) -> None:
    connection, commit, _ = plain
    assert store.enlist(connection).add([job("a"), job("b", due_in=60_000)]) == [Added("a", True), Added("b", True)]
    assert await _kept(store) == [], "nobody else sees it before"
    commit()
    assert await _kept(store) == ["a", "b"]


async def test_after_a_rollback_the_job_has_never_been(store: Store, plain: tuple[Any, ...]) -> None:
    connection, _, rollback = plain
    store.enlist(connection).add([job("a")])
    rollback()
    assert await _kept(store) == []


async def test_who_is_there_stands_for_the_newcomer(store: Store, plain: tuple[Any, ...]) -> None:
    connection, commit, _ = plain
    await store.add([job("a"), job("u", unique_key="k")])
    newcomers = [job("x"), job("a"), job("y", unique_key="k"), job("x"), *(job(f"{n:03}") for n in range(150))]
    answers: Any = store.enlist(connection).add(newcomers)
    assert answers[:4] == [Added("x", True), Added("a", False), Added("u", False), Added("x", False)]
    commit()
    assert len(await _kept(store)) == 153


async def test_a_completion_is_part_of_the_transaction_and_fenced(store: Store, plain: tuple[Any, ...]) -> None:
    connection, commit, rollback = plain
    heart = store.heart(WorkerInfo(id="w"))
    heart.beat(60_000)
    await store.add([job("a"), job("b")])
    one, two = (await store.cycle("w", [], ["default"], 2)).claims
    await store.cycle("w", [Ending(two, hand_back())], [], 0)
    rollback()  # a reader that began before must not hold up the writer
    assert store.enlist(connection).complete(Ending(two, complete())) is False, "its claim is over"
    assert store.enlist(connection).complete(Ending(one, complete('"x"'), None, '[{"n":1}]')) is True
    commit()
    found = await store.get("a")
    assert found
    assert (found.state, found.result, len(found.log)) == (State.COMPLETED, '"x"', 1)
    heart.close()


@pytest.fixture(params=["aiosqlite", "async session", "async connection"])
async def awaited(
    request: pytest.FixtureRequest, store: Store, path: Path
) -> AsyncIterator[tuple[Any, Callable[[], Any], Any]]:
    """The same for those that are awaited."""
    if request.param == "aiosqlite":
        async with aiosqlite.connect(path) as connection:
            yield connection, connection.commit, connection.rollback
        return
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    async with async_sessionmaker(engine)() if request.param == "async session" else engine.connect() as opened:
        yield opened, opened.commit, opened.rollback
    await engine.dispose()


async def test_an_awaited_connection_keeps_the_same_promise(store: Store, awaited: tuple[Any, ...]) -> None:
    connection, commit, rollback = awaited
    assert await store.enlist(connection).add([job("a")]) == [Added("a", True)]  # type: ignore[misc]  # it is awaited
    await rollback()
    assert await _kept(store) == []
    await store.enlist(connection).add([job("b")])  # type: ignore[misc]  # it is awaited
    assert await _kept(store) == []
    await commit()
    assert await _kept(store) == ["b"]


# -- through the application ---------------------------------------------------------------


async def test_a_task_is_enqueued_in_a_callers_transaction(store: Store, path: Path) -> None:
    app = Treadle(store)

    @app.task(unique=Unique("name", on_conflict="raise"))
    def greet(name: str) -> None: ...

    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE orders (id)")
        task = greet.using(tx=connection)
        connection.execute("INSERT INTO orders VALUES (1)")
        jobs = [task.enqueue("ada"), *task.enqueue_many([{"name": "bob"}, {"name": "eve"}])]
        jobs += app.enqueue_many([task.call("kim")])
        with pytest.raises(DuplicateJob):
            task.enqueue("ada")
        connection.rollback()
        assert [job.new for job in jobs] == [True] * 4
        assert await _kept(store) == []
        job = await greet.using(tx=connection).aenqueue("ada")
        connection.commit()
    assert await _kept(store) == [job.id]


async def test_one_call_is_part_of_one_transaction(store: Store, path: Path) -> None:
    app = Treadle(store)

    @app.task
    def greet() -> None: ...

    with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(path)) as two:
        with pytest.raises(ConfigError, match="different transactions"):
            app.enqueue_many([greet.using(tx=one).call(), greet.using(tx=two).call()])
        with pytest.raises(ConfigError, match="different transactions"):
            app.enqueue_many([greet.using(tx=one).call(), greet.call()])


async def test_what_cannot_be_part_of_it_is_said_in_a_sentence(store: Store, path: Path, tmp_path: Path) -> None:
    app = Treadle(store)

    @app.task
    def greet() -> None: ...

    with pytest.raises(ConfigError, match="no connection or session that is known"):
        greet.using(tx="orders").enqueue()
    with (
        closing(sqlite3.connect(tmp_path / "other.db")) as other,
        pytest.raises(ConfigError, match=r"other\.db, but jobs are kept in"),
    ):
        greet.using(tx=other).enqueue()
    with closing(sqlite3.connect(":memory:")) as memory, pytest.raises(ConfigError, match="in memory"):
        greet.using(tx=memory).enqueue()
    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(ConfigError, match="a connection to postgresql, but jobs are kept in SQLite"):
        greet.using(tx=sessionmaker(engine)()).enqueue()
    fresh = Treadle(f"sqlite:///{tmp_path / 'fresh.db'}").task(greet.fn)
    with (
        closing(sqlite3.connect(tmp_path / "fresh.db")) as untouched,
        pytest.raises(ConfigError, match=r"fresh\.db has no tables of Treadle's yet.*treadle db migrate"),
    ):
        fresh.using(tx=untouched).enqueue()
    async with aiosqlite.connect(path) as awaited:
        with pytest.raises(ConfigError, match="use aenqueue"):
            greet.using(tx=awaited).enqueue()
    assert await _kept(store) == []


async def test_a_waiting_worker_finds_what_others_have_committed(store: Store, path: Path) -> None:
    hinted = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hint() -> None:
        loop.call_soon_threadsafe(hinted.set)

    leave = store.subscribe(hint)
    with closing(sqlite3.connect(path)) as connection:
        store.enlist(connection).add([job("a")])
        connection.commit()
    await asyncio.wait_for(hinted.wait(), 20)
    leave()


def test_a_task_is_enqueued_in_a_transaction_of_djangos(url: str, path: Path) -> None:
    if not django_settings.configured:
        django_settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
        django.setup()
    from django.db import connection, transaction

    app = Treadle(url)

    @app.task
    def greet(name: str) -> None: ...

    assert app.count()[State.QUEUED] == 0
    connection.settings_dict["NAME"] = str(path)
    with transaction.atomic():
        greet.using(tx=connection).enqueue("ada")
        assert app.count()[State.QUEUED] == 0
    assert app.count()[State.QUEUED] == 1
    with transaction.atomic():
        greet.using(tx=connection).enqueue("bob")
        transaction.set_rollback(True)
    assert app.count()[State.QUEUED] == 1
    connection.close()
    app.close()
