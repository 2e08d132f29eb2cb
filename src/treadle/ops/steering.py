"""What is steered, and what it does: queues, tasks, tenants, keys and limits with their figures; draining."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import NamedTuple

from treadle.core.flow.lanes import read_lane
from treadle.core.flow.steering import DEFAULT, Steer, Steering
from treadle.core.job import Filter, WorkerInfo
from treadle.core.states import State
from treadle.core.store import Store
from treadle.steering import pause, steering_of

#: Jobs that are read together, and seconds between two looks while something drains.
PAGE, LOOK = 500, 0.2

#: States that a listing of queues counts; completed ones may be millions.
COUNTED = (State.HELD, State.SCHEDULED, State.QUEUED, State.RUNNING, State.FAILED)


class QueueView(NamedTuple):
    """A queue as an operator sees it."""

    name: str
    steer: Steer
    jobs: dict[State, int]
    workers: int


class TargetView(NamedTuple):
    """A task, tenant or key as an operator sees it."""

    name: str
    steer: Steer
    queued: int | None
    """None where no store counts them: for a key."""
    running: int


class LimitView(NamedTuple):
    """A limit as the newest workers have declared it, and what an operator set."""

    name: str
    steer: Steer


async def list_queues(store: Store) -> list[QueueView]:
    """List the queues that hold jobs, are served by a live worker, or are steered."""
    counts, workers, steering = await _counts(store), await live_workers(store), await steering_of(store)
    served = [queue for worker in workers for queue in worker.queues]
    names = {queue for queue, _ in counts} | set(served) | {name for name, _ in _of_kind("queue", steering)}
    return [
        QueueView(
            name,
            steering.get(f"queue={name}", DEFAULT),
            {state: counts.get((name, state), 0) for state in COUNTED},
            served.count(name),
        )
        for name in sorted(names)
    ]


async def _counts(store: Store) -> dict[tuple[str, State], int]:
    return await store.count(Filter(states=COUNTED))


async def list_targets(store: Store, kind: str) -> list[TargetView]:
    """List the tasks, tenants or keys that are steered and, of tasks, those that live workers know."""
    steering = await steering_of(store)
    names = {name for name, _ in _of_kind(kind, steering)}
    if kind == "task":
        names |= await known_tasks(store)
    return [await view(store, f"{kind}={name}", steering.get(f"{kind}={name}", DEFAULT)) for name in sorted(names)]


async def list_limits(store: Store) -> list[LimitView]:
    """List the limits that workers have declared or somebody has set."""
    steering = await steering_of(store)
    return [LimitView(target, said) for target, said in sorted(steering.items()) if _is_limit(target, said)]


async def view(store: Store, target: str, said: Steer) -> TargetView:
    """Look at one target."""
    name = target.partition("=")[2]
    asked = filter_of(target)
    if asked is None:
        return TargetView(name, said, None, await running_of(store, target))
    counts = await store.count(asked._replace(states=(State.QUEUED, State.RUNNING)))
    queued = sum(number for (_, state), number in counts.items() if state is State.QUEUED)
    return TargetView(name, said, queued, sum(counts.values()) - queued)


def filter_of(target: str) -> Filter | None:
    """Make the filter of a queue, task or tenant; None for what no store can be asked for."""
    kind, _, name = target.partition("=")
    match kind:
        case "queue":
            return Filter(queues=(name,))
        case "task":
            return Filter(tasks=(name,))
        case "tenant":
            return Filter(tenant=name)
    return None


async def running_of(store: Store, target: str) -> int:
    """Count the jobs of a target that run now."""
    if asked := filter_of(target):
        return sum((await store.count(asked._replace(states=(State.RUNNING,)))).values())
    number, cursor = 0, None
    while True:
        page = await store.find(Filter(states=(State.RUNNING,)), PAGE, cursor)
        number += sum(1 for job in page.items if job.lane and target in read_lane(job.lane).targets)
        cursor = page.next_cursor
        if cursor is None:
            return number


async def drain(
    store: Store,
    target: str,
    tell: Callable[[int], object],
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Pause a target and wait until nothing of it runs; `tell` how many still do. Cut short, it stays paused."""
    await pause(store, target)
    while left := await running_of(store, target):
        tell(left)
        await sleep(LOOK)
    tell(0)


async def live_workers(store: Store) -> list[WorkerInfo]:
    """List the workers whose lease holds."""
    now = await store.now()
    return [worker for worker in await store.workers() if worker.lease_until > now]


async def known_tasks(store: Store) -> set[str]:
    """Name the tasks that live workers told they know."""
    return {str(name) for worker in await live_workers(store) for name in told_tasks(worker)}


def told_tasks(worker: WorkerInfo) -> Collection[object]:
    """List the tasks that a worker told it knows."""
    tasks = worker.details.get("tasks", ())
    return tasks if isinstance(tasks, list | tuple) else ()


async def known_names(store: Store, kind: str) -> list[str]:
    """Name what a person may have meant by a queue, task or limit; nothing where that cannot be known."""
    match kind:
        case "queue":
            return [view.name for view in await list_queues(store)]
        case "task":
            return sorted(await known_tasks(store))
        case "limit":
            return [view.name for view in await list_limits(store)]
    return []


def _of_kind(kind: str, steering: Steering) -> list[tuple[str, Steer]]:
    start = f"{kind}="
    return [
        (target.removeprefix(start), said)
        for target, said in steering.items()
        if target.startswith(start) and said.declared is None
    ]


def _is_limit(target: str, said: Steer) -> bool:
    # The limits of a queue begin with its name, too; they are declared.
    return said.declared is not None or not target.startswith(("queue=", "task=", "tenant=", "key="))
