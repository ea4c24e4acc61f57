"""Money is integers; every rounding is one a person can do by hand."""

from __future__ import annotations

import doctest
import importlib
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.errors import Rejected
from plugin.money import (
    carrying_minor,
    convert_minor,
    exponent,
    format_minor,
    half_up,
    parse_amount,
    parse_decimal,
    rounded,
)


@pytest.mark.parametrize(
    "module",
    [
        "plugin.events",
        "plugin.money",
        "plugin.points.expiry",
        "plugin.points.lots",
        "plugin.store.raw",
        "accounting.store",
    ],
)
def test_the_worked_numbers_in_docstrings_are_right(module: str) -> None:
    found = doctest.testmod(importlib.import_module(module))
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize(
    ("code", "decimals"), [("CNY", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)]
)
def test_a_currency_has_the_decimals_of_iso_4217(code: str, decimals: int) -> None:
    assert exponent(code) == decimals


@pytest.mark.parametrize("code", ["", "eur", "EURO", "ZZZ", "XXX", "XAU", "€"])
def test_what_is_no_currency_with_minor_units_is_refused(code: str) -> None:
    with pytest.raises(Rejected) as refused:
        exponent(code)
    assert refused.value.reason == "CURRENCY_UNKNOWN"


@pytest.mark.parametrize(
    ("text", "code", "minor"),
    [
        ("19.99", "EUR", 1999),
        ("-0.05", "EUR", -5),
        ("1999", "JPY", 1999),
        ("1.234", "KWD", 1234),
        ("0", "EUR", 0),
        ("1.50", "EUR", 150),
        ("1.5", "EUR", 150),
    ],
)
def test_an_amount_is_read_as_minor_units(text: str, code: str, minor: int) -> None:
    assert parse_amount(text, code) == minor


@pytest.mark.parametrize(("text", "code"), [("12.345", "EUR"), ("0.5", "JPY"), ("1.2345", "KWD")])
def test_an_amount_with_more_digits_than_the_currency_has_is_refused(text: str, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        parse_amount(text, code)
    assert refused.value.reason == "AMOUNT_TOO_PRECISE"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1e3",
        "1E3",
        "NaN",
        "sNaN",
        "Infinity",
        "1_000",
        "1,5",
        "0x1",
        "--1",
        " 1",
        "1 ",
        "1\n",
        "١",
        "9" * 29,
        "9" * 1_000_010,
    ],
)
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(Rejected) as refused:
        parse_decimal(text)
    assert refused.value.reason == "NOT_A_DECIMAL"


@pytest.mark.parametrize(
    ("value", "floor", "half", "ceil"),
    [("2", 2, 2, 2), ("2.4", 2, 2, 3), ("2.5", 2, 3, 3), ("2.6", 2, 3, 3), ("0", 0, 0, 0)],
)
def test_the_three_roundings_of_a_program(value: str, floor: int, half: int, ceil: int) -> None:
    exact = Fraction(value)
    assert [rounded(exact, how) for how in ("floor", "round", "ceil")] == [floor, half, ceil]


@pytest.mark.parametrize(("value", "result"), [("0.5", 1), ("-0.5", -1), ("0.49", 0), ("-1.5", -2)])
def test_halves_are_rounded_away_from_zero(value: str, result: int) -> None:
    assert half_up(Fraction(value)) == result


@pytest.mark.parametrize(
    ("minor", "of", "to", "rate", "result"),
    [
        (1000, "EUR", "CNY", "7.80", 7800),  # 10.00 EUR = 78.00 CNY
        (1000, "JPY", "CNY", "0.048", 4800),  # 1000 JPY = 48.00 CNY
        (1000, "CNY", "JPY", "20.83", 208),  # 10.00 CNY = 208.3 JPY
        (1, "EUR", "KWD", "0.33", 3),  # 0.01 EUR = 0.0033 KWD
        (-1000, "EUR", "CNY", "7.80", -7800),
    ],
)
def test_an_amount_is_converted_with_the_decimals_of_both_currencies(
    minor: int, of: str, to: str, rate: str, result: int
) -> None:
    assert convert_minor(minor, of, to, Decimal(rate)) == result


@given(st.integers(-(10**15), 10**15), st.sampled_from(["JPY", "EUR", "KWD", "CLF"]))
def test_what_is_written_is_read_back_the_same(minor: int, code: str) -> None:
    assert parse_amount(format_minor(minor, code), code) == minor


@pytest.mark.parametrize(
    ("points", "unit_cost_nano", "minor"),
    [
        (10_000, 800_000_000, 8000),  # 0.008 CNY a point: 80.00
        (1, 800_000_000, 1),  # 0.8 fen is 1
        (1, 499_999_999, 0),
        (1, 500_000_000, 1),
        (3, 500_000_000, 2),  # 1.5 fen is 2
        (0, 800_000_000, 0),
    ],
)
def test_points_are_carried_at_their_cost_half_up(
    points: int, unit_cost_nano: int, minor: int
) -> None:
    assert carrying_minor(points, unit_cost_nano) == minor


@given(st.integers(0, 10**9), st.integers(0, 10**12))
def test_the_carrying_amount_is_never_half_a_minor_unit_off(
    points: int, unit_cost_nano: int
) -> None:
    exact = Fraction(points * unit_cost_nano, 10**9)
    assert abs(carrying_minor(points, unit_cost_nano) - exact) <= Fraction(1, 2)
