"""How a move is told: bars, figures, what there is to do next, the JSON shape."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from treadle.cli import show
from treadle.cli.bars import Bar
from treadle.cli.exits import Exit
from treadle.core.states import FINAL, State

if TYPE_CHECKING:
    from treadle.moving import Survey, Tally

NUMBERS = frozenset({"here", "there", "number"})


class Ends(NamedTuple):
    """What a move goes from and to, as it is told to people."""

    source: str
    target: str
    target_is_there: bool = True


class Looked(NamedTuple):
    """What a dry run has found."""

    ends: Ends
    survey: "Survey"


class Moved(NamedTuple):
    """What a move has done."""

    ends: Ends
    tally: "Tally"


def bars(tally: "Tally") -> list[Bar]:
    """Turn how far a move is into two bars. Pure."""
    all_jobs = tally.moved + tally.waiting + tally.running
    waits = [f"{tally.running:,} running"] if tally.running else []
    waits += [f"{tally.stuck:,} waiting for a unique key"] if tally.stuck else []
    return [
        Bar("moving", tally.moved, all_jobs or None, note=", ".join(waits)),
        Bar("history", min(tally.passed, tally.finished), tally.finished or None),
    ]


def tell_end(moved: Moved, as_json: bool) -> int:
    """Print what was done; answer 0 if nothing is left to run in the source. Raises KeyboardInterrupt if stopped."""
    tally = moved.tally
    if as_json:
        show.document(as_document(moved))
    else:
        show.table(("what", "number"), figures(tally), NUMBERS)
        for sentence in what_next(moved):
            click.echo(show.plain(sentence), err=not tally.whole)
    if tally.stopped:
        raise KeyboardInterrupt
    return Exit.OK if tally.whole else Exit.CONFLICT


def as_document(moved: Moved) -> dict[str, Any]:
    """Make the JSON shape of what was done. Pure."""
    ends, tally = moved
    return {
        "status": "moved" if tally.whole else "incomplete",
        "from": ends.source,
        "to": ends.target,
        "moved": tally.moved,
        "copied": tally.copied,
        "records": tally.records,
        "taken_over": tally.taken_over,
        "left": {"waiting": tally.waiting, "running": tally.running},
        "stuck": [stuck._asdict() for stuck in tally.some_stuck],
    }


def figures(tally: "Tally") -> list[tuple[str, str]]:
    """Lay out what was done for people. Pure."""
    told = [
        ("jobs moved", tally.moved),
        ("ended jobs copied", tally.copied),
        ("records copied", tally.records),
        ("taken over from dead workers", tally.taken_over),
        ("still waiting", tally.waiting),
        ("still running", tally.running),
    ]
    return [(name, f"{number:,}") for name, number in told if number or name == "jobs moved"]


def what_next(moved: Moved) -> list[str]:
    """Say what the reader has to do now. Pure."""
    (source, target, _), tally = moved
    if tally.stopped:
        return ["Stopped: nothing is lost, and the same command goes on."]
    if tally.whole:
        return [f"Nothing is left to run in {source}. Let producers and workers use {target} from now on."]
    sentences = []
    if tally.stuck:
        some = ", ".join(f"{each.id} ({each.unique_key})" for each in tally.some_stuck)
        sentences.append(
            f"{tally.stuck:,} stayed, for other live jobs of {target} hold their unique keys: {some}"
            f"{', …' if tally.stuck > len(tally.some_stuck) else ''}. Run the command again when those have ended."
        )
    if tally.running:
        sentences.append(f"{tally.running:,} run in {source}: a worker has started there. Run the command again.")
    return sentences


def tell_survey(looked: Looked, live: bool, as_json: bool) -> int:
    """Print what a move would find."""
    refused = bool(looked.survey.workers) and not live
    if as_json:
        show.document(survey_document(looked, refused))
        return Exit.OK
    (source, target, is_there), found = looked
    workers = [f"process {one.pid} on {one.host}, {', '.join(one.queues)}" for one in found.workers]
    show.facts([
        ("from", source), ("to", target + ("" if is_there else " (nothing is there yet)")),
        *(("worker", worker) for worker in workers),
    ])  # fmt: skip
    rows = [survey_row(found, place) for place in places(found)]
    show.table(("queue", "state", "here", "there", "becomes"), rows, NUMBERS) if rows else show.note("No jobs.")
    if refused:
        show.note("Workers are at work on SRC: stop them first, or move while they go on with --live.")
    return Exit.OK


def survey_document(looked: Looked, refused: bool) -> dict[str, Any]:
    """Make the JSON shape of what is where. Pure."""
    (source, target, _), found = looked
    jobs = [
        {
            "queue": queue,
            "state": state,
            "here": found.here.get((queue, state), 0),
            "there": found.there.get((queue, state), 0),
        }
        for queue, state in places(found)
    ]
    workers = [{"id": one.id, "host": one.host, "pid": one.pid, "queues": list(one.queues)} for one in found.workers]
    return {"dry_run": True, "from": source, "to": target, "refused": refused, "jobs": jobs, "workers": workers}


def survey_row(found: "Survey", place: tuple[str, State]) -> list[str]:
    """Make the cells of a queue and state. Pure."""
    here, there = found.here.get(place, 0), found.there.get(place, 0)
    return [*place, f"{here:,}", f"{there:,}", becomes(place[1], here, bool(found.workers))]


def places(found: "Survey") -> Sequence[tuple[str, State]]:
    """List each queue and state in which there are jobs, in the order of a job's life. Pure."""
    order = list(State)
    return sorted({*found.here, *found.there}, key=lambda place: (place[0], order.index(place[1])))


def becomes(state: State, here: int, workers: bool) -> str:
    """Say what becomes of the source's jobs in this state. Pure."""
    if not here:
        return "stays"
    if state in FINAL:
        return "is copied"
    if state is State.RUNNING:
        return "is waited for" if workers else "is taken over and moves"
    return "moves"
