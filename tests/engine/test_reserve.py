"""How much a worker claims ahead: little where jobs take turns or have limits, so that nobody's turn waits for it."""

from treadle.engine.reserve import SAMPLES, Reserve


def measured(seconds: float) -> Reserve:
    reserve = Reserve(slots=4, most=200)
    for _ in range(SAMPLES):
        reserve.measure(seconds)
    return reserve


def test_of_very_short_jobs_many_are_claimed_ahead_and_where_they_take_turns_one_a_slot() -> None:
    reserve = measured(0.000_1)
    assert reserve.room == 200
    reserve.governed = True
    assert reserve.room == 4
    reserve.governed = False
    assert reserve.room == 200


def test_where_jobs_take_turns_that_take_their_time_one_is_claimed_ahead_for_every_second_slot() -> None:
    reserve = measured(0.02)
    reserve.governed = True
    assert reserve.room == 2


def test_of_longer_jobs_none_is_claimed_ahead() -> None:
    reserve = measured(1.0)
    reserve.governed = True
    assert reserve.room == 0
