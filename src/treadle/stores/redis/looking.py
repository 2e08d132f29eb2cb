"""What is read beside listings: single jobs, counts, dumps, workers."""

from collections import Counter
from typing import Any

from treadle.core.job import Filter, Slice, Snapshot, WorkerInfo
from treadle.core.states import State
from treadle.stores.redis import packing, rows
from treadle.stores.redis.listing import SLICE, counted, index_for, read_counts
from treadle.stores.redis.shards import Shards


async def get(shards: Shards, id: str) -> Snapshot | None:
    for now, *found in await shards.ask_all("get", id):
        if found and found[0] is not None:
            return rows.snapshot(found[0], int(now))
    return None


async def count(shards: Shards, filter: Filter) -> dict[tuple[str, State], int]:
    """Count; where only queues and states are asked for, the counts that are kept tell."""
    if filter == Filter(filter.states, queues=filter.queues):
        numbers = await counted(shards)
        return {
            (queue, state): number
            for (queue, state), number in numbers.items()
            if (not filter.states or state in filter.states) and (not filter.queues or queue in filter.queues)
        }
    total: Counter[tuple[str, State]] = Counter()
    for shard in await shards.all():
        below: int | str = ""
        while below != 0:
            rest, *told = await shards.ask(shard, "tally", index_for(filter), below, packing.encode(filter), SLICE)
            below = int(rest)
            total.update(read_counts(told))
    return dict(total)


async def dump(shards: Shards, after: str | None, limit: int) -> Slice:
    """Read a part of all jobs, oldest first."""
    found: list[tuple[int, Snapshot]] = []
    for now, pictures in await shards.ask_all("dump", int(after or 0), limit):
        found += [(rows.seq_of(picture), rows.snapshot(picture, int(now))) for picture in pictures]
    part = sorted(found)[:limit]
    return Slice(tuple(job for _, job in part), str(part[-1][0]) if len(part) == limit else None)


async def workers(shards: Shards) -> list[WorkerInfo]:
    """Read who works here; in a cluster a worker has a lease in each shard."""
    found: dict[str, WorkerInfo] = {}
    calls = [shards.call(shard, "workers") for shard in await shards.everywhere()]
    for answer in await shards.send(calls):
        for told in rows.pairs(answer, 3):
            one = rows.worker(*told)
            other = found.get(one.id, one)
            found[one.id] = max(one, other, key=_lease)._replace(started_at=min(one.started_at, other.started_at))
    return sorted(found.values(), key=lambda worker: (worker.started_at, worker.id))


def _lease(worker: WorkerInfo) -> Any:
    return worker.lease_until, worker.seen_at
