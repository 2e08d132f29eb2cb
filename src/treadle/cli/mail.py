"""`treadle mail`: your own mail through the packs."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from treadle.cli import show
from treadle.cli.exits import Exit
from treadle.cli.options import json_option, slots_option, speech_options, store_option

if TYPE_CHECKING:
    from treadle import Treadle
    from treadle.cli.following import View


@click.group(invoke_without_command=True)
@click.pass_context
def mail(context: click.Context) -> None:
    """Bring mail in and work on it."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@mail.command("import")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--owner", default="me", show_default=True, help="Whose mail it is.")
@click.option("--format", "format", default="auto", show_default=True, help="mbox, maildir, eml, zip or tar.")
@store_option
@slots_option
@json_option
@speech_options
def import_command(
    path: Path,
    owner: str,
    format: str,
    store: str | None,
    slots: int | None,
    as_json: bool,
    log_format: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Import a mailbox (mbox, Maildir, folder, zip or tar of .eml files), then summarise, classify, find tasks and
    contacts, draft replies and write the digest.

    All of it happens on this machine. Stopped in the middle, the same command goes on where it was; run again, it
    takes in only what is new.
    """
    from treadle.cli import logs
    from treadle.cli.application import choose_store, store_source
    from treadle.cli.mailrun import Errand, run_errand

    logs.configure(log_format, quiet=not verbose, verbose=verbose)
    choose_store(store)
    app = app_with_mail()
    check_mailbox(path, format)
    app.wait(app.store.open())  # first: a store that cannot be used is all there is to tell
    if not quiet:
        show.note(f"store {app.store.url} ({store_source(store)})")
    place = Path(os.path.abspath(path))
    errand = Errand(path=place, owner=owner, format=format, slots=slots, quiet=quiet)
    try:
        view = run_errand(app, errand, lambda view: tell(view, app.store.url, as_json))
    except KeyboardInterrupt:
        show.note("Stopped. The same command goes on where it was.")
        raise
    return Exit.OK if view.completed and not view.failed_jobs else Exit.FAILED


def app_with_mail() -> "Treadle":
    """Make the application of all packs. Raises MissingExtra if those for mail cannot be loaded."""
    from treadle.cli.application import app_of_packs
    from treadle.core.errors import ConfigError

    app, left_out = app_of_packs()
    if "pipeline.run_mailbox" not in app.tasks:
        why = f" ({left_out[0]})" if left_out and "installed" not in left_out[0] else ""
        raise ConfigError(f"`treadle mail import` needs all packs. Run: pip install 'treadle[all]'{why}")
    return app


def check_mailbox(path: Path, format: str) -> None:
    """Refuse at the door what the import could not open. Raises BadParameter."""
    import time

    from treadle import TreadleError
    from treadle.packs.mail.sources import open_source

    try:
        open_source(path, format, now=time.time_ns() // 1_000_000)  # type: ignore[arg-type]  # it says which are known
    except TreadleError as error:
        raise click.BadParameter(str(error), param_hint="PATH") from None


def tell(view: "View", store: str, as_json: bool) -> None:
    """Print what came out of the import."""
    from treadle.cli import figures

    found = figures.figures(view, store)
    if as_json:
        show.document(found)
    elif view.completed:
        if figures.nothing_new(found):
            click.echo("Nothing new: every message was there already.")
        else:
            show.table(("what", "number"), figures.rows(found), frozenset({"number"}))
            if digest := (found["digest"] or {}).get("path"):
                click.echo(f"The digest is in {show.plain(os.path.relpath(digest))}")
    if (unread := found["failures"] - found["jobs_failed"]) > 0:
        show.note(f"{unread:,} messages could not be read: treadle job show {view.run.id} --store {store}")
    if view.failed_jobs:
        show.note(f"{view.failed_jobs} jobs failed: treadle job list --state failed --store {store}")
    if failure := view.last.failure if not view.completed else None:
        show.note(f"treadle: {show.plain(failure.message)}")
