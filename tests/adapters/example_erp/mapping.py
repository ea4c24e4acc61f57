"""Rows of Quernstone to documents of ours: pure, exact, and the same for the same content."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from adapters.contract import AdapterError
from adapters.documents import Goods, returned, shipped
from adapters.wire_values import (
    ascii_id,
    day_begins,
    e164,
    instant,
    minor,
    quantity_text,
    redemption_of,
)
from pointbook.v1 import events_pb2
from tests.adapters.example_erp.api import Row
from tests.adapters.example_erp.settings import QuernstoneSettings

Status = TypeVar("Status")

ORDER_STATUS = {
    "offer": events_pb2.ORDER_STATUS_DRAFT,
    "open": events_pb2.ORDER_STATUS_CONFIRMED,
    "closed": events_pb2.ORDER_STATUS_COMPLETED,
    "void": events_pb2.ORDER_STATUS_CANCELLED,
}
GOODS_STATUS = {
    "planned": events_pb2.DOCUMENT_STATUS_DRAFT,
    "done": events_pb2.DOCUMENT_STATUS_DONE,
    "void": events_pb2.DOCUMENT_STATUS_CANCELLED,
}


def order_event(row: Row, settings: QuernstoneSettings) -> events_pb2.Event:
    """Returns an order as it stands.

    Raises:
        AdapterError: Its currency has no rate, or its state is not one of Quernstone's.
    """
    order = events_pb2.Order(
        id=ascii_id(row["number"]),
        status=_status(row, ORDER_STATUS),
        ordered_at=instant(day_begins(date.fromisoformat(row["day"]), settings.zone)),
        currency_code=row["currency"],
        rate_to_book=_rate(row, settings),
        is_redemption=bool(redemption_of(row["reference"])),
        lines=[_order_line(line, row["currency"]) for line in row["lines"]],
    )
    if row["customer"]:
        order.member.external_id = ascii_id(row["customer"])
    if row["voided_at"]:
        order.changed_at.CopyFrom(instant(datetime.fromisoformat(row["voided_at"])))
    return events_pb2.Event(order=order)


def _status(row: Row, known: Mapping[str, Status]) -> Status:
    if row["state"] not in known:
        raise AdapterError(
            f"{row['number']} is in state '{row['state']}', not in {', '.join(known)}"
        )
    return known[row["state"]]


def _rate(row: Row, settings: QuernstoneSettings) -> str:
    if row["currency"] == settings.currency:
        return ""
    if row["currency"] not in settings.rates:
        raise AdapterError(
            f"order {row['number']} is in {row['currency']}, the book in {settings.currency}: "
            f'name a rate in [erp.rates], for example {row["currency"]} = "1.0"'
        )
    return settings.rates[row["currency"]]


def _order_line(line: Row, currency: str) -> events_pb2.OrderLine:
    return events_pb2.OrderLine(
        line_id=str(line["id"]),
        sku=ascii_id(line["sku"], 64),
        quantity=quantity_text(Decimal(line["quantity"])),
        amount_minor=minor(Decimal(line["net"]), currency),
        tax_minor=minor(Decimal(line["tax"]), currency),
        description=line["text"][:512],
    )


def delivery_events(row: Row) -> list[events_pb2.Event]:
    """Returns a delivery as a shipment, of its order or of its redemption; nothing until it has left."""
    if row["moved_at"] is None:
        return []
    lines = [
        events_pb2.ShipmentLine(
            line_id=str(line["order_line"]), quantity=quantity_text(Decimal(line["quantity"]))
        )
        for line in row["lines"]
    ]
    return [shipped(_goods(row), lines)]


def return_events(row: Row) -> list[events_pb2.Event]:
    """Returns what came back, goods or money; nothing until it has."""
    if row["moved_at"] is None:
        return []
    lines = [_return_line(line, row["order"]["currency"]) for line in row["lines"]]
    return [returned(_goods(row), lines)]


def _return_line(line: Row, currency: str) -> events_pb2.ReturnLine:
    """Pieces of a line, pieces with what was paid back for them, or an amount off the whole order."""
    back = events_pb2.ReturnLine()
    if line["order_line"] is not None:
        back.line_id = str(line["order_line"])
        back.quantity = quantity_text(Decimal(line["quantity"]))
    if line["net"] is not None:
        back.amount_minor = minor(Decimal(line["net"]), currency)
        back.tax_minor = minor(Decimal(line["tax"]), currency)
    return back


def _goods(row: Row) -> Goods:
    return Goods(
        id=ascii_id(row["number"]),
        status=_status(row, GOODS_STATUS),
        at=instant(datetime.fromisoformat(row["moved_at"])),
        order_id=ascii_id(row["order"]["number"]),
        redemption_id=redemption_of(row["order"]["reference"]),
    )


def member_event(row: Row, settings: QuernstoneSettings) -> events_pb2.Event:
    """Returns a customer as a member."""
    member = events_pb2.Member(
        id=ascii_id(row["number"]),
        is_active=row["is_active"],
        joined_at=instant(datetime.fromisoformat(row["created_at"])),
        phone=e164(row["phone"]) if settings.phones else "",
        display_name=row["name"][:512],
    )
    return events_pb2.Event(member=member)
