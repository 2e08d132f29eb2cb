"""Dates of mail headers to milliseconds since 1970 UTC. Nonsense is None; the caller knows a better date."""

import re
from datetime import UTC, date, datetime
from email.utils import mktime_tz, parsedate_tz

EARLIEST = 315_532_800_000
"""1980-01-01: no mail that still matters is older."""
AHEAD = 2 * 86_400_000
"""How far a clock may run ahead before we do not believe it: two days, in milliseconds."""


USUAL = re.compile(
    r"\s*(?:[A-Za-z]{3},)?\s*(\d{1,2})\s+([A-Za-z]{3})\s+(\d{4})\s+(\d{1,2}):(\d{2})(?::(\d{2}))?\s+([+-])(\d{2})([0-5]\d)\b"
)
MONTHS = {name: n for n, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
EPOCH = date(1970, 1, 1).toordinal()


def parse_date(value: str, now: int) -> int | None:
    """Read an RFC 5322 (or ISO 8601) date; None if it is no date, or before 1980, or later than now + 2 days."""
    instant = _usual(value) or _rfc5322(value[:200])
    if instant is None:
        instant = _iso(value[:200])
    return instant if instant is not None and EARLIEST <= instant <= now + AHEAD else None


def received_date(received: str, now: int) -> int | None:
    """Read the date after the last semicolon of a Received header."""
    return parse_date(received.rpartition(";")[2].strip(), now) if received else None


def _usual(value: str) -> int | None:
    """Read the form that nearly all mail has; ten times faster than the stdlib's reader of all forms."""
    if (found := USUAL.match(value)) is None:
        return None
    day, month, year, hour, minute, second, sign, east, half = found.groups()
    try:
        days = date(int(year), MONTHS[month.lower()], int(day)).toordinal() - EPOCH
    except (KeyError, ValueError):
        return None
    offset = (int(east) * 60 + int(half)) * (-60 if sign == "-" else 60)
    return (days * 86_400 + int(hour) * 3600 + int(minute) * 60 + int(second or 0) - offset) * 1000


def _rfc5322(value: str) -> int | None:
    try:
        fields = parsedate_tz(value)
        return None if fields is None else int(mktime_tz(fields)) * 1000
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def _iso(value: str) -> int | None:
    try:
        moment = datetime.fromisoformat(value.strip())
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
