"""Who may run now, said as plainly as can be: all that waits is looked at each time, and nothing is known as shut."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from treadle.core.flow.choosing import PLAIN, Choice, Line, Row, Turn, Waiting, choose
from treadle.core.flow.gates import PASSES, REST, Gate, Kind, Standing, ask, enter
from treadle.core.flow.lanes import NOBODY, lane_of_task, read_lane
from treadle.core.flow.leaving import leave_all
from treadle.core.flow.steering import DEFAULT, Steer, caps, gates_before, targets_of
from treadle.core.job import Ending, NewJob


class Job(Protocol):
    """What is asked of a job."""

    new: NewJob

    @property
    def rank(self) -> int: ...


@dataclass
class Flow:
    """Gates, turns and what is steered."""

    clock: Callable[[], int]
    standings: dict[str, Standing] = field(default_factory=dict)
    paid: dict[tuple[str, str], int] = field(default_factory=dict)
    clocks: dict[str, int] = field(default_factory=dict)
    steering: dict[str, Steer] = field(default_factory=dict)

    def lane(self, job: Job) -> str:
        """Name the lane of a job; one without any has that of its task, if somebody steers it."""
        return job.new.lane or (lane_of_task(job.new.task) if f"task={job.new.task}" in self.steering else PLAIN)

    def choose(self, waiting: Iterable[tuple[int, Job]], queues: Sequence[str], want: int) -> list[Job]:
        """Choose among all that waits, each with its number; the chosen have entered their gates."""
        places = [(Waiting(job, job.new.id, job.rank, seq, job.new.costs), job) for seq, job in waiting]
        lines = [self._line(queue, [each for each in places if each[1].new.queue == queue]) for queue in queues]
        choice = choose(lines, self.standings, self.steering, self.clock(), want, max(1, want // 10))
        self._keep(choice)
        chosen = {each.job.id: number for number, each in enumerate(choice.taken)}
        return sorted((job for _, job in places if job.new.id in chosen), key=lambda job: chosen[job.new.id])

    def _line(self, queue: str, places: list[tuple[Waiting, Job]]) -> Line:
        line = Line(queue, self.clocks.get(queue, 0), [])
        for tenant in sorted({job.new.tenant or NOBODY for _, job in places}):
            rows: dict[str, list[Waiting]] = {}
            for waiting, job in sorted(places, key=lambda each: each[0].place):
                if (job.new.tenant or NOBODY) == tenant:
                    rows.setdefault(self.lane(job), []).append(waiting)
            turn = Turn(tenant, self.paid.get((queue, tenant), 0), [Row(*row) for row in rows.items()])
            line.turns.append(turn)
        return line

    def _keep(self, choice: Choice) -> None:
        self.standings.update({name: standing for name, (_, standing) in choice.standings.items()})
        self.paid.update(choice.paid)
        self.clocks.update(choice.clocks)

    def leave(self, ending: Ending) -> None:
        """Let out an attempt whose ending was written now."""
        changed = leave_all([ending], lambda gate: self.standings.get(gate.name, REST), self.steering, self.clock())
        self.standings.update({name: standing for name, (_, standing) in changed.items()})

    def give_up(self, id: str, lane: str | None) -> None:
        """Take its turn in an order from a job that is gone while it waits."""
        for gate in read_lane(lane).gates if lane else ():
            standing = self.standings.get(gate.name, REST)
            if gate.kind == Kind.ORDER and standing.holder == id:
                self.standings[gate.name] = standing._replace(holder="")

    def steer(self, target: str, steer: Steer, running: Sequence[Job]) -> None:
        self.steering.pop(target, None)
        if steer != DEFAULT:
            self.steering[target] = steer
        if target.startswith(("queue=", "task=", "tenant=")):
            self.standings.pop(target, None)
            if steer.limit is not None:
                used = sum(target in targets_of(job.new.queue, job.new.task, job.new.tenant) for job in running)
                self.standings[target] = Standing(used=used)

    def spend(self, job: Job, name: str, units: int) -> int | None:
        """Take more of a budget that this running job has entered."""
        budget = next((gate for gate in self._entered(job) if (gate.name, gate.kind) == (name, Kind.BUDGET)), None)
        standing = self.standings.get(name, REST)
        if budget is None or ask(budget, standing, job.new.id, units, self.clock()) != PASSES:
            return None
        self.standings[name] = enter(budget, standing, job.new.id, units, self.clock())
        return self.clock() // budget.period

    def _entered(self, job: Job) -> Sequence[Gate]:
        if job.new.lane:
            return gates_before(job.new.queue, read_lane(job.new.lane), self.steering)
        return caps(job.new.queue, job.new.task, job.new.tenant, self.steering)
