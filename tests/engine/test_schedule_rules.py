"""What a schedule may be and what it decides, without a store: declarations, missed instants, ids (P9)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from treadle import ConfigError, Treadle
from treadle.schedule import CATCH_UP, Due, Missed, due_instants, instants, job_id

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


# -- missed instants -----------------------------------------------------------------------


def every_hour(after: int) -> int:
    return (after // HOUR + 1) * HOUR


@pytest.mark.parametrize(
    ("missed", "away", "due"),
    [
        ("skip", 0, Due(0)),
        ("skip", HOUR - 1, Due(0)),
        ("skip", HOUR, Due(HOUR, fires=HOUR)),
        ("skip", HOUR + MINUTE, Due(HOUR, fires=HOUR)),
        ("skip", HOUR + MINUTE + 1, Due(HOUR, dropped=1)),
        ("skip", 3 * HOUR, Due(3 * HOUR, fires=3 * HOUR, dropped=2)),
        ("skip", 3 * HOUR + 30 * MINUTE, Due(3 * HOUR, dropped=3)),
        ("one", HOUR, Due(HOUR, fires=HOUR)),
        ("one", HOUR + 30 * MINUTE, Due(HOUR, fires=HOUR)),
        ("one", 3 * HOUR + 30 * MINUTE, Due(3 * HOUR, fires=3 * HOUR, dropped=2)),
        ("all", HOUR, Due(HOUR, [], HOUR)),
        ("all", 3 * HOUR, Due(3 * HOUR, [HOUR, 2 * HOUR], 3 * HOUR)),
        ("all", 3 * HOUR + 30 * MINUTE, Due(3 * HOUR, [HOUR, 2 * HOUR, 3 * HOUR])),
    ],
)
def test_what_becomes_of_instants_that_nobody_saw(missed: Missed, away: int, due: Due) -> None:
    assert due_instants(every_hour, missed, 0, away) == due


def test_a_catch_up_is_bounded_and_takes_the_newest() -> None:
    due = due_instants(every_hour, "all", 0, 5_000 * HOUR + 30 * MINUTE)
    assert len(due.catch_up) == CATCH_UP
    assert (due.catch_up[0], due.last) == (4_001 * HOUR, 5_000 * HOUR)


def test_what_is_rare_is_found_however_long_ago() -> None:
    yearly = [10 * DAY, 375 * DAY, 740 * DAY]
    found = instants(lambda after: next((at for at in yearly if at > after), None), 0, 1_000 * DAY, 2)
    assert found == [375 * DAY, 740 * DAY]


# -- declaring ---------------------------------------------------------------------------------


def test_ids_tell_the_instant_as_exactly_as_they_must() -> None:
    assert job_id("a", 1_800_000_000_000) == "a@2027-01-15T08:00Z"
    assert job_id("a", 1_800_000_010_000) == "a@2027-01-15T08:00:10Z"
    assert job_id("a", 1_800_000_000_500) == "a@2027-01-15T08:00:00.500Z"


@pytest.mark.parametrize(
    ("declare", "told"),
    [
        (lambda app, task: app.cron("61 * * * *")(task), "minute"),
        (lambda app, task: app.cron("0 8 * * *", tz="Europe/Berlinn")(task), "pip install tzdata"),
        (lambda app, task: app.cron("0 8 * * *", tz="../../etc/passwd")(task), "no time zone"),
        (lambda app, task: app.cron("0 8 * * *", missed="never")(task), "missed='never'"),
        (lambda app, task: app.cron("0 8 * * *", overlap="queue")(task), "overlap='queue'"),
        (lambda app, task: app.cron("0 8 * * *", name="")(task), "cannot name"),
        (lambda app, task: app.cron("0 8 * * *", name="a\nb")(task), "cannot name"),
        (lambda app, task: app.every(timedelta(milliseconds=999))(task), "at least a second"),
        (lambda app, task: app.every(timedelta(0))(task), "at least a second"),
        (lambda app, task: app.cron("0 8 * * *")(task.fn), "put @app.task below"),
    ],
)
def test_a_schedule_that_cannot_work_is_refused_where_it_is_written(
    declare: Callable[[Treadle, Any], object], told: str
) -> None:
    app = Treadle("sqlite:///never-opened.db")
    with pytest.raises(ConfigError, match=told.replace("(", r"\(")):
        declare(app, app.task("report")(lambda: None))
    assert app.schedules == {}


def test_a_task_that_needs_an_argument_cannot_be_scheduled() -> None:
    app = Treadle("sqlite:///never-opened.db")

    @app.task
    def greet(name: str) -> None: ...

    with pytest.raises(ConfigError, match="'name' is missing"):
        app.cron("0 8 * * *")(greet)


def test_two_schedules_need_two_names() -> None:
    app = Treadle("sqlite:///never-opened.db")
    task = app.task("report")(lambda: None)
    app.cron("0 8 * * *")(task)
    with pytest.raises(ConfigError, match="report"):
        app.cron("0 20 * * *")(task)
    app.cron("0 20 * * *", name="in the evening")(task)
    assert set(app.schedules) == {"report", "in the evening"}
