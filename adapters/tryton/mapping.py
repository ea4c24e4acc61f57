"""Tryton records to documents of ours: pure, exact, and the same for the same content.

A record is what the REST API returns for the fields below, see ``adapters.tryton.rest.Tryton.rows``. A day without an
hour counts from when it begins in the company's time zone.

A return is a sale of its own in Tryton, with negative quantities and the first sale as its origin; here it is not
an order but what its return shipments bring back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp

from adapters.contract import AdapterError
from adapters.documents import Goods, returned, shipped
from adapters.tryton.settings import TrytonSettings
from adapters.wire_values import (
    ascii_id,
    day_begins,
    e164,
    instant,
    minor,
    quantity_text,
    redemption_of,
    share,
    spread,
)
from pointbook.v1 import events_pb2

Row = Mapping[str, Any]

CODE_LENGTH_MAX = 64
TEXT_LENGTH_MAX = 512
DONE, CANCELLED, PROCESSING, LINE = "done", "cancelled", "processing", "line"
SERVICE = "service"
TELEPHONES = ("mobile", "phone")

ORDER_STATUS: Mapping[str, events_pb2.OrderStatus] = {
    "draft": events_pb2.ORDER_STATUS_DRAFT,
    "quotation": events_pb2.ORDER_STATUS_DRAFT,
    "confirmed": events_pb2.ORDER_STATUS_CONFIRMED,
    PROCESSING: events_pb2.ORDER_STATUS_CONFIRMED,
    DONE: events_pb2.ORDER_STATUS_COMPLETED,
    CANCELLED: events_pb2.ORDER_STATUS_CANCELLED,
}

STAMPS = ("create_date", "write_date")
PARTY_FIELDS = ("code", "name", "active", *STAMPS)
TELEPHONE_FIELDS = ("contact_mechanisms.type", "contact_mechanisms.value_compact")
PRODUCT_FIELDS = (
    "code",
    "template.name",
    "template.categories.name",
    "template.write_date",
    *STAMPS,
)
COST_FIELDS = ("cost_price",)
SALE_FIELDS = (
    "number",
    "state",
    "reference",
    "origin",
    "party.code",
    "sale_date",
    "currency.code",
    "tax_amount",
    *STAMPS,
    "lines.type",
    "lines.quantity",
    "lines.actual_quantity",
    "lines.amount",
    "lines.product.type",
    "lines.product.code",
    "lines.product.template.name",
    "lines.product.template.categories.name",
    "lines.taxes.rate",
)
MOVES_FIELDS = ("origin", "quantity", "state", "effective_date", "write_date")
SHIPMENT_FIELDS = ("number", *STAMPS, *(f"outgoing_moves.{name}" for name in MOVES_FIELDS))
RETURN_FIELDS = ("number", *STAMPS, *(f"incoming_moves.{name}" for name in MOVES_FIELDS))
LINE_FIELDS = (
    "quantity",
    "amount",
    "product",
    "taxes.rate",
    "sale.number",
    "sale.reference",
    "sale.origin",
    "sale.currency.code",
)
FIRST_FIELDS = ("number", "reference", "lines.type", "lines.product", "lines.quantity")


class Surroundings(NamedTuple):
    """What the moves of some shipments refer to.

    Attributes:
        lines: Sale lines by id, with ``LINE_FIELDS``.
        firsts: Sales that are taken back, by id, with ``FIRST_FIELDS``.
        zone: The company's time zone.
    """

    lines: Mapping[int, Row]
    firsts: Mapping[int, Row]
    zone: ZoneInfo


def stamp(row: Row) -> datetime:
    """Returns when a record last changed; before its first change Tryton only says when it was made."""
    changed: datetime = row["write_date"] or row["create_date"]
    return changed


def referred(reference: str | None, model: str) -> int:
    """Returns the id a reference names: "sale.sale,17" is 17, of another model or none 0."""
    name, _, number = (reference or "").partition(",")
    return int(number) if name == model and number.isdecimal() else 0


def first_sale(sale: Row) -> int:
    """Returns the id of the sale that a sale takes back; 0 when it takes back none."""
    return referred(sale["origin"], "sale.sale")


def _first(sale: Row, firsts: Mapping[int, Row]) -> Row | None:
    """Returns the sale that a sale takes back; None when it takes back none.

    Raises:
        AdapterError: It takes back one that cannot be read.
    """
    number = first_sale(sale)
    if number and number not in firsts:
        raise AdapterError(
            f"sale {sale['number']} takes back the sale with id {number}, which the user may not read"
        )
    return firsts.get(number)


def sale_events(
    sale: Row, firsts: Mapping[int, Row], zone: ZoneInfo, settings: TrytonSettings
) -> list[events_pb2.Event]:
    """Returns what a sale says: an order, services taken back, or both; nothing before it has a number.

    Raises:
        AdapterError: Its currency has no rate, or its state is not one of Tryton's.
    """
    if not sale["number"]:
        return []
    if sale["state"] not in ORDER_STATUS:
        raise AdapterError(
            f"sale {sale['number']} is in state '{sale['state']}', which Tryton 8 lacks"
        )
    first = _first(sale, firsts)
    lines = sorted((line for line in sale["lines"] if line["type"] == LINE), key=_by_id)
    sold = [line for line in lines if first is None or line["quantity"] > 0]
    events = [_order(sale, sold, zone, settings)] if sold else []
    back = [line for line in lines if first is not None and _is_service_back(line)]
    if first is not None and back and sale["state"] in (PROCESSING, DONE):
        events.append(_services_back(sale, first, back, zone))
    return events


def _by_id(row: Row) -> int:
    return int(row["id"])


def _is_service_back(line: Row) -> bool:
    """Whether a line takes back what no shipment will ever bring."""
    product = line["product"]
    return line["quantity"] < 0 and (product is None or product["type"] == SERVICE)


def _order(
    sale: Row, lines: Sequence[Row], zone: ZoneInfo, settings: TrytonSettings
) -> events_pb2.Event:
    currency = _currency(sale, settings)
    weights = [_tax_of(line) for line in lines]
    is_whole = len(lines) == len(_lines(sale))
    tax = sale["tax_amount"] if is_whole else sum(weights, Decimal(0))
    taxes = spread(minor(tax, currency), weights)
    status = _status(sale, lines)
    is_cancelled = status == events_pb2.ORDER_STATUS_CANCELLED
    document = events_pb2.Order(
        id=ascii_id(sale["number"]),
        status=status,
        ordered_at=_ordered_at(sale, zone),
        currency_code=currency,
        is_redemption=bool(redemption_of(sale["reference"] or "")),
        lines=[
            _order_line(
                line,
                Decimal(line["quantity"]) if is_cancelled else _quantity(sale, line),
                each,
                currency,
            )
            for line, each in zip(lines, taxes, strict=True)
        ],
    )
    document.member.external_id = ascii_id(sale["party"]["code"])
    if is_cancelled:
        document.changed_at.CopyFrom(instant(stamp(sale)))
    if currency != settings.currency:
        document.rate_to_book = settings.rates[currency]
    return events_pb2.Event(order=document)


def _lines(sale: Row) -> list[Row]:
    return [line for line in sale["lines"] if line["type"] == LINE]


def _currency(sale: Row, settings: TrytonSettings) -> str:
    code = str(sale["currency"]["code"])
    if code != settings.currency and code not in settings.rates:
        raise AdapterError(
            f"sale {sale['number']} is in {code}, the book in {settings.currency}: "
            f'name a rate in [erp.rates], for example {code} = "1.0"'
        )
    return code


def _tax_of(line: Row) -> Decimal:
    """Returns a line's tax, not rounded: its amount times its percentages. The sale's tax is spread by it."""
    rates = sum((tax["rate"] or Decimal(0) for tax in line["taxes"]), Decimal(0))
    return Decimal(line["amount"] or 0) * rates


def _status(sale: Row, lines: Sequence[Row]) -> events_pb2.OrderStatus:
    """A sale of which nothing was delivered nor invoiced ends as done, too: it is as good as cancelled."""
    if sale["state"] == DONE and not any(_quantity(sale, line) for line in lines):
        return events_pb2.ORDER_STATUS_CANCELLED
    return ORDER_STATUS[sale["state"]]


def _quantity(sale: Row, line: Row) -> Decimal:
    """Returns a line's quantity; of a sale that is done only what was delivered or invoiced counts."""
    is_settled = sale["state"] == DONE and line["actual_quantity"] is not None
    return Decimal(line["actual_quantity"] if is_settled else line["quantity"])


