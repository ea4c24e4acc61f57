"""Cells to values."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.table.values import (
    CellInvalid,
    decimal_text,
    instant_us,
    number,
    product_minor,
    to_minor,
)

LONDON = ZoneInfo("Europe/London")
SECONDS = ("%Y-%m-%d %H:%M:%S",)


@pytest.mark.parametrize(
    ("amount", "exponent", "minor"),
    [
        ("12.34", 2, 1234),
        ("12.345", 2, 1235),
        ("-12.345", 2, -1235),  # away from zero, as on the original
        ("0.001", 2, 0),
        ("1999", 0, 1999),
        ("1.2345", 3, 1235),
        ("999999999999999999", 2, 99999999999999999900),
    ],
)
def test_money_is_rounded_half_up(amount: str, exponent: int, minor: int) -> None:
    assert to_minor(Decimal(amount), exponent) == minor


def test_quantity_times_price_is_rounded_once() -> None:
    assert product_minor(Decimal(3), Decimal("1.115"), 2) == 335  # 3.345, not 3 × 1.12


amounts = st.decimals(-(10**12), 10**12, places=5)


@given(amounts, amounts, st.integers(0, 4))
def test_a_product_is_within_half_a_minor_unit_of_the_exact_one(
    quantity: Decimal, price: Decimal, exponent: int
) -> None:
    exact = Fraction(quantity) * Fraction(price) * 10**exponent
    minor = product_minor(quantity, price, exponent)
    assert abs(minor - exact) <= Fraction(1, 2)
    if abs(minor - exact) == Fraction(1, 2):
        assert abs(minor) > abs(exact)


@given(amounts, st.integers(0, 4))
def test_the_sign_makes_no_difference_to_rounding(amount: Decimal, exponent: int) -> None:
    assert to_minor(-amount, exponent) == -to_minor(amount, exponent)


@given(st.decimals(-(10**11), 10**11, places=6))
def test_a_number_survives_its_text(value: Decimal) -> None:
    text = decimal_text(value, 6)
    assert Decimal(text) == value
    assert "E" not in text


@given(st.decimals(-(10**9), 10**9, places=2))
def test_a_number_reads_the_same_in_every_way_of_writing(value: Decimal) -> None:
    continental = f"{value:,.2f}".translate(str.maketrans(",.", ".,"))
    assert number(continental, ",", ".") == number(f"{value:.2f}", ".", "") == value


@pytest.mark.parametrize(
    "text", ["", "1e5", "NaN", "12,50", "£3", "1_000", "(5)", "٣", "1.2.3", "."]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(CellInvalid):
        number(text, ".", "")


def test_a_point_is_no_thousands_separator_unless_the_mapping_says_so() -> None:
    with pytest.raises(CellInvalid):
        number("1.234", ",", "")


def test_more_digits_than_can_be_exact_are_refused() -> None:
    with pytest.raises(CellInvalid, match="more than 18 digits"):
        number("1" * 19, ".", "")


def test_a_quantity_has_at_most_six_decimals() -> None:
    with pytest.raises(CellInvalid, match="more than 6 decimals"):
        decimal_text(Decimal("0.1234567"), 6)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2010-12-01 08:26:00", 1291191960),  # winter: London is UTC
        ("2011-07-01 12:00:00", 1309518000),  # summer: 11:00 UTC
        ("2011-10-30 01:30:00", 1319934600),  # comes twice: the first, 00:30 UTC
    ],
)
def test_wall_clock_times_are_of_the_zone(text: str, seconds: int) -> None:
    assert instant_us(text, SECONDS, LONDON) == seconds * 1_000_000


def test_a_time_the_clocks_skipped_is_refused() -> None:
    with pytest.raises(CellInvalid, match="does not exist in Europe/London"):
        instant_us("2011-03-27 01:30:00", SECONDS, LONDON)


def test_an_offset_in_the_cell_wins_over_the_zone() -> None:
    assert instant_us("1970-01-01T08:00:00+0800", ("%Y-%m-%dT%H:%M:%S%z",), LONDON) == 0


def test_the_first_format_that_fits_reads_the_cell() -> None:
    assert instant_us("02/01/1970", ("%Y-%m-%d", "%d/%m/%Y"), ZoneInfo("UTC")) == 86_400_000_000
    with pytest.raises(CellInvalid, match="none of the date formats"):
        instant_us("1 Jan", ("%Y-%m-%d",), LONDON)
