"""What a store should do, said as plainly as can be: jobs in a list, verbs as loops. Nothing is kept or shared."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from treadle.core.job import Added, Claim, NewJob
from treadle.core.outcomes import Outcome
from treadle.core.states import State

WAITING = (State.HELD, State.SCHEDULED, State.QUEUED)


@dataclass
class Kept:
    """A job, as far as the world can see."""

    new: NewJob
    state: State
    reason: str | None
    due_at: int | None
    expires_at: int | None
    max_attempts: int
    attempt: int = 0
    epoch: int = 0
    crashes: int = 0
    cancel: bool = False
    taken: bool = False
    worker: str | None = None
    result: str | None = None
    finished_at: int | None = None

    def end(self, state: State, now: int, reason: str | None = None) -> None:
        self.state, self.finished_at, self.reason, self.worker = state, now, reason, None


@dataclass
class Model:
    """A store without disk, network, transactions or concurrency."""

    clock: Callable[[], int]
    jobs: list[Kept] = field(default_factory=list)
    leases: dict[str, int] = field(default_factory=dict)

    def find(self, id: str) -> Kept | None:
        return next((job for job in self.jobs if job.new.id == id), None)

    def holder(self, key: str | None) -> Kept | None:
        """Find the live job with this unique key."""
        live = (job for job in self.jobs if key is not None and job.new.unique_key == key and not job.state.final)
        return next(live, None)

    def add(self, new: NewJob) -> Added:
        standing = self.find(new.id) or self.holder(new.unique_key)
        if standing:
            return Added(standing.new.id, False)
        now = self.clock()
        due = new.due_at if new.due_in is None else now + new.due_in
        later = State.SCHEDULED if due is not None and due > now else State.QUEUED
        expires_at = None if new.expires_in is None else now + new.expires_in
        state = State.HELD if new.held else later
        self.jobs.append(Kept(new, state, new.held, due, expires_at, new.max_attempts))
        return Added(new.id, True)

    def leased(self, worker: str) -> bool:
        return self.leases.get(worker, 0) > self.clock()

    def claim(self, worker: str, queues: Iterable[str], want: int) -> list[Kept]:
        if not self.leased(worker):
            return []
        ready = [job for job in self.jobs if job.state is State.QUEUED and job.new.queue in queues]
        claimed = sorted(ready, key=lambda job: -job.new.priority)[:want]  # a stable sort: the older goes first
        for job in claimed:
            job.state, job.worker, job.reason, job.cancel, job.taken = State.RUNNING, worker, None, False, False
            job.attempt, job.epoch = job.attempt + 1, job.epoch + 1
        return claimed

    def settle(self, job: Kept, claim: Claim, outcome: Outcome) -> bool:
        """Answer whether the ending counts as settled."""
        if job not in self.jobs or job.epoch != claim.epoch:
            return False
        if job.state is not State.RUNNING:
            return True
        now = self.clock()
        job.attempt -= not outcome.spends_attempt
        if outcome.state.final:
            job.end(outcome.state, now, outcome.reason)
            job.result = outcome.result
        elif job.cancel:
            job.end(State.CANCELLED, now)
        else:
            job.state, job.reason, job.worker = outcome.state, outcome.reason, None
        if outcome.state is State.SCHEDULED:
            job.due_at = now + outcome.due_in
        return True

    def beat(self, worker: str, lease: int) -> dict[str, bool]:
        self.leases[worker] = self.clock() + lease
        return {job.new.id: job.cancel for job in self.jobs if job.worker == worker and job.state is State.RUNNING}

    def sweep(self, worker: str) -> tuple[int, int, list[Kept]]:
        """Answer how many were promoted, how many expired, and what was taken over."""
        now = self.clock()
        late = [job for job in self.jobs if job.state in WAITING and job.expires_at is not None]
        expired = [job for job in late if job.expires_at is not None and job.expires_at <= now]
        for job in expired:
            job.end(State.FAILED, now, "expired")
        due = [
            job for job in self.jobs if job.state is State.SCHEDULED and job.due_at is not None and job.due_at <= now
        ]
        for job in due:
            job.state = State.QUEUED
        return len(due), len(expired), self._take_over(worker)

    def _take_over(self, worker: str) -> list[Kept]:
        running = [job for job in self.jobs if job.state is State.RUNNING and job.worker and job.worker != worker]
        taken = [job for job in running if job.worker and not self.leased(job.worker)] if self.leased(worker) else []
        for job in taken:
            job.crashes += not job.taken
            job.worker, job.taken, job.epoch = worker, True, job.epoch + 1
        return taken

    def cancel(self, id: str) -> bool:
        job = self.find(id)
        if job and job.state in WAITING:
            job.end(State.CANCELLED, self.clock())
        elif job and job.state is State.RUNNING:
            job.cancel = True
        else:
            return False
        return True

    def revive(self, id: str) -> bool:
        job = self.find(id)
        if not job or not job.state.final or self.holder(job.new.unique_key):
            return False
        job.state, job.reason, job.result, job.finished_at, job.expires_at = State.QUEUED, None, None, None, None
        job.crashes, job.cancel, job.max_attempts = 0, False, max(job.max_attempts, job.attempt + 1)
        return True

    def release(self, reason: str) -> int:
        held = [job for job in self.jobs if job.state is State.HELD and job.reason == reason]
        for job in held:
            job.state = State.SCHEDULED if (job.due_at or 0) > self.clock() else State.QUEUED
            job.reason = None
        return len(held)

    def hold(self, id: str, reason: str) -> bool:
        job = self.find(id)
        if not job or job.state not in (State.SCHEDULED, State.QUEUED):
            return False
        job.state, job.reason = State.HELD, reason
        return True

    def delete(self, id: str) -> bool:
        job = self.find(id)
        if not job or not (job.state is State.HELD or job.state.final):
            return False
        self.jobs.remove(job)
        return True

    def purge(self, ages: Mapping[State, int]) -> int:
        now = self.clock()
        gone = [
            job
            for job in self.jobs
            if job.state in ages and job.finished_at is not None and job.finished_at <= now - ages[job.state]
        ]
        self.jobs = [job for job in self.jobs if job not in gone]
        return len(gone)
