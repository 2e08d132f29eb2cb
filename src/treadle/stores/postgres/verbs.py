"""What a worker and those who enqueue ask of the database, as steps: no connection, no loop."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from treadle.core.errors import StoreUnavailable
from treadle.core.job import Added, Claim, Cycle, Ending, NewJob, Progress, Report, Swept, WorkerInfo
from treadle.core.states import State
from treadle.stores.postgres import naming
from treadle.stores.postgres.lookout import Place
from treadle.stores.postgres.statements import Statements
from treadle.stores.steps import Rows, Steps

#: Attempts remembered of one job: it may snooze for years.
ATTEMPTS_KEPT = 100

#: How often jobs are offered; again, when whoever stood for them has ended in the same moment.
OFFERS = 10

#: Columns of `cycle.sql` and `claim.sql` about the call, then of each claim's place; the rest are the claim's own.
CALL, PLACE = 7, 2


class Found(NamedTuple):
    """The answer to a cycle, and how far in each queue its claims were."""

    cycle: Cycle
    places: Mapping[str, Place] = MappingProxyType({})
    took: float | None = None
    """Seconds that the server took to find the first job; None: nobody looked from where the lookout says."""
    flow: bool = False
    """Something waits in open lanes or is steered: it takes a claim under the lock."""


class Settled(NamedTuple):
    """What was written of endings."""

    moved: Mapping[str, str] = MappingProxyType({})
    """The state that each job got just now, by its ref."""
    lost: frozenset[str] = frozenset()


ENDED = (
    "ref", "epoch", "number", "state", "reason", "outcome", "result", "error", "given_back", "crashed", "due_in",
    "done", "total", "failed", "note", "log",
)  # fmt: skip
TOLD = ("ref", "epoch", "done", "total", "failed", "note", "log")


def columns(names: Sequence[str], table: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    """Turn rows into one list a column, as `unnest` takes them."""
    turned = list(zip(*table, strict=True)) or [()] * len(names)
    return dict(zip(names, map(list, turned), strict=True))


def literal(values: Iterable[object]) -> str:
    """Write numbers, or ids that are keys, as PostgreSQL writes an array: the driver asks of each element of a list
    what it is, which takes longer than all the rest."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def numbers(values: Iterable[object]) -> str:
    """The same where none of them is missing."""
    return "{" + ",".join(map(str, values)) + "}"


# -- adding ----------------------------------------------------------------------------

Table = dict[str, Sequence[Any]]
"""New jobs, one sequence a field."""


def table_of(jobs: Sequence[NewJob]) -> Table:
    return dict(zip(NewJob._fields, map(list, zip(*jobs, strict=True)), strict=True))


def are_alike(table: Table) -> bool:
    """Say whether these jobs differ in id and arguments only."""
    number = len(table["id"])
    return all(table[name].count(table[name][0]) == number for name in NewJob._fields if name not in ("id", "args"))


def can_be_new(table: Table) -> bool:
    """Say whether it is worth adding these without looking who is there."""
    plain = table["fresh"][0] and table["unique_key"][0] is None and table["lane"][0] is None
    return plain and are_alike(table) and naming.are_keys(table["id"])


def add_fresh(sql: Statements, table: Table) -> Steps[list[Added]]:
    """Keep jobs that `can_be_new`; that another has the key of one is an error of the database's."""
    alike: dict[str, Any] = {name: values[0] for name, values in table.items()}
    alike |= {"key": table["id"], "args": table["args"]}
    yield sql("add_fresh", wake=is_due(NewJob._make(alike[name] for name in NewJob._fields)), **alike)
    return list(map(Added._make, zip(table["id"], repeat(True), repeat(False), repeat(False), strict=False)))


Answers = dict[int, Added]
"""Who stands for each job of a call, by its place."""


