"""Amounts are counted in whole units, so that no cap is broken by rounding."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.limits import MONEY, MOST, units_of


@pytest.mark.parametrize(
    ("amount", "scale", "units"),
    [
        (0, 1, 0),
        (7, 1, 7),
        (0.4, 1, 1),
        (1.0, 1, 1),
        (0.1, MONEY, 100_000),
        (0.01, MONEY, 10_000),
        (Decimal("0.0000001"), MONEY, 1),
        (MOST, 1, MOST),
    ],
)
def test_a_part_of_a_unit_counts_as_one(amount: float, scale: int, units: int) -> None:
    assert units_of(amount, scale) == units


@pytest.mark.parametrize(
    "amount", [-1, -0.1, float("nan"), float("inf"), Decimal("sNaN"), MOST + 1, True, "7", None, [], Fraction(1, 2)]
)
def test_what_is_no_number_from_0_on_is_no_amount(amount: object) -> None:
    assert units_of(amount) is None


@given(st.decimals(0, MOST, places=7))
def test_it_is_never_less_than_was_said(amount: Decimal) -> None:
    units = units_of(amount, MONEY)
    assert units is not None
    assert units - 1 < amount * MONEY <= units
