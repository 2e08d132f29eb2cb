"""The operator's hand on many jobs at once: chosen by a filter, page by page, safe to repeat.

What a filter means is fixed when it is made: jobs that came, or ended, later are not touched. So a run that is cut
short and begun again does to no job what it has done before, even if that one has come into the same state once more.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from treadle.core.errors import ConfigError
from treadle.core.flow.saying import Ahead
from treadle.core.job import Filter, Snapshot
from treadle.core.states import FINAL, LIVE, State
from treadle.core.store import Store

#: Jobs that are looked at, and moved, together.
PAGE = 500

#: Jobs that are counted one by one where the store cannot count them: those that fit, and those that were looked at.
COUNTED, LOOKED_THROUGH = 10_000, 200_000

WAITING = frozenset({State.HELD, State.SCHEDULED, State.QUEUED})


class Verb(NamedTuple):
    """Something that is done to jobs, and the states in which it can be done."""

    name: str
    done: str
    applies: frozenset[State]
    default: frozenset[State]
    """Which of them are meant where none is named."""


VERBS = {
    verb.name: verb
    for verb in (
        Verb("retry", "queued again", FINAL, frozenset({State.FAILED})),
        Verb("cancel", "cancelled or asked to stop", LIVE, LIVE),
        Verb("delete", "deleted", FINAL | {State.HELD}, FINAL),
        Verb("move", "moved", WAITING, WAITING),
        Verb("prioritize", "given that priority", WAITING, WAITING),
    )
}


class Selection(NamedTuple):
    """Which jobs, as a store can be asked for them and as is then looked at each."""

    filter: Filter
    until: int
    """Jobs that came or ended after this millisecond are not meant."""
    reasons: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    """Each of these texts stands in what went wrong, in capital letters or small ones."""
    created_before: int | None = None
    but: str | None = None
    """An id that is not meant: the job's that does this."""

    @property
    def is_counted_by_stores(self) -> bool:
        return not self.reasons and not self.errors and self.created_before is None

    def fits(self, job: Snapshot) -> bool:
        """Say whether a job that the filter has found is really meant."""
        if job.id == self.but or job.created_at > self.until or (job.finished_at or 0) > self.until:
            return False
        if self.created_before is not None and job.created_at >= self.created_before:
            return False
        said = f"{job.failure.type}: {job.failure.message}".casefold() if job.failure else ""
        return (not self.reasons or job.reason in self.reasons) and all(text.casefold() in said for text in self.errors)


class Order(NamedTuple):
    """What shall be done to which jobs."""

    verb: Verb
    selection: Selection
    queue: str | None = None
    priority: int | None = None


class Done(NamedTuple):
    """What was done."""

    matched: int
    applied: int
    """To how many of them; the others had gone on meanwhile."""


def order(
    verb: str,
    now: int,
    *,
    states: Sequence[str] = (),
    tasks: Sequence[str] = (),
    queues: Sequence[str] = (),
    owner: str | None = None,
    tenant: str | None = None,
    batch: str | None = None,
    reasons: Sequence[str] = (),
    errors: Sequence[str] = (),
    older_than: int | None = None,
    newer_than: int | None = None,
    all: bool = False,
    everything: bool = False,
    queue: str | None = None,
    priority: int | None = None,
) -> Order:
    """Make an order, at the store's time `now`; ages in milliseconds. Raises ConfigError where it is not meant so.

    An order that means all jobs there are needs `all`, and deleting all of them `everything` besides.
    """
    known = _verb(verb)
    _check_target(known, queue, priority)
    chosen = _states(known, states)
    _check_texts(tasks=tasks, queues=queues, reasons=reasons, errors=errors)
    aged = bool(older_than) or (newer_than is not None and newer_than < now)
    named = any((tasks, queues, reasons, errors)) or not (owner is None and tenant is None and batch is None)
    _check_meant(known, named or aged or bool(states and chosen < known.applies), all, everything)
    created_after = None if newer_than is None else max(0, now - newer_than)
    asked = Filter(tuple(sorted(chosen)), tuple(tasks), tuple(queues), owner, tenant, batch, created_after)
    before = None if older_than is None else max(0, now - older_than)
    return Order(known, Selection(asked, now, tuple(reasons), tuple(errors), before), queue, priority)


def _verb(name: str) -> Verb:
    try:
        return VERBS[name]
    except KeyError:
        raise ConfigError(f"Jobs cannot be {name!r} in bulk; it is one of {', '.join(VERBS)}.") from None


