"""Real and nasty mail: nothing crashes, everything is counted, threads are those of the whole."""

import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from treadle.packs.database import Database
from treadle.packs.mail import reading
from treadle.packs.mail.ingest import import_mailbox
from treadle.packs.mail.parse import parse

Find = Callable[[str], Path]
NOW = 1_774_000_000_000
ARCHIVES = ["spamassassin-ham-1300.eml.tar.gz", "nasty-mikel-mail.tar.gz", "nasty-cpython-test_email.tar.gz"]


@pytest.mark.parametrize("name", ARCHIVES)
def test_nothing_in_the_corpus_fails_to_parse(name: str, corpus: Find) -> None:
    files = [file for file in sorted(corpus(name).rglob("*.eml")) if file.is_file()]
    letters = [(file.name, parse(file.read_bytes(), NOW)) for file in files]
    states = Counter(letter.state for _, letter in letters)
    failed = [name for name, letter in letters if letter.state == "failed"]
    assert failed == (["msg_19.eml"] if "cpython" in name else [])  # has no header at all, on purpose
    assert states["ok"] + states["partial"] + len(failed) == len(files)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("spamassassin-ham-1300.eml.tar.gz", 1300),
        ("spamassassin-ham-300.mbox.gz", 300),
        ("apache-httpd-users-2020-07.mbox.gz", 108),
    ],
)
def test_real_mailboxes_come_in_whole(name: str, stored: int, corpus: Find, database: Database) -> None:
    run = import_mailbox(database, corpus(name))
    assert (run.seen, run.stored, run.failed, run.refused) == (stored, stored, 0, 0)


@pytest.mark.slow
def test_the_archive_and_the_unpacked_mbox_are_the_same_mail(corpus: Find, database: Database, tmp_path: Path) -> None:
    packed = corpus("spamassassin-ham-300.mbox.gz")
    plain = tmp_path / "plain.mbox"
    plain.write_bytes(gzip.decompress(packed.read_bytes()))
    first = import_mailbox(database, packed)
    again = import_mailbox(database, plain)
    assert (again.stored, again.duplicates) == (0, first.stored)


@pytest.mark.slow
def test_the_threads_of_an_import_are_dovecots_less_the_ties_by_address(corpus: Find, database: Database) -> None:
    run = import_mailbox(database, corpus("spamassassin-ham-1300.eml.tar.gz"))
    assert run.threads == 649
    ids = reading.threads_of_run(database, run.id)
    threads = [reading.read_thread(database, id) for id in ids]
    assert sum(len(one.messages) for one in threads if one) == 1300
