"""A call was committed, but its answer never came: the connection broke in between. Nothing waits for ever."""

from collections.abc import Callable, Sequence

import pytest

from tests.engine.scene import ended, found, new_worker, running, until
from treadle import Context, Treadle
from treadle.core.errors import StoreUnavailable
from treadle.core.events import Event, StoreTrouble
from treadle.core.job import Claim, Cycle, Ending, Swept
from treadle.core.states import State
from treadle.engine.neighbours import identify


def lose(app: Treadle, unlucky: Callable[[Cycle, Sequence[Ending]], bool]) -> list[Cycle]:
    """Lose the first answer of this kind; answers what was lost."""
    cycle, lost = app.store.cycle, list[Cycle]()

    async def losing(
        worker: str, ended: Sequence[Ending], queues: Sequence[str], want: int, shares: Sequence[int] = ()
    ) -> Cycle:
        answer = await cycle(worker, ended, queues, want, shares)
        if not lost and unlucky(answer, ended):
            lost.append(answer)
            raise StoreUnavailable("the connection broke")
        return answer

    app.store.cycle = losing  # type: ignore[method-assign]  # the real one, on a bad line
    return lost


async def test_a_claim_whose_answer_was_lost_is_run_all_the_same(app: Treadle, events: list[Event]) -> None:
    """P1, P7: its worker's lease is renewed for ever, so nobody else would take it over."""

    @app.task
    async def greet() -> str:
        return "hello"

    lost = lose(app, lambda answer, _: bool(answer.claims))
    job = await greet.aenqueue()
    async with running(new_worker(app, lease=3_600_000)):  # no beat comes to the rescue
        completed = await ended(app, job.id)
    assert lost
    assert (completed.state, completed.attempt, completed.epoch) == (State.COMPLETED, 1, 1)
    assert [event.verb for event in events if isinstance(event, StoreTrouble)] == ["cycle"]


async def test_what_was_found_and_run_is_not_found_once_more_by_a_second_look(
    app: Treadle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P7: two lanes looked at once; the answer to one of them came when the other's finds had been settled."""
    monkeypatch.setattr(type(app.store), "lanes", 3)  # one rests after the loss, two are free
    claims, begun, read, ran = app.store.claims, list[int](), list[int](), list[str]()

    @app.task(context=True)
    async def note(ctx: Context) -> None:
        ran.append(ctx.job_id)

    async def late(worker: str) -> list[Claim]:
        begun.append(len(begun))
        number = begun[-1]
        held = await claims(worker)
        read.append(number)
        await until(lambda: len(read) == len(begun))
        if number:
            await ended(app, job.id)
        return held

    monkeypatch.setattr(app.store, "claims", late)
    lose(app, lambda answer, _: bool(answer.claims))
    job = await note.aenqueue()
    async with running(new_worker(app, lease=3_600_000)):
        await job.aresult(20)
        await until(lambda: len(read) == len(begun))
    assert ran == [job.id]


async def test_an_ending_whose_answer_was_lost_is_not_run_again(app: Treadle) -> None:
    """P7."""
    ran: list[int] = []

    @app.task
    async def count() -> int:
        ran.append(1)
        return len(ran)

    lost = lose(app, lambda _, endings: bool(endings))
    job = await count.aenqueue()
    async with running(new_worker(app, lease=3_600_000)):
        assert await job.aresult(20) == 1
        await until(lambda: lost)
        assert await (await count.aenqueue()).aresult(20) == 2
    assert (await found(app.store, job.id)).epoch == 1


async def test_a_beat_names_a_claim_that_nobody_here_knows_of(app: Treadle) -> None:
    """The server was still at it when the connection broke: the claim came later than the look for it."""

    @app.task
    async def greet() -> str:
        return "hello"

    worker = new_worker(app, lease=1_000)
    async with running(worker):
        await (await greet.aenqueue()).aresult(20)
        unlucky = lose(app, lambda answer, _: bool(answer.claims))
        claims = app.store.claims

        async def too_early(worker_id: str) -> list[object]:
            app.store.claims = claims  # type: ignore[method-assign]
            return []

        app.store.claims = too_early  # type: ignore[method-assign, assignment]
        assert await (await greet.aenqueue()).aresult(20) == "hello"
        assert unlucky


async def test_what_was_taken_over_in_a_lost_answer_is_settled_and_not_run(app: Treadle) -> None:
    """P12: it counts as a crash, as any take-over does."""
    ran: list[int] = []

    @app.task
    async def count() -> None:
        ran.append(1)

    job = await count.aenqueue()
    dead = identify("dead", ["default"], 1)
    heart = app.store.heart(dead)
    heart.beat(60_000)
    await app.store.cycle("dead", [], ["default"], 1)
    heart.leave()
    heart.close()
    sweep, lost = app.store.sweep, list[Swept]()

    async def losing(worker: str, limit: int, *, take: int) -> Swept:
        answer = await sweep(worker, limit, take=take)
        if answer.taken and not lost:
            lost.append(answer)
            raise StoreUnavailable("the connection broke")
        return answer

    app.store.sweep = losing  # type: ignore[method-assign]
    async with running(new_worker(app, lease=1_000)):
        completed = await ended(app, job.id)
    assert lost
    assert (completed.crashes, completed.attempt, completed.epoch) == (1, 2, 3)
    assert [attempt.ending for attempt in completed.attempts] == ["crashed"]
    assert len(ran) == 1
