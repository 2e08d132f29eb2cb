"""What a provider's headers say of the pace it bears: when to come back, and how far apart. Pure; never raises.

Read are `Retry-After` (RFC 9110 10.2.3), `RateLimit` and `RateLimit-Remaining`/`-Reset` (IETF httpapi drafts),
`X-RateLimit-Remaining`/`-Reset` (GitHub and others: seconds, or seconds since 1970), OpenAI's
`x-ratelimit-remaining-requests`/`-reset-requests` ("6m0s") and Anthropic's `anthropic-ratelimit-requests-remaining`/
`-reset` (RFC 3339).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from treadle.core.flow.gates import Park

#: Nobody is parked for longer than this: a header is what a stranger says. Milliseconds.
LONGEST = 24 * 3600 * 1000

#: A header longer than this is not read.
LONGEST_HEADER = 200

PAIRS = (
    ("ratelimit-remaining", "ratelimit-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
)

_PARTS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)")
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")


def pace_from(headers: Mapping[str, str], now: float) -> Park | None:
    """Say how long to wait and how far apart to go on; None where nothing is said. `now`: seconds since 1970."""
    told = {str(name).lower(): str(value).strip() for name, value in headers.items()}
    told = {name: value for name, value in told.items() if len(value) <= LONGEST_HEADER}
    wait = _retry_after(told.get("retry-after", ""), now)
    windows = [window for window in (_draft(told.get("ratelimit", "")), *_pairs(told, now)) if window is not None]
    spent = [reset for remaining, reset in windows if remaining < 1]
    open_ = [(reset * 1000 // max(1, int(remaining)), reset) for remaining, reset in windows if remaining >= 1]
    spacing, holds = max(open_, default=(0, 0))
    wait = max([wait or 0, *spent])
    if not wait and not spacing:
        return None
    return Park(min(wait, LONGEST), spacing, min(holds, LONGEST) if spacing else 0)


def _retry_after(text: str, now: float) -> int | None:
    if _NUMBER.fullmatch(text):
        return min(LONGEST, round(float(text) * 1000))
    try:
        at = parsedate_to_datetime(text)
        return max(0, min(LONGEST, round((at.timestamp() - now) * 1000)))
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def _draft(text: str) -> tuple[float, int] | None:
    """Read `"default";r=50;t=30`, or the older `limit=100, remaining=50, reset=30`."""
    found = dict(re.findall(r"\b(r|t|remaining|reset)=([0-9]{1,15})", text))
    remaining, reset = found.get("r", found.get("remaining")), found.get("t", found.get("reset"))
    return None if remaining is None or reset is None else (float(remaining), min(LONGEST, int(reset) * 1000))


def _pairs(told: Mapping[str, str], now: float) -> list[tuple[float, int]]:
    found = []
    for remaining, reset in PAIRS:
        left, until = told.get(remaining, ""), _reset(told.get(reset, ""), now)
        if _NUMBER.fullmatch(left) and until is not None:
            found.append((float(left), until))
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
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0, min(LONGEST, round((at.timestamp() - now) * 1000)))
