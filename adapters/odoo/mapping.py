"""Odoo records to documents of ours: pure, exact, and the same for the same content.

Nothing here reads ``write_date`` but a product's and a cancelled order's, which the spool does not compare: what moves
without a change of the document must not be in it, or each look would make a new version. A record is what ``search_read`` returns: many-to-one fields
as ``[id, name]``, empty ones as ``False``, instants in UTC without a zone, numbers as ``Decimal``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from adapters.contract import AdapterError
from adapters.odoo.settings import OdooSettings
from adapters.wire_values import (
    ascii_id,
    e164,
    instant,
    minor,
    quantity_text,
    redemption_of,
    spread,
)
from pointbook.v1 import events_pb2

Row = Mapping[str, Any]

CODE_LENGTH_MAX = 64
TEXT_LENGTH_MAX = 512
SALE, DONE, CANCELLED = "sale", "done", "cancel"
OUTGOING, INCOMING = "outgoing", "incoming"

ORDER_STATUS: Mapping[str, events_pb2.OrderStatus] = {
    "draft": events_pb2.ORDER_STATUS_DRAFT,
    "sent": events_pb2.ORDER_STATUS_DRAFT,
    SALE: events_pb2.ORDER_STATUS_CONFIRMED,
    DONE: events_pb2.ORDER_STATUS_COMPLETED,
    CANCELLED: events_pb2.ORDER_STATUS_CANCELLED,
}


class Surroundings(NamedTuple):
    """What the moves of some deliveries refer to.

    Attributes:
        lines: Order lines by id, with ``order_id`` and ``product_id``.
        orders: Orders by id, with ``name`` and ``client_order_ref``.
        origins: Order line ids by the id of a move that was later returned.
    """

    lines: Mapping[int, Row]
    orders: Mapping[int, Row]
    origins: Mapping[int, int]


def moment(text: str) -> datetime:
    """Returns an instant of Odoo's, which is UTC and does not say so; with or without microseconds."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def reference_id(value: Any) -> int:
    """Returns the id a many-to-one field holds; 0 when it is empty. ``[4, "Mug"]`` is 4."""
    return int(value[0]) if value else 0


def order_event(
    order: Row, lines: Iterable[Row], products: Mapping[int, Row], settings: OdooSettings
) -> events_pb2.Event:
    """Returns a sales order with its lines.

    Raises:
        AdapterError: Its currency has no rate, or its state is not one of Odoo's.
    """
    currency = _currency(order, settings)
    sold = [line for line in lines if not line["display_type"]]
    document = events_pb2.Order(
        id=ascii_id(order["name"]),
        status=_status(order, settings),
        ordered_at=instant(moment(order["date_order"])),
        currency_code=currency,
        is_redemption=bool(redemption_of(order.get("client_order_ref") or "")),
        lines=[_order_line(line, products, currency) for line in sold],
    )
    _round_as_a_whole(document, order)
    if document.status == events_pb2.ORDER_STATUS_CANCELLED:
        document.changed_at.CopyFrom(instant(moment(order["write_date"])))
    if order["partner_id"]:
        document.member.external_id = str(reference_id(order["partner_id"]))
    if currency != settings.currency:
        document.rate_to_book = settings.rates[currency]
    return events_pb2.Event(order=document)


def _currency(order: Row, settings: OdooSettings) -> str:
    code = str(order["currency_id"][1])
    if code != settings.currency and code not in settings.rates:
        raise AdapterError(
            f"order {order['name']} is in {code}, the book in {settings.currency}: "
            f'name a rate in [erp.rates], for example {code} = "1.0"'
        )
    return code


def _status(order: Row, settings: OdooSettings) -> events_pb2.OrderStatus:
    state = order["state"]
    if state not in ORDER_STATUS:
        raise AdapterError(f"order {order['name']} is in state '{state}', which Odoo 17 to 19 lack")
    if state == SALE and _is_completed(order, settings):
        return events_pb2.ORDER_STATUS_COMPLETED
    return ORDER_STATUS[state]


def _is_completed(order: Row, settings: OdooSettings) -> bool:
    if settings.completed == "delivered":
        return bool(order["delivery_status"] == "full")
    return bool(order["locked"])


def _order_line(line: Row, products: Mapping[int, Row], currency: str) -> events_pb2.OrderLine:
    """Returns a line: 23.7 without and 28.2 with tax are 2370 and 450. A reward of Odoo's is a negative line."""
    net = minor(line["price_subtotal"], currency)
    product = products.get(reference_id(line["product_id"]), {})
    return events_pb2.OrderLine(
        line_id=str(line["id"]),
        sku=sku_of(product),
        category=category_of(product),
        quantity=quantity_text(line["product_uom_qty"]),
        amount_minor=net,
        tax_minor=minor(line["price_total"], currency) - net,
    )


