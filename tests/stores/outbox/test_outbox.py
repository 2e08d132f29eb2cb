"""Jobs kept in Redis, enqueued in a transaction of the application's database: they exist exactly if it commits."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from typing import Any

import asyncpg
import psycopg
import pytest

from tests.engine.scene import eventually, found
from tests.stores.places import PARAMETERS
from treadle import ConfigError, Context, StoreUnavailable, Treadle
from treadle.core.job import Ending, Filter, WorkerInfo
from treadle.core.outcomes import complete
from treadle.core.states import State
from treadle.core.store import Store
from treadle.run import make_worker
from treadle.stores import open_store
from treadle.stores.outbox import Relay, relay_for
from treadle.stores.outbox.documents import read, written
from treadle.stores.outbox.relay import Box
from treadle.stores.outbox.tables import TABLES, said
from treadle.stores.steps import Step, Steps
from treadle.testing import FakeClock
from treadle.testing.contract.scene import job

pytestmark = pytest.mark.server

#: Kind of a database -> name of the outbox there.
TABLE = {"sqlite": "treadle_outbox", "postgres": "treadle.outbox"}

POSTGRES_ALONE = pytest.mark.parametrize("kind", ["postgres"], indirect=True)


@pytest.fixture(params=PARAMETERS[:2])
def kind(request: pytest.FixtureRequest) -> str:
    made: str = request.param
    return made


@pytest.fixture
async def database(kind: str, new_place: Callable[[str], str]) -> str:
    """The URL of the application's database, whose outbox is empty."""
    url = await asyncio.to_thread(new_place, kind)
    if kind == "postgres":
        execute(url, "DROP TABLE IF EXISTS treadle.outbox")
    return url


@pytest.fixture
async def jobs(new_place: Callable[[str], str], clock: FakeClock) -> AsyncIterator[Store]:
    """The store in Redis."""
    store = open_store(new_place("redis"), clock)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def relay(database: str, jobs: Store) -> AsyncIterator[Relay]:
    """What a worker does beside its jobs; the outbox is there."""
    relay = Relay(database, jobs)
    assert await relay.migrate() is True
    assert await relay.migrate() is False
    yield relay
    await relay.close()


