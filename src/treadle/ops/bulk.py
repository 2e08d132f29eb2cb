"""Orders over many jobs: looked at before, carried out at once, or handed to a worker as a job."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from treadle.builtin import BULK, queue_for_bulk
from treadle.bulk import Done, Order, as_document, carry_out, count, examples, order
from treadle.core.flow.saying import Ahead
from treadle.core.job import Snapshot

if TYPE_CHECKING:
    from treadle import Job, Treadle

#: Jobs that a preview shows.
SHOWN = 5

#: From so many jobs on, a job with progress is the calmer way.
MANY = 1_000


class Preview(NamedTuple):
    """What an order would do."""

    order: Order
    number: Ahead
    examples: tuple[Snapshot, ...]
    """The newest of them."""


async def ordered(app: "Treadle", verb: str, **asked: Any) -> Order:
    """Make an order at the store's time; `treadle.bulk.order` says of what. Raises ConfigError."""
    return order(verb, await app.store.now(), **asked)


async def preview(app: "Treadle", given: Order) -> Preview:
    """Look which jobs are meant; changes nothing."""
    shown = await examples(app.store, given.selection, SHOWN)
    return Preview(given, await count(app.store, given.selection), tuple(shown))


async def run(app: "Treadle", given: Order, tell: Callable[[Done], object] = lambda done: None) -> Done:
    """Carry an order out, page by page."""
    return await carry_out(app.store, given, tell)


async def start(app: "Treadle", given: Order) -> "Job[dict[str, int]]":
    """Hand an order to a worker: a job with progress, which may be repeated and cancelled."""
    task = app.task_named(BULK)
    queue = queue_for_bulk(await app.store.workers(), await app.store.now())
    (call,) = [task.call(as_document(given))]
    (job,) = await app.akeep([call.job._replace(queue=queue)])
    return job
