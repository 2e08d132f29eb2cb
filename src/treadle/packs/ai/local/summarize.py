"""An extractive summary: the sentences that carry most, in their order. Words of the source only, <= 320 characters."""

import re
from collections import Counter
from dataclasses import dataclass
from math import log, sqrt

from treadle.packs.ai.local.dates import day_words
from treadle.packs.ai.local.plain import one_line
from treadle.packs.ai.local.reading import Reading, Sentence
from treadle.packs.ai.local.tables import pattern, stop_words
from treadle.packs.ai.local.words import fold

CAP = 320
_SENTENCE = 260

_FIGURE = re.compile(r"\d[\d.,:/%-]*")
_MONEY = re.compile(r"[€$£]\s?\d|\d\s?(?:€|\$|£|eur\b|usd\b|gbp\b|chf\b|%)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Summary:
    """The text, and how sure we are that it covers the thread, 0 to 1."""

    text: str
    confidence: float


def summarize(reading: Reading) -> Summary:
    """Pick the sentences that say most in 320 characters; the subject stands in when there are none."""
    scored = [
        (score, sentence, one_line(sentence.text, _SENTENCE)) for sentence, score in _scores(reading) if score > 0
    ]
    chosen = _chosen([entry for entry in scored if entry[2]])
    if not chosen:
        return Summary(one_line(reading.subject, CAP), 0.2)
    text = " ".join(
        _ended(text) for _, _, text in sorted(chosen, key=lambda entry: (entry[1].letter, entry[1].position))
    )
    total = sum(score for score, _, _ in scored) or 1.0
    covered = sum(score for score, _, _ in chosen) / total
    return Summary(text, round(0.4 + 0.55 * min(1.0, covered), 3))


_Scored = tuple[float, Sentence, str]


def _chosen(scored: list[_Scored]) -> list[_Scored]:
    """Take the best for their length as long as they fit and say something new."""
    room = CAP
    chosen: list[_Scored] = []
    for entry in sorted(
        scored, key=lambda entry: (-entry[0] / (30 + len(entry[2])) ** 0.5, entry[1].letter, entry[1].position)
    ):
        new = not any(_same(entry[1].words, other[1].words) for other in chosen)
        if len(entry[2]) + 2 <= room + 1 and new:
            chosen.append(entry)
            room -= len(entry[2]) + 2
    return chosen


def _same(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shared = len(set(one) & set(other))
    return shared >= 0.6 * min(len(set(one)), len(set(other)))


def _ended(text: str) -> str:
    text = text.removeprefix("- ")
    return text if text.endswith((".", "!", "?", "…", "。")) else text.rstrip(",;:") + "."


def _scores(reading: Reading) -> list[tuple[Sentence, float]]:
    stop = stop_words(reading.lang)
    often = Counter(word for sentence in reading.said for word in set(sentence.words) - stop)
    topic = frozenset(reading.subject_words) - stop
    worth = [_worth(reading, at) for at in range(len(reading.letters))]
    return [(said, _score(said, often, topic, stop) * worth[said.letter]) for said in reading.said]


def _score(sentence: Sentence, often: Counter[str], topic: frozenset[str], stop: frozenset[str]) -> float:
    telling = [word for word in sentence.words if word not in stop and len(word) > 1]
    folded = fold(sentence.text)
    if len(telling) < 2 or pattern("summary_idle").search(folded) or sentence.orders:
        return 0.0
    position = 0.7 / (1 + 0.25 * sentence.position)
    weight = sum(log(1 + often[word]) for word in set(telling)) / sqrt(4 + len(telling))
    figures = min(4, len(_FIGURE.findall(sentence.text)))
    asks = bool(pattern("summary_asks").search(folded))
    dates = not day_words().isdisjoint(sentence.words)
    cues = 0.5 * dates + 0.4 * figures + 0.5 * bool(_MONEY.search(sentence.text)) + 0.9 * asks
    overlap = min(3, len(topic & set(telling))) * 0.5
    links = 0.6 * (sentence.text.count("http") + sentence.text.count("www."))
    return position + overlap + 0.5 * weight + cues - links


def _worth(reading: Reading, letter: int) -> float:
    """Newest matters most; the first letter says what it is about; what we wrote and they answered counts least."""
    last = len(reading.letters) - 1
    if letter == last:
        return 1.0
    if letter == 0:
        return 0.5
    return (0.3 if reading.letters[letter].direction == "out" else 0.6) - min(0.2, 0.1 * (last - letter - 1))