def connected(url: str) -> Any:
    return sqlite3.connect(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else psycopg.connect(url)


def execute(url: str, statement: str) -> list[Any]:
    with closing(connected(url)) as connection:
        rows = connection.execute(statement)
        answer = rows.fetchall() if rows.description else []
        connection.commit()
        return list(answer)


async def kept(store: Store) -> list[str]:
    return sorted(each.id for each in (await store.find(Filter(), 1_000)).items)


async def test_after_the_commit_the_job_arrives_and_after_a_rollback_it_has_never_been(
    database: str, jobs: Store, relay: Relay
) -> None:
    app = Treadle(jobs)

    @app.task
    def greet(name: str) -> None: ...

    with closing(connected(database)) as connection:
        greet.using(tx=connection, id="never").enqueue("ada")
        connection.rollback()
        added = greet.using(tx=connection).enqueue_many([{"name": "ada"}, {"name": "bob"}])
        assert await relay.tick() == 0, "nobody sees it before the commit"
        connection.commit()
    assert await relay.tick() == 2
    assert await relay.tick() == 0
    assert await kept(jobs) == sorted(each.id for each in added)


@POSTGRES_ALONE
async def test_an_awaited_connection_keeps_the_same_promise(
    kind: str, database: str, jobs: Store, relay: Relay
) -> None:
    app = Treadle(jobs)

    @app.task
    def greet(name: str) -> None: ...

    connection = await asyncpg.connect(database)
    async with connection.transaction():
        await greet.using(tx=connection, id="a").aenqueue("ada")
        assert await relay.tick() == 0
    await connection.close()
    assert await relay.tick() == 1
    assert await kept(jobs) == ["a"]


async def test_all_that_a_job_is_comes_through(database: str, jobs: Store, relay: Relay) -> None:
    whole = job(
        "a",
        args='{"name":"Ädå"}',
        queue="q",
        priority=7,
        max_attempts=3,
        owner="o",
        tenant="t",
        batch="b",
        unique_key="k",
        meta='{"m":1}',
        result_ttl=None,
    )
    await jobs.add([whole._replace(id="direct", unique_key=None)])
    await enlist(database, jobs, [whole])
    await relay.tick()
    direct, through = await jobs.get("direct"), await jobs.get("a")
    assert direct
    assert through
    for name in ("task", "args", "queue", "priority", "max_attempts", "owner", "tenant", "batch", "meta", "result_ttl"):
        assert getattr(through, name) == getattr(direct, name), name
    (again,) = await jobs.add([job("other", unique_key="k")])
    assert again.id == "a", "it holds its unique key"


async def enlist(url: str, store: Store, newcomers: list[Any]) -> None:
    """Commit jobs to the outbox."""
    with closing(connected(url)) as connection:
        added = store.enlist(connection).add(newcomers)
        assert not asyncio.iscoroutine(added)
        connection.commit()


async def test_time_that_passes_in_the_outbox_counts_by_its_own_clock(
    kind: str, database: str, jobs: Store, relay: Relay, clock: FakeClock
) -> None:
    """P18: the store's clock shows another time."""
    at = clock() + 70_000
    newcomers = [job("later", due_in=60_000), job("over", due_in=20_000), job("soon over", expires_in=60_000)]
    await enlist(database, jobs, [*newcomers, job("then", due_at=at)])
    execute(database, f"UPDATE {TABLE[kind]} SET created_at = created_at - 50000")
    await relay.tick()
    later, over, soon_over, then = [await found(jobs, id) for id in ("later", "over", "soon over", "then")]
    assert (later.state, over.state) == (State.SCHEDULED, State.QUEUED)
    assert 0 < (later.due_at or 0) - clock() <= 10_000
    assert 0 < (soon_over.expires_at or 0) - clock() <= 10_000
    assert then.due_at == at, "an instant stays one"


@pytest.mark.parametrize(("passed", "left"), [(0, 60_000), (59_999, 1), (60_000, 0), (70_000, 0), (-5, 60_000)])
def test_what_is_left_of_a_distance_is_never_less_than_nothing_nor_more_than_all(passed: int, left: int) -> None:
    read_back = read(written(job("a", due_in=60_000, expires_in=60_000)), passed)
    assert (read_back.due_in, read_back.due_at, read_back.expires_in) == (left, None, left)


async def test_who_is_carried_twice_is_one_job(kind: str, database: str, jobs: Store, relay: Relay) -> None:
    await enlist(database, jobs, [job("a"), job("b")])
    rows = execute(database, f"SELECT id, document, created_at FROM {TABLE[kind]} ORDER BY id")
    await relay.tick()
    for id, document, created_at in rows:  # as if the worker had died before it could say so
        execute(
            database,
            f"INSERT INTO {TABLE[kind]} (id, document, created_at) VALUES ('{id}', '{document}', {created_at})",
        )
    assert await relay.tick() == 2
    assert await kept(jobs) == ["a", "b"]
    assert execute(database, f"SELECT * FROM {TABLE[kind]}") == []


async def test_what_is_no_job_stays_and_keeps_nobody_waiting(
    kind: str, database: str, jobs: Store, relay: Relay, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = {"id": "x", "task": "greet", "queue": 5, "args": "{}"}
    for document in ("no json", "[]", json.dumps(wrong), json.dumps({**wrong, "queue": "q", "newer": 1})):
        execute(database, f"INSERT INTO {TABLE[kind]} (id, document, created_at) VALUES ('x', '{document}', 1)")
    await enlist(database, jobs, [job("a")])
    assert await relay.tick() == 1
    assert await relay.tick() == 0
    assert await kept(jobs) == ["a"]
    assert len(execute(database, f"SELECT * FROM {TABLE[kind]}")) == 4
    assert caplog.text.count("no job here") == 4, "each is told once"


@POSTGRES_ALONE
async def test_one_that_commits_late_is_not_passed_over(kind: str, database: str, jobs: Store, relay: Relay) -> None:
    """A row's number says when its transaction asked for it, not when that was committed."""
    with closing(connected(database)) as slow:
        jobs.enlist(slow).add([job("slow")])
        execute(database, f"INSERT INTO {TABLE[kind]} (id, document, created_at) VALUES ('x', 'no job', 1)")
        await enlist(database, jobs, [job("fast")])
        assert await relay.tick() == 1
        slow.commit()
    assert await relay.tick() == 1
    assert await kept(jobs) == ["fast", "slow"]


async def test_more_than_one_slice_arrives(database: str, jobs: Store, relay: Relay) -> None:
    await enlist(database, jobs, [job(f"{n:04}") for n in range(1_234)])
    assert await relay.tick() == 1_234
    assert sum((await jobs.count(Filter())).values()) == 1_234


async def test_without_an_outbox_the_remedy_is_said(database: str, jobs: Store) -> None:
    with closing(connected(database)) as connection, pytest.raises(ConfigError, match="treadle db migrate"):
        jobs.enlist(connection).add([job("a")])


async def test_a_relay_waits_for_its_table(kind: str, database: str, jobs: Store) -> None:
    relay = Relay(database, jobs, make=False)
    assert await relay.tick() == 0
    await Relay(database, jobs).migrate()
    await enlist(database, jobs, [job("a")])
    while not (carried := await relay.tick()):
        pass
    assert carried == 1
    await relay.close()


async def test_no_transaction_completes_a_job_that_is_kept_elsewhere(database: str, jobs: Store, relay: Relay) -> None:
    heart = jobs.heart(WorkerInfo(id="w"))
    await asyncio.to_thread(heart.beat, 60_000)
    await jobs.add([job("a")])
    (claim,) = (await jobs.cycle("w", [], ["default"], 1)).claims
    with closing(connected(database)) as connection, pytest.raises(ConfigError, match=r"ctx\.once"):
        jobs.enlist(connection).complete(Ending(claim, complete()))
    await asyncio.to_thread(heart.close)


def test_other_databases_are_refused_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match="mysql"):
        Relay("mysql://host/db", None)  # type: ignore[arg-type]  # it is refused before


def test_a_url_that_is_there_for_the_application_alone_stops_no_worker(caplog: pytest.LogCaptureFixture) -> None:
    store: Any = None
    assert relay_for("mysql+pymysql://host/db", store) is None
    assert not caplog.messages
    assert relay_for("postgresql+asyncpg://host/db?no_such=option", store) is None
    assert "are not carried" in caplog.text
    assert relay_for("postgresql+asyncpg://host/db", store)
    assert set(TABLES) == {"sqlite", "postgresql"}


async def test_an_outbox_that_does_not_answer_is_an_outage(jobs: Store) -> None:
    relay = Relay("postgresql://nobody@127.0.0.1:1/none", jobs, make=False)
    with pytest.raises(StoreUnavailable, match="outbox"):
        await relay.tick()
    await relay.close()


async def test_a_mistake_of_our_own_is_no_outage(database: str) -> None:
    def mistaken() -> Steps[None]:
        yield Step("SELECT 1")
        raise TypeError("ours")

    box = Box(database)
    with pytest.raises(TypeError, match="ours"):
        await box.take(mistaken())
    with pytest.raises(StoreUnavailable, match="outbox"):
        await box.take(said(Step("SELECT nothing FROM nowhere")))
    await box.close()


async def test_every_worker_carries(database: str, new_place: Callable[[str], str]) -> None:
    app = Treadle(new_place("redis"), database_url=database)
    ran = asyncio.Event()

    @app.task(context=True)
    async def greet(ctx: Context) -> None:
        ran.set()

    await Relay(database, app.store).migrate()
    worker = asyncio.create_task(make_worker(app).run())
    with closing(connected(database)) as connection:
        greet.using(tx=connection, id="a").enqueue()
        connection.commit()
    async with asyncio.timeout(20):
        await ran.wait()

    async def done() -> bool:
        return (await found(app.store, "a")).state is State.COMPLETED

    await eventually(done)
    worker.cancel()
    await asyncio.wait([worker])
    await app.store.close()
