"""Between spool and store: what is cancelled stays so, nothing is seen twice, no clock is mistaken (X10, P18)."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.core.snapshots import NOON, snapshot
from tests.engine.scene import found, until, url_of
from tests.stores.forks import in_a_fork, needs_forks
from treadle import Job, StoreError, StoreUnavailable, Treadle
from treadle.core.job import Added, Filter, NewJob
from treadle.core.states import State
from treadle.fallback import LONGEST, PAUSE, Spool, arriving
from treadle.stores import open_store
from treadle.testing import FakeClock
from treadle.testing.contract.scene import job as new_job

AWAY = StoreUnavailable("the line is cut")


@pytest.fixture
async def app(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Treadle]:
    """An application whose store lives by a clock of its own."""
    made = with_a_fallback(tmp_path, clock)
    yield made
    await asyncio.to_thread(made.close)


def with_a_fallback(folder: Path, clock: FakeClock) -> Treadle:
    store = open_store(url_of(folder / "jobs.db"), clock)
    app = Treadle(store, fallback=url_of(folder / "spool.db"))

    @app.task
    async def greet(name: str) -> None: ...

    return app


def cut(app: Treadle, *verbs: str, error: Exception = AWAY, heard: bool = False) -> list[str]:
    """Let these verbs of the real store raise; if `heard`, only their answers are lost. Answers the calls to come."""
    calls: list[str] = []

    def broken(verb: str) -> Any:
        real = getattr(type(app.store), verb)

        async def call(*values: Any) -> None:
            calls.append(verb)
            if heard:
                await real(app.store, *values)
            raise error

        return call

    for verb in verbs:
        setattr(app.store, verb, broken(verb))
    return calls


def mend(app: Treadle, *verbs: str) -> None:
    for verb in verbs:
        delattr(app.store, verb)


async def greet(app: Treadle, name: str, **wishes: Any) -> Job[None]:
    job: Job[None] = await app.tasks["greet"].using(**wishes).aenqueue(name)
    return job


async def in_both(app: Treadle, name: str) -> Job[None]:
    """Enqueue one whose answer gets lost, and which stays in the spool as long as nothing can be added."""
    cut(app, "add", heard=True)
    job = await greet(app, name)
    cut(app, "add")
    assert (job.spooled, (await found(app.store, job.id)).state) == (True, State.QUEUED)
    return job


def spool_of(app: Treadle) -> Spool:
    assert app.spool
    return app.spool


async def listed(app: Treadle, limit: int, **asked: Any) -> list[str]:
    """List all, page by page."""
    ids: list[str] = []
    cursor: str | None = None
    while True:
        page = await app.ajobs(limit=limit, cursor=cursor, **asked)
        assert len(page.items) <= limit
        ids += [job.id for job in page.items]
        if (cursor := page.next_cursor) is None:
            return ids


# -- cancelled ----------------------------------------------------------------------


async def test_a_cancel_that_only_the_spool_has_heard_of_reaches_the_store(app: Treadle) -> None:
    """P1: the store has the job, for only the answer to its add was lost."""
    job, other = await in_both(app, "ada"), await greet(app, "bob")
    cut(app, "cancel")
    assert await job.acancel()
    mend(app, "add", "cancel")
    await spool_of(app).forward()
    assert (await found(app.store, job.id)).state is State.CANCELLED
    assert (await found(app.store, other.id)).state is State.QUEUED


async def test_a_cancel_reaches_both_places_at_once(app: Treadle) -> None:
    job = await in_both(app, "ada")
    assert await job.acancel()
    assert (await found(app.store, job.id)).state is State.CANCELLED
    assert not await job.acancel(), "it had ended"


async def test_a_cancel_that_comes_while_the_job_arrives_holds(app: Treadle, tmp_path: Path) -> None:
    """Somebody cancels it in the spool's file, when it has been read from there and is not gone yet."""
    other = open_store(url_of(tmp_path / "spool.db"))
    cut(app, "add")
    job = await greet(app, "ada")
    real, cancelled = type(app.store).add, list[str]()

    async def add(jobs: Sequence[NewJob]) -> list[Added]:
        answer = await real(app.store, jobs)
        cancelled.extend(await other.cancel([job.id]))
        return answer

    app.store.add = add  # type: ignore[method-assign]  # the real one, and what happens right after
    await spool_of(app).forward()
    assert cancelled == [job.id]
    assert (await found(app.store, job.id)).state is State.CANCELLED
    assert await other.count(Filter()) == {}
    await other.close()


