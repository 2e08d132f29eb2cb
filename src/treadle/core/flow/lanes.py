"""Lanes: jobs that the same predicates govern wait in one lane of their queue, so that only its first need be asked.

A lane is named by a text that says all of it: `["mail.sync","acme",[["rate","mail.sync:rate","",250,1000,250]]]`. A job
that no predicate governs but its queue's and its task's (no tenant, no gate) has no lane.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

from treadle.core.flow.gates import Gate, Kind

#: Jobs without a tenant take turns as one tenant of this name.
NOBODY = ""


class _Lane(NamedTuple):
    task: str
    tenant: str
    gates: tuple[Gate, ...]
    text: str
    """Its name."""


class Lane(_Lane):
    """What the name of a lane says."""

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """Name what an operator may steer it by, beside its queue: task, tenant, keys, policies and gates."""
        targets = [f"task={self.task}"]
        if self.tenant:
            targets.append(f"tenant={self.tenant}")
        for gate in self.gates:
            targets += [gate.policy, gate.name]
            if gate.key:
                targets.append(f"key={gate.key}")
        return tuple(dict.fromkeys(targets))


def write_lane(task: str, tenant: str | None, gates: Sequence[Gate]) -> str | None:
    """Name the lane of a job; None where nothing governs it."""
    if not gates and not tenant:
        return None
    return _text([task, tenant or NOBODY, gates])


@lru_cache(4096)
def read_lane(text: str) -> Lane:
    """Read the name of a lane."""
    from msgspec.json import decode  # here, for whoever only enqueues plain jobs needs none

    task, tenant, listed = decode(text)
    return Lane(task, tenant, tuple([Gate(*each) for each in listed]), text)


def lane_of_task(task: str) -> str:
    """Name the lane in which jobs of a task wait that have none, once somebody steers their task."""
    return _text([task, NOBODY, []])


def is_ordered(text: str | None) -> bool:
    """Say whether the jobs of a lane wait for each other, so that no priority may change their order."""
    return text is not None and any(gate.kind == Kind.ORDER for gate in read_lane(text).gates)


def read_costs(text: str | None, number: int) -> Sequence[int]:
    """Read what a job costs at each of so many gates; one unit where nothing is said."""
    if not text:
        return (1,) * number
    import json

    costs: list[int] = json.loads(text)
    return costs


def _text(lane: Sequence[object]) -> str:
    import json

    return json.dumps(lane, separators=(",", ":"), ensure_ascii=False)
