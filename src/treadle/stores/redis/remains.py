"""Records of jobs that are gone. In a cluster they are not where their jobs were: they are in the registry.

So the script that deletes a job leaves a mark in its shard, which goes when the records are erased: whoever dies in
between, another does it. A job that is added again under such an id begins without records: they are erased first. And
none of its own are erased by somebody who is slow: he announces in the registry what he will erase, looks then whether
the mark is still there, and erases only what nobody else has announced, or erased, since.
"""

from collections.abc import Sequence
from secrets import token_hex
from typing import NamedTuple

from treadle.core.store import OF_JOB
from treadle.stores.redis import rows
from treadle.stores.redis.shards import Shards

#: Jobs whose records are erased together.
SOME = 500


class Mark(NamedTuple):
    """What a job has left in its shard."""

    id: str
    seq: int
    """Which of those that ever had this id it was."""


async def erase_all(shards: Shards) -> None:
    """Erase the records of all jobs that are gone."""
    for shard in await shards.all():
        marks = await erase(shards, shard, (), more=SOME)
        while marks:
            marks = await erase(shards, shard, marks, more=SOME)


async def erase(shards: Shards, shard: str, marks: Sequence[Mark], more: int = 0) -> list[Mark]:
    """Erase what jobs of this shard have left, then their marks; answer so many other marks."""
    kinds = [f"{OF_JOB}{mark.id}" for mark in marks]
    while kinds:
        kinds = await _erase(shards, shard, kinds)
    others = await shards.ask(shard, "remains", more, *(word for mark in marks for word in mark))
    return [Mark(id.decode(), int(seq)) for id, seq in rows.pairs(others)]


async def _erase(shards: Shards, shard: str, kinds: Sequence[str]) -> list[str]:
    """Erase records of these kinds; answer those that somebody else was about to erase, who may have died."""
    me = token_hex(8)
    found = await shards.ask(shards.registry, "condemn", me, *kinds)
    if not found:
        return []
    ids = [kind.decode().removeprefix(OF_JOB) for kind in found]
    seen = await shards.ask(shard, "standing", len(ids), *ids)
    gone = [f"{OF_JOB}{id}" for id, seq in zip(ids, seen, strict=True) if isinstance(seq, int)]
    erased = {kind.decode() for kind in await shards.ask(shards.registry, "erase", me, *gone)}
    return [kind for kind in gone if kind not in erased]
