"""Being a worker until the first signal, and telling the person who sent it what happens next."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from treadle import Treadle
    from treadle.engine.worker import Worker

log = logging.getLogger("treadle.worker")


async def run_worker(
    app: "Treadle", queues: Sequence[str] | None, slots: int | None, *, until_idle: bool = False
) -> None:
    """Work on this loop until SIGTERM or Ctrl-C or, if wished, until nothing is due."""
    from treadle.run import make_worker

    worker = make_worker(app, queues, slots)
    with stopping(app, worker):
        await worker.run(until_idle=until_idle)


@contextmanager
def stopping(app: "Treadle", worker: "Worker") -> Iterator[None]:
    """Stop the worker at the first signal, and see that the process ends in time; the second signal ends it at once."""
    from treadle.engine.resort import LastResort
    from treadle.run import LEAVING, stopping_on_signals

    resort = LastResort(app.settings.grace.total_seconds() + LEAVING)
    with stopping_on_signals(_teller(app, worker.stop), resort):
        yield


def _teller(app: "Treadle", stop: Callable[[], None]) -> Callable[[], None]:
    grace = f"{app.settings.grace.total_seconds():g} s"

    def tell_and_stop() -> None:
        log.info("stopping: jobs may go on for %s, then they are handed back; a second signal ends this now", grace)
        stop()

    return tell_and_stop
