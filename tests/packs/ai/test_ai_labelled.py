"""The labelled threads: the half that nothing was tuned on stays above modest floors (S0.03).

`python -m bench.ai_local` prints the figures. The same people wrote rules and labels: read them as a guard against
getting worse, not as a promise about anybody's mail.
"""

import pytest

from bench.ai_local import judge, labelled

FLOORS = {
    "category_f1": 0.80,
    "sentiment_f1": 0.70,
    "negative_recall": 0.80,
    "facts": 0.85,
    "tasks_recall": 0.75,
    "tasks_precision": 0.70,
    "due_exact": 0.70,
    "draft_or_not": 0.90,
}


@pytest.fixture(scope="module")
def heldout() -> dict[str, float]:
    return judge(labelled("heldout")).figures()


@pytest.mark.parametrize(("figure", "floor"), FLOORS.items())
def test_the_held_out_half_stays_above_its_floor(heldout: dict[str, float], figure: str, floor: float) -> None:
    assert heldout[figure] >= floor


def test_a_summary_tells_more_than_the_first_sentences_would(heldout: dict[str, float]) -> None:
    assert heldout["facts"] >= heldout["facts_lead"] + 0.02


def test_the_labelled_threads_are_many_and_in_four_languages() -> None:
    both = labelled("tuning") + labelled("heldout")

    assert len(both) >= 40
    assert {entry["lang"] for entry in both} == {"en", "de", "fr", "es"}
    assert len({entry["id"] for entry in both}) == len(both)
