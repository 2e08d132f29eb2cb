"""One message to a value: what is read, what is bounded, and that nothing raises."""

import base64
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.packs.mail.headers import collect
from treadle.packs.mail.parse import PARSE_LIMIT, Letter, parse
from treadle.packs.mail.reader import PARSER, read

NOW = 1_774_000_000_000


def letter(raw: bytes) -> Letter:
    return parse(raw, NOW)


def test_a_plain_message_is_read_whole() -> None:
    found = letter(
        b"Received: from a by b; Mon, 09 Mar 2026 08:41:50 +0000\n"
        b"Delivered-To: me@example.org\n"
        b"From: =?utf-8?q?Ann_L=C3=A9e?= <Ann@Example.org>\nTo: me@example.org\nCc: Bob <bob@example.org>\n"
        b"Date: Mon, 09 Mar 2026 08:41:44 +0000\nSubject: Re: Offer\nMessage-ID: <2@x>\nIn-Reply-To: <1@x>\n"
        b"References: <0@x> <1@x>\nList-Id: Friends <friends.example.org>\nAuto-Submitted: Auto-Replied\n"
        b"Precedence: bulk\nContent-Type: text/plain; charset=iso-8859-1\n\n"
        b"Gr\xfc\xdfe an alle, die das hier lesen und nicht schlafen."
    )
    assert found.state == "ok"
    assert found.trouble is None
    assert (found.subject, found.subject_bare) == ("Re: Offer", "Offer")
    assert [(one.role, one.name, one.email) for one in found.addresses] == [
        ("from", "Ann Lée", "ann@example.org"),
        ("to", "", "me@example.org"),
        ("cc", "Bob", "bob@example.org"),
    ]
    assert (found.message_id, found.in_reply_to, found.references) == ("2@x", ("1@x",), ("0@x", "1@x"))
    assert (found.sent_at, found.received_at) == (1_773_045_704_000, 1_773_045_710_000)
    assert found.text.startswith("Grüße an alle")
    assert (found.lang, found.auto_submitted, found.precedence) == ("de", "auto-replied", "bulk")
    assert found.list_id == "Friends <friends.example.org>"
    assert found.delivered_to == "me@example.org"


def test_alternatives_give_the_plain_text_and_mixed_parts_their_attachments() -> None:
    message = EmailMessage()
    message["Subject"] = "files"
    message.set_content("plain words")
    message.add_alternative("<p>html words</p>", subtype="html")
    message.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="../rep\u00f6rt.pdf")
    found = letter(message.as_bytes())
    assert found.text.strip() == "plain words"
    assert found.has_html
    (attached,) = found.attachments
    assert (attached.name, attached.content_type, attached.size) == ("repört.pdf", "application/pdf", 5)
    assert attached.part_path == "2"


def test_html_only_and_empty_plain_alternatives_give_the_html_as_text() -> None:
    message = EmailMessage()
    message.set_content(" \n")
    message.add_alternative("<p>html words</p>", subtype="html")
    assert letter(b"Subject: x\n" + message.as_bytes()).text == "html words"
    assert letter(b"Subject: x\nContent-Type: text/html\n\n<p>a<p>b").text == "a\n\nb"


def test_a_forwarded_message_is_an_attachment_and_its_text_is_not_ours() -> None:
    inner = EmailMessage()
    inner["Subject"] = "inner/../name"
    inner.set_content("inner text")
    outer = EmailMessage()
    outer["Subject"] = "outer"
    outer.set_content("outer text")
    outer.add_attachment(inner)
    found = letter(outer.as_bytes(policy=SMTP))
    assert found.text.strip() == "outer text"
    assert [one.name for one in found.attachments] == ["name.eml"]


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (b"Thu, 01 Jan 1970 00:00:00 +0000", 1_773_045_710_000),
        (b"Mon, 09 Mar 2099 08:41:44 +0000", 1_773_045_710_000),
        (b"nonsense", 1_773_045_710_000),
        (b"Mon, 09 Mar 2026 08:41:44 +0000", 1_773_045_704_000),
    ],
)
def test_a_nonsense_date_gives_way_to_the_received_one(date: bytes, expected: int) -> None:
    raw = b"Received: from a by b; Mon, 09 Mar 2026 08:41:50 +0000\nDate: " + date + b"\n\nx"
    assert letter(raw).sent_at == expected


def test_five_thousand_parts_are_read_in_part() -> None:
    raw = b"Subject: many\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\npart\n" * 5_000 + b"--b--\n"
    found = letter(raw)
    assert (found.state, found.subject) == ("partial", "many")
    assert "500 parts" in (found.trouble or "")
    assert found.text.count("part") == 499


def test_three_megabytes_of_headers_are_read_in_part() -> None:
    raw = b"Subject: big\n" + b"X-Filler: " + b"a" * 90 + b"\n" + (b"X-More: " + b"b" * 90 + b"\n") * 32_000 + b"\nbody"
    found = letter(raw)
    assert (found.state, found.subject, found.text) == ("partial", "big", "body")


def test_parts_nested_too_deep_keep_the_headers() -> None:
    heads = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(400))
    found = letter(b"Subject: deep\n" + heads + b"\ntext")
    assert (found.state, found.subject) == ("partial", "deep")


