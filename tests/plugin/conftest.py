"""A program and an order to start from; each test changes what it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from plugin.events import MICRO, Order, OrderLine, OrderStatus
from plugin.program.versions import Program, compile_program, parse_program

BASE_RULE = '[[rules]]\nid = "base"\neffect = { kind = "per_amount", points = 1, per = "1.00" }\n'
TEMPLATE = """
[book]
code = "shop"
currency = "{currency}"
time_zone = "{time_zone}"
[program]
code = "points"
effective_from = 2020-01-01T00:00:00Z
[accrual]
{accrual}
[points]
unit_cost = "{unit_cost}"
[expiry]
{expiry}
{tiers}
{rules}
"""

MakeFile = Callable[..., str]
MakeProgram = Callable[..., Program]
MakeOrder = Callable[..., Order]


def _program_file(
    rules: str = BASE_RULE,
    accrual: str = "",
    tiers: str = "",
    expiry: str = "",
    currency: str = "CNY",
    time_zone: str = "Asia/Shanghai",
    unit_cost: str = "0.008",
) -> str:
    return TEMPLATE.format_map(locals())


@pytest.fixture(scope="session")
def program_file() -> MakeFile:
    """Returns a program file: CNY, 1 point per 1.00, unless told otherwise."""
    return _program_file


@pytest.fixture(scope="session")
def program() -> MakeProgram:
    """Returns the same, compiled as version 1."""

    def make(rules: str = BASE_RULE, **parts: str) -> Program:
        return compile_program(parse_program(_program_file(rules, **parts)), 1)

    return make


@pytest.fixture(scope="session")
def order() -> MakeOrder:
    """Returns a confirmed order of one piece for an amount, or of given lines."""

    def make(*lines: OrderLine, amount: int = 1999, **fields: Any) -> Order:
        made = Order(
            id="SO-1",
            version=1,
            status=OrderStatus.CONFIRMED,
            ordered_at=1_760_000_000_000_000,
            currency_code="CNY",
            member="external_id:erp:ann",
            lines=lines or (OrderLine("1", MICRO, amount),),
        )
        return msgspec.structs.replace(made, **fields)

    return make
