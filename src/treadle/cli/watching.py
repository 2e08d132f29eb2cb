"""Watching one job to its end: a live bar on a terminal, a line for each change elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from treadle.cli import described, show
from treadle.cli.bars import Bar, display

if TYPE_CHECKING:
    from treadle import Treadle
    from treadle.core.job import Snapshot

#: Seconds between two looks at a job.
LOOK = 0.2


def watch(app: "Treadle", job: "Snapshot", pause: Callable[[float], None] = time.sleep) -> "Snapshot":
    """Show a job's way until it has ended; answers the end. Raises JobNotFound if it is purged meanwhile."""
    with display(sys.stderr) as screen:
        for look in _looks(app, job, pause):
            job = look
            screen.show([bar_of(job)])
    show.note(ending(job))
    return job


def _looks(app: "Treadle", job: "Snapshot", pause: Callable[[float], None]) -> "Iterator[Snapshot]":
    yield job
    while not job.state.final:
        pause(LOOK)
        job = app.job(job.id).refresh()
        yield job


def bar_of(job: "Snapshot") -> Bar:
    """Say how far a job is."""
    known = job.progress
    said = described.state_of(job) + (f": {known.note}" if known and known.note else "")
    if known is None:
        return Bar(job.task, 1 if job.state == "completed" else 0, 1 if job.state.final else None, 0, said)
    return Bar(job.task, known.done, known.total, known.failed, said)


def ending(job: "Snapshot") -> str:
    """Say how a job ended, in one line."""
    ran = f" after {show.length(job.finished_at - job.started_at)}" if job.finished_at and job.started_at else ""
    why = f": {job.failure.type}: {job.failure.message}" if job.failure else f" ({job.reason})" if job.reason else ""
    return show.plain(f"{job.task} {described.state_of(job)}{ran}{why if job.state != 'completed' else ''}")
