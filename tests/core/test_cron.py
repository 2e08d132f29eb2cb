"""When cron expressions fire: tables, a plain oracle, and twenty years of three zones whose clocks change.

P9; the cases are those of the project's list of what other schedulers got wrong.
"""

import contextlib
from collections import Counter
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.core.cron import Cron, next_after, parse
from treadle.core.errors import ConfigError

PARIS = ZoneInfo("Europe/Paris")
BERLIN, NEW_YORK, LORD_HOWE = map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe"))
#: Its clocks went from 00:00 to 01:00, and from 00:00 back to 23:00 of the day before.
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
#: Had no 30 December 2011.
APIA = ZoneInfo("Pacific/Apia")


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def firings(expression: str, start: str, zone: tzinfo, number: int) -> list[str]:
    """List the first firings after a local time, as a clock on the wall shows them."""
    cron, instant = parse(expression), milliseconds(datetime.fromisoformat(start).replace(tzinfo=zone))
    found = []
    for _ in range(number):
        following = next_after(cron, instant, zone)
        assert following is not None
        assert following > instant
        instant = following
        found.append(datetime.fromtimestamp(instant / 1000, zone).isoformat(timespec="minutes"))
    return found


@pytest.mark.parametrize(
    ("expression", "first", "second"),
    [
        ("* * * * *", "2026-01-01T00:01", "2026-01-01T00:02"),
        ("0 8 * * *", "2026-01-01T08:00", "2026-01-02T08:00"),
        ("*/20 9-10 * * *", "2026-01-01T09:00", "2026-01-01T09:20"),
        ("5,35 0 * * *", "2026-01-01T00:05", "2026-01-01T00:35"),
        ("10-50/20 0 * * *", "2026-01-01T00:10", "2026-01-01T00:30"),
        ("0 12 * * 0", "2026-01-04T12:00", "2026-01-11T12:00"),
        ("0 12 * * 7", "2026-01-04T12:00", "2026-01-11T12:00"),
        ("0 12 * * SUN", "2026-01-04T12:00", "2026-01-11T12:00"),
        ("0 12 * * fri-sun", "2026-01-02T12:00", "2026-01-03T12:00"),
        ("0 12 * * 1-5", "2026-01-01T12:00", "2026-01-02T12:00"),
        ("0 0 * * */7", "2026-01-04T00:00", "2026-01-11T00:00"),
        ("0 0 1 */3 *", "2026-04-01T00:00", "2026-07-01T00:00"),
        ("0 0 31 * *", "2026-01-31T00:00", "2026-03-31T00:00"),
        ("0 0 1 jan,JUL *", "2026-07-01T00:00", "2027-01-01T00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00", "2032-02-29T00:00"),
        ("0 0 29 2 */7", "2032-02-29T00:00", "2060-02-29T00:00"),
        ("@daily", "2026-01-02T00:00", "2026-01-03T00:00"),
        ("@hourly", "2026-01-01T01:00", "2026-01-01T02:00"),
        ("@weekly", "2026-01-04T00:00", "2026-01-11T00:00"),
        ("@monthly", "2026-02-01T00:00", "2026-03-01T00:00"),
        ("@yearly", "2027-01-01T00:00", "2028-01-01T00:00"),
        ("0 3 * * *", "2026-01-01T03:00", "2026-01-02T03:00"),  # S2.04
        ("0 4 * * 0", "2026-01-04T04:00", "2026-01-11T04:00"),  # S2.04
        ("0 2 * * *", "2026-01-01T02:00", "2026-01-02T02:00"),  # S0.12
    ],
)
def test_an_expression_fires_at_its_times(expression: str, first: str, second: str) -> None:
    assert firings(expression, "2026-01-01T00:00", UTC, 2) == [first + "+00:00", second + "+00:00"]


def test_where_both_day_fields_are_restricted_either_is_enough() -> None:
    found = firings("0 0 13 * 5", "2026-01-01T00:00", UTC, 4)
    assert [day[:10] for day in found] == ["2026-01-02", "2026-01-09", "2026-01-13", "2026-01-16"]


def test_a_day_field_that_begins_with_a_star_restricts_the_other() -> None:
    found = firings("0 0 */2 * 1", "2026-01-01T00:00", UTC, 3)
    assert [day[:10] for day in found] == ["2026-01-05", "2026-01-19", "2026-02-09"], "odd days that are Mondays"


def test_it_fires_after_the_instant_and_never_at_it() -> None:
    cron, noon = parse("0 12 * * *"), milliseconds(datetime(2026, 5, 1, 12, tzinfo=UTC))
    assert next_after(cron, noon - 1, UTC) == noon
    assert next_after(cron, noon, UTC) == noon + 86_400_000
    assert next_after(cron, noon + 1, UTC) == noon + 86_400_000


