"""The tasks of the notify pack. What they do lies in writing.py, which is loaded when a task runs."""

from datetime import timedelta

from treadle import Context, Pack, Retry
from treadle.packs.database import Database, open_database

pack = Pack("notify", needs=("sqlalchemy", "alembic", "jinja2"), extra="notify")
pack.provide(Database, open_database)


# No retry: who waits for yesterday's digest tomorrow? (S2.06)
@pack.task("daily_digest", queue="notify", timeout=timedelta(seconds=60), retry=Retry(0), context=True)
def daily_digest(ctx: Context, user_id: str, date: str | None = None) -> dict[str, str | int | None]:
    """Write a user's digest of a day (ISO, UTC; the day of the newest mail if not given) into the outbox, once.

    Answers {status: sent|empty|suppressed, items, message_id, path}. Asked again for the same user and day,
    it answers with the letter that is already there.
    """
    from treadle.packs.notify import writing

    return writing.write_digest(writing.tables(ctx.app), user_id, date)
