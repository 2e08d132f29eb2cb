"""From a mailbox to a digest: import, one AI job a thread, one contact job a batch of messages, then the digest.

    pipeline.run_mailbox ──> ai.process_thread ×threads     ┐ batch = the run
                         ──> crm.extract_contacts ×batches  ┘
                         ──> pipeline.finish   waits for them, scores the leads, writes the digest

The work itself is done by the packs mail, ai, crm and notify. Every job has an id chosen from the run, so that a crash
in between enqueues nothing twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from treadle import Context, Exponential, Pack, Retry, Snooze, Treadle
from treadle.packs.ai import store as answers
from treadle.packs.ai.tasks import process_thread
from treadle.packs.crm import store as contacts
from treadle.packs.crm.contacts import Kind
from treadle.packs.crm.tasks import BATCH, extract_contacts, score_leads
from treadle.packs.database import Database, open_database
from treadle.packs.mail import reading
from treadle.packs.mail.tasks import import_local
from treadle.packs.notify.tasks import daily_digest

pack = Pack("pipeline")
pack.provide(Database, open_database)

_T = TypeVar("_T")
_AT_ONCE = 500  # jobs in one transaction
_UNDER_WAY = ("scheduled", "queued", "running")  # a held job waits for a person; the digest does not wait for it


@pack.task("run_mailbox", queue="mail", timeout=timedelta(hours=2), retry=Retry(2, Exponential(60)), context=True)
def run_mailbox(
    ctx: Context, path: str, *, owner: str = "me", format: str = "auto", date: str | None = None
) -> dict[str, Any]:
    """Import a mailbox, then enqueue all that follows; answers the import's counts and the ids to watch.

    `date` is the day of the digest (ISO), the day of the newest mail if not given. The job `finish` of the answer
    ends last and holds the totals.
    """
    report = import_local(ctx, path, format=format, owner=owner)
    jobs = fan_out(ctx.app, ctx.job_id, str(report["run_id"]), owner=owner, date=date)
    return {**report, "batch": ctx.job_id, "jobs": jobs, "finish": finish_id(ctx.job_id)}


@pack.task("finish", queue="notify", timeout=timedelta(minutes=2), retry=Retry(2, Exponential(60)), context=True)
def finish(ctx: Context, run: str, imported: str, *, owner: str = "me", date: str | None = None) -> dict[str, Any]:
    """Wait until the jobs of a run are through, whatever their end; then score the leads and write the digest.

    Answers the totals and {digest}: what notify.daily_digest answers.
    """
    counts = ctx.app.count(batch=run)
    live, whole = sum(counts.get(state, 0) for state in _UNDER_WAY), sum(counts.values())
    ctx.progress(whole - live, whole, failed=counts.get("failed", 0))
    if live:
        raise Snooze(min(5.0, 0.25 + live / 500))
    score_leads(ctx, owner)
    digest = daily_digest(ctx, owner, date)
    return {**totals(ctx.app, run, imported, owner=owner), "digest": digest}


def fan_out(app: Treadle, run: str, imported: str, *, owner: str = "me", date: str | None = None) -> int:
    """Enqueue the AI and contact jobs of what an import stored, and the job that ends the run; return how many."""
    database = app.use(Database)
    threads = reading.threads_of_run(database, imported)
    batches = list(_slices(reading.messages_of_run(database, imported), BATCH))
    ai = app.bind(process_thread).using(batch=run, owner=owner)
    crm = app.bind(extract_contacts).using(batch=run, owner=owner)
    calls = [
        *(crm.using(id=f"crm:{run}:{number}").call(ids, owner=owner) for number, ids in enumerate(batches)),
        *(ai.using(id=f"ai:{run}:{thread}").call(thread) for thread in threads),
    ]
    for some in _slices(calls, _AT_ONCE):
        app.enqueue_many(some)
    # In no batch, or it would wait for itself; enqueued last, so that it never finds an unfinished fan-out.
    app.bind(finish).using(id=finish_id(run), owner=owner).enqueue(run, imported, owner=owner, date=date)
    return len(calls) + 1


def finish_id(run: str) -> str:
    """Name the job that ends a run and holds its totals."""
    return f"finish:{run}"


def totals(app: Treadle, run: str, imported: str, *, owner: str = "me") -> dict[str, int]:
    """Count what came out of a run: {messages, threads, summaries, labels, tasks, drafts, contacts, leads, failures}.

    Messages, threads and what the AI found are of this run; contacts and leads are all of the owner's.
    """
    database = app.use(Database)
    threads = reading.threads_of_run(database, imported)
    imports = reading.read_run(database, imported)
    with database.read() as connection:
        found = answers.totals(connection, threads)
        people = contacts.count_contacts(connection, owner, Kind.PERSON)
        leads = contacts.count_leads(connection, owner)
    jobs: Mapping[str, int] = app.count(batch=run)
    return {
        "messages": imports.stored if imports else 0,
        "threads": len(threads),
        "summaries": found["summaries"],
        "labels": found["labels"],
        "tasks": found["tasks_found"],
        "drafts": found["drafts"],
        "contacts": people,
        "leads": leads,
        "failures": jobs.get("failed", 0) + (imports.failed + imports.refused if imports else 0),
    }


def _slices(values: Sequence[_T], size: int) -> Iterator[list[_T]]:
    for start in range(0, len(values), size):
        yield list(values[start : start + size])
