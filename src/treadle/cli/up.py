"""`treadle up`: everything in one process on one store, or the demo."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from treadle.cli.options import (
    json_option,
    names,
    processes_option,
    queues_option,
    slots_option,
    speech_options,
    store_option,
)

if TYPE_CHECKING:
    from treadle import Treadle


@click.command("up")
@click.option("--demo", is_flag=True, help="Work on the sample mailbox, in ./treadle-demo.")
@click.option("--once", is_flag=True, help="End when nothing is left to do.")
@click.option("--app", "reference", metavar="MODULE:APP", help="Your application; else TREADLE_APP, else all packs.")
@store_option
@queues_option
@slots_option
@processes_option
@click.option(
    "--work-dir", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Go to this folder first."
)
@click.option("--supervised", is_flag=True, hidden=True)
@json_option
@speech_options
def up(
    demo: bool,
    once: bool,
    reference: str | None,
    store: str | None,
    queues: str | None,
    slots: int | None,
    processes: int,
    work_dir: Path | None,
    supervised: bool,
    as_json: bool,
    log_format: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Run worker, sweep and schedules in one process.

    The store is the environment's. Without --app it serves every pack that is installed.
    It stops like `treadle worker run`.
    """
    from treadle.cli import logs
    from treadle.cli.application import chosen_app
    from treadle.cli.worker import same_options, supervise

    _refuse_nonsense(demo=demo, once=once, as_json=as_json, processes=processes, others=(reference, store, queues))
    if work_dir:
        os.chdir(work_dir)
    if demo:
        from treadle.cli.demo import run_demo

        logs.configure(log_format, quiet=not verbose, verbose=verbose)
        return run_demo(once=once, as_json=as_json, slots=slots, quiet=quiet)
    logs.configure(log_format, quiet=quiet, verbose=verbose)
    reference = reference or os.environ.get("TREADLE_APP") or None
    app = chosen_app(reference, store, quiet or supervised)
    chosen = names(queues)
    _open(app, reference, store, chosen, processes, quiet or supervised)
    if processes > 1:
        same = [
            "up",
            *(["--app", reference] if reference else []),
            *same_options(queues, slots, log_format, quiet, verbose),
        ]
        return supervise(same, processes, app)
    if once:
        return _work_once(app, chosen, slots, as_json)
    from treadle.cli.worker import work

    return work(app, chosen, slots, supervised)


def _refuse_nonsense(*, demo: bool, once: bool, as_json: bool, processes: int, others: tuple[str | None, ...]) -> None:
    if demo and (any(others) or processes > 1):
        raise click.UsageError(
            "--demo has a store and an application of its own: it goes with --once, --json, --slots and --work-dir only"
        )
    if once and processes > 1:
        raise click.UsageError("--once works in one process; leave --processes away")
    if as_json and not (once or demo):
        raise click.UsageError("--json needs an end to report: add --once, or use --log-format json for log lines")


def _open(
    app: "Treadle",
    reference: str | None,
    store: str | None,
    queues: tuple[str, ...] | None,
    processes: int,
    quiet: bool,
) -> None:
    from treadle.cli.application import Opening, store_source
    from treadle.cli.worker import check_queues, say_opening

    check_queues(app, queues)
    if not quiet:
        source = f"chosen by {reference}" if reference and not store else store_source(store)
        say_opening(Opening(app, source, queues), f"{processes} processes" if processes > 1 else "")


def _work_once(app: "Treadle", queues: tuple[str, ...] | None, slots: int | None, as_json: bool) -> int:
    """Work until nothing is due; answers 1 if a job failed for good."""
    import asyncio

    from treadle.cli import logs, show
    from treadle.cli.application import closing
    from treadle.cli.exits import Exit
    from treadle.cli.stopping import run_worker
    from treadle.core.events import AttemptEnded, Event

    ends: dict[str, int] = {"completed": 0, "failed": 0, "cancelled": 0}

    def count(event: Event) -> None:
        if isinstance(event, AttemptEnded) and event.outcome.state in ends:
            ends[event.outcome.state] += 1

    app.listeners.extend([logs.listen, count])
    with closing(app):
        asyncio.run(run_worker(app, queues, slots, until_idle=True))
    if as_json:
        show.document({"status": "failed" if ends["failed"] else "completed", "store": app.store.url, **ends})
    return Exit.FAILED if ends["failed"] else Exit.OK