def test_it_fires_before_1970_too_and_not_past_the_end_of_the_calendar() -> None:
    assert firings("0 0 1 1 *", "1969-06-01T00:00", UTC, 2) == ["1970-01-01T00:00+00:00", "1971-01-01T00:00+00:00"]
    assert next_after(parse("0 0 1 1 *"), milliseconds(datetime(9999, 6, 1, tzinfo=UTC)), UTC) is None
    assert next_after(parse("* * * * *"), milliseconds(datetime(9999, 12, 31, 23, 59, tzinfo=UTC)), UTC) is None


# -- where clocks change ---------------------------------------------------------------


def test_what_falls_into_the_gap_fires_once_at_its_end() -> None:
    assert firings("30 2 * * *", "2026-03-28T12:00", PARIS, 2) == ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]


def test_several_times_in_the_gap_fire_once() -> None:
    found = firings("*/15 2,3 * * *", "2026-03-28T12:00", PARIS, 3)
    assert found == ["2026-03-29T03:00+02:00", "2026-03-29T03:15+02:00", "2026-03-29T03:30+02:00"]


def test_what_falls_into_the_fold_fires_once_the_first_time() -> None:
    assert firings("30 2 * * *", "2026-10-24T12:00", PARIS, 2) == ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]


@pytest.mark.parametrize("minutes", [5, 35, 65, 89])
def test_a_restart_within_the_fold_fires_nothing_again(minutes: int) -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=PARIS).astimezone(UTC)
    following = next_after(parse("30 2 * * *"), milliseconds(first + timedelta(minutes=minutes)), PARIS)
    assert following == milliseconds(datetime(2026, 10, 26, 2, 30, tzinfo=PARIS))


@pytest.mark.parametrize("zone", [PARIS, NEW_YORK, LORD_HOWE], ids=str)
@pytest.mark.parametrize("expression", ["*/30 * * * *", "*/10 * * * *", "0,30 0-23 * * *"])
def test_what_runs_every_hour_keeps_its_distance_in_real_time(zone: tzinfo, expression: str) -> None:
    cron = parse(expression)
    distances: set[int] = set()
    for month, day in ((3, 7), (3, 28), (4, 4), (10, 3), (10, 24), (10, 31)):  # in 2026 clocks change the day after
        instant = milliseconds(datetime(2026, month, day, 22, tzinfo=UTC) - timedelta(hours=12))
        for _ in range(6 * 36):
            following = next_after(cron, instant, zone)
            assert following is not None
            distances.add((following - instant) // 60_000)
            instant = following
    assert distances == {10 if "10" in expression else 30}


def test_an_hourly_time_is_neither_added_in_the_gap_nor_left_out_in_the_fold() -> None:
    spring = firings("15 * * * *", "2026-03-29T00:30", PARIS, 3)
    assert spring == ["2026-03-29T01:15+01:00", "2026-03-29T03:15+02:00", "2026-03-29T04:15+02:00"]
    autumn = firings("15 * * * *", "2026-10-25T01:30", PARIS, 3)
    assert autumn == ["2026-10-25T02:15+02:00", "2026-10-25T02:15+01:00", "2026-10-25T03:15+01:00"]


def test_every_second_hour_fires_each_local_hour_once() -> None:
    autumn = firings("0 */2 * * *", "2026-10-25T00:30", PARIS, 2)
    assert autumn == ["2026-10-25T02:00+02:00", "2026-10-25T04:00+01:00"]


def test_a_gap_at_midnight_belongs_to_the_new_day() -> None:
    found = firings("0 0 * * *", "2018-11-03T12:00", SAO_PAULO, 2)
    assert found == ["2018-11-04T01:00-02:00", "2018-11-05T00:00-02:00"]
    hourly = firings("0 * 4 11 *", "2018-11-03T12:00", SAO_PAULO, 2)
    assert hourly == ["2018-11-04T01:00-02:00", "2018-11-04T02:00-02:00"]


def test_a_fold_over_midnight_repeats_nothing() -> None:
    found = firings("30 23 * * *", "2018-02-17T12:00", SAO_PAULO, 2)
    assert found == ["2018-02-17T23:30-02:00", "2018-02-18T23:30-03:00"]


def test_a_day_that_a_zone_never_had_is_made_up_for_at_its_end() -> None:
    found = firings("0 12 * * *", "2011-12-29T13:00", APIA, 2)
    assert found == ["2011-12-31T00:00+14:00", "2011-12-31T12:00+14:00"]


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE], ids=str)
@pytest.mark.parametrize("time", ["30 2", "0 2", "59 1", "15 2", "0 3"])
def test_for_twenty_years_a_daily_job_fires_exactly_once_each_local_day(zone: tzinfo, time: str) -> None:
    cron = parse(f"{time} * * *")
    instant = milliseconds(datetime(2009, 12, 31, 12, tzinfo=zone))
    days: Counter[date] = Counter()
    while (following := next_after(cron, instant, zone)) is not None:
        local = datetime.fromtimestamp(following / 1000, zone)
        if local.year == 2030:
            break
        days[local.date()] += 1
        instant = following
    first = date(2010, 1, 1)
    assert days == Counter(first + timedelta(days=number) for number in range((date(2030, 1, 1) - first).days))


