"""`treadle job`: looking at jobs, and the operator's hand on them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from treadle.cli import show
from treadle.cli.exits import Conflict, Exit, complaint
from treadle.cli.options import json_option, store_option
from treadle.core.errors import ConfigError, JobNotFound, StoreUnavailable, TreadleError

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
    """Look at jobs, retry, cancel and watch them.

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


@job.command("retry")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@store_option
@json_option
def retry_command(ids: tuple[str, ...], store: str | None, as_json: bool) -> int:
    """Queue ended jobs again, with one attempt more."""
    return steer(ids, store, as_json, retry)


@job.command("cancel")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@store_option
@json_option
def cancel_command(ids: tuple[str, ...], store: str | None, as_json: bool) -> int:
    """Cancel jobs that wait; ask those that run to stop."""
    return steer(ids, store, as_json, cancel)


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


def retry(app: "Treadle", found: "Snapshot") -> str:
    """Queue an ended job again. Raises Conflict for a live one."""
    if found.state.final and app.job(found.id).retry():
        return "queued again"
    now = app.job(found.id).refresh()
    if now.state.final:
        raise Conflict(f"Job {found.id} cannot be queued: another live job holds its unique key {now.unique_key}.")
    raise Conflict(f"Job {found.id} is {now.state}; only a job that has ended can be retried.")


def cancel(app: "Treadle", found: "Snapshot") -> str:
    """Cancel a live job. Raises Conflict for one that has ended."""
    if not found.state.final and app.job(found.id).cancel():
        return "asked to stop" if app.job(found.id).refresh().state == "running" else "cancelled"
    raise Conflict(f"Job {found.id} has ended ({app.job(found.id).status}); there is nothing to cancel.")


def steer(ids: Sequence[str], store: str | None, as_json: bool, act: "Callable[[Treadle, Snapshot], str]") -> int:
    """Do something to each of these jobs; what one refuses leaves the others alone. Answers the first bad exit code."""
    from treadle.cli.application import opened_store

    answers: list[dict[str, object]] = []
    worst: int = Exit.OK
    with opened_store(store) as app:
        for id in ids:
            try:
                found = find(app, id)
                answers.append({"id": found.id, "ok": True, "message": act(app, found)})
            except (JobNotFound, Conflict, ConfigError) as error:
                answers.append({"id": id, "ok": False, "message": str(error)})
                worst = worst or _exit_of(error)
    _report(answers, as_json)
    return worst


def _exit_of(error: TreadleError) -> int:
    return complaint(error).exit


def _report(answers: Sequence[dict[str, object]], as_json: bool) -> None:
    if as_json:
        show.document({"jobs": answers})
        return
    for answer in answers:
        if answer["ok"]:
            click.echo(f"{answer['id']}  {answer['message']}")
        else:
            show.note(f"treadle: {show.plain(str(answer['message']))}")
