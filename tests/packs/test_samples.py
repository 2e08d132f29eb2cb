"""The sample mailbox is what the demo promises; read here with the standard library only."""

import mailbox
import re
from contextlib import closing
from email.header import decode_header, make_header
from email.message import Message
from functools import cache

from treadle import samples


@cache
def messages() -> list[Message]:
    with closing(mailbox.mbox(samples.path(), create=False)) as box:
        return list(box)


def subject(message: Message) -> str:
    return str(make_header(decode_header(str(message["Subject"]))))


def plain_text(message: Message) -> str:
    parts = [part for part in message.walk() if part.get_content_type() == "text/plain"]
    charset = parts[0].get_content_charset() if parts else None
    content = parts[0].get_payload(decode=True) if parts else b""
    return content.decode("utf-8" if charset == "utf-8" else "latin-1") if isinstance(content, bytes) else ""


def roots() -> set[str]:
    """First ids of all threads, by the first entry of References or the message's own id."""
    return {
        str(message["References"] or message["Message-ID"] or number).split()[0]
        for number, message in enumerate(messages())
    }


def test_it_is_a_mailbox_of_a_small_company() -> None:
    assert len(messages()) >= 70
    assert len(roots()) >= 26
    assert {"mara@barrowbell.test", "jonas@barrowbell.test", "ines@barrowbell.test"} <= {
        found[0] for message in messages() if (found := re.findall(r"[\w.]+@[\w.]+", str(message["From"])))
    }


def test_it_speaks_several_languages_and_scripts() -> None:
    everything = "\n".join(plain_text(message) for message in messages())
    for words in (
        "Could you send us a quote",
        "Mit freundlichen Grüßen",
        "Pourriez-vous",
        "¿Podrían",
        "Goedemiddag",
        "ringraziarvi",
    ):
        assert words in everything
    assert any(ord(c) > 0x3000 for message in messages() for c in subject(message))


def test_it_holds_what_real_mail_is_made_of() -> None:
    kinds = {part.get_content_type() for message in messages() for part in message.walk()}
    assert {"multipart/alternative", "multipart/mixed", "multipart/report", "text/html", "application/pdf"} <= kinds
    encodings = {str(part["Content-Transfer-Encoding"]) for message in messages() for part in message.walk()}
    assert {"quoted-printable", "base64", "8bit"} <= encodings
    assert any("iso-8859-1" in str(part["Content-Type"]) for message in messages() for part in message.walk())
    assert any(message["List-Id"] for message in messages())
    assert any(str(message["Auto-Submitted"]) == "auto-replied" for message in messages())


def test_some_of_it_is_broken_on_purpose() -> None:
    ids = [message["Message-ID"] for message in messages()]
    assert None in ids
    assert len(ids) > len(set(ids)) + ids.count(None) - 1
    raw = samples.path().read_bytes()
    assert b"Date: the day after yesterday" in raw
    assert b"charset=x-unknown-8bit" in raw
    assert any(part.defects for message in messages() for part in message.walk())


def test_mboxrd_quotes_lines_that_look_like_a_new_message() -> None:
    assert b"\n>From Monday on I can use the big jig" in samples.path().read_bytes()


def test_nobody_real_can_be_reached_by_it() -> None:
    text = samples.path().read_text("latin-1").replace("=\n", "")
    domains = {found.lower() for found in re.findall(r"@([\w-]+(?:\.[\w-]+)*\.[a-z]+)\b", text)}
    hosts = {found.lower() for found in re.findall(r"https?://([\w.-]+)", text)}
    assert domains
    assert all(re.search(r"(^|\.)(test|example\.(com|org|net))$", name) for name in domains | hosts)
