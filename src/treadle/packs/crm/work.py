"""What the crm tasks do: read messages, keep whom they show, score leads; one short transaction after the other."""

from collections.abc import Callable, Sequence

from treadle import Treadle
from treadle.packs.crm import letters, store
from treadle.packs.crm.merging import sightings
from treadle.packs.crm.store import Kept
from treadle.packs.database import Database
from treadle.packs.mail.store import prepare


def extract(database: Database, owner: str, message_ids: Sequence[str], own: frozenset[str]) -> Kept:
    """Keep the people of a few messages, all in one transaction."""
    seen = [one for letter in letters.read(database, message_ids) for one in sightings(letter, own)]
    with database.write() as connection:
        return store.keep(connection, owner, seen)


def score_all(database: Database, owner: str, check: Callable[[], None]) -> int:
    """Score all leads of an owner, a page a transaction; `check` is called between them and may stop it."""
    scored, after = 0, None
    while True:
        check()
        with database.write() as connection:
            count, after = store.rescore(connection, owner, after or 0)
        scored += count
        if after is None:
            return scored


def tables(app: Treadle) -> Database:
    """Open the application's database with the tables of this pack and of mail in it."""
    database = prepare(app.use(Database))
    database.migrate("crm", "treadle.packs.crm.migrations")
    return database
