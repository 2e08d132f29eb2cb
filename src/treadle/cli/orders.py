"""`treadle job retry`, `cancel`, `delete`, `move`, `prioritize`: of jobs by their ids, or of all that fit a filter."""

import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from treadle.cli import show
from treadle.cli.exits import Conflict, Exit, complaint
from treadle.cli.jobs import STATES, find
from treadle.cli.options import json_option, store_option
from treadle.core.errors import ConfigError, JobNotFound, TreadleError

if TYPE_CHECKING:
    from treadle import Treadle
    from treadle.bulk import Order
    from treadle.core.job import Snapshot
    from treadle.ops.bulk import Preview

F = TypeVar("F", bound=Callable[..., Any])
Act = Callable[["Treadle", "Snapshot"], str]


def _order_options(command: F) -> F:
    """Add which jobs are meant, and how it is done."""
    for option in reversed((
        click.argument("ids", nargs=-1, metavar="[ID]..."),
        click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only in this state."),
        click.option("--task", "tasks", multiple=True, help="Only of this task; may be repeated."),
        click.option("--queue", "queues", multiple=True, help="Only in this queue; may be repeated."),
        click.option("--owner", help="Only this owner's."),
        click.option("--tenant", help="Only this tenant's."),
        click.option("--batch", help="Only of this batch."),
        click.option("--reason", "reasons", multiple=True, help="Only failed or held for this reason: error, timeout."),
        click.option("--error", "errors", multiple=True, metavar="TEXT", help="Only with this text in the error."),
        click.option("--older-than", metavar="AGE", help="Only enqueued longer ago: 90s, 5m, 24h, 7d."),
        click.option("--newer-than", metavar="AGE", help="Only enqueued less long ago."),
        click.option("--all", "all_", is_flag=True, help="All jobs to which it can apply."),
        click.option("--dry-run", is_flag=True, help="Say how many are meant, and show a few; change nothing."),
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--as-job", is_flag=True, help="Let a worker do it, as a job with progress."),
        store_option,
        json_option,
    )):  # fmt: skip
        command = option(command)
    return command


@click.command("retry")
@_order_options
def retry_command(**given: Any) -> int:
    """Queue ended jobs again, with one attempt more. A filter means the failed ones if it names no state."""
    return _obey("retry", retry, given)


@click.command("cancel")
@_order_options
def cancel_command(**given: Any) -> int:
    """Cancel jobs that wait; ask those that run to stop."""
    return _obey("cancel", cancel, given)


@click.command("delete")
@click.option("--delete-everything", "everything", is_flag=True, help="With --all: yes, every job that has ended.")
@_order_options
def delete_command(**given: Any) -> int:
    """Delete jobs that have ended or are held. A filter means those that have ended if it names no state."""
    return _obey("delete", delete, given)


@click.command("move")
@click.option("--to", "queue", required=True, metavar="QUEUE", help="The queue to move to.")
@_order_options
def move_command(queue: str, **given: Any) -> int:
    """Move jobs that wait to another queue."""
    store, dry_run = given["store"], given["dry_run"]
    code = _obey("move", lambda app, found: move(app, found, queue), given, queue=queue)
    if code == Exit.OK and not dry_run:
        _note_unserved(queue, store)
    return code


@click.command("prioritize")
@click.option(
    "--to", "priority", required=True, type=click.IntRange(-100, 100), help="The priority; larger runs sooner."
)
@_order_options
def prioritize_command(priority: int, **given: Any) -> int:
    """Give jobs that wait another priority."""
    return _obey("prioritize", lambda app, found: prioritize(app, found, priority), given, priority=priority)


COMMANDS = (retry_command, cancel_command, delete_command, move_command, prioritize_command)


def _note_unserved(queue: str, store: str | None) -> None:
    """Say it where jobs were moved to a queue that nobody serves now: its name may be mistyped."""
    from treadle.cli.application import opened_store
    from treadle.ops.steering import live_workers

    with opened_store(store) as app:
        served = {name for worker in app.wait(live_workers(app.store)) for name in worker.queues}
    if queue not in served:
        show.note(show.plain(f"No live worker serves the queue {queue!r}: what is there waits until one does."))


# -- by ids ----------------------------------------------------------------------------


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


def delete(app: "Treadle", found: "Snapshot") -> str:
    """Delete a job that has ended or is held. Raises Conflict for another."""
    if app.wait(app.store.delete([found.id])):
        return "deleted"
    raise Conflict(f"Job {found.id} is {app.job(found.id).status}; cancel it first: only a job that has ended or is"
                   " held can be deleted.")  # fmt: skip


def move(app: "Treadle", found: "Snapshot", queue: str) -> str:
    """Move a waiting job. Raises Conflict for another."""
    if app.wait(app.store.alter([found.id], queue=queue)):
        return f"moved to {queue}"
    raise Conflict(f"Job {found.id} is {app.job(found.id).status}; only a job that waits can be moved.")


def prioritize(app: "Treadle", found: "Snapshot", priority: int) -> str:
    """Give a waiting job a priority. Raises Conflict for another, and for one that waits in order."""
    from treadle.core.flow.lanes import is_ordered

    if app.wait(app.store.alter([found.id], priority=priority)):
        return f"priority {priority}"
    if is_ordered(found.lane):
        raise Conflict(f"Job {found.id} waits in order with others of its key; its priority would change that order.")
    raise Conflict(f"Job {found.id} is {app.job(found.id).status}; only a job that waits has a priority.")


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


