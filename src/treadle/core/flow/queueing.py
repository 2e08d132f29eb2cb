"""Why the jobs of a queue wait: what stands in front of how many of them. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from treadle.core.flow import saying
from treadle.core.flow.choosing import PLAIN, Row, Shut, Turn
from treadle.core.flow.explaining import Look, Verdict, gates_and_costs, holders, look, of_gate, serving_of
from treadle.core.flow.lanes import read_lane
from treadle.core.flow.saying import Ahead, Serving
from treadle.core.job import Survey, WorkerInfo


class Obstacle(NamedTuple):
    """A gate or a pause, and who waits at it."""

    verdict: Verdict
    lanes: int
    jobs: Ahead


class TenantTurn(NamedTuple):
    """A tenant in the order of turns; the name is empty for jobs without one."""

    tenant: str
    waiting: Ahead
    runnable: int


class QueueExplanation(NamedTuple):
    """What holds up a queue, if anything does."""

    queue: str
    paused: bool
    limit: int | None
    """The most at once, as an operator has set it."""
    waiting: Ahead
    runnable: Ahead
    running: Ahead
    obstacles: tuple[Obstacle, ...]
    """The one at which most jobs wait comes first."""
    turns: tuple[TenantTurn, ...]
    """Whose turn is next comes first."""
    serving: Serving
    whole: bool
    """False: more waits than was looked at."""

    @property
    def says(self) -> str:
        """Say all of it in one sentence."""
        parts = [f"{saying.jobs(self.waiting)} waiting, {self.runnable} runnable, {self.running} running"]
        parts += [self.serving.says] if not self.serving.enough or self.waiting.number else []
        parts += [obstacle.verdict.says for obstacle in self.obstacles]
        return "; ".join(parts) + "."


def explain_queue(survey: Survey, workers: Sequence[WorkerInfo]) -> QueueExplanation:
    """Explain what stands in front of the jobs of a queue."""
    looked, queue = look(survey), survey.line.queue
    said = survey.steering.get(f"queue={queue}")
    paused = said is not None and said.paused
    rows = list(looked.rows())
    waiting = sum(len(row.jobs) for _, row in rows)
    return QueueExplanation(
        queue,
        paused,
        said.limit if said else None,
        Ahead(waiting, more=not looked.whole),
        Ahead(len(looked.choice.taken), more=not looked.whole and bool(looked.choice.taken)),
        Ahead(sum(1 for running in survey.running if running.queue == queue)),
        tuple(_paused(queue, rows) if paused else _obstacles(looked)),
        tuple(_turns(looked)),
        serving_of(workers, queue, None, survey.now),
        looked.whole,
    )


def _paused(queue: str, rows: Sequence[tuple[Turn, Row]]) -> list[Obstacle]:
    target = f"queue={queue}"
    verdict = Verdict("paused", False, saying.of_pause(target, True), name=target)
    return [Obstacle(verdict, _lanes(rows), Ahead(sum(len(row.jobs) for _, row in rows)))]


def _obstacles(looked: Look) -> list[Obstacle]:
    by_gate: dict[str, list[Shut]] = {}
    for shut in looked.choice.shut:
        by_gate.setdefault(shut.gate, []).append(shut)
    running = holders(looked.survey)
    found = [
        Obstacle(_verdict(shuts[0], looked, running), len(shuts), Ahead(sum(len(s.row.jobs) - s.row.at for s in shuts)))
        for shuts in by_gate.values()
    ]
    return sorted(found, key=lambda obstacle: -obstacle.jobs.number)


def _verdict(shut: Shut, looked: Look, running: Mapping[str, Sequence[str]]) -> Verdict:
    """Say of one lane that is shut what shuts it."""
    survey, first = looked.survey, shut.row.first
    lane = None if shut.row.text == PLAIN else read_lane(shut.row.text)
    gates, costs = gates_and_costs(shut.queue, lane, first.costs, survey.steering)
    for gate, cost in zip(gates, costs, strict=True):
        if gate.name == shut.gate:
            return of_gate(gate, cost, first.id, survey, running, seen=True, shut=shut)
    return Verdict("paused", False, saying.of_pause(shut.gate, True), name=shut.gate)


def _turns(looked: Look) -> list[TenantTurn]:
    clock = looked.survey.line.clock
    turns = sorted((turn for turn in looked.line.turns if turn.rows), key=lambda turn: max(turn.paid, clock))
    return [
        TenantTurn(turn.tenant, Ahead(sum(len(row.jobs) for row in turn.rows)), sum(row.at for row in turn.rows))
        for turn in turns
    ]


def _lanes(rows: Sequence[tuple[Turn, Row]]) -> int:
    return sum(1 for _, row in rows if row.text != PLAIN)
