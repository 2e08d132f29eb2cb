"""What operators and running jobs say to gates, and what `explain` reads of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from treadle.core.flow.choosing import PLAIN, Line, Row, Turn, Waiting
from treadle.core.flow.gates import REST, Standing
from treadle.core.flow.lanes import lane_of_task
from treadle.core.flow.steering import STEER, Steer, Steering, write_steer
from treadle.core.job import Claim, Running, Survey
from treadle.stores.redis import rows
from treadle.stores.redis.endings import stamp_of
from treadle.stores.redis.shards import Shards

#: Lanes that one call opens, running jobs that a survey tells of, and lanes, or jobs, that it reads in all.
OPENED, RUNNING, BOUND = 500, 1_000, 20_000


async def steer(shards: Shards, target: str, steer: Steer) -> None:
    """Write what is wished, count what runs now under a new limit, and open all lanes that it may concern."""
    value = write_steer(steer)
    told = await shards.ask(shards.registry, "steer", target, *(() if value is None else (value,)))
    await spread(shards, told, target)
    for shard in await shards.all():
        while await shards.ask(shard, "unshut", target, OPENED) == OPENED:
            pass


async def spread(shards: Shards, told: bytes, *target: str) -> None:
    """Let each shard of a cluster know what is steered."""
    if shards.scattered and told:
        await shards.send([shards.call(shard, "adopt", told, *target) for shard in await shards.all()])


async def respread(shards: Shards, kind: str, key: str) -> None:
    """Do the same after a record was written."""
    if kind == STEER and shards.scattered:
        await spread(shards, await shards.ask(shards.registry, "steered"), key)


async def spend(shards: Shards, claim: Claim, gate: str, units: int) -> int | None:
    stamp = stamp_of(claim)
    if claim.epoch != int(stamp.partition(" ")[0]):
        return None
    words = (claim.id, stamp, claim.queue, claim.lane or "", gate, units)
    window = await shards.ask(shards.of(claim.queue), "spend", *words)
    return None if window is None else int(window)


async def survey(shards: Shards, queue: str, limit: int) -> Survey:
    """Read at most so many tenants, lanes of each, and jobs of each."""
    answer = await shards.ask(shards.of(queue), "survey", queue, limit, RUNNING, BOUND)
    now, clock, steered, lists, standings, running, more = answer
    steering = rows.steering(steered)
    turns: dict[bytes, Turn] = {}
    for tenant, paid, text, jobs in lists:
        turn = turns.setdefault(tenant, Turn(tenant.decode(), int(paid), []))
        for row in _rows(text.decode(), [rows.decode(told) for told in jobs], limit, steering):
            _add(turn, row)
    line = Line(queue, int(clock), [], beyond=int(clock) if more else None)
    for turn in sorted(turns.values(), key=lambda turn: turn.paid):
        if len(line.turns) == limit:
            line.beyond = turn.paid
            break
        line.turns.append(_cut(turn, limit))
    return Survey(int(now), line, _standings(standings), steering, tuple(Running(*rows.decode(r)) for r in running))


def _rows(text: str, jobs: Sequence[Sequence[Any]], limit: int, steering: Steering) -> Iterator[Row]:
    """Make the row of a lane; jobs without one whose task is steered are in the lane that a claim will give them."""
    by_lane: dict[str, list[Waiting]] = {}
    for id, rank, seq, costs, task in jobs[:limit]:
        name = lane_of_task(task) if text == PLAIN and f"task={task}" in steering else text
        by_lane.setdefault(name, []).append(Waiting(id, id, rank, seq, costs))
    for name, waiting in by_lane.items():
        yield Row(name, waiting, more=len(jobs) > limit)


def _add(turn: Turn, row: Row) -> None:
    """Add a row, or its jobs to the row of that lane which is there."""
    there = next((each for each in turn.rows if each.text == row.text), None)
    if there is None:
        turn.rows.append(row)
    else:
        there.jobs = sorted([*there.jobs, *row.jobs], key=lambda job: job.place)
        there.more = there.more or row.more


def _cut(turn: Turn, limit: int) -> Turn:
    """Leave so many lanes, the best."""
    turn.rows.sort(key=lambda row: row.first.place)
    if len(turn.rows) > limit:
        turn.beyond = turn.rows[limit].first.place
        del turn.rows[limit:]
    return turn


def _standings(told: Sequence[bytes]) -> Mapping[str, Standing]:
    found = (rows.decode(each) for each in told)
    return {name: standing for name, *fields in found if (standing := Standing(*fields)) != REST}
