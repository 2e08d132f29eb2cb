"""What the scripts of cycles and beats are told: how attempts ended, how far running ones are."""

from collections.abc import Iterable, Sequence
from typing import Any

from treadle.core.job import Claim, Ending, Report
from treadle.core.states import State
from treadle.stores.redis.lines import Word
from treadle.stores.redis.packing import encode
from treadle.stores.redis.ways import Ways


def stamp_of(claim: Claim) -> str:
    """Give what the worker's run holds as long as this claim is current."""
    ref: Any = claim.ref
    stamp: str = ref if isinstance(ref, str) else ref[0]
    return stamp


def cycling(
    ended: Sequence[Ending], queues: Sequence[str], shares: Sequence[int] = (), *, flow: bool = False
) -> tuple[str, list[Word]]:
    """Say which verb it takes, its plan, then ids and lives of completions, group by group.

    `flow`: lanes or an operator may have a say.
    """
    completed = _first_of_each([ending for ending in ended if ending[1][0] is State.COMPLETED])
    others = [] if len(completed) == len(ended) else [e for e in ended if e[1][0] is not State.COMPLETED]
    ways = Ways() if flow else None
    groups = _grouped(completed, ways)
    reports = [_report(ending) for ending in ended if ending[2] or ending[3]]
    heads = [group.head() for group in groups]
    plan = (queues, heads, [_ending(each, ways) for each in others], reports, shares)
    words: list[Word] = [encode((*plan, ways.doors, ways.told) if ways else plan)]
    for group in groups:
        words += group.ids
        words += group.lives
    verb = "settle" if others or reports else "cycle"
    return f"flow_{verb}" if flow else verb, words


def _first_of_each(ended: list[Ending]) -> list[Ending]:
    """Leave out what tells again, in the same call, how a claim ended."""
    if len({ending[0][1] for ending in ended}) == len(ended):
        return ended
    first: dict[tuple[str, int], Ending] = {}
    for ending in ended:
        first.setdefault((ending.claim.id, ending.claim.epoch), ending)
    return list(first.values())


class _Group:
    """Completions that have a queue, a task, a stamp and their results' time to live in common."""

    def __init__(self, queue: str, stamp: str, kept: int | None, task: str) -> None:
        self.queue, self.stamp, self.kept, self.task = queue, stamp, kept, task
        self.started_at = int(stamp.split(" ", 4)[3])
        self.ids: list[Word] = []
        self.lives: list[Word] = []
        self.unique: list[tuple[int, str, int]] = []
        self.ways: list[int] = []

    def head(self) -> tuple[Any, ...]:
        return (self.queue, self.stamp, self.kept, len(self.ids), self.unique, self.task, self.ways)


def _grouped(completed: Iterable[Ending], ways: Ways | None) -> list[_Group]:
    groups: dict[Any, _Group] = {}
    key, group = None, _Group("", "0 0 0 0", None, "")
    for ending in completed:
        claim, outcome, *_ = ending
        ref: Any
        (ref, id, task, queue, _, _, attempt, max_attempts, epoch, crashes, queued_at, expires_at, ttl, *_) = claim
        unique, due_at, till = None, None, 0
        if not isinstance(ref, str):
            ref, unique, due_at, till = ref
        kept = None if outcome[3] is None else ttl
        if (queue, ref, kept, task) != key:
            key = (queue, ref, kept, task)
            group = groups.setdefault(key, _Group(queue, ref, kept, task))
        group.ids.append(id)
        if ways:
            group.ways.append(ways.number_of(ending))
        if unique is not None:
            group.unique.append((len(group.ids), unique, till))
        group.lives.append(encode((
            attempt, epoch, crashes, max_attempts, outcome[1], outcome[2], None, due_at, queued_at, group.started_at,
            expires_at, kept, outcome[3],
        )))  # fmt: skip
    return list(groups.values())


def _ending(ending: Ending, ways: Ways | None) -> tuple[Any, ...]:
    claim, outcome, *_ = ending
    return (
        claim.id, stamp_of(claim), outcome.state.value, outcome.reason, outcome.error, outcome.due_in,
        0 if outcome.spends_attempt else 1, int(outcome.crashed), ways.number_of(ending) if ways else None,
    )  # fmt: skip


def _report(told: Ending | Report) -> tuple[Any, ...]:
    return (told.claim.id, stamp_of(told.claim), told.progress, told.log or None)


def reports(told: Sequence[Report]) -> bytes:
    """Write what running attempts tell with a beat."""
    return encode([_report(report) for report in told])