# -- by a filter -----------------------------------------------------------------------


def _obey(verb: str, act: Act, given: dict[str, Any], **target: Any) -> int:
    """Do what a command says to the jobs that it names, or to those that fit."""
    from treadle.bulk import order
    from treadle.stores.clocks import wall_clock

    ids, store, as_json = given.pop("ids"), given.pop("store"), given.pop("as_json")
    dry_run, yes, as_job = given.pop("dry_run"), given.pop("yes"), given.pop("as_job")
    all_jobs = given.pop("all_")
    asked = {**given, "all": all_jobs, **target}
    asked |= {name: _age(name, given[name]) for name in ("older_than", "newer_than")}
    if ids:
        _refuse_both(asked, target, dry_run or as_job)
        order(verb, wall_clock(), all=True, everything=True, **target)  # a bad target is said before anything is done
        return steer(ids, store, as_json, act)
    if all(value in (None, (), False) for name, value in asked.items() if name not in target):
        raise click.UsageError("Missing argument 'ID...': name jobs by their ids or by a filter, or all of them: --all")
    order(verb, wall_clock(), **asked)  # what is not meant so is said before the store is asked
    return _order(verb, asked, store, as_json, dry_run=dry_run, yes=yes, as_job=as_job)


def _age(name: str, text: str | None) -> int | None:
    from treadle.config import duration

    if text is None:
        return None
    length = duration(text)
    if length < timedelta(0):
        raise ConfigError(f"--{name.replace('_', '-')} {text} lies in the future; write 90s, 5m, 24h or 7d.")
    return round(length.total_seconds() * 1000)


def _refuse_both(asked: dict[str, Any], target: dict[str, Any], other: bool) -> None:
    if other or any(value not in (None, (), False) for name, value in asked.items() if name not in target):
        raise click.UsageError(
            "name jobs by their ids or by a filter, not by both; --dry-run and --as-job need a filter"
        )


def _order(
    verb: str, asked: dict[str, Any], store: str | None, as_json: bool, *, dry_run: bool, yes: bool, as_job: bool
) -> int:
    from treadle.cli.application import opened_store
    from treadle.ops import bulk

    with opened_store(store) as app:
        given = app.wait(bulk.ordered(app, verb, **asked))
        seen = app.wait(bulk.preview(app, given))
        if dry_run or not seen.number.number:
            return _tell_preview(seen, as_json)
        if not yes:
            _ask(seen)
        if as_job:
            started = app.wait(bulk.start(app, given))
            _tell_job(started.id, seen, as_json)
            return Exit.OK
        return _carry_out(app, given, seen, as_json)


def _tell_preview(seen: "Preview", as_json: bool) -> int:
    if as_json:
        examples = [each.id for each in seen.examples]
        show.document({"verb": seen.order.verb.name, "matched": _number(seen), "applied": 0, "examples": examples})
        return Exit.OK
    _show_examples(seen)
    click.echo(f"{_jobs(seen)} would be {seen.order.verb.done}.")
    return Exit.OK


def _number(seen: "Preview") -> dict[str, Any]:
    return {"number": seen.number.number, "more": seen.number.more}


def _jobs(seen: "Preview") -> str:
    more = "more than " if seen.number.more else ""
    return f"{more}{seen.number.number:,} {'job' if seen.number.number == 1 and not more else 'jobs'}"


def _show_examples(seen: "Preview") -> None:
    from treadle.cli import described

    for each in seen.examples:
        why = f"  {each.failure.type}: {each.failure.message}" if each.failure else ""
        show.note(show.plain(f"{each.id}  {each.task}  {described.state_of(each)}{why}"))
    if seen.number.more or seen.number.number > len(seen.examples) > 0:
        show.note("…")


def _ask(seen: "Preview") -> None:
    """Ask whether that is meant. Raises Conflict where nobody can answer, Abort where the answer is no."""
    _show_examples(seen)
    what = f"{_jobs(seen)} will be {seen.order.verb.done}"
    if not sys.stdin.isatty():
        raise Conflict(f"{what}, if you say so: --yes. To look first: --dry-run.")
    click.confirm(f"{what[0].upper()}{what[1:]}. Go on?", abort=True, err=True)


def _tell_job(id: str, seen: "Preview", as_json: bool) -> None:
    if as_json:
        show.document({"verb": seen.order.verb.name, "matched": _number(seen), "job": id})
        return
    click.echo(f"{id}  will do that to {_jobs(seen)}; treadle job watch {id}")


def _carry_out(app: "Treadle", given: "Order", seen: "Preview", as_json: bool) -> int:
    from treadle.bulk import Done
    from treadle.cli.bars import Bar, display
    from treadle.ops import bulk

    if seen.number.number >= bulk.MANY and not as_json:
        show.note("These are many: with --as-job a worker does it.")
    with display(sys.stderr, quiet=seen.number.number < bulk.MANY) as screen:

        def tell(done: Done) -> None:
            screen.show([Bar(given.verb.name, done.matched, max(done.matched, seen.number.number))])

        done = app.wait(bulk.run(app, given, tell))
    if as_json:
        show.document({"verb": given.verb.name, "matched": done.matched, "applied": done.applied})
        return Exit.OK
    left = done.matched - done.applied
    rest = f"; {left:,} had gone on meanwhile or cannot be" if left else ""
    click.echo(f"{done.applied:,} {'job' if done.applied == 1 else 'jobs'} {given.verb.done}{rest}.")
    return Exit.OK
