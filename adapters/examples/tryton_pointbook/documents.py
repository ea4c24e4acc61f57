"""Tryton's records as documents of ours. Works on whatever has a record's attributes, and imports nothing of Tryton.

A day without an hour counts from when it begins in the company's time zone. A return is a sale of its own
in Tryton, with negative quantities and the first sale as its origin; here it is not an order but
what its return shipments bring back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp

from adapters.wire_values import (
    ascii_id,
    day_begins,
    instant,
    minor,
    quantity_text,
    redemption_of,
    share,
)
from pointbook.v1 import events_pb2

Record = Any  # of a model that only a running Tryton has

CODE_LENGTH_MAX = 64
TEXT_LENGTH_MAX = 512
_RATE_DIGITS = Decimal("1E-10")

ORDER_STATUS: Mapping[str, events_pb2.OrderStatus] = {
    "draft": events_pb2.ORDER_STATUS_DRAFT,
    "quotation": events_pb2.ORDER_STATUS_DRAFT,
    "confirmed": events_pb2.ORDER_STATUS_CONFIRMED,
    "processing": events_pb2.ORDER_STATUS_CONFIRMED,
    "done": events_pb2.ORDER_STATUS_COMPLETED,
    "cancelled": events_pb2.ORDER_STATUS_CANCELLED,
}
DOCUMENT_STATUS: Mapping[str, events_pb2.DocumentStatus] = {
    "done": events_pb2.DOCUMENT_STATUS_DONE,
    "cancelled": events_pb2.DOCUMENT_STATUS_CANCELLED,
}


def first_sale(sale: Record) -> Record | None:
    """Returns the sale that a sale takes back; None when it takes back none."""
    origin = sale.origin
    return origin if origin is not None and origin.__name__ == "sale.sale" else None


def order_lines(sale: Record) -> list[Record]:
    """Returns the lines that count as an order: all, but of a return only what is sold in exchange."""
    lines = [line for line in sale.lines if line.type == "line"]
    return [line for line in lines if line.quantity > 0] if first_sale(sale) else lines


def order_event(
    sale: Record, taxes: Mapping[int, Decimal], rate: Decimal | None, today: date
) -> events_pb2.Event | None:
    """Returns a sale as an order; None when it has no number yet, or only takes back.

    Args:
        sale: The sale.
        taxes: Tax by line id.
        rate: What one unit of the sale's currency is in the company's; None when they are the same.
        today: Order date of a sale that has none yet.
    """
    lines = order_lines(sale)
    if not sale.number or not lines:
        return None
    currency = sale.currency.code
    document = events_pb2.Order(
        id=ascii_id(sale.number),
        status=ORDER_STATUS[sale.state],
        ordered_at=_begins(sale.sale_date or today, sale.company),
        currency_code=currency,
        is_redemption=bool(redemption_of(sale.reference or "")),
        lines=[_order_line(line, taxes.get(line.id, Decimal(0)), currency) for line in lines],
    )
    document.member.external_id = ascii_id(sale.party.code)
    if rate is not None:
        document.rate_to_book = format(rate.quantize(_RATE_DIGITS, ROUND_HALF_EVEN), "f")
    return events_pb2.Event(order=document)


def _order_line(line: Record, tax: Decimal, currency: str) -> events_pb2.OrderLine:
    product = line.product
    categories = sorted(category.name for category in product.categories) if product else []
    return events_pb2.OrderLine(
        line_id=str(line.id),
        sku=_code(product.code or "") if product else "",
        category=categories[0][:CODE_LENGTH_MAX] if categories else "",
        quantity=_pieces(line.quantity),
        amount_minor=minor(line.amount, currency),
        tax_minor=minor(tax, currency),
        description=(product.name if product else "")[:TEXT_LENGTH_MAX],
    )


def _code(text: str) -> str:
    return text if len(text) <= CODE_LENGTH_MAX else ascii_id(text, CODE_LENGTH_MAX)


def _pieces(quantity: float) -> str:
    return quantity_text(Decimal(str(quantity)))


def _begins(on: date, company: Record) -> Timestamp:
    return instant(day_begins(on, ZoneInfo(company.timezone or "UTC")))


def shipment_events(shipment: Record, today: date) -> list[events_pb2.Event]:
    """Returns what a shipment to customers says, one document per order it has goods of."""
    events = []
    for sale, moves in _by_sale(shipment.outgoing_moves):
        lines = [
            events_pb2.ShipmentLine(line_id=str(move.origin.id), quantity=_pieces(move.quantity))
            for move in moves
        ]
        number, status = _number(shipment, sale), DOCUMENT_STATUS[shipment.state]
        shipped_at = _begins(shipment.effective_date or today, shipment.company)
        redemption = redemption_of(sale.reference or "")
        if redemption:
            document = events_pb2.RedemptionShipment(
                id=number, status=status, shipped_at=shipped_at, redemption_id=redemption, lines=lines
            )  # fmt: skip
            events.append(events_pb2.Event(redemption_shipment=document))
        else:
            goods = events_pb2.Shipment(
                id=number, status=status, shipped_at=shipped_at,
                order_id=ascii_id(sale.number), lines=lines,
            )  # fmt: skip
            events.append(events_pb2.Event(shipment=goods))
    return events


def return_events(shipment: Record, today: date) -> list[events_pb2.Event]:
    """Returns what a return shipment says, one document per sale that takes goods back.

    A sale that takes back without naming the first one is an order with negative lines already; its
    shipment says nothing.
    """
    events = []
    for sale, moves in _by_sale(shipment.incoming_moves):
        first = first_sale(sale)
        if first is None:
            continue
        number, status = _number(shipment, sale), DOCUMENT_STATUS[shipment.state]
        returned_at = _begins(shipment.effective_date or today, shipment.company)
        redemption = redemption_of(first.reference or "")
        event = events_pb2.Event()
        if redemption:
            event.redemption_return.CopyFrom(
                events_pb2.RedemptionReturn(
                    id=number, status=status, returned_at=returned_at, redemption_id=redemption,
                    lines=[_counted(move) for move in moves],
                )
            )  # fmt: skip
        else:
            document = getattr(
                event, "return"
            )  # a keyword of Python's, so it has no attribute syntax
            document.CopyFrom(
                events_pb2.Return(
                    id=number, status=status, returned_at=returned_at,
                    order_id=ascii_id(first.number),
                    lines=[_return_line(move, first) for move in moves],
                )
            )  # fmt: skip
        events.append(event)
    return events


def _counted(move: Record) -> events_pb2.ShipmentLine:
    return events_pb2.ShipmentLine(line_id=str(move.origin.id), quantity=_pieces(move.quantity))


def _return_line(move: Record, first: Record) -> events_pb2.ReturnLine:
    """Returns what a move brings back, with its amount: of a line of -3 pieces and -23.70, 1 piece is 790.

    Tryton does not say which line of the first sale it was. Where only one has the product, it is that one;
    otherwise the amount is off the order as a whole.
    """
    line = move.origin
    same = [each for each in first.lines if each.type == "line" and each.product == line.product]
    total = minor(-line.amount, first.currency.code)
    amount = share(total, Decimal(str(move.quantity)), -Decimal(str(line.quantity)))
    return events_pb2.ReturnLine(
        line_id=str(same[0].id) if len(same) == 1 else "",
        quantity=_pieces(move.quantity),
        amount_minor=amount,
    )


def _by_sale(moves: Iterable[Record]) -> Sequence[tuple[Record, list[Record]]]:
    """Returns the moves that have an order line, by the line's sale."""
    result: dict[int, tuple[Record, list[Record]]] = {}
    for move in moves:
        line = move.origin
        if line is None or line.__name__ != "sale.line" or not line.sale.number:
            continue
        result.setdefault(line.sale.id, (line.sale, []))[1].append(move)
    return list(result.values())


def _number(shipment: Record, sale: Record) -> str:
    """Returns the document's number; it names the order, for one shipment may carry goods of several."""
    return ascii_id(f"{shipment.number}:{sale.number}")
