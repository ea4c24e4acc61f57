"""Protobuf events to values, checked by hand: the one place where what ERPs send is judged.

Every check names the field and the rule. Hand checks cost a few microseconds an order; a validation library five times that.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

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
    RedemptionReturn,
    RedemptionShipment,
    Return,
    ReturnLine,
    Shipment,
    ShipmentLine,
    Stock,
    TierGrant,
    member_key,
)
from plugin.money import AMOUNT_MINOR_MAX, parse_decimal
from plugin.services.fields import (
    CARDS_MAX,
    CODE_LENGTH_MAX,
    ID_LENGTH_MAX,
    LINES_MAX,
    TIERS_MAX,
    read_amount,
    read_birthday,
    read_code,
    read_instant,
    read_quantity,
    read_text,
    read_version,
    require_at_most,
    require_currency,
    require_id,
    require_phone,
    require_whole,
)
from pointbook.v1 import events_pb2, members_pb2

REWARD_PIECES_MAX = 1_000_000
"""Pieces of one shipment or return of a redemption."""


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
        require_phone(value, path)
    elif way == "id":
        if not (value.isascii() and value.isdigit() and len(value) <= 18):
            raise Rejected(
                "MEMBER_ID_INVALID", f"{path} must be a member number: up to 18 digits", path
            )
        value = str(int(value))
    else:
        require_id(value, path, CODE_LENGTH_MAX if way == "card" else ID_LENGTH_MAX)
    return member_key(way, value, source)


def to_selected(selector: members_pb2.MemberSelector) -> str:
    """Returns the lookup key of the member that a request names.

    Raises:
        Rejected: Nobody is named, or an external id without its source.
    """
    if selector.member.WhichOneof("ref") == "external_id":
        require_id(selector.source, "selector.source")
    key = to_member_key(selector.member, selector.source, "selector.member")
    if not key:
        raise Rejected("FIELD_REQUIRED", "selector.member is required", "selector.member")
    return key


def _order(message: events_pb2.Order, source: str, book_currency: str) -> Order:
    lines = message.lines
    require_at_most(lines, LINES_MAX, "order.lines")
    currency = message.currency_code
    require_currency(currency, "order.currency_code")
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
    paid = read_amount(message.points_paid_minor, "order.points_paid_minor")
    if paid < 0 or paid > max(gross, 0):
        raise Rejected(
            "POINTS_PAID_INVALID",
            f"order {message.id}: points_paid_minor {paid} must lie between 0 and the order's total {max(gross, 0)}",
            "order.points_paid_minor",
        )
    return Order(
        id=require_id(message.id, "order.id"),
        version=read_version(message.version, "order.version"),
        status=_order_status(message.status),
        ordered_at=read_instant(
            message.ordered_at, message.HasField("ordered_at"), "order.ordered_at"
        ),
        currency_code=currency,
        member=to_member_key(message.member, source, "order.member")
        if message.HasField("member")
        else "",
        store=read_code(message.store, "order.store"),
        channel=read_code(message.channel, "order.channel"),
        rate_to_book=_rate(message, book_currency),
        lines=tuple(values),
        points_paid_minor=paid,
        is_redemption=message.is_redemption,
        hold_id=read_code(message.hold_id, "order.hold_id"),
        changed_at=read_instant(message.changed_at, True, "order.changed_at")
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
        read_amount(amount, f"order.lines[{index}].amount_minor")
    if not -AMOUNT_MINOR_MAX <= tax <= AMOUNT_MINOR_MAX:
        read_amount(tax, f"order.lines[{index}].tax_minor")
    description = line.description
    return OrderLine(
        line_id,
        read_quantity(line.quantity, "order.lines", index),
        amount,
        tax,
        read_code(line.sku, "order.lines[].sku", index),
        read_code(line.category, "order.lines[].category", index),
        line.is_gift,
        read_text(description, "order.lines[].description", index) if description else "",
    )


def _shipment(message: events_pb2.Shipment, source: str) -> Shipment:
    return Shipment(
        id=require_id(message.id, "shipment.id"),
        version=read_version(message.version, "shipment.version"),
        status=_document_status(message.status, "shipment.status"),
        shipped_at=read_instant(
            message.shipped_at, message.HasField("shipped_at"), "shipment.shipped_at"
        ),
        order_id=require_id(message.order_id, "shipment.order_id"),
        lines=_shipment_lines(message.lines, "shipment.lines"),
    )


def _shipment_lines(lines: Any, path: str) -> tuple[ShipmentLine, ...]:
    require_at_most(lines, LINES_MAX, path)
    return tuple(
        ShipmentLine(
            require_id(line.line_id, f"{path}[{i}].line_id", CODE_LENGTH_MAX),
            read_quantity(line.quantity, path, i),
        )
        for i, line in enumerate(lines)
    )


def _return(message: events_pb2.Return, source: str) -> Return:
    require_at_most(message.lines, LINES_MAX, "return.lines")
    return Return(
        id=require_id(message.id, "return.id"),
        version=read_version(message.version, "return.version"),
        status=_document_status(message.status, "return.status"),
        returned_at=read_instant(
            message.returned_at, message.HasField("returned_at"), "return.returned_at"
        ),
        order_id=require_id(message.order_id, "return.order_id") if message.order_id else "",
        lines=tuple(_return_line(line, i) for i, line in enumerate(message.lines)),
    )


def _return_line(line: events_pb2.ReturnLine, index: int) -> ReturnLine:
    path = f"return.lines[{index}]"
    amount = (
        read_amount(line.amount_minor, f"{path}.amount_minor")
        if line.HasField("amount_minor")
        else None
    )
    tax = read_amount(line.tax_minor, f"{path}.tax_minor") if line.HasField("tax_minor") else None
    quantity = read_quantity(line.quantity, "return.lines", index) if line.quantity else 0
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
    require_at_most(message.cards, CARDS_MAX, "member.cards")
    require_at_most(message.tiers, TIERS_MAX, "member.tiers")
    if message.phone:
        require_phone(message.phone, "member.phone")
    grants = [
        TierGrant(
            require_id(grant.tier, f"member.tiers[{i}].tier", CODE_LENGTH_MAX),
            read_instant(grant.from_at, grant.HasField("from_at"), f"member.tiers[{i}].from_at"),
        )
        for i, grant in enumerate(message.tiers)
    ]
    return Member(
        id=require_id(message.id, "member.id"),
        version=read_version(message.version, "member.version"),
        joined_at=read_instant(
            message.joined_at, message.HasField("joined_at"), "member.joined_at"
        ),
        is_active=message.is_active,
        phone=message.phone,
        cards=tuple(
            require_id(card, f"member.cards[{i}]", CODE_LENGTH_MAX)
            for i, card in enumerate(message.cards)
        ),
        display_name=read_text(message.display_name, "member.display_name"),
        tiers=tuple(grants),
        birthday=read_birthday(message.birthday),
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
        merged_at=read_instant(
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
        version=read_version(message.version, "product.version"),
        changed_at=read_instant(
            message.changed_at, message.HasField("changed_at"), "product.changed_at"
        ),
        category=read_code(message.category, "product.category"),
        description=read_text(message.description, "product.description"),
        unit_cost_minor=cost,
    )


def _activity(message: events_pb2.Activity, source: str) -> Activity:
    member = to_member_key(message.member, source, "activity.member")
    if not member:
        raise Rejected("FIELD_REQUIRED", "activity.member is required", "activity.member")
    return Activity(
        id=require_id(message.id, "activity.id"),
        version=read_version(message.version, "activity.version"),
        kind=require_id(message.kind, "activity.kind", CODE_LENGTH_MAX),
        happened_at=read_instant(
            message.happened_at, message.HasField("happened_at"), "activity.happened_at"
        ),
        member=member,
        referee=to_member_key(message.referee, source, "activity.referee"),
        is_cancelled=message.is_cancelled,
    )


def _stock(message: events_pb2.Stock, source: str) -> Stock:
    if message.kind not in (events_pb2.STOCK_KIND_COUNTED, events_pb2.STOCK_KIND_RECEIVED):
        raise Rejected("STATUS_INVALID", "stock.kind must be COUNTED or RECEIVED", "stock.kind")
    quantity = read_quantity(message.quantity, "stock", None)
    if quantity < 0:
        raise Rejected("NEGATIVE", "stock.quantity must be 0 or more", "stock.quantity")
    require_whole(quantity, "stock.quantity")
    value = message.value_minor if message.HasField("value_minor") else None
    if value is not None and not 0 <= value <= AMOUNT_MINOR_MAX:
        raise Rejected(
            "AMOUNT_OUT_OF_RANGE", "stock.value_minor must be 0 or more", "stock.value_minor"
        )
    if value and (quantity == 0 or message.kind == events_pb2.STOCK_KIND_COUNTED):
        raise Rejected(
            "VALUE_WITHOUT_PIECES",
            "stock.value_minor belongs to pieces received: a count has no value, nor has a receipt of 0 pieces",
            "stock.value_minor",
        )
    return Stock(
        id=require_id(message.id, "stock.id"),
        version=read_version(message.version, "stock.version"),
        kind=message.kind,
        counted_at=read_instant(
            message.counted_at, message.HasField("counted_at"), "stock.counted_at"
        ),
        sku=require_id(message.sku, "stock.sku", CODE_LENGTH_MAX),
        warehouse=require_id(message.warehouse, "stock.warehouse", CODE_LENGTH_MAX),
        quantity_micro=quantity,
        value_minor=value,
    )


def _redemption_shipment(message: events_pb2.RedemptionShipment, source: str) -> RedemptionShipment:
    return RedemptionShipment(
        id=require_id(message.id, "redemption_shipment.id"),
        version=read_version(message.version, "redemption_shipment.version"),
        status=_document_status(message.status, "redemption_shipment.status"),
        shipped_at=read_instant(
            message.shipped_at, message.HasField("shipped_at"), "redemption_shipment.shipped_at"
        ),
        redemption_id=require_id(message.redemption_id, "redemption_shipment.redemption_id"),
        lines=_whole_lines(message.lines, "redemption_shipment.lines"),
    )


def _redemption_return(message: events_pb2.RedemptionReturn, source: str) -> RedemptionReturn:
    return RedemptionReturn(
        id=require_id(message.id, "redemption_return.id"),
        version=read_version(message.version, "redemption_return.version"),
        status=_document_status(message.status, "redemption_return.status"),
        returned_at=read_instant(
            message.returned_at, message.HasField("returned_at"), "redemption_return.returned_at"
        ),
        redemption_id=require_id(message.redemption_id, "redemption_return.redemption_id"),
        lines=_required(
            _whole_lines(message.lines, "redemption_return.lines"), "redemption_return.lines"
        ),
        is_damaged=message.is_damaged,
    )


def _required(lines: tuple[ShipmentLine, ...], path: str) -> tuple[ShipmentLine, ...]:
    """Returns lines that have to be there: what came back is not guessed from what left."""
    if not lines:
        raise Rejected("FIELD_REQUIRED", f"{path} is required: say what came back", path)
    return lines


def _whole_lines(lines: Any, path: str) -> tuple[ShipmentLine, ...]:
    """Returns lines of rewards, which leave and come back in whole pieces."""
    values = _shipment_lines(lines, path)
    for index, line in enumerate(values):
        where = f"{path}[{index}].quantity"
        if line.quantity_micro <= 0:
            raise Rejected("NEGATIVE", f"{where} must be above 0", where)
        require_whole(line.quantity_micro, where)
    if sum(line.quantity_micro for line in values) > REWARD_PIECES_MAX * MICRO:
        raise Rejected(
            "QUANTITY_OUT_OF_RANGE", f"{path}: more than {REWARD_PIECES_MAX:,} pieces", path
        )
    return values


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "shipment": _shipment,
    "return": _return,
    "member": _member,
    "members_merged": _members_merged,
    "product": _product,
    "activity": _activity,
    "stock": _stock,
    "redemption_shipment": _redemption_shipment,
    "redemption_return": _redemption_return,
}

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
