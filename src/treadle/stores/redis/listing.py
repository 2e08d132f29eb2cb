"""Listings, newest first, over the index that fits best, in slices: no page loads more than it must."""

from collections.abc import Sequence
from typing import Any

from treadle.core.errors import ConfigError
from treadle.core.job import Filter, Page, Snapshot
from treadle.core.states import State
from treadle.stores.redis import packing, rows
from treadle.stores.redis.shards import Shards

#: Jobs that one call looks at, and calls of one page at most: it may be short then, and tells where to go on.
SLICE, FURTHEST = 500, 200

#: Jobs that are read at once instead of walking over all, where their states have so few.
FEW = 500

#: Longest number of a job.
DIGITS = 15


async def find(shards: Shards, filter: Filter, limit: int, cursor: str | None) -> Page:
    """Read a page, newest first."""
    below = None if cursor is None else _read_cursor(cursor)
    if await _are_few(shards, filter):
        return _page(await _gathered(shards, filter, below), limit, None)
    return await _walk(shards, filter, limit, below)


def _page(found: list[Snapshot], limit: int, rest: int | None) -> Page:
    """Make a page of what was found; `rest`: where to go on if it was too far to the end."""
    if len(found) > limit:
        return Page(tuple(found[:limit]), found[limit - 1].cursor)
    return Page(tuple(found), None if rest is None else str(rest))


def _read_cursor(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= DIGITS):
        raise ConfigError(f"{cursor!r} is not a cursor; use next_cursor of the page before, unchanged.")
    return int(cursor)


async def _are_few(shards: Shards, filter: Filter) -> bool:
    """Say whether the states that are asked for have so few jobs that all are read at once."""
    if not filter.states or index_for(filter) != "all":
        return False
    numbers = await counted(shards)
    return sum(number for (_, state), number in numbers.items() if state in filter.states) <= FEW


async def _gathered(shards: Shards, filter: Filter, below: int | None) -> list[Snapshot]:
    """Read all jobs of the filter's states that fit it, newest first."""
    found = []
    states = dict.fromkeys(state.value for state in filter.states)
    for now, pictures in await shards.ask_all("gather", packing.encode(filter), *states):
        found += [(rows.seq_of(picture), rows.snapshot(picture, int(now))) for picture in pictures]
    return [job for seq, job in sorted(found, reverse=True) if below is None or seq < below]


def index_for(filter: Filter) -> str:
    """Name the index that holds the fewest besides what is asked for."""
    for name in ("batch", "owner", "tenant"):
        if (value := getattr(filter, name)) is not None:
            return f"{name}:{value}"
    return "all"


async def _walk(shards: Shards, filter: Filter, limit: int, below: int | None) -> Page:
    """Go over the index that fits best until there is one more than a page holds."""
    walks = [_Walk(shard, below) for shard in await shards.all()]
    found: list[Snapshot] = []
    words = (index_for(filter), packing.encode(filter))
    for _ in range(FURTHEST):
        hungry = [walk for walk in walks if walk.needs_more]
        calls = [shards.call(w.shard, "walk", words[0], w.below, words[1], SLICE, limit + 1) for w in hungry]
        for walk, answer in zip(hungry, await shards.send(calls), strict=True):
            walk.take(*answer)
        _merge(walks, found)
        if len(found) > limit or not any(walk.goes_on for walk in walks):
            return _page(found, limit, None)
    return _page(found, limit, max(walk.reached for walk in walks if walk.goes_on))


def _merge(walks: Sequence["_Walk"], found: list[Snapshot]) -> None:
    """Take what is newer than all that may still come."""
    come = max((walk.reached for walk in walks if walk.goes_on), default=0)
    ripe = [each for walk in walks for each in walk.found if each[0] >= come]
    found += [job for _, job in sorted(ripe, reverse=True)]
    for walk in walks:
        walk.found = [each for each in walk.found if each[0] < come]


class _Walk:
    """How far one shard's part of an index has been read."""

    def __init__(self, shard: str, below: int | None) -> None:
        self.shard = shard
        self.below: int | str = "" if below is None else below
        self.goes_on = True
        self.found: list[tuple[int, Snapshot]] = []
        """What is at hand, with its seq."""

    @property
    def needs_more(self) -> bool:
        return self.goes_on and not self.found

    @property
    def reached(self) -> int:
        """All that comes from here on is older."""
        return int(self.below)

    def take(self, now: bytes, below: bytes, pictures: Sequence[Sequence[Any]]) -> None:
        self.below = int(below)
        self.goes_on = self.below > 0
        self.found += [(rows.seq_of(picture), rows.snapshot(picture, int(now))) for picture in pictures]


async def counted(shards: Shards) -> dict[tuple[str, State], int]:
    """Read the counts that are kept."""
    return {key: number for answer in await shards.ask_all("count") for key, number in read_counts(answer).items()}


def read_counts(told: Sequence[Any]) -> dict[tuple[str, State], int]:
    """Read "state:queue" and a number in turn."""
    fields = ((field.decode().partition(":"), int(number)) for field, number in rows.pairs(told))
    return {(queue, State(state)): number for (state, _, queue), number in fields}
