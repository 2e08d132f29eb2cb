"""Pausing, limiting and weighing what runs, live and for the whole fleet; what it means is in `core/flow/steering.py`.

Of two who steer one target at the same time the later one's word holds.
"""

from difflib import get_close_matches
from typing import Any

from treadle.core.errors import ConfigError
from treadle.core.flow.steering import DEFAULT, STEER, Steer, Steering, read_steering
from treadle.core.store import Store

#: What an operator may steer. A limit is named by its policy or its gate, as `explain` and `treadle limit list` do.
KINDS = ("queue", "task", "tenant", "key", "limit")

LONGEST = 400
MOST, HEAVIEST = 1_000_000, 1_000


def target_of(**named: str | None) -> str:
    """Name a target: exactly one of `queue=`, `task=`, `tenant=`, `key=`, `limit=`. Raises ConfigError."""
    given = [(kind, name) for kind, name in named.items() if name is not None]
    if len(given) != 1 or given[0][0] not in KINDS:
        raise ConfigError("Name one thing to steer: queue=, task=, tenant=, key= or limit=.")
    kind, name = given[0]
    if not name.strip() or len(name) > LONGEST or not _is_writable(name):
        raise ConfigError(f"{name!r:.80} cannot name a {kind}; use 1 to {LONGEST} printable characters.")
    if kind == "key" and not all(name.partition("=")[::2]):
        raise ConfigError(f"{name!r} is no key; write what `treadle job explain` shows, such as user_id=u1.")
    return name if kind == "limit" else f"{kind}={name}"


def _is_writable(text: str) -> bool:
    return not any(ord(sign) < 32 or ord(sign) == 127 or 0xD800 <= ord(sign) <= 0xDFFF for sign in text)


async def steering_of(store: Store) -> Steering:
    """Read all that is steered."""
    return read_steering((record.key, record.value) for record in await store.read(STEER))


async def steered(store: Store, target: str) -> Steer:
    """Read what is wished for a target."""
    records = await store.read(STEER, target)
    return read_steering((record.key, record.value) for record in records).get(target, DEFAULT)


async def pause(store: Store, target: str) -> Steer:
    """Let nothing of a target start any more; what runs goes on."""
    return await _change(store, target, paused=True)


async def resume(store: Store, target: str) -> Steer:
    """Let what was paused go on; its limit and weight stay."""
    return await _change(store, target, paused=False)


async def scale(store: Store, target: str, limit: int | None) -> Steer:
    """Let at most so many of a target run at once in the whole fleet; None: as many as there are slots.

    For a limit, its number is replaced; None gives it back the one it was declared with. Raises ConfigError.
    """
    if target.startswith("key="):
        raise ConfigError(
            f"{target!r} is counted by several limits; name the one you mean: `treadle limit list` shows them."
        )
    if limit is not None and (type(limit) is not int or not 1 <= limit <= MOST):
        raise ConfigError(f"limit={limit!r} must lie between 1 and {MOST:,}, or be None; to let nothing start, pause.")
    return await _change(store, target, limit=limit)


async def weigh(store: Store, target: str, weight: int) -> Steer:
    """Give a tenant so many turns for one of another's. Raises ConfigError."""
    if not target.startswith("tenant="):
        raise ConfigError(f"{target!r} takes no turns; only a tenant has a weight.")
    if type(weight) is not int or not 1 <= weight <= HEAVIEST:
        raise ConfigError(f"weight={weight!r} must lie between 1 and {HEAVIEST:,}.")
    return await _change(store, target, weight=weight)


async def _change(store: Store, target: str, **changes: Any) -> Steer:
    before = await steered(store, target)
    after = before._replace(**changes)
    if after != before:
        await store.steer(target, after)
    return after


def resembling(name: str, known: list[str]) -> str | None:
    """Find the known name that was perhaps meant; None if this one is known, or nothing resembles it."""
    return None if name in known else next(iter(get_close_matches(name, known, n=1)), None)
