"""What keeps two jobs from being one too many: unique, debounced and throttled calls."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any, Literal

from treadle.core.errors import ConfigError, InvalidArguments
from treadle.core.retry import milliseconds

Naming = str | Callable[[Mapping[str, Any]], object] | None
"""A text, or a function of the arguments, in place of names of arguments."""

CONFLICTS = ("skip", "replace", "reschedule", "raise")

#: A key longer than this is told by its hash: no index takes a text of any length.
LONGEST = 500


class Unique:
    """At most one job for these arguments (and tenant) at a time; without names: for the task.

    `until="started"` lets the next be enqueued once it has started; `window` keeps others out for so long after it was
    enqueued, whatever became of it. `key`: a text, or a function of the arguments, in place of names.
    `on_conflict`: "skip": the job that is there stands for the newcomer; "replace": it also gets the newcomer's
    arguments while it waits; "reschedule": and its due time; "raise": enqueueing raises DuplicateJob.
    """

    __slots__ = ("fields", "key_from", "on_conflict", "per_tenant", "until", "window")

    def __init__(
        self,
        *fields: str,
        key: Naming = None,
        per_tenant: bool = True,
        until: Literal["final", "started"] = "final",
        window: timedelta | None = None,
        on_conflict: Literal["skip", "replace", "reschedule", "raise"] = "skip",
    ) -> None:
        if on_conflict not in CONFLICTS:
            raise ConfigError(f"Unique: on_conflict={on_conflict!r} is not known; it is one of {', '.join(CONFLICTS)}.")
        if until not in ("final", "started"):
            raise ConfigError(f"Unique: until={until!r} is not known; it is 'final' or 'started'.")
        if fields and key is not None:
            raise ConfigError("Unique: give names of arguments, or key=, not both.")
        if not all(isinstance(field, str) for field in fields):
            raise ConfigError('Unique: arguments are named one by one: Unique("user_id", "folder").')
        if not (key is None or isinstance(key, str) or callable(key)):
            raise ConfigError(f"Unique: key={key!r} must be a text, or a function of the arguments.")
        self.fields, self.on_conflict, self.until, self.per_tenant = fields, on_conflict, until, per_tenant
        self.key_from = key
        self.window = None if window is None else _length("Unique: window", window)

    def key(self, task: str, tenant: str | None, args: Mapping[str, Any], now: int) -> str:
        """Make the key that at most one job may have at a time. Raises InvalidArguments where a function of the
        user's does not answer."""
        named: object = {name: args.get(name) for name in self.fields}
        if callable(self.key_from):
            try:
                named = self.key_from(args)
            except Exception as error:  # noqa: BLE001 - it is the user's
                raise InvalidArguments(task, f"its unique key cannot be told: {error}") from None
        elif self.key_from is not None:
            named = self.key_from
        told = [task, tenant if self.per_tenant else None, named, *self._stretch(now)]
        text = _writer()(told)
        return text if len(text) <= LONGEST else _hashed(text)

    def _stretch(self, now: int) -> tuple[int, ...]:
        """Number the stretch of time within which calls are one."""
        return ()


class Debounce(Unique):
    """Run so long after the last call, with its arguments: each call puts off the job that waits.

    `most`: never later than so long after the first call, however many follow. For that, time is cut into stretches of
    `most - delay` (by the clocks of those who enqueue), and a call puts off only a job of its own stretch: calls on
    both sides of a cut are served by two jobs.
    """

    __slots__ = ("delay", "most")

    def __init__(
        self,
        delay: timedelta,
        *fields: str,
        most: timedelta | None = None,
        key: Naming = None,
        per_tenant: bool = True,
    ) -> None:
        super().__init__(*fields, key=key, per_tenant=per_tenant, until="started", on_conflict="reschedule")
        self.delay = _length("Debounce", delay)
        self.most = None if most is None else _length("Debounce: most", most)
        if self.most is not None and self.most <= self.delay:
            raise ConfigError(f"Debounce: most={most!r} must be longer than the delay, {delay!r}.")

    def _stretch(self, now: int) -> tuple[int, ...]:
        return () if self.most is None else (now // (self.most - self.delay),)


class Throttle(Unique):
    """Run the first call in a window; until it is over, that job stands for all others."""

    __slots__ = ()

    def __init__(self, window: timedelta, *fields: str, key: Naming = None, per_tenant: bool = True) -> None:
        super().__init__(*fields, key=key, per_tenant=per_tenant, until="started", window=window)


def one_of(owner: str, unique: Unique | None, debounce: Debounce | None, throttle: Throttle | None) -> Unique | None:
    """Pick the one that is given. Raises ConfigError for several, or for what is none."""
    wished: tuple[tuple[str, object, type[Unique]], ...] = (
        ("unique", unique, Unique),
        ("debounce", debounce, Debounce),
        ("throttle", throttle, Throttle),
    )
    given = [(name, wish, kind) for name, wish, kind in wished if wish is not None]
    for name, wish, kind in given:
        if not isinstance(wish, kind):
            raise ConfigError(f"{owner}: {name}={wish!r} must be {kind.__name__}(…).")
    if len(given) > 1:
        raise ConfigError(f"{owner}: give one of unique=, debounce= and throttle=.")
    return unique or debounce or throttle


def _length(what: str, length: object) -> int:
    if not isinstance(length, timedelta) or (found := milliseconds(length)) <= 0:
        raise ConfigError(f"{what}: {length!r} must be a timedelta of more than zero.")
    return found


def _hashed(text: str) -> str:
    from hashlib import sha256

    return f"sha256-{sha256(text.encode()).hexdigest()}"


@cache
def _writer() -> Callable[[object], str]:
    import json

    return json.JSONEncoder(sort_keys=True, default=str).encode
