"""What a run of the pipeline needs to know and to enqueue. Which step comes when, tasks.py says."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import or_, select

from treadle import State, Treadle
from treadle.packs.ai import store as answers
from treadle.packs.ai.tasks import process_thread
from treadle.packs.crm import store as contacts
from treadle.packs.crm.contacts import Kind
from treadle.packs.crm.tasks import BATCH, extract_contacts
from treadle.packs.crm.work import score_all
from treadle.packs.database import Database
from treadle.packs.mail import reading
from treadle.packs.mail.model import account, import_run
from treadle.packs.notify.writing import tables, write_digest

__all__ = ["close", "fan_out", "imports_since", "tables", "totals"]

_T = TypeVar("_T")
_AT_ONCE = 500  # jobs in one transaction


def imports_since(database: Database, owner: str, path: str, began: int) -> list[str]:
    """Name the imports of a mailbox that ended since an instant (ms) or go on.

    A job that is tried again finds its mail imported already, by a run of its first try: that run counts too.
    """
    mine = (account.c.owner_id == owner, import_run.c.path == path)
    ended = or_(import_run.c.finished_at.is_(None), import_run.c.finished_at >= began)
    joined = select(import_run.c.id).join(account, account.c.id == import_run.c.account_id)
    with database.read() as connection:
        return list(connection.scalars(joined.where(*mine, ended).order_by(import_run.c.id)))


def fan_out(app: Treadle, run: str, imports: Sequence[str], *, owner: str = "me") -> int:
    """Enqueue the AI and contact jobs of what was imported; return how many stand now. Again, it changes nothing."""
    database = tables(app)
    messages = [one for each in imports for one in reading.messages_of_run(database, each)]
    ai = app.bind(process_thread).using(batch=run, owner=owner)
    crm = app.bind(extract_contacts).using(batch=run, owner=owner)
    calls = [
        *(crm.using(id=f"crm:{run}:{ids[0]}").call(ids, owner=owner) for ids in _slices(messages, BATCH)),
        *(ai.using(id=f"ai:{run}:{thread}").call(thread) for thread in _threads(database, imports)),
    ]
    for some in _slices(calls, _AT_ONCE):
        app.enqueue_many(some)
    return len(calls)


def close(app: Treadle, owner: str, date: str | None, check: Callable[[], None]) -> dict[str, Any]:
    """Score the leads and write the digest; answers what notify.daily_digest answers."""
    database = tables(app)
    score_all(database, owner, check)
    return dict(write_digest(database, owner, date))


def totals(app: Treadle, run: str, imports: Sequence[str], *, owner: str = "me") -> dict[str, int]:
    """Count what came out of a run: {messages, threads, summaries, labels, tasks, drafts, contacts, leads, failures}.

    Messages, threads and what the AI found are of this run; contacts and leads are all of the owner's.
    """
    database = tables(app)
    runs = [one for each in imports if (one := reading.read_run(database, each))]
    threads = _threads(database, imports)
    with database.read() as connection:
        found = answers.totals(connection, threads)
        people = contacts.count_contacts(connection, owner, Kind.PERSON)
        leads = contacts.count_leads(connection, owner)
    return {
        "messages": sum(one.stored for one in runs),
        "threads": len(threads),
        "summaries": found["summaries"],
        "labels": found["labels"],
        "tasks": found["tasks_found"],
        "drafts": found["drafts"],
        "contacts": people,
        "leads": leads,
        "failures": app.count(batch=run)[State.FAILED] + sum(one.failed + one.refused for one in runs),
    }


def _threads(database: Database, imports: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(one for each in imports for one in reading.threads_of_run(database, each)))


def _slices(values: Sequence[_T], size: int) -> Iterator[list[_T]]:
    for start in range(0, len(values), size):
        yield list(values[start : start + size])
