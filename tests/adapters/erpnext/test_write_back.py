"""Redemptions as Sales Orders, whatever happens on the way."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from adapters.contract import AdapterError, Known, SourceAway
from pointbook.v1 import redemptions_pb2
from tests.adapters.conformance.shop import Sold
from tests.adapters.erpnext.fake import FakeShop, Fault
from tests.adapters.erpnext.site import CUSTOMER, ORDER, Document
from tests.adapters.erpnext.test_adapter import of, read

MEMBER = Known("Customer 001")


def redemption(**more: object) -> redemptions_pb2.Redemption:
    values = {"redemption_id": "R17", "sku": "MUG-01", "quantity": 2, "warehouse": "MAIN"}
    return redemptions_pb2.Redemption(**values | more)


def orders(shop: FakeShop) -> list[Document]:
    return list(shop.site.kept[ORDER].values())


def test_a_redemption_becomes_a_submitted_order_that_costs_nothing(shop: FakeShop) -> None:
    erp = shop.open()
    assert erp.find_order("R17") == ""
    number = erp.create_order(redemption(), MEMBER)
    (made,) = orders(shop)
    assert (made["name"], made["docstatus"], made["po_no"]) == (number, 1, "pointbook:R17")
    assert (made["customer"], made["net_total"], made["grand_total"]) == ("Customer 001", 0, 0)
    assert [(line["item_code"], line["qty"]) for line in made["items"]] == [("MUG-01", 2)]
    assert erp.find_order("R17") == number
    (order,) = of(read(erp)[0], "order")
    assert (order.id, order.is_redemption) == (number, True)


@pytest.mark.parametrize(("minor", "pieces"), [(500, 1), (1000, 2), (1000, 3), (1, 7)])
def test_a_price_beside_the_points_is_the_net_total(
    shop: FakeShop, minor: int, pieces: int
) -> None:
    shop.open().create_order(redemption(amount_minor=minor, quantity=pieces), MEMBER)
    (made,) = orders(shop)
    assert Decimal(str(made["net_total"])) * 100 == minor


def test_an_order_is_made_once(shop: FakeShop) -> None:
    first = shop.open().create_order(redemption(), MEMBER)
    assert shop.open().create_order(redemption(), MEMBER) == first
    assert len(orders(shop)) == 1


def test_an_answer_lost_after_the_order_was_made_makes_no_second_one(shop: FakeShop) -> None:
    shop.fake.faults.append(Fault("POST", "/api/resource/Sales Order", is_answer_lost=True))
    number = shop.open().create_order(redemption(), MEMBER)
    assert [made["name"] for made in orders(shop)] == [number]


def test_an_unanswered_order_is_looked_for_before_it_is_sent_again(shop: FakeShop) -> None:
    shop.fake.faults.append(Fault("POST", "/api/resource/Sales Order", 504))
    erp = shop.open()
    with pytest.raises(SourceAway, match="answered 504"):
        erp.create_order(redemption(), MEMBER)
    with pytest.raises(SourceAway, match="R17 was sent and not answered; it is looked for until"):
        erp.create_order(redemption(), MEMBER)
    assert orders(shop) == []
    late = shop.sell([Sold("MUG-01", Decimal(2), Decimal(0))])
    shop.site.kept[ORDER][late]["po_no"] = "pointbook:R17"
    assert erp.create_order(redemption(), MEMBER) == late


def test_what_did_not_turn_up_is_sent_again(shop: FakeShop) -> None:
    shop.fake.faults.append(Fault("POST", "/api/resource/Sales Order", 504))
    erp = shop.open(settle_seconds=0)
    with pytest.raises(SourceAway):
        erp.create_order(redemption(), MEMBER)
    number = erp.create_order(redemption(), MEMBER)
    assert [made["name"] for made in orders(shop)] == [number]


def test_a_draft_that_was_left_over_is_submitted(shop: FakeShop) -> None:
    number = shop.sell([Sold("MUG-01", Decimal(1), Decimal(0))], confirm=False)
    shop.site.kept[ORDER][number]["po_no"] = "pointbook:R17"
    assert shop.open().find_order("R17") == number
    assert orders(shop)[0]["docstatus"] == 1


def test_a_cancelled_order_is_none(shop: FakeShop) -> None:
    erp = shop.open()
    number = erp.create_order(redemption(), MEMBER)
    erp.cancel_order("R17")
    assert orders(shop)[0]["docstatus"] == 2
    assert erp.find_order("R17") == ""
    erp.cancel_order("R17")
    assert erp.create_order(redemption(), MEMBER) != number


def test_a_draft_is_cancelled_for_good(shop: FakeShop) -> None:
    number = shop.sell([Sold("MUG-01", Decimal(1), Decimal(0))], confirm=False)
    shop.site.kept[ORDER][number]["po_no"] = "pointbook:R17"
    shop.open().cancel_order("R17")
    assert orders(shop)[0]["docstatus"] == 2


def test_what_was_delivered_is_not_cancelled(shop: FakeShop) -> None:
    erp = shop.open()
    number = erp.create_order(redemption(), MEMBER)
    shop.redemption_ship(number)
    with pytest.raises(AdapterError, match=r"LinkExistsError.*is linked with Delivery Note MAT-DN"):
        erp.cancel_order("R17")


def test_its_delivery_and_its_return_are_the_redemptions(shop: FakeShop) -> None:
    number = shop.open().create_order(redemption(), MEMBER)
    shop.redemption_ship(number)
    shop.take_back(number, {0: Decimal(1)})
    events, _ = read(shop.open())
    (gone,), (back,) = of(events, "redemption_shipment"), of(events, "redemption_return")
    assert (gone.redemption_id, [each.quantity for each in gone.lines]) == ("R17", ["2"])
    assert (back.redemption_id, [each.quantity for each in back.lines]) == ("R17", ["1"])
    assert (of(events, "shipment"), of(events, "return")) == ([], [])


@pytest.mark.parametrize(
    ("name", "number"),
    [("Café Müller", "Caf%C3%A9%20M%C3%BCller"), ("Half%25", "Half%25"), ("A % B", "A % B")],
)
def test_a_customer_is_found_by_the_members_number(shop: FakeShop, name: str, number: str) -> None:
    shop.site.insert(CUSTOMER, {"customer_name": name})
    shop.open().create_order(redemption(), Known(number))
    assert orders(shop)[0]["customer"] == name


@pytest.mark.parametrize(
    ("broken", "member", "said"),
    [
        ({}, Known("Nobody"), "customer 'Nobody' is not in ERPNext"),
        ({"warehouse": "ELSEWHERE"}, MEMBER, r"warehouse 'ELSEWHERE' is not in \[erp.warehouses\]"),
        ({"sku": "TEA-1"}, MEMBER, "LinkValidationError.*Could not find Item: TEA-1"),
    ],
)
def test_what_cannot_be_ordered_says_why(
    shop: FakeShop, broken: dict[str, object], member: Known, said: str
) -> None:
    with pytest.raises(AdapterError, match=said):
        shop.open().create_order(redemption(**broken), member)
    assert orders(shop) == []


def test_a_reward_without_a_warehouse_leaves_from_the_only_one(shop: FakeShop) -> None:
    shop.open().create_order(redemption(warehouse=""), MEMBER)
    assert orders(shop)[0]["set_warehouse"] == "Stores - PL"


def test_a_price_that_erpnext_made_something_else_of_is_said(shop: FakeShop) -> None:
    made = {"data": {"name": "SO-9", "docstatus": 1, "net_total": 19.98}}
    body = json.dumps(made)
    shop.fake.faults.append(Fault("POST", "/api/resource/Sales Order", 200, body))
    with pytest.raises(AdapterError, match=r"SO-9 was made with a net total of 19\.98"):
        shop.open().create_order(redemption(), MEMBER)
