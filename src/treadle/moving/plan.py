"""What becomes of a job on its way, decided from what each store has of it. Pure.

       source                             target
    queued, scheduled
          │ hold
    held (leaving) ──────restore──────> held (arriving)
          │ delete                            │
         gone                                 │ release
                                       queued, scheduled

It is runnable before the hold or after the release, never in both stores. As long as the source has a job, the source
knows best: what the target has of it is a copy that nobody works on. A job that is held for another reason stays held.
"""

from collections.abc import Iterable, Iterator, Sequence

from treadle.core.job import Snapshot
from treadle.core.states import Reason, State

#: Why a job is held in the source and in the target while it moves.
LEAVING, ARRIVING = "leaving", "arriving"

#: Jobs that move together, and that are in memory at once.
SLICE = 500

WAITING = (State.HELD, State.SCHEDULED, State.QUEUED)
FINISHED = (State.COMPLETED, State.FAILED, State.CANCELLED)

#: Held for one of these, a job is queued where it arrives; whether its task is known there, a worker there must say.
RELEASED = (LEAVING, Reason.UNKNOWN_TASK)


def to_hold(jobs: Iterable[Snapshot]) -> list[str]:
    """Name those that a worker of the source could still take."""
    return [job.id for job in jobs if job.state in (State.SCHEDULED, State.QUEUED)]


def can_go(jobs: Iterable[Snapshot]) -> list[Snapshot]:
    """Pick those that no worker of the source can take."""
    return [job for job in jobs if job.state is State.HELD]


def packed(job: Snapshot) -> Snapshot:
    """Write a job as the target is to keep it for the time being."""
    return job._replace(reason=ARRIVING) if job.state is State.HELD and job.reason in RELEASED else job


def is_copy(found: Snapshot, job: Snapshot) -> bool:
    """Tell a copy of a job from a stranger with the same id, such as what another scheduler made of an instant."""
    return (found.task, found.created_at) == (job.task, job.created_at)


def is_outdated(found: Snapshot, job: Snapshot) -> bool:
    """Tell whether what the target has is a copy of what this job of the source once was."""
    if not is_copy(found, job):
        return False
    if found.state is State.HELD:
        kept = packed(job)
        return (found.state, found.reason, found.epoch) != (kept.state, kept.reason, kept.epoch)
    if found.finished_at is None:
        return False  # it lives there
    if job.state.final:
        return found.finished_at < (job.finished_at or 0)
    # Its end was copied, and it has been revived since. (An end that it found in the target came later.)
    return found.finished_at <= (job.queued_at or 0)


def stands_still(before: Snapshot, now: Snapshot) -> bool:
    """Tell whether a job that was packed is still held as it was: nobody has released, cancelled or expired it."""
    return (now.state, now.reason, now.epoch) == (before.state, before.reason, before.epoch)


def slices(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Cut a list of ids into parts."""
    return (ids[start : start + size] for start in range(0, len(ids), size))