def _ordered_at(sale: Row, zone: ZoneInfo) -> Timestamp:
    """A draft may have no date yet; the day it was made stands for it."""
    on = sale["sale_date"] or sale["create_date"].astimezone(zone).date()
    return instant(day_begins(on, zone))


def _order_line(line: Row, quantity: Decimal, tax: int, currency: str) -> events_pb2.OrderLine:
    """Returns a line of which a quantity counts: 2 of 3 are two thirds of amount and tax."""
    whole = Decimal(line["quantity"])
    product = line["product"] or {}
    return events_pb2.OrderLine(
        line_id=str(line["id"]),
        sku=sku_of(product),
        category=_category(product),
        quantity=quantity_text(quantity),
        amount_minor=share(minor(line["amount"], currency), quantity, whole) if whole else 0,
        tax_minor=share(tax, quantity, whole) if whole else 0,
        description=_name(product),
    )


def sku_of(product: Row) -> str:
    """Returns a product's code as a SKU; empty when it has none."""
    return ascii_id(product.get("code") or "", CODE_LENGTH_MAX)


def _category(product: Row) -> str:
    """Returns the first of a product's categories by name; Tryton sorts them no other way."""
    names = [each["name"] or "" for each in product["template"]["categories"]] if product else []
    return min(names)[:CODE_LENGTH_MAX] if names else ""


