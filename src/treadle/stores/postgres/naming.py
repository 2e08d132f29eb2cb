"""Between the ids that the world knows and the keys of the table.

An id that is a UUIDv7 is the key itself; a job with another id has a key of ours beside it, a UUIDv7 too, so that keys
sort by the time of adding.
"""

import re
from collections.abc import Sequence

from treadle.core.ids import Ids

#: RFC 9562, 5.7.
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

#: Only one way of writing a UUID counts as one: else two ids could be one key.
_ONE, _MANY = re.compile(_UUID), re.compile(f"(?:{_UUID}\n)+")

#: Before all others.
FIRST = "00000000-0000-0000-0000-000000000000"


def is_key(id: str) -> bool:
    """Say whether this id is a key."""
    return len(id) == len(FIRST) and _ONE.fullmatch(id) is not None


def are_keys(ids: Sequence[str]) -> bool:
    """Say whether all of these are keys: a hundred at the price of a few."""
    return _MANY.fullmatch("\n".join(ids) + "\n") is not None


def named(ids: Sequence[str], new: Ids) -> tuple[list[str], list[str | None]]:
    """Give the keys and the names under which jobs with these ids are kept."""
    if are_keys(ids):
        return list(ids), [None] * len(ids)
    names = [None if is_key(id) else id for id in ids]
    fresh = iter(new.take(sum(name is not None for name in names)))
    return [id if name is None else next(fresh) for id, name in zip(ids, names, strict=True)], names


def addressed(ids: Sequence[str]) -> dict[str, list[str]]:
    """Give the parameters of a statement that finds jobs by their ids."""
    return {
        "keys": [id for id in ids if is_key(id)],
        "names": [id for id in ids if not is_key(id) and can_be_kept(id)],
    }


def can_be_kept(text: str) -> bool:
    """Say whether PostgreSQL takes this text: no job is called otherwise."""
    return text.isprintable() or ("\0" not in text and text == text.encode("utf-8", "ignore").decode())
