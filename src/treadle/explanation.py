"""Asking the store all that an explanation needs; what it means is decided in `core/flow/explaining.py`."""

from statistics import median

from treadle.core.errors import JobNotFound
from treadle.core.flow.choosing import Line
from treadle.core.flow.explaining import Explanation, explain
from treadle.core.flow.queueing import QueueExplanation
from treadle.core.flow.queueing import explain_queue as explain_waiting
from treadle.core.job import Filter, Snapshot, Survey
from treadle.core.states import State
from treadle.core.store import Store
from treadle.fallback import SPOOLED
from treadle.stores.clocks import wall_clock

#: Tenants, lanes of each, and jobs of each that are looked at.
LOOKED_AT = 500

#: Jobs that completed last, from which it is told how long one takes.
LAST = 20


async def explain_job(store: Store, job: Snapshot) -> Explanation:
    """Explain why a job waits, as it was read a moment ago. Raises JobNotFound."""
    if job.reason == SPOOLED or job.state.final:
        return explain(job, Survey(wall_clock(), Line(job.queue, 0, []), {}, {}, ()), ())
    workers, typical = await store.workers(), await _typical(store, job.queue)
    told = explain(job, await store.survey(job.queue, LOOKED_AT), workers, typical)
    if job.state is State.QUEUED and told.ahead_in_queue is None and told.whole:
        # It went on between the two looks.
        now = await store.get(job.id)
        if now is None:
            raise JobNotFound(job.id)
        told = explain(now, await store.survey(now.queue, LOOKED_AT), workers, typical)
    return told


async def explain_queue(store: Store, queue: str) -> QueueExplanation:
    """Explain what holds up the jobs of a queue."""
    return explain_waiting(await store.survey(queue, LOOKED_AT), await store.workers())


async def _typical(store: Store, queue: str) -> int | None:
    """Tell how many milliseconds jobs of a queue take as a rule; None where none has completed."""
    page = await store.find(Filter(states=(State.COMPLETED,), queues=(queue,)), LAST)
    took = [job.finished_at - job.started_at for job in page.items if job.finished_at and job.started_at]
    return round(median(took)) if took else None
