"""A job on its way: written as one JSON document, and read back when its transaction has been committed. Pure."""

import json

import msgspec

from treadle.core.job import NewJob


def written(job: NewJob) -> str:
    """Write a job; what is as it is by default is left out."""
    usual = NewJob._field_defaults
    told = {name: value for name, value in job._asdict().items() if name not in usual or usual[name] != value}
    return json.dumps(told)


def read(document: str, passed: int) -> NewJob:
    """Read a job that was enqueued so many milliseconds ago, by the clock of the outbox.

    What counts from then travels as what is left of it: the store's clock may show another time. Raises ValueError or
    TypeError for what is no job.
    """
    job = msgspec.convert(tuple(NewJob(**json.loads(document))), NewJob)
    return job._replace(due_in=_left(job.due_in, passed), expires_in=_left(job.expires_in, passed), fresh=False)


def _left(span: int | None, passed: int) -> int | None:
    return None if span is None else max(0, span - max(0, passed))
