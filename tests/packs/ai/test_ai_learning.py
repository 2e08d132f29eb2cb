"""Corrections teach categories; nothing goes live that answers worse than before."""

from collections.abc import Callable

import pytest

from treadle.packs.ai.learning import FEWEST, Learnt, Lesson, learn
from treadle.packs.ai.local.bayes import Model, log_odds, train
from treadle.packs.ai.local.classify import classify
from treadle.packs.ai.local.reading import read
from treadle.packs.ai.threads import ThreadText

Make = Callable[..., ThreadText]
#: Words that no rule knows, as every company has its own.
OURS = {
    "support": "the gizmo {n} of hall {n} hums and blinks since the swap of the flange",
    "sales": "our dealership in town {n} considers the orchid series for its showroom {n}",
    "work": "the pallet {n} sits in bay {n} until the customs papers are stamped",
}


@pytest.fixture
def lessons(thread: Make) -> list[Lesson]:
    return [
        Lesson(f"{category}{n}", read(thread(text.format(n=n), subject="note")), category, at=n)
        for category, text in OURS.items()
        for n in range(12)
    ]


def test_a_model_learns_the_words_of_its_labels() -> None:
    model = train([(["red", "hot"], "fire"), (["blue", "wet"], "water"), (["red", "ember"], "fire")])
    told = log_odds(model, ["red", "unknown"])

    assert told["fire"] > 0 > told["water"]


def test_one_label_alone_tells_nothing() -> None:
    assert log_odds(train([(["red"], "fire")]), ["red"]) == {}


def test_learning_goes_live_when_cross_validation_is_better(lessons: list[Lesson], thread: Make) -> None:
    learnt = learn(lessons, None, 0)

    assert learnt.model is not None
    assert learnt.accuracy_cv is not None
    assert learnt.accuracy_before is not None
    assert learnt.accuracy_cv > learnt.accuracy_before
    unseen = read(thread("Since the swap the gizmo hums.", subject=""))
    assert classify(unseen, learnt.model).category == "support"
    assert learnt.metrics() == {
        "labels": 36,
        "classes": 3,
        "accuracy_cv": learnt.accuracy_cv,
        "accuracy_before": learnt.accuracy_before,
        "activated": True,
    }


def test_learning_is_the_same_in_any_order(lessons: list[Lesson]) -> None:
    assert learn(lessons, None, 0) == learn(lessons[::-1], None, 0)


def test_few_labels_or_one_class_stay_without_a_model(lessons: list[Lesson]) -> None:
    assert learn(lessons[: FEWEST - 1], None, 0) == Learnt(None, FEWEST - 1, 1, None, None)
    assert learn(lessons[:12], None, 0).model is None


def test_a_word_that_is_no_category_teaches_nothing(lessons: list[Lesson], thread: Make) -> None:
    odd = Lesson("x", read(thread("x")), "no category", at=1)

    assert learn([*lessons, odd], None, 0) == learn(lessons, None, 0)


def test_labels_at_random_do_not_go_live(thread: Make) -> None:
    rules_right = {"billing": "our invoice, amount due 10 EUR", "sales": "please send a quote for 3 desks"}
    noise = [
        Lesson(f"{category}{n}", read(thread(f"{text} {n}", subject="")), category, at=n)
        for category, text in rules_right.items()
        for n in range(6)
    ]
    wrong = [Lesson(f"w{n}", read(thread("our invoice, amount due", subject="")), "personal", at=n) for n in range(2)]

    learnt = learn([*noise, *wrong], None, 0)
    assert learnt.model is None or (learnt.accuracy_cv or 0) >= (learnt.accuracy_before or 0)


def test_the_old_model_is_judged_by_labels_it_has_not_seen(lessons: list[Lesson]) -> None:
    good = learn(lessons, None, 0).model
    assert good is not None
    shifted = [
        Lesson(one.thread_id, one.reading, "work" if one.category != "work" else "sales", 100) for one in lessons[:12]
    ]
    unlearnable = [Lesson(f"u{n}", one.reading, one.category, 200 + n) for n, one in enumerate(lessons)]
    old_knows = learn([*shifted, *unlearnable], good, 150)

    assert old_knows.model is None or (old_knows.accuracy_cv or 0) > 0.5


def test_a_bad_old_model_gives_way(lessons: list[Lesson]) -> None:
    swapped = {"support": "sales", "sales": "work", "work": "support"}
    bad: Model = train((one.reading.said[0].words, swapped[one.category]) for one in lessons)

    assert learn(lessons, bad, -1).model is not None
