"""A job on its way: written as one JSON document, and read back when its transaction has been committed. Pure."""

import json

import msgspec

from treadle.core.job import NewJob


def written(job: NewJob) -> str:
    """Write a job; what is as it is by default is left out."""
    usual = NewJob._field_defaults
    told = {name: value for name, value in job._asdict().items() if name not in usual or usual[name] != value}
    return json.dumps(told)


def read(document: str, created_at: int, now: int) -> NewJob:
    """Read a job that was enqueued at `created_at`; what was relative to then is made so to now.

    Raises ValueError or TypeError for what is no job.
    """
    job = msgspec.convert(tuple(NewJob(**json.loads(document))), NewJob)
    due_at = job.due_at if job.due_in is None else created_at + job.due_in
    expires_in = None if job.expires_in is None else max(0, created_at + job.expires_in - now)
    return job._replace(due_at=due_at, due_in=None, expires_in=expires_in, fresh=False)
