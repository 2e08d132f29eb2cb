"""The command itself: its groups, and the one place where an error becomes a sentence and an exit code."""

import io
import json
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import TextIO

import click

from treadle import __version__
from treadle.cli.check import check
from treadle.cli.db import db
from treadle.cli.exits import Complaint, Exit, complaint, is_bug
from treadle.cli.jobs import job
from treadle.cli.mail import mail
from treadle.cli.orders import COMMANDS
from treadle.cli.show import plain
from treadle.cli.steering import key, limit, queue, task, tenant
from treadle.cli.store import store
from treadle.cli.up import up
from treadle.cli.worker import worker


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="treadle %(version)s")
@click.option("--verbose", is_flag=True, help="Show where an unexpected error arose.")
@click.pass_context
def treadle(context: click.Context, verbose: bool) -> None:
    """Durable background jobs, and the jobs that every back end ends up writing.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 conflict, 5 the store did not answer, 130 interrupted.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for order in COMMANDS:
    job.add_command(order)
for each in (up, worker, job, queue, task, tenant, key, limit, mail, store, db, check):
    treadle.add_command(each)


def main() -> None:
    """Run the command that was typed and end the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command; whatever goes wrong is one sentence on stderr. Answers the exit code."""
    _print_what_can_be_printed()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)  # ours are sentences for whoever typed the command
            warnings.showwarning = _warn
            code = _invoke(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return _nobody_listens()
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - nothing may reach a person as a traceback
        return _complain(error, arguments)


def _invoke(arguments: Sequence[str]) -> int:
    """Run a command as click's own `main` does, which would end the process itself when nobody reads the output."""
    try:
        with treadle.make_context("treadle", list(arguments)) as context:
            answer = treadle.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    return answer if isinstance(answer, int) else Exit.OK


def _complain(error: BaseException, arguments: Sequence[str]) -> int:
    found = complaint(error)
    if "--verbose" in arguments or os.environ.get("TREADLE_DEBUG"):
        traceback.print_exception(error)
    if "--json" in arguments:
        text = json.dumps({"error": {"code": found.code, "message": found.message}})
    else:
        text = _sentence(found)
    click.echo(text, err=True)
    return found.exit


def _sentence(found: Complaint) -> str:
    return plain(found.message if found.exit == Exit.INTERRUPTED or is_bug(found) else f"treadle: {found.message}")


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Say a warning as a sentence; where in our code it arose helps nobody."""
    click.echo(f"treadle: {plain(str(message))}", err=True)


def _print_what_can_be_printed() -> None:
    """Let a letter that the terminal's encoding lacks become `?` instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _nobody_listens() -> int:
    """End quietly: the reader of our output has read enough. Python must not try to flush it once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.OK