def test_an_oversize_message_keeps_headers_and_the_first_text() -> None:
    raw = b"Subject: huge\nContent-Type: text/plain\n\n" + b"words " * 1_000_000
    found = parse(raw, NOW, size=PARSE_LIMIT + 1)
    assert (found.state, found.subject, found.size) == ("oversize", "huge", PARSE_LIMIT + 1)
    assert found.text.startswith("words words")
    assert len(found.text) <= 1_048_576


def test_five_thousand_nested_parentheses_are_no_crash() -> None:
    found = letter(b"From: " + b"(" * 5_000 + b"a@example.org" + b")" * 5_000 + b"\nSubject: s\n\nbody")
    assert found.subject == "s"
    assert found.state != "failed"


def test_only_the_last_fifty_references_count() -> None:
    references = b" ".join(b"<%d@x>" % n for n in range(300))
    assert letter(b"Subject: s\nReferences: " + references + b"\n\n").references[0] == "250@x"


def test_an_unknown_charset_is_said_and_still_read() -> None:
    found = letter(b"Subject: s\nContent-Type: text/plain; charset=klingon\n\n\xe4 word")
    assert (found.state, found.text) == ("partial", "ä word")
    assert "klingon" in (found.trouble or "")


def test_junk_above_the_headers_is_said_and_skipped() -> None:
    found = letter(b"\xff\xfe junk\nmore junk\nSubject: s\nFrom: a@example.org\n\nbody")
    assert (found.state, found.subject, found.text) == ("partial", "s", "body")
    assert found.trouble == "junk before the headers"


@pytest.mark.parametrize("raw", [b"", b"\n\n\n", b"\x00\x01\x02" * 50, b"no header here\nat all", b"\n" * 5_000 + b"x"])
def test_what_is_no_message_still_gives_a_value(raw: bytes) -> None:
    assert letter(raw).state == "failed"
    assert letter(raw).dedupe_key.startswith("s:")


def test_the_same_letter_by_another_way_has_the_same_key() -> None:
    body = b"From: a@x\nDate: Mon, 09 Mar 2026 08:41:44 +0000\nSubject: s\nMessage-ID: <1@x>\n\nhi"
    assert letter(b"Received: from here\n" + body).dedupe_key == letter(b"Received: from there\n" + body).dedupe_key
    assert letter(body).dedupe_key != letter(body.replace(b"Subject: s", b"Subject: t")).dedupe_key


SAMPLE = (
    b"From: Ann <ann@example.org>\nTo: =?utf-8?b?" + base64.b64encode("Bü".encode()) + b"?= <b@example.org>\n"
    b"Subject: =?iso-8859-1?q?gr=FCn?=\nMessage-ID: <1@x>\nDate: Mon, 09 Mar 2026 08:41:44 +0000\n"
    b'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain; charset="utf-8"\n'
    b"Content-Transfer-Encoding: quoted-printable\n\nGr=C3=BCn\n--b\nContent-Type: text/html\n\n<p>x</p>\n"
    b'--b\nContent-Type: image/png; name="x.png"\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n--b--\n'
)


@given(
    st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), max_size=30), st.integers(0, len(SAMPLE))
)
def test_flipped_and_truncated_messages_never_raise(flips: list[tuple[int, int]], end: int) -> None:
    raw = bytearray(SAMPLE)
    for place, byte in flips:
        raw[place] = byte
    found = letter(bytes(raw[:end]))
    assert found.state in ("ok", "partial", "failed")
    for text in (found.subject, found.text, found.snippet, *(one.name for one in found.addresses)):
        assert "\0" not in text
        text.encode()


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_any_bytes_and_any_two_messages_in_one_never_raise(one: bytes, two: bytes) -> None:
    assert letter(one).size == len(one)
    assert letter(SAMPLE + one + SAMPLE[40:] + two).size > 0


LINES = st.lists(
    st.sampled_from(
        b"A: b| folded|\tfolded||no colon|From x y|Content-Type: text/plain; charset=utf-8"
        b"|Content-Type: multipart/mixed; boundary=b|--b|Content-Transfer-Encoding: base64|aGVsbG8=|C :d"
        b"|\xc3\xbc: x|E:\xc3\xbc|: empty|F:|lone\rreturn: x|\x0c".split(b"|")
    ),
    max_size=12,
)


@given(LINES, st.sampled_from([b"\n", b"\r\n"]))
def test_the_short_cut_reads_what_the_standard_library_reads(lines: list[bytes], end: bytes) -> None:
    raw = end.join(lines)
    headers, message = read(raw)
    expected = PARSER.parsebytes(raw)
    theirs = {name: [v.replace("\r\n", "\n") for v in values] for name, values in collect(expected).items()}
    assert {name: [v.replace("\r\n", "\n") for v in values] for name, values in headers.items()} == theirs
    assert message.get_content_type() == expected.get_content_type()
    assert message.is_multipart() == expected.is_multipart()
    if not message.is_multipart():
        assert message.get_payload(decode=True) == expected.get_payload(decode=True)
