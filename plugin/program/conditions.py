"""Conditions of rules: AND, OR and NOT over order, line, member, store, channel and calendar.

A condition is written as a TOML table and compiled once into a predicate::

    when = { "member.tier" = ["gold", "platinum"], "order.channel" = "web" }      # all of them
    when = { any = [ { "line.category" = "COFFEE" }, { "calendar.weekday" = ["sat", "sun"] } ] }
    when = { not = { "order.store" = ["OUTLET-1"] } }
    when = { "order.total" = { gte = "50.00" } }
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from plugin.errors import Rejected
from plugin.events import OrderLine
from plugin.money import parse_amount

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NESTING_MAX = 16


class OrderContext(NamedTuple):
    """What conditions may ask about an order: business facts only, never the processing time."""

    store: str
    channel: str
    currency_code: str
    total_minor: int
    tier: str
    ordered_on: date


Predicate = Callable[[OrderContext, OrderLine], bool]
Value = str | int
_Reader = Callable[[OrderContext, OrderLine], Value]

FIELDS: Mapping[str, _Reader] = {
    "order.store": lambda order, line: order.store,
    "order.channel": lambda order, line: order.channel,
    "order.currency": lambda order, line: order.currency_code,
    "order.total": lambda order, line: order.total_minor,
    "member.tier": lambda order, line: order.tier,
    "line.sku": lambda order, line: line.sku,
    "line.category": lambda order, line: line.category,
    "calendar.weekday": lambda order, line: WEEKDAYS[order.ordered_on.weekday()],
    "calendar.month": lambda order, line: order.ordered_on.month,
    "calendar.day": lambda order, line: order.ordered_on.day,
    "calendar.date": lambda order, line: order.ordered_on.isoformat(),
}

_COMPARISONS: Mapping[str, Callable[[Value, Value], bool]] = {
    "gte": lambda left, right: left >= right,  # type: ignore[operator]
    "gt": lambda left, right: left > right,  # type: ignore[operator]
    "lte": lambda left, right: left <= right,  # type: ignore[operator]
    "lt": lambda left, right: left < right,  # type: ignore[operator]
}


class Condition(NamedTuple):
    """A compiled condition. ``asks_lines`` tells that it must be put to every line."""

    holds: Predicate
    asks_lines: bool


ALWAYS = Condition(lambda order, line: True, asks_lines=False)


def compile_condition(table: Mapping[str, object], currency_code: str, depth: int = 0) -> Condition:
    """Compiles a condition table; an empty table always holds.

    Args:
        table: As read from TOML.
        currency_code: Currency of ``order.total``, the book's.
        depth: How deep this table lies in others.

    Raises:
        Rejected: Unknown field or comparison, wrong type of value, or nested deeper than 16.
    """
    if depth > NESTING_MAX:
        raise Rejected(
            "CONDITION_TOO_DEEP", f"conditions nest at most {NESTING_MAX} deep", field="when"
        )
    parts = [_compile_part(key, value, currency_code, depth) for key, value in table.items()]
    if not parts:
        return ALWAYS
    return parts[0] if len(parts) == 1 else _all(parts)


def _compile_part(key: str, value: object, currency_code: str, depth: int) -> Condition:
    if key in ("all", "any"):
        if not isinstance(value, list) or not value:
            raise Rejected("CONDITION_EMPTY", f"{key!r} needs a list of conditions", field="when")
        inner = [compile_condition(_table(v, key), currency_code, depth + 1) for v in value]
        return _all(inner) if key == "all" else _any(inner)
    if key == "not":
        negated = compile_condition(_table(value, key), currency_code, depth + 1)
        holds = negated.holds
        return Condition(lambda order, line: not holds(order, line), negated.asks_lines)
    return _compile_field(key, value, currency_code)


def _compile_field(key: str, value: object, currency_code: str) -> Condition:
    if key not in FIELDS:
        raise Rejected(
            "CONDITION_FIELD_UNKNOWN",
            f"conditions know no {key!r}; they know all, any, not, {', '.join(FIELDS)}",
            field="when",
        )
    read = FIELDS[key]
    asks_lines = key.startswith("line.")
    if isinstance(value, dict):
        return Condition(_compare(key, read, value, currency_code), asks_lines)
    values = value if isinstance(value, list) else [value]
    wanted = frozenset(_value(key, v, currency_code) for v in values)
    return Condition(lambda order, line: read(order, line) in wanted, asks_lines)


def _compare(key: str, read: _Reader, table: Mapping[str, object], currency_code: str) -> Predicate:
    unknown = table.keys() - _COMPARISONS.keys()
    if unknown or not table:
        raise Rejected(
            "CONDITION_COMPARISON_UNKNOWN",
            f"{key}: compare with {', '.join(_COMPARISONS)}, not {', '.join(sorted(unknown))}",
            field="when",
        )
    tests = [(_COMPARISONS[name], _value(key, v, currency_code)) for name, v in table.items()]
    return lambda order, line: all(test(read(order, line), bound) for test, bound in tests)


def _value(key: str, value: object, currency_code: str) -> Value:
    if key == "order.total":
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise Rejected("CONDITION_VALUE", f'{key} compares with an amount such as "50.00"')
        return parse_amount(str(value), currency_code)
    if key in ("calendar.month", "calendar.day"):
        if isinstance(value, bool) or not isinstance(value, int):
            raise Rejected("CONDITION_VALUE", f"{key} compares with a whole number", field="when")
        return value
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        raise Rejected("CONDITION_VALUE", f"{key} compares with text, not {value!r}", field="when")
    if key == "calendar.weekday" and value not in WEEKDAYS:
        raise Rejected(
            "CONDITION_VALUE", f"{value!r} is no weekday; they are {', '.join(WEEKDAYS)}"
        )
    return value


def _table(value: object, key: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Rejected("CONDITION_NOT_A_TABLE", f"{key!r} needs a table, not {value!r}")
    return value


def _all(parts: list[Condition]) -> Condition:
    tests = [part.holds for part in parts]
    return Condition(
        lambda order, line: all(test(order, line) for test in tests),
        any(part.asks_lines for part in parts),
    )


def _any(parts: list[Condition]) -> Condition:
    tests = [part.holds for part in parts]
    return Condition(
        lambda order, line: any(test(order, line) for test in tests),
        any(part.asks_lines for part in parts),
    )