def _name(product: Row) -> str:
    return (product["template"]["name"] or "")[:TEXT_LENGTH_MAX] if product else ""


def _services_back(sale: Row, first: Row, lines: Iterable[Row], zone: ZoneInfo) -> events_pb2.Event:
    """Services come back when the sale that takes them back is processed."""
    currency = sale["currency"]["code"]
    goods = _goods(sale["number"], _ordered_at(sale, zone), first)
    return returned(
        goods,
        [
            events_pb2.ReturnLine(
                line_id=_line_taken_back((line["product"] or {}).get("id"), first),
                quantity=quantity_text(-Decimal(line["quantity"])),
                amount_minor=minor(-line["amount"], currency),
                tax_minor=minor(-_tax_of(line), currency),
            )
            for line in lines
        ],
    )


def shipment_events(shipment: Row, around: Surroundings) -> list[events_pb2.Event]:
    """Returns what a shipment to customers says, one document per order it has goods of; nothing until it is done."""
    events = []
    for sale, moves in _by_sale(shipment["outgoing_moves"], around):
        number = f"{shipment['number']}:{sale['number']}"
        goods = _goods(number, _moved_at(moves, around.zone), sale)
        events.append(shipped(goods, [_shipped_line(move, 1) for move in moves]))
    return events


def return_events(shipment: Row, around: Surroundings) -> list[events_pb2.Event]:
    """Returns what a return shipment says, one document per sale that takes goods back.

    A sale that takes back without naming the first one is an order with negative lines; its goods are shipped
    with a negative quantity.
    """
    events = []
    for sale, moves in _by_sale(shipment["incoming_moves"], around):
        number = f"return:{shipment['number']}:{sale['number']}"
        at = _moved_at(moves, around.zone)
        first = _first(sale, around.firsts)
        if first is None:
            lines = [_shipped_line(move, -1) for move in moves]
            events.append(shipped(_goods(number, at, sale), lines))
        else:
            back = [_return_line(move, first, around) for move in moves]
            events.append(returned(_goods(number, at, first), back))
    return events


def _goods(number: str, at: Timestamp, order: Row) -> Goods:
    redemption = redemption_of(order["reference"] or "")
    return Goods(
        ascii_id(number),
        events_pb2.DOCUMENT_STATUS_DONE,
        at,
        ascii_id(order["number"]),
        redemption,
    )