def add(sql: Statements, jobs: Sequence[NewJob], answers: Answers | None = None) -> Steps[list[Added]]:
    """Keep these and say who stands for each.

    Without a transaction, what has been answered stays so when the call loses a race and is begun again: `answers`.
    """
    answers = {} if answers is None else answers
    for _ in range(OFFERS):
        places = [place for place in range(len(jobs)) if place not in answers]
        if not places:
            break
        # Again, if whoever stood for some of these has ended since: now there is room.
        yield from _offer(sql, [jobs[place] for place in places], places, answers)
    if len(answers) < len(jobs):
        raise StoreUnavailable("PostgreSQL: others take and free the same unique keys all the time; try again.")
    return [answers[place] for place in range(len(jobs))]


def _offer(sql: Statements, jobs: Sequence[NewJob], places: Sequence[int], answers: Answers) -> Steps[None]:
    table = table_of(jobs)
    keys, names = naming.named(table["id"], sql.ids)
    in_lanes = any(table["lane"])
    if are_alike(table):
        alike: dict[str, Any] = jobs[0]._asdict() | {"key": keys, "name": names, "args": table["args"]}
        found = yield sql.arriving("add_alike", in_lanes, wake=is_due(jobs[0]), **alike)
    else:
        found = yield sql.arriving("add", in_lanes, wake=any(map(is_due, jobs)), key=keys, name=names, **table)
    kept = {(str(key), unique) for key, unique in found}
    kept_at: dict[str, int] = {}
    missing = list[_Missing]()
    for place, job, key, name in zip(places, jobs, keys, names, strict=True):
        if (key, job.unique_key) in kept:
            kept.discard((key, job.unique_key))  # the next like it in the same call is not the one that was kept
            kept_at[job.id] = place
            answers[place] = Added(job.id, True)
        else:
            missing.append(_Missing(place, job, None if name else key, name, job.unique_key))
    if missing:
        yield from _find_standing(sql, missing, kept_at, answers)


class _Missing(NamedTuple):
    """A job that was not kept."""

    place: int
    job: NewJob
    key: str | None
    name: str | None
    unique_key: str | None


def _find_standing(
    sql: Statements, missing: Sequence[_Missing], kept_at: Mapping[str, int], answers: Answers
) -> Steps[None]:
    """Find who stands for these: the equal id, unless it came behind in the same call, else the unique key's holder."""
    asked = [
        (None, None, each.unique_key) if kept_at.get(each.job.id, -1) > each.place else each[2:] for each in missing
    ]
    keys = set[str | None]()
    by_key = list[_Missing]()
    for number, standing, is_by_key, over in (yield sql("standing", **columns(("key", "name", "unique_key"), asked))):
        each = missing[number - 1]
        if over:
            keys.add(each.unique_key)
        elif standing is not None:
            answers[each.place] = Added(standing, False)
            if is_by_key and each.job.on_conflict != "skip":
                by_key.append(each)
    if keys:
        yield sql("let_go", unique_keys=list(keys))
    for wave in _waves(by_key):
        yield from _replace(sql, wave, answers)


def _waves(missing: Sequence[_Missing]) -> list[list[_Missing]]:
    """Part these so that no key comes twice in one: a statement changes a row once."""
    waves: list[list[_Missing]] = []
    seen: Counter[str | None] = Counter()
    for each in missing:
        number = seen[each.unique_key]
        seen[each.unique_key] += 1
        if number == len(waves):
            waves.append([])
        waves[number].append(each)
    return waves


REPLACED = (
    "place", "unique_key", "args", "costs", "lane", "tenant", "priority", "meta", "max_attempts", "again", "due_at",
    "due_in", "expires_in",
)  # fmt: skip


