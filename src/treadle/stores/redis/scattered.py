"""What `working.py` does, in a cluster: jobs of several queues are in several shards, maybe on several nodes.

In one queue all is as on a single server. Across queues three things are not one transaction: of equal ids, or equal
unique keys, that are added to two queues in the same moment both may be kept; of jobs of several queues that are added
in one call some may be kept though it raises, where a node does not answer; and a cycle settles in one shard and claims
in another.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from treadle.core.job import Added, Claim, Cycle, Ending, NewJob, Snapshot
from treadle.stores.redis import endings, newcomers, packing, remains, rows, steering
from treadle.stores.redis.lines import Word
from treadle.stores.redis.remains import Mark
from treadle.stores.redis.shards import Shards
from treadle.stores.redis.steering import RESTORED
from treadle.stores.redis.wire import Call

# -- adding --------------------------------------------------------------------------


async def add(shards: Shards, jobs: Sequence[NewJob]) -> tuple[list[Added], int]:
    """Keep jobs; answer also how many queues woke."""
    before, known = await _reserve(shards, [job.queue for job in jobs])
    wishes = [_Newcomer(job.id, job.unique_key) for job in jobs]
    sure = all(job.fresh and (job.unique_key is None or len(known) == 1) for job in jobs)
    stands = {} if sure else await _who_stands(shards, wishes, known)
    by_shard: dict[str, list[int]] = defaultdict(list)
    for number, job in enumerate(jobs):
        if number not in stands:
            by_shard[shards.of(job.queue)].append(number)
    calls = []
    for shard, numbers in by_shard.items():
        shifts = [number + 1 for number in numbers]
        calls.append(shards.call(shard, "add", before, *newcomers.adding([jobs[number] for number in numbers], shifts)))
    woken = 0
    for numbers, (woke, *standing) in zip(by_shard.values(), await shards.send(calls), strict=True):
        woken += woke
        stands |= {numbers[place - 1]: holder.decode() for place, holder in rows.pairs(standing)}
    return [Added(stands.get(number, job.id), number not in stands) for number, job in enumerate(jobs)], woken


async def _reserve(shards: Shards, queues: Sequence[str]) -> tuple[int, list[str]]:
    """Make room for jobs of these queues; answer the seq before the first, and all shards that there are."""
    before, *known = await shards.ask(shards.registry, "reserve", len(queues), *dict.fromkeys(queues))
    return before, [shards.of(queue.decode()) for queue in known]


class _Newcomer(NamedTuple):
    """What a job must not share with another."""

    id: str
    unique_key: str | None


async def _who_stands(shards: Shards, wishes: Sequence[_Newcomer], known: Sequence[str]) -> dict[int, str]:
    """Find who stands for newcomers, in any of these shards or before them in this call.

    Those whose id has been another job's find none of its records.
    """
    there, holders, gone = await _look(shards, wishes, known)
    for shard, marks in gone.items():
        await remains.erase(shards, shard, [mark for mark in marks if mark.id not in there])
    stands = {}
    for number, (id, key) in enumerate(wishes):
        standing = id if id in there else holders.get(key)
        if standing is not None:
            stands[number] = standing
            continue
        there.add(id)
        if key is not None:
            holders[key] = id
    return stands


class _Seen(NamedTuple):
    """What is in the shards already."""

    there: set[str]
    holders: dict[str | None, str]
    gone: dict[str, list[Mark]]
    """By shard, what jobs that had these ids have left."""


async def _look(shards: Shards, wishes: Sequence[_Newcomer], known: Sequence[str]) -> _Seen:
    """Look who has these ids, or had them, and who holds these unique keys."""
    ids = list(dict.fromkeys(each.id for each in wishes))
    keys = [each.unique_key for each in wishes if each.unique_key is not None]
    there, holders, gone = set[str](), dict[str | None, str](), dict[str, list[Mark]]()
    answers = await shards.send([shards.call(shard, "standing", len(ids), *ids, *keys) for shard in known])
    for shard, answer in zip(known, answers, strict=True):
        seen = list(zip(ids, answer[: len(ids)], strict=True))
        there |= {id for id, found in seen if isinstance(found, bytes)}
        if marks := [Mark(id, found) for id, found in seen if isinstance(found, int)]:
            gone[shard] = marks
        held = zip(keys, answer[len(ids) :], strict=True)
        holders |= {key: holder.decode() for key, holder in held if holder is not None}
    return _Seen(there, holders, gone)


async def restore(shards: Shards, jobs: Sequence[Snapshot]) -> tuple[list[str], int]:
    """Keep what another store has dumped; answer also how many queues woke."""
    restored, woken = list[str](), 0
    for start in range(0, len(jobs), RESTORED):
        ids, woke = await _restore(shards, jobs[start : start + RESTORED])
        restored, woken = restored + ids, woken + woke
    return restored, woken


async def _restore(shards: Shards, jobs: Sequence[Snapshot]) -> tuple[list[str], int]:
    before, known = await _reserve(shards, [job.queue for job in jobs])
    wishes = [_Newcomer(job.id, None if job.state.final else job.unique_key) for job in jobs]
    stands = await _who_stands(shards, wishes, known)
    words: dict[str, list[list[Word]]] = defaultdict(list)
    for number, job in enumerate(jobs):
        if number not in stands:
            words[shards.of(job.queue)].append(packing.restored(job, number + 1))
    calls = [shards.call(shard, "restore", before, len(told), *chain(*told)) for shard, told in words.items()]
    answers = await shards.send(calls)
    there = {id.decode() for answer in answers for id in answer[1:]}
    kept = [job.id for number, job in enumerate(jobs) if number not in stands and job.id in there]
    return kept, sum(answer[0] for answer in answers)


async def revive(shards: Shards, ids: Sequence[str]) -> tuple[list[str], int]:
    """Queue final jobs again, but those whose unique key is held in another shard, or taken before in this call."""
    wanted = [each for answer in await shards.ask_about(ids, "wanted") for each in rows.pairs(answer)]
    if not wanted:
        return await steering.revive(shards, ids)
    wishes = [_Newcomer(id.decode(), key.decode()) for id, key in wanted]
    holders = (await _look(shards, wishes, await shards.all())).holders
    refused = set()
    for id, key in wishes:
        if holders.setdefault(key, id) != id:
            refused.add(id)
    return await steering.revive(shards, [id for id in ids if id not in refused])


# -- cycling -------------------------------------------------------------------------


async def cycle(
    shards: Shards, worker: str, ended: Sequence[Ending], queues: Sequence[str], want: int
) -> tuple[Cycle, int]:
    """Settle and claim; answer also how many queues woke."""
    shares = await _share(shards, queues, want)
    by_queue: dict[str, list[Ending]] = defaultdict(list)
    for ending in ended:
        by_queue[ending.claim.queue].append(ending)
    asked = list(dict.fromkeys([*by_queue, *shares]))
    told = _Told(shares)
    told.take(asked, await shards.send([_cycle(shards, worker, by_queue[q], q, shares.get(q, 0)) for q in asked]))
    if told.refused and (again := await _lend(shards, worker, told.refused)) is not None:
        told.refused = []
        told.take(again, await shards.send([_cycle(shards, worker, [], queue, shares[queue]) for queue in again]))
    now = told.now or int(await shards.ask(shards.registry, "now"))
    claims = rows.in_turn(told.claims)
    return Cycle(claims, frozenset(told.lost), now, leased=not told.refused, more=told.more(want)), told.woken


def _cycle(shards: Shards, worker: str, ended: Sequence[Ending], queue: str, want: int) -> Call:
    verb, words = endings.cycling(ended, [queue])
    return shards.call(shards.of(queue), verb, worker, want, *words)


class _Told:
    """What the shards answered, put together."""

    def __init__(self, shares: Mapping[str, int]) -> None:
        self._shares = shares
        self.claims: list[tuple[Claim, bytes]] = []
        self.lost: set[str] = set()
        self.refused: list[str] = []
        """Queues in whose shard the worker has no lease."""
        self.now = self.woken = 0
        self._short = False

    def take(self, queues: Sequence[str], answers: Sequence[Any]) -> None:
        for queue, (now, lost, leased, woken, *given) in zip(queues, answers, strict=True):
            self.now, self.woken = max(self.now, now), self.woken + woken
            self.lost |= {id.decode() for id in lost}
            claims = rows.claims(*given)
            self.claims += zip(claims, given[1], strict=True)
            if not leased:
                self.refused.append(queue)
            elif len(claims) < self._shares.get(queue, 0):
                self._short = len(self._shares) > 1

    def more(self, want: int) -> bool:
        """Say whether as much was found as was wanted, or others took what had been seen."""
        return bool(want) and (len(self.claims) == want or self._short)


async def _share(shards: Shards, queues: Sequence[str], want: int) -> dict[str, int]:
    """Say how many to claim of each queue, so that together they are the best, then the oldest."""
    if not want or not queues:
        return {}
    if len(queues) == 1:
        return {queues[0]: want}
    heads = await shards.send([shards.call(shards.of(queue), "peek", queue, want) for queue in queues])
    places = [(int(place), queue) for queue, head in zip(queues, heads, strict=True) for place in head]
    return dict(Counter(queue for _, queue in sorted(places)[:want]))


async def _lend(shards: Shards, worker: str, queues: Sequence[str]) -> list[str] | None:
    """Let the worker's lease hold in the shards of these queues: it was renewed before they were known.

    Answer those that have a shard; None: it has no lease.
    """
    left, who, *known = await shards.ask(shards.registry, "lease", worker, *queues)
    if int(left) == 0:
        return None
    lent = [queue.decode() for queue in known]
    await shards.send([shards.call(shards.of(queue), "lend", worker, int(left), who) for queue in lent])
    return lent
