"""What an operator said of a queue, a task, a tenant, a key, or a limit; kept as records of the kind `STEER`."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from treadle.core.flow.gates import Gate, Kind
from treadle.core.flow.lanes import Lane, read_lane

#: The kind of the records, each under its target: "queue=mail", "task=…", "tenant=…", "key=user_id=u1", or a limit's
#: policy or gate as `explain` names it.
STEER = "steer"


class Steer(NamedTuple):
    """What is wished for one target."""

    paused: bool = False
    limit: int | None = None
    """The most at once, or in place of the number that a limit was declared with."""
    weight: int = 1
    """How many turns a tenant gets for one of another's."""
    declared: tuple[int, int, int] | None = None
    """Limit, period and burst of a policy as the newest code has them: for jobs that were enqueued by older code."""


DEFAULT = Steer()
Steering = Mapping[str, Steer]


def write_steer(steer: Steer) -> str | None:
    """Write it as a record's value; None where it wishes nothing."""
    import json  # here, for `import treadle` needs none

    return None if steer == DEFAULT else json.dumps(steer._asdict())


def read_steering(records: Iterable[tuple[str, str]]) -> Steering:
    """Read records as (target, value)."""
    return _read(tuple([(target, value) for target, value in records]))


class Before(NamedTuple):
    """What is before the jobs of a lane in a queue."""

    gates: tuple[Gate, ...]
    """With the limits that hold now; first an operator's on queue, task and tenant, then the lane's own."""
    paused: str | None
    """The first target of theirs that is paused."""


class _Steering(dict[str, Steer]):
    """What is said, and what was worked out of it: the same records are read with each claim."""

    __slots__ = ("before",)

    def __init__(self, said: Mapping[str, Steer]) -> None:
        super().__init__(said)
        self.before: dict[tuple[str, str], Before] = {}
        """What is before the jobs of a queue and lane."""


#: Lanes of which that is remembered.
LANES = 20_000


@lru_cache(16)
def _read(records: tuple[tuple[str, str], ...]) -> _Steering:
    import json

    return _Steering({target: _steer(json.loads(value)) for target, value in records})


def _steer(told: Mapping[str, Any]) -> Steer:
    declared = told.get("declared")  # JSON knows no tuples
    return Steer(**{**told, "declared": tuple(declared) if declared else None})


def targets_of(queue: str, task: str, tenant: str | None) -> tuple[str, ...]:
    """Name what a job belongs to that may be capped across the fleet."""
    return (f"queue={queue}", f"task={task}") + ((f"tenant={tenant}",) if tenant else ())


def caps(queue: str, task: str, tenant: str | None, steering: Steering) -> list[Gate]:
    """Make the gates that an operator's limits on queue, task and tenant put before this job."""
    found = ((target, steering.get(target)) for target in targets_of(queue, task, tenant))
    return [
        Gate(Kind.CONCURRENCY, target, "", said.limit)
        for target, said in found
        if said is not None and said.limit is not None
    ]


def paused_by(queue: str, targets: Sequence[str], steering: Steering) -> str | None:
    """Name the first target that is paused."""
    for target in (f"queue={queue}", *targets):
        said = steering.get(target)
        if said is not None and said.paused:
            return target
    return None


def before(queue: str, text: str, steering: Steering) -> Before:
    """Say what is before the jobs of a lane, by its name."""
    known = steering.before if isinstance(steering, _Steering) else {}
    found = known.get((queue, text))
    if found is None:
        if len(known) > LANES:
            known.clear()
        found = known[queue, text] = _before(queue, read_lane(text), steering)
    return found


def gates_before(queue: str, lane: Lane, steering: Steering) -> tuple[Gate, ...]:
    """List the gates before the jobs of a lane, with the limits that an operator has set."""
    return before(queue, lane.text, steering).gates


def _before(queue: str, lane: Lane, steering: Steering) -> Before:
    if not steering:
        return Before(lane.gates, None)
    own = (_steered(gate, steering) for gate in lane.gates)
    gates = (*caps(queue, lane.task, lane.tenant, steering), *own)
    paused = paused_by(queue, lane.targets, steering) if any(said.paused for said in steering.values()) else None
    return Before(gates, paused)


def _steered(gate: Gate, steering: Steering) -> Gate:
    """Give a gate the numbers that hold now: an operator's, else the newest code's."""
    policy, own = steering.get(gate.policy, DEFAULT), steering.get(gate.name, DEFAULT)
    if policy.declared is not None:
        limit, period, burst = policy.declared
        gate = gate._replace(limit=limit, period=period, burst=burst)
    limits = [said.limit for said in (own, policy) if said.limit is not None]
    return gate._replace(limit=limits[0]) if limits else gate


def is_for_all(target: str) -> bool:
    """Say whether jobs without a lane are concerned, too."""
    return target.startswith(("queue=", "task="))
