"""A mailbox into the tables: counts add up, an import goes on where it stopped, the same mail comes in once."""

import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from treadle import samples
from treadle.packs.database import Database
from treadle.packs.mail import model, reading
from treadle.packs.mail.ingest import Progress, import_mailbox
from treadle.packs.mail.runs import CAREFUL, ImportTaken
from treadle.packs.mail.slices import SLICE


class Halt(Exception):
    """Stands for whatever ends an import between two slices."""


def mail(number: int, *references: int, sender: str = "ann@example.org", extra: bytes = b"") -> bytes:
    ids = b" ".join(b"<%d@x>" % one for one in references)
    return (
        b"From: %b\nTo: me@example.org\nDelivered-To: me@example.org\nSubject: Re: s%d\nMessage-ID: <%d@x>\n"
        b"Date: Mon, 09 Mar 2026 08:%02d:%02d +0000\nReferences: %b\n%b\nbody %d\n"
        % (sender.encode(), number, number, number // 60 % 60, number % 60, ids, extra, number)
    )


def mailbox(path: Path, mails: list[bytes]) -> Path:
    path.write_bytes(b"".join(b"From a@b Mon Mar  9 08:41:44 2026\n" + one + b"\n" for one in mails))
    return path


def rows(database: Database, table: str) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(model.metadata.tables[table])) or 0


def stop_after(number: int) -> Callable[[Progress], None]:
    calls = iter(range(1, number + 1))

    def listen(_progress: Progress) -> None:
        if next(calls) == number:
            raise Halt

    return listen


def test_the_sample_mailbox_comes_in_and_a_second_time_changes_nothing(database: Database) -> None:
    first = import_mailbox(database, samples.path())
    assert first.seen == first.stored + first.duplicates + first.refused
    assert first.stored >= 60
    assert first.threads >= 20
    assert first.failed == 0
    tables = {name: rows(database, name) for name in model.metadata.tables if name != "mail_import_run"}
    again = import_mailbox(database, samples.path())
    assert (again.stored, again.duplicates, again.threads) == (0, first.seen, 0)
    assert {name: rows(database, name) for name in tables} == tables


def test_raw_bytes_are_kept_as_they_were(database: Database, tmp_path: Path) -> None:
    import_mailbox(database, mailbox(tmp_path / "a.mbox", [mail(1)]))
    with database.read() as connection:
        row = connection.execute(select(model.raw)).one()
        message = connection.execute(select(model.message)).one()
    assert zlib.decompress(row.blob) == mail(1)
    assert (row.sha256, row.size) == (message.raw_sha256, len(mail(1)))


def test_an_import_goes_on_where_it_stopped(database: Database, tmp_path: Path) -> None:
    place = mailbox(tmp_path / "a.mbox", [mail(n) for n in range(3 * SLICE + 7)])
    with pytest.raises(Halt):
        import_mailbox(database, place, on_slice=stop_after(2))
    assert rows(database, "mail_message") == 2 * SLICE
    seen: list[int] = []
    run = import_mailbox(database, place, on_slice=lambda progress: seen.append(progress.tally.seen))
    assert seen == [3 * SLICE, 3 * SLICE + 7]
    assert (run.seen, run.stored, run.duplicates) == (3 * SLICE + 7, 3 * SLICE + 7, 0)
    assert rows(database, "mail_import_run") == 1
    assert run.finished_at is not None


def test_a_mailbox_that_changed_in_between_is_read_from_its_start(database: Database, tmp_path: Path) -> None:
    mails = [mail(n) for n in range(SLICE + 1)]
    with pytest.raises(Halt):
        import_mailbox(database, mailbox(tmp_path / "a.mbox", mails), on_slice=stop_after(1))
    run = import_mailbox(database, mailbox(tmp_path / "a.mbox", [mail(999), *mails]))
    assert run.stored == SLICE + 2
    assert run.duplicates == SLICE
    assert rows(database, "mail_message") == SLICE + 2


