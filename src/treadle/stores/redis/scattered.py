"""What `working.py` does, in a cluster: jobs of several queues are in several shards, maybe on several nodes.

In one queue all is as on a single server. Across queues three things are not one transaction: of equal ids, or equal
unique keys, that are added to two queues in the same moment both may be kept; of jobs of several queues that are added
in one call some may be kept though it raises, where a node does not answer; and a cycle settles in one shard and claims
in another.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from treadle.core.job import Added, Claim, Cycle, Ending, NewJob, Snapshot
from treadle.core.states import State
from treadle.stores.redis import endings, newcomers, packing, remains, rows, steering
from treadle.stores.redis.lines import Word
from treadle.stores.redis.remains import Mark
from treadle.stores.redis.shards import Shards
from treadle.stores.redis.steering import RESTORED
from treadle.stores.redis.working import Asked, Told, cycle_in

#: Why a job is held while it moves to a queue in another shard.
MOVING = "moving to another queue"

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
        verb, words = newcomers.adding([jobs[number] for number in numbers], shifts)
        calls.append(shards.call(shard, verb, before, *words))
    woken = 0
    changed = set[int]()
    for numbers, (woke, *standing) in zip(by_shard.values(), await shards.send(calls), strict=True):
        woken += woke
        for place, holder, new in rows.pairs(standing, 3):
            stands[numbers[place - 1]] = holder.decode()
            changed.update([numbers[place - 1]] * new)
    for number in [number for number in stands if number not in changed]:
        woke, new = await _replace(shards, jobs[number], stands[number], known)
        woken += woke
        changed.update([number] * new)
    added = [Added(stands.get(n, job.id), n not in stands, changed=n in changed) for n, job in enumerate(jobs)]
    return added, woken


async def _replace(shards: Shards, job: NewJob, holder: str, known: Sequence[str]) -> tuple[int, int]:
    """Let who stands for a job, wherever it is, take over what that brings; answer how many queues woke, and if it did.

    (Where it is in the newcomer's own shard, and was seen there first, that is done already.)
    """
    if job.unique_key is None or job.on_conflict == "skip" or job.id == holder:
        return 0, 0
    words = (job.unique_key, job.on_conflict, packing.spec(job), holder)
    answers = await shards.send([shards.call(shard, "replace", *words) for shard in known])
    return sum(woke for woke, _ in answers), sum(new for _, new in answers)


async def _reserve(shards: Shards, queues: Sequence[str]) -> tuple[int, list[str]]:
    """Make room for jobs of these queues; answer the seq before the first, and all shards that there are."""
    before, steered, *names = await shards.ask(shards.registry, "reserve", len(queues), *dict.fromkeys(queues))
    known = [shards.of(queue.decode()) for queue in names]
    if steered:  # some are new, and do not know yet what is steered
        await shards.send([shards.call(shards.of(queue), "adopt", steered) for queue in dict.fromkeys(queues)])
    return before, known


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
    wishes = [_Newcomer(job.id, job.unique_key if packing.holds_key(job) else None) for job in jobs]
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


# -- moving --------------------------------------------------------------------------


async def alter(shards: Shards, ids: Sequence[str], queue: str | None, priority: int | None) -> tuple[list[str], int]:
    """Move what waits to a queue, or give it a priority; answer also how many queues woke."""
    if queue is None:
        return await steering.alter(shards, ids, queue, priority)
    altered, woken = list[str](), 0
    await _reserve(shards, [queue])
    for id in dict.fromkeys(ids):
        done, woke = await _move(shards, id, queue, priority)
        altered, woken = altered + done, woken + woke
    return altered, woken


async def _move(shards: Shards, id: str, queue: str, priority: int | None) -> tuple[list[str], int]:
    """Move one job: hold it, keep it in the other shard, then let it go. Whoever dies in between leaves it held."""
    home = shards.of(queue)
    for shard in await shards.all():
        if shard == home:
            woken, *altered = await shards.ask(shard, "alter", queue, _text(priority), id)
            if altered:
                return [id], woken
            continue
        now, *lifted = await shards.ask(shard, "lift", MOVING, id, queue, _text(priority))
        if lifted:
            state, reason, picture = lifted
            job = rows.snapshot(picture, int(now))._replace(
                state=State(state.decode()), reason=reason.decode() or None
            )  # fmt: skip
            words = packing.restored(job, 0, rows.since_of(picture))
            woken, *_ = await shards.ask(home, "restore", rows.seq_of(picture), 1, *words)
            await shards.ask(shard, "part", MOVING, id)
            return [id], woken
    return [], 0


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


# -- cycling -------------------------------------------------------------------------


async def cycle(
    shards: Shards, worker: str, ended: Sequence[Ending], queues: Sequence[str], want: int, shares: Sequence[int]
) -> tuple[Cycle, int]:
    """Settle and claim; answer also how many queues woke."""
    plan = await _plan(shards, worker, queues, want, shares)
    by_queue: dict[str, list[Ending]] = defaultdict(list)
    for ending in ended:
        by_queue[ending.claim.queue].append(ending)
    asked = list(dict.fromkeys([*by_queue, *plan.numbers]))
    told = _Told(plan)
    told.take(asked, await _cycle(shards, worker, asked, by_queue, plan.numbers))
    if told.refused and (again := await _lend(shards, worker, told.refused)) is not None:
        told.refused = []
        told.take(again, await _cycle(shards, worker, again, {}, plan.numbers))
    now = told.now or int(await shards.ask(shards.registry, "now"))
    answer = Cycle(
        told.in_order(), frozenset(told.lost), now, leased=not told.refused, more=told.more(want),
        opens_in=min(told.opens_in, default=None),
    )  # fmt: skip
    return answer, told.woken


async def _cycle(
    shards: Shards,
    worker: str,
    queues: Sequence[str],
    ended: Mapping[str, Sequence[Ending]],
    numbers: Mapping[str, int],
) -> list[Told]:
    asked = [Asked(shards.of(queue), ended.get(queue, ()), [queue], numbers.get(queue, 0)) for queue in queues]
    return await cycle_in(shards, worker, asked)


class _Plan(NamedTuple):
    """Of which queues to claim how many, so that together they are those whose turn it is."""

    numbers: Mapping[str, int]
    order: Sequence[str] = ()
    """The queue of each claim in turn."""
    opens_in: Sequence[int] = ()
    more: bool = False
    """There was more to look at."""


class _Told:
    """What the shards answered, put together."""

    def __init__(self, plan: _Plan) -> None:
        self._plan = plan
        self._claims: dict[str, list[Claim]] = defaultdict(list)
        self.lost: set[str] = set()
        self.refused: list[str] = []
        """Queues in whose shard the worker has no lease."""
        self.opens_in = [*plan.opens_in]
        self.now = self.woken = 0
        self._more = plan.more

    def take(self, queues: Sequence[str], answers: Sequence[Told]) -> None:
        for queue, told in zip(queues, answers, strict=True):
            self.now, self.woken = max(self.now, told.now), self.woken + told.woken
            self.lost |= {id.decode() for id in told.lost}
            self._claims[queue] += told.claims
            if told.opens_in is not None:
                self.opens_in.append(told.opens_in)
            if not told.leased:
                self.refused.append(queue)
                continue
            short = len(self._plan.numbers) > 1 and len(told.claims) < self._plan.numbers.get(queue, 0)
            self._more = self._more or told.left or short

    def in_order(self) -> list[Claim]:
        """Put claims in the order of queues in which they were looked for."""
        left = {queue: iter(claims) for queue, claims in self._claims.items()}
        found = [claim for queue in self._plan.order if (claim := next(left.get(queue, iter(())), None))]
        return found + [claim for claims in left.values() for claim in claims]

    def more(self, want: int) -> bool:
        """Say whether as much was found as was wanted, or others took what had been seen."""
        return bool(want) and (sum(map(len, self._claims.values())) == want or self._more)


async def _plan(shards: Shards, worker: str, queues: Sequence[str], want: int, shares: Sequence[int]) -> _Plan:
    """Look which jobs each queue has to offer, and choose among them."""
    queues = list(dict.fromkeys(queues))
    if not want or len(queues) < 2:
        return _Plan(dict.fromkeys(queues, want) if want else {})
    asked = [endings.cycling((), [queue], flow=True)[1] for queue in queues]
    calls = [shards.call(shards.of(q), "peek", worker, want, *words) for q, words in zip(queues, asked, strict=True)]
    heads, opens_in, more = list[deque[tuple[int, int]]](), list[int](), False
    for opens, cut, *places in await shards.send(calls):
        heads.append(deque((int(rank), int(seq)) for rank, seq in rows.pairs(places)))
        opens_in += [opens] * (opens >= 0)
        more = more or bool(cut)
    order = _merge(queues, heads, dict(zip(queues, shares, strict=False)), want)
    return _Plan(Counter(order), order, opens_in, more)


def _merge(
    queues: Sequence[str], heads: Sequence["deque[tuple[int, int]]"], left: dict[str, int], want: int
) -> list[str]:
    """Take the best head, one after the other; those of a queue's share go first."""
    order: list[str] = []
    waiting = [(queue, places) for queue, places in zip(queues, heads, strict=True) if places]
    while waiting and len(order) < want:
        queue, places = min(waiting, key=lambda each: (left.get(each[0]) == 0, each[1][0]))
        places.popleft()
        order.append(queue)
        if left.get(queue):
            left[queue] -= 1
        waiting = [each for each in waiting if each[1]]
    return order


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
