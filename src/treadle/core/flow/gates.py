"""Gates: what a job must pass before it runs. What a store remembers of one is its standing; all moves are pure.

enqueue names the gates ──> claim asks each, enters all or none ──> settle leaves
"""

from enum import StrEnum
from functools import cached_property
from math import ceil
from typing import NamedTuple

#: What `ask` answers beside an instant: it passes; or it is shut until somebody leaves or an operator opens it.
PASSES, SHUT = 0, -1


class Kind(StrEnum):
    """What a gate counts."""

    CONCURRENCY = "concurrency"
    """So many at once."""
    ORDER = "order"
    """One at a time, and its successors wait until it has ended for good."""
    RATE = "rate"
    """So many units in a period, as a token bucket."""
    BUDGET = "budget"
    """So many units in a window of the calendar, such as a day of UTC; never one more."""


# To look a member up takes as long as what is done with it here, several times for each claim.
CONCURRENCY, ORDER, RATE = Kind.CONCURRENCY.value, Kind.ORDER.value, Kind.RATE.value


class _Gate(NamedTuple):
    kind: str
    policy: str
    """Whose limit it is, such as "mail.sync:rate"; the same for all its keys."""
    key: str
    """What it is counted by, such as "user_id=u1"; empty: all together."""
    limit: int
    period: int = 0
    burst: int = 0
    """Units that may come at once."""


class Gate(_Gate):
    """One limit as it applies to one job. `limit` is a count of jobs, or of units in a `period` of milliseconds."""

    @cached_property  # asked several times for each claim
    def name(self) -> str:
        return f"{self.policy}:{self.key}" if self.key else self.policy

    @cached_property
    def unit(self) -> float:
        """Give the microseconds that a unit costs a bucket."""
        return self.period * 1000 / self.limit

    @cached_property
    def one(self) -> tuple[int, int]:
        """Give what an entry of one unit costs the bucket, and how far ahead of time it may be."""
        return ceil(min(1, self.burst) * self.unit), ceil(self.burst * self.unit)


class Standing(NamedTuple):
    """What a store remembers of a gate; a gate of which it remembers nothing is at rest."""

    used: int = 0
    """Jobs that have entered and not left; for a budget, units that are spent or set aside in its window."""
    mark: int = 0
    """Rate: the microsecond until which its bucket is owed. Budget: the number of its window."""
    until: int = 0
    """The millisecond until which it is parked."""
    spacing: int = 0
    """Microseconds between two entries, as the other side's headers told."""
    spaced_until: int = 0
    """The millisecond until which that holds."""
    holder: str = ""
    """Order: the id of the job that has entered and not ended."""


REST = Standing()


class Park(NamedTuple):
    """What the other side said: nothing for so many milliseconds, then one job each `spacing` microseconds."""

    wait: int
    spacing: int = 0
    spaced_for: int = 0


def ask(gate: Gate, standing: Standing, id: str, cost: int, now: int) -> int:
    """Say whether this job may enter: PASSES, SHUT, or the millisecond at which to ask again."""
    used, mark, until, _, spaced_until, holder = standing
    if until > now:
        return until
    kind = gate.kind
    if kind == CONCURRENCY:
        return PASSES if used < gate.limit else SHUT
    if kind == RATE:
        if gate.limit <= 0:
            return SHUT  # an operator lets nobody through
        step, ahead = _spaced(gate, standing, cost, now)
        opens = max(now * 1000, mark) + step - ahead
        if opens <= now * 1000:
            return PASSES
        # What the other side told holds only so long; after that the gate may be nearer to open.
        return min(ceil(opens / 1000), spaced_until) if spaced_until > now else ceil(opens / 1000)
    if kind == ORDER:
        return PASSES if holder in ("", id) else SHUT
    window = now // gate.period
    spent = used if mark == window else 0
    return PASSES if spent + cost <= gate.limit else (window + 1) * gate.period


def enter(gate: Gate, standing: Standing, id: str, cost: int, now: int) -> Standing:
    """Let a job in that `ask` lets pass."""
    kind = gate.kind
    # Written out, for `_replace` takes four times as long, and each claim comes by here.
    used, mark, until, spacing, spaced_until, holder = standing
    if kind == CONCURRENCY:
        return Standing(used + 1, mark, until, spacing, spaced_until, holder)
    if kind == RATE:
        owed = max(now * 1000, mark) + _spaced(gate, standing, cost, now)[0]
        return Standing(used, owed, until, spacing, spaced_until, holder)
    if kind == ORDER:
        return Standing(used, mark, until, spacing, spaced_until, id)
    window = now // gate.period
    return Standing((used if mark == window else 0) + cost, window, until, spacing, spaced_until, holder)


def leave(gate: Gate, standing: Standing, id: str, *, final: bool) -> Standing:
    """Let a job out whose attempt has ended; `final`: it will not come again by itself."""
    kind = gate.kind
    if kind == CONCURRENCY:
        used, mark, until, spacing, spaced_until, holder = standing
        return Standing(max(0, used - 1), mark, until, spacing, spaced_until, holder)
    if kind == ORDER and final and standing.holder == id:
        return standing._replace(holder="")
    return standing


def adjust(standing: Standing, units: int, window: int) -> Standing:
    """Correct what was set aside in a budget's window by so many units, if that window is still the current one."""
    return standing._replace(used=max(0, standing.used + units)) if standing.mark == window else standing


def park(standing: Standing, told: Park, now: int) -> Standing:
    """Shut a gate for as long as the other side said; a longer stop that was said before holds."""
    standing = standing._replace(until=max(standing.until, now + told.wait))
    if not told.spacing:
        return standing
    return standing._replace(spacing=told.spacing, spaced_until=now + told.spaced_for)


def idle_at(gate: Gate, standing: Standing, now: int) -> int | None:
    """Say from which millisecond on this standing says no more than none would; None: not by itself."""
    kind = gate.kind
    used, mark, until, _, spaced_until, holder = standing
    if holder or (used and kind == CONCURRENCY):
        return None
    told = max(now, until, spaced_until)
    if kind == RATE:
        return max(told, ceil(mark / 1000))
    if kind == Kind.BUDGET:
        return max(told, (mark + 1) * gate.period)
    return told


def _spaced(gate: Gate, standing: Standing, cost: int, now: int) -> tuple[int, int]:
    """Give the microseconds that this entry costs the bucket, and how far ahead of time it may be.

    This is the generic cell rate algorithm (ITU-T I.371), which keeps a token bucket in one number.
    """
    step, ahead = gate.one
    if cost != 1:
        step = ceil(min(cost, gate.burst) * gate.unit)  # more than fits would wait for ever
    # The other side counts requests, whatever each costs here: so the spacing is one of entries, not of units.
    if standing.spaced_until > now and standing.spacing > step:
        return standing.spacing, standing.spacing
    return step, ahead