def _round_as_a_whole(document: events_pb2.Order, order: Row) -> None:
    """Has the lines add up to what the order itself says, without and for tax.

    Odoo rounds each line for its own sake; an order's totals are those lines' only where the company
    rounds "per line". Rounded "globally", the default since 19, three lines of 3.333 read 3.33 each and 10.00 together.
    """
    untaxed = minor(order["amount_untaxed"], document.currency_code)
    tax = minor(order["amount_tax"], document.currency_code)
    nets = adding_up([line.amount_minor for line in document.lines], untaxed)
    taxes = adding_up([line.tax_minor for line in document.lines], tax)
    for line, net, part in zip(document.lines, nets, taxes, strict=True):
        line.amount_minor, line.tax_minor = net, part


def adding_up(amounts: Sequence[int], total: int) -> list[int]:
    """Returns amounts in minor units with what rounding took from their total, or added; the largest get it.

    Example: 333, 333 and 333 of 1000 are 334, 333 and 333. More than one unit for each is no rounding: an order
    and its lines are read one after the other, and when somebody edits in between the next look reads both again.
    """
    missing = total - sum(amounts)
    if abs(missing) > len(amounts):
        return list(amounts)
    parts = spread(missing, [Decimal(abs(amount)) for amount in amounts])
    return [amount + part for amount, part in zip(amounts, parts, strict=True)]


def sku_of(product: Row) -> str:
    """Returns a product's internal reference as a SKU; empty when it has none."""
    return ascii_id(product.get("default_code") or "", CODE_LENGTH_MAX)


def category_of(product: Row) -> str:
    """Returns the last part of a product's category: "Goods / Coffee" is "Coffee"."""
    category = product.get("categ_id")
    return str(category[1]).rpartition(" / ")[2][:CODE_LENGTH_MAX] if category else ""


def picking_events(
    picking: Row, moves: Iterable[Row], around: Surroundings
) -> list[events_pb2.Event]:
    """Returns what a delivery or a return says, one document per order it has goods of.

    A delivery that is not done yet says nothing; one that is done cannot be undone in Odoo, only
    corrected: when every quantity became zero, it is as good as cancelled.
    """
    code, status = picking["picking_type_code"], _document_status(picking)
    if status is None or code not in (OUTGOING, INCOMING):
        return []
    if code == INCOMING:
        moves = [move for move in moves if move["origin_returned_move_id"]]
    return [
        _goods(picking, around.orders[order], pieces, status)
        for order, pieces in _by_order(moves, around).items()
    ]


def _document_status(picking: Row) -> events_pb2.DocumentStatus | None:
    if not picking["date_done"]:
        return None
    if picking["state"] == DONE:
        return events_pb2.DOCUMENT_STATUS_DONE
    if picking["state"] == CANCELLED:
        return events_pb2.DOCUMENT_STATUS_CANCELLED
    return None


def _by_order(moves: Iterable[Row], around: Surroundings) -> dict[int, dict[int, Decimal | int]]:
    """Returns the pieces by order and line. Components of kits are left out: they are not the line's pieces."""
    result: dict[int, dict[int, Decimal | int]] = {}
    for move in moves:
        line = around.lines.get(sale_line_of(move, around.origins))
        if line is None or move["state"] not in (DONE, CANCELLED):
            continue
        if reference_id(line["product_id"]) != reference_id(move["product_id"]):
            continue
        of_order = result.setdefault(reference_id(line["order_id"]), {})
        pieces = move["quantity"] if move["state"] == DONE else 0
        of_order[line["id"]] = of_order.get(line["id"], 0) + pieces
    return result


def sale_line_of(move: Row, origins: Mapping[int, int]) -> int:
    """Returns the order line a move delivers or returns; 0 when it belongs to none."""
    own = reference_id(move["sale_line_id"])
    return own or origins.get(reference_id(move["origin_returned_move_id"]), 0)


def _goods(
    picking: Row,
    order: Row,
    pieces: Mapping[int, Decimal | int],
    status: events_pb2.DocumentStatus,
) -> events_pb2.Event:
    is_return = picking["picking_type_code"] == INCOMING
    redemption = redemption_of(order["client_order_ref"] or "")
    counted = {str(line): quantity_text(many) for line, many in pieces.items() if many > 0}
    if not counted:  # a shipment without lines would be the whole order
        status = events_pb2.DOCUMENT_STATUS_CANCELLED
        if is_return and redemption:  # must have lines, though cancelled ones do not count
            counted = {str(line): "1" for line in pieces}
    make = _MAKERS[is_return, bool(redemption)]
    owner = redemption or ascii_id(order["name"])
    return make(_goods_id(picking, order), status, picking, owner, counted)


