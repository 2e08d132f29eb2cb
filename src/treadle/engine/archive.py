"""Ended jobs on their way out: appended to a compressed file before they are deleted, one JSON document a line.

A file may be read while it grows and after a crash: each batch is a gzip member of its own (RFC 1952 2.2), which any
reader of gzip takes as one stream. A job may stand in it twice, when the worker died before it could delete.
"""

import gzip
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from treadle.core.job import Snapshot
from treadle.core.states import State

#: Only the owner may read what jobs were about.
PRIVATE = 0o600


class Archive:
    """One worker's files in a directory, one a day."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder, self._worker = folder, worker

    def keep(self, jobs: Sequence[Snapshot], now: int) -> Path:
        """Append these to the file of the day and see that they are on the disk. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        day = datetime.fromtimestamp(now / 1000, UTC).date().isoformat()
        path = self._folder / f"jobs-{day}-{self._worker}.jsonl.gz"
        text = "".join(f"{json.dumps(document(job), ensure_ascii=False)}\n" for job in jobs)
        packed = gzip.compress(text.encode("utf-8", "surrogatepass"), mtime=now // 1000)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE)
        try:
            size = os.fstat(file).st_size
            try:
                _write(file, packed)
                os.fsync(file)
                if not size:
                    _sync_folder(self._folder)
            except OSError:
                os.ftruncate(file, size)  # half a member would hide all that follow
                raise
        finally:
            os.close(file)
        return path


def _sync_folder(folder: Path) -> None:
    """See that the name of a new file is on the disk as well; where folders cannot be opened, the system does so."""
    if os.name == "posix":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _write(file: int, packed: bytes) -> None:
    left = memoryview(packed)
    while left:
        left = left[os.write(file, left) :]


def document(job: Snapshot) -> dict[str, object]:
    """Make one line of an archive: all that was known of a job, times in milliseconds since 1970."""
    told = job._asdict()
    del told["cursor"]
    for name in ("args", "result", "meta", "costs"):
        told[name] = None if told[name] is None else json.loads(told[name])
    told["state"] = State(job.state).value
    told["failure"] = job.failure and job.failure._asdict()
    told["progress"] = job.progress and job.progress._asdict()
    told["attempts"] = [{**each._asdict(), "failure": each.failure and each.failure._asdict()} for each in job.attempts]
    told["log"] = [dict(line) for line in job.log]
    return told
