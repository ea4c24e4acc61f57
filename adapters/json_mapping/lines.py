"""Lines of documents: what an order, a shipment or a return lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from adapters.json_mapping import forms as f
from adapters.json_mapping import model as m
from adapters.json_mapping.money import amounts_reader, quantity_reader
from adapters.json_mapping.paths import JsonPath, Scope
from adapters.json_mapping.values import Test, ValueRefused, reader, test_of, tests
from adapters.wire_values import ascii_id, quantity_text
from pointbook.v1 import events_pb2

LINES_MAX = 5_000  # of one document on the wire
LINE_ID_LENGTH_MAX = 64
TEXT_LENGTH_MAX = 512

Line = TypeVar("Line")


def order_lines(
    line: m.OrderLine, money: f.Money
) -> Callable[[Scope, str], list[events_pb2.OrderLine]]:
    """Returns a function that reads the lines of an order in a currency."""
    line_id = reader(line.id, required=True) if line.id is not None else None
    sku, category, description = map(reader, (line.sku, line.category, line.description))
    quantity = quantity_reader(line.quantity)
    amounts = amounts_reader(line.amount, line.tax, money)
    is_gift = test_of(line.gift)

    def read(at: Scope, currency: str) -> events_pb2.OrderLine:
        said = amounts(at, currency)
        return events_pb2.OrderLine(
            line_id=_line_id(line_id(at)) if line_id else str(at.number),
            sku=sku(at),
            category=category(at),
            quantity=quantity_text(quantity(at)),
            amount_minor=said.net,
            tax_minor=said.tax or 0,
            is_gift=is_gift(at),
            description=description(at)[:TEXT_LENGTH_MAX],
        )

    parts = _Parts(line.each, line.when)

    def lines(scope: Scope, currency: str) -> list[events_pb2.OrderLine]:
        found = parts.read(scope, lambda at: read(at, currency))
        twice = {each.line_id for each in found}
        if len(twice) != len(found):
            raise ValueRefused(f"{line.each}: two lines have the same id")
        return found

    return lines


def shipment_lines(
    line: m.ShipmentLine | None,
) -> Callable[[Scope], list[events_pb2.ShipmentLine]]:
    """Returns a function that reads the lines of a shipment; without any it is the whole order."""
    if line is None:
        return lambda _: []
    line_id, quantity = reader(line.id, required=True), quantity_reader(line.quantity)
    parts = _Parts(line.each, line.when)

    def read(at: Scope) -> events_pb2.ShipmentLine:
        return events_pb2.ShipmentLine(
            line_id=_line_id(line_id(at)), quantity=quantity_text(quantity(at))
        )

    def lines(scope: Scope) -> list[events_pb2.ShipmentLine]:
        found = parts.read(scope, read)
        if not found:
            # On the wire no lines mean the whole order, which is not what an empty list in a document says.
            raise ValueRefused(f"{line.each} selects no line; leave the lines out for whole orders")
        return found

    return lines


def return_lines(
    line: m.ReturnLine, money: f.Money | None
) -> Callable[[Scope, str], list[events_pb2.ReturnLine]]:
    """Returns a function that reads the lines of a return; ``currency`` is empty when there are no amounts."""
    line_id, quantity = reader(line.id), quantity_reader(line.quantity)
    amounts = None
    if line.amount is not None and money is not None:
        amounts = amounts_reader(line.amount, line.tax, money)
    sign = -1 if line.negated else 1

    def read(at: Scope, currency: str) -> events_pb2.ReturnLine:
        number, pieces = _line_id(line_id(at)), quantity(at) * sign
        back = events_pb2.ReturnLine(line_id=number, quantity=quantity_text(pieces))
        if pieces <= 0:
            raise ValueRefused(
                f"a line gives back {pieces} pieces, above 0 was expected: see negated"
            )
        if amounts is not None:
            said = amounts(at, currency)
            net, tax = said.net * sign, None if said.tax is None else said.tax * sign
            if net < 0 or (tax or 0) < 0:
                raise ValueRefused(
                    f"a line gives back {net} and {tax or 0} of tax in minor units, 0 or more was "
                    "expected: see negated"
                )
            back.amount_minor = net
            if tax is not None:
                back.tax_minor = tax
        elif not number:
            raise ValueRefused("a line without an id needs an amount")
        return back

    parts = _Parts(line.each, line.when)
    return lambda scope, currency: parts.read(scope, lambda at: read(at, currency))


class _Parts:
    """Goes through the lines of a document; errors say which line."""

    def __init__(self, each: str, when: Sequence[f.Condition]) -> None:
        self._each = JsonPath(each)
        self._takes: Test = tests(when)

    def read(self, scope: Scope, make: Callable[[Scope], Line]) -> list[Line]:
        return list(self._lines(scope, make))

    def _lines(self, scope: Scope, make: Callable[[Scope], Line]) -> Iterator[Line]:
        found = self._each.all(scope)
        if len(found) > LINES_MAX:
            raise ValueRefused(
                f"{self._each.text} selects {len(found)} lines, at most {LINES_MAX} are taken"
            )
        for number, part in enumerate(found, 1):
            at = Scope(scope.document, part, number)
            try:
                if self._takes(at):
                    yield make(at)
            except ValueRefused as error:
                raise ValueRefused(f"line {number}: {error}") from None


def _line_id(text: str) -> str:
    return ascii_id(text, LINE_ID_LENGTH_MAX) if text else ""
