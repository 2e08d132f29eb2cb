"""How a writer feels, in three classes: cues of business mail, then the VADER lexicon (English). Else neutral."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import sqrt
from typing import Literal

from treadle.packs.ai.local.reading import Reading, Sentence
from treadle.packs.ai.local.tables import weighted, word_set

Feeling = Literal["positive", "neutral", "negative"]

_REACH = 3


@dataclass(frozen=True, slots=True)
class Felt:
    """The class, a score from -1 to 1, how sure we are, and the phrases that told."""

    sentiment: Feeling
    score: float
    confidence: float
    because: tuple[str, ...]


def sentiment(reading: Reading) -> Felt:
    """Judge what others wrote to us; the newest letter counts most. Machines and lists have no feelings."""
    if reading.bulk or not reading.said:
        return Felt("neutral", 0.0, 0.9 if reading.bulk else 0.3, ())
    incoming = [at for at, letter in enumerate(reading.letters) if letter.direction == "in"] or [0]
    newest = [sentence for sentence in reading.said if sentence.letter == incoming[-1]]
    older = [sentence for sentence in reading.said if sentence.letter in incoming[:-1]]
    negative, positive, because = _cue_points(newest)
    before, _, _ = _cue_points(older)
    if not positive:
        negative += 0.4 * before
    return _judged(negative, positive, _lexicon_points(newest) if reading.lang == "en" else 0.0, because)


def _judged(negative: float, positive: float, words: float, because: tuple[str, ...]) -> Felt:
    balance = positive - 1.2 * negative + 1.1 * words
    score = round(balance / sqrt(balance * balance + 12), 3)
    if negative >= 2 and balance <= -1.5:
        return Felt("negative", score, _sure(abs(balance)), because)
    if balance >= 2.6 and positive >= negative:
        return Felt("positive", score, _sure(balance), because)
    if words <= -2.4 and balance < -2:
        return Felt("negative", score, _sure(abs(balance) / 2), because)
    return Felt("neutral", score, round(max(0.4, 0.85 - abs(balance) / 8), 3), because)


def _sure(strength: float) -> float:
    return round(min(0.95, 0.5 + strength / 14), 3)


def _cue_points(said: list[Sentence]) -> tuple[float, float, tuple[str, ...]]:
    points = {"negative": 0.0, "positive": 0.0}
    because: list[str] = []
    denials = word_set("negations")
    for sentence in said:
        for hit in weighted("sentiment").find(sentence.words):
            denied = any(word in denials for word in sentence.words[max(0, hit.start - _REACH) : hit.start])
            for side, worth in hit.value:
                if denied and side == "positive":
                    points["negative"] += worth / 2
                elif not denied and hit.phrase not in because:
                    points[side] += worth
                    because.append(hit.phrase)
    return points["negative"], points["positive"], tuple(because[:8])


def _lexicon_points(said: list[Sentence]) -> float:
    """Sum the valences of the lexicon's words, turned after a negation, damped so that length does not shout."""
    total, lexicon, denials = 0.0, _lexicon(), word_set("negations")
    for sentence in said:
        for at, word in enumerate(sentence.words):
            valence = lexicon.get(word)
            if valence is not None:
                denied = any(before in denials for before in sentence.words[max(0, at - _REACH) : at])
                total += -0.74 * valence if denied else valence
    return total / sqrt(4 + abs(total))


@cache
def _lexicon() -> dict[str, float]:
    """Read VADER's word list (Hutto and Gilbert 2014) from its package; only the list, none of its code."""
    lines = (files("vaderSentiment") / "vader_lexicon.txt").read_text("utf-8").splitlines()
    rows = (line.split("\t", 2) for line in lines if "\t" in line)
    return {row[0]: float(row[1]) for row in rows if row[0].isalpha() and row[0] not in word_set("no_feeling")}
