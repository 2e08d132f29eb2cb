"""What a day's digest says, and in which order. Pure: facts in, a frozen Digest out; rendering.py makes it a mail.

The facts come from mail, so every text is cut to one plain line without control characters and without links.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date as Date
from enum import StrEnum

SHOWN = 10
"""Items that a section shows; the others are counted in its last line."""

DUE_WITHIN = 7  # days ahead that a task's due date brings it into the digest

_URL = re.compile(
    r"(?:https?|ftp|file|data|javascript)\s?:\s?\S+|\bwww\.\S+|\b[a-z][a-z0-9+.-]{1,20}://\S*", re.IGNORECASE
)
ALARMING = frozenset({"complaint", "security"})
LOOK_BACK = 7  # days after which an overdue task, or an alarm in a subject, is history
_ALARM = re.compile(
    r"\b(escalat|eskal|urgent|dringend|emergency|notfall|sofort\b|immediately\b|spoed|urgenz)", re.IGNORECASE
)


class Part(StrEnum):
    """The sections of a digest, in the order of their weight."""

    ESCALATIONS = "escalations"
    TASKS = "tasks"
    LEADS = "leads"
    DRAFTS = "drafts"
    REST = "rest"
    NEWSLETTERS = "newsletters"
    FAILURES = "failures"


TITLES = {
    Part.ESCALATIONS: "Needs you now",
    Part.TASKS: "To do",
    Part.LEADS: "New leads",
    Part.DRAFTS: "Drafts to look at",
    Part.REST: "Also today",
    Part.NEWSLETTERS: "Newsletters and notices",
    Part.FAILURES: "Could not be processed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadFact:
    """A thread that moved on the day."""

    id: str
    subject: str
    subjects: tuple[str, ...] = ()  # what people called it in the last days
    people: tuple[str, ...] = ()
    messages: int = 1
    summary: str = ""
    category: str = ""
    sentiment: str = ""
    suspicious: bool = False  # it tries to instruct an assistant
    automatic: bool = False  # only lists and machines wrote in it
    at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFact:
    """Something that a thread asks for; no date is better than a false one."""

    title: str
    subject: str = ""
    owner: str = ""  # a colleague; "" is the reader
    due: Date | None = None
    asked_on: Date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftFact:
    """A reply that waits for a person."""

    subject: str
    to: str
    preview: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadFact:
    """Somebody new who wants something."""

    name: str
    company: str = ""
    email: str = ""
    score: int = 0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureFact:
    """Something that did not work, and how often."""

    what: str
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The facts of one person's day."""

    user: str
    date: Date
    threads: tuple[ThreadFact, ...] = ()
    tasks: tuple[TaskFact, ...] = ()
    drafts: tuple[DraftFact, ...] = ()
    leads: tuple[LeadFact, ...] = ()
    failures: tuple[FailureFact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry: what, more about it, and a short remark such as "due tomorrow"."""

    title: str
    detail: str = ""
    remark: str = ""
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and its entries; `more` counts those that are not shown."""

    part: Part
    title: str
    items: tuple[Item, ...]
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A day at a glance."""

    user: str
    date: Date
    subject: str
    lead_in: str
    sections: tuple[Section, ...]
    items: int

    @property
    def empty(self) -> bool:
        """There is nothing worth a mail."""
        return self.items == 0


def digest(day: Day) -> Digest:
    """Sort a day's facts into sections: what burns first, newsletters in one line, failures last."""
    burning = [thread for thread in day.threads if escalates(thread)]
    bulk = [thread for thread in day.threads if thread.automatic and not escalates(thread)]
    rest = [thread for thread in day.threads if thread not in burning and thread not in bulk]
    found = {
        Part.ESCALATIONS: [_thread(thread, urgent=True) for thread in sorted(burning, key=_weight)],
        Part.TASKS: [_task(task, day.date) for task in due_tasks(day)],
        Part.LEADS: [_lead(lead) for lead in sorted(day.leads, key=lambda lead: (-lead.score, lead.email))],
        Part.DRAFTS: [_draft(draft) for draft in day.drafts],
        Part.REST: [_thread(thread) for thread in sorted(rest, key=_weight)],
        Part.NEWSLETTERS: _folded(bulk),
        Part.FAILURES: [Item(title=f"{plain(fact.what, 200)}: {fact.count}") for fact in day.failures if fact.count],
    }
    sections = tuple(_section(part, items) for part, items in found.items() if items)
    return Digest(
        user=day.user,
        date=day.date,
        subject=_subject(day.date, found),
        lead_in=_lead_in(day, len(burning)),
        sections=sections,
        items=sum(len(items) for items in found.values()),
    )


def escalates(thread: ThreadFact) -> bool:
    """Tell an angry or alarming thread; a newsletter with loud words and a quarrel in the family are none."""
    if thread.automatic or thread.suspicious:
        return thread.category == "security" and not thread.suspicious
    alarmed = any(_ALARM.search(subject[:300]) for subject in (thread.subject, *thread.subjects))
    angry = thread.sentiment == "negative" and thread.category != "personal"
    return alarmed or angry or thread.category in ALARMING


def due_tasks(day: Day) -> list[TaskFact]:
    """Pick tasks due within a week or overdue, soonest first, then those without a date that were asked today."""
    dated = [task for task in day.tasks if task.due and -LOOK_BACK <= (task.due - day.date).days <= DUE_WITHIN]
    undated = [task for task in day.tasks if task.due is None and task.asked_on == day.date]
    return [*sorted(dated, key=lambda task: (task.due or day.date, task.title)), *undated]


def plain(text: str, limit: int) -> str:
    """Return one line of at most `limit` characters: no control, bidi or zero-width characters, no links."""
    shown = "".join(c if unicodedata.category(c)[0] != "C" else " " if c in "\t\r\n" else "" for c in text[: 8 * limit])
    line = " ".join(_URL.sub("[link]", shown).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _section(part: Part, items: Sequence[Item]) -> Section:
    return Section(part=part, title=TITLES[part], items=tuple(items[:SHOWN]), more=max(0, len(items) - SHOWN))


def _weight(thread: ThreadFact) -> tuple[int, int, str]:
    return (0 if thread.sentiment == "negative" else 1, -thread.at, thread.id)


def _thread(thread: ThreadFact, *, urgent: bool = False) -> Item:
    people = _names(thread.people)
    letters = f"{thread.messages} messages" if thread.messages > 1 else ""
    doubt = "tries to instruct an assistant" if thread.suspicious else ""
    remark = " · ".join(part for part in (people, letters, plain(thread.category, 30), doubt) if part)
    title = plain(thread.subject, 120) or "(no subject)"
    detail = "" if thread.suspicious else plain(thread.summary, 320)  # what it wants an assistant to say is not said
    return Item(title=title, detail=detail, remark=remark, urgent=urgent)


def _names(people: Iterable[str], shown: int = 3) -> str:
    names = list(dict.fromkeys(name for name in (plain(person, 60) for person in people) if name))
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")


def _task(task: TaskFact, today: Date) -> Item:
    late = task.due is not None and task.due <= today
    whose = f"for {plain(task.owner, 60).title()}" if task.owner else ""
    remark = " · ".join(part for part in (_due(task.due, today), whose) if part)
    return Item(title=plain(task.title, 200), detail=plain(task.subject, 120), remark=remark, urgent=late)


def _due(due: Date | None, today: Date) -> str:
    if due is None:
        return ""
    days = (due - today).days
    near = {-1: "was due yesterday", 0: "due today", 1: "due tomorrow"}
    if days in near:
        return near[days]
    return f"due {_spoken(due)}" if days > 0 else f"overdue since {_spoken(due)}"


def _lead(lead: LeadFact) -> Item:
    who = plain(lead.name, 80) or plain(lead.email, 120)
    company = plain(lead.company, 60)
    why = ", ".join(plain(reason.replace("_", " "), 40) for reason in lead.reasons[:3])
    return Item(title=f"{who}, {company}" if company else who, detail=why, remark=f"score {lead.score}")


def _draft(draft: DraftFact) -> Item:
    return Item(
        title=plain(draft.subject, 120) or "(no subject)",
        detail=plain(draft.preview, 160),
        remark=f"to {plain(draft.to, 80)}",
    )


def _folded(threads: Sequence[ThreadFact]) -> list[Item]:
    if not threads:
        return []
    subjects = [plain(thread.subject, 60) for thread in sorted(threads, key=_weight)]
    listed = "; ".join(subjects[:4]) + (f"; {len(subjects) - 4} more" if len(subjects) > 4 else "")
    return [Item(title=_count(len(threads), "thread"), detail=listed)]


def _subject(date: Date, found: dict[Part, list[Item]]) -> str:
    urgent = len(found[Part.ESCALATIONS])
    told = [
        f"{urgent} urgent" if urgent else "",
        f"{len(found[Part.TASKS])} to do" if found[Part.TASKS] else "",
        _count(len(found[Part.LEADS]), "new lead") if found[Part.LEADS] else "",
    ]
    news = ", ".join(part for part in told if part)
    return f"Your mail of {_spoken(date)}" + (f": {news}" if news else "")


def _lead_in(day: Day, burning: int) -> str:
    moved = f"{_count(len(day.threads), 'thread')} moved"
    need = "one needs" if burning == 1 else f"{burning} need"
    return f"{moved}, {need} you now." if burning else f"{moved}, nothing burns."


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _spoken(date: Date) -> str:
    return f"{date:%A}, {date.day} {date:%B}"
