"""From a mailbox to a digest: import, one AI job a thread, one contact job a batch of messages, then the digest.

    pipeline.run_mailbox ──> ai.process_thread ×threads     ┐ batch = the run
                         ──> crm.extract_contacts ×batches  ┘
                         ──> pipeline.finish   waits for them, scores the leads, writes the digest

The work itself is done by the packs mail, ai, crm and notify. Every job has an id chosen from the run, so that a crash
in between enqueues nothing twice.
"""

from datetime import timedelta
from typing import Any

from treadle import Context, Exponential, Pack, Retry, Snooze, State
from treadle.packs.database import Database, open_database
from treadle.packs.mail.formats import Format
from treadle.packs.mail.tasks import import_local

pack = Pack("pipeline", needs=("sqlalchemy", "alembic", "selectolax", "jinja2", "vaderSentiment"), extra="all")
pack.provide(Database, open_database)

_UNDER_WAY = (State.SCHEDULED, State.QUEUED, State.RUNNING)  # a held job waits for a person; the digest does not


@pack.task("run_mailbox", queue="mail", timeout=timedelta(hours=6), retry=Retry(2, Exponential(60)), context=True)
def run_mailbox(
    ctx: Context,
    path: str,
    *,
    owner: str = "me",
    format: Format = "auto",
    addresses: list[str] | None = None,
    date: str | None = None,
) -> dict[str, Any]:
    """Import a mailbox, then enqueue all that follows; answers the import's counts and what to watch.

    `addresses` are the owner's own. `date` is the day of the digest (ISO), the day of the newest mail if not given.
    `batch` names the AI and contact jobs; the job `finish` ends last and holds the totals.
    """
    from treadle.packs.pipeline import runs

    began = ctx.app.job(ctx.job_id).refresh().created_at
    report: dict[str, Any] = import_local.fn(ctx, path, format=format, owner=owner, addresses=addresses)
    imports = runs.imports_since(runs.tables(ctx.app), owner, report["path"], began)
    jobs = runs.fan_out(ctx.app, ctx.job_id, imports, owner=owner)
    # In no batch, or it would wait for itself; enqueued last, so that it never finds an unfinished fan-out.
    last = ctx.app.bind(finish).using(id=finish_id(ctx.job_id), owner=owner)
    last.enqueue(ctx.job_id, imports, owner=owner, date=date)
    return {**report, "batch": ctx.job_id, "jobs": jobs, "finish": finish_id(ctx.job_id)}


@pack.task("finish", queue="notify", timeout=timedelta(minutes=2), retry=Retry(2, Exponential(60)), context=True)
def finish(ctx: Context, run: str, imports: list[str], *, owner: str = "me", date: str | None = None) -> dict[str, Any]:
    """Wait until the jobs of a run are through, whatever their end; then score the leads and write the digest.

    Answers the totals and {digest}: what notify.daily_digest answers.
    """
    counts = ctx.app.count(batch=run)
    live, whole = sum(counts[state] for state in _UNDER_WAY), sum(counts.values())
    ctx.progress(whole - live, whole, failed=counts[State.FAILED])
    if live:
        raise Snooze(min(5.0, 0.25 + live / 500))
    from treadle.packs.pipeline import runs

    digest = runs.close(ctx.app, owner, date, ctx.check)
    return {**runs.totals(ctx.app, run, imports, owner=owner), "digest": digest}


def finish_id(run: str) -> str:
    """Name the job that ends a run and holds its totals."""
    return f"finish:{run}"
