"""Working a run off in this process: a worker, and eyes on the run until it is over."""

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from treadle.cli.bars import display
from treadle.cli.following import View, follow
from treadle.cli.patience import Patience

if TYPE_CHECKING:
    from treadle import Treadle


async def drive(
    app: "Treadle",
    run: str,
    over: Callable[[View], None],
    *,
    slots: int | None = None,
    quiet: bool = False,
    stay: bool = False,
) -> View:
    """Be a worker until this run is over; call `over` then and, if `stay`, work on until told to stop.

    Raises KeyboardInterrupt if the worker was told to stop before.
    """
    from treadle.cli.stopping import stopping
    from treadle.run import make_worker

    patience = Patience()
    app.listeners.append(patience.listen)
    worker = make_worker(app, slots=slots)
    working = asyncio.create_task(worker.run())
    view = None
    with stopping(app, worker):
        try:
            with display(sys.stderr, quiet) as screen:
                view = await follow(app, run, screen, working, patience)
            if view.over:
                over(view)
        finally:
            if not (stay and view is not None and view.over):
                worker.stop()
            await working
    if not view.over:
        raise KeyboardInterrupt
    return view
