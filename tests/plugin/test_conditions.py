"""Conditions: and, or, not; and what a wrong one is told."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from plugin.errors import Rejected
from plugin.events import MICRO, OrderLine
from plugin.program.conditions import OrderContext, compile_condition

SATURDAY = OrderContext("S1", "web", "CNY", 5000, "gold", date(2026, 7, 4))
COFFEE = OrderLine("1", MICRO, 5000, sku="K-1", category="COFFEE")


def holds(table: dict[str, Any]) -> bool:
    return compile_condition(table, "CNY").holds(SATURDAY, COFFEE)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({}, True),
        ({"order.store": "S1"}, True),
        ({"order.store": "S2"}, False),
        ({"order.store": ["S2", "S1"]}, True),
        ({"order.channel": "web"}, True),
        ({"order.currency": "CNY"}, True),
        ({"member.tier": ["silver", "gold"]}, True),
        ({"member.tier": "silver"}, False),
        ({"line.sku": "K-1"}, True),
        ({"line.category": "TEA"}, False),
        ({"calendar.weekday": ["sat", "sun"]}, True),
        ({"calendar.weekday": "mon"}, False),
        ({"calendar.month": 7}, True),
        ({"calendar.day": [1, 2, 3]}, False),
        ({"calendar.date": "2026-07-04"}, True),
        ({"calendar.date": date(2026, 7, 4)}, True),
        ({"calendar.date": {"gte": "2026-07-01", "lt": "2026-08-01"}}, True),
        ({"order.total": {"gte": "50.00"}}, True),
        ({"order.total": {"gt": "50.00"}}, False),
        ({"order.total": {"lte": "50.00", "gte": "10"}}, True),
        ({"order.total": {"lt": "50.00"}}, False),
        # All keys of one table have to hold.
        ({"order.store": "S1", "member.tier": "gold"}, True),
        ({"order.store": "S1", "member.tier": "silver"}, False),
    ],
)
def test_a_condition_on_one_field(table: dict[str, Any], expected: bool) -> None:
    assert holds(table) is expected


@pytest.mark.parametrize("a", [True, False])
@pytest.mark.parametrize("b", [True, False])
@pytest.mark.parametrize("c", [True, False])
def test_and_or_and_not_nest(a: bool, b: bool, c: bool) -> None:
    def one(value: bool) -> dict[str, Any]:
        return {"order.store": "S1" if value else "elsewhere"}

    assert holds({"all": [one(a), {"any": [one(b), {"not": one(c)}]}]}) is (a and (b or not c))
    assert holds({"not": {"all": [one(a), one(b), one(c)]}}) is not (a and b and c)
    assert holds({"any": [{"not": {"not": one(a)}}, {"all": [one(b), one(c)]}]}) is (a or (b and c))


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"order.stoer": "S1"}, "CONDITION_FIELD_UNKNOWN"),
        ({"any": []}, "CONDITION_EMPTY"),
        ({"all": {"order.store": "S1"}}, "CONDITION_EMPTY"),
        ({"any": ["S1"]}, "CONDITION_NOT_A_TABLE"),
        ({"not": ["S1"]}, "CONDITION_NOT_A_TABLE"),
        ({"order.total": {"above": "1"}}, "CONDITION_COMPARISON_UNKNOWN"),
        ({"order.total": {}}, "CONDITION_COMPARISON_UNKNOWN"),
        ({"order.total": {"gte": "12.345"}}, "AMOUNT_TOO_PRECISE"),
        ({"order.total": True}, "CONDITION_VALUE"),
        ({"calendar.month": "july"}, "CONDITION_VALUE"),
        ({"calendar.day": True}, "CONDITION_VALUE"),
        ({"calendar.weekday": "saturday"}, "CONDITION_VALUE"),
        ({"order.store": 7}, "CONDITION_VALUE"),
    ],
)
def test_a_wrong_condition_is_refused_with_its_reason(table: dict[str, Any], reason: str) -> None:
    with pytest.raises(Rejected) as refused:
        compile_condition(table, "CNY")
    assert refused.value.reason == reason


def test_conditions_nest_sixteen_deep_and_no_deeper() -> None:
    table: dict[str, Any] = {"order.store": "S1"}
    for _ in range(16):
        table = {"not": table}
    assert holds(table) is True
    with pytest.raises(Rejected) as refused:
        holds({"not": table})
    assert refused.value.reason == "CONDITION_TOO_DEEP"


def test_only_conditions_on_lines_are_put_to_every_line() -> None:
    assert not compile_condition({"any": [{"order.store": "S1"}]}, "CNY").asks_lines
    assert compile_condition({"not": {"all": [{"line.sku": "K-1"}]}}, "CNY").asks_lines
