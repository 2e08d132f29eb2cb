"""A run of a mailbox from outside: how far its jobs are, read through the application as any stranger would."""

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from treadle.cli.bars import Bar, Screen
from treadle.cli.patience import Patience
from treadle.cli.show import instant
from treadle.core.errors import JobNotFound
from treadle.core.job import Progress, Snapshot
from treadle.core.states import FINAL, State

if TYPE_CHECKING:
    from treadle import Treadle

RUN, FINISH = "pipeline.run_mailbox", "pipeline.finish"
AI, CONTACTS = "ai.process_thread", "crm.extract_contacts"

#: Seconds between two looks.
LOOK = 0.1

Counts = dict[State, int]


@dataclass(frozen=True, slots=True)
class View:
    """What is known of a run at one moment."""

    run: Snapshot
    ai: Counts
    contacts: Counts
    finish: Snapshot | None

    @property
    def last(self) -> Snapshot:
        """The job that decides: the last one, or the first as long as there is no other."""
        return self.finish or self.run

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        if self.finish is None:
            return self.run.state.final
        return self.finish.state.final

    @property
    def completed(self) -> bool:
        return self.finish is not None and self.finish.state is State.COMPLETED

    @property
    def failed_jobs(self) -> int:
        """How many of its jobs failed or were cancelled."""
        bad = (State.FAILED, State.CANCELLED)
        alone = sum(job is not None and job.state in bad for job in (self.run, self.finish))
        return alone + sum(counts.get(state, 0) for counts in (self.ai, self.contacts) for state in bad)

    @property
    def ended_jobs(self) -> int:
        """How many of its jobs have ended."""
        alone = sum(job is not None and job.state.final for job in (self.run, self.finish))
        return alone + sum(ended(counts) for counts in (self.ai, self.contacts))

    @property
    def seconds(self) -> float:
        """From the moment it was asked for to the end of the last job that has ended."""
        until = self.last.finished_at or self.run.finished_at or self.run.created_at
        return (until - self.run.created_at) / 1000


def bars(view: View) -> list[Bar]:
    """Turn a run into four bars. Pure."""
    return [
        _import_bar(view.run),
        _count_bar("AI threads", view.ai, view.run),
        _count_bar("contacts", view.contacts, view.run),
        _last_bar(view.finish),
    ]


def ended(counts: Counts) -> int:
    return sum(counts.get(state, 0) for state in FINAL)


def _import_bar(run: Snapshot) -> Bar:
    known = run.progress or Progress(0)
    if run.state is State.COMPLETED:
        messages = (json.loads(run.result) if run.result else {}).get("messages")
        return Bar("import", 1, 1, known.failed, f"{messages} new messages" if messages is not None else "", share=True)
    return Bar("import", known.done, known.total, known.failed, _trouble(run) or known.note or "", share=True)


def _count_bar(name: str, counts: Counts, run: Snapshot) -> Bar:
    total = sum(counts.values())
    settled = total > 0 or run.state.final
    return Bar(name, ended(counts), total if settled else None, counts.get(State.FAILED, 0))


def _last_bar(finish: Snapshot | None) -> Bar:
    over = finish is not None and finish.state is State.COMPLETED
    return Bar("digest", int(over), 1, 0, _trouble(finish) if finish else "")


def _trouble(job: Snapshot) -> str:
    """Say what keeps a job from going on, if anything does."""
    if job.failure and job.state in (State.SCHEDULED, State.QUEUED):
        again = f" Next try at {instant(job.due_at)[11:19]}." if job.due_at else ""
        return f"attempt {job.attempt} of {job.max_attempts} failed: {job.failure.message}{again}"
    if job.state is State.HELD:
        return f"held: {job.reason}"
    return job.failure.message if job.failure and job.state is State.FAILED else ""


async def look(app: "Treadle", run: str) -> View:
    """Read how far a run is. Raises JobNotFound."""
    job = await app.job(run).arefresh()
    return View(
        job,
        await app.acount(batch=run, task=AI),
        await app.acount(batch=run, task=CONTACTS),
        await _finish(app, run),
    )


async def _finish(app: "Treadle", run: str) -> Snapshot | None:
    from treadle.packs.pipeline import finish_id

    try:
        return await app.job(finish_id(run)).arefresh()
    except JobNotFound:
        return None


async def follow(app: "Treadle", run: str, screen: Screen, working: "asyncio.Future[Any]", patience: Patience) -> View:
    """Show a run until it is over, or until nobody works any more. Raises StoreError."""
    while True:
        view = await look(app, run)
        screen.show(bars(view))
        patience.check(view)
        if view.over or working.done():
            return view
        await asyncio.wait([working], timeout=LOOK)


async def unfinished(app: "Treadle", path: str, owner: str) -> str | None:
    """Find the newest run of this mailbox if it was cut off and can go on."""
    page = await app.ajobs(task=RUN, owner=owner, limit=200)
    same = next((job for job in page.items if json.loads(job.args).get("path") == path), None)
    if same is None:
        return None
    return None if (await look(app, same.id)).over else same.id