def _goods_id(picking: Row, order: Row) -> str:
    """Returns the delivery's name; with the order's when it also carries goods of another one's."""
    owner = picking["sale_id"]
    if owner and reference_id(owner) == order["id"]:
        return ascii_id(picking["name"])
    return ascii_id(f"{picking['name']}:{order['name']}")


def _shipment(
    number: str,
    status: events_pb2.DocumentStatus,
    picking: Row,
    order: str,
    counted: Mapping[str, str],
) -> events_pb2.Event:
    return events_pb2.Event(
        shipment=events_pb2.Shipment(
            id=number,
            status=status,
            shipped_at=instant(moment(picking["date_done"])),
            order_id=order,
            lines=_shipped(counted),
        )
    )


def _return(
    number: str,
    status: events_pb2.DocumentStatus,
    picking: Row,
    order: str,
    counted: Mapping[str, str],
) -> events_pb2.Event:
    lines = [
        events_pb2.ReturnLine(line_id=line, quantity=many) for line, many in sorted(counted.items())
    ]
    event = events_pb2.Event()
    document = getattr(event, "return")  # a keyword of Python's, so it has no attribute syntax
    document.CopyFrom(
        events_pb2.Return(
            id=number,
            status=status,
            returned_at=instant(moment(picking["date_done"])),
            order_id=order,
            lines=lines,
        )
    )
    return event


def _redemption_shipment(
    number: str,
    status: events_pb2.DocumentStatus,
    picking: Row,
    redemption: str,
    counted: Mapping[str, str],
) -> events_pb2.Event:
    return events_pb2.Event(
        redemption_shipment=events_pb2.RedemptionShipment(
            id=number,
            status=status,
            shipped_at=instant(moment(picking["date_done"])),
            redemption_id=redemption,
            lines=_shipped(counted),
        )
    )


def _redemption_return(
    number: str,
    status: events_pb2.DocumentStatus,
    picking: Row,
    redemption: str,
    counted: Mapping[str, str],
) -> events_pb2.Event:
    return events_pb2.Event(
        redemption_return=events_pb2.RedemptionReturn(
            id=number,
            status=status,
            returned_at=instant(moment(picking["date_done"])),
            redemption_id=redemption,
            lines=_shipped(counted),
        )
    )


def _shipped(counted: Mapping[str, str]) -> Sequence[events_pb2.ShipmentLine]:
    """Returns lines in a fixed order, however Odoo sorts its moves."""
    return [
        events_pb2.ShipmentLine(line_id=line, quantity=many)
        for line, many in sorted(counted.items())
    ]


_MAKERS: Mapping[tuple[bool, bool], Callable[..., events_pb2.Event]] = {
    (False, False): _shipment,
    (True, False): _return,
    (False, True): _redemption_shipment,
    (True, True): _redemption_return,
}


def member_event(partner: Row, settings: OdooSettings) -> events_pb2.Event:
    """Returns a contact as a member."""
    member = events_pb2.Member(
        id=str(partner["id"]),
        is_active=bool(partner["active"]),
        joined_at=instant(moment(partner["create_date"])),
        display_name=(partner["name"] or "")[:TEXT_LENGTH_MAX],
    )
    if settings.phone_field:
        member.phone = e164(partner[settings.phone_field] or "")
    card = str(partner[settings.card_field] or "") if settings.card_field else ""
    if card:
        member.cards.append(ascii_id(card, CODE_LENGTH_MAX))
    return events_pb2.Event(member=member)


def product_event(product: Row, settings: OdooSettings) -> events_pb2.Event | None:
    """Returns a product; None when it has no internal reference. A cost of zero is one that nobody entered."""
    sku = sku_of(product)
    if not sku:
        return None
    document = events_pb2.Product(
        sku=sku,
        changed_at=instant(moment(product["write_date"])),
        category=category_of(product),
        description=(product["name"] or "")[:TEXT_LENGTH_MAX],
    )
    if has_costs(settings) and product["standard_price"] > 0:
        document.unit_cost_minor = minor(product["standard_price"], settings.currency)
    return events_pb2.Event(product=document)


def has_costs(settings: OdooSettings) -> bool:
    """Whether products' costs are read: Odoo keeps them in the company's currency, which must be the book's."""
    return settings.unit_costs and settings.home_currency == settings.currency


def stock_event(warehouse: str, product: Row, counted_at: datetime) -> events_pb2.Event:
    """Returns how many whole pieces are on hand; fewer than none are none."""
    sku = sku_of(product)
    pieces = max(int(product["qty_available"]), 0)
    return events_pb2.Event(
        stock=events_pb2.Stock(
            id=ascii_id(f"{warehouse}/{sku}"),
            kind=events_pb2.STOCK_KIND_COUNTED,
            counted_at=instant(counted_at),
            sku=sku,
            warehouse=warehouse,
            quantity=str(pieces),
        )
    )
