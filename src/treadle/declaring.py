"""Telling the store the limits as this code has them, so that they hold for jobs that older code has enqueued."""

from typing import TYPE_CHECKING

from treadle.core.flow.steering import DEFAULT, STEER, read_steering

if TYPE_CHECKING:
    from treadle.app import Treadle


class Declaration:
    """Tells the store once, as soon as it answers. Of two versions of the code, the one that started last is heeded:
    were it told again and again, their numbers would take turns for as long as a deployment lasts."""

    def __init__(self, app: "Treadle") -> None:
        self._app, self._told = app, False

    async def tell(self) -> None:
        """Declare the limits, unless that was done."""
        if not self._told:
            await declare_limits(self._app)
            self._told = True


async def declare_limits(app: "Treadle") -> int:
    """Write what differs from what the store knows; answer how many limits that were. An operator's own word stays."""
    tolls = {toll.policy: toll for task in app.tasks.values() for toll in task.tolls}
    tolls |= {toll.policy: toll for queue in app.queues for toll in app.tolls_of_queue(queue)}
    if not tolls:
        return 0
    known = read_steering((record.key, record.value) for record in await app.store.read(STEER))
    changed = 0
    for policy, toll in tolls.items():
        said = known.get(policy, DEFAULT)
        if said.declared != toll.declared:
            await app.store.steer(policy, said._replace(declared=toll.declared))
            changed += 1
    return changed
