"""The verbs of those who enqueue and of workers, on a server's one shard; in a cluster `scattered.py` does it."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from treadle.core.job import Added, Claim, Cycle, Ending, NewJob, Report, Swept, WorkerInfo
from treadle.stores.redis import endings, newcomers, packing, rows
from treadle.stores.redis.shards import MOST, Shards


async def add(shards: Shards, jobs: Sequence[NewJob]) -> tuple[list[Added], int]:
    """Keep jobs; answer also how many queues woke."""
    woken, *standing = await shards.ask(shards.registry, "add", "", *newcomers.adding(jobs))
    return added(jobs, standing), woken


def added(jobs: Sequence[NewJob], standing: Sequence[object]) -> list[Added]:
    """Say who stands for each; `standing` has the number and the holder of each that was not new, in turn."""
    holders = {number: holder.decode() for number, holder in rows.pairs(standing)}
    if not holders:
        return [Added(job[0], True) for job in jobs]
    return [Added(holders.get(number, job.id), number not in holders) for number, job in enumerate(jobs, 1)]


async def cycle(
    shards: Shards, worker: str, ended: Sequence[Ending], queues: Sequence[str], want: int
) -> tuple[Cycle, int]:
    """Settle and claim; answer also how many queues woke."""
    verb, words = endings.cycling(ended, queues)
    answer = await shards.ask(shards.registry, verb, worker, want, *words)
    now, lost, leased, woken, *given = answer
    claims = rows.claims(*given)
    if len(queues) > 1:
        claims = rows.in_turn(list(zip(claims, given[1], strict=True)))
    told = Cycle(
        claims, frozenset(id.decode() for id in lost), now, leased=bool(leased), more=bool(want) and len(claims) == want
    )
    return told, woken


async def claims(shards: Shards, worker: str) -> list[Claim]:
    """Read what a worker holds."""
    held = []
    for answer in await shards.ask_all("claims", worker):
        held += [(rows.claim(id, stamp, life, spec), spec) for id, stamp, spec, life in rows.pairs(answer, 4)]
    return rows.in_turn(held)


async def sweep(shards: Shards, worker: str, limit: int, take: int) -> tuple[Swept, int]:
    """Do what time demands in every shard; answer also how many queues woke."""
    done = _Swept()
    everywhere = await shards.everywhere()
    # Each time in another order: one that always has more to do than a sweep may would leave nothing to those behind.
    for shard in random.sample(everywhere, len(everywhere)):
        full, due = True, -1
        while full:
            some = min(MOST, limit - done.most)
            promoted, expired, due, woken, *taken = await shards.ask(
                shard, "sweep", worker, some, take - len(done.taken)
            )
            done.add(promoted, expired, woken, taken)
            full = max(promoted, expired) == some and done.most < limit
        done.due += [due] * (due >= 0)
    return Swept(done.promoted, done.expired, rows.in_turn(done.taken), min(done.due, default=None)), done.woken


class _Swept:
    """What several calls did."""

    def __init__(self) -> None:
        self.promoted = self.expired = self.woken = 0
        self.due: list[int] = []
        self.taken: list[tuple[Claim, bytes]] = []

    @property
    def most(self) -> int:
        return max(self.promoted, self.expired)

    def add(self, promoted: int, expired: int, woken: int, taken: Sequence[Any]) -> None:
        self.promoted, self.expired, self.woken = self.promoted + promoted, self.expired + expired, self.woken + woken
        self.taken += [(rows.claim(id, stamp, life, spec), spec) for id, stamp, spec, life in rows.pairs(taken, 4)]


async def beat(shards: Shards, worker: WorkerInfo, lease: int, reports: Sequence[Report]) -> Mapping[str, bool]:
    """Renew a lease in every shard, and tell each what is told of its jobs."""
    calls = []
    who = packing.worker(worker)
    for shard in await shards.everywhere():
        told = [report for report in reports if shards.of(report.claim.queue) == shard]
        calls.append(shards.call(shard, "beat", worker.id, lease, who, endings.reports(told)))
    return {
        id.decode(): stamp.endswith(b" stop") for answer in await shards.send(calls) for id, stamp in rows.pairs(answer)
    }
