"""Protobuf events to values, checked by hand: the one place where what ERPs send is judged.

Every check names the field and the rule. Hand checks cost a few microseconds an order; a validation library five times that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from plugin.errors import Rejected
from plugin.events import (
    MICRO,
    Activity,
    DocumentStatus,
    Event,
    Member,
    MembersMerged,
    Order,
    OrderLine,
    OrderStatus,
    Product,
    RedemptionShipment,
    Return,
    ReturnLine,
    Shipment,
    ShipmentLine,
    Stock,
    TierGrant,
    member_key,
)
from plugin.money import AMOUNT_MINOR_MAX, exponent, parse_decimal
from pointbook.v1 import events_pb2

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

ID_LENGTH_MAX = 128
CODE_LENGTH_MAX = 64
TEXT_LENGTH_MAX = 512
LINES_MAX = 5_000
CARDS_MAX = 16
TIERS_MAX = 100
QUANTITY_MICRO_MAX = 10**15
VERSION_MAX = 2**62
SECONDS_MAX = 32_503_680_000
"""2999-12-31 and a bit: the first second of the year 3000."""


def to_event(message: events_pb2.Event, source: str, book_currency: str) -> Event:
    """Returns the event as a value.

    Args:
        message: What the ERP sent.
        source: The source of the request; external ids are unique within it.
        book_currency: Currency of the book, to tell when a rate is needed.

    Raises:
        Rejected: A rule is broken; ``field`` is the path of the field.
    """
    require_id(message.event_id, "event_id")
    name = message.WhichOneof("payload")
    if name is None:
        raise Rejected(
            "PAYLOAD_MISSING",
            "the event has no payload, or one this release does not know",
            "payload",
        )
    if name == "order":
        return _order(message.order, source, book_currency)
    event: Event = _READERS[name](getattr(message, name), source)
    return event


def require_id(value: str, path: str, length_max: int = ID_LENGTH_MAX) -> str:
    """Returns an identifier that is 1 to ``length_max`` printable ASCII characters.

    Raises:
        Rejected: It is not.
    """
    if value and len(value) <= length_max and value.isascii() and value.isprintable():
        return value
    if not value:
        raise Rejected("FIELD_REQUIRED", f"{path} is required", path)
    raise Rejected(
        "IDENTIFIER_INVALID", f"{path} must be 1 to {length_max} printable ASCII characters", path
    )


def to_member_key(ref: events_pb2.MemberRef, source: str, path: str) -> str:
    """Returns the lookup key of a member reference, or an empty string for a guest.

    Raises:
        Rejected: The reference is set and not valid.
    """
    way = ref.WhichOneof("ref")
    if way is None:
        return ""
    value = getattr(ref, way)
    path = f"{path}.{way}"
    if way == "phone":
        _require_phone(value, path)
    elif way == "id":
        if not (value.isascii() and value.isdigit() and len(value) <= 18):
            raise Rejected(
                "MEMBER_ID_INVALID", f"{path} must be a member number: up to 18 digits", path
            )
        value = str(int(value))
    else:
        require_id(value, path, CODE_LENGTH_MAX if way == "card" else ID_LENGTH_MAX)
    return member_key(way, value, source)


def to_instant(value: Timestamp, path: str) -> int:
    """Returns an instant that is set as microseconds since 1970.

    Raises:
        Rejected: It lies outside of the years 1970 to 2999.
    """
    return _instant(value, True, path)


def _order(message: events_pb2.Order, source: str, book_currency: str) -> Order:
    lines = message.lines
    _at_most(lines, LINES_MAX, "order.lines")
    currency = message.currency_code
    _require_currency(currency, "order.currency_code")
    seen: set[str] = set()
    values = []
    gross = 0
    for index, line in enumerate(lines):
        value = _order_line(line, index)
        if value.line_id in seen:
            path = f"order.lines[{index}].line_id"
            raise Rejected(
                "LINE_TWICE", f"order {message.id}: line {value.line_id!r} appears twice", path
            )
        seen.add(value.line_id)
        gross += value.amount_minor + value.tax_minor
        values.append(value)
    paid = _amount(message.points_paid_minor, "order.points_paid_minor")
    if paid < 0 or paid > max(gross, 0):
        raise Rejected(
            "POINTS_PAID_INVALID",
            f"order {message.id}: points_paid_minor {paid} must lie between 0 and the order's total {max(gross, 0)}",
            "order.points_paid_minor",
        )
    return Order(
        id=require_id(message.id, "order.id"),
        version=_version(message.version, "order.version"),
        status=_order_status(message.status),
        ordered_at=_instant(message.ordered_at, message.HasField("ordered_at"), "order.ordered_at"),
        currency_code=currency,
        member=to_member_key(message.member, source, "order.member")
        if message.HasField("member")
        else "",
        store=_code(message.store, "order.store"),
        channel=_code(message.channel, "order.channel"),
        rate_to_book=_rate(message, book_currency),
        lines=tuple(values),
        points_paid_minor=paid,
        is_redemption=message.is_redemption,
        hold_id=_code(message.hold_id, "order.hold_id"),
        changed_at=_instant(message.changed_at, True, "order.changed_at")
        if message.HasField("changed_at")
        else None,
    )


def _order_line(line: events_pb2.OrderLine, index: int) -> OrderLine:
    line_id = line.line_id
    if not (
        line_id and len(line_id) <= CODE_LENGTH_MAX and line_id.isascii() and line_id.isprintable()
    ):
        require_id(line_id, f"order.lines[{index}].line_id", CODE_LENGTH_MAX)
    amount, tax = line.amount_minor, line.tax_minor
    if not -AMOUNT_MINOR_MAX <= amount <= AMOUNT_MINOR_MAX:
        _amount(amount, f"order.lines[{index}].amount_minor")
    if not -AMOUNT_MINOR_MAX <= tax <= AMOUNT_MINOR_MAX:
        _amount(tax, f"order.lines[{index}].tax_minor")
    description = line.description
    return OrderLine(
        line_id,
        _quantity(line.quantity, "order.lines", index),
        amount,
        tax,
        _code(line.sku, "order.lines[].sku", index),
        _code(line.category, "order.lines[].category", index),
        line.is_gift,
        _text(description, "order.lines[].description", index) if description else "",
    )


def _shipment(message: events_pb2.Shipment, source: str) -> Shipment:
    return Shipment(
        id=require_id(message.id, "shipment.id"),
        version=_version(message.version, "shipment.version"),
        status=_document_status(message.status, "shipment.status"),
        shipped_at=_instant(
            message.shipped_at, message.HasField("shipped_at"), "shipment.shipped_at"
        ),
        order_id=require_id(message.order_id, "shipment.order_id"),
        lines=_shipment_lines(message.lines, "shipment.lines"),
    )


def _shipment_lines(lines: Any, path: str) -> tuple[ShipmentLine, ...]:
    _at_most(lines, LINES_MAX, path)
    return tuple(
        ShipmentLine(
            require_id(line.line_id, f"{path}[{i}].line_id", CODE_LENGTH_MAX),
            _quantity(line.quantity, path, i),
        )
        for i, line in enumerate(lines)
    )


def _return(message: events_pb2.Return, source: str) -> Return:
    _at_most(message.lines, LINES_MAX, "return.lines")
    return Return(
        id=require_id(message.id, "return.id"),
        version=_version(message.version, "return.version"),
        status=_document_status(message.status, "return.status"),
        returned_at=_instant(
            message.returned_at, message.HasField("returned_at"), "return.returned_at"
        ),
        order_id=require_id(message.order_id, "return.order_id") if message.order_id else "",
        lines=tuple(_return_line(line, i) for i, line in enumerate(message.lines)),
    )


def _return_line(line: events_pb2.ReturnLine, index: int) -> ReturnLine:
    path = f"return.lines[{index}]"
    amount = (
        _amount(line.amount_minor, f"{path}.amount_minor")
        if line.HasField("amount_minor")
        else None
    )
    tax = _amount(line.tax_minor, f"{path}.tax_minor") if line.HasField("tax_minor") else None
    quantity = _quantity(line.quantity, "return.lines", index) if line.quantity else 0
    if not line.line_id and amount is None:
        raise Rejected(
            "AMOUNT_REQUIRED",
            f"{path} without a line_id needs amount_minor",
            f"{path}.amount_minor",
        )
    if amount is None and not quantity:
        raise Rejected(
            "FIELD_REQUIRED", f"{path} needs a quantity or amount_minor", f"{path}.quantity"
        )
    for name, value in (("amount_minor", amount), ("tax_minor", tax), ("quantity", quantity)):
        if value is not None and value < 0:
            raise Rejected(
                "NEGATIVE",
                f"{path}.{name} must be 0 or more: a return says what came back",
                f"{path}.{name}",
            )
    line_id = require_id(line.line_id, f"{path}.line_id", CODE_LENGTH_MAX) if line.line_id else ""
    return ReturnLine(line_id, quantity, amount, tax)


def _member(message: events_pb2.Member, source: str) -> Member:
    _at_most(message.cards, CARDS_MAX, "member.cards")
    _at_most(message.tiers, TIERS_MAX, "member.tiers")
    if message.phone:
        _require_phone(message.phone, "member.phone")
    grants = [
        TierGrant(
            require_id(grant.tier, f"member.tiers[{i}].tier", CODE_LENGTH_MAX),
            _instant(grant.from_at, grant.HasField("from_at"), f"member.tiers[{i}].from_at"),
        )
        for i, grant in enumerate(message.tiers)
    ]
    return Member(
        id=require_id(message.id, "member.id"),
        version=_version(message.version, "member.version"),
        joined_at=_instant(message.joined_at, message.HasField("joined_at"), "member.joined_at"),
        is_active=message.is_active,
        phone=message.phone,
        cards=tuple(
            require_id(card, f"member.cards[{i}]", CODE_LENGTH_MAX)
            for i, card in enumerate(message.cards)
        ),
        display_name=_text(message.display_name, "member.display_name"),
        tiers=tuple(grants),
        birthday=_birthday(message.birthday),
    )


def _members_merged(message: events_pb2.MembersMerged, source: str) -> MembersMerged:
    survivor = to_member_key(message.survivor, source, "members_merged.survivor")
    merged = to_member_key(message.merged, source, "members_merged.merged")
    for name, value in (("survivor", survivor), ("merged", merged)):
        if not value:
            raise Rejected(
                "FIELD_REQUIRED", f"members_merged.{name} is required", f"members_merged.{name}"
            )
    if survivor == merged:
        raise Rejected(
            "MERGE_WITH_SELF", "a member cannot be merged with itself", "members_merged.merged"
        )
    return MembersMerged(
        id=require_id(message.id, "members_merged.id"),
        merged_at=_instant(
            message.merged_at, message.HasField("merged_at"), "members_merged.merged_at"
        ),
        survivor=survivor,
        merged=merged,
    )


def _product(message: events_pb2.Product, source: str) -> Product:
    cost = message.unit_cost_minor if message.HasField("unit_cost_minor") else None
    if cost is not None and not 0 <= cost <= AMOUNT_MINOR_MAX:
        raise Rejected(
            "AMOUNT_OUT_OF_RANGE",
            "product.unit_cost_minor must be 0 or more",
            "product.unit_cost_minor",
        )
    return Product(
        id=require_id(message.sku, "product.sku", CODE_LENGTH_MAX),
        version=_version(message.version, "product.version"),
        changed_at=_instant(
            message.changed_at, message.HasField("changed_at"), "product.changed_at"
        ),
        category=_code(message.category, "product.category"),
        description=_text(message.description, "product.description"),
        unit_cost_minor=cost,
    )


def _activity(message: events_pb2.Activity, source: str) -> Activity:
    member = to_member_key(message.member, source, "activity.member")
    if not member:
        raise Rejected("FIELD_REQUIRED", "activity.member is required", "activity.member")
    return Activity(
        id=require_id(message.id, "activity.id"),
        version=_version(message.version, "activity.version"),
        kind=require_id(message.kind, "activity.kind", CODE_LENGTH_MAX),
        happened_at=_instant(
            message.happened_at, message.HasField("happened_at"), "activity.happened_at"
        ),
        member=member,
        referee=to_member_key(message.referee, source, "activity.referee"),
        is_cancelled=message.is_cancelled,
    )


def _stock(message: events_pb2.Stock, source: str) -> Stock:
    if message.kind not in (events_pb2.STOCK_KIND_COUNTED, events_pb2.STOCK_KIND_RECEIVED):
        raise Rejected("STATUS_INVALID", "stock.kind must be COUNTED or RECEIVED", "stock.kind")
    quantity = _quantity(message.quantity, "stock", None)
    if quantity < 0:
        raise Rejected("NEGATIVE", "stock.quantity must be 0 or more", "stock.quantity")
    value = message.value_minor if message.HasField("value_minor") else None
    if value is not None and not 0 <= value <= AMOUNT_MINOR_MAX:
        raise Rejected(
            "AMOUNT_OUT_OF_RANGE", "stock.value_minor must be 0 or more", "stock.value_minor"
        )
    return Stock(
        id=require_id(message.id, "stock.id"),
        version=_version(message.version, "stock.version"),
        kind=message.kind,
        counted_at=_instant(message.counted_at, message.HasField("counted_at"), "stock.counted_at"),
        sku=require_id(message.sku, "stock.sku", CODE_LENGTH_MAX),
        warehouse=require_id(message.warehouse, "stock.warehouse", CODE_LENGTH_MAX),
        quantity_micro=quantity,
        value_minor=value,
    )


def _redemption_shipment(message: events_pb2.RedemptionShipment, source: str) -> RedemptionShipment:
    return RedemptionShipment(
        id=require_id(message.id, "redemption_shipment.id"),
        version=_version(message.version, "redemption_shipment.version"),
        status=_document_status(message.status, "redemption_shipment.status"),
        shipped_at=_instant(
            message.shipped_at, message.HasField("shipped_at"), "redemption_shipment.shipped_at"
        ),
        redemption_id=require_id(message.redemption_id, "redemption_shipment.redemption_id"),
        lines=_shipment_lines(message.lines, "redemption_shipment.lines"),
    )


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "shipment": _shipment,
    "return": _return,
    "member": _member,
    "members_merged": _members_merged,
    "product": _product,
    "activity": _activity,
    "stock": _stock,
    "redemption_shipment": _redemption_shipment,
}

_SHORT_QUANTITIES = {str(pieces): pieces * MICRO for pieces in range(1, 1_000)}
_ORDER_STATUSES = {status.value: status for status in OrderStatus}
_DOCUMENT_STATUSES = {status.value: status for status in DocumentStatus}


def _order_status(value: int) -> OrderStatus:
    status = _ORDER_STATUSES.get(value)
    if status is None:
        raise Rejected(
            "STATUS_INVALID", f"order.status {value} is not set or not known", "order.status"
        )
    return status


def _document_status(value: int, path: str) -> DocumentStatus:
    status = _DOCUMENT_STATUSES.get(value)
    if status is None:
        raise Rejected("STATUS_INVALID", f"{path} {value} is not set or not known", path)
    return status


def _version(value: int, path: str) -> int:
    if not 1 <= value <= VERSION_MAX:
        raise Rejected(
            "VERSION_INVALID", f"{path} must be 1 or more and rise with every change", path
        )
    return value


def _instant(value: Timestamp, is_set: bool, path: str) -> int:
    seconds = value.seconds
    if not is_set:
        raise Rejected("FIELD_REQUIRED", f"{path} is required", path)
    if not (0 <= seconds < SECONDS_MAX and 0 <= value.nanos < 1_000_000_000):
        raise Rejected(
            "INSTANT_OUT_OF_RANGE", f"{path} must lie between the years 1970 and 2999", path
        )
    return seconds * 1_000_000 + value.nanos // 1_000


def _quantity(text: str, path: str, index: int | None) -> int:
    """Returns a quantity in millionths; small whole numbers, by far the most, take the short way."""
    short = _SHORT_QUANTITIES.get(text)
    if short is not None:
        return short
    where = f"{path}[{index}].quantity" if index is not None else f"{path}.quantity"
    if not text:
        raise Rejected("FIELD_REQUIRED", f"{where} is required", where)
    try:
        scaled = parse_decimal(text) * MICRO
    except Rejected as error:
        raise Rejected(error.reason, f"{where}: {error.message}", where) from error
    if abs(scaled) > QUANTITY_MICRO_MAX:
        raise Rejected("QUANTITY_OUT_OF_RANGE", f"{where} is beyond 1,000,000,000 pieces", where)
    if scaled != scaled.to_integral_value():
        raise Rejected(
            "QUANTITY_TOO_PRECISE", f"{where} {text[:40]} has more than 6 decimals", where
        )
    return int(scaled)


def _rate(message: events_pb2.Order, book_currency: str) -> str:
    """Returns the rate of an order in another currency than the book's; never guessed."""
    path = "order.rate_to_book"
    if message.currency_code == book_currency:
        return ""
    if not message.rate_to_book:
        raise Rejected(
            "RATE_REQUIRED",
            f"order {message.id} is in {message.currency_code}, the book in {book_currency}: rate_to_book is required",
            path,
        )
    try:
        rate = parse_decimal(message.rate_to_book)
    except Rejected as error:
        raise Rejected(error.reason, f"{path}: {error.message}", path) from error
    if not 0 < rate <= 10**9 or rate * 10**10 != (rate * 10**10).to_integral_value():
        raise Rejected("RATE_INVALID", f"{path} must be above 0 with at most 10 decimals", path)
    return str(Decimal(message.rate_to_book))


