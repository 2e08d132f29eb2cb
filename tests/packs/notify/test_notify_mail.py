"""The digest as a mail: rendered, escaped, written once, readable by any mail program."""

import re
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.packs.notify import outbox
from treadle.packs.notify.digest import Day, Digest, Item, Part, Section, TaskFact, ThreadFact, digest
from treadle.packs.notify.rendering import UnsafeHeader, html, mail, text

FRIDAY = date(2026, 3, 20)
HOSTILE = ThreadFact(
    id="t1",
    subject="<script>alert('page one')</script>",
    people=('Eve"><img src=x onerror=alert(1)>',),
    summary="{{ 7 * 7 }} {% raw %} & https://evil.test/a.gif",
    category="complaint",
)
DAY = Day(
    user="me",
    date=FRIDAY,
    threads=(HOSTILE, ThreadFact(id="t2", subject="お見積もり", summary="Grüße")),
    tasks=(TaskFact(title="Pay invoice 1187", subject="Payment reminder", due=FRIDAY),),
)


def a_mail(subject: str = "") -> EmailMessage:
    made = digest(DAY)
    if subject:
        made = Digest(user="me", date=FRIDAY, subject=subject, lead_in="", sections=made.sections, items=1)
    to, sender = Address("", "me", "localhost"), Address("Treadle", "treadle", "localhost")
    return mail(
        made, to=to, sender=sender, message_id="<digest.1@treadle.test>", at=datetime(2026, 3, 20, 8, tzinfo=UTC)
    )


def test_text_of_mail_is_escaped_and_never_run_as_a_template() -> None:
    page = html(digest(DAY))
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#39;page one&#39;)&lt;/script&gt;" in page
    assert "<img" not in page
    assert "{{ 7 * 7 }}" in page


def test_nothing_is_fetched_when_the_digest_is_opened() -> None:
    page = html(digest(DAY))
    assert not re.search(r"https?:|url\(|@import", page)
    assert not re.search(r"<[^>]*\b(src|href|background|action)=|<(link|img|iframe|object|form|script)\b", page)
    assert "prefers-color-scheme: dark" in page


def test_both_parts_hold_every_section_and_item() -> None:
    made = digest(DAY)
    plain = text(made)
    for section in made.sections:
        assert section.title.upper() in plain
        for item in section.items:
            assert item.title in plain
    assert "! Pay invoice 1187 (due today)\n  Payment reminder\n" in plain
    assert "\n\n\n" not in plain


def test_the_mail_can_be_read_back_by_the_standard_library() -> None:
    read = message_from_bytes(a_mail().as_bytes(), policy=SMTP)
    assert read["Subject"] == "Your mail of Friday, 20 March: 1 urgent, 1 to do"
    assert read["Message-ID"] == "<digest.1@treadle.test>"
    assert [part.get_content_type() for part in read.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    body = read.get_body(("plain",))
    assert body is not None
    assert "お見積もり" in body.get_content()
    assert not read.defects


@pytest.mark.parametrize("subject", ["a\r\nBcc: all@x.test", "a\nb", "a\0b", "a\rb"])
def test_a_subject_that_would_end_its_line_is_refused(subject: str) -> None:
    with pytest.raises(UnsafeHeader, match="subject"):
        a_mail(subject)


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_breaks_out_of_the_page_or_out_of_a_header(subject: str, summary: str) -> None:
    made = digest(Day(user="me", date=FRIDAY, threads=(ThreadFact(id="t", subject=subject, summary=summary),)))
    page = html(made)
    bare = html(
        Digest(user="me", date=FRIDAY, subject=made.subject, lead_in=made.lead_in, items=1, sections=one_item())
    )
    assert page.count("<") - bare.count("<") in (0, 2)  # the line of the summary is there or not
    assert a_mail()["Subject"]


def one_item() -> tuple[Section, ...]:
    return (Section(part=Part.REST, title="Also today", items=(Item(title="t"),)),)


def test_the_outbox_holds_one_whole_file_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "outbox"
    first = outbox.write(folder, "digest-2026-03-20-ab", a_mail())
    again = outbox.write(folder, "digest-2026-03-20-ab", a_mail())
    assert first == again
    assert [path.name for path in folder.iterdir()] == ["digest-2026-03-20-ab.eml"]
    content = first.read_bytes()
    assert b"\r\n" in content
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file in the way")
    with pytest.raises(outbox.OutboxTrouble, match="TREADLE_OUTBOX"):
        outbox.write(tmp_path / "outbox", "digest", a_mail())