def _replace(sql: Statements, wave: Sequence[_Missing], answers: Answers) -> Steps[None]:
    """Let those who wait under these keys take over what the newcomers bring."""
    rows = [
        (place, key, job.args, job.costs, job.lane, job.tenant, job.priority, job.meta, job.max_attempts,
         job.on_conflict == "reschedule", job.due_at, job.due_in, job.expires_in)
        for place, job, _, _, key in wave
    ]  # fmt: skip
    found = yield sql("replace", **columns(REPLACED, rows))
    for (place,) in found[:-1]:  # the last row tells those who wait
        answers[place] = answers[place]._replace(changed=True)


def is_due(job: NewJob) -> bool:
    """Say whether it may well be queued at once; only the server's clock knows for certain."""
    return job.held is None and (not job.due_in or job.due_in <= 0)


# -- the cycle -------------------------------------------------------------------------


def is_plain(ended: Sequence[Ending]) -> bool:
    """Say whether all have simply completed, so that one statement does."""
    return all(
        outcome.state is State.COMPLETED and progress is None and log is None for _, outcome, progress, log, _ in ended
    )


def needs_lock(ended: Sequence[Ending]) -> bool:
    """Say whether jobs leave gates by these endings for certain."""
    return any(each[0].lane is not None for each in ended)


def cycle(
    sql: Statements,
    worker: str,
    ended: Sequence[Ending],
    queues: Sequence[str],
    begin: Sequence[Place],
    want: int,
    shares: Sequence[int] = (),
) -> Steps[Found]:
    """Settle these, which `is_plain`, then claim, in one statement that does nothing where it takes the lock."""
    if not ended and not (want and queues):
        return Found(Cycle([], frozenset(), 0))
    return (yield from _cycle(sql, worker, _each_once(ended), queues, begin, want, shares))


def claim(
    sql: Statements, worker: str, queues: Sequence[str], begin: Sequence[Place], want: int, shares: Sequence[int]
) -> Steps[Found]:
    """Claim jobs that wait without a lane."""
    return _cycle(sql, worker, (), queues, begin, want, shares)


def _cycle(
    sql: Statements,
    worker: str,
    ended: Sequence[Ending],
    queues: Sequence[str],
    begin: Sequence[Place],
    want: int,
    shares: Sequence[int],
) -> Steps[Found]:
    lost = frozenset[str]()
    name = "cycle" if ended else "claim"
    places = _places(queues, begin, shares)
    completed = _completed(ended) if ended else {}
    found = yield sql.claiming(name, len(queues), want if queues else 0, worker=worker, **places, **completed)
    now, leased, flow, until, settled, ahead, took = found[0][:CALL]
    if flow:
        return Found(Cycle([], lost, now, leased=leased), flow=True)
    if settled < len(ended):
        lost = yield from _lost(sql, ended)
    claims = [Claim._make(row[CALL + PLACE :]) for row in found] if found[0][CALL] is not None else []
    cycle = Cycle(
        claims,
        lost,
        now,
        leased=leased or not (want and queues),
        more=len(claims) == want or ahead > len(claims),
        opens_in=None if until is None else max(0, until - now),
    )
    furthest = _furthest(claims, found, queues)
    if shares:
        cycle = cycle._replace(claims=_shared(claims, queues, shares))
    return Found(cycle, furthest, took)


def _shared(claims: Sequence[Claim], queues: Sequence[str], shares: Sequence[int]) -> list[Claim]:
    """Put so many of each queue before those of the others, as they were chosen."""
    left = dict(zip(queues, shares, strict=False))
    first, later = list[Claim](), list[Claim]()
    for claim in claims:
        if claim.queue in left and left[claim.queue] <= 0:
            later.append(claim)
        else:
            first.append(claim)
            if claim.queue in left:
                left[claim.queue] -= 1
    return first + later


def _each_once(ended: Sequence[Ending]) -> Sequence[Ending]:
    return _one_each(ended) if len({each[0][0] for each in ended}) < len(ended) else ended


def scout(sql: Statements, queues: Sequence[str]) -> Steps[tuple[dict[str, Place], float]]:
    """Say where the first job of each queue is, and how many seconds the server took to find that out."""
    found = yield sql("scout", queues=list(queues))
    firsts = {queue: Place(rank, seq) for queue, rank, seq, _ in found if seq is not None}
    return firsts, max(took for *_, took in found)


