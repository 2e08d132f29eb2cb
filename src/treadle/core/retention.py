"""How long ended jobs are kept: by state, by task, and the last runs of each task in any case. Pure.

A job may go when it ended at least as long ago as the age of its state says, and at least so many (`runs`) of its task
ended later than it.
"""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from treadle.core.states import FINAL, State

#: The kind of the records in which workers tell the ages of their tasks, each under the task's name: any worker may
#: sweep, also one of another application.
RETENTION = "retention"

#: So many of the last runs of each task are always kept (ACCEPTANCE S0.22).
RUNS = 100

DAY = 24 * 3600 * 1000

Ages = Mapping[State, int]
"""Final state -> milliseconds after which a job that ended in it may go."""


#: Where nobody says otherwise.
AGES: Ages = {State.COMPLETED: 7 * DAY, State.FAILED: 30 * DAY, State.CANCELLED: 30 * DAY}


class Retention(NamedTuple):
    """Which ended jobs may go."""

    ages: Ages = AGES
    tasks: Mapping[str, Ages] = {}
    """The ages of tasks that have their own."""
    runs: int = RUNS

    def age(self, task: str, state: State) -> int | None:
        """Say after how many milliseconds a job may go; None: never."""
        return self.tasks.get(task, {}).get(state, self.ages.get(state))

    def may_go(self, task: str, state: State, ended_ago: int) -> bool:
        """Say whether a job is old enough."""
        age = self.age(task, state)
        return age is not None and ended_ago >= age


def due_tasks(rules: Retention, ended: Iterable[tuple[State, str, int]]) -> list[str]:
    """Name the tasks of which a job is old enough, each once; `ended`: how old the oldest is, by state and task."""
    return list(dict.fromkeys(task for state, task, oldest in ended if rules.may_go(task, state, oldest)))


def write_ages(ages: Ages) -> str:
    """Write the ages of a task as a record's value."""
    return json.dumps({state.value: age for state, age in sorted(ages.items())})


def read_ages(records: Iterable[tuple[str, str]]) -> dict[str, Ages]:
    """Read records as (task, value); what a later version may have written besides is left out."""
    finals = {state.value: state for state in FINAL}
    return {
        task: {finals[name]: int(age) for name, age in json.loads(value).items() if name in finals}
        for task, value in records
    }
