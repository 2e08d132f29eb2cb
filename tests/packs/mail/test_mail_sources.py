"""Mailboxes on disk: each format yields the same bytes, goes on at any token, refuses what is hostile or none."""

import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.packs.mail.formats import Format
from treadle.packs.mail.parse import OVERSIZE_WINDOW, RAW_LIMIT
from treadle.packs.mail.sources import Item, NotAMailbox, Refused, Source, open_source
from treadle.packs.mail.sources.archive import HostileArchive
from treadle.packs.mail.sources.mbox import is_separator

NOW = 1_774_000_000_000
MAILS = [b"Subject: %d\nFrom: a@example.org\n\nbody %d\n" % (n, n) for n in range(5)]


def opened(path: Path, format: Format = "auto") -> tuple[str, Source]:
    return open_source(path, format, now=NOW)


def raws(source: Source, token: str = "") -> list[bytes]:
    return [item.raw for item in source.items(token) if isinstance(item, Item)]


def refused(source: Source) -> list[Refused]:
    return [item for item in source.items() if isinstance(item, Refused)]


def mbox(path: Path, mails: list[bytes] = MAILS, end: bytes = b"\n") -> Path:
    separator = b"From a@example.org Mon Mar  9 08:41:44 2026\n"
    path.write_bytes(b"".join(separator + mail + b"\n" for mail in mails).replace(b"\n", end))
    return path