def _furthest(claims: Sequence[Claim], found: Rows, queues: Sequence[str]) -> dict[str, Place]:
    """Say how far in each queue these claims, best first, were."""
    if not claims:
        return {}
    if len(queues) == 1:
        return {queues[0]: Place(*found[-1][CALL : CALL + PLACE])}
    return {claim.queue: Place(*row[CALL : CALL + PLACE]) for claim, row in zip(claims, found, strict=True)}


def _places(queues: Sequence[str], begin: Sequence[Place], shares: Sequence[int]) -> dict[str, Any]:
    if len(queues) > 1:
        shared = {"shares": list(shares)} if shares else {}
        return {
            "queues": list(queues),
            "ranks": [rank for rank, _ in begin],
            "seqs": [seq for _, seq in begin],
        } | shared
    rank, seq = begin[0] if begin else (0, 0)
    return {"queue": queues[0] if queues else "", "rank": rank, "seq": seq}


def _completed(ended: Sequence[Ending]) -> dict[str, Any]:
    told: dict[str, Any] = {"ref": [each[0].ref for each in ended], "epoch": [each[0].epoch for each in ended]}
    for name in ("reason", "outcome", "result"):
        values = [getattr(each[1], name) for each in ended]
        if name == "reason":
            values = list(map(_taken, values))
        told[name] = values if any(value is not None for value in values) else None  # unnest fills up with NULL
    return told


def settle_any(sql: Statements, worker: str, ended: Sequence[Ending]) -> Steps[Settled]:
    """Write these endings in the cheapest way that does."""
    if not ended:
        return Settled()
    ended = _each_once(ended)
    if not is_plain(ended):
        return (yield from settle(sql, worker, ended))
    moved = _states((yield sql("complete", **_completed(ended))))
    lost = (yield from _lost(sql, ended)) if len(moved) < len(ended) else frozenset[str]()
    return Settled(moved, lost)


def _states(found: Rows) -> dict[str, str]:
    return {str(ref): str(state) for ref, state in found}


def settle(sql: Statements, worker: str, ended: Sequence[Ending]) -> Steps[Settled]:
    """Write endings of any kind whose claim is current."""
    found = yield sql("settle", worker=worker, **columns(ENDED, map(_ended, _one_each(ended))))
    moved = _states(found[:-1])  # the last row tells those who wait
    old = [(ending.claim.ref, ending.claim.epoch - ATTEMPTS_KEPT) for ending in ended]
    if any(oldest > 0 for _, oldest in old):
        yield sql("trim_attempts", **columns(("ref", "oldest"), old))
    lost = (yield from _lost(sql, ended)) if len(moved) < len(ended) else frozenset[str]()
    return Settled(moved, lost)


def _one_each(ended: Sequence[Ending]) -> list[Ending]:
    """Keep one ending of each claim, the completion if there is one: a statement moves a row once."""
    first: dict[tuple[object, int], Ending] = {}
    for ending in sorted(ended, key=lambda ending: ending.outcome.state is not State.COMPLETED):
        first.setdefault((ending.claim.ref, ending.claim.epoch), ending)
    # In the order of their keys, so that two transactions never wait for each other's rows.
    return sorted(first.values(), key=lambda ending: str(ending.claim.ref))


def _ended(ending: Ending) -> tuple[Any, ...]:
    claim, outcome, progress, log, _ = ending
    return (
        claim.ref, claim.epoch, claim.attempt, outcome.state.value, _taken(outcome.reason), outcome.outcome,
        outcome.result, outcome.error, int(not outcome.spends_attempt), int(outcome.crashed), outcome.due_in,
        *_progress(progress), log,
    )  # fmt: skip


