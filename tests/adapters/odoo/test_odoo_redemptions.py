"""Redemptions as orders of a replayed Odoo: made once, whatever gets lost, and cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.contract import START, AdapterError, Known, SourceAway
from adapters.odoo.adapter import OdooErp
from adapters.odoo.rpc import connect
from adapters.odoo.settings import OdooSettings
from adapters.settings import Running, validated
from adapters.wire_values import priced
from pointbook.v1 import events_pb2, redemptions_pb2
from tests.adapters.odoo.business import LINE, ORDER
from tests.adapters.odoo.fake import OdooShop, open_odoo
from tests.adapters.odoo.server import Said

MEMBER = Known("8")
LOST = Said(504, b"<title>Gateway Timeout</title>", "text/html")


@pytest.fixture(params=[("17", "jsonrpc"), ("19", "jsonrpc"), ("19", "json2")], ids="-".join)
def shop(request: pytest.FixtureRequest) -> Iterator[OdooShop]:
    version, api = request.param
    with open_odoo(version, api) as opened:
        yield opened


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def redemption(**more: Any) -> redemptions_pb2.Redemption:
    said = {"redemption_id": "R17", "member_id": 3, "sku": "MUG-01", "quantity": 2} | more
    return redemptions_pb2.Redemption(**said)


def opened(shop: OdooShop, clock: Clock, **more: Any) -> OdooErp:
    settings = validated(OdooSettings, shop.settings(**more), "test")
    erp = OdooErp(connect(settings), settings, Running(), clock)
    shop.opened.append(erp)
    return erp


def loses(what: str, *, done: bool, times: int = 1) -> Callable[[str, Callable[[], Said]], Said]:
    """Returns an accident: some calls time out, after Odoo has done them or before it begins."""
    left = [times]

    def accident(asked: str, answer: Callable[[], Said]) -> Said:
        if asked == what and left[0]:
            left[0] -= 1
            if done:
                answer()
            return LOST
        return answer()

    return accident


def orders(shop: OdooShop) -> list[dict[str, Any]]:
    return shop.server.tables.all(ORDER)


def test_an_order_is_made_confirmed_and_found_by_its_redemption(shop: OdooShop) -> None:
    erp = shop.open()
    assert erp.find_order("R17") == ""
    number = erp.create_order(redemption(), MEMBER)
    (order,) = orders(shop)
    assert (order["name"], order["state"], order["partner_id"]) == (number, "sale", 8)
    assert order["client_order_ref"] == "pointbook:R17"
    (line,) = shop.server.tables.all(LINE)
    assert (line["product_id"], line["product_uom_qty"], line["price_total"]) == (6, 2, 0)
    assert erp.find_order("R17") == number


def test_making_it_again_finds_it(shop: OdooShop) -> None:
    erp = shop.open()
    first = erp.create_order(redemption(), MEMBER)
    assert erp.create_order(redemption(), MEMBER) == first
    assert len(orders(shop)) == 1


@pytest.mark.parametrize(
    ("pieces", "amount", "lines"),
    [
        (2, 0, [(2, "0.00")]),
        (1, 1000, [(1, "10.00")]),
        (3, 1000, [(2, "3.33"), (1, "3.34")]),  # 6.66 + 3.34
        (3, 2, [(1, "0.00"), (2, "0.01")]),
    ],
)
def test_prices_of_pieces_add_up(pieces: int, amount: int, lines: list[tuple[int, str]]) -> None:
    found = priced(pieces, amount, "EUR")
    assert [(many, str(price)) for many, price in found] == lines
    assert sum(many * price for many, price in found) == Decimal(amount) / 100


def test_what_the_member_pays_beside_the_points_is_the_orders_total(shop: OdooShop) -> None:
    shop.open().create_order(redemption(quantity=3, amount_minor=1000), MEMBER)
    assert orders(shop)[0]["amount_total"] == Decimal("10.00")


def test_an_order_with_another_total_is_left_unconfirmed(shop: OdooShop) -> None:
    erp = shop.open()
    shop.server.accident = _dearer(shop)
    with pytest.raises(AdapterError, match=r"order S00001 of redemption R17 costs 11\.0 USD inst"):
        erp.create_order(redemption(amount_minor=1000), MEMBER)
    assert orders(shop)[0]["state"] == "draft"


def _dearer(shop: OdooShop) -> Callable[[str, Callable[[], Said]], Said]:
    """Returns an accident: a price list of theirs makes every new order cost 11.00."""

    def accident(asked: str, answer: Callable[[], Said]) -> Said:
        said = answer()
        if asked == "sale.order.create":
            orders(shop)[0]["amount_total"] = Decimal("11.00")
        return said

    return accident


def test_an_order_whose_answer_is_lost_is_not_made_twice(shop: OdooShop) -> None:
    erp = shop.open()
    shop.server.accident = loses("sale.order.create", done=True)
    number = erp.create_order(redemption(), MEMBER)
    assert [order["name"] for order in orders(shop)] == [number]
    assert orders(shop)[0]["state"] == "sale"


def test_an_order_that_may_still_come_is_waited_for_before_it_is_sent_again(
    shop: OdooShop,
) -> None:
    clock = Clock()
    erp = opened(shop, clock, settle_seconds=180)
    shop.server.accident = loses("sale.order.create", done=False)
    with pytest.raises(SourceAway, match="504"):
        erp.create_order(redemption(), MEMBER)
    clock.now += timedelta(seconds=179)
    with pytest.raises(SourceAway, match="order of redemption R17 was sent and not answered"):
        erp.create_order(redemption(), MEMBER)
    assert orders(shop) == []
    clock.now += timedelta(seconds=1)
    erp.create_order(redemption(), MEMBER)
    assert len(orders(shop)) == 1


def test_an_order_that_came_late_is_confirmed_and_not_made_twice(shop: OdooShop) -> None:
    clock = Clock()
    erp = opened(shop, clock)
    late: list[Callable[[], Said]] = []

    def accident(asked: str, answer: Callable[[], Said]) -> Said:
        if asked == "sale.order.create" and not late:
            late.append(answer)
            return LOST
        return answer()

    shop.server.accident = accident
    with pytest.raises(SourceAway):
        erp.create_order(redemption(), MEMBER)
    late[0]()
    assert erp.find_order("R17") == ""  # it is there, but nobody has confirmed it
    number = erp.create_order(redemption(), MEMBER)
    assert [(order["name"], order["state"]) for order in orders(shop)] == [(number, "sale")]


@pytest.mark.parametrize("done", [True, False])
def test_a_confirmation_that_is_lost_is_made_up_for(shop: OdooShop, done: bool) -> None:
    erp = shop.open()
    shop.server.accident = loses("sale.order.action_confirm", done=done)
    with pytest.raises(SourceAway):
        erp.create_order(redemption(), MEMBER)
    number = erp.find_order("R17") or erp.create_order(redemption(), MEMBER)
    assert [(order["name"], order["state"]) for order in orders(shop)] == [(number, "sale")]


def test_cancelling_is_done_once_and_harmless_again(shop: OdooShop) -> None:
    erp = shop.open()
    erp.create_order(redemption(), MEMBER)
    erp.cancel_order("R17")
    erp.cancel_order("R17")
    assert orders(shop)[0]["state"] == "cancel"
    assert shop.server.asked.count("sale.order.action_cancel") == 1


def test_cancelling_what_was_never_made_is_harmless(shop: OdooShop) -> None:
    shop.open().cancel_order("R99")
    assert orders(shop) == []


def test_an_order_that_odoo_will_not_cancel_is_for_a_person(shop: OdooShop) -> None:
    erp = shop.open()
    erp.create_order(redemption(), MEMBER)
    orders(shop)[0]["locked"] = True
    with pytest.raises(AdapterError, match="You cannot cancel a locked order"):
        erp.cancel_order("R17")


@pytest.mark.parametrize(
    ("more", "member", "rule"),
    [
        ({"sku": "NONE"}, MEMBER, "0 products in Odoo have the internal reference 'NONE'"),
        ({}, Known("CUST-7"), "'CUST-7' is not the id of a contact"),
    ],
)
def test_what_cannot_be_ordered_is_said(
    shop: OdooShop, more: dict[str, Any], member: Known, rule: str
) -> None:
    with pytest.raises(AdapterError, match=f"redemption R17: {rule}"):
        shop.open().create_order(redemption(**more), member)


@pytest.mark.parametrize(("warehouses", "number"), [(["WH"], 1), ([], None)])
def test_goods_come_from_the_warehouse_that_the_settings_know(
    shop: OdooShop, warehouses: list[str], number: int | None
) -> None:
    erp = shop.open(warehouses=warehouses)
    erp.create_order(redemption(warehouse="WH"), MEMBER)
    assert orders(shop)[0].get("warehouse_id") == number


def test_the_order_its_shipment_and_its_return_are_read_as_the_redemptions(
    shop: OdooShop,
) -> None:
    erp = shop.open()
    number = erp.create_order(redemption(), MEMBER)
    shop.redemption_ship(number)
    shop.take_back(number, {0: Decimal(1)})
    events = [change.event for change in erp.changes(START) if change.event]
    found = {event.WhichOneof("payload"): event for event in events}
    assert found["order"].order.is_redemption
    assert found["order"].order.status == events_pb2.ORDER_STATUS_CONFIRMED
    shipment = found["redemption_shipment"].redemption_shipment
    assert (shipment.redemption_id, shipment.lines[0].quantity) == ("R17", "2")
    back = found["redemption_return"].redemption_return
    assert (back.redemption_id, back.lines[0].quantity) == ("R17", "1")
    assert not {"shipment", "return"} & set(found)
