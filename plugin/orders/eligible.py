"""What is left of an order's lines to earn on, after shipping, returns, exclusions and payment with points.

Amounts stay exact: integers where nothing was divided, fractions where a line was shipped or returned in part, paid with
points, or converted from another currency. Rounding happens once, in the rules, on the order's total.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from plugin.events import Order, OrderLine, Return, Shipment
from plugin.money import exponent
from plugin.program.rules import EligibleLine, Exact
from plugin.program.versions import Program

Shipped = Mapping[str, int]
"""Shipped pieces (millionths) by line id."""

WHOLE_ORDER: Shipped | None = None


class Returned(NamedTuple):
    """What came back so far: amounts and pieces by line, and amounts off the order as a whole."""

    amount_minor: Mapping[str, Exact]
    quantity_micro: Mapping[str, int]
    off_order_minor: Exact


NOTHING_RETURNED = Returned({}, {}, 0)


def eligible_lines(
    order: Order, program: Program, shipped: Shipped | None, returned: Returned
) -> list[EligibleLine]:
    """Returns the lines that earn, in the book's currency, with what is left of each.

    Args:
        order: The latest order.
        program: The pinned program version.
        shipped: Shipped pieces by line, or None when all of the order counts.
        returned: What came back.
    """
    left = [_what_is_left(line, program, shipped, returned) for line in order.lines]
    share = _share_that_earns(order, program, left, returned.off_order_minor)
    if share == 0:
        return []
    return [
        part if share == 1 else part._replace(amount_minor=part.amount_minor * share)
        for part in left
        if _earns(part.line, program)
    ]


def shipped_pieces(shipments: Iterable[Shipment], order: Order) -> Shipped:
    """Sums shipped pieces by line; a shipment without lines ships the whole order. Never more than ordered."""
    ordered = {line.line_id: line.quantity_micro for line in order.lines}
    total: dict[str, int] = {}
    for shipment in shipments:
        pieces = [(line.line_id, line.quantity_micro) for line in shipment.lines]
        for line_id, quantity in pieces or ordered.items():
            total[line_id] = total.get(line_id, 0) + quantity
    return {k: _towards(ordered[k], quantity) for k, quantity in total.items() if k in ordered}


def returned_so_far(returns: Iterable[Return], order: Order, with_tax: bool) -> Returned:
    """Sums what came back; a line without an amount is worth its pieces' share of the order line."""
    lines = {line.line_id: line for line in order.lines}
    amounts: dict[str, Exact] = {}
    quantities: dict[str, int] = {}
    off_order: Exact = 0
    for document in returns:
        for part in document.lines:
            line = lines.get(part.line_id)
            amount = _returned_amount(part.amount_minor, part.quantity_micro, line)
            if with_tax:
                amount += _returned_tax(part.tax_minor, amount, line)
            if line is None:
                off_order += amount
                continue
            amounts[part.line_id] = amounts.get(part.line_id, 0) + amount
            quantities[part.line_id] = quantities.get(part.line_id, 0) + part.quantity_micro
    return Returned(amounts, quantities, off_order)


def _what_is_left(
    line: OrderLine, program: Program, shipped: Shipped | None, returned: Returned
) -> EligibleLine:
    amount: Exact = line.amount_minor + (line.tax_minor if program.with_tax else 0)
    quantity = line.quantity_micro
    if shipped is not None:
        pieces = shipped.get(line.line_id, 0)
        if pieces != quantity:
            amount = Fraction(amount * pieces, quantity) if quantity else 0
            quantity = pieces
    back = returned.amount_minor.get(line.line_id)
    if back is not None:
        amount = max(0, amount - back)
        quantity = max(0, quantity - returned.quantity_micro[line.line_id])
    return EligibleLine(line, amount, quantity)


def _share_that_earns(
    order: Order, program: Program, left: list[EligibleLine], off_order: Exact
) -> Exact:
    """Returns the factor for every line: returns off the whole order, payment with points, and the rate."""
    share: Exact = 1
    if off_order:
        total = sum(part.amount_minor for part in left)
        share = max(Fraction(0), 1 - Fraction(off_order) / total) if total > 0 else 0
    if order.points_paid_minor:
        gross = sum(line.amount_minor + line.tax_minor for line in order.lines)
        share *= max(Fraction(0), 1 - Fraction(order.points_paid_minor, gross)) if gross > 0 else 0
    if order.currency_code != program.currency_code:
        decimals = exponent(program.currency_code) - exponent(order.currency_code)
        share *= Fraction(Decimal(order.rate_to_book)) * Fraction(10) ** decimals
    return share


def _earns(line: OrderLine, program: Program) -> bool:
    return not (
        line.is_gift
        or line.sku in program.excluded_skus
        or line.category in program.excluded_categories
    )


def _returned_amount(amount: int | None, quantity_micro: int, line: OrderLine | None) -> Exact:
    if amount is not None:
        return amount
    if line is None or not line.quantity_micro:
        return 0
    return Fraction(line.amount_minor * quantity_micro, line.quantity_micro)


def _returned_tax(tax: int | None, amount: Exact, line: OrderLine | None) -> Exact:
    if tax is not None:
        return tax
    if line is None or not line.amount_minor:
        return 0
    return Fraction(line.tax_minor) * Fraction(amount) / line.amount_minor


def _towards(ordered: int, shipped: int) -> int:
    """Caps shipped pieces at the ordered ones, for corrections with negative quantities too."""
    return max(ordered, min(shipped, 0)) if ordered < 0 else min(ordered, max(shipped, 0))
