"""The tasks of the crm pack: contacts and leads out of messages, and their scores. Each may run any number of times.

What they do lies in work.py, which is loaded when a task runs: including the pack costs next to nothing.
"""

from datetime import timedelta

from treadle import Context, Exponential, Pack, Retry
from treadle.packs.database import Database, open_database

pack = Pack("crm", needs=("sqlalchemy", "alembic"), extra="crm")
pack.provide(Database, open_database)

BATCH = 50
"""Messages in one transaction, and the most that one job should be given."""


@pack.task(
    "extract_contacts", queue="crm", timeout=timedelta(seconds=30), retry=Retry(3, Exponential(60)), context=True
)
def extract_contacts(ctx: Context, message_ids: list[str], *, owner: str = "me") -> dict[str, int]:
    """Keep who wrote and who was written to; a message counts once, however often it is given.

    Answers {new, updated, leads}: contacts that began or changed, and leads that began.
    """
    from treadle.packs.crm import letters, work

    database = work.tables(ctx.app)
    own = letters.own_names(database, owner)
    counts = {"new": 0, "updated": 0, "leads": 0}
    for start in range(0, len(message_ids), BATCH):
        ctx.check()
        kept = work.extract(database, owner, message_ids[start : start + BATCH], own)
        counts = {name: number + getattr(kept, name) for name, number in counts.items()}
        ctx.progress(min(start + BATCH, len(message_ids)), len(message_ids))
    return counts


@pack.task("score_leads", queue="crm", timeout=timedelta(seconds=30), retry=Retry(2, Exponential(60)), context=True)
def score_leads(ctx: Context, owner: str = "me") -> dict[str, int]:
    """Score all leads of an owner anew, as of the owner's newest mail; answers {scored}."""
    from treadle.packs.crm import work

    return {"scored": work.score_all(work.tables(ctx.app), owner, ctx.check)}
