"""What happened on a day, read from the tables of mail, ai and crm. What is worth telling, digest.py decides."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from datetime import date as Date
from functools import cache, partial
from typing import Any

from treadle.packs.ai import store as answers
from treadle.packs.ai.local.tasks_found import OURSELVES
from treadle.packs.ai.ports import TASKS
from treadle.packs.ai.store import Stored
from treadle.packs.crm import store as contacts
from treadle.packs.crm.contacts import Kind, kind_of
from treadle.packs.crm.letters import is_automatic
from treadle.packs.database import Database
from treadle.packs.mail import reading
from treadle.packs.notify.digest import LOOK_BACK, Day, DraftFact, FailureFact, LeadFact, TaskFact, ThreadFact

BACK = timedelta(days=14)
"""How long a thread's requests stay in the digest after its newest message."""

_THREADS = 500
_LEADS = 50

Answers = Mapping[str, Mapping[str, Stored]]


def newest_day(database: Database, user: str) -> Date | None:
    """Name the day (UTC) of the user's newest message, None without any."""
    at = reading.newest_message_at(database, user)
    return None if at is None else datetime.fromtimestamp(at / 1000, UTC).date()


def of_day(database: Database, user: str, day: Date) -> Day:
    """Read the facts of one day, midnight to midnight UTC."""
    since, until = _start(day), _start(day + timedelta(days=1))
    moved = reading.active_threads(database, user, since, until)[:_THREADS]
    recent = reading.thread_ids(database, user, since=_start(day - BACK), until=until, limit=_THREADS)
    with database.read() as connection:
        told = answers.newest(connection, {*moved, *recent})
        unanswered = len(answers.missing(connection, moved, TASKS)) if told else 0
        leads = contacts.leads(connection, user, since=since, until=until, limit=_LEADS)
    known = cache(partial(reading.read_thread, database))
    threads = [found for one in moved if (found := known(one)) is not None]
    subjects = {one: found.subject for one in told if any(_found(told[one])) and (found := known(one))}
    tasks = _tasks(told, subjects, frozenset(moved), day)
    ours = _colleagues(threads) | {""}  # what we asked of others is their list, not ours
    return Day(
        user=user,
        date=day,
        threads=tuple(_thread(thread, told.get(thread.id, {}), since, until) for thread in threads),
        tasks=tuple(task for task in tasks if task.owner.lower() in ours),
        drafts=tuple(_drafts(threads, told)),
        leads=tuple(_lead(lead) for lead in leads),
        failures=tuple(_failures(threads, unanswered, since, until)),
    )


def _start(day: Date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _thread(thread: reading.Thread, told: Mapping[str, Stored], since: int, until: int) -> ThreadFact:
    news = [message for message in thread.messages if since <= message.sent_at < until]
    raised = until - LOOK_BACK * 24 * 3600 * 1000
    theirs = [message for message in news if message.direction == "in"] or news
    return ThreadFact(
        id=thread.id,
        subject=news[-1].subject_bare if news else thread.subject,
        subjects=tuple(message.subject_bare for message in thread.messages if raised <= message.sent_at < until),
        people=tuple(message.sender_name or message.sender_email for message in reversed(theirs)),
        messages=len(thread.messages),
        summary=_text(told, "summarize", "summary"),
        category=_text(told, "classify", "category"),
        sentiment=_text(told, "sentiment", "sentiment"),
        suspicious=_suspicious(told),
        automatic=_automatic(thread),
        at=news[-1].sent_at if news else 0,
    )


def _suspicious(told: Mapping[str, Stored]) -> bool:
    return any(stored.output.get("suspicious_instructions") is True for stored in told.values())


def _automatic(thread: reading.Thread) -> bool:
    senders = [message for message in thread.messages if message.direction == "in"]
    return bool(senders) and all(_from_a_machine(message) for message in senders)


def _from_a_machine(message: reading.Message) -> bool:
    nobody = kind_of(message.sender_email, own=frozenset()) is not Kind.PERSON
    return nobody or bool(message.list_id) or is_automatic(message)


def _text(told: Mapping[str, Stored], task: str, name: str) -> str:
    value = told[task].output.get(name) if task in told else None
    return value if isinstance(value, str) else ""


def _colleagues(threads: Iterable[reading.Thread]) -> frozenset[str]:
    """First names and mailbox names of those who write for us."""
    ours = [message for thread in threads for message in thread.messages if message.direction == "out"]
    first = {message.sender_name.split()[0].lower() for message in ours if message.sender_name.split()}
    return frozenset(first | {message.sender_email.partition("@")[0].lower() for message in ours})


def _tasks(told: Answers, subjects: Mapping[str, str], moved: frozenset[str], day: Date) -> Iterator[TaskFact]:
    for thread_id in sorted(subjects):
        for found in _found(told[thread_id]):
            yield TaskFact(
                title=str(found["title"]),
                subject=subjects[thread_id],
                owner="" if found["owner"] == OURSELVES else str(found["owner"] or ""),
                due=_date(found["due"]),
                asked_on=day if thread_id in moved else None,
            )


def _found(told: Mapping[str, Stored]) -> Iterator[Mapping[str, Any]]:
    # What a mail that instructs assistants "asks for" is no task of ours.
    if "tasks" in told and not _suspicious(told):
        yield from told["tasks"].output.get("tasks", ())


def _date(written: object) -> Date | None:
    try:
        return Date.fromisoformat(str(written)) if written else None
    except ValueError:
        return None


def _drafts(threads: Iterable[reading.Thread], told: Answers) -> Iterator[DraftFact]:
    for thread in threads:
        reply = None if _suspicious(told.get(thread.id, {})) else told.get(thread.id, {}).get("reply")
        text = reply.output.get("draft") if reply else None
        if reply and isinstance(text, str):
            to, subject = reply.output.get("to"), reply.output.get("subject")
            yield DraftFact(subject=str(subject or thread.subject), to=str(to or ""), preview=text)


def _lead(lead: contacts.Lead) -> LeadFact:
    reasons = tuple(str(reason["rule"]) for reason in lead.score_reasons if reason["points"] > 0)
    return LeadFact(name=lead.name, company=lead.company, email=lead.email, score=lead.score, reasons=reasons)


def _failures(threads: Iterable[reading.Thread], unanswered: int, since: int, until: int) -> Iterator[FailureFact]:
    states = [
        message.parse_state for thread in threads for message in thread.messages if since <= message.sent_at < until
    ]
    yield FailureFact(what="Messages that could not be read", count=states.count("failed"))
    yield FailureFact(what="Threads without all their answers", count=unanswered)
