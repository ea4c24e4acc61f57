"""What ListDocuments is asked and answers: requests checked field by field, received documents as messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from plugin.errors import Rejected
from plugin.events import (
    MICRO,
    DocumentStatus,
    Event,
    Kind,
    Order,
    OrderStatus,
    RedemptionReturn,
    RedemptionShipment,
    Return,
    Shipment,
    decode,
)
from plugin.orders.entitlement import business_date
from plugin.services.fields import CODE_LENGTH_MAX, require_id
from plugin.store.books import Book
from plugin.store.received import Received, Wanted
from pointbook.v1 import operations_pb2

KINDS: Mapping[str, Kind] = {
    "order": Kind.ORDER,
    "shipment": Kind.SHIPMENT,
    "return": Kind.RETURN,
    "redemption_shipment": Kind.REDEMPTION_SHIPMENT,
    "redemption_return": Kind.REDEMPTION_RETURN,
}
"""Kinds of documents that an ERP holds, too, and that can be compared one by one."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_wanted(request: operations_pb2.ListDocumentsRequest, book: Book) -> Wanted:
    """Returns what a request asks for.

    Raises:
        Rejected: No source, an unknown kind, something that is no date, or an end that is not after the beginning.
    """
    source = require_id(request.source, "source", CODE_LENGTH_MAX)
    if not request.kind:
        raise Rejected("FIELD_REQUIRED", f"kind is required: one of {', '.join(KINDS)}", "kind")
    kind = KINDS.get(request.kind)
    if kind is None:
        raise Rejected(
            "KIND_UNKNOWN", f"kind {request.kind[:40]!r} is none of {', '.join(KINDS)}", "kind"
        )
    from_on, until_on = _date(request.from_on, "from_on"), _date(request.until_on, "until_on")
    if from_on is not None and until_on is not None and until_on <= from_on:
        raise Rejected(
            "DATES_REVERSED",
            f"until_on {until_on} is the day after the last one, so it must be after from_on {from_on}",
            "until_on",
        )
    zone = ZoneInfo(book.time_zone)
    return Wanted(book.id, source, kind, _midnight(from_on, zone), _midnight(until_on, zone))


def document_message(kind: Kind, received: Received, zone: ZoneInfo) -> operations_pb2.Document:
    """Returns a received document as a message; one whose content cannot be read has neither state nor sums."""
    message = operations_pb2.Document(
        kind=kind.name.lower(),
        id=received.id,
        version=received.version,
        on=business_date(received.at, zone).isoformat(),
        status=received.status,  # type: ignore[arg-type]
        reason=received.reason,
    )
    try:
        event = decode(received.payload)
    except msgspec.DecodeError:  # Parked as EVENT_UNREADABLE, or about to be.
        return message
    _fill_in(message, event)
    return message


def written_quantity(quantity_micro: int) -> str:
    """Writes a quantity with the decimals it needs and no more.

    >>> written_quantity(3_000_000), written_quantity(-500_000), written_quantity(100_000_000)
    ('3', '-0.5', '100')
    """
    # A normalised Decimal of 100 would be 1E+2; the format "f" writes it out.
    return format((Decimal(quantity_micro) / MICRO).normalize(), "f")


def _fill_in(message: operations_pb2.Document, event: Event) -> None:
    """Adds the state and the sums of the document's content."""
    match event:
        case Order():
            message.document_status = OrderStatus(event.status).name.lower()
            message.amount_minor = sum(line.amount_minor for line in event.lines)
            message.currency_code = event.currency_code
        case Return():
            message.document_status = DocumentStatus(event.status).name.lower()
            message.amount_minor = sum(line.amount_minor or 0 for line in event.lines)
        case Shipment() | RedemptionShipment() | RedemptionReturn():
            message.document_status = DocumentStatus(event.status).name.lower()
        case _:
            return
    message.quantity = written_quantity(sum(line.quantity_micro for line in event.lines))
    message.lines = len(event.lines)


def _date(written: str, field: str) -> date | None:
    """Returns a date written as in 2026-11-23, None when there is none."""
    if not written:
        return None
    try:
        if _DATE.fullmatch(written):  # Python reads weeks and dates without dashes, too.
            return date.fromisoformat(written)
    except ValueError:
        pass  # The 30th of February: answered as what is no date at all.
    raise Rejected(
        "DATE_INVALID", f"{field}: {written[:40]!r} is not a date such as 2026-11-23", field
    )


def _midnight(on: date | None, zone: ZoneInfo) -> int | None:
    """Returns the instant at which a date begins in a time zone, in microseconds since 1970."""
    if on is None:
        return None
    # A difference, because the year 1 in Shanghai has no instant in UTC that Python can write.
    return (datetime(on.year, on.month, on.day, tzinfo=zone) - _EPOCH) // _MICROSECOND
