"""The store is away: what is enqueued meanwhile waits on this host, is seen there, and goes on its way (X10, S1.14)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.engine.scene import ended, eventually, new_worker, running
from tests.servers.plugin import skipping
from tests.servers.postgres import Postgres
from tests.servers.valkey import Valkey
from treadle import ConfigError, Job, StoreUnavailable, Treadle, Unique
from treadle.core.states import State
from treadle.stores import open_store

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(params=["postgres", "redis"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Postgres | Valkey]:
    """A server that the test may stop."""
    with skipping():
        made = Postgres.start(durable=True) if request.param == "postgres" else Valkey.start(tmp_path, aof="always")
    with made:
        yield made


@pytest.fixture
async def url(server: Postgres | Valkey) -> str:
    store = open_store(server.url(), migrate=True)
    await store.migrate()
    await store.close()
    return server.url()


@pytest.fixture
async def app(url: str, tmp_path: Path) -> AsyncIterator[Treadle]:
    """An application that asked for a fallback."""
    made = with_tasks(url, tmp_path / "spool.db")
    yield made
    await asyncio.to_thread(made.close)


def with_tasks(url: str, spool: Path) -> Treadle:
    app = Treadle(url, fallback=f"sqlite:///{spool}")

    @app.task(unique=Unique("name"))
    async def greet(name: str) -> str:
        return f"Hello, {name}!"

    return app


async def greet(app: Treadle, name: str, **wishes: object) -> Job[str]:
    job: Job[str] = await app.tasks["greet"].using(**wishes).aenqueue(name)  # type: ignore[arg-type]  # wishes of the test
    return job


async def arrived(app: Treadle, *jobs: Job[str]) -> None:
    """Wait until these are in the store itself."""

    async def look() -> bool:
        try:
            return all([await app.store.get(job.id) for job in jobs])
        except StoreUnavailable:
            return False

    await eventually(look)


async def test_without_an_outage_nothing_is_spooled(app: Treadle, tmp_path: Path) -> None:
    job = await greet(app, "ada")
    assert (job.new, job.spooled) == (True, False)
    assert await app.store.get(job.id)
    assert not (tmp_path / "spool.db").exists()


async def test_what_is_enqueued_during_an_outage_is_seen_and_done_after_it(
    app: Treadle, server: Postgres | Valkey
) -> None:
    before = await greet(app, "before")
    server.kill()
    jobs = [await greet(app, f"guest {number}", priority=number) for number in range(3)]
    later = await greet(app, "later", run_after=3_600)
    same = await greet(app, "guest 0")
    assert [(job.new, job.spooled) for job in jobs] == [(True, True)] * 3
    assert (same.id, same.new, same.spooled) == (jobs[0].id, False, True)

    seen = await jobs[2].arefresh()
    assert (seen.state, seen.reason, seen.priority) == (State.HELD, "spooled", 2)
    assert [found.id for found in (await app.ajobs()).items] == [later.id, *(job.id for job in reversed(jobs))]
    counted = await app.acount()
    assert (counted[State.HELD], counted[State.QUEUED]) == (4, 0)
    with pytest.raises(StoreUnavailable):
        await before.arefresh()

    server.launch()
    await arrived(app, *jobs, later)
    async with running(new_worker(app)):
        assert [await job.aresult(20) for job in (before, *jobs)] == [
            "Hello, before!", "Hello, guest 0!", "Hello, guest 1!", "Hello, guest 2!",
        ]  # fmt: skip
    due = await later.arefresh()
    assert (due.state, due.due_at is not None and due.due_at - due.created_at > 3_000_000) == (State.SCHEDULED, True)
    assert not (await greet(app, "after")).spooled


async def test_what_one_process_has_left_another_carries_on(
    app: Treadle, server: Postgres | Valkey, url: str, tmp_path: Path
) -> None:
    server.kill()
    job = await greet(app, "ada")
    await asyncio.to_thread(app.close)  # it ends before the store is back
    server.launch()
    other = with_tasks(url, tmp_path / "spool.db")
    async with running(other.worker()):
        assert (await ended(other, job.id)).result == '"Hello, ada!"'
    await asyncio.to_thread(other.close)


async def test_a_job_that_waits_here_can_be_cancelled(app: Treadle, server: Postgres | Valkey) -> None:
    server.kill()
    job, other = await greet(app, "ada"), await greet(app, "bob")
    assert await job.acancel()
    assert (await job.arefresh()).state is State.CANCELLED
    server.launch()
    await arrived(app, job, other)
    assert (await job.arefresh()).state is State.CANCELLED
    assert (await other.arefresh()).state is State.QUEUED


async def test_an_application_that_did_not_ask_is_told_of_the_outage(url: str, server: Postgres | Valkey) -> None:
    app = Treadle(url)

    @app.task
    def hello() -> None: ...

    await hello.aenqueue()
    server.kill()
    with pytest.raises(StoreUnavailable):
        await hello.aenqueue()
    server.launch()
    await hello.aenqueue()
    await app.store.close()


def test_a_fallback_is_a_file_on_this_host() -> None:
    with pytest.raises(ConfigError, match="must be a file"):
        Treadle("sqlite:///jobs.db", fallback="postgresql://elsewhere/db")
