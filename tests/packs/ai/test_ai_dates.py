"""Due days relative to Wednesday, 18 November 2026. No date is better than a false one."""

from datetime import date

import pytest

from treadle.packs.ai.local.dates import find_due

WEDNESDAY = date(2026, 11, 18)


@pytest.mark.parametrize(
    ("lang", "text", "expected"),
    [
        ("en", "Send it today", "2026-11-18"),
        ("en", "Send it by tomorrow noon", "2026-11-19"),
        ("en", "send it by Friday", "2026-11-20"),
        ("en", "by next Tuesday", "2026-11-24"),
        ("en", "on Tuesday, 24 November", "2026-11-24"),
        ("en", "by 12 March", "2027-03-12"),
        ("en", "before March 12th, 2027", "2027-03-12"),
        ("en", "due 2026-12-01", "2026-12-01"),
        ("en", "in 3 days", "2026-11-21"),
        ("en", "within two weeks", "2026-12-02"),
        ("en", "within 5 working days", "2026-11-25"),
        ("en", "next week", "2026-11-27"),
        ("en", "by the end of next week", "2026-11-27"),
        ("en", "by the end of the month", "2026-11-30"),
        ("en", "not Monday, but by Friday", "2026-11-20"),
        ("de", "bis morgen", "2026-11-19"),
        ("de", "übermorgen", "2026-11-20"),
        ("de", "bis zum 12.03.", "2027-03-12"),
        ("de", "spätestens am Montag, den 23.11.2026", "2026-11-23"),
        ("de", "am Dienstag, den 1. Dezember", "2026-12-01"),
        ("de", "innerhalb von 14 Tagen", "2026-12-02"),
        ("de", "bis Ende November", "2026-11-30"),
        ("de", "bis kommenden Freitag", "2026-11-20"),
        ("fr", "avant le 30 novembre", "2026-11-30"),
        ("fr", "sous 5 jours", "2026-11-23"),
        ("fr", "d'ici la fin du mois", "2026-11-30"),
        ("fr", "avant le 1er février 2027", "2027-02-01"),
        ("fr", "avant le 03/12", "2026-12-03"),
        ("es", "antes del 24 de noviembre", "2026-11-24"),
        ("es", "para mañana", "2026-11-19"),
        ("es", "la semana que viene", "2026-11-27"),
        ("es", "en 3 días", "2026-11-21"),
    ],
)
def test_a_due_day_is_read(lang: str, text: str, expected: str) -> None:
    found = find_due(text, WEDNESDAY, lang)

    assert found is not None
    assert found.day.isoformat() == expected


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("en", "the order from Tuesday"),
        ("en", "your mail of 3 November"),
        ("en", "we met last Friday"),
        ("en", "it was due three days ago"),
        ("en", "by Wednesday"),  # today or in a week?
        ("en", "by 03/04"),  # March or April?
        ("en", "by 31 November"),
        ("en", "29 February"),
        ("en", "it may 5 times fail"),
        ("en", "may I ask"),
        ("en", "We are 0134 people"),
        ("en", "version 4.2.1 of 1.2.2026"),
        ("en", "by 99.99.2026 or 2026-13-45"),
        ("de", "die Lieferung vom 9. November"),
        ("fr", "mardi dernier"),
        ("es", "por la mañana"),
    ],
)
def test_what_is_ambiguous_past_or_impossible_gives_no_day(lang: str, text: str) -> None:
    assert find_due(text, WEDNESDAY, lang) is None
