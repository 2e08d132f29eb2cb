"""What may be wished of when jobs run: limits, rates, budgets and orders, and how arguments say by what they count."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from treadle.core.errors import ConfigError, InvalidArguments
from treadle.core.flow.gates import Gate, Kind
from treadle.core.retry import milliseconds

Key = str | Callable[[Mapping[str, Any]], object] | None
"""An argument's name, "tenant" or "owner" where no argument is called so, or a function of all arguments."""

Cost = int | float | Decimal | str | Callable[[Mapping[str, Any]], object]
"""Units: a number, an argument's name, or a function of all arguments."""

PERIODS = {
    "ms": 1, "s": 1_000, "sec": 1_000, "second": 1_000, "min": 60_000, "minute": 60_000, "h": 3_600_000,
    "hour": 3_600_000, "d": 86_400_000, "day": 86_400_000,
}  # fmt: skip

#: The largest number of units: products with microseconds stay exact in every store.
MOST = 1_000_000_000
NUMBERS = range(1, MOST + 1)

#: A key's value longer than this, or one that cannot be printed, is told by its hash.
LONGEST_KEY = 100

#: Millionths of a currency's unit in which money is counted.
MONEY = 1_000_000


class Limit:
    """At most so many at once, in the whole fleet; `key`: for each of its values. `name` shares it between tasks."""

    __slots__ = ("key", "most", "name")

    def __init__(self, most: int, *, key: Key = None, name: str | None = None) -> None:
        if most not in NUMBERS:
            raise ConfigError(f"Limit: {most!r} must be a whole number of at least 1.")
        self.most, self.key, self.name = most, key, name

    def toll(self, owner: str) -> "Toll":
        return Toll(Kind.CONCURRENCY, _policy(self.name or owner, Kind.CONCURRENCY, self.key), self.most, key=self.key)


class Rate:
    """So many units in a period, such as "600/min": a token bucket.

    `burst`: so many at once, by default all of one period's. `cost`: the units of one job.
    """

    __slots__ = ("burst", "cost", "key", "name", "period", "units")

    def __init__(
        self, text: str, *, key: Key = None, burst: int | None = None, cost: Cost = 1, name: str | None = None
    ) -> None:
        self.units, self.period = _per("Rate", text)
        self.burst = self.units if burst is None else burst
        if self.burst not in NUMBERS:
            raise ConfigError(f"Rate: burst={burst!r} must be a whole number of at least 1.")
        self.key, self.cost, self.name = key, cost, name

    def toll(self, owner: str) -> "Toll":
        policy = _policy(self.name or owner, Kind.RATE, self.key)
        return Toll(Kind.RATE, policy, self.units, self.period, self.burst, self.key, self.cost)


class Budget:
    """So many units in a window of the calendar (UTC), such as "1000000/day", and never one more.

    `unit`: what `ctx.spend` calls them; money is given in whole currency and counted in millionths. `cost`: what a job
    is expected to use; it is set aside when the job is claimed.
    """

    __slots__ = ("cost", "key", "name", "period", "unit", "units")

    def __init__(
        self,
        text: str,
        *,
        unit: Literal["requests", "tokens", "money"] = "requests",
        key: Key = None,
        cost: Cost = 1,
        name: str | None = None,
    ) -> None:
        if unit not in ("requests", "tokens", "money"):
            raise ConfigError(f"Budget: unit={unit!r} is not known; it is 'requests', 'tokens' or 'money'.")
        self.units, self.period = _per("Budget", text, MONEY if unit == "money" else 1)
        self.unit, self.key, self.cost, self.name = unit, key, cost, name

    def toll(self, owner: str) -> "Toll":
        policy = _policy(self.name or owner, f"{Kind.BUDGET}-{self.unit}", self.key)
        scale = MONEY if self.unit == "money" else 1
        return Toll(Kind.BUDGET, policy, self.units, self.period, 0, self.key, self.cost, scale)


Limits = Limit | Sequence[Limit] | None
Rates = Rate | Sequence[Rate] | None
Budgets = Budget | Sequence[Budget] | None


class Toll(NamedTuple):
    """A limit of a task, from which each of its jobs gets a gate and what it costs there."""

    kind: Kind
    policy: str
    limit: int
    period: int = 0
    burst: int = 0
    key: Key = None
    cost: Cost = 1
    scale: int = 1

    @property
    def declared(self) -> tuple[int, int, int]:
        return self.limit, self.period, self.burst

    def gate(self, task: str, args: Mapping[str, Any]) -> Gate:
        return Gate(self.kind, self.policy, key_of(task, self.key, args), self.limit, self.period, self.burst)

    def units(self, task: str, args: Mapping[str, Any]) -> int:
        """Say what a job costs. Raises InvalidArguments."""
        if self.cost == 1 and self.scale == 1:
            return 1
        told: Any = self.cost
        if isinstance(told, str):
            told = args.get(told)
        elif callable(told):
            told = told(args)
        if isinstance(told, bool) or not isinstance(told, (int, float, Decimal)) or not 0 <= told <= MOST:
            raise InvalidArguments(task, f"its cost at {self.policy} is {told!r:.80}; it must be a number from 0 on.")
        units = round(told * self.scale)
        most = self.burst or self.limit
        if units > most:
            raise InvalidArguments(task, f"it costs {units:,} at {self.policy}, of which {most:,} are the most.")
        return units


