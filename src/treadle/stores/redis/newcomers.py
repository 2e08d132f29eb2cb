"""What `add.lua` is told: jobs, and where each of them goes."""

from collections.abc import Sequence
from typing import Any

from treadle.core.job import NewJob
from treadle.stores.redis.lines import Word
from treadle.stores.redis.packing import encode, spec

#: The lists that a job is in, and where their names stand in NewJob.
LISTS = tuple((name, NewJob._fields.index(name)) for name in ("owner", "tenant", "batch"))


def adding(jobs: Sequence[NewJob], shifts: Sequence[int] = ()) -> tuple[str, list[Word]]:
    """Say which verb it takes, its plan, then id and spec of each job.

    `shifts` say how far each is behind the first seq.
    """
    plan = _Plan()
    words: list[Word] = [b""]
    for number, job in enumerate(jobs, 1):
        words += (job[0], spec(job))
        plan.take(number, job)
    words[0] = plan.written(jobs, shifts)
    return "flow_add" if plan.flows else "add", words


class _Plan:
    """Where jobs go, by their number in the call; most go the same way as the one before."""

    def __init__(self) -> None:
        self.runs: list[list[Any]] = []
        self.apart: list[tuple[Any, ...]] = []
        self.unique: list[tuple[Any, ...]] = []
        self.expiring: list[tuple[int, int]] = []
        self.lists: dict[str, list[int]] = {}
        self.flows = False
        """Some wait in lanes, or bring something to who stands for them."""
        self._queue = ""
        self._rest: tuple[Any, ...] = ()
        """What a job is, beyond id, task and args, that goes the way of the one before."""

    def take(self, number: int, job: NewJob) -> None:
        if job[4:] == self._rest and job[2] == self._queue:
            self.runs[-1][3] = number
            return
        self._place(number, job)
        self._list(number, job)

    def _place(self, number: int, job: NewJob) -> None:
        self._rest = ()
        self.flows = self.flows or job.lane is not None
        if job.due_in is not None or job.due_at is not None or job.held is not None:
            way = (job.due_at, job.due_in, job.held, job.lane, job.costs is not None)
            self.apart.append((number, job.queue, job.task, job.priority, *way))
            return
        last, lane = self.runs[-1] if self.runs else None, [job.lane, job.costs is not None]
        if last and last[:2] == [job.queue, job.priority] and last[3] == number - 1 and last[4:] == lane:
            last[3] = number
        else:
            self.runs.append([job.queue, job.priority, number, number, *lane])
        if all(wish is None for wish in (job.unique_key, job.expires_in, job.owner, job.tenant, job.batch)):
            self._queue, self._rest = job[2], job[4:]

    def _list(self, number: int, job: NewJob) -> None:
        if job.unique_key is not None:
            conflict = None if job.on_conflict == "skip" else job.on_conflict
            self.flows = self.flows or conflict is not None
            self.unique.append((number, job.unique_key, job.unique_until, job.unique_for, conflict))
        if job.expires_in is not None:
            self.expiring.append((number, job.expires_in))
        for name, place in LISTS:
            if job[place] is not None:
                self.lists.setdefault(f"{name}:{job[place]}", []).append(number)

    def written(self, jobs: Sequence[NewJob], shifts: Sequence[int]) -> bytes:
        keys = {each[1] for each in self.unique}
        distinct = len({job[0] for job in jobs}) == len(jobs) and len(keys) == len(self.unique)
        return encode((distinct, self.runs, self.apart, self.unique, self.expiring, list(self.lists.items()), shifts))
