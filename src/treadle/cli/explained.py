"""An explanation as others see it: a table for people, one JSON shape for machines."""

from typing import TYPE_CHECKING, Any

import click

from treadle.cli import show
from treadle.cli.described import iso

if TYPE_CHECKING:
    from treadle.core.flow.explaining import Explanation, Verdict
    from treadle.core.flow.queueing import QueueExplanation
    from treadle.core.flow.saying import Ahead, Serving

MARKS = {True: "yes", False: "no", None: ""}


def show_job(found: "Explanation") -> None:
    """Show why a job waits."""
    click.echo(show.plain(found.says))
    click.echo("")
    rows = [[each.predicate, MARKS[each.passes], each.says] for each in found.verdicts]
    show.table(("predicate", "passes", "why"), rows)
    click.echo("")
    show.facts([
        ("job", found.id), ("task", found.task), ("queue", found.queue), ("state", str(found.state)),
        ("before it", _before(found)), ("blocked by", ", ".join(found.blockers)), ("start", found.start.why),
        ("next", show.instant(found.next_at)),
    ])  # fmt: skip


def _before(found: "Explanation") -> str:
    parts = [
        f"{number} in its {what}"
        for number, what in ((found.ahead_in_lane, "lane"), (found.ahead_in_queue, "queue"))
        if number is not None
    ]
    return ", ".join(parts)


def show_queue(found: "QueueExplanation") -> None:
    """Show what holds up a queue."""
    click.echo(show.plain(found.says))
    if found.obstacles:
        click.echo("")
        rows = [[str(each.jobs), str(each.lanes), each.verdict.says] for each in found.obstacles]
        show.table(("jobs", "lanes", "wait because"), rows, frozenset({"jobs", "lanes"}))
    if len(found.turns) > 1:
        click.echo("")
        rows = [[each.tenant or "(none)", str(each.waiting), str(each.runnable)] for each in found.turns[:20]]
        show.table(("tenant", "waiting", "runnable"), rows, frozenset({"waiting", "runnable"}))
    if not found.whole:
        show.note("More waits in this queue than was looked at.")


def job_document(found: "Explanation") -> dict[str, Any]:
    """Make the JSON shape of an explanation."""
    return {
        "id": found.id,
        "task": found.task,
        "queue": found.queue,
        "state": str(found.state),
        "runnable": found.runnable,
        "says": found.says,
        "verdicts": [_verdict(each) for each in found.verdicts],
        "blockers": list(found.blockers),
        "ahead_in_lane": _ahead(found.ahead_in_lane),
        "ahead_in_queue": _ahead(found.ahead_in_queue),
        "next_at": iso(found.next_at),
        "start": {"at": iso(found.start.at), "why": found.start.why},
        "workers": _serving(found.serving),
        "whole": found.whole,
    }


def queue_document(found: "QueueExplanation") -> dict[str, Any]:
    """Make the JSON shape of a queue's explanation."""
    return {
        "queue": found.queue,
        "says": found.says,
        "paused": found.paused,
        "limit": found.limit,
        "waiting": _ahead(found.waiting),
        "runnable": _ahead(found.runnable),
        "running": _ahead(found.running),
        "obstacles": [
            {**_verdict(each.verdict), "lanes": each.lanes, "jobs": _ahead(each.jobs)} for each in found.obstacles
        ],
        "turns": [
            {"tenant": each.tenant or None, "waiting": _ahead(each.waiting), "runnable": each.runnable}
            for each in found.turns
        ],
        "workers": _serving(found.serving),
        "whole": found.whole,
    }


def _verdict(verdict: "Verdict") -> dict[str, Any]:
    return {**verdict._asdict(), "until": iso(verdict.until), "blockers": list(verdict.blockers)}


def _ahead(number: "Ahead | None") -> dict[str, Any] | None:
    return None if number is None else number._asdict()


def _serving(serving: "Serving") -> dict[str, Any]:
    return {"serving": serving.workers, "knowing": serving.knowing, "slots": serving.slots}
