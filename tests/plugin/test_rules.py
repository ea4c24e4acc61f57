"""The numbers of the specification: what amounts, multipliers, groups and caps give."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.events import MICRO, OrderLine
from plugin.program.conditions import OrderContext
from plugin.program.rules import EligibleLine, earn

BASE = '[[rules]]\nid = "base"\neffect = { kind = "per_amount", points = 1, per = "1.00" }\n'
HALF = '[[rules]]\nid = "half"\neffect = { kind = "per_amount", points = 1, per = "2.00" }\n'
FIVE = '[[rules]]\nid = "five"\neffect = { kind = "per_amount", points = 5, per = "2.50" }\n'
TIMES = '[[rules]]\nid = "times"\neffect = { kind = "multiplier", factor = "1.5" }\n'
TWICE = '[[rules]]\nid = "twice"\neffect = { kind = "multiplier", factor = "2" }\n'
PLUS = '[[rules]]\nid = "plus"\neffect = { kind = "fixed", points = 100 }\n'
PIECE = '[[rules]]\nid = "piece"\neffect = { kind = "per_unit", points = 3 }\n'
GROUPED = 'group = "g"\npriority = {}\n'


@pytest.fixture(scope="session")
def points(program: Any) -> Any:
    """Returns (points, by rule) of one line of an amount and pieces under a program."""

    def of(
        rules: str, amount: int | Fraction, pieces: str = "1", accrual: str = "", **line: Any
    ) -> Any:
        compiled = program(rules, accrual=accrual)
        micro = int(Fraction(pieces) * MICRO)
        eligible = EligibleLine(OrderLine("1", micro, int(amount), **line), amount, micro)
        context = _context(int(amount))
        return earn(compiled.rules, context, [eligible], compiled.rounding, compiled.cap_per_order)

    return of


def _context(total: int) -> OrderContext:
    return OrderContext("S1", "web", "CNY", total, "gold", date(2026, 7, 4))


@pytest.mark.parametrize(
    ("rules", "amount", "expected"),
    [
        (BASE, 1999, 19),
        (BASE, 99, 0),
        (BASE, 100, 1),
        (BASE, 0, 0),
        (BASE + HALF, 1999, 28),  # 19 + 9
        (FIVE, 300, 5),  # one whole 2.50
        (FIVE, 249, 0),
        (FIVE, 500, 10),
        (BASE + TIMES, 1999, 28),  # 19 × 1.5 = 28.5, rounded down
        (BASE + TIMES + TWICE, 1999, 57),  # 19 × 1.5 × 2: multiplied before it is rounded
        (BASE + TIMES + PLUS, 1999, 128),  # fixed points come after multipliers
        (PLUS, 1999, 100),
        (TIMES, 1999, 0),
    ],
)
def test_what_amounts_multipliers_and_fixed_points_give(
    points: Any, rules: str, amount: int, expected: int
) -> None:
    assert points(rules, amount).points == expected


@pytest.mark.parametrize(("rounding", "expected"), [("floor", 28), ("round", 29), ("ceil", 29)])
def test_the_switch_says_how_a_product_is_rounded(
    points: Any, rounding: str, expected: int
) -> None:
    assert points(BASE + TIMES, 1999, accrual=f'rounding = "{rounding}"').points == expected


@pytest.mark.parametrize(("pieces", "expected"), [("1", 3), ("2.5", 6), ("0.5", 0), ("4", 12)])
def test_points_per_unit_count_whole_pieces(points: Any, pieces: str, expected: int) -> None:
    assert points(PIECE, 1000, pieces).points == expected


def test_an_exclusive_rule_of_higher_priority_counts_alone(points: Any) -> None:
    rules = BASE + GROUPED.format(1) + PLUS + GROUPED.format(2)
    assert points(rules, 1999) == (100, (("plus", 100),))


def test_of_equal_priority_the_first_in_the_file_counts(points: Any) -> None:
    rules = BASE + GROUPED.format(1) + PLUS + GROUPED.format(1)
    assert points(rules, 1999) == (19, (("base", 19),))


def test_a_rule_whose_condition_fails_does_not_shadow_its_group(points: Any) -> None:
    rules = (
        BASE + GROUPED.format(1) + PLUS + GROUPED.format(2) + 'when = { "order.channel" = "pos" }\n'
    )
    assert points(rules, 1999).points == 19


def test_rules_outside_the_group_count_beside_it(points: Any) -> None:
    rules = BASE + PLUS + GROUPED.format(2) + HALF + GROUPED.format(1)
    assert points(rules, 1999).points == 119


@pytest.mark.parametrize(("cap", "expected"), [(50, 50), (57, 57), (58, 57), (0, 0)])
def test_the_cap_of_an_order_comes_last(points: Any, cap: int, expected: int) -> None:
    found = points(BASE + TIMES + TWICE, 1999, accrual=f"cap_per_order = {cap}")
    assert found.points == expected


def test_every_accrual_says_what_each_rule_and_the_cap_gave(points: Any) -> None:
    found = points(BASE + HALF + TIMES + PLUS, 1999, accrual="cap_per_order = 120")
    # 19 + 9 = 28; × 1.5 = 42, which is 14 more; + 100 = 142; capped at 120.
    assert found.by_rule == (("base", 19), ("half", 9), ("times", 14), ("plus", 100), ("cap", -22))


def test_a_rule_for_a_category_counts_only_its_lines(program: Any) -> None:
    compiled = program(BASE + 'when = { "line.category" = "COFFEE" }\n')
    lines = [
        EligibleLine(OrderLine("1", MICRO, 1000, category="COFFEE"), 1000, MICRO),
        EligibleLine(OrderLine("2", MICRO, 9000, category="TEA"), 9000, MICRO),
    ]
    assert earn(compiled.rules, _context(10_000), lines, "floor", None).points == 10


def test_fixed_points_for_a_category_are_given_once_not_per_line(program: Any) -> None:
    compiled = program(PLUS + 'when = { "line.category" = "COFFEE" }\n')
    lines = [
        EligibleLine(OrderLine(str(i), MICRO, 1000, category="COFFEE"), 1000, MICRO)
        for i in range(3)
    ]
    assert earn(compiled.rules, _context(3000), lines, "floor", None).points == 100


def test_nothing_eligible_earns_nothing_not_even_fixed_points(program: Any) -> None:
    assert earn(program(PLUS).rules, _context(0), [], "floor", None).points == 0


@given(st.integers(0, 10**9), st.integers(1, 50))
def test_the_parts_always_sum_to_the_points(points: Any, amount: int, thirds: int) -> None:
    found = points(
        BASE + HALF + TIMES + TWICE + PLUS + PIECE,
        Fraction(amount, 3),
        str(thirds),
        "cap_per_order = 5000",
    )
    assert sum(part for _, part in found.by_rule) == found.points
    assert 0 <= found.points <= 5000
