"""`treadle check`: would the jobs that wait now still run with this code?"""

import os
from typing import TYPE_CHECKING, Any

import click

from treadle.cli import show
from treadle.cli.exits import Exit
from treadle.cli.options import json_option, store_option

if TYPE_CHECKING:
    from treadle.ops.check import Problem, Report


@click.command("check")
@click.option("--app", "reference", metavar="MODULE:APP", help="Your application; else TREADLE_APP, else all packs.")
@click.option("--accept", multiple=True, metavar="NAME", help="A task, queue or schedule that is meant to be gone.")
@store_option
@json_option
def check(reference: str | None, accept: tuple[str, ...], store: str | None, as_json: bool) -> int:
    """Would the waiting jobs run with this code?

    To be asked before a deploy; changes nothing. Names the jobs whose arguments this code cannot take, tasks that have
    vanished, queues that nobody would serve and schedules that point nowhere. The exit code is 1 if something would
    break, else 0.
    """
    from treadle.cli.application import chosen_app, closing
    from treadle.ops.check import check as hold_against

    app = chosen_app(reference or os.environ.get("TREADLE_APP") or None, store, as_json)
    _require_store(app, store)
    with closing(app):
        found = app.wait(hold_against(app, frozenset(accept)))
        url = app.store.url
    if as_json:
        show.document(as_document(found, url))
    else:
        _show(found, url)
    return Exit.OK if found.ok else Exit.FAILED


def _require_store(app: Any, store: str | None) -> None:
    from treadle.cli.application import store_source
    from treadle.cli.exits import NoStoreYet
    from treadle.config import database_path

    path = database_path(app.store.url)
    if path is not None and not path.exists():
        raise NoStoreYet(
            f"There is no job database at {path} ({store_source(store)}), so nothing waits that could break. Name"
            " the one that is in use."
        )


def _show(found: "Report", url: str) -> None:
    rows = [_row(each) for each in found.problems]
    if rows:
        show.table(("problem", "name", "jobs", "what", "examples"), rows, frozenset({"jobs"}))
    verdict = "nothing would break" if found.ok else "this would break"
    live = f"{found.jobs:,} live {'job' if found.jobs == 1 else 'jobs'}"
    tasks = f"{found.tasks:,} {'task' if found.tasks == 1 else 'tasks'}"
    show.note(show.plain(f"{live} of {tasks} in {url}: {verdict}."))


def _row(problem: "Problem") -> list[str]:
    what = problem.says if problem.breaks else f"(no harm) {problem.says}"
    return [problem.kind, problem.name, f"{problem.jobs:,}" if problem.jobs else "", what, ", ".join(problem.examples)]


def as_document(found: "Report", url: str) -> dict[str, Any]:
    """Make the JSON shape of a check. Pure."""
    problems = [{**each._asdict(), "examples": list(each.examples)} for each in found.problems]
    return {"ok": found.ok, "store": url, "jobs": found.jobs, "tasks": found.tasks, "problems": problems}
