"""When a cron expression fires: five fields, read once, and our own arithmetic over instants. Pure.

minute hour day-of-month month day-of-week      names, lists, ranges, steps; Sunday is 0 and 7

Where both day fields are restricted, either may match (crontab(5)). Where clocks change:
  named hours (`30 2 * * *`)     each local time once: in the gap at the first instant after it, in the fold the first
  every hour (`*/30 * * * *`)    by real time: nothing is added in the gap, nothing left out in the fold
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NoReturn

from treadle.core.errors import ConfigError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)

#: Days to look ahead: 29 February falls on each weekday within 40 years, also around 2100.
HORIZON = 41 * 366

#: No honest expression is longer.
LONGEST = 500

MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
WEEKDAYS = {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())}
LONGEST_MONTHS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}

MACROS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression that has been understood."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    either: bool
    """The day of the month or the day of the week is enough."""

    def on(self, day: date) -> bool:
        """Say whether it fires on this date."""
        if day.month not in self.months:
            return False
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_date or by_weekday if self.either else by_date and by_weekday

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Field:
    """One of the five places: what it is called and what may stand there."""

    name: str
    least: int
    most: int
    names: Mapping[str, int] = field(default_factory=dict)


FIELDS = (
    Field("minute", 0, 59), Field("hour", 0, 23), Field("day of month", 1, 31), Field("month", 1, 12, MONTHS),
    Field("day of week", 0, 7, WEEKDAYS),
)  # fmt: skip


def _fields(text: str, words: list[str]) -> str:
    if len(text) > LONGEST:
        return "too many fields"
    return f"{len(words)} field{'' if len(words) == 1 else 's'}"


# -- reading ---------------------------------------------------------------------------


def parse(text: str) -> Cron:
    """Understand a cron expression. Raises ConfigError that names the field, what is wrong and what may stand there."""
    words = MACROS.get(text.strip().lower(), text).split() if len(text) <= LONGEST else []
    if text.strip().startswith("@") and len(words) == 1:
        raise ConfigError(f"{text[:60]!r} is not known; there are {', '.join(sorted(MACROS))}.")
    if len(words) != len(FIELDS):
        raise ConfigError(
            f"The cron expression {text[:60]!r} has {_fields(text, words)}; it takes five: minute, hour,"
            " day of month, month, day of week. (For seconds: app.every(timedelta(seconds=10)).)"
        )
    minutes, hours, days, months, weekdays = (_Reader(text, *pair).read() for pair in zip(FIELDS, words, strict=True))
    cron = Cron(
        " ".join(words), tuple(sorted(minutes)), tuple(sorted(hours)), days, months,
        frozenset(day % 7 for day in weekdays), either=not words[2].startswith("*") and not words[4].startswith("*"),
    )  # fmt: skip
    if not cron.either and not any(min(days) <= LONGEST_MONTHS.get(month, 31) for month in months):
        raise ConfigError(f"The cron expression {text!r} never fires: no month that it names has a day {min(days)}.")
    return cron


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one field."""

    text: str
    field: Field
    word: str

    def read(self) -> frozenset[int]:
        return frozenset(number for item in self.word.split(",") for number in self._item(item))

    def _item(self, item: str) -> range:
        span, slash, step = item.partition("/")
        numbers = self._span(span)
        if not slash:
            return numbers
        if len(numbers) == 1:
            self._fail(f"{item!r} steps through a single value; write {span}-{self.field.most}/{step} or */{step}")
        width = self._number(step, {}) if step else 0
        if not 1 <= width <= self.field.most:
            self._fail(f"the step {step!r} must be a number from 1 to {self.field.most}")
        return numbers[::width]

    def _span(self, span: str) -> range:
        if span == "*":
            # 7 is another name of Sunday: a step must not count it twice.
            return range(
                self.field.least, min(self.field.most, 6) + 1 if self.field.names is WEEKDAYS else self.field.most + 1
            )
        low, dash, high = span.partition("-")
        first = self._value(low)
        last = self._value(high) if dash else first
        if self.field.names is WEEKDAYS and last == 0 < first:
            last = 7
        if last < first:
            self._fail(f"the range {span!r} runs backwards; write the two parts with a comma")
        return range(first, last + 1)

    def _value(self, text: str) -> int:
        number = self._number(text, self.field.names)
        if not self.field.least <= number <= self.field.most:
            self._fail(f"{number} is out of range")
        return number

    def _number(self, text: str, names: Mapping[str, int]) -> int:
        if text.lower() in names:
            return names[text.lower()]
        if not (text.isascii() and text.isdecimal() and len(text) <= 4):
            self._fail(f"{text!r} is not understood")
        return int(text)

    def _fail(self, wrong: str) -> NoReturn:
        names = f", or {'-'.join((*self.field.names,)[:: len(self.field.names) - 1])}" if self.field.names else ""
        raise ConfigError(
            f"The cron expression {self.text!r}, field {self.field.name} ({self.word!r}): {wrong}."
            f" Allowed are {self.field.least}-{self.field.most}{names}, with * , - and /."
        )


