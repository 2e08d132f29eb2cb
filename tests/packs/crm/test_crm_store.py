"""Contacts and leads in a real database: counted once, however often a job runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from treadle.packs.crm import store
from treadle.packs.crm.contacts import Address, Kind, Letter, own_names
from treadle.packs.crm.merging import sightings
from treadle.packs.crm.model import contact, lead, metadata
from treadle.packs.database import Database

OWN = own_names(["hello@barrowbell.test"])
US = Address("", "hello@barrowbell.test")
DAY = 24 * 3600 * 1000


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    opened.migrate("crm", "treadle.packs.crm.migrations")
    yield opened
    opened.close()


def asks(id: str, name: str, *, at: int = DAY, text: str = "Please send us a quote") -> Letter:
    return Letter(
        id=id,
        at=at,
        outgoing=False,
        sender=Address(name, f"{name.lower()}@{name.lower()}-works.test"),
        others=(US,),
        text=text,
    )


def keep(database: Database, *letters: Letter, owner: str = "me") -> store.Kept:
    with database.write() as connection:
        return store.keep(connection, owner, [one for letter in letters for one in sightings(letter, OWN)])


def test_the_same_messages_twice_change_nothing(database: Database) -> None:
    letters = [asks("1", "Helen"), asks("2", "Helen", at=2 * DAY), asks("3", "Tom", text="Hello")]
    assert keep(database, *letters) == store.Kept(new=2, updated=0, leads=1)
    assert keep(database, *letters) == store.Kept(0, 0, 0)
    with database.read() as connection:
        row = connection.execute(select(contact).where(contact.c.email_norm == "helen@helen-works.test")).one()
        assert (row.in_count, row.first_seen, row.last_seen) == (2, DAY, 2 * DAY)
        assert (store.count_contacts(connection, "me"), store.count_leads(connection, "me")) == (2, 1)


def test_each_owner_has_contacts_of_their_own(database: Database) -> None:
    keep(database, asks("1", "Helen"), owner="ada")
    keep(database, asks("1", "Helen"), owner="bob")
    with database.read() as connection:
        assert [store.count_contacts(connection, owner, Kind.PERSON) for owner in ("ada", "bob", "eve")] == [1, 1, 0]


def test_a_lead_ends_when_an_older_mail_shows_that_we_wrote_first(database: Database) -> None:
    keep(database, asks("1", "Helen", at=5 * DAY))
    ours = Letter(id="0", at=DAY, outgoing=True, sender=US, others=(Address("Helen", "helen@helen-works.test"),))
    keep(database, ours)
    with database.read() as connection:
        assert store.leads(connection, "me") == []


def test_a_stage_that_a_person_chose_stays(database: Database) -> None:
    keep(database, asks("1", "Helen"))
    with database.write() as connection:
        connection.execute(lead.update().values(stage="won"))
    keep(database, asks("2", "Helen", at=3 * DAY))
    with database.read() as connection:
        assert [one.stage for one in store.leads(connection, "me")] == ["won"]


def test_scores_fade_with_the_mail_and_rank_the_leads(database: Database) -> None:
    keep(database, asks("1", "Helen"), asks("2", "Greta", at=29 * DAY))
    with database.write() as connection:
        assert store.rescore(connection, "me") == (2, None)
    with database.read() as connection:
        greta, helen = store.leads(connection, "me")
    assert (greta.name, helen.name) == ("Greta", "Helen")
    assert greta.score == 50
    assert helen.score == 12
    assert greta.score_reasons[0] == {"rule": "asks_for_a_price", "points": 30, "at": 29 * DAY}


def test_leads_are_scored_page_by_page(database: Database) -> None:
    keep(database, *(asks(str(number), f"P{number}") for number in range(5)))
    with database.write() as connection:
        first = store.rescore(connection, "me", limit=3)
        assert first == (3, 3)
        assert store.rescore(connection, "me", after=3, limit=3) == (2, None)


def test_leads_of_one_day_are_those_who_first_wrote_then(database: Database) -> None:
    keep(database, asks("1", "Helen", at=DAY), asks("2", "Greta", at=2 * DAY))
    with database.read() as connection:
        assert [one.name for one in store.leads(connection, "me", since=DAY, until=2 * DAY)] == ["Helen"]
        assert store.count_leads(connection, "me", since=2 * DAY) == 1


def test_the_migrations_make_what_the_model_says(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    mine = set(metadata.tables)
    with database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, kind, _: kind != "table" or name in mine}
        )
        assert compare_metadata(context, metadata) == []
