"""Odoo's records as documents of ours. Works on whatever has a record's attributes, and imports nothing of Odoo.

Numbers, lines and members are named as ``adapters.odoo`` names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from adapters.wire_values import ascii_id, instant, minor, quantity_text, redemption_of
from pointbook.v1 import events_pb2

Record = Any  # of a model that only a running Odoo has
Pieces = dict[str, Decimal]

CODE_LENGTH_MAX = 64
SALE, DONE = "sale", "done"
OUTGOING, INCOMING = "outgoing", "incoming"
_RATE_DIGITS = Decimal("1E-10")

ORDER_STATUS: Mapping[str, events_pb2.OrderStatus] = {
    "draft": events_pb2.ORDER_STATUS_DRAFT,
    "sent": events_pb2.ORDER_STATUS_DRAFT,
    SALE: events_pb2.ORDER_STATUS_CONFIRMED,
    "cancel": events_pb2.ORDER_STATUS_CANCELLED,
}


def order_event(order: Record) -> events_pb2.Event:
    """Returns an order with its lines; one that is locked is completed."""
    currency, book = order.currency_id, order.company_id.currency_id
    document = events_pb2.Order(
        id=ascii_id(order.name),
        status=ORDER_STATUS[order.state],
        ordered_at=_instant(order.date_order),
        currency_code=currency.name,
        is_redemption=bool(redemption_of(order.client_order_ref or "")),
        lines=[_order_line(line, currency.name) for line in order.order_line if not line.display_type],
    )  # fmt: skip
    if order.state == SALE and order.locked:
        document.status = events_pb2.ORDER_STATUS_COMPLETED
    document.member.external_id = str(order.partner_id.id)
    if currency.name != book.name:
        # Odoo's currency_rate is units of the order's currency for one of the company's.
        rate = 1 / _exact(order.currency_rate)
        document.rate_to_book = format(rate.quantize(_RATE_DIGITS, ROUND_HALF_EVEN), "f")
    return events_pb2.Event(order=document)


def _order_line(line: Record, currency: str) -> events_pb2.OrderLine:
    """Returns a line: 23.7 without and 28.44 with tax are 2370 and 474."""
    net = minor(_exact(line.price_subtotal), currency)
    product = line.product_id
    return events_pb2.OrderLine(
        line_id=str(line.id),
        sku=_code(product.default_code or "") if product else "",
        category=(product.categ_id.name or "")[:CODE_LENGTH_MAX] if product else "",
        quantity=quantity_text(_exact(line.product_uom_qty)),
        amount_minor=net,
        tax_minor=minor(_exact(line.price_total), currency) - net,
    )


def _code(text: str) -> str:
    return text if len(text) <= CODE_LENGTH_MAX else ascii_id(text, CODE_LENGTH_MAX)


def _exact(value: float) -> Decimal:
    """Returns a float of Odoo's as people see it: its shortest form."""
    return Decimal(repr(value))


def _instant(at: datetime) -> Timestamp:
    """Returns an instant of Odoo's, which is UTC and does not say so."""
    return instant(at.replace(tzinfo=UTC))


def picking_events(picking: Record) -> list[events_pb2.Event]:
    """Returns what a finished delivery or return says, one document per order it has goods of."""
    code = picking.picking_type_code
    if picking.state != DONE or code not in (OUTGOING, INCOMING):
        return []
    return [
        _back(picking, order, pieces) if code == INCOMING else _out(picking, order, pieces)
        for order, pieces in _by_order(picking.move_ids, code)
    ]


def _by_order(moves: Iterable[Record], code: str) -> list[tuple[Record, Pieces]]:
    """Returns pieces by order line, by order. Components of kits are left out: they are not the line's pieces."""
    result: dict[int, tuple[Record, Pieces]] = {}
    for move in moves:
        returned = move.origin_returned_move_id
        line = move.sale_line_id or (returned and returned.sale_line_id)
        if not line or move.state != DONE or line.product_id.id != move.product_id.id:
            continue
        if code == INCOMING and not returned:
            continue
        _, pieces = result.setdefault(line.order_id.id, (line.order_id, {}))
        pieces[str(line.id)] = pieces.get(str(line.id), Decimal(0)) + _exact(move.quantity)
    return [(order, pieces) for order, pieces in result.values() if any(pieces.values())]


def _number(picking: Record, order: Record) -> str:
    """Returns the picking's name; with the order's when it also carries goods of another one's."""
    owner = picking.sale_id
    own = bool(owner) and owner.id == order.id
    return ascii_id(picking.name if own else f"{picking.name}:{order.name}")


def _out(picking: Record, order: Record, pieces: Pieces) -> events_pb2.Event:
    number, status = _number(picking, order), events_pb2.DOCUMENT_STATUS_DONE
    shipped_at, lines = _instant(picking.date_done), _lines(pieces)
    redemption = redemption_of(order.client_order_ref or "")
    if redemption:
        reward = events_pb2.RedemptionShipment(
            id=number, status=status, shipped_at=shipped_at, redemption_id=redemption, lines=lines
        )
        return events_pb2.Event(redemption_shipment=reward)
    goods = events_pb2.Shipment(
        id=number, status=status, shipped_at=shipped_at, order_id=ascii_id(order.name), lines=lines
    )
    return events_pb2.Event(shipment=goods)


def _back(picking: Record, order: Record, pieces: Pieces) -> events_pb2.Event:
    number, status = _number(picking, order), events_pb2.DOCUMENT_STATUS_DONE
    returned_at = _instant(picking.date_done)
    redemption = redemption_of(order.client_order_ref or "")
    event = events_pb2.Event()
    if redemption:
        event.redemption_return.CopyFrom(
            events_pb2.RedemptionReturn(
                id=number, status=status, returned_at=returned_at, redemption_id=redemption,
                lines=_lines(pieces),
            )
        )  # fmt: skip
        return event
    document = getattr(event, "return")  # a keyword of Python's, so it has no attribute syntax
    document.CopyFrom(
        events_pb2.Return(
            id=number, status=status, returned_at=returned_at, order_id=ascii_id(order.name),
            lines=[
                events_pb2.ReturnLine(line_id=line, quantity=quantity_text(many))
                for line, many in sorted(pieces.items())
            ],
        )
    )  # fmt: skip
    return event


def _lines(pieces: Pieces) -> list[events_pb2.ShipmentLine]:
    return [
        events_pb2.ShipmentLine(line_id=line, quantity=quantity_text(many))
        for line, many in sorted(pieces.items())
    ]
