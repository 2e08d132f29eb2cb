"""Multinomial naive Bayes (Rennie et al. 2003: counts damped by logarithm), small enough to keep as one JSON row."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import log

_WORDS_KEPT = 6_000
_MOST_TELLING = 40
_SMOOTHING = 0.3


@dataclass(frozen=True, slots=True)
class Model:
    """Examples per label, and damped word counts per label."""

    examples: Mapping[str, int]
    counts: Mapping[str, Mapping[str, float]]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(sorted(self.examples))


Example = tuple[Sequence[str], str]


def train(examples: Iterable[Example]) -> Model:
    """Count the words of each label; words seen once in all are forgotten when there are too many."""
    seen: Counter[str] = Counter()
    counts: dict[str, Counter[str]] = {}
    for words, label in examples:
        seen[label] += 1
        target = counts.setdefault(label, Counter())
        for word, times in Counter(words).items():
            target[word] += log(1 + times)  # type: ignore[assignment]  # a Counter of floats
    kept = _kept(counts)
    return Model(
        dict(sorted(seen.items())),
        {
            label: {word: round(count, 3) for word, count in sorted(words.items()) if word in kept}
            for label, words in sorted(counts.items())
        },
    )


def _kept(counts: Mapping[str, Mapping[str, float]]) -> frozenset[str]:
    total: dict[str, float] = {}
    for words in counts.values():
        for word, count in words.items():
            total[word] = total.get(word, 0.0) + count
    return frozenset(sorted(total, key=lambda word: (-total[word], word))[:_WORDS_KEPT])


def log_odds(model: Model, words: Sequence[str]) -> dict[str, float]:
    """Say how much the words speak for each label, as log likelihood over their mean; empty for fewer than two.

    Only the 40 words that separate the labels most are heard, each once: a long letter must not shout.
    """
    labels = model.labels
    if len(labels) < 2:
        return {}
    vocabulary = {word for counted in model.counts.values() for word in counted}
    sizes = {label: sum(model.counts[label].values()) + _SMOOTHING * len(vocabulary) for label in labels}
    told: list[tuple[float, list[float]]] = []
    for word in sorted(set(words) & vocabulary):
        heard = [log((model.counts[label].get(word, 0.0) + _SMOOTHING) / sizes[label]) for label in labels]
        mean = sum(heard) / len(heard)
        told.append((max(heard) - min(heard), [value - mean for value in heard]))
    told.sort(key=lambda entry: -entry[0])
    sums = [sum(values) for values in zip(*(heard for _, heard in told[:_MOST_TELLING]), strict=True)] or [0.0] * len(
        labels
    )
    return {label: _trusted(model.examples[label]) * value for label, value in zip(labels, sums, strict=True)}


def _trusted(examples: int) -> float:
    """How far a label is believed: half after three examples, all but wholly after twenty."""
    return examples / (examples + 3)


def folds(examples: Sequence[tuple[str, Example]], count: int = 5) -> list[list[tuple[str, Example]]]:
    """Deal keyed examples into folds by a hash of their key: always the same, whatever their order."""
    dealt: list[list[tuple[str, Example]]] = [[] for _ in range(count)]
    for key, example in sorted(examples, key=lambda entry: sha256(entry[0].encode()).digest()):
        smallest = min(dealt, key=lambda fold: (sum(1 for _, (_, label) in fold if label == example[1]), len(fold)))
        smallest.append((key, example))
    return dealt
