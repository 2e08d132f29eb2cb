"""Which of ten categories a thread belongs to: a table of cues at first, a learned model on top when there is one."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from typing import Literal, get_args

from treadle.packs.ai.local.bayes import Model, log_odds
from treadle.packs.ai.local.reading import Reading, Sentence, is_automatic
from treadle.packs.ai.local.tables import weighted

Category = Literal[
    "sales", "support", "complaint", "billing", "meeting", "newsletter", "notification", "security", "personal", "work"
]
CATEGORIES: tuple[Category, ...] = get_args(Category)

_SUBJECT, _NEWEST, _OLD, _OURS = 1.5, 1.0, 0.7, 0.3
_SHARPNESS = 0.7
#: What nothing speaks for is work; a stray word or two do not change that.
_DEFAULT = 2.5
#: How loud one learned label speaks against the cues; a class with few labels whispers.
_TRUST = 0.9


@dataclass(frozen=True, slots=True)
class Classified:
    """The category and how sure we are, 0 to 1; `ranking` has every category's share."""

    category: Category
    confidence: float
    ranking: Mapping[Category, float]


def classify(reading: Reading, model: Model | None = None) -> Classified:
    """Name the category of a thread. Equal texts and models give equal answers."""
    points = cue_points(reading)
    if model is not None:
        learned = log_odds(model, features(reading))
        points = {name: points[name] + _TRUST * learned.get(name, 0.0) for name in CATEGORIES}
    shares = _softmax(points)
    best = max(CATEGORIES, key=lambda name: shares[name])
    return Classified(best, round(shares[best], 3), {name: round(share, 3) for name, share in shares.items()})


def features(reading: Reading) -> tuple[str, ...]:
    """Give the words a model learns from: subject, text, the sender's domain and what the headers say."""
    newest = reading.last_in
    told: tuple[str, ...] = ()
    if newest is not None:
        domain = newest.sender_email.lower().rpartition("@")[2][:60]
        told = ("from:" + domain, "list:yes" if newest.list_id else "list:no")
    body = (word for sentence in reading.said for word in sentence.words)
    return (*told, *("s:" + word for word in reading.subject_words), *body)


def cue_points(reading: Reading) -> dict[Category, float]:
    """Add up what speaks for each category: phrases, with the newest letter and the subject louder, and headers."""
    points: dict[str, float] = dict.fromkeys(CATEGORIES, 0.0)
    points["work"] = _DEFAULT
    cues = weighted("categories")
    seen: set[tuple[str, str]] = set()
    last = len(reading.letters) - 1
    for weight, words in [(_SUBJECT, reading.subject_words), *_weighed(reading, last)]:
        for hit in cues.find(words):
            for category, worth in hit.value:
                again = (category, hit.phrase) in seen
                points[category] += weight * worth * (0.25 if again else 1)
                seen.add((category, hit.phrase))
    for category, worth in _header_points(reading).items():
        points[category] += worth
    points["newsletter"] += 4.0 * (reading.mass_mail and not _discussed(reading))
    return {name: points[name] for name in CATEGORIES}


def _weighed(reading: Reading, last: int) -> list[tuple[float, tuple[str, ...]]]:
    newest = [said for said in reading.said if said.letter == last]
    older = [said for said in reading.said if said.letter != last]
    return [(_NEWEST, said.words) for said in newest[:25]] + [(_old(reading, said), said.words) for said in older[:60]]


def _old(reading: Reading, said: Sentence) -> float:
    return _OURS if reading.letters[said.letter].direction == "out" else _OLD


def _header_points(reading: Reading) -> Mapping[Category, float]:
    newest = reading.last_in
    if newest is None:
        return {"work": 1.0}
    name, automatic = newest.sender_email.lower().partition("@")[0], is_automatic(newest)
    told: dict[Category, float] = dict(_NO_MACHINE) if automatic or newest.list_id else {}
    if newest.list_id:
        told |= _list_points(reading, name)
    elif automatic:
        told |= _MACHINE
    elif reading.by_person:
        told |= _PERSON
    if any(mark in name for mark in _BILLING):
        told["billing"] = told.get("billing", 0.0) + 3.0
    return told


def _list_points(reading: Reading, name: str) -> Mapping[Category, float]:
    if _discussed(reading):
        return {"work": 6.0}
    if name in _SENDERS:
        return {"newsletter": 7.0}
    return {"newsletter": 3.0, "work": 2.5} if reading.by_person else {"newsletter": 6.0}


def _discussed(reading: Reading) -> bool:
    """Whether people talk here: a newsletter has no answers, a talk on a list the list's [name] before its subject."""
    listed = reading.last_in is not None and bool(reading.last_in.list_id)
    named = listed and reading.subject.startswith("[")
    return len(reading.letters) > 1 or named or reading.subject_words[:1] in _ANSWERS


_ANSWERS = (("re",), ("aw",), ("antw",), ("sv",))
_MACHINE: Mapping[Category, float] = {"notification": 4.0, "security": 2.0, "billing": 1.5, "newsletter": 1.5}
#: What a person hardly ever writes.
_PERSON: Mapping[Category, float] = {"notification": -3.0, "newsletter": -2.0, "security": -1.0}
#: What a list or a program hardly ever is.
_NO_MACHINE: Mapping[Category, float] = {
    "personal": -4.0,
    "complaint": -4.0,
    "support": -4.0,
    "sales": -4.0,
    "meeting": -4.0,
}
_SENDERS = frozenset(
    "news newsletter hello info marketing team hi offers deals digest weekly updates noreply no-reply mail".split()
)
_BILLING = ("billing", "invoice", "accounts", "buchhaltung", "rechnung", "factur", "comptabilite")


def _softmax(points: Mapping[Category, float]) -> dict[Category, float]:
    top = max(points.values())
    raised = {name: exp(max(-40.0, _SHARPNESS * (value - top))) for name, value in points.items()}
    total = sum(raised.values())
    return {name: value / total for name, value in raised.items()}
