"""ERPNext's records as events. Pure: rows in, events without number out.

What moves by itself (``modified``, ``status``, ``per_delivered``, …) is in none of them, with one exception, the time of a
cancellation: nothing can be edited after it. Quantities are in the item's stock unit, for an order in boxes may be
delivered in pieces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from adapters.contract import AdapterError
from adapters.erpnext.clock import stamp
from adapters.erpnext.money import rate_to_book
from adapters.erpnext.settings import ErpnextSettings
from adapters.wire_values import (
    ascii_id,
    day_begins,
    instant,
    minor,
    quantity_text,
    redemption_of,
    spread,
)
from pointbook.v1 import events_pb2

Row = Mapping[str, Any]

MEMBER_FIELDS = ("name", "modified", "creation", "customer_name", "disabled")
PRODUCT_FIELDS = ("name", "modified", "item_code", "item_name", "item_group", "valuation_rate")
STOCK_FIELDS = ("name", "modified", "item_code", "warehouse", "actual_qty")
ORDER_FIELDS = (
    "name",
    "modified",
    "docstatus",
    "customer",
    "transaction_date",
    "currency",
    "conversion_rate",
    "total_taxes_and_charges",
    "po_no",
    "items.name as line",
    "items.idx as line_number",
    "items.item_code",
    "items.item_name",
    "items.item_group",
    "items.stock_qty",
    "items.net_amount",
    "items.is_free_item",
)

CODE_LENGTH_MAX = 64
TEXT_LENGTH_MAX = 512
DRAFT, SUBMITTED, CANCELLED = 0, 1, 2

ORDER_STATUS: dict[int, events_pb2.OrderStatus] = {
    DRAFT: events_pb2.ORDER_STATUS_DRAFT,
    SUBMITTED: events_pb2.ORDER_STATUS_CONFIRMED,
    CANCELLED: events_pb2.ORDER_STATUS_CANCELLED,
}


def member(row: Row, settings: ErpnextSettings) -> events_pb2.Event:
    """Returns a Customer as a member."""
    return events_pb2.Event(
        member=events_pb2.Member(
            id=ascii_id(row["name"]),
            is_active=not row["disabled"],
            joined_at=instant(stamp(row["creation"], settings.zone)),
            display_name=text(row["customer_name"]),
        )
    )


def product(row: Row, settings: ErpnextSettings) -> events_pb2.Event:
    """Returns an Item as a product; a valuation rate of nothing means that none was entered."""
    found = events_pb2.Product(
        sku=code(row["item_code"]),
        changed_at=instant(stamp(row["modified"], settings.zone)),
        category=category(row["item_group"]),
        description=text(row["item_name"]),
    )
    cost = row["valuation_rate"]
    if cost and settings.home_currency == settings.currency:
        found.unit_cost_minor = minor(Decimal(cost), settings.currency)
    return events_pb2.Event(product=found)


def stock(row: Row, settings: ErpnextSettings, now: datetime) -> events_pb2.Event:
    """Returns a Bin as a count of whole pieces; what was delivered before it was received counts as none."""
    named = {erp: ours for ours, erp in settings.warehouses.items()}
    warehouse: str = named.get(row["warehouse"]) or row["warehouse"]
    sku = code(row["item_code"])
    pieces = Decimal(row["actual_qty"]).to_integral_value(rounding=ROUND_FLOOR)
    return events_pb2.Event(
        stock=events_pb2.Stock(
            id=ascii_id(f"{warehouse}/{sku}"),
            version=1,
            kind=events_pb2.STOCK_KIND_COUNTED,
            counted_at=instant(now),
            sku=sku,
            warehouse=code(warehouse),
            quantity=quantity_text(max(pieces, Decimal(0))),
        )
    )


def order(rows: Sequence[Row], settings: ErpnextSettings) -> events_pb2.Event:
    """Returns a Sales Order, given as one row for each line.

    ``docstatus`` alone says its state: ``status`` is derived and may be stale, and a closed order is still a sale.
    """
    head = rows[0]
    currency = head["currency"]
    lines = [row for row in rows if row["line"] is not None]
    tax = minor(Decimal(head["total_taxes_and_charges"] or 0), currency)
    taxes = spread(tax, [Decimal(row["net_amount"] or 0) for row in lines])
    document = events_pb2.Order(
        id=ascii_id(head["name"]),
        status=_known(ORDER_STATUS, head),
        ordered_at=instant(day_begins(date.fromisoformat(head["transaction_date"]), settings.zone)),
        member=events_pb2.MemberRef(external_id=ascii_id(head["customer"])),
        currency_code=currency,
        rate_to_book=rate_to_book(currency, head["conversion_rate"], settings),
        lines=[_order_line(row, part, currency) for row, part in zip(lines, taxes, strict=True)],
        is_redemption=bool(redemption_of(head["po_no"] or "")),
    )
    if head["docstatus"] == CANCELLED:
        document.changed_at.CopyFrom(instant(stamp(head["modified"], settings.zone)))
    return events_pb2.Event(order=document)


def _order_line(row: Row, tax_minor: int, currency: str) -> events_pb2.OrderLine:
    return events_pb2.OrderLine(
        line_id=code(row["line"]),
        sku=code(row["item_code"] or ""),
        category=category(row["item_group"]),
        quantity=quantity_text(Decimal(row["stock_qty"] or 0)),
        amount_minor=minor(Decimal(row["net_amount"] or 0), currency),
        tax_minor=tax_minor,
        is_gift=bool(row["is_free_item"]),
        description=text(row["item_name"]),
    )


def code(value: str) -> str:
    """Returns a code of at most 64 characters, printable ASCII."""
    return ascii_id(value, CODE_LENGTH_MAX)


def category(value: str | None) -> str:
    """Returns an item group as it is written, cut to what a category holds."""
    return (value or "").replace("\0", "")[:CODE_LENGTH_MAX]


def text(value: str | None) -> str:
    """Returns words for people, cut to what a text holds."""
    return (value or "").replace("\0", "")[:TEXT_LENGTH_MAX]


def _known(states: Mapping[int, Any], row: Row) -> Any:
    try:
        return states[row["docstatus"]]
    except KeyError as error:
        raise AdapterError(
            f"{row['name']}: docstatus {row['docstatus']} is none of 0, 1 and 2"
        ) from error
