"""The tasks of the ai pack: process a thread, find threads that wait, learn from corrections. Each may run again."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from treadle import Context, Pack, Retry, Skip
from treadle.packs.ai.desk import Desk
from treadle.packs.ai.keys import request_id
from treadle.packs.ai.ports import TASKS, ProviderError, TaskName
from treadle.packs.ai.process import Request, process

if TYPE_CHECKING:
    from treadle import Treadle

pack = Pack("ai")

_PATIENTLY = Retry(3, [30, 60, 120])
_MOST_AT_ONCE = 1_000


@pack.task("process_thread", queue="ai", timeout=timedelta(minutes=2), retry=_PATIENTLY, context=True)
def process_thread(
    ctx: Context,
    thread_id: str,
    *,
    tasks: Sequence[TaskName] = TASKS,
    provider: str = "local",
    force: bool = False,
    user_id: str | None = None,
) -> dict[str, Any]:
    """Answer the tasks about one thread: summarize, classify, sentiment, reply, tasks, or any of them.

    Answers that are known are not asked for again (`cached`) unless `force`. While a missing answer may still come,
    the job is tried again; after the last attempt what there is counts, with the status `partial` or `failed`.
    """
    desk = ctx.use(Desk)
    thread = desk.threads.read(thread_id)
    if thread is None:
        raise Skip("gone")
    asked = desk.provider(provider, user_id or ctx.owner or "me")
    report = process(Request(thread_id, thread, tasks, force), asked, desk, ctx.check)
    if report.retryable and ctx.attempt < ctx.max_attempts:
        failed = ", ".join(f"{task}: {failure.message}" for task, failure in report.errors.items())
        raise ProviderError("incomplete", failed, retryable=True)
    for task, failure in report.errors.items():
        ctx.log("task failed", task=task, code=failure.code, message=failure.message)
    return report.as_json()


@pack.task("process_unprocessed", queue="ai", timeout=timedelta(minutes=5), retry=Retry(0), context=True)
def process_unprocessed(
    ctx: Context,
    *,
    limit: int = 50,
    tasks: Sequence[TaskName] = TASKS,
    provider: str = "local",
    user_id: str | None = None,
) -> dict[str, Any]:
    """Find threads that lack an answer and enqueue a job for each, in one batch; asking twice enqueues once.

    Answers {found, enqueued, skipped, batch_id}; `skipped` had a job already.
    """
    desk, owner = ctx.use(Desk), user_id or ctx.owner or "me"
    found = desk.threads.waiting(owner, tasks, min(max(limit, 1), _MOST_AT_ONCE))
    batch = ctx.batch or f"ai:{ctx.job_id}"
    bound = ctx.app.bind(process_thread)
    ids = {request_id(thread_id, state, tasks, provider): thread_id for thread_id, state in found}
    calls = [
        bound.using(id=id, batch=batch, owner=owner).call(thread_id, tasks=list(tasks), provider=provider)
        for id, thread_id in ids.items()
    ]
    before = sum(ctx.app.count(batch=batch).values())
    ctx.app.enqueue_many(calls)
    enqueued = sum(ctx.app.count(batch=batch).values()) - before
    return {"found": len(found), "enqueued": enqueued, "skipped": len(found) - enqueued, "batch_id": batch}


@pack.task("learn", queue="ai", timeout=timedelta(minutes=5), retry=Retry(0), context=True)
def learn(ctx: Context, *, user_id: str | None = None) -> dict[str, Any]:
    """Learn categories from a user's corrections; goes live only if cross-validated no worse than before.

    Answers {labels, classes, accuracy_cv, accuracy_before, activated}.
    """
    from treadle.packs.ai import store
    from treadle.packs.ai.learning import Lesson
    from treadle.packs.ai.learning import learn as learn_from
    from treadle.packs.ai.local.reading import read

    desk, owner = ctx.use(Desk), user_id or ctx.owner or "me"
    with desk.database.read() as connection:
        labels = store.labels(connection, owner, "classify")
        old = store.learned_model(connection, owner, "classify")
    lessons = []
    for count, label in enumerate(labels, start=1):
        ctx.check()
        thread = desk.threads.read(label.thread_id)
        if thread is not None:
            lessons.append(Lesson(label.thread_id, read(thread), label.value, label.at))
        ctx.progress(count, len(labels))
    learnt = learn_from(lessons, old.model if old else None, old.created_at if old else 0)
    if learnt.model is not None:
        with desk.database.write() as connection:
            store.activate(connection, owner, "classify", learnt.model, learnt.metrics(), desk.clock())
    return learnt.metrics()


def open_desk(app: "Treadle") -> Desk:
    """Open the pack's tables in the application's database and read threads from the mail pack."""
    from treadle.packs.ai.mailbox import MailThreads

    from treadle.packs.database import Database

    database = app.use(Database)
    database.migrate("ai", "treadle.packs.ai.migrations")
    return Desk(database, MailThreads(database))


pack.provide(Desk, open_desk)
