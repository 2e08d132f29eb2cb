"""The tasks of the crm pack: contacts and leads out of messages, and their scores. Each may run any number of times."""

from datetime import timedelta

from treadle import Context, Exponential, Pack, Retry
from treadle.packs.crm import letters, store
from treadle.packs.crm.merging import sightings
from treadle.packs.database import Database, open_database

pack = Pack("crm")
pack.provide(Database, open_database)

BATCH = 50
"""Messages that one job takes at most: its transaction stays short."""


@pack.task(
    "extract_contacts", queue="crm", timeout=timedelta(seconds=30), retry=Retry(3, Exponential(60)), context=True
)
def extract_contacts(ctx: Context, message_ids: list[str], *, owner: str = "me") -> dict[str, int]:
    """Keep who wrote and who was written to; a message counts once, however often it is given.

    Answers {new, updated, leads}: contacts that began or changed, and leads that began.
    """
    database = tables(ctx)
    own = letters.own_names(database, owner)
    counts = {"new": 0, "updated": 0, "leads": 0}
    for start in range(0, len(message_ids), BATCH):
        ctx.check()
        page = letters.read(database, message_ids[start : start + BATCH])
        seen = [one for letter in page for one in sightings(letter, own)]
        with database.write() as connection:
            kept = store.keep(connection, owner, seen)
        counts = {
            "new": counts["new"] + kept.new,
            "updated": counts["updated"] + kept.updated,
            "leads": counts["leads"] + kept.leads,
        }
        ctx.progress(min(start + BATCH, len(message_ids)), len(message_ids))
    return counts


@pack.task("score_leads", queue="crm", timeout=timedelta(seconds=30), retry=Retry(2, Exponential(60)), context=True)
def score_leads(ctx: Context, owner: str = "me") -> dict[str, int]:
    """Score all leads of an owner anew, as of the owner's newest mail; answers {scored}."""
    database = tables(ctx)
    scored, after = 0, 0
    while True:
        ctx.check()
        with database.write() as connection:
            count, last = store.rescore(connection, owner, after)
        scored += count
        if last is None:
            return {"scored": scored}
        after = last


def tables(ctx: Context) -> Database:
    """Open the database with this pack's tables in it."""
    database: Database = ctx.use(Database)
    database.migrate("crm", "treadle.packs.crm.migrations")
    return database