def tolls_of(owner: str, *wishes: Limits | Rates | Budgets) -> tuple[Toll, ...]:
    """List the tolls of a task or queue, each with a policy of its own. Raises ConfigError."""
    found: list[Toll] = []
    for wish in wishes:
        for each in (wish,) if isinstance(wish, (Limit, Rate, Budget)) else wish or ():
            if not isinstance(each, (Limit, Rate, Budget)):
                raise ConfigError(f"{owner}: {each!r} is no limit; give Limit(…), Rate(…) or Budget(…).")
            toll = each.toll(owner)
            alike = sum(toll.policy == other.policy.partition("#")[0] for other in found)
            found.append(toll._replace(policy=f"{toll.policy}#{alike + 1}") if alike else toll)
    return tuple(found)


def key_of(task: str, key: Key, args: Mapping[str, Any]) -> str:
    """Say by what a job is counted, as "user_id=u1"; empty where it is counted with all others."""
    if key is None:
        return ""
    if callable(key):
        return _short(key(args))
    return f"{key}={_short(args.get(key))}"


def order_of(key: str) -> Gate:
    """Make the gate of an order."""
    return Gate(Kind.ORDER, "order", key, 1)


def argument_names(tolls: Sequence[Toll]) -> list[str]:
    """Name the arguments that these count by."""
    named = [each for toll in tolls for each in (toll.key, toll.cost) if isinstance(each, str)]
    return [name for name in named if name not in ("tenant", "owner")]


def _short(value: object) -> str:
    if isinstance(value, str):
        text = value
    else:
        import json

        text = json.dumps(value, default=str, sort_keys=True)
    if len(text) <= LONGEST_KEY and text.isprintable():
        return text
    return "sha256-" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _policy(owner: str, kind: str, key: Key) -> str:
    counted = "" if key is None else "(key)" if callable(key) else f"({key})"
    return f"{owner}:{kind}{counted}"


def _per(what: str, text: str, scale: int = 1) -> tuple[int, int]:
    """Read "600/min" as units and the milliseconds in which they come. Raises ConfigError."""
    number, slash, period = str(text).partition("/")
    try:
        units = round(Decimal(number.strip().replace("_", "")) * scale)
        length = PERIODS[period.strip()]
    except (ArithmeticError, ValueError, KeyError):
        units, length = 0, 0
    if not slash or not 1 <= units <= MOST * scale:
        raise ConfigError(f"{what}: {text!r} must be a number and a period, such as 10/s, 600/min, 1000/h or 50/day.")
    return units, length


def _check_length(what: str, length: object) -> None:
    if not isinstance(length, timedelta) or length <= timedelta(0):
        raise ConfigError(f"{what}: {length!r} must be a timedelta of more than zero.")


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
        key: Key = None,
        per_tenant: bool = True,
        until: Literal["final", "started"] = "final",
        window: timedelta | None = None,
        on_conflict: Literal["skip", "replace", "reschedule", "raise"] = "skip",
    ) -> None:
        known = ("skip", "replace", "reschedule", "raise")
        if on_conflict not in known:
            raise ConfigError(f"Unique: on_conflict={on_conflict!r} is not known; it is one of {', '.join(known)}.")
        if until not in ("final", "started"):
            raise ConfigError(f"Unique: until={until!r} is not known; it is 'final' or 'started'.")
        if window is not None:
            _check_length("Unique: window", window)
        if fields and key is not None:
            raise ConfigError("Unique: give names of arguments, or key=, not both.")
        self.fields, self.on_conflict, self.until, self.per_tenant = fields, on_conflict, until, per_tenant
        self.key_from = key
        self.window = None if window is None else milliseconds(window)

    def key(self, task: str, tenant: str | None, args: Mapping[str, Any]) -> str:
        """Make the key that at most one job may have at a time."""
        import json

        named: object = {name: args.get(name) for name in self.fields}
        if self.key_from is not None:
            named = self.key_from(args) if callable(self.key_from) else self.key_from
        return json.dumps([task, tenant if self.per_tenant else None, named], sort_keys=True, default=str)


class Debounce(Unique):
    """Run so long after the last call, with its arguments: each call puts off the job that waits."""

    __slots__ = ("delay",)

    def __init__(self, delay: timedelta, *fields: str, key: Key = None, per_tenant: bool = True) -> None:
        super().__init__(*fields, key=key, per_tenant=per_tenant, until="started", on_conflict="reschedule")
        _check_length("Debounce", delay)
        self.delay = delay


class Throttle(Unique):
    """Run the first call in a window; until it is over, that job stands for all others."""

    __slots__ = ()

    def __init__(self, window: timedelta, *fields: str, key: Key = None, per_tenant: bool = True) -> None:
        super().__init__(*fields, key=key, per_tenant=per_tenant, until="started", window=window)