def _progress(progress: Progress | None) -> tuple[Any, ...]:
    return (None,) * 4 if progress is None else (*progress[:3], _taken(progress.note))


def _taken(text: str | None) -> str | None:
    """Write the one character that PostgreSQL takes in no text as JSON does, from where the other texts come."""
    return text and text.replace("\0", "\\u0000")


def _lost(sql: Statements, ended: Sequence[Ending]) -> Steps[frozenset[str]]:
    found = yield sql("settled", **columns(("ref", "epoch"), [(each.claim.ref, each.claim.epoch) for each in ended]))
    settled = {(ref, epoch) for ref, epoch in found}
    return frozenset(each.claim.id for each in ended if (each.claim.ref, each.claim.epoch) not in settled)


def complete(sql: Statements, ending: Ending) -> Steps[bool]:
    """Complete one attempt; False if its claim is not current any more."""
    settled = yield from settle(sql, "", [ending])
    if settled.moved:
        claim = ending.claim
        yield sql("leave_word", queue=claim.queue, lane=claim.lane, id=claim.id, told=tell(ending))
    return bool(settled.moved)


def tell(ending: Ending) -> str:
    """Tell of an attempt that has completed, as far as gates are concerned: nobody waits for their lock in a
    transaction of a user's, which may stay open for long."""
    return json.dumps([ending.claim.task, ending.claim.tenant, ending.spent, ending.outcome.park])


def _claims(found: Rows) -> list[Claim]:
    return [Claim._make(row[PLACE:]) for row in found]


def claims(sql: Statements, worker: str) -> Steps[list[Claim]]:
    return _claims((yield sql("claims", worker=worker)))


# -- the lease -------------------------------------------------------------------------


class Holding(NamedTuple):
    """A claim that the worker holds by the store's word."""

    ref: str
    epoch: int
    id: str
    asked: bool
    """To stop."""


def beat(
    sql: Statements, worker: WorkerInfo, lease: int, reports: Sequence[Report], refs: Sequence[str]
) -> Steps[list[Holding]]:
    """Renew the lease, pass reports on, and say which of these jobs the worker holds."""
    told = sorted((_told(report) for report in reports), key=lambda row: row[0])
    if told:
        yield sql("report", **columns(TOLD, told))
    facts = worker._asdict() | {"queues": json.dumps(worker.queues), "details": json.dumps(dict(worker.details))}
    return list(map(Holding._make, (yield sql("beat", lease=lease, refs=refs, **facts))))


def held(sql: Statements, worker: str) -> Steps[tuple[list[Holding], float]]:
    """Read all that the worker holds, and how many seconds the server took."""
    found = yield sql("held", worker=worker)
    return [Holding._make(row) for _, *row in found if row[0] is not None], found[0][0]


def _told(report: Report) -> tuple[Any, ...]:
    claim, progress, log = report
    return (claim.ref, claim.epoch, *_progress(progress), log)


# -- time ------------------------------------------------------------------------------


def sweep(sql: Statements, worker: str, limit: int, take: int, strays: Sequence[str]) -> Steps[Swept]:
    yield sql("by_index")
    expired = yield sql("expire", limit=limit)
    promoted = yield sql("promote", limit=limit)
    taken = (yield sql("take_over", worker=worker, take=take, strays=strays)) if take else []
    yield sql("forget_workers", worker=worker)
    yield sql("drop_results", limit=limit)
    ((next_due,),) = yield sql("next_due")
    claimed = _claims(sorted(taken, key=itemgetter(0, 1)))  # RETURNING promises no order
    return Swept(promoted[0][0], len(expired), claimed, None if next_due is None else max(0, next_due))


def strays(sql: Statements) -> Steps[list[str]]:
    """Name those who hold jobs and whom nobody knows."""
    return [id for (id,) in (yield sql("strays"))]


def bury(sql: Statements, workers: Sequence[str]) -> Steps[None]:
    yield sql("bury", ids=list(workers))
