"""Deliveries: one letter per key, channel and user, whoever asks and however often."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from treadle.packs.database import Database
from treadle.packs.notify import store
from treadle.packs.notify.model import metadata
from treadle.packs.notify.store import Delivery

LETTER = Delivery(
    dedupe_key="digest:me:2026-03-20",
    channel="file",
    user_id="me",
    state="sending",
    items=7,
    message_id="<digest.1@treadle.localhost>",
    path="",
    created_at=1_000,
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    opened.migrate("notify", "treadle.packs.notify.migrations")
    yield opened
    opened.close()


def test_a_second_beginning_goes_on_with_the_first_letter(database: Database) -> None:
    with database.write() as connection:
        assert store.begin(connection, LETTER) == LETTER
        assert store.begin(connection, replace(LETTER, message_id="<other@x>", created_at=2_000)) == LETTER
        assert store.begin(connection, replace(LETTER, user_id="you")).user_id == "you"


def test_a_confirmed_letter_is_sent_for_good(database: Database) -> None:
    with database.write() as connection:
        sent = store.confirm(connection, store.begin(connection, LETTER), path="outbox/x.eml", at=3_000)
    assert (sent.state, sent.path) == ("sent", "outbox/x.eml")
    with database.write() as connection:
        assert store.begin(connection, LETTER) == sent


def test_users_get_news_unless_they_said_no(database: Database) -> None:
    with database.write() as connection:
        assert store.wants(connection, "me", "digest", "file")
        store.wish(connection, "me", "digest", "file", allowed=False)
        assert not store.wants(connection, "me", "digest", "file")
        assert store.wants(connection, "me", "reminder", "file")
        store.wish(connection, "me", "digest", "file", allowed=True)
        assert store.wants(connection, "me", "digest", "file")


def test_the_migrations_make_what_the_model_says(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    mine = set(metadata.tables)
    with database.read() as connection:
        opts = {"include_name": lambda name, kind, _: kind != "table" or name in mine}
        assert compare_metadata(MigrationContext.configure(connection, opts=opts), metadata) == []