def _by_sale(moves: Iterable[Row], around: Surroundings) -> list[tuple[Row, list[Row]]]:
    """Returns the moves that are done, by the sale of their line; what no sale ordered is left out."""
    result: dict[int, tuple[Row, list[Row]]] = {}
    for move in sorted(moves, key=_by_id):
        line = around.lines.get(referred(move["origin"], "sale.line"))
        if line is None or move["state"] != DONE or not line["sale"]["number"]:
            continue
        sale = line["sale"]
        result.setdefault(sale["id"], (sale, []))[1].append(move)
    return list(result.values())


def _moved_at(moves: Iterable[Row], zone: ZoneInfo) -> Timestamp:
    """Returns when goods moved. Tryton knows the day, and its clock the hour if nobody dated them back."""
    return instant(max(_hour(move, zone) for move in moves))


def _hour(move: Row, zone: ZoneInfo) -> datetime:
    on: date = move["effective_date"]
    written: datetime = move["write_date"]
    return written if written.astimezone(zone).date() == on else day_begins(on, zone)


def _shipped_line(move: Row, sign: int) -> events_pb2.ShipmentLine:
    return events_pb2.ShipmentLine(
        line_id=str(referred(move["origin"], "sale.line")),
        quantity=quantity_text(sign * Decimal(move["quantity"])),
    )


def _return_line(move: Row, first: Row, around: Surroundings) -> events_pb2.ReturnLine:
    """Returns what a move brings back, with its amount: of a line of -3 pieces and -23.70, 1 piece is 790."""
    line = around.lines[referred(move["origin"], "sale.line")]
    currency = line["sale"]["currency"]["code"]
    quantity, whole = Decimal(move["quantity"]), -Decimal(line["quantity"])
    return events_pb2.ReturnLine(
        line_id=_line_taken_back(line["product"], first),
        quantity=quantity_text(quantity),
        amount_minor=share(minor(-line["amount"], currency), quantity, whole),
        tax_minor=share(minor(-_tax_of(line), currency), quantity, whole),
    )


def _line_taken_back(product: int | None, first: Row) -> str:
    """Returns the line of the first sale that sold a product; empty when there is not exactly one.

    Tryton does not say which line is taken back. Without one the amount is off the order as a whole.
    """
    same = [line for line in _lines(first) if line["product"] == product and line["quantity"] > 0]
    return str(same[0]["id"]) if len(same) == 1 and product is not None else ""


def member_event(party: Row, settings: TrytonSettings) -> events_pb2.Event:
    """Returns a party as a member."""
    member = events_pb2.Member(
        id=ascii_id(party["code"]),
        is_active=bool(party["active"]),
        joined_at=instant(party["create_date"]),
        display_name=(party["name"] or "")[:TEXT_LENGTH_MAX],
    )
    if settings.phones:
        member.phone = _telephone(party["contact_mechanisms"])
    return events_pb2.Event(member=member)


def _telephone(mechanisms: Sequence[Row]) -> str:
    """Returns the first number that names its country, a mobile one before others."""
    for kind in TELEPHONES:
        for each in sorted(mechanisms, key=_by_id):
            number = e164(each["value_compact"] or "") if each["type"] == kind else ""
            if number:
                return number
    return ""


def product_event(product: Row, settings: TrytonSettings) -> events_pb2.Event | None:
    """Returns a product; None when it has no code. A cost of zero is one that nobody entered."""
    sku = sku_of(product)
    if not sku:
        return None
    stamps = [stamp(product), product["template"]["write_date"]]
    document = events_pb2.Product(
        sku=sku,
        changed_at=instant(max(each for each in stamps if each is not None)),
        category=_category(product),
        description=_name(product),
    )
    if settings.has_costs and (product["cost_price"] or 0) > 0:
        document.unit_cost_minor = minor(product["cost_price"], settings.currency)
    return events_pb2.Event(product=document)


def stock_event(warehouse: str, product: Row, counted_at: datetime) -> events_pb2.Event:
    """Returns how many whole pieces are in a warehouse; fewer than none are none."""
    sku = sku_of(product)
    return events_pb2.Event(
        stock=events_pb2.Stock(
            id=ascii_id(f"{warehouse}/{sku}"),
            kind=events_pb2.STOCK_KIND_COUNTED,
            counted_at=instant(counted_at),
            sku=sku,
            warehouse=warehouse,
            quantity=str(max(int(product["quantity"] or 0), 0)),
        )
    )
