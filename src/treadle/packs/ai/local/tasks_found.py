"""What the letters ask somebody to do: sentences that ask (en, de, fr, es), with a due day where one is said."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from treadle.packs.ai.local.dates import find_due
from treadle.packs.ai.local.plain import one_line
from treadle.packs.ai.local.reading import Reading, Sentence, is_automatic
from treadle.packs.ai.local.tables import asks, lead, pattern, word_set
from treadle.packs.ai.local.words import fold, words
from treadle.packs.ai.threads import Letter

TITLE_CAP = 120
_QUOTE_CAP = 240
_TASKS_CAP = 20
OURSELVES = "me"


@dataclass(frozen=True, slots=True)
class Found:
    """Something to do: plain text, who should, until which day (ISO) and the sentence it was read from."""

    title: str
    owner: str | None
    due: str | None
    quote: str
    confidence: float


_TAIL = re.compile(r"(?:,? (?:please|bitte|pls))?[\s?.!:;,]+$|,? (?:please|bitte|pls)$")


def find_tasks(reading: Reading) -> tuple[Found, ...]:
    """List what the thread asks for, oldest first. Mass mail asks for nothing, a machine only for what has a day."""
    found: list[Found] = []
    seen: list[frozenset[str]] = []
    for task in _all(reading):
        kind = frozenset(words(task.title))
        if task.title and not any(_alike(kind, other) for other in seen):
            seen.append(kind)
            found.append(task)
    return tuple(found[:_TASKS_CAP])


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return 2 * len(one & other) > 1.5 * min(len(one), len(other)) and abs(len(one) - len(other)) < 5


def _all(reading: Reading) -> Iterator[Found]:
    if reading.mass_mail:
        return
    answered = _answered(reading)
    for at, letter in enumerate(reading.letters):
        if letter.list_id or at in answered:
            continue
        machine = is_automatic(letter)
        for sentence, listed in _asking([said for said in reading.said if said.letter == at], reading.lang):
            task = _task(sentence, letter, reading.lang, listed)
            if task is not None and (not machine or (task.due and letter.direction == "in")):
                yield task


def _answered(reading: Reading) -> frozenset[int]:
    """Old requests that we answered ourselves are done or stand again in a newer letter."""
    last_out = max((at for at, letter in enumerate(reading.letters) if letter.direction == "out"), default=-1)
    newer = any(letter.direction == "in" for letter in reading.letters[last_out + 1 :])
    return frozenset(range(last_out)) if newer else frozenset()


def _asking(said: Iterable[Sentence], lang: str) -> Iterator[tuple[Sentence, bool]]:
    """Yield the sentences that ask; bullets under "could you please:" ask too."""
    listing = False
    for sentence in said:
        folded = fold(sentence.text)
        if sentence.text.startswith("- ") and listing:
            yield sentence, True
            continue
        asks = _asks(folded, lang)
        listing = sentence.text.endswith(":") and (asks or bool(pattern("opens_list").search(folded)))
        if asks and not listing:
            yield sentence, False


def _asks(folded: str, lang: str) -> bool:
    if (
        len(folded) < 8
        or folded[0] in "\"'„“«"
        or pattern("not_a_task").search(folded)
        or pattern("question").search(folded)
    ):
        return False
    return any(rule.search(folded) for rule in asks(lang))


def _task(sentence: Sentence, letter: Letter, lang: str, listed: bool) -> Found | None:
    if sentence.orders:
        return None
    sent = _day(letter.sent_at)
    due = find_due(sentence.text, sent, lang) if sent else None
    title = _title(sentence.text, lang)
    if len(words(title)) < 2:
        return None
    owner = _owner(sentence.text, letter)
    sure = 0.6 + 0.15 * (due is not None) + 0.1 * listed + 0.1 * ("?" in sentence.text)
    return Found(
        title,
        owner,
        due.day.isoformat() if due else None,
        one_line(sentence.text.removeprefix("- "), _QUOTE_CAP),
        round(min(sure, 0.95), 2),
    )


def _day(sent_at: int) -> date | None:
    try:
        return datetime.fromtimestamp(sent_at / 1000, UTC).date()
    except (ValueError, OverflowError, OSError):
        return None


def _title(text: str, lang: str) -> str:
    rest = lead(lang).sub("", text, count=1)
    rest = rest if len(rest) > 8 else text
    title = _TAIL.sub("", one_line(rest.removeprefix("- "), TITLE_CAP))
    return title[:1].upper() + title[1:]


_NAMED = re.compile(r"^(?:- )?@?([A-ZÀ-Þ][\w'’-]{1,20})\s?[,:] (?=\w)")


def _owner(text: str, letter: Letter) -> str | None:
    """Name who should: the person spoken to by name, else us for a letter to us, else the one we wrote to."""
    named = _NAMED.match(text)
    if named and fold(named.group(1)) not in word_set("not_names"):
        return named.group(1)
    if letter.direction == "in":
        return OURSELVES
    return one_line(letter.to[0].partition("@")[0], 60) or None if letter.to else None
