"""What a provider's headers say of the pace it bears: when to come back, and how far apart. Pure; never raises.

Read are `Retry-After` (RFC 9110 10.2.3), `RateLimit` and `RateLimit-Policy`, `RateLimit-Remaining`/`-Reset` (IETF
httpapi drafts), `X-RateLimit-Remaining`/`-Reset` (GitHub and others: seconds, or seconds since 1970), OpenAI's
`x-ratelimit-remaining-requests`/`-reset-requests` ("6m0s") and Anthropic's `anthropic-ratelimit-requests-remaining`/
`-reset` (RFC 3339), each with the `-limit` beside it.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from treadle.core.flow.gates import Park

#: Nobody is parked for longer than this: a header is what a stranger says. Milliseconds.
LONGEST = 24 * 3600 * 1000

#: A header longer than this is not read.
LONGEST_HEADER = 200

#: Where the limit is told, jobs are spaced only once less than this part of it is left.
LITTLE = 0.2

WINDOWS = (
    ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
    ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    (
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ),
)

_PARTS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)")
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")
_PARAMETER = re.compile(r"\b([a-z]+) *= *([0-9]{1,15})\b")


class Window(NamedTuple):
    """What one limit of the other side leaves."""

    limit: float
    """0: it is not told."""
    remaining: float
    reset: int
    """Milliseconds."""

    @property
    def is_low(self) -> bool:
        return not self.limit or self.remaining < self.limit * LITTLE

    @property
    def spacing(self) -> int:
        """Microseconds between two requests, so that what is left lasts."""
        return self.reset * 1000 // max(1, int(self.remaining))


def pace_from(headers: Mapping[str, str], now: float) -> Park | None:
    """Say how long to wait and how far apart to go on; None where nothing is said. `now`: seconds since 1970."""
    told = {str(name).lower(): str(value).strip() for name, value in headers.items()}
    told = {name: value for name, value in told.items() if len(value) <= LONGEST_HEADER}
    wait = _retry_after(told.get("retry-after", ""), now)
    windows = [*_draft(told), *_windows(told, now)]
    spent = [window.reset for window in windows if window.remaining < 1]
    low = [(window.spacing, window.reset) for window in windows if window.remaining >= 1 and window.is_low]
    spacing, holds = max(low, default=(0, 0))
    wait = max([wait or 0, *spent])
    if not wait and not spacing:
        return None
    return Park(min(wait, LONGEST), spacing, min(holds, LONGEST) if spacing else 0)


def _retry_after(text: str, now: float) -> int | None:
    if _NUMBER.fullmatch(text):
        return min(LONGEST, round(float(text) * 1000))
    try:
        return _until(parsedate_to_datetime(text), now)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def _draft(told: Mapping[str, str]) -> list[Window]:
    """Read `"burst";r=50;t=30, "daily";r=0;t=900`, or the older `limit=100, remaining=50, reset=30`."""
    text = told.get("ratelimit", "")
    quotas = {_named(item): _parameters(item).get("q", 0) for item in told.get("ratelimit-policy", "").split(",")}
    items = [text] if "remaining" in text else text.split(",")
    found = []
    for item in items:
        told_of = _parameters(item)
        remaining, reset = told_of.get("r", told_of.get("remaining")), told_of.get("t", told_of.get("reset"))
        if remaining is not None and reset is not None:
            limit = told_of.get("limit", quotas.get(_named(item), 0))
            found.append(Window(limit, remaining, min(LONGEST, reset * 1000)))
    return found


def _named(item: str) -> str:
    return item.partition(";")[0].strip(' "')


def _parameters(item: str) -> dict[str, int]:
    return {name: int(value) for name, value in _PARAMETER.findall(item)}


def _windows(told: Mapping[str, str], now: float) -> list[Window]:
    found = []
    for limit, remaining, reset in WINDOWS:
        left, until = told.get(remaining, ""), _reset(told.get(reset, ""), now)
        if _NUMBER.fullmatch(left) and until is not None:
            most = _NUMBER.match(told.get(limit, ""))
            found.append(Window(float(most.group()) if most else 0, float(left), until))
    return found


def _reset(text: str, now: float) -> int | None:
    """Read seconds, seconds since 1970, "6m0s" or RFC 3339 as milliseconds from now."""
    if _NUMBER.fullmatch(text):
        seconds = float(text)
        seconds = seconds - now if seconds > 1_000_000_000 else seconds
        return max(0, min(LONGEST, round(seconds * 1000)))
    parts = _PARTS.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return min(LONGEST, round(sum(float(number) * _UNITS[unit] for number, unit in parts)))
    try:
        return _until(datetime.fromisoformat(text), now)
    except (ValueError, OverflowError):
        return None


def _until(at: datetime, now: float) -> int:
    """Count the milliseconds until then. A time without a zone is UTC's."""
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0, min(LONGEST, round((at.timestamp() - now) * 1000)))
