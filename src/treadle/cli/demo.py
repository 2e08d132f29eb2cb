"""`treadle up --demo`: the sample mailbox goes through the packs, in a store of its own, afresh each time."""

import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from treadle.cli import figures, show
from treadle.cli.exits import Conflict, Exit

if TYPE_CHECKING:
    from treadle.cli.following import View

FOLDER = Path("treadle-demo")
STORE = f"sqlite:///{FOLDER.as_posix()}/jobs.db"
#: What a demo leaves behind, and all that the next one removes.
TRACES = ("jobs.db", "jobs.db-wal", "jobs.db-shm", "outbox/*.eml")


def run_demo(*, once: bool, as_json: bool, slots: int | None, quiet: bool) -> int:
    """Run the demo below the current folder. Raises Conflict while another one works there."""
    from treadle import samples
    from treadle.cli.mailrun import Errand, run_errand

    app = _fresh_app()
    if not quiet:
        show.note(f"The sample mailbox goes through the packs, in {FOLDER}/ (afresh in each run).")
    errand = Errand(path=samples.path(), slots=slots, quiet=quiet, stay=not once)
    view = run_errand(app, errand, lambda view: tell(view, as_json, stay=not once))
    return Exit.FAILED if view.failed_jobs else Exit.OK


def tell(view: "View", as_json: bool, *, stay: bool) -> None:
    """Print what came out of the demo and where to look next."""
    found = figures.figures(view, STORE)
    if as_json:
        show.document(found)
    else:
        show.table(("what", "number"), figures.rows(found), frozenset({"number"}))
        for line in where_to_look(found):
            click.echo(line)
    if stay:
        show.note("The worker goes on; Ctrl-C ends it.")


def where_to_look(found: dict[str, Any]) -> list[str]:
    """Name what is worth a look after the demo. Pure."""
    digest = (found["digest"] or {}).get("path")
    shown = os.path.relpath(digest) if digest else "none was written"
    return [
        "Where to look next",
        f"  the digest     {shown}",
        f"  the jobs       {show.command()} job list --store {found['store']}",
        f"  your own mail  {show.command()} mail import PATH",
    ]


def _fresh_app() -> Any:
    from treadle.cli.application import app_of_packs, choose_store
    from treadle.core.errors import MissingExtra

    FOLDER.mkdir(exist_ok=True)
    choose_store(STORE)
    os.environ["TREADLE_OUTBOX"] = str((FOLDER / "outbox").absolute())
    _refuse_company()
    for pattern in TRACES:
        for path in FOLDER.glob(pattern):
            path.unlink(missing_ok=True)
    app, left_out = app_of_packs()
    for sentence in left_out:
        show.note(sentence)
    if "pipeline.run_mailbox" not in app.tasks:
        raise MissingExtra("all", "more than the bare engine")
    return app


def _refuse_company() -> None:
    """Raise Conflict while the worker of another demo is alive: its files must not vanish under it."""
    path = FOLDER / "jobs.db"
    if path.exists() and (pid := living_worker(path)):
        raise Conflict(
            f"Another demo works in {FOLDER.absolute()} (process {pid}). End it with Ctrl-C, or start this one"
            " in another folder: --work-dir PATH."
        )


def living_worker(path: Path) -> int | None:
    """Find the process of a worker that still lives on this file; a file that cannot be read has none."""
    from treadle import StoreError, Treadle
    from treadle.cli.application import closing
    from treadle.engine.neighbours import identify, provably_dead

    with closing(Treadle(f"sqlite:///{path}")) as app:
        try:
            workers, now = app.wait(app.store.workers()), app.wait(app.store.now())
        except (StoreError, sqlite3.Error):
            return None
    me = identify("demo", (), 0)
    alive = [one.pid for one in workers if one.lease_until > now and not provably_dead(one, me)]
    return alive[0] if alive else None