async def test_a_cancel_that_neither_place_has_heard_of_is_not_answered(app: Treadle) -> None:
    await greet(app, "ada")
    cut(app, "cancel")
    with pytest.raises(StoreUnavailable):
        await app.job("elsewhere").acancel()


# -- seen ---------------------------------------------------------------------------


async def test_pages_begin_with_what_is_spooled_and_are_never_too_long(app: Treadle) -> None:
    kept = [await greet(app, f"kept {number}") for number in range(3)]
    cut(app, "add")
    spooled = [await greet(app, f"spooled {number}") for number in range(3)]
    newest_first = [job.id for job in (*reversed(spooled), *reversed(kept))]
    for limit in (1, 2, 3, 4, 50):
        assert await listed(app, limit) == newest_first
    assert await listed(app, 2, states="held") == newest_first[:3]
    cut(app, "find", "get")
    for limit in (1, 50):
        assert await listed(app, limit) == newest_first[:3], "while the store is away"
    with pytest.raises(StoreUnavailable):
        await app.ajobs(states="completed")


async def test_who_is_in_both_places_is_seen_and_counted_once(app: Treadle) -> None:
    before, both, spooled = await greet(app, "before"), await in_both(app, "both"), await greet(app, "spooled")
    for limit in (1, 2, 50):
        assert sorted(await listed(app, limit)) == sorted(job.id for job in (before, both, spooled))
    counted = await app.acount()
    assert (counted[State.QUEUED], counted[State.HELD]) == (2, 1)
    assert await app.acount(states="held") == dict.fromkeys(State, 0) | {State.HELD: 1}
    cut(app, "count")
    assert await app.acount() == dict.fromkeys(State, 0) | {State.HELD: 2}, "while the store is away"


async def test_where_nothing_is_spooled_only_the_store_is_asked(app: Treadle, tmp_path: Path) -> None:
    job = await greet(app, "ada")
    calls = cut(app, "get")
    assert await listed(app, 1) == [job.id]
    assert (await app.acount())[State.QUEUED] == 1
    assert await job.acancel()
    assert calls == []
    assert not (tmp_path / "spool.db").exists()


# -- refused ------------------------------------------------------------------------


