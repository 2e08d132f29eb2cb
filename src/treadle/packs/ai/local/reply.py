"""A draft answer: greeting, acknowledgement, each question and request with a visible gap. Facts are left to people.

Nothing of the letter can become a recipient, a link or an instruction: recipients come from the newest incoming
letter's header, and text of the letter stands only in quotes, without links and addresses.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from treadle.packs.ai.local.classify import Category
from treadle.packs.ai.local.names import persons_name
from treadle.packs.ai.local.plain import one_line
from treadle.packs.ai.local.reading import Reading, Sentence, is_automatic
from treadle.packs.ai.local.sentiment import Feeling
from treadle.packs.ai.local.tables import load
from treadle.packs.ai.local.tasks_found import OURSELVES, Found
from treadle.packs.ai.local.words import fold
from treadle.packs.ai.threads import Letter

NoDraft = Literal["empty", "newsletter", "no_reply", "our_own_last_word"]

_QUESTIONS_CAP, _QUESTION_CAP, _REQUESTS_CAP = 5, 200, 5


@dataclass(frozen=True, slots=True)
class Draft:
    """A text for a person to finish, or why there is none. `to` is for display; sending takes the thread's headers."""

    text: str | None
    reason: NoDraft | None
    to: str | None
    subject: str | None
    placeholders: int
    confidence: float


def draft_reply(reading: Reading, category: Category, feeling: Feeling, tasks: tuple[Found, ...]) -> Draft:
    """Draft an answer to the newest incoming letter in the thread's language."""
    reason = why_not(reading, category)
    newest = reading.last_in
    if reason is not None or newest is None:
        return Draft(None, reason or "empty", None, None, 0, 0.9)
    say = load("phrases")[reading.lang]
    text = "\n".join(
        [
            _greeting(say, newest),
            "",
            *_body(say, reading, category, feeling, tasks),
            "",
            say["closing"],
            _me(say, reading),
        ]
    )
    gaps = text.count("[")
    return Draft(text, None, _recipient(newest), _subject(reading), gaps, round(max(0.3, 0.8 - 0.08 * gaps), 2))


def why_not(reading: Reading, category: Category) -> NoDraft | None:
    """Say why this thread gets no draft; None if it gets one."""
    newest = reading.last_in
    if newest is None:
        return "our_own_last_word" if reading.letters else "empty"
    if reading.letters[-1].direction == "out":
        return "our_own_last_word"
    if is_automatic(newest) or (category == "notification" and not persons_name(newest.sender_name)):
        return "no_reply"
    if category == "newsletter":
        return "newsletter"
    return None if any(said.letter == len(reading.letters) - 1 for said in reading.said) else "empty"


_ADDRESS = re.compile(r"[^\s<>()\[\],;:\\\"@\x00-\x1f]{1,64}@[\w.-]{1,255}")


def _recipient(letter: Letter) -> str | None:
    """Take the sender's address from the header, None if it is none."""
    return letter.sender_email if _ADDRESS.fullmatch(letter.sender_email) else None


def _quoted(text: str) -> str:
    """Quote the letter so that it can neither end the quotation nor look like one of our gaps."""
    return '"' + text.translate(_NO_GAPS) + '"'


_NO_GAPS = str.maketrans({"[": "(", "]": ")", '"': "'"})


def _greeting(say: Mapping[str, str], letter: Letter) -> str:
    name = persons_name(letter.sender_name)
    return say["greeting"].format_map({"name": name}) if name else say["greeting_nobody"]


def _body(
    say: Mapping[str, str], reading: Reading, category: Category, feeling: Feeling, tasks: tuple[Found, ...]
) -> list[str]:
    lines = [say["positive"] if feeling == "positive" else say.get(category, say["thanks"])]
    questions = _questions(reading, tasks)
    if questions:
        lines += ["", say["asked"], *(f"- {_quoted(question)} {say['answer']}" for question in questions)]
    requests = [task for task in tasks if task.owner == OURSELVES][-_REQUESTS_CAP:]
    if requests:
        lines += ["", say["todo"], *(_request(say, task) for task in requests)]
    if not questions and not requests and feeling != "positive":
        lines += ["", say["fill"]]
    return lines


def _request(say: Mapping[str, str], task: Found) -> str:
    day = " (" + say["until"].format_map({"day": task.due}) + ")" if task.due else ""
    return f"- {_quoted(task.title)}{day}: {say['confirm']}"


def _questions(reading: Reading, tasks: tuple[Found, ...]) -> list[str]:
    """Quote the questions of the newest incoming letter that are not requests already."""
    at = max(at for at, letter in enumerate(reading.letters) if letter.direction == "in")
    asked = frozenset(task.quote for task in tasks)
    quotes = (one_line(said.text.removeprefix("- "), _QUESTION_CAP) for said in reading.said if _is_question(said, at))
    return [quote for quote in quotes if quote not in asked][:_QUESTIONS_CAP]


def _is_question(said: Sentence, letter: int) -> bool:
    ends = said.text.rstrip("\"')»” ").endswith("?")
    return said.letter == letter and ends and len(said.words) >= 3 and not said.orders


def _me(say: Mapping[str, str], reading: Reading) -> str:
    ours = (persons_name(letter.sender_name) for letter in reversed(reading.letters) if letter.direction == "out")
    return next((name for name in ours if name), say["me"])


def _subject(reading: Reading) -> str:
    bare = reading.subject
    for _ in range(5):
        head, colon, rest = bare.partition(":")
        if not colon or fold(head.strip()) not in ("re", "aw", "fw", "fwd", "wg", "tr", "rv", "sv", "antw"):
            break
        bare = rest.strip()
    return f"Re: {bare}" if bare else "Re:"
