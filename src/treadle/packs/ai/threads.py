"""A mail thread as the ai pack sees it: frozen values, nothing of databases or providers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

#: Longest text of one letter that is looked at, in characters; the rest adds cost, hardly ever meaning.
LETTER_CAP = 20_000
#: Most letters of one thread that are looked at: the first, and the newest of the others.
LETTERS_CAP = 40
SUBJECT_CAP = 300
NAME_CAP = 100


@dataclass(frozen=True, slots=True)
class Letter:
    """One message: who wrote what, when (milliseconds since 1970, UTC) and in which direction."""

    sender_name: str
    sender_email: str
    to: tuple[str, ...]
    sent_at: int
    text: str
    lang: str = "und"
    direction: Literal["in", "out"] = "in"
    list_id: str = ""
    auto_submitted: str = ""


@dataclass(frozen=True, slots=True)
class ThreadText:
    """A thread's subject and its letters, oldest first."""

    subject: str
    messages: tuple[Letter, ...]


def normalised(thread: ThreadText) -> str:
    """Write the thread as one text that is equal for equal content: the input of the cache key."""
    return "\x1e".join(_lines(thread))


def _lines(thread: ThreadText) -> Iterable[str]:
    yield " ".join(thread.subject.split())
    for letter in thread.messages:
        head = (letter.direction, letter.sender_name, letter.sender_email, letter.list_id, letter.auto_submitted)
        yield "\x1f".join((*head, str(letter.sent_at), letter.lang, " ".join(letter.text.split())))