async def test_a_refusal_after_an_outage_is_told_once_and_tried_less_and_less_often(
    app: Treadle, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep, slept = asyncio.sleep, list[float]()

    async def at_once(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    def more_than_eight(calls: list[str]) -> bool:
        return len(calls) > 8

    monkeypatch.setattr(asyncio, "sleep", at_once)
    cut(app, "add")
    job = await greet(app, "ada")
    for sentence in ("the password is wrong", "the tables are missing"):
        calls = cut(app, "add", error=StoreError(sentence))
        await until(partial(more_than_eight, calls))
    told = [record for record in caplog.records if "the line is cut" not in record.getMessage()]
    assert [record.getMessage().rpartition(": ")[2] for record in told] == [
        "the password is wrong", "the tables are missing",
    ]  # fmt: skip
    assert not any(record.exc_info for record in told)
    pauses = [pause for pause in slept if pause > PAUSE]
    assert pauses[:4] == [2 * PAUSE, 4 * PAUSE, 8 * PAUSE, LONGEST]
    assert max(pauses) == LONGEST
    mend(app, "add")
    await spool_of(app).forward()
    assert (await found(app.store, job.id)).state is State.QUEUED


async def test_a_spool_that_cannot_be_written_keeps_nobody_from_the_store(app: Treadle, tmp_path: Path) -> None:
    (tmp_path / "spool.db").mkdir()
    cut(app, "add")
    with pytest.raises(StoreError, match="cannot be opened"):
        await greet(app, "ada")
    mend(app, "add")
    assert not (await greet(app, "ada")).spooled


# -- clocks -------------------------------------------------------------------------


async def test_what_counts_from_the_enqueueing_counts_by_the_spools_own_clock(app: Treadle, clock: FakeClock) -> None:
    """P18: the store's clock shows another time than this host's."""
    instant = datetime(2200, 1, 1, tzinfo=UTC)
    cut(app, "add")
    soon = await greet(app, "soon", run_after=10, expires=timedelta(seconds=20))
    then = await greet(app, "then", run_after=instant)
    traced = [new_job(id, due_in=60_000, meta='{"trace": "x"}') for id in ("traced", "cancelled")]
    _, cancelled = await app.akeep(traced)
    await cancelled.acancel()
    mend(app, "add")
    await spool_of(app).forward()

    arrived = await found(app.store, soon.id)
    assert (arrived.state, arrived.meta) == (State.SCHEDULED, None)
    assert 0 < (arrived.due_at or 0) - clock() <= 10_000
    assert 0 < (arrived.expires_at or 0) - clock() <= 20_000
    assert (await found(app.store, then.id)).due_at == round(instant.timestamp() * 1_000)
    for id in ("traced", "cancelled"):
        assert (await found(app.store, id)).meta == '{"trace": "x"}'


# -- forked -------------------------------------------------------------------------


@needs_forks
def test_a_child_of_a_process_that_has_used_the_fallback_may_use_it(tmp_path: Path, clock: FakeClock) -> None:
    """P1, gunicorn --preload: SQLite survives no fork with an open file, so that of the spool is closed before."""
    app = with_a_fallback(tmp_path, clock)
    cut(app, "add")

    def enqueue(name: str) -> str:
        job: Job[None] = app.tasks["greet"].enqueue(name)
        return f"{job.status} {job.spooled}"

    def enqueue_and_close(name: str) -> str:
        said = enqueue(name)
        app.close()
        return said

    assert enqueue("parent") == "held True"
    assert in_a_fork(lambda: enqueue("child")) == "held True"
    assert in_a_fork(lambda: in_a_fork(lambda: enqueue("child's child"))) == "held True"
    assert in_a_fork(lambda: enqueue_and_close("a child that closes")) == "held True"
    assert enqueue("parent, later") == "held True"
    assert app.count()[State.HELD] == 5
    mend(app, "add")
    app.wait(spool_of(app).forward())
    assert app.count()[State.QUEUED] == 5
    app.close()


@needs_forks
def test_a_child_that_outlives_its_parents_spool_loses_nothing(tmp_path: Path, clock: FakeClock) -> None:
    """P1: the last close of a file throws its write-ahead log away; it must know of the child that still writes."""
    app = with_a_fallback(tmp_path, clock)
    cut(app, "add")
    enqueue = app.tasks["greet"].enqueue
    enqueue("parent")

    def parent_of_one_that_stays() -> str:
        """The forked process is the parent here, which closes between the two enqueueings of its child."""
        enqueue("in the middle")
        go_ear, go = os.pipe()
        done_ear, done = os.pipe()
        if os.fork() == 0:
            enqueue("child, first")
            os.write(done, b"1")
            os.read(go_ear, 1)
            enqueue("child, second")
            os.write(done, b"1")
            os._exit(0)
        os.read(done_ear, 1)
        app.close()
        os.write(go, b"1")
        os.read(done_ear, 1)
        os.wait()
        return "closed"

    assert in_a_fork(parent_of_one_that_stays) == "closed"
    assert app.count()[State.HELD] == 4
    app.close()


def test_what_governs_a_job_goes_on_its_way_with_it() -> None:
    waited = snapshot("a", lane='["sync","acme",[]]', costs="[3]", unique_until="started", unique_for=60_000)
    arrived = arriving(waited, NOON + 20_000)
    assert (arrived.lane, arrived.costs, arrived.unique_until) == (waited.lane, waited.costs, "started")
    assert arrived.unique_for == 40_000
    assert arriving(waited, NOON + 90_000).unique_for == 0
