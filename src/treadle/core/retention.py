"""How long ended jobs are kept: by state, by task, and the last runs of each task in any case. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from treadle.core.states import FINAL, State

#: The kind of the records in which workers tell the ages of their tasks, each under the task's name: any worker may
#: sweep, also one of another application.
RETENTION = "retention"

#: So many of the last runs of each task are always kept (ACCEPTANCE S0.22).
RUNS = 100

Ages = Mapping[State, int]
"""Final state -> milliseconds after which a job that ended in it may go."""


class Retention(NamedTuple):
    """Which ended jobs may go."""

    ages: Ages
    tasks: Mapping[str, Ages] = {}
    """The ages of tasks that have their own."""
    runs: int = RUNS

    def age(self, task: str, state: State) -> int | None:
        """Say after how many milliseconds a job may go; None: never."""
        return self.tasks.get(task, {}).get(state, self.ages.get(state))


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
