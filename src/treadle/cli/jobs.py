"""`treadle job`: looking at jobs; the operator's hand on them is in `orders.py`."""

from typing import TYPE_CHECKING

import click

from treadle.cli import show
from treadle.cli.exits import Exit
from treadle.cli.options import json_option, store_option
from treadle.core.errors import ConfigError, JobNotFound, StoreUnavailable

if TYPE_CHECKING:
    from treadle import Treadle
    from treadle.core.job import Snapshot

STATES = ("held", "scheduled", "queued", "running", "completed", "failed", "cancelled")

#: Jobs that are looked through for an id that was abbreviated, the newest first.
LOOKED_THROUGH = 1_000
SHORTEST = 4


@click.group(invoke_without_command=True)
@click.pass_context
def job(context: click.Context) -> None:
    """Look at jobs, explain, watch and change them.

    An id may be shortened to its beginning or its end where that is enough to tell it among the newest 1,000 jobs.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@job.command("list")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(STATES), help="Only in this state; may be repeated."
)
@click.option("--task", "tasks", multiple=True, help="Only of this task; may be repeated.")
@click.option("--queue", "queues", multiple=True, help="Only in this queue; may be repeated.")
@click.option("--owner", help="Only this owner's.")
@click.option("--batch", help="Only of this batch.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Go on behind a listing: the next_cursor that it gave.")
@store_option
@json_option
def list_command(
    states: tuple[str, ...],
    tasks: tuple[str, ...],
    queues: tuple[str, ...],
    owner: str | None,
    batch: str | None,
    limit: int,
    cursor: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """List jobs, newest first."""
    from treadle.cli import described
    from treadle.cli.application import opened_store

    with opened_store(store) as app:
        page = app.jobs(states=states, tasks=tasks, queues=queues, owner=owner, batch=batch, limit=limit, cursor=cursor)
        now = clock(app)
    if as_json:
        jobs = [described.as_document(each) for each in page.items]
        show.document({"jobs": jobs, "next_cursor": page.next_cursor})
        return
    rows = [described.row(each, now, short=show.is_narrow()) for each in page.items]
    show.table(described.COLUMNS, rows, described.NUMBERS) if rows else show.note("No jobs.")
    if page.next_cursor:
        show.note(f"There are more: --cursor {page.next_cursor}")


@job.command("show")
@click.argument("id")
@store_option
@json_option
def show_command(id: str, store: str | None, as_json: bool) -> None:
    """Show all that is known of a job."""
    from treadle.cli import described
    from treadle.cli.application import opened_store

    with opened_store(store) as app:
        found = find(app, id)
        now = clock(app)
    if as_json:
        show.document(described.as_document(found, whole=True))
        return
    show.facts(described.facts_of(found, now))
    if found.attempts:
        click.echo("\nattempts that did not complete")
        show.table(("no", "ending", "started", "ran", "error"), described.attempts_of(found), frozenset({"no", "ran"}))
    for title, text in (("where it failed", _traceback(found)), ("log", described.log_of(found))):
        if text:
            click.echo(f"\n{title}")
            for line in text:
                click.echo(f"  {show.plain(line)}")


def _traceback(found: "Snapshot") -> list[str]:
    return show.lines(found.failure.traceback) if found.failure and found.failure.traceback else []


@job.command("explain")
@click.argument("id")
@store_option
@json_option
def explain_command(id: str, store: str | None, as_json: bool) -> None:
    """Tell why a job waits: each condition of its start with its verdict."""
    from treadle.cli import explained
    from treadle.cli.application import opened_store

    with opened_store(store) as app:
        found = app.job(find(app, id).id).explain()
    if as_json:
        show.document(explained.job_document(found))
        return
    explained.show_job(found)


@job.command("watch")
@click.argument("id")
@store_option
@json_option
def watch_command(id: str, store: str | None, as_json: bool) -> int:
    """Watch a job to its end; the exit code is 0 if it completed, else 1."""
    from treadle.cli import described
    from treadle.cli.application import opened_store
    from treadle.cli.watching import watch

    with opened_store(store) as app:
        ended = watch(app, find(app, id))
    if as_json:
        show.document(described.as_document(ended, whole=True))
    return Exit.OK if ended.state == "completed" else Exit.FAILED


def clock(app: "Treadle") -> int:
    """Read the store's clock or, while it is away and what waits in the fallback is looked at, this host's."""
    from treadle.stores.clocks import wall_clock

    try:
        return app.wait(app.store.now())
    except StoreUnavailable:
        return wall_clock()


def find(app: "Treadle", id: str) -> "Snapshot":
    """Find a job by its id, or by an unmistakable piece of it. Raises JobNotFound, ConfigError."""
    from treadle.cli import described

    try:
        return app.job(id).refresh()
    except JobNotFound:
        newest = app.jobs(limit=LOOKED_THROUGH).items if len(id) >= SHORTEST else ()
        fitting = [each.id for each in newest if described.matches(each.id, id)]
        if not fitting:
            raise
    if len(fitting) > 1:
        some = ", ".join(fitting[:3]) + (", …" if len(fitting) > 3 else "")
        raise ConfigError(f"{id!r} may be any of {len(fitting)} jobs ({some}); give more of the id.")
    return app.job(fitting[0]).refresh()
