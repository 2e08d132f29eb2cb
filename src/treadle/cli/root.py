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
from treadle.cli.exits import Complaint, Exit, complaint, is_bug
from treadle.cli.jobs import job
from treadle.cli.mail import mail
from treadle.cli.show import plain
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


for each in (up, worker, job, mail):
    treadle.add_command(each)


def main() -> None:
    """Run the command that was typed and end the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command; whatever goes wrong is one sentence on stderr. Answers the exit code."""
    _print_what_can_be_printed()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            answer = treadle.main(list(arguments), prog_name="treadle", standalone_mode=False)
        sys.stdout.flush()
        return answer if isinstance(answer, int) else Exit.OK
    except BrokenPipeError:
        return _nobody_listens()
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        return _complain(error, arguments)


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