def test_one_letter_by_two_ways_is_one_message_and_its_second_bytes_go(database: Database, tmp_path: Path) -> None:
    place = mailbox(tmp_path / "a.mbox", [mail(1), mail(1, extra=b"Received: by x\n"), mail(1)])
    run = import_mailbox(database, place)
    assert (run.seen, run.stored, run.duplicates) == (3, 1, 2)
    assert rows(database, "mail_raw") == 1


def test_two_owners_have_their_own_copies(database: Database, tmp_path: Path) -> None:
    place = mailbox(tmp_path / "a.mbox", [mail(1)])
    assert import_mailbox(database, place, owner="ann").stored == 1
    assert import_mailbox(database, place, owner="bob").stored == 1
    assert reading.count(database, "ann").messages == 1
    assert reading.count(database, "eve").messages == 0


def test_threads_grow_over_slices_and_imports_and_merge_when_a_link_arrives(database: Database, tmp_path: Path) -> None:
    import_mailbox(database, mailbox(tmp_path / "a.mbox", [mail(1), mail(2)]))
    older, newer = sorted(reading.thread_ids(database, "me"))
    import_mailbox(database, mailbox(tmp_path / "b.mbox", [mail(4, 3, 1)]))
    run = import_mailbox(database, mailbox(tmp_path / "c.mbox", [mail(3, 2)]))
    assert reading.thread_ids(database, "me") == [older]
    assert reading.threads_of_run(database, run.id) == [older]
    for id in (older, newer):
        thread = reading.read_thread(database, id)
        assert thread is not None
        assert (thread.id, [one.message_id for one in thread.messages]) == (older, ["1@x", "2@x", "3@x", "4@x"])
        assert (thread.subject, thread.revision) == ("s1", 4)
    with database.read() as connection:
        counted = connection.scalar(select(model.thread.c.message_count).where(model.thread.c.id == older))
    assert counted == 4


def test_a_message_that_cannot_be_parsed_still_has_a_row(database: Database, tmp_path: Path) -> None:
    (tmp_path / "mails").mkdir()
    (tmp_path / "mails" / "a.eml").write_bytes(mail(1))
    (tmp_path / "mails" / "b.eml").write_bytes(b"\x00\x01 no message")
    run = import_mailbox(database, tmp_path / "mails")
    assert (run.stored, run.failed) == (2, 1)
    assert rows(database, "mail_raw") == 2
    assert reading.count(database, "me").failed == 1


def test_what_own_addresses_sent_went_out(database: Database, tmp_path: Path) -> None:
    mails = [mail(n) for n in range(5)] + [mail(9, sender="colleague@example.org"), mail(8, sender="you@other.test")]
    run = import_mailbox(database, mailbox(tmp_path / "a.mbox", mails))
    assert reading.own_addresses(database, "me") == {"me@example.org"}
    found = reading.read_messages(database, reading.messages_of_run(database, run.id))
    assert {one.sender_email: one.direction for one in found} == {
        "ann@example.org": "out",
        "colleague@example.org": "out",
        "you@other.test": "in",
    }


def test_addresses_told_count_from_the_first_message(database: Database, tmp_path: Path) -> None:
    place = mailbox(tmp_path / "a.mbox", [mail(1, sender="me@gmail.com")])
    run = import_mailbox(database, place, addresses=["ME@gmail.com"])
    (one,) = reading.read_messages(database, reading.messages_of_run(database, run.id))
    assert one.direction == "out"


def leave_trace(database: Database, inflight: int) -> None:
    """Leave what a worker leaves that dies while it parses."""
    with database.write() as connection:
        connection.execute(update(model.import_run).values(inflight=inflight, finished_at=None, token=""))


def test_after_one_death_messages_are_taken_one_by_one(database: Database, tmp_path: Path) -> None:
    place = mailbox(tmp_path / "a.mbox", [mail(n) for n in range(6)])
    with pytest.raises(Halt):
        import_mailbox(database, place, on_slice=stop_after(1))
    leave_trace(database, 4)
    seen: list[int] = []
    import_mailbox(database, place, on_slice=lambda progress: seen.append(progress.done))
    assert len(seen) == 5