# -- firing ----------------------------------------------------------------------------


def next_after(cron: Cron, instant: int, zone: tzinfo) -> int | None:
    """Find when it fires first after this instant, in milliseconds since 1970; None past the end of the calendar."""
    try:
        after = EPOCH + timedelta(milliseconds=instant)
        found = _by_real_time(cron, after, zone) if len(cron.hours) == 24 else _by_the_clock(cron, after, zone)
    except OverflowError:
        return None
    return None if found is None else round((found - EPOCH) / timedelta(milliseconds=1))


def _by_the_clock(cron: Cron, after: datetime, zone: tzinfo) -> datetime | None:
    """Each local time of each day once, whatever the clocks do."""
    wall = after.astimezone(zone)
    for day in _days(cron, wall.date()):
        for hour in cron.hours:
            for minute in cron.minutes:
                if day == wall.date() and (hour, minute) <= (wall.hour, wall.minute):
                    continue
                found = instant_of(datetime(day.year, day.month, day.day, hour, minute), zone)
                if found > after:  # in the second half of a fold the first has been
                    return found
    return None


def _by_real_time(cron: Cron, after: datetime, zone: tzinfo) -> datetime | None:
    """Each minute that a clock on the wall really shows, twice where it shows it twice."""
    moment = after.replace(second=0, microsecond=0) + MINUTE
    while True:
        wall = moment.astimezone(zone)
        if not cron.on(wall.date()):
            day = next(_days(cron, wall.date()), None)
            if day is None:
                return None
            moment = max(moment + MINUTE, instant_of(datetime(day.year, day.month, day.day), zone))
        elif wall.minute in cron.minutes:
            return moment
        else:
            ahead = next((minute for minute in cron.minutes if minute > wall.minute), 60) - wall.minute
            leap = moment + MINUTE * ahead
            # Where clocks change on the way, minutes may be shown that the leap would miss.
            changed = leap.astimezone(zone).utcoffset() != wall.utcoffset()
            moment = moment + MINUTE if changed else leap


def _days(cron: Cron, first: date) -> Iterator[date]:
    """Give the dates on which it fires, from this one on."""
    for ahead in range(HORIZON):
        day = first + DAY * ahead
        if cron.on(day):
            yield day


def instant_of(wall: datetime, zone: tzinfo) -> datetime:
    """Find when clocks in this zone first show this time or, where they skip it, the first instant after the gap."""
    found = wall.replace(tzinfo=zone).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall:
        return found
    # In a gap fold=0 answers by the offset before it, fold=1 by the one after (PEP 495): that encloses the change.
    early, late = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), found
    before = early.astimezone(zone).utcoffset()
    while late - early > SECOND:
        middle = early + (late - early) // 2
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late.replace(microsecond=0)
