"""When a job will start, as far as that can honestly be told. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from treadle.core.flow.gates import PASSES, REST, SHUT, Gate, Standing, ask, enter
from treadle.core.flow.saying import Ahead, Serving, instant, jobs
from treadle.core.job import Snapshot
from treadle.core.states import State

#: Times that one job is asked again at a later instant.
ASKED = 20

Entry = tuple[str, Sequence[Gate], Sequence[int]]
"""A job's id, the gates before it, and what it costs at each."""


class Start(NamedTuple):
    """An estimate of a start, or why there is none."""

    at: int | None
    why: str
    """A clause: what the estimate rests on, or what nobody knows."""


def earliest(entries: Iterable[Entry], standings: dict[str, Standing], begins: int) -> int | None:
    """Let jobs enter one after the other, each as soon as time allows; None where time alone does not."""
    at = begins
    for id, gates, costs in entries:
        found = _opens(id, gates, costs, standings, at)
        if found is None:
            return None
        at = found
        for gate, cost in zip(gates, costs, strict=True):
            standings[gate.name] = enter(gate, standings.get(gate.name, REST), id, cost, at)
    return at


def _opens(id: str, gates: Sequence[Gate], costs: Sequence[int], standings: dict[str, Standing], at: int) -> int | None:
    for _ in range(ASKED):
        answers = [
            ask(gate, standings.get(gate.name, REST), id, cost, at) for gate, cost in zip(gates, costs, strict=True)
        ]
        if SHUT in answers:
            return None
        if all(answer == PASSES for answer in answers):
            return at
        at = max(answers)
    return None


def start_of(
    job: Snapshot,
    now: int,
    runnable: bool,
    serving: Serving,
    ahead: Ahead | None,
    alone: int | None,
    waits_for: str | None,
    typical: int | None,
) -> Start:
    """Estimate when a job starts. `alone`: the earliest instant that its own lane allows; `waits_for`: what holds it
    back for a time that nobody knows; `typical`: how long jobs of its queue take."""
    if job.state is State.RUNNING or job.state.final:
        return Start(job.started_at, "it has started" if job.started_at else "it has ended without a start")
    if not serving.enough:
        return Start(None, serving.says)
    if waits_for is not None:
        return Start(None, f"nobody knows for how long: {waits_for}")
    if runnable:
        return _in_the_crowd(now, serving, ahead or Ahead(0), typical)
    if alone is None:
        return Start(None, "it depends on when others end")
    return Start(alone, f"not before {instant(alone, now)}, and later if others go first")


def _in_the_crowd(now: int, serving: Serving, ahead: Ahead, typical: int | None) -> Start:
    slots = max(1, serving.slots)
    if ahead.number < slots:
        return Start(now, f"as soon as one of {slots} slots is free")
    if typical is None:
        return Start(None, f"{jobs(ahead)} go before it, and nobody knows yet how long jobs of this queue take")
    waits = ahead.number // slots * typical
    return Start(
        now + waits,
        f"{jobs(ahead)} go before it in {slots} slots, of which each takes {typical / 1000:.3g} s as a rule",
    )
