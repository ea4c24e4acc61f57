"""What ERPs send is judged here: every rule of events.proto refuses what breaks it, by reason and path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.errors import Rejected
from plugin.events import (
    Event,
    Order,
    OrderLine,
    OrderStatus,
    RedemptionShipment,
    Stock,
    content_hash,
    decode,
    encode,
    lane_key,
)
from plugin.services.fields import LINES_MAX
from plugin.services.wire import to_event
from pointbook.v1 import events_pb2

ORDER = """
event_id: "e-1"
order {
  id: "SO-1" version: 1 status: ORDER_STATUS_CONFIRMED ordered_at { seconds: 1760000000 }
  member { external_id: "10042" } store: "S1" channel: "web" currency_code: "CNY"
  lines { line_id: "1" sku: "K-1" category: "COFFEE" quantity: "2" amount_minor: 1999 tax_minor: 260 }
  lines { line_id: "2" quantity: "0.5" amount_minor: 100 }
}
"""
SHIPMENT = """
event_id: "e-1"
shipment { id: "D-1" version: 1 status: DOCUMENT_STATUS_DONE shipped_at { seconds: 1760000000 } order_id: "SO-1"
  lines { line_id: "1" quantity: "1" } }
"""
RETURN = """
event_id: "e-1"
return { id: "R-1" version: 1 status: DOCUMENT_STATUS_DONE returned_at { seconds: 1760000000 } order_id: "SO-1"
  lines { line_id: "1" quantity: "1" } lines { amount_minor: 500 } }
"""
MEMBER = """
event_id: "e-1"
member { id: "10042" version: 1 is_active: true joined_at { seconds: 1760000000 } phone: "+8613800000000"
  cards: "C-1" display_name: "Ann" birthday: "02-29" tiers { tier: "gold" from_at { seconds: 1760000000 } } }
"""
MERGED = """
event_id: "e-1"
members_merged { id: "M-1" merged_at { seconds: 1760000000 } survivor { external_id: "1" } merged { card: "C-2" } }
"""
PRODUCT = """
event_id: "e-1"
product { sku: "K-1" version: 1 changed_at { seconds: 1760000000 } category: "COFFEE" unit_cost_minor: 0 }
"""
ACTIVITY = """
event_id: "e-1"
activity { id: "A-1" version: 1 kind: "review" happened_at { seconds: 1760000000 } member { id: "7" } }
"""
STOCK = """
event_id: "e-1"
stock { id: "T-1" version: 1 kind: STOCK_KIND_RECEIVED counted_at { seconds: 1760000000 } sku: "K-1"
  warehouse: "W1" quantity: "12" value_minor: 100 }
"""
COUNT = """
event_id: "e-1"
stock { id: "T-1" version: 1 kind: STOCK_KIND_COUNTED counted_at { seconds: 1760000000 } sku: "K-1"
  warehouse: "W1" quantity: "0" }
"""
REDEMPTION = """
event_id: "e-1"
redemption_shipment { id: "D-9" version: 1 status: DOCUMENT_STATUS_DONE shipped_at { seconds: 1760000000 }
  redemption_id: "R100001" lines { line_id: "1" quantity: "1" } lines { line_id: "1" quantity: "2.000000" } }
"""
REDEEMED_BACK = """
event_id: "e-1"
redemption_return { id: "RT-9" version: 1 status: DOCUMENT_STATUS_DONE returned_at { seconds: 1760000000 }
  redemption_id: "R100001" lines { line_id: "1" quantity: "1" } is_damaged: true }
