"""The tasks that every application has: the operator's orders over many jobs, as jobs with progress."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from treadle.core.job import WorkerInfo
from treadle.core.retry import Exponential, Retry
from treadle.engine.context import Context
from treadle.task import Task, TaskOptions, make_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from treadle.app import Treadle

BULK = "treadle.bulk"


async def bulk(ctx: Context, order: dict[str, Any]) -> dict[str, int]:
    """Do what an operator ordered to many jobs (`treadle.bulk`)."""
    from treadle.bulk import carry_out, count, from_document

    store, given = ctx.app.store, from_document(order, but=ctx.job_id)
    number = (await count(store, given.selection)).number
    ctx.progress(0, number, note=given.verb.name)
    done = await carry_out(store, given, lambda done: ctx.progress(done.matched, max(number, done.matched)))
    ctx.log(f"{given.verb.done}: {done.applied} of {done.matched}")
    return done._asdict()


def builtin_tasks(app: "Treadle") -> dict[str, Task[Any, Any]]:
    """Make the tasks that an application has without declaring them."""
    options = TaskOptions(context=True, retry=Retry(5, Exponential(1)), timeout=timedelta(0), queue="default")
    return {BULK: make_task(bulk, BULK, options, app)}


def queue_for_bulk(workers: "Sequence[WorkerInfo]", now: int) -> str:
    """Choose a queue for an order: one that is served."""
    served = {queue for worker in workers if worker.lease_until > now for queue in worker.queues}
    return "default" if "default" in served or not served else min(served)
