"""The tasks of the ai pack: process a thread, find threads that wait, learn from corrections. Each may run again."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from treadle import ConfigError, Context, Pack, Retry, Skip
from treadle.packs.ai.desk import Desk, Opened
from treadle.packs.ai.keys import request_id
from treadle.packs.ai.ports import TASKS, ProviderError, TaskName
from treadle.packs.ai.process import Request, process

if TYPE_CHECKING:
    from treadle import Treadle
    from treadle.packs.ai.learning import Lesson

pack = Pack("ai", needs=("sqlalchemy", "alembic", "vaderSentiment"), extra="ai")

_PATIENTLY = Retry(3, [30, 60, 120])
_ONCE = Retry(0)
_MOST = 1_000


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
    A thread that is gone, or another user's, is skipped.
    """
    desk = ctx.use(Desk)
    opened = desk.threads.read(thread_id)
    if opened is None or (user_id or ctx.owner or opened.owner) != opened.owner:
        raise Skip("gone")
    asked = desk.provider(provider, opened.owner)
    report = process(Request(opened.id, opened.text, tasks, force), asked, desk, ctx.check)
    if report.retryable and ctx.attempt < ctx.max_attempts:
        raise ProviderError("incomplete", report.trouble, retryable=True)
    for task, failure in report.errors.items():
        ctx.log("task failed", task=task, code=failure.code, reason=failure.message)
    desk.threads.settled(opened)
    return report.as_json()


@pack.task("process_unprocessed", queue="ai", timeout=timedelta(minutes=5), retry=_ONCE, context=True)
def process_unprocessed(
    ctx: Context,
    *,
    limit: int = 50,
    tasks: Sequence[TaskName] = TASKS,
    provider: str = "local",
    user_id: str | None = None,
) -> dict[str, Any]:
    """Find threads that have grown or lack an answer, and enqueue a job for each of the newest; twice enqueues once.

    Answers {found, enqueued, skipped, batch_id}; `skipped` had their job already and do not count for the limit.
    """
    desk, owner = ctx.use(Desk), user_id or ctx.owner or "me"
    batch, limit = ctx.batch or f"ai:{ctx.job_id}", min(max(limit, 1), _MOST)
    bound = ctx.app.bind(process_thread).using(batch=batch, owner=owner)
    waiting = desk.threads.waiting(owner, tasks)
    found = enqueued = 0
    while enqueued < limit and (page := list(islice(waiting, limit - enqueued))):
        ctx.check()
        calls = [
            bound.using(id=request_id(thread_id, revision, tasks, provider)).call(
                thread_id, tasks=list(tasks), provider=provider
            )
            for thread_id, revision in page
        ]
        found += len(page)
        enqueued += sum(job.new for job in ctx.app.enqueue_many(calls))
    return {"found": found, "enqueued": enqueued, "skipped": found - enqueued, "batch_id": batch}


@pack.task("learn", queue="ai", timeout=timedelta(minutes=5), retry=_ONCE, context=True)
def learn(ctx: Context, *, user_id: str | None = None) -> dict[str, Any]:
    """Learn categories from a user's corrections; goes live only if cross-validated no worse than before.

    Answers {labels, classes, accuracy_cv, accuracy_before, activated}.
    """
    from treadle.packs.ai import learning, store

    desk, owner = ctx.use(Desk), user_id or ctx.owner or "me"
    with desk.database.read() as connection:
        old = store.learned_model(connection, owner, "classify")
    lessons = _lessons(ctx, desk, owner)
    learnt = learning.learn(lessons, old.model if old else None, old.created_at if old else 0)
    if learnt.model is not None:
        with desk.database.write() as connection:
            store.activate(connection, owner, "classify", learnt.model, learnt.metrics(), desk.clock())
    return learnt.metrics()


def _lessons(ctx: Context, desk: Desk, owner: str) -> "list[Lesson]":
    """Read the threads that a user has labelled; those that are gone, or another user's, teach nothing."""
    from treadle.packs.ai import store
    from treadle.packs.ai.learning import Lesson
    from treadle.packs.ai.local.reading import read

    with desk.database.read() as connection:
        labels = store.labels(connection, owner, "classify")
    lessons: dict[str, Lesson] = {}
    for count, label in enumerate(labels, start=1):
        ctx.check()
        opened: Opened | None = desk.threads.read(label.thread_id)
        if opened is not None and opened.owner == owner:
            lessons[opened.id] = Lesson(opened.id, read(opened.text), label.value, label.at)
        ctx.progress(count, len(labels))
    return list(lessons.values())


def open_desk(app: "Treadle") -> Desk:
    """Open the pack's tables in the application's database; threads come from the mail pack."""
    from treadle.packs.ai import store
    from treadle.packs.ai.mailbox import MailThreads
    from treadle.packs.database import Database, open_database
    from treadle.packs.mail.store import prepare

    try:
        database = app.use(Database)
    except ConfigError:  # no pack that was included brings the database along
        app.provide(Database, open_database)
        database = app.use(Database)
    return Desk(store.prepare(prepare(database)), MailThreads(database))


pack.provide(Desk, open_desk)
