"""Delivery Notes as shipments and returns. Pure: rows in, events without number out.

One note may carry several orders: each gets a document of its own, "NOTE" when it is the only one, else "NOTE.ORDER". Lines
that belong to no order are left out: nothing was ordered that they could fulfil.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from adapters.contract import AdapterError
from adapters.documents import Goods, returned, shipped
from adapters.erpnext.clock import posted
from adapters.erpnext.mapping import CANCELLED, DRAFT, SUBMITTED, code
from adapters.erpnext.settings import ErpnextSettings
from adapters.wire_values import ascii_id, instant, quantity_text, redemption_of
from pointbook.v1 import events_pb2

Row = Mapping[str, Any]

DELIVERY_FIELDS = (
    "name",
    "modified",
    "docstatus",
    "is_return",
    "return_against",
    "posting_date",
    "posting_time",
    "items.name as line",
    "items.idx as line_number",
    "items.stock_qty",
    "items.against_sales_order",
    "items.so_detail",
    "items.dn_detail",
)

STATUS: dict[int, events_pb2.DocumentStatus] = {
    DRAFT: events_pb2.DOCUMENT_STATUS_DRAFT,
    SUBMITTED: events_pb2.DOCUMENT_STATUS_DONE,
    CANCELLED: events_pb2.DOCUMENT_STATUS_CANCELLED,
}


class OrderLine(NamedTuple):
    """A line of a Sales Order.

    Attributes:
        order: Name of the order.
        line: Name of its line.
    """

    order: str
    line: str


def ordered(row: Row) -> OrderLine | None:
    """Returns the order line a note's line itself names; None when it names none."""
    if row["against_sales_order"] and row["so_detail"]:
        return OrderLine(row["against_sales_order"], row["so_detail"])
    return None


def lacks_origin(row: Row) -> bool:
    """Whether only the note that a line takes back knows its order line."""
    return bool(row["dn_detail"] and row["return_against"] and ordered(row) is None)


def events(
    rows: Sequence[Row],
    origins: Mapping[str, OrderLine],
    references: Mapping[str, str],
    settings: ErpnextSettings,
) -> Iterator[events_pb2.Event]:
    """Yields what a Delivery Note, given as one row for each line, means for each of its orders.

    Args:
        rows: The note.
        origins: Order lines by the name of the note line that shipped them, for lines that ``lacks_origin``.
        references: ``po_no`` of the orders by name; an order that carries a redemption has it there.
        settings: For the site's zone.
    """
    head = rows[0]
    sign = -1 if head["is_return"] else 1
    by_order: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        target = ordered(row) or origins.get(row["dn_detail"] or "")
        if target is not None and row["stock_qty"]:
            lines = by_order.setdefault(target.order, {})
            lines[target.line] = lines.get(target.line, Decimal(0)) + sign * row["stock_qty"]
    at = instant(posted(head["posting_date"], head["posting_time"], settings.zone))
    for name, lines in by_order.items():
        number = head["name"] if len(by_order) == 1 else f"{head['name']}.{name}"
        redemption = redemption_of(references.get(name) or "")
        goods = Goods(ascii_id(number), _status(head), at, ascii_id(name), redemption)
        yield _document(head, goods, lines)


def _document(head: Row, goods: Goods, lines: Mapping[str, Decimal]) -> events_pb2.Event:
    pieces = [(code(line), quantity_text(quantity)) for line, quantity in lines.items()]
    if head["is_return"]:
        back = [events_pb2.ReturnLine(line_id=line, quantity=many) for line, many in pieces]
        return returned(goods, back)
    gone = [events_pb2.ShipmentLine(line_id=line, quantity=many) for line, many in pieces]
    return shipped(goods, gone)


def _status(head: Row) -> events_pb2.DocumentStatus:
    try:
        return STATUS[head["docstatus"]]
    except KeyError as error:
        raise AdapterError(
            f"{head['name']}: docstatus {head['docstatus']} is none of 0, 1 and 2"
        ) from error
