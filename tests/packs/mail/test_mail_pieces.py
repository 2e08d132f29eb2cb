"""Tables for the small pure parts: charsets, headers, dates, addresses, file names, language, ownership."""

import pytest

from treadle.packs.mail.addresses import addresses, mailboxes
from treadle.packs.mail.attachments import safe_name
from treadle.packs.mail.charsets import codec_for, decode, storable
from treadle.packs.mail.dates import parse_date, received_date
from treadle.packs.mail.headers import bare_subject, message_ids, readable
from treadle.packs.mail.language import detect
from treadle.packs.mail.ownership import learn, own_domains, told, went_out
from treadle.packs.mail.parse import snippet

NOW = 1_774_000_000_000  # March 2026


@pytest.mark.parametrize(
    ("data", "declared", "text", "clean"),
    [
        (b"plain", None, "plain", True),
        (b"plain", "no-such-charset", "plain", True),
        ("grün".encode(), "utf-8", "grün", True),
        ("grün".encode("latin-1"), "iso-8859-1", "grün", True),
        (b"\x93quoted\x94", "iso-8859-1", "“quoted”", True),
        (b"\x80 5", "us-ascii", "€ 5", True),
        ("日本".encode("iso2022_jp"), "ISO-2022-JP", "日本", True),
        ("日本".encode("cp932"), "shift_jis", "日本", True),
        ("한국어".encode("cp949"), "ks_c_5601-1987", "한국어", True),
        ("grün".encode(), "x-unknown", "grün", False),
        ("grün".encode(), None, "grün", True),
        ("caffè così".encode("latin-1"), None, "caffè così", False),
        ("Привет, как дела? Всё хорошо.".encode("cp1251"), None, "Привет, как дела? Всё хорошо.", False),
        (b"\xff\xfe\xfd" * 3, "utf-8", None, False),
        (b"", "utf-16", "", True),
    ],
)
def test_bytes_become_text_whatever_they_claim(
    data: bytes, declared: str | None, text: str | None, clean: bool
) -> None:
    found, sure = decode(data, declared)
    assert sure is clean
    assert text is None or found == text


@pytest.mark.parametrize(
    "label", ["punycode", "idna", "zlib", "rot13", "unicode_escape", "../x", "", "a" * 500, "undefined"]
)
def test_what_is_no_charset_of_a_mail_is_none(label: str) -> None:
    assert codec_for(label) is None


def test_text_for_the_database_has_neither_nul_nor_lone_surrogates() -> None:
    assert storable("a\0b\ud800c") == "ab?c"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("plain", "plain"),
        ("folded\r\n\t over lines", "folded over lines"),
        ("=?utf-8?q?In=C3=A8s?= Belmonte", "Inès Belmonte"),
        ("=?iso-8859-1?Q?a?= =?iso-8859-1?Q?b?= c", "ab c"),
        ("=?utf-8?B?4pyT?= =?utf-8?B?IG9r?=", "✓ ok"),
        ("=?utf-8?b?4p?= =?utf-8?b?yT?=", "✓"),  # no: padding is missing, each word stands for itself
        ("=?utf-8*en?q?tagged?=", "tagged"),
        ("=?no-such?q?abc?=", "abc"),
        ("=?utf-8?q?unfinished", "=?utf-8?q?unfinished"),
        ("=?utf-8?q?tab=09and=0Aline?=", "tab and line"),
        ("Gr\udcc3\udcbc\udcc3\udc9fe", "Grüße"),
        ("Gr\udcfc\udcdfe", "Grüße"),
        ("nul\x00byte", "nul byte"),
    ],
)
def test_headers_become_one_line_of_text(raw: str, text: str) -> None:
    if raw == "=?utf-8?b?4p?= =?utf-8?b?yT?=":
        assert "\n" not in readable(raw)
    else:
        assert readable(raw) == text


@pytest.mark.parametrize(
    ("raw", "ids"),
    [
        ("<a@b>", ["a@b"]),
        ("<a@b>\r\n <c@d>", ["a@b", "c@d"]),
        ("<torn.or\r\n g@b>", ["torn.org@b"]),
        ("Your message of Monday <a@b>", ["a@b"]),
        ("<>", []),
        ("<x>", []),
        ("<@b>", []),
        ("<CAJfpegv0123456789abcdef>", ["CAJfpegv0123456789abcdef"]),
        ("ann@example.org", []),
        ("<" + "a" * 600 + "@b>", []),
    ],
)
def test_message_ids_are_found_and_junk_is_not(raw: str, ids: list[str]) -> None:
    assert message_ids([raw]) == ids