"""
GOOD = (
    ORDER, SHIPMENT, RETURN, MEMBER, MERGED, PRODUCT, ACTIVITY, STOCK, COUNT, REDEMPTION, REDEEMED_BACK,
)  # fmt: skip
AMOUNT_TOO_LARGE = 10**15 + 1


def parse(text: str) -> Any:
    return text_format.Parse(text, events_pb2.Event())


def read(message: Any, source: str = "erp") -> Event:
    return to_event(message, source, "CNY")


def change(path: str, value: Any) -> Callable[[Any], None]:
    """Returns what sets a field; None clears it. ``lines.0.quantity`` is the quantity of the first line."""

    def apply(message: Any) -> None:
        *parents, name = path.split(".")
        for part in parents:
            message = message[int(part)] if part.isdigit() else getattr(message, part)
        if value is None:
            message.ClearField(name)
        else:
            setattr(message, name, value)

    return apply


def repeat(path: str, count: int) -> Callable[[Any], None]:
    """Returns what makes a repeated field hold the first element ``count`` times."""

    def apply(message: Any) -> None:
        *parents, name = path.split(".")
        for part in parents:
            message = getattr(message, part)
        values = getattr(message, name)
        values.extend([values[0]] * (count - len(values)))

    return apply


@pytest.mark.parametrize("text", GOOD)
def test_a_good_event_is_taken_and_survives_its_canonical_form(text: str) -> None:
    event = read(parse(text))
    assert decode(encode(event)) == event


REJECTIONS = [
    (ORDER, change("event_id", ""), "FIELD_REQUIRED", "event_id"),
    (ORDER, change("event_id", "x" * 129), "IDENTIFIER_INVALID", "event_id"),
    (ORDER, change("event_id", "a\x00b"), "IDENTIFIER_INVALID", "event_id"),
    (ORDER, change("event_id", "订单"), "IDENTIFIER_INVALID", "event_id"),
    (ORDER, change("event_id", "a\nb"), "IDENTIFIER_INVALID", "event_id"),
    (ORDER, change("order", None), "PAYLOAD_MISSING", "payload"),
    (ORDER, change("order.id", ""), "FIELD_REQUIRED", "order.id"),
    (ORDER, change("order.id", "x" * 129), "IDENTIFIER_INVALID", "order.id"),
    (ORDER, change("order.version", 0), "VERSION_INVALID", "order.version"),
    (ORDER, change("order.version", -1), "VERSION_INVALID", "order.version"),
    (ORDER, change("order.version", 2**62 + 1), "VERSION_INVALID", "order.version"),
    (ORDER, change("order.status", 0), "STATUS_INVALID", "order.status"),
    (ORDER, change("order.status", 99), "STATUS_INVALID", "order.status"),
    (ORDER, change("order.ordered_at", None), "FIELD_REQUIRED", "order.ordered_at"),
    (ORDER, change("order.ordered_at.seconds", -1), "INSTANT_OUT_OF_RANGE", "order.ordered_at"),
    (ORDER, change("order.ordered_at.seconds", 32_503_680_000), "INSTANT_OUT_OF_RANGE", "order.ordered_at"),
    (ORDER, change("order.ordered_at.nanos", -1), "INSTANT_OUT_OF_RANGE", "order.ordered_at"),
    (ORDER, change("order.ordered_at.nanos", 10**9), "INSTANT_OUT_OF_RANGE", "order.ordered_at"),
    (ORDER, change("order.changed_at.seconds", -1), "INSTANT_OUT_OF_RANGE", "order.changed_at"),
    (ORDER, change("order.member.external_id", ""), "FIELD_REQUIRED", "order.member.external_id"),
    (ORDER, change("order.member.external_id", "安"), "IDENTIFIER_INVALID", "order.member.external_id"),
    (ORDER, change("order.member.id", ""), "MEMBER_ID_INVALID", "order.member.id"),
    (ORDER, change("order.member.id", "12a"), "MEMBER_ID_INVALID", "order.member.id"),
    (ORDER, change("order.member.id", "9" * 19), "MEMBER_ID_INVALID", "order.member.id"),
    (ORDER, change("order.member.id", "²"), "MEMBER_ID_INVALID", "order.member.id"),
    (ORDER, change("order.member.phone", "13800000000"), "PHONE_INVALID", "order.member.phone"),
    (ORDER, change("order.member.phone", "+123456"), "PHONE_INVALID", "order.member.phone"),
    (ORDER, change("order.member.phone", "+" + "1" * 16), "PHONE_INVALID", "order.member.phone"),
    (ORDER, change("order.member.card", "x" * 65), "IDENTIFIER_INVALID", "order.member.card"),
    (ORDER, change("order.store", "x" * 65), "TEXT_INVALID", "order.store"),
    (ORDER, change("order.store", "a\x00b"), "TEXT_INVALID", "order.store"),
    (ORDER, change("order.store", "a\u2028b"), "TEXT_INVALID", "order.store"),
    (ORDER, change("order.channel", "a\nb"), "TEXT_INVALID", "order.channel"),
    (ORDER, change("order.hold_id", "x" * 65), "TEXT_INVALID", "order.hold_id"),
    (ORDER, change("order.hold_id", "R1\n"), "TEXT_INVALID", "order.hold_id"),
    (ORDER, change("order.currency_code", ""), "FIELD_REQUIRED", "order.currency_code"),
    (ORDER, change("order.currency_code", "cny"), "CURRENCY_UNKNOWN", "order.currency_code"),
    (ORDER, change("order.currency_code", "XXX"), "CURRENCY_UNKNOWN", "order.currency_code"),
    (ORDER, change("order.currency_code", "EUR"), "RATE_REQUIRED", "order.rate_to_book"),
    (ORDER, change("order.points_paid_minor", -1), "POINTS_PAID_INVALID", "order.points_paid_minor"),
    (ORDER, change("order.points_paid_minor", 2360), "POINTS_PAID_INVALID", "order.points_paid_minor"),
    (ORDER, repeat("order.lines", LINES_MAX + 1), "TOO_MANY", "order.lines"),
    (ORDER, change("order.lines.1.line_id", "1"), "LINE_TWICE", "order.lines[1].line_id"),
    (ORDER, change("order.lines.1.line_id", ""), "FIELD_REQUIRED", "order.lines[1].line_id"),
    (ORDER, change("order.lines.1.line_id", "x" * 65), "IDENTIFIER_INVALID", "order.lines[1].line_id"),
    (ORDER, change("order.lines.1.sku", "x" * 65), "TEXT_INVALID", "order.lines[1].sku"),
    (ORDER, change("order.lines.1.category", "\t"), "TEXT_INVALID", "order.lines[1].category"),
    (ORDER, change("order.lines.1.quantity", ""), "FIELD_REQUIRED", "order.lines[1].quantity"),
    (ORDER, change("order.lines.1.quantity", "two"), "NOT_A_DECIMAL", "order.lines[1].quantity"),
    (ORDER, change("order.lines.1.quantity", "1e3"), "NOT_A_DECIMAL", "order.lines[1].quantity"),
    (ORDER, change("order.lines.1.quantity", "1,5"), "NOT_A_DECIMAL", "order.lines[1].quantity"),
    (ORDER, change("order.lines.1.quantity", "NaN"), "NOT_A_DECIMAL", "order.lines[1].quantity"),
    (ORDER, change("order.lines.1.quantity", "9" * 2_000_000), "NOT_A_DECIMAL", "order.lines[1].quantity"),
    (ORDER, change("order.lines.1.quantity", "0.0000001"), "QUANTITY_TOO_PRECISE", "order.lines[1].quantity"),
    (ORDER, change("order.lines.1.quantity", "1000000001"), "QUANTITY_OUT_OF_RANGE", "order.lines[1].quantity"),
    (ORDER, change("order.lines.1.amount_minor", AMOUNT_TOO_LARGE), "AMOUNT_OUT_OF_RANGE", "order.lines[1].amount_minor"),
    (ORDER, change("order.lines.1.amount_minor", -AMOUNT_TOO_LARGE), "AMOUNT_OUT_OF_RANGE", "order.lines[1].amount_minor"),
    (ORDER, change("order.lines.1.tax_minor", AMOUNT_TOO_LARGE), "AMOUNT_OUT_OF_RANGE", "order.lines[1].tax_minor"),
    (ORDER, change("order.lines.1.description", "x" * 513), "TEXT_INVALID", "order.lines[1].description"),
    (ORDER, change("order.lines.1.description", "a\x00b"), "TEXT_INVALID", "order.lines[1].description"),
    (SHIPMENT, change("shipment.id", ""), "FIELD_REQUIRED", "shipment.id"),
    (SHIPMENT, change("shipment.version", 0), "VERSION_INVALID", "shipment.version"),
    (SHIPMENT, change("shipment.status", 0), "STATUS_INVALID", "shipment.status"),
    (SHIPMENT, change("shipment.shipped_at", None), "FIELD_REQUIRED", "shipment.shipped_at"),
    (SHIPMENT, change("shipment.order_id", ""), "FIELD_REQUIRED", "shipment.order_id"),
    (SHIPMENT, change("shipment.lines.0.line_id", ""), "FIELD_REQUIRED", "shipment.lines[0].line_id"),
    (SHIPMENT, change("shipment.lines.0.quantity", ""), "FIELD_REQUIRED", "shipment.lines[0].quantity"),
    (SHIPMENT, repeat("shipment.lines", LINES_MAX + 1), "TOO_MANY", "shipment.lines"),
    (RETURN, change("return.id", ""), "FIELD_REQUIRED", "return.id"),
    (RETURN, change("return.version", 0), "VERSION_INVALID", "return.version"),
    (RETURN, change("return.status", 9), "STATUS_INVALID", "return.status"),
    (RETURN, change("return.returned_at", None), "FIELD_REQUIRED", "return.returned_at"),
    (RETURN, change("return.order_id", "é"), "IDENTIFIER_INVALID", "return.order_id"),
    (RETURN, change("return.lines.0.quantity", ""), "FIELD_REQUIRED", "return.lines[0].quantity"),
    (RETURN, change("return.lines.0.quantity", "0"), "FIELD_REQUIRED", "return.lines[0].quantity"),
    (RETURN, change("return.lines.0.quantity", "-1"), "NEGATIVE", "return.lines[0].quantity"),
    (RETURN, change("return.lines.0.amount_minor", -1), "NEGATIVE", "return.lines[0].amount_minor"),
    (RETURN, change("return.lines.0.tax_minor", -1), "NEGATIVE", "return.lines[0].tax_minor"),
    (RETURN, change("return.lines.1.amount_minor", None), "AMOUNT_REQUIRED", "return.lines[1].amount_minor"),
    (RETURN, change("return.lines.1.amount_minor", AMOUNT_TOO_LARGE), "AMOUNT_OUT_OF_RANGE", "return.lines[1].amount_minor"),
    (RETURN, repeat("return.lines", LINES_MAX + 1), "TOO_MANY", "return.lines"),
    (MEMBER, change("member.id", ""), "FIELD_REQUIRED", "member.id"),
    (MEMBER, change("member.version", 0), "VERSION_INVALID", "member.version"),
    (MEMBER, change("member.joined_at", None), "FIELD_REQUIRED", "member.joined_at"),
    (MEMBER, change("member.phone", "0049123456"), "PHONE_INVALID", "member.phone"),
    (MEMBER, repeat("member.cards", 17), "TOO_MANY", "member.cards"),
    (MEMBER, repeat("member.tiers", 101), "TOO_MANY", "member.tiers"),
    (MEMBER, change("member.display_name", "x" * 513), "TEXT_INVALID", "member.display_name"),
    (MEMBER, change("member.birthday", "29-02"), "BIRTHDAY_INVALID", "member.birthday"),
    (MEMBER, change("member.birthday", "02-30"), "BIRTHDAY_INVALID", "member.birthday"),
    (MEMBER, change("member.birthday", "001-2"), "BIRTHDAY_INVALID", "member.birthday"),
    (MEMBER, change("member.birthday", "1-002"), "BIRTHDAY_INVALID", "member.birthday"),
    (MEMBER, change("member.birthday", "0²-01"), "BIRTHDAY_INVALID", "member.birthday"),
    (MEMBER, change("member.tiers.0.tier", ""), "FIELD_REQUIRED", "member.tiers[0].tier"),
    (MEMBER, change("member.tiers.0.from_at", None), "FIELD_REQUIRED", "member.tiers[0].from_at"),
    (MERGED, change("members_merged.id", ""), "FIELD_REQUIRED", "members_merged.id"),
    (MERGED, change("members_merged.merged_at", None), "FIELD_REQUIRED", "members_merged.merged_at"),
    (MERGED, change("members_merged.survivor", None), "FIELD_REQUIRED", "members_merged.survivor"),
    (MERGED, change("members_merged.merged", None), "FIELD_REQUIRED", "members_merged.merged"),
    (MERGED, change("members_merged.merged.external_id", "1"), "MERGE_WITH_SELF", "members_merged.merged"),
    (PRODUCT, change("product.sku", ""), "FIELD_REQUIRED", "product.sku"),
    (PRODUCT, change("product.sku", "x" * 65), "IDENTIFIER_INVALID", "product.sku"),
    (PRODUCT, change("product.version", 0), "VERSION_INVALID", "product.version"),
    (PRODUCT, change("product.changed_at", None), "FIELD_REQUIRED", "product.changed_at"),
    (PRODUCT, change("product.category", "x" * 65), "TEXT_INVALID", "product.category"),
    (PRODUCT, change("product.description", "x" * 513), "TEXT_INVALID", "product.description"),
    (PRODUCT, change("product.unit_cost_minor", -1), "AMOUNT_OUT_OF_RANGE", "product.unit_cost_minor"),
    (ACTIVITY, change("activity.id", ""), "FIELD_REQUIRED", "activity.id"),
    (ACTIVITY, change("activity.version", 0), "VERSION_INVALID", "activity.version"),
    (ACTIVITY, change("activity.kind", ""), "FIELD_REQUIRED", "activity.kind"),
    (ACTIVITY, change("activity.happened_at", None), "FIELD_REQUIRED", "activity.happened_at"),
    (ACTIVITY, change("activity.member", None), "FIELD_REQUIRED", "activity.member"),
    (ACTIVITY, change("activity.referee.phone", "x"), "PHONE_INVALID", "activity.referee.phone"),
    (STOCK, change("stock.id", ""), "FIELD_REQUIRED", "stock.id"),
    (STOCK, change("stock.version", 0), "VERSION_INVALID", "stock.version"),
    (STOCK, change("stock.kind", 0), "STATUS_INVALID", "stock.kind"),
    (STOCK, change("stock.counted_at", None), "FIELD_REQUIRED", "stock.counted_at"),
    (STOCK, change("stock.sku", ""), "FIELD_REQUIRED", "stock.sku"),
    (STOCK, change("stock.warehouse", ""), "FIELD_REQUIRED", "stock.warehouse"),
    (STOCK, change("stock.quantity", ""), "FIELD_REQUIRED", "stock.quantity"),
    (STOCK, change("stock.quantity", "-1"), "NEGATIVE", "stock.quantity"),
    (STOCK, change("stock.sku", "x" * 65), "IDENTIFIER_INVALID", "stock.sku"),
    (STOCK, change("stock.warehouse", "a\nb"), "IDENTIFIER_INVALID", "stock.warehouse"),
    (STOCK, change("stock.quantity", "12.5"), "QUANTITY_NOT_WHOLE", "stock.quantity"),
    (STOCK, change("stock.quantity", "0.000001"), "QUANTITY_NOT_WHOLE", "stock.quantity"),
    (STOCK, change("stock.quantity", "0.0000001"), "QUANTITY_TOO_PRECISE", "stock.quantity"),
    (STOCK, change("stock.quantity", "1000000001"), "QUANTITY_OUT_OF_RANGE", "stock.quantity"),
    (STOCK, change("stock.quantity", "0"), "VALUE_WITHOUT_PIECES", "stock.value_minor"),
    (STOCK, change("stock.value_minor", -1), "AMOUNT_OUT_OF_RANGE", "stock.value_minor"),
    (STOCK, change("stock.value_minor", AMOUNT_TOO_LARGE), "AMOUNT_OUT_OF_RANGE", "stock.value_minor"),
    (COUNT, change("stock.value_minor", 1), "VALUE_WITHOUT_PIECES", "stock.value_minor"),
    (COUNT, change("stock.value_minor", -1), "AMOUNT_OUT_OF_RANGE", "stock.value_minor"),
    (COUNT, change("stock.quantity", "-1"), "NEGATIVE", "stock.quantity"),
    (COUNT, change("stock.quantity", "1.5"), "QUANTITY_NOT_WHOLE", "stock.quantity"),
    (REDEMPTION, change("redemption_shipment.id", ""), "FIELD_REQUIRED", "redemption_shipment.id"),
    (REDEMPTION, change("redemption_shipment.version", 0), "VERSION_INVALID", "redemption_shipment.version"),
    (REDEMPTION, change("redemption_shipment.status", 0), "STATUS_INVALID", "redemption_shipment.status"),
    (REDEMPTION, change("redemption_shipment.shipped_at", None), "FIELD_REQUIRED", "redemption_shipment.shipped_at"),
    (REDEMPTION, change("redemption_shipment.redemption_id", ""), "FIELD_REQUIRED", "redemption_shipment.redemption_id"),
    (REDEMPTION, change("redemption_shipment.redemption_id", "é"), "IDENTIFIER_INVALID", "redemption_shipment.redemption_id"),
    (REDEMPTION, change("redemption_shipment.lines.0.line_id", ""), "FIELD_REQUIRED", "redemption_shipment.lines[0].line_id"),
    (REDEMPTION, change("redemption_shipment.lines.0.quantity", ""), "FIELD_REQUIRED", "redemption_shipment.lines[0].quantity"),
    (REDEMPTION, change("redemption_shipment.lines.0.quantity", "one"), "NOT_A_DECIMAL", "redemption_shipment.lines[0].quantity"),
    (REDEMPTION, change("redemption_shipment.lines.1.quantity", "0.5"), "QUANTITY_NOT_WHOLE", "redemption_shipment.lines[1].quantity"),
    (REDEMPTION, change("redemption_shipment.lines.1.quantity", "0"), "NEGATIVE", "redemption_shipment.lines[1].quantity"),
    (REDEMPTION, change("redemption_shipment.lines.1.quantity", "-1"), "NEGATIVE", "redemption_shipment.lines[1].quantity"),
    (REDEMPTION, repeat("redemption_shipment.lines", LINES_MAX + 1), "TOO_MANY", "redemption_shipment.lines"),
    (REDEEMED_BACK, change("redemption_return.id", ""), "FIELD_REQUIRED", "redemption_return.id"),
    (REDEEMED_BACK, change("redemption_return.version", 0), "VERSION_INVALID", "redemption_return.version"),
    (REDEEMED_BACK, change("redemption_return.status", 0), "STATUS_INVALID", "redemption_return.status"),
    (REDEEMED_BACK, change("redemption_return.status", 9), "STATUS_INVALID", "redemption_return.status"),
    (REDEEMED_BACK, change("redemption_return.returned_at", None), "FIELD_REQUIRED", "redemption_return.returned_at"),
    (REDEEMED_BACK, change("redemption_return.returned_at.seconds", -1), "INSTANT_OUT_OF_RANGE", "redemption_return.returned_at"),
    (REDEEMED_BACK, change("redemption_return.redemption_id", ""), "FIELD_REQUIRED", "redemption_return.redemption_id"),
    (REDEEMED_BACK, change("redemption_return.redemption_id", "x" * 129), "IDENTIFIER_INVALID", "redemption_return.redemption_id"),
    (REDEEMED_BACK, change("redemption_return.lines", None), "FIELD_REQUIRED", "redemption_return.lines"),
    (REDEEMED_BACK, change("redemption_return.lines.0.line_id", ""), "FIELD_REQUIRED", "redemption_return.lines[0].line_id"),
    (REDEEMED_BACK, change("redemption_return.lines.0.quantity", ""), "FIELD_REQUIRED", "redemption_return.lines[0].quantity"),
    (REDEEMED_BACK, change("redemption_return.lines.0.quantity", "1.5"), "QUANTITY_NOT_WHOLE", "redemption_return.lines[0].quantity"),
    (REDEEMED_BACK, change("redemption_return.lines.0.quantity", "0"), "NEGATIVE", "redemption_return.lines[0].quantity"),
    (REDEEMED_BACK, change("redemption_return.lines.0.quantity", "-1"), "NEGATIVE", "redemption_return.lines[0].quantity"),
    (REDEEMED_BACK, repeat("redemption_return.lines", LINES_MAX + 1), "TOO_MANY", "redemption_return.lines"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "mutate", "reason", "path"),
    REJECTIONS,
    ids=[f"{reason}-{path}-{i}" for i, (_, _, reason, path) in enumerate(REJECTIONS)],
)
def test_what_breaks_a_rule_is_refused_by_reason_and_path(
    text: str, mutate: Callable[[Any], None], reason: str, path: str
) -> None:
    message = parse(text)
    mutate(message)
    with pytest.raises(Rejected) as refused:
        read(message)
    assert (refused.value.reason, refused.value.field) == (reason, path)
    assert len(refused.value.message) < 500


@pytest.mark.parametrize("rate", ["0", "-7.8", "abc", "1e2", "0.00000000001", "1000000001"])
def test_a_rate_is_above_zero_with_at_most_ten_decimals(rate: str) -> None:
    message = parse(ORDER)
    message.order.currency_code, message.order.rate_to_book = "EUR", rate
    with pytest.raises(Rejected) as refused:
        read(message)
    assert refused.value.field == "order.rate_to_book"


def test_pieces_of_rewards_are_whole_however_they_are_written() -> None:
    # "2.000000" is two pieces; a shipment of no lines is all of the redemption, so it stays empty.
    event = read(parse(REDEMPTION))
    assert isinstance(event, RedemptionShipment)
    assert [line.quantity_micro for line in event.lines] == [1_000_000, 2_000_000]
    whole = parse(REDEMPTION)
    whole.redemption_shipment.ClearField("lines")
    event = read(whole)
    assert isinstance(event, RedemptionShipment)
    assert event.lines == ()


def test_a_receipt_may_come_without_a_value_and_a_count_with_a_value_of_0() -> None:
    receipt, count = parse(STOCK), parse(COUNT)
    receipt.stock.ClearField("value_minor")
    count.stock.value_minor = 0
    for message in (receipt, count):
        assert isinstance(read(message), Stock)


def test_the_rate_is_ignored_when_the_currencies_are_the_same() -> None:
    message = parse(ORDER)
    message.order.rate_to_book = "not a rate"
    event = read(message)
    assert isinstance(event, Order)
    assert event.rate_to_book == ""


def test_limits_are_met_exactly() -> None:
    message = parse(ORDER)
    message.event_id = message.order.id = "x" * 128
    message.order.store = "店" * 64
    message.order.points_paid_minor = 1999 + 260 + 100
    message.order.lines[0].quantity = "-1000000000"
    message.order.lines[1].quantity = "0.000001"
    message.order.ordered_at.seconds = 32_503_679_999
    assert len(message.order.lines) == 2
    event = read(message)
    assert isinstance(event, Order)
    assert [line.quantity_micro for line in event.lines] == [-(10**15), 1]


def test_members_are_told_apart_by_source() -> None:
    # With a plain colon between them, source "a:b" and id "c" would be source "a" and id "b:c".
    first, second = parse(ORDER), parse(ORDER)
    first.order.member.external_id, second.order.member.external_id = "c", "b:c"
    one, other = read(first, "a:b"), read(second, "a")
    assert isinstance(one, Order)
    assert isinstance(other, Order)
    assert one.member != other.member


def test_documents_of_one_order_share_a_lane_where_no_member_is_named() -> None:
    guest = parse(ORDER)
    guest.order.ClearField("member")
    assert lane_key(read(guest)) == lane_key(read(parse(SHIPMENT))) == lane_key(read(parse(RETURN)))


def test_the_canonical_form_and_its_hash_never_change() -> None:
    # Replays after an upgrade are duplicates only as long as this holds: new fields go to the end, with defaults.
    event = Order(
        id="SO-1",
        version=2,
        status=OrderStatus.CONFIRMED,
        ordered_at=1_760_000_000_000_000,
        currency_code="CNY",
        member="external_id:erp:10042",
        lines=(OrderLine("1", 2_000_000, 1999, 260, "K-1"),),
    )
    assert encode(event) == (
        b'{"type":"order","id":"SO-1","version":2,"status":2,"ordered_at":1760000000000000,'
        b'"currency_code":"CNY","member":"external_id:erp:10042",'
        b'"lines":[{"line_id":"1","quantity_micro":2000000,"amount_minor":1999,"tax_minor":260,"sku":"K-1"}]}'
    )
    assert content_hash(encode(event)).hex() == GOLDEN


GOLDEN = "413d9886b84121e796e8326019a369fe04d50f6fb92c959db775082528c52b71"


# -- anything at all ------------------------------------------------------------------------------

_PALETTE = st.sampled_from(
    ["", "1", "0", "-1", "0.5", "CNY", "EUR", "+8613800000000", "02-29", "订", "\x00", "9" * 40]
)
_STRINGS = st.one_of(_PALETTE, st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
_INTS = {
    "int64": st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1)),
    "int32": st.one_of(st.integers(-3, 5), st.integers(-(2**31), 2**31 - 1)),
}


@st.composite
def messages(draw: st.DrawFn, kind: Any) -> Any:
    """Returns a message of a kind with any of its fields set to anything its type allows."""
    message = kind()
    chosen = {
        one.name: draw(st.sampled_from(list(one.fields))).name for one in kind.DESCRIPTOR.oneofs
    }
    for field in kind.DESCRIPTOR.fields:
        group = field.containing_oneof
        if group is not None and chosen.get(group.name) != field.name:
            continue
        if field.message_type is None and field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(_STRINGS, max_size=3)))
        elif field.message_type is not None:
            made = draw(st.lists(messages(field.message_type._concrete_class), max_size=2))
            if field.is_repeated:
                getattr(message, field.name).extend(made)
            elif made:
                getattr(message, field.name).CopyFrom(made[0])
        elif draw(st.booleans()):
            setattr(message, field.name, draw(_scalar(field)))
    return message


def _scalar(field: Any) -> st.SearchStrategy[Any]:
    if field.type == field.TYPE_STRING:
        return _STRINGS
    if field.type == field.TYPE_BOOL:
        return st.booleans()
    return _INTS["int64" if field.type == field.TYPE_INT64 else "int32"]


def judge(message: Any) -> None:
    """Reads a message; anything but an event or `Rejected` with a reason fails the test."""
    try:
        event = read(message)
    except Rejected as error:
        refused = error
    else:
        assert decode(encode(event)) == event
        assert "\\u0000" not in encode(event).decode()
        return
    assert refused.reason
    assert refused.message


@settings(max_examples=300, deadline=None)
@given(messages(events_pb2.Event))
def test_any_message_becomes_an_event_or_is_rejected(message: Any) -> None:
    judge(message)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(GOOD), st.data())
def test_a_good_message_with_anything_mixed_in_becomes_an_event_or_is_rejected(
    text: str, data: st.DataObject
) -> None:
    message = parse(text)
    message.MergeFrom(data.draw(messages(events_pb2.Event)))
    judge(message)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(GOOD), st.binary(max_size=40), st.integers(0, 400))
def test_damaged_bytes_become_an_event_or_are_rejected(text: str, noise: bytes, at: int) -> None:
    whole = parse(text).SerializeToString()
    damaged = whole[:at] + noise + whole[at + len(noise) :]
    message = events_pb2.Event()
    try:
        message.ParseFromString(damaged)
    except Exception:  # noqa: BLE001 - gRPC answers those itself
        return
    judge(message)
