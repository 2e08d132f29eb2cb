"""A mailbox goes through the packs, seen from the command line: what the demo and `treadle mail import` share."""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle.cli.following import View

if TYPE_CHECKING:
    from treadle import Treadle

#: Whoever waits at the terminal should not wait long; a job that is handed back goes on where it was.
GRACE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Which mailbox, whose, and how it is worked off."""

    path: Path
    owner: str = "me"
    format: str = "auto"
    slots: int | None = None
    quiet: bool = False
    stay: bool = False
    """Work on when the run is over."""


def run_errand(app: "Treadle", errand: Errand, over: Callable[[View], None]) -> View:
    """Take a mailbox through the packs in this process, or go on with a run of it that was cut off.

    `over` is called when the run is. Raises KeyboardInterrupt if it is stopped before.
    """
    from treadle.cli.application import closing

    shorten_grace(app, os.environ)
    with closing(app):
        return asyncio.run(_run(app, errand, over))


def shorten_grace(app: "Treadle", environ: Mapping[str, str]) -> None:
    """Let Ctrl-C be answered soon, unless the environment wishes otherwise."""
    if not environ.get("TREADLE_GRACE"):
        app.settings = replace(app.settings, grace=min(app.settings.grace, GRACE))


async def _run(app: "Treadle", errand: Errand, over: Callable[[View], None]) -> View:
    from treadle.cli.driving import drive

    run = await _begin(app, errand)
    return await drive(app, run, over, slots=errand.slots, quiet=errand.quiet, stay=errand.stay)


async def _begin(app: "Treadle", errand: Errand) -> str:
    from treadle.cli.following import unfinished
    from treadle.cli.show import note
    from treadle.packs.pipeline import run_mailbox

    if cut_off := await unfinished(app, str(errand.path), errand.owner):
        note("An earlier run of this mailbox was cut off; it goes on.")
        return cut_off
    wishes: dict[str, Any] = {} if errand.format == "auto" else {"format": errand.format}
    task = app.bind(run_mailbox).using(owner=errand.owner)
    return (await task.aenqueue(str(errand.path), owner=errand.owner, **wishes)).id
