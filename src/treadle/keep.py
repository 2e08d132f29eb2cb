"""How long a task's ended jobs are kept: its own wish, or the application's settings; and telling the store of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from treadle.core.errors import ConfigError
from treadle.core.retention import AGES, RETENTION, Ages, write_ages
from treadle.core.retry import milliseconds
from treadle.core.states import State

if TYPE_CHECKING:
    from treadle.app import Treadle
    from treadle.config import Settings
    from treadle.task import Task

#: Longer than any calendar: for ever.
LONGEST = 7_000 * 366 * 24 * 3600 * 1000


class Keep(NamedTuple):
    """How long ended jobs of a task are kept, by how they ended; None: as the application's settings say."""

    completed: timedelta | None = None
    failed: timedelta | None = None
    cancelled: timedelta | None = None


def checked_keep(task: str, keep: object) -> Keep:
    """Read a task's wish; one length is for all ends. Raises ConfigError."""
    lengths: tuple[object, ...] = keep if isinstance(keep, Keep) else (keep,) * 3
    for length in lengths:
        if length is not None and (not isinstance(length, timedelta) or length < timedelta(0)):
            raise ConfigError(
                f"{task}: keep={keep!r} must be a timedelta of zero or more, or Keep(completed=…, failed=…)."
            )
    return Keep._make(lengths)


def ages_of(keep: timedelta | Keep | None, settings: "Settings") -> Ages:
    """Say after how long which jobs may go."""
    completed, failed, cancelled = checked_keep("", keep)
    lengths = {
        State.COMPLETED: settings.keep_completed if completed is None else completed,
        State.FAILED: settings.keep_failed if failed is None else failed,
        State.CANCELLED: settings.keep_failed if cancelled is None else cancelled,
    }
    return {state: min(milliseconds(length), LONGEST) for state, length in lengths.items()}


def ages_of_tasks(tasks: "Mapping[str, Task[Any, Any]]", settings: "Settings") -> dict[str, Ages]:
    """Say it for each of these tasks."""
    return {name: ages_of(task.options.keep, settings) for name, task in tasks.items()}


async def declare_ages(app: "Treadle") -> int:
    """Tell the store how long jobs of this application's tasks are kept: workers of others sweep there, too.

    Only where that is not what everybody takes for granted. Answers how many records were changed.
    """
    wanted = {task: write_ages(ages) for task, ages in ages_of_tasks(app.tasks, app.settings).items() if ages != AGES}
    known = {record.key: record.value for record in await app.store.read(RETENTION)}
    changed = [task for task in app.tasks if wanted.get(task) != known.get(task)]
    for task in changed:
        await app.store.write(RETENTION, task, wanted.get(task))
    return len(changed)