def zipped(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, entries: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def folder(path: Path, mails: list[bytes] = MAILS) -> Path:
    path.mkdir()
    for number, mail in enumerate(mails):
        (path / f"{number}.eml").write_bytes(mail)
    return path


def maildir(path: Path) -> Path:
    for part in ("cur", "new", "tmp"):
        (path / part).mkdir(parents=True)
    for number, mail in enumerate(MAILS):
        (path / ("new" if number == 4 else "cur") / f"{number}.host{':2,FS' if number == 1 else ''}").write_bytes(mail)
    return path


def gzipped(path: Path) -> Path:
    path.write_bytes(gzip.compress(mbox(path.with_suffix("")).read_bytes()))
    return path


def entries() -> dict[str, bytes]:
    return {f"box/{number}.eml": mail for number, mail in enumerate(MAILS)}


MAKE: dict[str, Callable[[Path], Path]] = {
    "mbox": lambda place: mbox(place / "in.mbox"),
    "mbox.gz": lambda place: gzipped(place / "in.mbox.gz"),
    "maildir": lambda place: maildir(place / "Maildir"),
    "eml": lambda place: folder(place / "mails"),
    "zip": lambda place: zipped(place / "in.zip", entries()),
    "tar": lambda place: tarred(place / "in.tar.gz", entries()),
}


@pytest.mark.parametrize("kind", MAKE)
def test_each_format_is_recognised_and_read(kind: str, tmp_path: Path) -> None:
    format, source = opened(MAKE[kind](tmp_path))
    assert format == kind.removesuffix(".gz")
    assert raws(source) == MAILS
    items = list(source.items())
    assert [item.done for item in items] == sorted(item.done for item in items)
    assert 0 < items[-1].done <= source.total


@pytest.mark.parametrize("kind", MAKE)
def test_each_format_goes_on_behind_any_message(kind: str, tmp_path: Path) -> None:
    _, source = opened(MAKE[kind](tmp_path))
    for number, item in enumerate(source.items(), 1):
        assert raws(source, item.token) == MAILS[number:]


def test_mboxrd_quotes_are_taken_off_and_sentences_do_not_split(tmp_path: Path) -> None:
    mail = b"Subject: s\n\n>From the start\n>>From deeper\n> From quoted\nFrom here we go at 10:30\n\nFrom all of us\n"
    _, source = opened(mbox(tmp_path / "a.mbox", [mail]))
    unquoted = mail.replace(b"\n>From", b"\nFrom").replace(b"\n>>From", b"\n>From")
    assert raws(source) == [unquoted]


def test_mbox_with_network_line_ends_and_dates_of_arrival(tmp_path: Path) -> None:
    _, source = opened(mbox(tmp_path / "a.mbox", end=b"\r\n"))
    items = [item for item in source.items() if isinstance(item, Item)]
    assert [item.raw.replace(b"\r\n", b"\n") for item in items] == MAILS
    assert {item.arrived_at for item in items} == {1_773_045_704_000}


@pytest.mark.parametrize(
    ("line", "below_empty", "is_one"),
    [
        (b"From a@b Mon Mar  9 08:41:44 2026\n", False, True),
        (b"From - Mon Mar 09 08:41:44 2026\r\n", False, True),
        (b"From a b Mon, 9 Mar 2026 08:41:44 +0000 2026\n", False, True),
        (b"From a@b\n", True, True),
        (b"From a@b\n", False, False),
        (b"From -\n", True, True),
        (b"From 10:30 until Monday\n", True, False),
        (b"From all of us\n", True, False),
        (b"Frommage\n", True, False),
    ],
)
def test_separators_are_told_from_sentences(line: bytes, below_empty: bool, is_one: bool) -> None:
    assert is_separator(line, below_empty=below_empty) is is_one


def test_a_maildir_tells_flags_and_reading_mail_does_not_make_it_new(tmp_path: Path) -> None:
    box = maildir(tmp_path / "Maildir")
    _, source = opened(box)
    before = [(item.token, item.flags) for item in source.items() if isinstance(item, Item)]
    assert before[1] == ("/1.host", "FS")
    os.rename(box / "new" / "4.host", box / "cur" / "4.host:2,S")
    assert [item.token for item in source.items()] == [token for token, _ in before]


def test_a_folder_may_hold_mailboxes_of_other_formats(tmp_path: Path) -> None:
    place = folder(tmp_path / "all", MAILS[:1])
    mbox(place / "b.mbox", MAILS[1:3])
    zipped(place / "c.zip", {"x.eml": MAILS[3]})
    (place / "sub").mkdir()
    (place / "sub" / "d.EML").write_bytes(MAILS[4])
    (place / "readme.txt").write_text("not a mail")
    (place / "broken.zip").write_bytes(b"PK nonsense")
    (place / "link.eml").symlink_to("/etc/hostname")
    _, source = opened(place)
    assert raws(source) == MAILS
    assert [one.name for one in refused(source)] == ["broken.zip"]
    for number, item in enumerate((item for item in source.items() if isinstance(item, Item)), 1):
        assert raws(source, item.token) == MAILS[number:]


@pytest.mark.parametrize("name", ["../evil.eml", "/etc/evil.eml", "a/../../evil.eml", "C:\\evil.eml", "..\\evil.eml"])
def test_archives_whose_names_lead_outside_are_refused_whole(name: str, tmp_path: Path) -> None:
    with pytest.raises(HostileArchive, match=r"points outside the archive\. Nothing was imported"):
        opened(zipped(tmp_path / "a.zip", {"ok.eml": MAILS[0], name: MAILS[1]}))
    _, source = opened(tarred(tmp_path / "a.tar.gz", {name: MAILS[1]}))
    with pytest.raises(HostileArchive, match="points outside"):
        raws(source)
    assert not (tmp_path.parent / "evil.eml").exists()


def test_links_bombs_and_damaged_entries_are_refused_and_the_others_read(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        link = zipfile.ZipInfo("link.eml")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("bomb.eml", b"\0" * 30_000_000)
        archive.writestr("good.eml", MAILS[0])
        archive.writestr("torn.eml", MAILS[1], zipfile.ZIP_STORED)
    data = file.read_bytes()
    file.write_bytes(data.replace(MAILS[1], MAILS[1].replace(b"body", b"BODY"), 1))
    _, source = opened(file)
    assert raws(source) == [MAILS[0]]
    assert {one.name: one.why.split()[0] for one in refused(source)} == {
        "bomb.eml": "unpacks",
        "link.eml": "is",
        "torn.eml": "cannot",
    }


def test_a_gzip_that_ends_in_the_middle_gives_what_there_is(tmp_path: Path) -> None:
    noise = os.urandom(200_000).hex().encode()
    mails = [b"Subject: %d\n\n" % n + noise[n * 1000 :: 7] + b"\n" for n in range(20)]
    file = tmp_path / "a.mbox.gz"
    packed = gzip.compress(mbox(tmp_path / "a.mbox", mails).read_bytes())
    file.write_bytes(packed[: len(packed) // 2])
    _, source = opened(file)
    found = raws(source)
    assert 0 < len(found) < len(mails)
    assert found == mails[: len(found)]
    assert "the rest cannot be unpacked" in refused(source)[0].why


def test_an_mbox_message_beyond_fifty_megabytes_comes_as_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "a.mbox"
    with file.open("wb") as out:
        out.write(b"From a@b Mon Mar  9 08:41:44 2026\nSubject: huge\n\n")
        for _ in range(RAW_LIMIT // 1_000_000 + 2):
            out.write((b"x" * 99 + b"\n") * 10_000)
        out.write(b"\nFrom a@b Mon Mar  9 08:41:44 2026\n" + MAILS[0])
    huge, small = (item for item in opened(file)[1].items() if isinstance(item, Item))
    assert huge.size > RAW_LIMIT
    assert len(huge.raw) <= OVERSIZE_WINDOW
    assert small.raw == MAILS[0]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("missing", None, "there is nothing of this name"),
        ("empty", b"", "the file is empty"),
        ("text", b"Title: hello\nworld", "does not begin with"),
        ("noise", bytes(range(256)), "does not begin with"),
        ("fake.zip", b"PK\x03\x04 but no zip", "does not begin with"),
        ("fake.gz", b"\x1f\x8b but no gzip", "it cannot be read"),
        ("text.gz", gzip.compress(b"hello"), "does not begin with"),
    ],
)
def test_what_is_no_mailbox_is_said_with_what_was_expected(
    name: str, content: bytes | None, why: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NotAMailbox, match=f"{name} is not a mailbox: .*{why}.*Expected an mbox"):
        opened(path)


def test_empty_folders_and_archives_are_no_mailboxes(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotAMailbox, match=r"holds no \.eml file"):
        opened(tmp_path / "empty")
    with pytest.raises(NotAMailbox, match=r"holds no \.eml file"):
        opened(zipped(tmp_path / "a.zip", {"a.txt": b"x"}))


def test_a_format_that_is_named_is_believed(tmp_path: Path) -> None:
    file = tmp_path / "mail"
    file.write_bytes(b"Title: odd\n\nbody")
    assert raws(opened(file, "eml")[1]) == [b"Title: odd\n\nbody"]


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=6), st.integers(0, 400))
def test_any_bytes_as_an_mbox_go_on_at_any_token(lines: list[bytes], cut: int) -> None:
    data = b"\n".join(b"From a@b Mon Mar  9 08:41:44 2026\n" + line for line in lines)[: cut or None]
    file = Path(os.environ["PYTEST_SCRATCH"]) / "any.mbox"
    file.write_bytes(data)
    _, source = "mbox", open_source(file, "mbox", now=NOW)[1]
    whole = raws(source)
    for number, item in enumerate(source.items(), 1):
        assert raws(source, item.token) == whole[number:]


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that property tests may name: their fixtures live longer than one example."""
    monkeypatch.setenv("PYTEST_SCRATCH", str(tmp_path))
