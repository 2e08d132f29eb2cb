"""Who has a connection, for how long, and in which loop, thread or process."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.stores.forks import in_a_fork, needs_forks
from tests.stores.postgres.scene import PATIENCE, all_gone, ask, connections, soon, soon_true
from treadle import Treadle
from treadle.core.job import Added, Filter, WorkerInfo
from treadle.core.states import State
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.testing.contract.scene import Hand, job, jobs

pytestmark = pytest.mark.server


async def test_hundreds_of_calls_at_once_share_a_pool_of_two(url: str) -> None:
    store = open_store(f"{url}&pool=2")
    answers = await soon(asyncio.gather(*(store.add([job(f"{number}")]) for number in range(200))))
    found = await soon(asyncio.gather(*(store.get(f"{number}") for number in range(200))))
    assert [answer.new for (answer,) in answers] == [True] * 200
    assert [each and each.id for each in found] == [f"{number}" for number in range(200)]
    assert connections(url) == 2
    await store.close()
    await asyncio.to_thread(all_gone, url)


async def test_nothing_is_left_open_after_a_close(url: str) -> None:
    store = open_store(url)
    hands = [Hand(store, name) for name in ("w1", "w2")]
    for hand in hands:
        hand.beat()
    store.subscribe(lambda: None)
    store.subscribe(lambda: None)
    await asyncio.gather(*(store.now() for _ in range(10)))
    await asyncio.to_thread(soon_true, lambda: connections(url) > 7, "it did not listen")
    hands[0].heart.close()
    await store.close()
    await asyncio.to_thread(all_gone, url)
    await store.close()
    hands[1].heart.close()


async def test_a_store_that_was_closed_opens_again_at_its_next_use(url: str) -> None:
    store = open_store(url)
    for number in range(3):
        hinted = threading.Event()
        leave = store.subscribe(hinted.set)
        assert await store.add([job(f"{number}")]) == [Added(f"{number}", True)]
        assert Hand(store, f"w{number}").beat() == {}
        assert await asyncio.to_thread(hinted.wait, PATIENCE)
        leave()
        await store.close()
    await asyncio.to_thread(all_gone, url)


async def test_a_heart_that_is_closed_in_the_middle_of_a_beat_leaves_nothing_open(url: str) -> None:
    store = open_store(url)
    await store.open()
    hearts = [store.heart(WorkerInfo(id=f"w{number}")) for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        beats = [threads.submit(heart.beat, 10_000) for heart in hearts]
        await store.close()
        for beat in beats:
            beat.exception()
    for heart in hearts:
        heart.close()
    await store.close()
    await asyncio.to_thread(all_gone, url)


def test_a_loop_that_ends_without_a_close_leaves_no_connection(url: str) -> None:
    store = open_store(url)

    async def use() -> None:
        await asyncio.gather(*(store.now() for _ in range(5)))

    asyncio.run(use())
    all_gone(url)
    asyncio.run(use())
    all_gone(url)
    asyncio.run(store.close())


def test_a_loop_that_ends_in_the_middle_of_calls_leaves_no_connection(url: str) -> None:
    store = open_store(f"{url}&pool=3")

    async def use() -> None:
        calls = [asyncio.create_task(store.add([job(f"{number}")])) for number in range(50)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)

    asyncio.run(use())
    all_gone(url)
    asyncio.run(store.close())


def test_several_loops_in_threads_use_one_store(url: str) -> None:
    store = open_store(url)
    together = threading.Barrier(4)

    async def use(name: str) -> list[bool]:
        together.wait()
        answers = await asyncio.gather(*(store.add([job(f"{name}{number}")]) for number in range(20)))
        return [answer.new for (answer,) in answers]

    with ThreadPoolExecutor(4) as threads:
        news = list(threads.map(lambda name: asyncio.run(use(name)), "abcd"))
    assert news == [[True] * 20] * 4
    all_gone(url)
    assert sum(asyncio.run(_count(store)).values()) == 80
    all_gone(url)


async def _count(store: Store) -> dict[tuple[str, State], int]:
    try:
        return await store.count(Filter())
    finally:
        await store.close()


def test_a_close_reaches_the_loops_of_other_threads(url: str) -> None:
    store, done = open_store(url), threading.Event()
    used = threading.Event()

    async def use() -> None:
        await store.now()
        used.set()
        await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(use(),))
    thread.start()
    used.wait()
    assert connections(url) == 1
    asyncio.run(store.close())
    all_gone(url)
    done.set()
    thread.join()


def test_an_application_runs_until_idle_again_and_again_in_one_process(url: str) -> None:
    app = Treadle(url)
    ran: list[int] = []

    @app.task
    async def note(number: int) -> None:
        ran.append(number)

    for number in range(3):
        note.enqueue(number)
        app.run_until_idle()
    assert ran == [0, 1, 2]
    asyncio.run(app.store.close())
    app.close_resources()
    all_gone(url)


# -- forks ---------------------------------------------------------------------------------


class Parent:
    """A process with all kinds of connections open."""

    def __init__(self, url: str) -> None:
        self.url, self.store = url, open_store(url)
        self.loop = asyncio.new_event_loop()
        self.hinted = threading.Event()

    def __enter__(self) -> "Parent":
        self.do(self._open())
        return self

    async def _open(self) -> None:
        await asyncio.gather(*(self.store.now() for _ in range(3)))
        self.hand = Hand(self.store, "parent")
        self.hand.beat()
        self.store.subscribe(self.hinted.set)
        await asyncio.to_thread(self.hinted.wait)  # the first hint says that it listens
        self.pids = self._pids()

    def do(self, awaitable: object) -> object:
        return self.loop.run_until_complete(awaitable)  # type: ignore[arg-type]  # whatever is awaited

    def _pids(self) -> set[int]:
        asked = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'treadle'"
        return set(ask(self.url, asked))

    def lives_on(self, kept: int) -> None:
        """Check that all still use the connections that they had."""
        self.hinted.clear()
        assert self.do(self.store.add([job("of the parent")])) == [Added("of the parent", True)]
        assert self.hand.beat() == {}
        assert self.hinted.wait(20)
        assert self.do(self.store.count(Filter())) == {("default", State.QUEUED): kept + 1}
        assert self._pids() == self.pids

    def __exit__(self, *_: object) -> None:
        self.do(self.store.close())
        self.do(self.loop.shutdown_default_executor())
        self.do(self.loop.shutdown_asyncgens())
        self.loop.close()


@needs_forks
def test_a_child_uses_its_parents_store_with_connections_of_its_own(url: str) -> None:
    def act() -> str:
        async def use() -> str:
            hinted = threading.Event()
            leave = parent.store.subscribe(hinted.set)
            (added,) = await parent.store.add([job("of the child")])
            hand = Hand(parent.store, "child")
            hand.beat()
            assert await asyncio.to_thread(hinted.wait, PATIENCE)
            leave()
            await parent.store.close()
            return f"{added.new}, {len(await parent.store.workers())}"

        return asyncio.run(use())

    with Parent(url) as parent:
        assert in_a_fork(act) == "True, 2"
        parent.lives_on(1)


@needs_forks
def test_a_child_that_closes_its_parents_store_closes_nothing_of_its_parents(url: str) -> None:
    def act() -> str:
        asyncio.run(asyncio.wait_for(parent.store.close(), 20))
        parent.hand.heart.close()
        return "closed"

    with Parent(url) as parent:
        assert in_a_fork(act) == "closed"
        parent.lives_on(0)


@needs_forks
def test_a_child_that_simply_ends_closes_nothing_of_its_parents(url: str) -> None:
    with Parent(url) as parent:
        assert in_a_fork(lambda: "ended") == "ended"
        parent.lives_on(0)


@needs_forks
def test_a_child_of_a_running_loop_closes_the_store_without_waiting_for_its_parent(url: str) -> None:
    """Its copy of the parent's loop looks as if it were running, and never turns."""

    async def use() -> None:
        store = open_store(url)
        await store.now()

        def act() -> str:
            child = asyncio.new_event_loop()
            child.run_until_complete(asyncio.wait_for(store.close(), 20))
            return "closed"

        assert await asyncio.to_thread(in_a_fork, act) == "closed"
        await store.add(jobs(1))
        await store.close()

    asyncio.run(use())