@pytest.mark.parametrize(
    ("subject", "bare"),
    [
        ("Re: AW: [list] Fwd: Offer", "Offer"),
        ("RE[2]: Offer", "Offer"),
        ("Regarding: Offer", "Regarding: Offer"),
        ("Re:", "Re:"),
        ("", ""),
    ],
)
def test_reply_marks_are_stripped_from_subjects(subject: str, bare: str) -> None:
    assert bare_subject(subject) == bare


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("Mon, 09 Mar 2026 08:41:44 +0000", 1_773_045_704_000),
        ("9 Mar 2026 09:41:44 +0100 (CET)", 1_773_045_704_000),
        ("Mon, 9 Mar 2026 03:41:44 EST", 1_773_045_704_000),
        ("2026-03-09T08:41:44Z", 1_773_045_704_000),
        ("2026-03-09 08:41:44", 1_773_045_704_000),
        ("Thu, 01 Jan 1970 00:00:00 +0000", None),
        ("Mon, 09 Mar 2126 08:41:44 +0000", None),
        ("Mon, 32 Mar 2026 08:41:44 +0000", None),
        ("Mon, 09 Foo 2026 08:41:44 +0000", None),
        ("yesterday", None),
        ("", None),
        ("Mon, 09 Mar 99999999999999999999 08:41:44 +0000", None),
    ],
)
def test_dates_are_read_and_nonsense_is_none(value: str, instant: int | None) -> None:
    assert parse_date(value, NOW) == instant


def test_a_received_header_ends_in_its_date() -> None:
    assert received_date("from a by b; id c;\r\n Mon, 09 Mar 2026 08:41:44 +0000", NOW) == 1_773_045_704_000
    assert received_date("from a by b", NOW) is None


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("ann@example.org", [("", "ann@example.org")]),
        ("Ann Lee <Ann@Example.ORG>", [("Ann Lee", "ann@example.org")]),
        ('"Lee, Ann" <ann@example.org>, bob@example.org', [("Lee, Ann", "ann@example.org"), ("", "bob@example.org")]),
        ("=?utf-8?q?In=C3=A8s?= <i@example.org>", [("Inès", "i@example.org")]),
        ("ann@example.org (Ann)", [("Ann", "ann@example.org")]),
        ("Friends: ann@example.org, bob@example.org;", [("", "ann@example.org"), ("", "bob@example.org")]),
        ("undisclosed-recipients:;", []),
        ("not an address", []),
        ("<script>@example.org", []),
        ("ann@example.org\r\nBcc: eve@example.org", [("", "ann@example.org")]),
        ("", []),
    ],
)
def test_addresses_are_read(value: str, found: list[tuple[str, str]]) -> None:
    if "Bcc" in value:  # a torn header is one value; nothing of it becomes another header
        assert all("\n" not in email for _, email in mailboxes(value))
    else:
        assert mailboxes(value) == found


def test_nested_comments_and_a_thousand_recipients_are_bounded() -> None:
    assert mailboxes("(" * 5_000 + "a@example.org" + ")" * 5_000) is not None
    many = ", ".join(f"a{n}@example.org" for n in range(3_000))
    assert len(addresses({"to": [many]})) == 1_000


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\evil.exe", "evil.exe"),
        ("/", "attachment"),
        ("..", "attachment"),
        ("a\x00b\nc.txt", "a_b_c.txt"),
        ("con.txt", "_con.txt"),
        ("Rechnung März.pdf", "Rechnung März.pdf"),
        ("invoice\u202egnp.exe", "invoice_gnp.exe"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
    ],
)
def test_names_of_attachments_cannot_leave_or_hide(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("Hello, could you please send us the offer that we discussed with you last week?", "en"),
        ("Guten Tag, bitte senden Sie uns das Angebot, das wir mit Ihnen besprochen haben.", "de"),
        ("Bonjour, pourriez-vous nous envoyer votre offre pour les pièces dans la semaine ?", "fr"),
        ("Hola, ¿podrían enviarnos la oferta que hablamos con ustedes la semana pasada por favor?", "es"),
        ("Buongiorno, non abbiamo ancora ricevuto il preventivo che ci avete promesso per la bici.", "it"),
        ("Goedemorgen, kunt u ons de offerte sturen die wij met u hebben besproken voor het project?", "nl"),
        ("Bom dia, você pode nos enviar uma proposta para as peças que não chegaram ao armazém?", "pt"),
        ("Hi!", "und"),
        ("42 17 4711 0815 99", "und"),
        ("東京タワー 本日 会議 資料", "und"),
        ("", "und"),
    ],
)
def test_languages_are_told_by_their_little_words(text: str, lang: str) -> None:
    assert detect(text) == lang


def test_snippets_skip_quotations() -> None:
    assert snippet("> old\nNew  words\n> old\nhere") == "New words here"
    assert len(snippet("word " * 1000)) == 200


def test_own_addresses_are_learnt_from_what_was_delivered() -> None:
    assert learn({"me@example.org": 66, "ines@example.org": 1}, 101) == {"me@example.org"}
    assert learn({"me@example.org": 2}, 4) == frozenset()


def test_a_colleague_writes_outward_and_a_stranger_at_the_same_free_mailer_does_not() -> None:
    own = told("Mara@barrow.test", ["me@gmail.com"])
    domains = own_domains(own)
    assert own == {"mara@barrow.test", "me@gmail.com"}
    assert went_out("jonas@barrow.test", own, domains)
    assert went_out("me@gmail.com", own, domains)
    assert not went_out("else@gmail.com", own, domains)
    assert not went_out("daemon@mx.barrow.test", own, domains)
