"""The verbs of those who enqueue and of workers, on a server's one shard; in a cluster `scattered.py` does it."""

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from treadle.core.job import Added, Claim, Cycle, Ending, NewJob, Report, Swept, WorkerInfo
from treadle.stores.redis import endings, newcomers, packing, rows
from treadle.stores.redis.shards import MOST, Shards
from treadle.stores.redis.wire import Call


async def add(shards: Shards, jobs: Sequence[NewJob]) -> tuple[list[Added], int]:
    """Keep jobs; answer also how many queues woke."""
    verb, words = newcomers.adding(jobs)
    woken, *standing = await shards.ask(shards.registry, verb, "", *words)
    return added(jobs, standing), woken


def added(jobs: Sequence[NewJob], standing: Sequence[object]) -> list[Added]:
    """Say who stands for each; `standing` has, of each that was not new, its number, who holds, and if that changed."""
    holders = {number: Added(id.decode(), False, changed=bool(new)) for number, id, new in rows.pairs(standing, 3)}
    if not holders:
        return [Added(job[0], True) for job in jobs]
    return [holders.get(number) or Added(job.id, True) for number, job in enumerate(jobs, 1)]


async def cycle(
    shards: Shards, worker: str, ended: Sequence[Ending], queues: Sequence[str], want: int, shares: Sequence[int]
) -> tuple[Cycle, int]:
    """Settle and claim; answer also how many queues woke."""
    if len(set(queues)) < len(queues):
        queues, shares = _once(queues, shares)
    (told,) = await cycle_in(shards, worker, [Asked(shards.registry, ended, queues, want, shares)])
    lost = frozenset(id.decode() for id in told.lost)
    answer = Cycle(told.claims, lost, told.now, leased=told.leased, more=told.more, opens_in=told.opens_in)
    return answer, told.woken


def _once(queues: Sequence[str], shares: Sequence[int]) -> tuple[Sequence[str], Sequence[int]]:
    """Name each queue once, with the share that it has first."""
    places = [place for place, queue in enumerate(queues) if queues.index(queue) == place]
    return [queues[place] for place in places], [shares[place] for place in places] if shares else shares


class Asked(NamedTuple):
    """A cycle in one shard."""

    shard: str
    ended: Sequence[Ending]
    queues: Sequence[str]
    want: int
    shares: Sequence[int] = ()

    @property
    def leaves_gates(self) -> bool:
        return any(ending[0].lane is not None or ending[1].park or ending.spent for ending in self.ended)


class Told(NamedTuple):
    """What a cycle in one shard has answered."""

    now: int
    lost: Sequence[bytes]
    leased: bool
    woken: int
    claims: list[Claim]
    more: bool
    opens_in: int | None
    left: bool = False
    """Open lanes were left."""


async def cycle_in(shards: Shards, worker: str, asked: Sequence[Asked]) -> list[Told]:
    """Cycle in several shards at once: the short way where nobody waits in lanes and nobody steers, as far as is known.

    A shard in which that is otherwise changes nothing, says so, and is asked again.
    """
    flows = [each.leaves_gates or each.shard in shards.flowing for each in asked]
    calls = [_cycle(shards, worker, each, flow) for each, flow in zip(asked, flows, strict=True)]
    answers = await shards.send(calls)
    again = [number for number, answer in enumerate(answers) if len(answer) == 1]
    calls = [_cycle(shards, worker, asked[number], True) for number in again]
    for number, answer in zip(again, await shards.send(calls), strict=True):
        answers[number] = answer
    return [_read(shards, each, answer) for each, answer in zip(asked, answers, strict=True)]


def _cycle(shards: Shards, worker: str, asked: Asked, flow: bool) -> Call:
    verb, words = endings.cycling(asked.ended, asked.queues, asked.shares, flow=flow)
    return shards.call(asked.shard, verb, worker, asked.want, *words)


def _read(shards: Shards, asked: Asked, answer: Sequence[Any]) -> Told:
    now, lost, leased, woken, ids, specs, stamp, odd, *flow = answer
    claims = rows.claims(ids, specs, stamp, odd)
    if not flow:
        return Told(now, lost, bool(leased), woken, claims, bool(asked.want) and len(claims) == asked.want, None)
    opens_in, more, again, left = flow
    shards.note_flow(asked.shard, bool(again))
    opens = None if opens_in < 0 else opens_in
    return Told(now, lost, bool(leased), woken, claims, bool(more), opens, bool(left))


async def claims(shards: Shards, worker: str) -> list[Claim]:
    """Read what a worker holds."""
    return rows.in_turn([each for answer in await shards.ask_all("claims", worker) for each in rows.held(answer)])


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
        self.taken: list[tuple[tuple[int, int], Claim]] = []

    @property
    def most(self) -> int:
        return max(self.promoted, self.expired)

    def add(self, promoted: int, expired: int, woken: int, taken: Sequence[Any]) -> None:
        self.promoted, self.expired, self.woken = self.promoted + promoted, self.expired + expired, self.woken + woken
        self.taken += rows.held(taken)


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
