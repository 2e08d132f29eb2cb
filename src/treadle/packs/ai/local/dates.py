"""A small grammar of due dates, relative to the day of the letter. English, German, French, Spanish.

No date is better than a false one: what is ambiguous, past or impossible gives None.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from treadle.packs.ai.local.tables import load
from treadle.packs.ai.local.words import fold

_AHEAD = timedelta(days=400)
_JUST_PAST = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Due:
    """A day, where in the text it is said, and whether a word like "until" stands before it."""

    day: date
    start: int
    end: int
    marked: bool


def find_due(text: str, sent: date, lang: str) -> Due | None:
    """Find the day until which something is wanted, in one sentence; None if there is none that we are sure of."""
    found = sorted(_all(fold(text), sent, lang), key=lambda due: (not due.marked, due.start))
    return found[0] if found else None


def _all(text: str, sent: date, lang: str) -> Iterator[Due]:
    for rule, read in _grammar():
        for match in rule.finditer(text):
            before = text[max(0, match.start() - 32) : match.start()]
            marked = read in _SELF_MARKED or bool(_until().search(before))
            if (not marked and _told_before().search(before)) or _told_after().match(text, match.end()):
                continue
            day = read(match, sent, lang)
            if day is not None and sent <= day <= sent + _AHEAD:
                yield Due(day, match.start(), match.end(), marked)


@cache
def day_words() -> frozenset[str]:
    """Give the folded names of months and weekdays, and words such as `tomorrow`."""
    offsets = (name for names in load("dates")["offsets"].values() for name in names)
    return frozenset((*_numbered("months"), *_numbered("days"), *offsets)) - {"may", "mar", "sun", "sat", "mon", "sept"}


# ------------------------------------------------------------------------------------------- how each form is read


def _iso(match: re.Match[str], sent: date, lang: str) -> date | None:
    return _date(int(match["year"]), int(match["m"]), int(match["d"]))


def _dotted(match: re.Match[str], sent: date, lang: str) -> date | None:
    return _dated(sent, match["year"], int(match["m"]), int(match["d"]))


def _slashed(match: re.Match[str], sent: date, lang: str) -> date | None:
    first, second = int(match["d"]), int(match["m"])
    if lang == "en" and first <= 12 and second <= 12 and first != second:
        return None  # 03/04 is March in one country and April in the next
    month, day = (first, second) if second > 12 else (second, first)
    return _dated(sent, match["year"], month, day)


def _named(match: re.Match[str], sent: date, lang: str) -> date | None:
    return _dated(sent, match["year"], _numbered("months")[match["month"]], int(match["d"]))


def _weekday(match: re.Match[str], sent: date, lang: str) -> date | None:
    wanted = _numbered("days")[match["weekday"]] - 1
    if match["next"] == "next":
        return sent + timedelta(days=7 - sent.weekday() + wanted)
    ahead = (wanted - sent.weekday()) % 7
    return sent + timedelta(days=ahead) if ahead else None  # its own weekday: today or in a week?


def _relative(match: re.Match[str], sent: date, lang: str) -> date | None:
    offsets = load("dates")["offsets"]
    return sent + timedelta(days=next(int(days) for days, names in offsets.items() if match[0] in names))


def _spanish_tomorrow(match: re.Match[str], sent: date, lang: str) -> date | None:
    return sent + timedelta(days=1) if lang == "es" else None


def _within(match: re.Match[str], sent: date, lang: str) -> date | None:
    count = int(match["count"]) if match["count"].isdecimal() else _numbered("numbers")[match["count"]]
    unit = match["unit"]
    if unit.startswith(("week", "woche", "sem")):
        return sent + timedelta(weeks=count)
    if any(mark in unit for mark in ("working", "business", "werk", "arbeit", "ouvr", "habil")):
        return _working_days(sent, count)
    return sent + timedelta(days=count)


def _week(match: re.Match[str], sent: date, lang: str) -> date | None:
    """Take the Friday, the last day that still keeps the promise."""
    coming = any(word in match[0] for word in ("next", "nachste", "kommende", "prochaine", "proxima", "viene"))
    return sent + timedelta(days=4 - sent.weekday() + 7 * coming)


def _month_end(match: re.Match[str], sent: date, lang: str) -> date | None:
    name = match.groupdict().get("month")
    month = _numbered("months")[name] if name else sent.month
    year = sent.year + (month < sent.month)
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def _dated(sent: date, year: str | None, month: int, day: int) -> date | None:
    """Give a date without a year the coming one. A day just past means the past, not next year."""
    if year:
        return _date(int(year) if len(year) == 4 else 2000 + int(year), month, day)
    this = _date(sent.year, month, day)
    if this is not None and this >= sent:
        return this
    if this is not None and sent - this < _JUST_PAST:
        return None
    return _date(sent.year + 1, month, day)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _working_days(sent: date, count: int) -> date:
    day = sent
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


# -------------------------------------------------------------------------------------------- the grammar's patterns

Reader = Callable[[re.Match[str], date, str], date | None]

_READERS: Mapping[str, Reader] = {
    "iso": _iso,
    "dotted": _dotted,
    "slashed": _slashed,
    "day_month": _named,
    "month_day": _named,
    "weekday": _weekday,
    "relative": _relative,
    "spanish_tomorrow": _spanish_tomorrow,
    "within": _within,
    "week": _week,
    "month_end": _month_end,
}
#: Forms that only make sense as a time to come: they need no "by" before them.
_SELF_MARKED: frozenset[Reader] = frozenset({_within, _month_end})
_UNIT = (
    r"(?P<unit>(?:working |business )?days?|werktagen?|arbeitstagen?|tagen?|jours? ouvr(?:es|ables)|jours?"
    r"|dias? habiles|dias?|weeks?|wochen?|semaines?|semanas?)\b"
)


@cache
def _grammar() -> tuple[tuple[re.Pattern[str], Reader], ...]:
    rules = load("dates")["grammar"]
    return tuple(
        (re.compile(_filled(rule)), read)
        for name, read in _READERS.items()
        for rule in ([rules[name]] if isinstance(rules[name], str) else rules[name])
    )


def _filled(rule: str) -> str:
    months, days = _any(_numbered("months")), _any(_numbered("days"))
    offsets = _any([name for names in load("dates")["offsets"].values() for name in names])
    which = r"(?:this|next|dieser|diese|nachster|nachsten|kommender|kommende)"
    for name, pattern in (
        (" YEAR", r"(?:,? (?:de |del )?(?P<year>20\d\d)\b)?"),
        ("YEAR", r"(?:,? (?P<year>20\d\d)\b)?"),
        ("MONTHS", months),
        ("MONTH", rf"(?P<month>{months})\b\.?"),
        ("DAY", rf"(?P<weekday>{days})(?:vormittag|nachmittag|mittag|abend)?\b"),
        ("OFFSETS", offsets),
        ("WHICH", which),
        ("COUNT", rf"(?P<count>\d{{1,2}}|{_any(_numbered('numbers'))})"),
        ("UNIT", _UNIT),
    ):
        rule = rule.replace(name, pattern)
    return rule


@cache
def _numbered(name: str) -> dict[str, int]:
    """Number the words of a list of lines from 1: every word of a line has the line's number."""
    lines: Sequence[str] = load("dates")[name]
    return {word: number for number, line in enumerate(lines, start=1) for word in line.split()}


@cache
def _until() -> re.Pattern[str]:
    table = load("dates")
    day = rf"(?: (?:{_any(_numbered('days'))}),?)?"
    return re.compile(
        rf"\b(?:{_any(table['until'])})(?: (?:{_any(table['between'])}))?{day}(?: (?:den|the|le|el))?[ :]*$"
    )


@cache
def _told_before() -> re.Pattern[str]:
    between = _any(["the", "dem", "den", "le", "el", "last", *_numbered("days")])
    return re.compile(rf"\b(?:{_any(load('dates')['told_before'])})(?: (?:{between}),?)? ?$")


@cache
def _told_after() -> re.Pattern[str]:
    return re.compile("|".join(load("dates")["told_after"]))


def _any(words: Sequence[str] | Mapping[str, object]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))
