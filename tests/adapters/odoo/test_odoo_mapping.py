"""Odoo records to documents: each case is a few records and what they say."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from adapters.contract import AdapterError
from adapters.numbering import digest
from adapters.odoo import mapping
from adapters.odoo.mapping import Surroundings
from adapters.odoo.settings import OdooSettings
from adapters.settings import validated
from pointbook.v1 import events_pb2

MUG = {"default_code": "MUG-01", "categ_id": [5, "All / Goods / Kitchen"]}
DONE = events_pb2.DOCUMENT_STATUS_DONE
CANCELLED = events_pb2.DOCUMENT_STATUS_CANCELLED


def settings(**more: Any) -> OdooSettings:
    said = {
        "url": "https://odoo.example.com",
        "database": "shop",
        "user": "adapter",
        "secret_env": "ODOO_KEY",
        "currency": "EUR",
    }
    return validated(OdooSettings, said | more, "test")


def order(**more: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "name": "S00001",
        "state": "sale",
        "partner_id": [7, "Customer 000"],
        "date_order": "2026-11-23 10:43:49",
        "currency_id": [2, "EUR"],
        "amount_untaxed": Decimal("19.98"),
        "amount_tax": Decimal(0),
        "client_order_ref": False,
        "locked": False,
        "delivery_status": "pending",
        "write_date": "2026-11-23 10:43:50",
    } | more


def line(number: int = 1, net: str = "19.98", gross: str = "19.98", **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "order_id": [1, "S00001"],
        "product_id": [6, "[MUG-01] Mug"],
        "product_uom_qty": Decimal("2.0"),
        "price_subtotal": Decimal(net),
        "price_total": Decimal(gross),
        "display_type": False,
    } | more


def picking(**more: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "name": "WH/OUT/00001",
        "state": "done",
        "picking_type_code": "outgoing",
        "sale_id": [1, "S00001"],
        "date_done": "2026-11-23 10:43:50",
    } | more


def move(of_line: int = 1, quantity: str = "2.0", **more: Any) -> dict[str, Any]:
    return {
        "id": 4,
        "product_id": [6, "[MUG-01] Mug"],
        "quantity": Decimal(quantity),
        "state": "done",
        "sale_line_id": [of_line, "S00001 - Mug"] if of_line else False,
        "origin_returned_move_id": False,
    } | more


def around(origins: dict[int, int] | None = None, **more: Any) -> Surroundings:
    return Surroundings({1: line(1), 2: line(2)}, {1: order(**more)}, origins or {})


def read_order(records: list[dict[str, Any]], header: Any = None, **more: Any) -> events_pb2.Order:
    net = sum((each["price_subtotal"] for each in records if not each["display_type"]), Decimal(0))
    gross = sum((each["price_total"] for each in records if not each["display_type"]), Decimal(0))
    header = {**(header or order()), "amount_untaxed": net, "amount_tax": gross - net}
    return mapping.order_event(header, records, {6: MUG}, settings(**more)).order


def read_goods(
    header: dict[str, Any], moves: list[dict[str, Any]], beside: Surroundings | None = None
) -> list[events_pb2.Event]:
    return mapping.picking_events(header, moves, beside or around())


def returned(event: events_pb2.Event) -> events_pb2.Return:
    document: events_pb2.Return = getattr(event, "return")
    return document


# Orders


def test_a_line_has_its_net_amount_its_tax_and_its_products_sku() -> None:
    (found,) = read_order([line(net="23.7", gross="28.2")]).lines
    assert found == events_pb2.OrderLine(
        line_id="1",
        sku="MUG-01",
        category="Kitchen",
        quantity="2",
        amount_minor=2370,
        tax_minor=450,
    )


@pytest.mark.parametrize(
    ("amount", "minor"),
    [
        ("23.700000000000003", 2370),  # what a float became on its way
        ("23.695", 2370),  # half away from zero
        ("-2.4500000000000002", -245),
        ("0.0", 0),
        ("4.9", 490),
    ],
)
def test_odd_decimals_become_minor_units(amount: str, minor: int) -> None:
    (found,) = read_order([line(net=amount, gross=amount)]).lines
    assert (found.amount_minor, found.tax_minor) == (minor, 0)


def read_amounts(
    records: list[dict[str, Any]], untaxed: str, tax: str
) -> tuple[list[int], list[int]]:
    header = order(amount_untaxed=Decimal(untaxed), amount_tax=Decimal(tax))
    found = mapping.order_event(header, records, {}, settings()).order
    return [each.amount_minor for each in found.lines], [each.tax_minor for each in found.lines]


def test_lines_add_up_to_an_order_that_was_rounded_as_a_whole() -> None:
    # 3.333 three times, 19 %: 3.33 and 0.63 a line; 9.999 is 10.00, and 1.89981 is 1.90.
    thirds = [line(number, "3.33", "3.96") for number in (1, 2, 3)]
    assert read_amounts(thirds, "10.00", "1.90") == ([334, 333, 333], [64, 63, 63])
    # 0.335 three times: 0.34 a line, 1.005 is 1.01 and not 1.02.
    halves = [line(number, "0.34", "0.34") for number in (1, 2, 3)]
    assert read_amounts(halves, "1.01", "0") == ([34, 34, 33], [0, 0, 0])


def test_a_line_of_nothing_and_one_that_takes_off_stay_what_they_are() -> None:
    lines = [line(1, "49.0", "49.0"), line(2, "-2.45", "-2.45"), line(3, "0", "0")]
    assert read_amounts(lines, "46.56", "0")[0] == [4901, -245, 0]


def test_lines_that_were_edited_after_their_order_was_read_stay_what_they_are() -> None:
    assert read_amounts([line(1, "39.96", "39.96")], "19.98", "0") == ([3996], [0])


def test_yen_have_no_decimals() -> None:
    header = order(currency_id=[3, "JPY"])
    found = read_order([line(net="1999.0", gross="2199.0")], header, currency="JPY")
    assert (found.lines[0].amount_minor, found.lines[0].tax_minor) == (1999, 200)


def test_a_reward_of_odoos_own_is_a_line_with_a_negative_amount() -> None:
    reward = line(2, "-2.45", "-2.45", product_id=[40, "5% on your order"])
    amounts = [each.amount_minor for each in read_order([line(net="49.0"), reward]).lines]
    assert amounts == [4900, -245]


def test_sections_and_notes_are_left_out() -> None:
    section = line(2, "0.0", "0.0", display_type="line_section", product_id=False)
    assert [each.line_id for each in read_order([section, line()]).lines] == ["1"]


@pytest.mark.parametrize(
    ("state", "locked", "status"),
    [
        ("draft", False, events_pb2.ORDER_STATUS_DRAFT),
        ("sent", False, events_pb2.ORDER_STATUS_DRAFT),
        ("sale", False, events_pb2.ORDER_STATUS_CONFIRMED),
        ("sale", True, events_pb2.ORDER_STATUS_COMPLETED),
        ("done", False, events_pb2.ORDER_STATUS_COMPLETED),
        ("cancel", False, events_pb2.ORDER_STATUS_CANCELLED),
        ("cancel", True, events_pb2.ORDER_STATUS_CANCELLED),
    ],
)
def test_states_of_odoo_are_states_of_ours(
    state: str, locked: bool, status: events_pb2.OrderStatus
) -> None:
    assert read_order([line()], order(state=state, locked=locked)).status == status


def test_delivery_closes_an_order_where_the_settings_say_so() -> None:
    full = order(delivery_status="full")
    assert read_order([], full).status == events_pb2.ORDER_STATUS_CONFIRMED
    assert read_order([], full, completed="delivered").status == events_pb2.ORDER_STATUS_COMPLETED


def test_an_unknown_state_names_the_order() -> None:
    with pytest.raises(AdapterError, match="order S00001 is in state 'waiting'"):
        read_order([], order(state="waiting"))


def test_a_foreign_currency_carries_its_rate() -> None:
    found = read_order([line()], order(currency_id=[1, "USD"]), rates={"USD": "0.92"})
    assert (found.currency_code, found.rate_to_book) == ("USD", "0.92")


def test_a_currency_without_a_rate_names_the_order() -> None:
    with pytest.raises(AdapterError, match=r"order S00001 is in USD, the book in EUR.*erp\.rates"):
        read_order([line()], order(currency_id=[1, "USD"]))


def test_an_order_is_its_customers_and_placed_in_utc() -> None:
    found = read_order([line()])
    assert found.member.external_id == "7"
    assert found.ordered_at.ToDatetime(UTC) == datetime(2026, 11, 23, 10, 43, 49, tzinfo=UTC)


def test_microseconds_of_an_instant_are_kept() -> None:
    found = mapping.moment("2026-11-23 10:16:28.823139")
    assert found == datetime(2026, 11, 23, 10, 16, 28, 823139, tzinfo=UTC)


def test_an_order_of_a_redemption_says_so() -> None:
    assert read_order([line()], order(client_order_ref="pointbook:R17")).is_redemption
    assert not read_order([line()], order(client_order_ref="PO 4711")).is_redemption


def test_a_write_that_changes_nothing_of_ours_does_not_change_the_document() -> None:
    before = mapping.order_event(order(), [line()], {6: MUG}, settings())
    header = order(write_date="2026-12-24 08:00:00", delivery_status="full")
    after = mapping.order_event(header, [line()], {6: MUG}, settings())
    assert digest(before) == digest(after)


# What leaves, and what comes back.


def test_a_done_delivery_ships_what_its_moves_moved() -> None:
    (found,) = read_goods(picking(), [move(1, "1.5"), move(2), move(1, "0.5", id=5)])
    assert found.shipment.id == "WH/OUT/00001"
    assert found.shipment.order_id == "S00001"
    assert found.shipment.status == DONE
    lines = [(each.line_id, each.quantity) for each in found.shipment.lines]
    assert lines == [("1", "2"), ("2", "2")]


@pytest.mark.parametrize("state", ["draft", "waiting", "confirmed", "assigned", "cancel"])
def test_a_delivery_that_was_never_done_says_nothing(state: str) -> None:
    assert read_goods(picking(state=state, date_done=False), [move(state=state)]) == []


def test_a_delivery_whose_moves_were_set_to_nothing_is_cancelled() -> None:
    (found,) = read_goods(picking(), [move(quantity="0.0")])
    assert (found.shipment.status, len(found.shipment.lines)) == (CANCELLED, 0)


def test_moves_of_no_order_are_left_out() -> None:
    assert read_goods(picking(sale_id=False), [move(0)]) == []


def test_components_of_a_kit_are_not_pieces_of_its_line() -> None:
    (found,) = read_goods(picking(), [move(1, product_id=[9, "Handle"]), move(2)])
    assert [each.line_id for each in found.shipment.lines] == ["2"]


def test_a_delivery_for_two_orders_is_two_shipments() -> None:
    lines = {1: line(1), 2: line(2, order_id=[8, "S00008"])}
    orders = {1: order(), 8: order(id=8, name="S00008")}
    found = read_goods(picking(), [move(1), move(2)], Surroundings(lines, orders, {}))
    numbers = [(each.shipment.id, each.shipment.order_id) for each in found]
    assert numbers == [("WH/OUT/00001", "S00001"), ("WH/OUT/00001:S00008", "S00008")]


def test_a_return_takes_back_what_came_in() -> None:
    header = picking(name="WH/IN/00001", picking_type_code="incoming")
    (found,) = read_goods(header, [move(1, "1.0", origin_returned_move_id=[4, "Mug"])])
    document = returned(found)
    assert (document.id, document.order_id, document.status) == ("WH/IN/00001", "S00001", DONE)
    assert [(each.line_id, each.quantity) for each in document.lines] == [("1", "1")]
    assert not document.lines[0].HasField("amount_minor")


def test_a_return_that_names_no_line_takes_it_from_where_it_came() -> None:
    header = picking(name="WH/IN/00001", picking_type_code="incoming")
    back = move(0, "1.0", origin_returned_move_id=[4, "Mug"])
    (found,) = read_goods(header, [back], around(origins={4: 2}))
    assert [each.line_id for each in returned(found).lines] == ["2"]


def test_goods_that_come_in_without_having_left_are_no_return() -> None:
    assert read_goods(picking(picking_type_code="incoming"), [move()]) == []


def test_a_redemptions_delivery_and_return_are_the_redemptions() -> None:
    beside = around(client_order_ref="pointbook:R17")
    (shipped,) = read_goods(picking(), [move()], beside)
    header = picking(name="WH/IN/00001", picking_type_code="incoming")
    (back,) = read_goods(header, [move(1, "1.0", origin_returned_move_id=[4, "Mug"])], beside)
    assert shipped.redemption_shipment.redemption_id == "R17"
    assert shipped.redemption_shipment.lines[0].quantity == "2"
    assert back.redemption_return.redemption_id == "R17"
    assert back.redemption_return.lines[0].quantity == "1"


def test_a_redemptions_return_that_was_set_to_nothing_is_cancelled_and_has_lines() -> None:
    header = picking(name="WH/IN/00001", picking_type_code="incoming")
    moves = [move(1, "0.0", origin_returned_move_id=[4, "Mug"])]
    (back,) = read_goods(header, moves, around(client_order_ref="pointbook:R17"))
    assert back.redemption_return.status == CANCELLED
    assert len(back.redemption_return.lines) == 1


# Members, products, stock


def partner(**more: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "name": "Customer 000",
        "active": True,
        "create_date": "2026-11-23 10:00:00",
    } | more


def test_a_contact_is_a_member_since_it_was_created() -> None:
    member = mapping.member_event(partner(), settings()).member
    assert (member.id, member.display_name, member.is_active) == ("7", "Customer 000", True)
    assert member.joined_at.ToDatetime(UTC) == datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_phone_and_card_are_read_from_the_fields_the_settings_name() -> None:
    row = partner(phone="+86 138-0013-8000", barcode="0421", active=False)
    said = settings(phone_field="phone", card_field="barcode")
    member = mapping.member_event(row, said).member
    assert (member.phone, list(member.cards), member.is_active) == (
        "+8613800138000",
        ["0421"],
        False,
    )


def product(**more: Any) -> dict[str, Any]:
    return {
        "id": 6,
        "default_code": "MUG-01",
        "name": "Mug",
        "categ_id": False,
        "write_date": "2026-11-23 10:00:00",
        "standard_price": Decimal("3.205"),
        "qty_available": Decimal("7.5"),
    } | more


def test_a_product_has_its_cost_in_the_books_currency() -> None:
    event = mapping.product_event(product(), settings())
    assert event is not None
    assert (event.product.sku, event.product.unit_cost_minor) == ("MUG-01", 321)


@pytest.mark.parametrize(
    ("row", "more"),
    [
        (product(standard_price=Decimal("0.0")), {}),  # nobody entered one
        (product(), {"unit_costs": False}),
        (product(), {"company_currency": "USD"}),  # it is in the company's currency
    ],
)
def test_a_cost_that_is_not_known_is_left_out(row: dict[str, Any], more: dict[str, Any]) -> None:
    event = mapping.product_event(row, settings(**more))
    assert event is not None
    assert not event.product.HasField("unit_cost_minor")


def test_a_product_without_internal_reference_is_left_out() -> None:
    assert mapping.product_event(product(default_code=False), settings()) is None


def test_a_sku_is_ascii_and_at_most_64_long() -> None:
    assert mapping.sku_of({"default_code": "TASSE-Ä"}) == "TASSE-%C3%84"
    assert len(mapping.sku_of({"default_code": "X" * 80})) == 64


@pytest.mark.parametrize(("on_hand", "counted"), [("7.5", "7"), ("-3.0", "0"), ("12.0", "12")])
def test_stock_is_whole_pieces_and_never_negative(on_hand: str, counted: str) -> None:
    row = product(qty_available=Decimal(on_hand))
    found = mapping.stock_event("WH", row, datetime(2026, 11, 24, tzinfo=UTC)).stock
    assert (found.id, found.quantity) == ("WH/MUG-01", counted)
    assert found.kind == events_pb2.STOCK_KIND_COUNTED


# Settings


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"currency": "EURO"}, "currency 'EURO' is not an ISO 4217 code"),
        ({"company_currency": "XX"}, "currency 'XX' is not an ISO 4217 code"),
        ({"rates": {"USD": "abc"}}, "'abc' is not a decimal number"),
        ({"rates": {"USD": "-1"}}, "'-1' is not a positive decimal number"),
        ({"rates": {"USD": "0.12345678901"}}, "more than 10 decimals"),
        ({"timezone": "Mars/Olympus"}, "'Mars/Olympus' is not a time zone"),
        ({"skus": ["MUG-01"]}, "name at least one"),
        ({"api": "soap"}, "jsonrpc"),
        ({"url": "odoo.example.com"}, "url"),
    ],
)
def test_a_setting_that_breaks_a_rule_is_named(more: dict[str, Any], rule: str) -> None:
    with pytest.raises(AdapterError, match=rule):
        settings(**more)