def test_after_a_second_death_at_one_message_it_is_stored_unparsed(database: Database, tmp_path: Path) -> None:
    place = mailbox(tmp_path / "a.mbox", [mail(n) for n in range(3)])
    with database.write() as connection:
        connection.execute(model.message.delete())
    with pytest.raises(Halt):
        import_mailbox(database, place, on_slice=stop_after(1))
    with database.write() as connection:
        connection.execute(model.message.delete())
    leave_trace(database, CAREFUL)
    import_mailbox(database, place)
    with database.read() as connection:
        states = connection.execute(select(model.message.c.parse_state).order_by(model.message.c.id)).scalars().all()
    assert states == ["failed", "ok", "ok"]


def test_two_imports_of_one_mailbox_do_not_mix(database: Database, tmp_path: Path) -> None:
    place = mailbox(tmp_path / "a.mbox", [mail(n) for n in range(2 * SLICE)])

    def another(_progress: Progress) -> None:
        import_mailbox(database, place)

    with pytest.raises(ImportTaken, match="being imported by another job"):
        import_mailbox(database, place, on_slice=another)
    assert rows(database, "mail_message") == 2 * SLICE


def test_unprocessed_threads_are_those_with_news(database: Database, tmp_path: Path) -> None:
    import_mailbox(database, mailbox(tmp_path / "a.mbox", [mail(1), mail(2)]))
    waiting = reading.unprocessed_threads(database, "me")
    assert [revision for _, revision in waiting] == [1, 1]
    with database.write() as connection:
        for id, revision in waiting:
            reading.mark_processed(connection, id, revision)
    assert reading.unprocessed_threads(database, "me") == []
    import_mailbox(database, mailbox(tmp_path / "b.mbox", [mail(3, 1)]))
    ((id, revision),) = reading.unprocessed_threads(database, "me")
    assert revision == 2
    thread = reading.read_thread(database, id)
    assert thread is not None
    assert [one.subject_bare for one in thread.messages] == ["s1", "s3"]


def test_reading_finds_days_recipients_and_nothing_of_strangers(database: Database, tmp_path: Path) -> None:
    run = import_mailbox(database, mailbox(tmp_path / "a.mbox", [mail(1)]))
    day = 1_773_014_400_000  # 2026-03-09
    assert len(reading.active_threads(database, "me", day, day + 86_400_000)) == 1
    assert reading.active_threads(database, "me", day + 86_400_000, day + 2 * 86_400_000) == []
    assert reading.active_threads(database, "eve", day, day + 86_400_000) == []
    assert reading.newest_message_at(database, "me") == day + (8 * 60 + 0) * 60_000 + 1_000
    (one,) = reading.read_messages(database, [*reading.messages_of_run(database, run.id), "gone"])
    assert (one.to, one.sender_email, one.lang) == (("me@example.org",), "ann@example.org", "und")
    assert reading.read_thread(database, "gone") is None
    assert reading.read_run(database, "gone") is None


CHILD = """
import sys
from treadle.packs.database import Database
from treadle.packs.mail.ingest import import_mailbox

def wait(progress):
    print(progress.tally.seen, flush=True)
    if progress.tally.seen >= 200:
        sys.stdin.read()

import_mailbox(Database(sys.argv[1]), sys.argv[2], on_slice=wait)
"""


@pytest.mark.slow
def test_a_process_killed_in_the_middle_loses_and_repeats_nothing(database: Database, tmp_path: Path) -> None:
    place = mailbox(tmp_path / "a.mbox", [mail(n, n - 1) for n in range(1, 451)])
    command = [sys.executable, "-c", CHILD, f"sqlite:///{database.path}", str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert [next(child.stdout), next(child.stdout)] == ["100\n", "200\n"]
        child.kill()
    run = import_mailbox(database, place)
    assert (run.seen, run.stored, run.duplicates) == (450, 450, 0)
    (thread_id,) = reading.thread_ids(database, "me")
    thread = reading.read_thread(database, thread_id)
    assert thread is not None
    assert len(thread.messages) == 450
