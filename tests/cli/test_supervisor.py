"""When a dead worker is started again. Pure."""

from treadle.cli.supervisor import HEALTHY, LONGEST_PAUSE, TOO_OFTEN, History


def after(*lives: float) -> History:
    history = History()
    for lived in lives:
        history = history.after(lived)
    return history


def test_a_child_that_lived_long_is_replaced_at_once() -> None:
    assert after(HEALTHY).pause == 0
    assert after(0, 0, 0, HEALTHY) == History()


def test_the_pause_doubles_while_children_die_young() -> None:
    assert [after(*[0.0] * deaths).pause for deaths in range(1, 5)] == [0.5, 1, 2, 4]
    assert after(*[0.0] * 40).pause == LONGEST_PAUSE


def test_after_many_young_deaths_there_is_no_hope() -> None:
    assert not after(*[0.0] * (TOO_OFTEN - 1)).hopeless
    assert after(*[0.0] * TOO_OFTEN).hopeless
