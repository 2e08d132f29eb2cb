"""The operator's verbs, and small shared facts. In a cluster each shard is asked, and answers for its own jobs."""

from collections.abc import Iterable, Sequence

from treadle.core.job import Claim, Record, Snapshot
from treadle.core.retention import Ages, Retention
from treadle.core.store import OF_JOB
from treadle.stores.redis import flow, packing, remains, rows
from treadle.stores.redis.endings import stamp_of
from treadle.stores.redis.shards import MOST, Shards

#: Jobs that one call restores: each brings all that was known of it.
RESTORED = 50

#: Tasks whose ended jobs one call looks at.
TASKS = 50


def _texts(answers: Iterable[Sequence[bytes]]) -> list[str]:
    return [id.decode() for answer in answers for id in answer]


async def bury(shards: Shards, workers: Sequence[str]) -> None:
    await shards.ask_about(workers, "bury")


async def cancel(shards: Shards, ids: Sequence[str]) -> list[str]:
    return _texts(await shards.ask_about(ids, "cancel"))


async def revive(shards: Shards, ids: Sequence[str]) -> tuple[list[str], int]:
    """Queue final jobs again; answer also how many queues woke."""
    answers = await shards.ask_about(ids, "revive")
    return _texts(answer[1:] for answer in answers), sum(answer[0] for answer in answers)


async def hold(shards: Shards, ids: Sequence[str], reason: str) -> list[str]:
    return _texts(await shards.ask_about(ids, "hold", reason))


async def release(shards: Shards, reason: str, tasks: Sequence[str] | None) -> tuple[int, int]:
    """Release in slices; answer how many, and how many queues woke."""
    asked = ("any",) if tasks is None else ("of", *tasks)
    released = woken = 0
    for shard in await shards.all():
        number = MOST
        while number == MOST:
            woke, number = await shards.ask(shard, "release", reason, MOST, *asked)
            released, woken = released + number, woken + woke
    return released, woken


async def alter(shards: Shards, ids: Sequence[str], queue: str | None, priority: int | None) -> tuple[list[str], int]:
    """Move what waits to a queue, or give it a priority; answer also how many queues woke."""
    words = ("" if queue is None else queue, "" if priority is None else priority)
    answers = await shards.ask_about(ids, "alter", *words)
    return _texts(answer[1:] for answer in answers), sum(answer[0] for answer in answers)


async def delete(shards: Shards, ids: Sequence[str], ended_by: int | None = None) -> list[str]:
    gone = _texts(await shards.ask_about(ids, "delete", "" if ended_by is None else ended_by))
    if shards.scattered and gone:
        await remains.erase_all(shards)
    return gone


async def outdated(shards: Shards, rules: Retention, limit: int) -> list[str]:
    """Name who may go, looking at some tasks a call. In a cluster each queue keeps the last runs of a task."""
    ages, own = _told(rules.ages), {task: _told(ages) for task, ages in rules.tasks.items()}
    told = packing.encode((ages, own))
    found: list[str] = []
    for shard in await shards.all():
        behind, more = b"", True
        while more and len(found) < limit:
            behind, *ids = await shards.ask(shard, "outdated", behind, TASKS, limit - len(found), rules.runs, told)
            found += _texts([ids])
            more = behind != b""
    if shards.scattered:
        await remains.erase_all(shards)
    return found


def _told(ages: Ages) -> dict[str, int]:
    return {state.value: age for state, age in ages.items()}


async def restore(shards: Shards, jobs: Sequence[Snapshot]) -> tuple[list[str], int]:
    """Keep what another store has dumped; answer also how many queues woke."""
    restored, woken = list[str](), 0
    for start in range(0, len(jobs), RESTORED):
        some = jobs[start : start + RESTORED]
        words = [word for shift, job in enumerate(some, 1) for word in packing.restored(job, shift)]
        woke, *ids = await shards.ask(shards.registry, "restore", "", len(some), *words)
        restored, woken = restored + _texts([ids]), woken + woke
    return restored, woken


async def read(shards: Shards, kind: str, key: str | None) -> list[Record]:
    answer = await shards.ask(shards.registry, "read", kind, *(() if key is None else (key,)))
    return sorted(rows.record(*told) for told in rows.pairs(answer))


async def write(shards: Shards, kind: str, key: str, value: str | None, expect: int | None) -> bool:
    words = (kind, key, "" if expect is None else expect, *(() if value is None else (value,)))
    done = bool(await shards.ask(shards.registry, "write", *words))
    if done:
        await flow.respread(shards, kind, key)
    return done


async def note(shards: Shards, claim: Claim, key: str, value: str, expect: int) -> bool:
    """Set a record of a claim's job. In a cluster records are elsewhere, and the claim may be lost in between."""
    held = (claim.id, stamp_of(claim))
    words = (OF_JOB + claim.id, key, expect, value)
    if not shards.scattered:
        return bool(await shards.ask(shards.registry, "note", *held, *words))
    if not await shards.ask(shards.of(claim.queue), "held", *held):
        return False
    return bool(await shards.ask(shards.registry, "write", *words[:3], value))


async def read_clock(shards: Shards) -> int:
    return int(await shards.ask(shards.registry, "now"))