def _require_currency(code: str, path: str) -> None:
    if not code:
        raise Rejected("FIELD_REQUIRED", f"{path} is required", path)
    try:
        exponent(code)
    except Rejected as error:
        raise Rejected(error.reason, error.message, path) from error


def _require_phone(value: str, path: str) -> None:
    digits = value[1:]
    if not (value[:1] == "+" and digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15):
        raise Rejected("PHONE_INVALID", f"{path} must be in E.164 form: + and 7 to 15 digits", path)


def _birthday(value: str) -> str:
    if not value:
        return ""
    month, dash, day = value.partition("-")
    days = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    ok = (
        len(value) == 5
        and len(month) == 2
        and dash
        and month.isdigit()
        and day.isdigit()
        and value.isascii()
    )
    if not (ok and 1 <= int(month) <= 12 and 1 <= int(day) <= days[int(month) - 1]):
        raise Rejected("BIRTHDAY_INVALID", "member.birthday must be MM-DD", "member.birthday")
    return value


def _amount(value: int, path: str) -> int:
    if not -AMOUNT_MINOR_MAX <= value <= AMOUNT_MINOR_MAX:
        raise Rejected(
            "AMOUNT_OUT_OF_RANGE", f"{path} is beyond {AMOUNT_MINOR_MAX} minor units", path
        )
    return value


@lru_cache(maxsize=65_536)
def _code(value: str, path: str, index: int = 0) -> str:
    """Checks a store, SKU or category: any script, at most 64 characters, no control characters.

    ``index`` goes between the brackets of the path, which is only written when it is needed.
    """
    if not value or (len(value) <= CODE_LENGTH_MAX and not _CONTROL.search(value)):
        return value
    path = path.replace("[]", f"[{index}]")
    raise Rejected(
        "TEXT_INVALID",
        f"{path} must be at most {CODE_LENGTH_MAX} characters without control characters",
        path,
    )


def _text(value: str, path: str, index: int = 0) -> str:
    if len(value) > TEXT_LENGTH_MAX or "\x00" in value:
        path = path.replace("[]", f"[{index}]")
        raise Rejected(
            "TEXT_INVALID", f"{path} must be at most {TEXT_LENGTH_MAX} characters without NUL", path
        )
    return value


def _at_most(values: Any, limit: int, path: str) -> None:
    if len(values) > limit:
        raise Rejected("TOO_MANY", f"{path} has {len(values)} elements, at most {limit}", path)
