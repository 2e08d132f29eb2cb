"""Which ended jobs may go, as steps: per task, so that what is kept of one stands in front of no other."""

from treadle.core.retention import Retention, due_tasks
from treadle.core.states import FINAL, State
from treadle.stores.postgres.statements import Statements
from treadle.stores.steps import Steps


def outdated(sql: Statements, rules: Retention, limit: int) -> Steps[list[str]]:
    yield sql("by_index")
    ended = yield sql("ended")
    tasks = due_tasks(rules, [(State(state), task, age) for state, task, _, age in ended])
    if not tasks:
        return []
    first = {(state, task): end for state, task, end, _ in ended}
    asked = {state.value: [rules.age(task, state) for task in tasks] for state in FINAL}
    asked |= {f"first_{state.value}": [first.get((state.value, task)) for task in tasks] for state in FINAL}
    return [id for (id,) in (yield sql("outdated", tasks=tasks, runs=rules.runs, limit=limit, **asked))]
