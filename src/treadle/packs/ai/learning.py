"""Learn categories from corrections, and go live only when that does not make answers worse. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from treadle.packs.ai.local.bayes import Model, folds, train
from treadle.packs.ai.local.classify import CATEGORIES, classify, features
from treadle.packs.ai.local.reading import Reading

FOLDS = 5
#: Fewer labels than this say nothing about how good a model is.
FEWEST = 10


@dataclass(frozen=True, slots=True)
class Lesson:
    """A thread as read, its right category, and when somebody said so (milliseconds since 1970, UTC)."""

    thread_id: str
    reading: Reading
    category: str
    at: int


@dataclass(frozen=True, slots=True)
class Learnt:
    """The outcome: `model` is None where the old way stays. Accuracies are shares of right answers, 0 to 1."""

    model: Model | None
    labels: int
    classes: int
    accuracy_cv: float | None
    accuracy_before: float | None

    def metrics(self) -> dict[str, Any]:
        """Give the result of the job `ai.learn`."""
        return {
            "labels": self.labels,
            "classes": self.classes,
            "accuracy_cv": self.accuracy_cv,
            "accuracy_before": self.accuracy_before,
            "activated": self.model is not None,
        }


def learn(lessons: Sequence[Lesson], old: Model | None, since: int) -> Learnt:
    """Train on the lessons, cross-validated. Goes live only if no worse than the rules alone and than the old model.

    The old model is judged only by labels given after it was trained (`since`): it knows the others by heart.
    """
    lessons = [lesson for lesson in lessons if lesson.category in CATEGORIES]
    classes = len({lesson.category for lesson in lessons})
    if len(lessons) < FEWEST or classes < 2:
        return Learnt(None, len(lessons), classes, None, None)
    guesses = _cross_validated(lessons)
    accuracy = _right(lessons, guesses)
    before = _right(lessons, {lesson.thread_id: classify(lesson.reading).category for lesson in lessons})
    better = accuracy >= before and _beats_old(lessons, guesses, old, since)
    model = train(_example(lesson) for lesson in lessons) if better else None
    return Learnt(model, len(lessons), classes, round(accuracy, 3), round(before, 3))


def _beats_old(lessons: Sequence[Lesson], guesses: Mapping[str, str], old: Model | None, since: int) -> bool:
    unseen = [lesson for lesson in lessons if lesson.at > since]
    if old is None or not unseen:
        return True
    theirs = {lesson.thread_id: classify(lesson.reading, old).category for lesson in unseen}
    return _right(unseen, guesses) >= _right(unseen, theirs)


def _cross_validated(lessons: Sequence[Lesson]) -> dict[str, str]:
    """Guess each lesson by a model that has not seen it."""
    by_id = {lesson.thread_id: lesson for lesson in lessons}
    dealt = folds([(lesson.thread_id, _example(lesson)) for lesson in lessons], FOLDS)
    guesses: dict[str, str] = {}
    for held in dealt:
        model = train(example for fold in dealt if fold is not held for _, example in fold)
        guesses |= {key: classify(by_id[key].reading, model).category for key, _ in held}
    return guesses


def _example(lesson: Lesson) -> tuple[tuple[str, ...], str]:
    return features(lesson.reading), lesson.category


def _right(lessons: Sequence[Lesson], guesses: Mapping[str, str]) -> float:
    return sum(guesses[lesson.thread_id] == lesson.category for lesson in lessons) / len(lessons)
