"""A thread read once for all five tasks: cleaned letters, their sentences, their words, the language."""

from dataclasses import dataclass, replace

from treadle.packs.ai.local.clean import own_words
from treadle.packs.ai.local.injection import hides_something, orders_a_program
from treadle.packs.ai.local.names import persons_name, without_name_block
from treadle.packs.ai.local.plain import one_line
from treadle.packs.ai.local.sentences import sentences
from treadle.packs.ai.local.tables import load, pattern
from treadle.packs.ai.local.words import words
from treadle.packs.ai.threads import LETTERS_CAP, NAME_CAP, SUBJECT_CAP, Letter, ThreadText
from treadle.packs.mail.language import detect

_SENTENCES_CAP = 120


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: where it stands, its folded words, and whether it gives orders to a program."""

    text: str
    words: tuple[str, ...]
    letter: int
    position: int
    orders: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What the algorithms look at. `letters` are cleaned; `said` has the sentences of all of them, in order.

    `mass_mail`: the newest incoming letter ended with what mass mail ends with, such as a way to unsubscribe.
    `suspicious`: something in it gives orders to a program, or hides text from people.
    """

    subject: str
    subject_words: tuple[str, ...]
    letters: tuple[Letter, ...]
    said: tuple[Sentence, ...]
    lang: str
    mass_mail: bool
    suspicious: bool

    @property
    def last_in(self) -> Letter | None:
        """The newest letter that somebody sent to us."""
        return next((letter for letter in reversed(self.letters) if letter.direction == "in"), None)

    @property
    def by_person(self) -> bool:
        """Whether the newest incoming letter has a person's name on it."""
        return self.last_in is not None and bool(persons_name(self.last_in.sender_name))

    @property
    def bulk(self) -> bool:
        """Whether the thread came from a list or a machine rather than from a person."""
        newest = self.last_in
        return newest is not None and bool(newest.list_id or is_automatic(newest))


def read(thread: ThreadText) -> Reading:
    """Clean a thread and cut it into sentences and words. Time is linear in the capped text."""
    letters = tuple(_cleaned(letter) for letter in _chosen(thread.messages))
    said = tuple(sentence for at, letter in enumerate(letters) for sentence in _sentences(at, letter.text))
    subject = one_line(thread.subject, SUBJECT_CAP)
    return Reading(
        subject=subject,
        subject_words=words(subject),
        letters=letters,
        said=said,
        lang=_language(letters),
        mass_mail=_mass_mail(thread.messages),
        suspicious=_suspicious(thread, subject, said),
    )


def is_automatic(letter: Letter) -> bool:
    """Whether a program sent this: Auto-Submitted, or an address that wants no answer."""
    local = letter.sender_email.lower().partition("@")[0].replace("-", "").replace("_", "").replace(".", "")
    automatic = letter.auto_submitted.lower() not in ("", "no")
    return automatic or any(mark in local for mark in _NO_REPLY)


_NO_REPLY = (
    "noreply",
    "donotreply",
    "nepasrepondre",
    "nichtantworten",
    "noresponder",
    "mailerdaemon",
    "notification",
    "bounce",
)


def _chosen(messages: tuple[Letter, ...]) -> tuple[Letter, ...]:
    """Leave out what machines said in a talk of people (an absence note), and the middle of an endless talk."""
    people = tuple(letter for letter in messages if not is_automatic(letter))
    messages = people if any(letter.direction == "in" for letter in people) else messages
    if len(messages) <= LETTERS_CAP:
        return messages
    return (messages[0], *messages[1 - LETTERS_CAP :])


def _cleaned(letter: Letter) -> Letter:
    name = one_line(letter.sender_name, NAME_CAP)
    return replace(letter, text=without_name_block(own_words(letter.text), name), sender_name=name)


def _mass_mail(messages: tuple[Letter, ...]) -> bool:
    newest = next((letter.text for letter in reversed(messages) if letter.direction == "in"), "")
    return any(pattern("mass_mail").search(end) for end in (newest[:1_000], newest[-2_000:]))


def _suspicious(thread: ThreadText, subject: str, said: tuple[Sentence, ...]) -> bool:
    ordered = any(sentence.orders for sentence in said) or orders_a_program(subject, words(subject))
    return ordered or hides_something(thread)


def _sentences(at: int, text: str) -> list[Sentence]:
    found: list[Sentence] = []
    ordered = False
    for position, sentence in enumerate(sentences(text)):
        if position >= _SENTENCES_CAP:
            break
        told = words(sentence)
        # Whoever has begun to give orders to a program goes on: what follows in this letter counts as orders too.
        ordered = ordered or orders_a_program(sentence, told)
        found.append(Sentence(sentence, told, at, position, ordered))
    return found


def _language(letters: tuple[Letter, ...]) -> str:
    """Take the newest incoming letter's language as the mail pack found it, else look; `en` where nothing tells."""
    ordered = sorted(enumerate(letters), key=lambda entry: (entry[1].direction == "in", entry[0]), reverse=True)
    found = (_known(letter.lang) or _known(detect(letter.text)) for _, letter in ordered[:5])
    return next((lang for lang in found if lang), "en")


def _known(lang: str) -> str:
    code = lang[:2].lower()
    return code if code in load("words")["stop"] else ""
