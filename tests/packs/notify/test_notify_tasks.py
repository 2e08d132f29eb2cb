"""The digest task on a real application and real mail: one letter a day and user, whatever happens."""

from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from treadle import JobFailed, Treadle, samples
from treadle.packs import notify
from treadle.packs.database import Database
from treadle.packs.mail.ingest import import_mailbox
from treadle.packs.notify import store
from treadle.packs.notify.tasks import daily_digest
from treadle.packs.notify.writing import address, folder, tables


@pytest.fixture
def app(tmp_path: Path) -> Treadle:
    made = Treadle(f"sqlite:///{tmp_path / 'jobs.db'}?durability=fast")
    made.include(notify.pack)
    import_mailbox(made.use(Database), samples.path(), owner="me")
    return made


def ask(app: Treadle, user: str = "me", date: str | None = "2026-03-20") -> dict[str, Any]:
    job = app.bind(daily_digest).enqueue(user, date)
    app.run_until_idle()
    return dict(job.result(timeout=0))


def letters(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "outbox").glob("*"))


def test_asking_twice_gives_one_letter(app: Treadle, tmp_path: Path) -> None:
    first = ask(app)
    assert first["status"] == "sent"
    assert ask(app) == first
    assert [str(path) for path in letters(tmp_path)] == [first["path"]]


def test_a_crash_before_the_letter_was_noted_repeats_the_same_letter(app: Treadle, tmp_path: Path) -> None:
    first = ask(app)
    with tables(app).write() as connection:
        connection.exec_driver_sql("UPDATE notify_delivery SET state = 'sending', path = ''")
    again = ask(app)
    assert again == first
    (path,) = letters(tmp_path)
    assert message_from_bytes(path.read_bytes(), policy=SMTP)["Message-ID"] == first["message_id"]


def test_without_a_date_it_is_the_day_of_the_newest_mail(app: Treadle) -> None:
    assert "digest-2026-03-20" in ask(app, date=None)["path"]


@pytest.mark.parametrize(("user", "date"), [("me", "2020-02-29"), ("nobody", None), ("nobody", "2026-03-20")])
def test_an_empty_digest_is_not_sent(app: Treadle, tmp_path: Path, user: str, date: str | None) -> None:
    assert ask(app, user, date) == {"status": "empty", "items": 0, "message_id": None, "path": None}
    assert letters(tmp_path) == []


def test_who_wants_no_digest_gets_none(app: Treadle, tmp_path: Path) -> None:
    with tables(app).write() as connection:
        store.wish(connection, "me", "digest", "file", allowed=False)
    assert ask(app)["status"] == "suppressed"
    assert letters(tmp_path) == []


def test_a_date_that_is_none_fails_with_a_sentence(app: Treadle) -> None:
    with pytest.raises(JobFailed, match="is no date"):
        ask(app, date="yesterday")


def test_the_injected_mail_gets_nothing_into_the_digest(app: Treadle) -> None:
    content = Path(ask(app, date="2026-03-19")["path"]).read_text("utf-8")
    assert "collector.test" not in content
    assert "Ignore all previous" not in content


def test_the_outbox_lies_beside_the_database_unless_it_is_set() -> None:
    assert folder(Path("data/jobs.db"), {}) == Path("data/outbox")
    assert folder(Path("data/jobs.db"), {"TREADLE_OUTBOX": "letters"}) == Path("letters")


@pytest.mark.parametrize(
    ("user", "mailbox"),
    [
        ("me", "me@localhost"),
        ("mara@barrowbell.test", "mara@barrowbell.test"),
        ("Mara F. <x@y.test>, z@w.test", "Mara-F-x-y-test-z-w-test@localhost"),
        ("森", "user@localhost"),
    ],
)
def test_a_user_id_becomes_one_address_and_never_more(user: str, mailbox: str) -> None:
    assert str(address(user)) == mailbox


def test_a_user_id_with_a_line_break_is_refused() -> None:
    with pytest.raises(Exception, match="line break"):
        address("me\r\nBcc: all@x.test")