# -- against a plain oracle ------------------------------------------------------------


def _field(least: int, most: int) -> st.SearchStrategy[str]:
    numbers = st.integers(least, most)
    spans = st.tuples(numbers, numbers).map(lambda pair: f"{min(pair)}-{max(pair)}")
    steps = st.integers(1, most)
    stepped = st.one_of(
        st.builds("*/{}".format, steps),
        st.tuples(spans, steps).map(
            lambda pair: "{}/{}".format(*pair) if len(set(pair[0].split("-"))) == 2 else pair[0]
        ),
    )
    items = st.lists(st.one_of(numbers.map(str), spans, stepped), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), items)


expressions = st.tuples(_field(0, 59), _field(0, 23), _field(1, 28), _field(1, 12), _field(0, 7)).map(" ".join)


def _shown(word: str, least: int, most: int) -> set[int]:
    """Expand a field the slow way."""
    shown: set[int] = set()
    for item in word.split(","):
        span, _, step = item.partition("/")
        low, _, high = span.partition("-")
        numbers = range(least, most + 1) if span == "*" else range(int(low), int(high or low) + 1)
        shown |= set(numbers[:: int(step or 1)])
    return shown


def _fires(expression: str, wall: datetime) -> bool:
    minute, hour, day, month, weekday = expression.split()
    weekdays = {number % 7 for number in _shown(weekday, 0, 6 if weekday.startswith("*") else 7)}
    by_date, by_weekday = wall.day in _shown(day, 1, 31), (wall.weekday() + 1) % 7 in weekdays
    starred = day.startswith("*") or weekday.startswith("*")
    return (
        wall.minute in _shown(minute, 0, 59)
        and wall.hour in _shown(hour, 0, 23)
        and wall.month in _shown(month, 1, 12)
        and (by_date and by_weekday if starred else by_date or by_weekday)
    )


@given(expressions.filter(lambda text: "*/" not in text.split()[4]), st.integers(0, 4_000_000_000))
@settings(max_examples=100)
def test_what_it_answers_fires_and_nothing_before_it_does(expression: str, second: int) -> None:
    following = next_after(parse(expression), second * 1000, UTC)
    assert following is not None
    at = datetime.fromtimestamp(following / 1000, UTC)
    assert _fires(expression, at)
    assert at.second == 0
    start = datetime.fromtimestamp(second, UTC).replace(second=0) + timedelta(minutes=1)
    between = min(round((at - start) / timedelta(minutes=1)), 100)
    assert not any(_fires(expression, start + timedelta(minutes=ahead)) for ahead in range(between))


@given(st.text("0123456789*/-, abcjanfeb#L?@", max_size=40))
def test_any_text_is_understood_or_refused_as_a_setting(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(parse(text), Cron)


# -- refusals --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("61 * * * *", ["minute", "61 is out of range", "0-59"]),
        ("* 24 * * *", ["hour", "24", "0-23"]),
        ("* * 0 * *", ["day of month", "1-31"]),
        ("* * * 13 *", ["month", "1-12", "jan-dec"]),
        ("* * * * 8", ["day of week", "0-7", "sun-sat"]),
        ("* * * foo *", ["month", "'foo' is not understood"]),
        ("* * * * mon#2", ["day of week", "'mon#2'"]),
        ("* * L * *", ["day of month", "'L'"]),
        ("*/0 * * * *", ["minute", "step '0'", "from 1 to 59"]),
        ("*/90 * * * *", ["minute", "step '90'"]),
        ("5/15 * * * *", ["write 5-59/15"]),
        ("30-10 * * * *", ["minute", "runs backwards"]),
        ("1,,2 * * * *", ["minute", "'' is not understood"]),
        ("-1 * * * *", ["minute"]),
        ("* * * *", ["4 fields", "takes five"]),
        ("0 0 * * * *", ["6 fields", "app.every"]),
        ("", ["takes five"]),
        ("@reboot", ["is not known", "@daily"]),
        ("*," * 400 + "* * * * *", ["too many"]),
        ("\u0663 * * * *", ["not understood"]),
        ("0 0 30 2 *", ["never fires", "30"]),
        ("0 0 31 4,6,9,11 *", ["never fires", "31"]),
        ("0 0 30,31 2 */2", ["never fires"]),
    ],
)
def test_a_bad_expression_is_refused_by_name(expression: str, told: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(expression)
    assert [word for word in told if word not in str(refused.value)] == []


def test_a_day_that_does_not_exist_is_no_harm_where_a_weekday_is_enough() -> None:
    assert firings("0 0 30 2 1", "2026-02-01T00:00", UTC, 1) == ["2026-02-02T00:00+00:00"]
