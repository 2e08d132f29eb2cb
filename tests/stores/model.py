"""What a store should do, said as plainly as can be: jobs in a list, verbs as loops. Nothing is kept or shared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.stores.model_flow import Flow
from treadle.core.flow.choosing import rank
from treadle.core.flow.lanes import is_ordered
from treadle.core.flow.steering import Steer
from treadle.core.job import Added, Claim, Ending, NewJob
from treadle.core.retention import Retention
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
    created_at: int
    since: int
    grips: bool = True
    """It holds its unique key by its state, whatever its time is."""
    attempt: int = 0
    epoch: int = 0
    crashes: int = 0
    cancel: bool = False
    taken: bool = False
    worker: str | None = None
    result: str | None = None
    finished_at: int | None = None

    @property
    def rank(self) -> int:
        return rank(self.since, self.new.priority)

    def end(self, state: State, now: int, reason: str | None = None) -> None:
        self.state, self.finished_at, self.reason, self.worker = state, now, reason, None
        self.grips = False

    def holds(self, key: str | None, now: int) -> bool:
        """Say whether it holds this unique key."""
        for_its_time = self.new.unique_for is not None and now < self.created_at + self.new.unique_for
        return key is not None and self.new.unique_key == key and (self.grips or for_its_time)


@dataclass
class Model:
    """A store without disk, network, transactions or concurrency."""

    clock: Callable[[], int]
    jobs: list[Kept] = field(default_factory=list)
    leases: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.flow = Flow(self.clock)

    def find(self, id: str) -> Kept | None:
        return next((job for job in self.jobs if job.new.id == id), None)

    def holder(self, key: str | None, but: Kept | None = None) -> Kept | None:
        """Find the job that holds this unique key."""
        return next((job for job in self.jobs if job is not but and job.holds(key, self.clock())), None)

    def inherits(self, new: NewJob) -> bool:
        """Say whether somebody who is remembered has held its unique key and does not any more."""
        key, now = new.unique_key, self.clock()
        return key is not None and any(job.new.unique_key == key and not job.holds(key, now) for job in self.jobs)

    def add(self, new: NewJob) -> Added:
        same = self.find(new.id)
        if same:
            return Added(new.id, False)
        holder = self.holder(new.unique_key)
        if holder:
            changes = new.on_conflict != "skip" and holder.state in WAITING
            if changes:
                self._replace(holder, new)
            return Added(holder.new.id, False, changed=changes)
        now, due = self.clock(), self._due(new)
        state = State.HELD if new.held else self._state(due)
        kept = Kept(new, state, new.held, due, self._expires(new), new.max_attempts, created_at=now, since=now)
        self.jobs.append(kept)
        return Added(new.id, True)

    def _due(self, new: NewJob) -> int | None:
        return new.due_at if new.due_in is None else self.clock() + new.due_in

    def _expires(self, new: NewJob) -> int | None:
        return None if new.expires_in is None else self.clock() + new.expires_in

    def _state(self, due: int | None) -> State:
        return State.SCHEDULED if due is not None and due > self.clock() else State.QUEUED

    def _replace(self, job: Kept, new: NewJob) -> None:
        if job.new.lane != new.lane:
            self.flow.give_up(job.new.id, job.new.lane)
        brings = ("args", "costs", "lane", "tenant", "priority", "meta")
        job.new = job.new._replace(**{name: getattr(new, name) for name in brings})
        job.max_attempts = max(new.max_attempts, job.attempt + 1)
        if new.on_conflict == "reschedule":
            job.due_at, job.expires_at = self._due(new), self._expires(new)
            if job.state is not State.HELD:
                job.state = self._state(job.due_at)

    def alter(self, id: str, queue: str | None, priority: int | None) -> bool:
        job = self.find(id)
        if not job or job.state not in WAITING:
            return False
        if is_ordered(job.new.lane):
            priority = None
        if queue is not None and queue != job.new.queue:
            self.flow.give_up(id, job.new.lane)
            job.new = job.new._replace(queue=queue)
        if priority is not None:
            job.new = job.new._replace(priority=priority)
        return queue is not None or priority is not None

    def steer(self, target: str, steer: Steer) -> None:
        self.flow.steer(target, steer, [job for job in self.jobs if job.state is State.RUNNING])

    def spend(self, job: Kept, claim: Claim, gate: str, units: int) -> int | None:
        current = job in self.jobs and job.state is State.RUNNING and job.epoch == claim.epoch
        return self.flow.spend(job, gate, units) if current else None

    def leased(self, worker: str) -> bool:
        return self.leases.get(worker, 0) > self.clock()

    def claim(self, worker: str, queues: Sequence[str], want: int) -> list[Kept]:
        if not self.leased(worker):
            return []
        waiting = [(seq, job) for seq, job in enumerate(self.jobs) if job.state is State.QUEUED]
        numbers = {job.new.id: job for job in self.jobs}
        claimed = [numbers[job.new.id] for job in self.flow.choose(waiting, queues, want)]
        for job in claimed:
            job.state, job.worker, job.reason, job.cancel, job.taken = State.RUNNING, worker, None, False, False
            job.attempt, job.epoch = job.attempt + 1, job.epoch + 1
            job.grips = job.grips and job.new.unique_until != "started"
        return claimed

    def settle(self, job: Kept, ending: Ending) -> bool:
        """Answer whether the ending counts as settled."""
        claim, outcome = ending.claim, ending.outcome
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
            job.since = 0 if is_ordered(job.new.lane) else job.since  # who has the turn goes first
        if outcome.state is State.SCHEDULED:
            job.due_at = now + outcome.due_in
        self.flow.leave(ending._replace(outcome=outcome._replace(state=job.state)))
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
            self.flow.give_up(job.new.id, job.new.lane)
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
            self.flow.give_up(id, job.new.lane)
        elif job and job.state is State.RUNNING:
            job.cancel = True
        else:
            return False
        return True

    def revive(self, id: str) -> bool:
        job = self.find(id)
        if not job or not job.state.final or self.holder(job.new.unique_key, but=job):
            return False
        job.since, job.grips = self.clock(), True
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
        self.flow.give_up(id, job.new.lane)
        return True

    def outdated(self, rules: Retention) -> list[str]:
        return [job.new.id for job in self.jobs if self._may_go(job, rules)]

    def _may_go(self, job: Kept, rules: Retention) -> bool:
        age = rules.age(job.new.task, job.state)
        if age is None or job.finished_at is None or job.finished_at > self.clock() - age:
            return False
        ends = [
            each.finished_at for each in self.jobs if each.new.task == job.new.task and each.finished_at is not None
        ]
        return len([end for end in ends if end > job.finished_at]) >= rules.runs