def _states(verb: Verb, states: Sequence[str]) -> frozenset[State]:
    wrong = [state for state in states if state not in verb.applies]
    if wrong:
        can = ", ".join(sorted(verb.applies))
        raise ConfigError(f"No job that is {wrong[0]} can be meant by {verb.name}; it applies to: {can}.")
    return frozenset(State(state) for state in states) or verb.default


def _check_target(verb: Verb, queue: str | None, priority: int | None) -> None:
    if (queue is not None) != (verb.name == "move"):
        raise ConfigError("A move, and nothing else, needs the queue to move to.")
    if (priority is not None) != (verb.name == "prioritize"):
        raise ConfigError("Prioritize, and nothing else, needs a priority.")
    if priority is not None and priority not in range(-100, 101):
        raise ConfigError(f"priority={priority} must lie between -100 and 100; larger runs sooner.")
    if queue is not None and (not 0 < len(queue) <= 100 or " " in queue or not queue.isprintable()):
        raise ConfigError(f"{queue!r:.120} cannot name a queue; use 1 to 100 characters without spaces.")


def _check_texts(**given: Sequence[str]) -> None:
    """Refuse an empty text: it would fit every job."""
    for name, texts in given.items():
        if not all(texts):
            raise ConfigError(f"An empty text was given for {name}; say which are meant, or leave it away.")


def _check_meant(verb: Verb, narrowed: bool, all: bool, everything: bool) -> None:
    if narrowed:
        return
    if not all:
        raise ConfigError(f"This would {verb.name} all jobs that can be. Say which, or say that all are meant: --all.")
    if verb.name == "delete" and not everything:
        raise ConfigError("This would delete every job that has ended. If that is meant: --all --delete-everything.")


# -- doing -----------------------------------------------------------------------------


async def pages(store: Store, selection: Selection) -> AsyncIterator[tuple[list[Snapshot], int]]:
    """Read the jobs that are meant, newest first, and beside them how many were looked at."""
    cursor: str | None = None
    while True:
        page = await store.find(selection.filter, PAGE, cursor)
        yield [job for job in page.items if selection.fits(job)], len(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


async def count(store: Store, selection: Selection) -> Ahead:
    """Count the jobs that are meant; not to the end where each must be looked at."""
    if selection.is_counted_by_stores:
        return Ahead(sum((await store.count(selection.filter)).values()))
    found = looked = 0
    async for fitting, seen in pages(store, selection):
        found, looked = found + len(fitting), looked + seen
        if found >= COUNTED or looked >= LOOKED_THROUGH:
            return Ahead(found, more=True)
    return Ahead(found)


async def examples(store: Store, selection: Selection, number: int) -> list[Snapshot]:
    """Read a few of the jobs that are meant."""
    looked = 0
    async for fitting, seen in pages(store, selection):
        looked += seen
        if fitting or looked >= LOOKED_THROUGH:
            return fitting[:number]
    return []


async def carry_out(store: Store, given: Order, tell: Callable[[Done], object] = lambda done: None) -> Done:
    """Do what was ordered, page by page, and tell after each. Repeated, it goes on with what is left."""
    act, done = _act(store, given), Done(0, 0)
    async for fitting, _ in pages(store, given.selection):
        if fitting:
            applied = await act([job.id for job in fitting])
            done = Done(done.matched + len(fitting), done.applied + len(applied))
            tell(done)
    return done


def _act(store: Store, given: Order) -> Callable[[Sequence[str]], Awaitable[list[str]]]:
    match given.verb.name:
        case "retry":
            return store.revive
        case "cancel":
            return store.cancel
        case "delete":
            return store.delete
    return lambda ids: store.alter(ids, queue=given.queue, priority=given.priority)


# -- an order as a job's arguments -----------------------------------------------------


def as_document(given: Order) -> dict[str, Any]:
    """Write an order as plain values."""
    chosen = given.selection
    return {
        "verb": given.verb.name,
        "filter": {name: value for name, value in chosen.filter._asdict().items() if value not in (None, ())},
        "until": chosen.until,
        "reasons": chosen.reasons,
        "errors": chosen.errors,
        "created_before": chosen.created_before,
        "queue": given.queue,
        "priority": given.priority,
    }


def from_document(told: Mapping[str, Any], but: str | None = None) -> Order:
    """Read an order back."""
    asked: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list | tuple) else value for name, value in told["filter"].items()
    }
    asked["states"] = tuple(State(state) for state in asked.get("states", ()))
    chosen = Selection(
        Filter(**asked), told["until"], tuple(told["reasons"]), tuple(told["errors"]), told["created_before"], but
    )
    return Order(_verb(told["verb"]), chosen, told["queue"], told["priority"])
