"""The options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document on stdout.")

store_option = click.option(
    "--store",
    metavar="URL",
    help="Where the jobs are kept: sqlite:///jobs.db. Else TREADLE_STORE, DATABASE_URL, REDIS_URL, treadle.db.",
)

queues_option = click.option(
    "--queues",
    metavar="A,B",
    help="Serve only these queues; all of them if not given. A:3,B gives A three starts for each of B.",
)

slots_option = click.option("--slots", type=click.IntRange(1, 10_000), help="How many jobs a process runs at once.")

processes_option = click.option(
    "--processes", type=click.IntRange(1, 256), default=1, show_default=True, help="How many worker processes."
)


def speech_options(command: F) -> F:
    """Add how much is said on stderr, and in which form."""
    for option in (
        click.option(
            "--log-format",
            type=click.Choice(["console", "json"]),
            default="console",
            envvar="TREADLE_LOG",
            show_default=True,
            help="How log lines on stderr look.",
        ),
        click.option("--quiet", is_flag=True, help="Say only what went wrong."),
        click.option("--verbose", is_flag=True, help="Say more, and show tracebacks."),
    ):
        command = option(command)
    return command


def names(text: str | None) -> tuple[str, ...] | None:
    """Split `a,b`; None where nothing was given."""
    found = tuple(name for part in (text or "").split(",") if (name := part.strip()))
    return found or None
