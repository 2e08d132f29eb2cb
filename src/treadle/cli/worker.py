"""`treadle worker`: workers of an application, in this process or in several."""

import sys
from typing import TYPE_CHECKING

import click

from treadle.cli.options import names, processes_option, queues_option, slots_option, speech_options
from treadle.cli.show import note

if TYPE_CHECKING:
    from treadle import Treadle
    from treadle.cli.application import Opening


@click.group(invoke_without_command=True)
@click.pass_context
def worker(context: click.Context) -> None:
    """Run workers."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@worker.command("run")
@click.argument("app", metavar="MODULE:APP", envvar="TREADLE_APP")
@queues_option
@slots_option
@processes_option
@click.option("--supervised", is_flag=True, hidden=True)
@speech_options
def run_command(
    app: str,
    queues: str | None,
    slots: int | None,
    processes: int,
    supervised: bool,
    log_format: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Work off the jobs of an application until SIGTERM or Ctrl-C.

    Running jobs may then go on for the grace period; the rest is handed back. A second signal ends the worker at once.
    """
    from treadle.cli import logs
    from treadle.cli.application import Opening, named_app

    logs.configure(log_format, quiet=quiet, verbose=verbose)
    found, chosen = named_app(app), names(queues)
    check_queues(found, chosen)
    if not (quiet or supervised):
        say_opening(Opening(found, f"chosen by {app}", chosen), f"{processes} processes" if processes > 1 else "")
    if processes > 1:
        same = ["worker", "run", app, *same_options(queues, slots, log_format, quiet, verbose)]
        return supervise(same, processes, found)
    return work(found, chosen, slots, supervised)


def check_queues(app: "Treadle", queues: tuple[str, ...] | None) -> None:
    """Raise InvalidArguments for a queue that the application does not know."""
    from treadle.run import weights_of

    weights_of(app, queues)


def say_opening(opening: "Opening", more: str = "") -> None:
    """Tell where the jobs are and what is served, on stderr."""
    from treadle import __version__

    lines = opening.lines()  # first: a store that cannot be used is all there is to tell
    for line in (f"treadle {__version__}" + (f", {more}" if more else ""), *lines):
        note(line)


def work(app: "Treadle", queues: tuple[str, ...] | None, slots: int | None, supervised: bool = False) -> int:
    """Be a worker until told to stop."""
    import asyncio

    from treadle.cli import logs
    from treadle.cli.application import closing
    from treadle.cli.stopping import run_worker
    from treadle.cli.supervisor import stop_without_supervisor

    app.listeners.append(logs.listen)
    if supervised:
        stop_without_supervisor()
    with closing(app):
        asyncio.run(run_worker(app, queues, slots))
    return 0


def supervise(command: list[str], processes: int, app: "Treadle") -> int:
    """Keep so many processes of a command alive until told to stop."""
    import asyncio

    from treadle.cli.supervisor import SUPERVISED, Supervisor, stopping

    async def keep() -> int:
        await app.store.open()  # what is wrong with it is said once, before anything starts
        await app.store.close()
        patience = (app.settings.grace + app.settings.stop_grace).total_seconds() + 2
        supervisor = Supervisor([sys.executable, "-m", "treadle", *command, SUPERVISED], processes, patience)
        with stopping(supervisor):
            return await supervisor.run()

    return asyncio.run(keep())


def same_options(queues: str | None, slots: int | None, log_format: str, quiet: bool, verbose: bool) -> list[str]:
    """Write the options again for a child."""
    given = [*(["--queues", queues] if queues else []), *(["--slots", str(slots)] if slots else [])]
    flags = [*(["--quiet"] if quiet else []), *(["--verbose"] if verbose else [])]
    return [*given, "--log-format", log_format, *flags]
