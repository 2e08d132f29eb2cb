"""What may be wished of when jobs run: limits, rates, budgets and orders, and how arguments say by what they count."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from treadle.core.errors import ConfigError, InvalidArguments
from treadle.core.flow.gates import Gate, Kind

if TYPE_CHECKING:
    from decimal import Decimal  # whoever only enqueues need not pay for importing it

Key = str | Callable[[Mapping[str, Any]], object] | None
"""An argument's name, "tenant" or "owner" where no argument is called so, or a function of all arguments."""

Cost: TypeAlias = "int | float | Decimal | str | Callable[[Mapping[str, Any]], object]"
"""Units: a number, an argument's name, or a function of all arguments."""

#: Keys that are the job's own where no argument is called so.
OWN = ("tenant", "owner")

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
        if not _is_number(most):
            raise ConfigError(f"Limit: {most!r} must be a whole number of at least 1.")
        _check("Limit", key, name)
        self.most, self.key, self.name = most, key, name

    def toll(self, owner: str) -> "Toll":
        return Toll(Kind.CONCURRENCY, _policy(self.name or owner, Kind.CONCURRENCY, self.key), self.most, key=self.key)


#: Milliseconds that a burst may be ahead of time: a bucket is kept in one number, which must stay exact in all stores.
LONGEST = 100 * 365 * 86_400_000


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
        if not _is_number(self.burst):
            raise ConfigError(f"Rate: burst={burst!r} must be a whole number of at least 1.")
        if self.burst * self.period > LONGEST * self.units:
            raise ConfigError(f"Rate: burst={burst!r} is what {text!r} allows in more than a hundred years; lower it.")
        _check("Rate", key, name)
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
        _check("Budget", key, name)
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

    def gate(self, key: str) -> Gate:
        return Gate(self.kind, self.policy, key, self.limit, self.period, self.burst)

    def varies(self, own: Collection[str]) -> bool:
        """Say whether its gate or cost depends on a call's arguments; `own`: names that stand for the job's own."""
        return varies(self.key, own) or isinstance(self.cost, str) or callable(self.cost)

    @property
    def is_usual(self) -> bool:
        """Whether each job costs one unit."""
        return type(self.cost) is int and self.cost == 1 and self.scale == 1

    def units(self, task: str, args: Mapping[str, Any]) -> int:
        """Say what a job costs. Raises InvalidArguments."""
        told: Any = self.cost
        if isinstance(told, str):
            told = args.get(told)
        elif callable(told):
            told = told(args)
        units, most = units_of(told, self.scale), self.burst or self.limit
        if units is None:
            raise InvalidArguments(task, f"its cost at {self.policy} is {told!r:.80}; it must be a number from 0 on.")
        if units > most:
            costs, all_of_it = f"{units / self.scale:,.10g}", f"{most / self.scale:,.10g}"
            raise InvalidArguments(task, f"it costs {costs} at {self.policy}, of which {all_of_it} are the most.")
        return units


def tolls_of(owner: str, *wishes: Limits | Rates | Budgets) -> tuple[Toll, ...]:
    """List the tolls of a task or queue, each with a policy of its own. Raises ConfigError."""
    found: dict[str, Toll] = {}
    for wish in wishes:
        for each in wish if isinstance(wish, (list, tuple)) else () if wish is None else (wish,):
            if not isinstance(each, (Limit, Rate, Budget)):
                raise ConfigError(f"{owner}: {each!r} is no limit; give Limit(…), Rate(…) or Budget(…).")
            toll = each.toll(owner)
            policy, number = toll.policy, 1
            while policy in found:
                number += 1
                policy = f"{toll.policy}#{number}"
            found[policy] = toll._replace(policy=policy)
    return tuple(found.values())


def varies(key: Key, own: Collection[str]) -> bool:
    """Say whether a key depends on a call's arguments."""
    return key is not None and (callable(key) or key not in own)


def key_of(key: Key, args: Mapping[str, Any]) -> str:
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
    return [name for name in named if name not in OWN]


def units_of(amount: object, scale: int = 1) -> int | None:
    """Count an amount in whole units, of which `scale` make one; None for what is no number from 0 on.

    A part of a unit counts as one: so no cap is broken by rounding.
    """
    from decimal import ROUND_CEILING, Decimal

    if isinstance(amount, bool) or not isinstance(amount, (int, float, Decimal)):
        return None
    # A float as it is written: 0.1 is not a little more than a tenth.
    exact = Decimal(repr(float(amount))) if isinstance(amount, float) else Decimal(amount)
    if not exact.is_finite() or not 0 <= exact <= MOST:
        return None
    return int((exact * scale).to_integral_value(ROUND_CEILING))


def _short(value: object) -> str:
    if isinstance(value, str):
        text = value
    elif type(value) is int:
        text = str(value)
    else:
        import json

        text = json.dumps(value, default=str, sort_keys=True)
    if len(text) <= LONGEST_KEY and text.isprintable():
        return text
    from hashlib import sha256

    return "sha256-" + sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _is_number(value: object) -> bool:
    return type(value) is int and value in NUMBERS


def _check(what: str, key: object, name: object) -> None:
    """Refuse what would count by nothing, or could not be named by an operator."""
    if not (key is None or isinstance(key, str) or callable(key)):
        raise ConfigError(f"{what}: key={key!r} must be an argument's name, or a function of the arguments.")
    if name is not None and not (isinstance(name, str) and name.isprintable() and 0 < len(name) <= LONGEST_KEY):
        raise ConfigError(f"{what}: name={name!r:.80} must be 1 to {LONGEST_KEY} printable characters.")


def _policy(owner: str, kind: str, key: Key) -> str:
    counted = "" if key is None else "(key)" if callable(key) else f"({key})"
    return f"{owner}:{kind}{counted}"


def _per(what: str, text: str, scale: int = 1) -> tuple[int, int]:
    """Read "600/min" as units and the milliseconds in which they come. Raises ConfigError."""
    from decimal import Decimal

    number, slash, period = str(text).partition("/")
    try:
        exact = Decimal(number.strip().replace("_", "")) * scale
        units, length = int(exact), PERIODS[period.strip()]
    except (ArithmeticError, ValueError, KeyError):
        exact, units, length = Decimal(0), 0, 0
    if not slash or units != exact or not 1 <= units <= MOST * scale:
        raise ConfigError(f"{what}: {text!r} must be a number and a period, such as 10/s, 600/min, 1000/h or 50/day.")
    return units, length
