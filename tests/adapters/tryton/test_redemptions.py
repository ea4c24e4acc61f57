"""Redemptions as sales of a real Tryton: made once, whatever gets lost, and stopped again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.contract import AdapterError, Known, SourceAway
from adapters.settings import Running, validated
from adapters.tryton.adapter import TrytonErp
from adapters.tryton.rest import connect
from adapters.tryton.settings import TrytonSettings
from adapters.web import Web
from pointbook.v1 import redemptions_pb2
from tests.adapters.conformance.shop import Sold
from tests.adapters.tryton.shop import SALE, SHIPMENT, TrytonShop, open_shop

FIELDS = ("number", "state", "total_amount", "reference", "party.name", "shipments", "invoices")


@pytest.fixture(scope="module")
def shop() -> Iterator[TrytonShop]:
    """One shop for all of these tests: each has redemptions of its own."""
    with open_shop() as opened:
        yield opened


class Losing(httpx.BaseTransport):
    """A network on which some answers get lost, after Tryton has done what was asked or before it hears of it."""

    def __init__(self) -> None:
        self._through = httpx.HTTPTransport()
        self.lose_next = ""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        lost, is_write = self.lose_next, request.method == "POST"
        if is_write:
            self.lose_next = ""
        if is_write and lost == "before":
            raise httpx.ConnectTimeout("lost on the way there")
        response = self._through.handle_request(request)
        if is_write and lost == "after":
            raise httpx.ReadTimeout("lost on the way back")
        return response

    def close(self) -> None:
        self._through.close()


class Desk:
    """An adapter with a network that loses and a clock that is set."""

    def __init__(self, shop: TrytonShop, **settings: Any) -> None:
        said = validated(TrytonSettings, shop.settings(warehouses=["WH"], **settings), "test")
        self.network = Losing()
        self.now = datetime.now(UTC)
        key = {"authorization": f"Bearer {said.key()}"}
        web = Web(said.url, key, transport=self.network)
        self.erp = TrytonErp(connect(said, web), said, Running(), lambda: self.now)


@pytest.fixture
def desk(shop: TrytonShop) -> Iterator[Desk]:
    desk = Desk(shop)
    yield desk
    desk.erp.close()


@pytest.fixture
def member(shop: TrytonShop) -> Known:
    (party,) = shop.admin.rows("party.party", [["id", "=", shop.customer("Li Wei")]], ["code"])
    return Known(party["code"])


def redemption(number: str, **more: Any) -> redemptions_pb2.Redemption:
    said = {"redemption_id": number, "sku": "MUG-01", "quantity": 2, "warehouse": "WH"} | more
    return redemptions_pb2.Redemption(**said)


def sales_of(shop: TrytonShop, number: str) -> list[Any]:
    return shop.admin.rows(SALE, [["reference", "=", f"pointbook:{number}"]], FIELDS)


def test_it_is_a_sale_without_a_price_or_invoice_that_the_warehouse_can_ship(
    shop: TrytonShop, desk: Desk, member: Known
) -> None:
    assert desk.erp.find_order("R1") == ""
    number = desk.erp.create_order(redemption("R1"), member)
    (sale,) = sales_of(shop, "R1")
    assert (sale["number"], sale["state"], sale["party."]["name"]) == (
        number,
        "processing",
        "Li Wei",
    )
    assert (sale["total_amount"], sale["invoices"], len(sale["shipments"])) == (0, [], 1)
    assert desk.erp.find_order("R1") == number
    assert desk.erp.create_order(redemption("R1"), member) == number
    shop.redemption_ship(number)
    assert len(sales_of(shop, "R1")) == 1


def test_what_the_member_pays_is_the_sum_of_its_lines_to_the_cent(
    shop: TrytonShop, desk: Desk, member: Known
) -> None:
    desk.erp.create_order(redemption("R2", quantity=3, amount_minor=1000), member)
    (sale,) = sales_of(shop, "R2")
    lines = shop.admin.rows(
        "sale.line", [["sale", "=", sale["id"]]], ["quantity", "unit_price", "amount"]
    )
    assert sorted(str(line["amount"]) for line in lines) == ["3.34", "6.66"]
    assert str(sale["total_amount"]) == "10.00"


@pytest.mark.parametrize("lost", ["before", "after"])
def test_an_answer_that_got_lost_makes_no_second_sale(
    shop: TrytonShop, desk: Desk, member: Known, lost: str
) -> None:
    number = f"R3{lost}"
    desk.network.lose_next = lost
    if lost == "before":
        with pytest.raises(SourceAway, match="did not answer"):
            desk.erp.create_order(redemption(number), member)
        with pytest.raises(SourceAway, match=f"the order of redemption {number} was sent"):
            desk.erp.create_order(redemption(number), member)
        desk.now += timedelta(seconds=181)
    made = desk.erp.create_order(redemption(number), member)
    (sale,) = sales_of(shop, number)
    assert (sale["number"], sale["state"]) == (made, "processing")


@pytest.mark.parametrize("state", ["draft", "quotation"])
def test_a_sale_that_was_left_half_done_is_finished(
    shop: TrytonShop, desk: Desk, member: Known, state: str
) -> None:
    number = f"R4{state}"
    desk.erp.create_order(redemption(f"{number}-template"), member)
    (done,) = sales_of(shop, f"{number}-template")
    (copy,) = shop.admin.call(SALE, "copy", [done["id"]], {})
    shop.admin.write(SALE, copy, reference=f"pointbook:{number}")
    if state == "quotation":
        shop.admin.press(SALE, "quote", copy)
    assert desk.erp.find_order(number) == "", "nothing would be shipped of it yet"
    made = desk.erp.create_order(redemption(number), member)
    (sale,) = sales_of(shop, number)
    assert (sale["number"], sale["state"]) == (made, "processing")


def test_a_price_that_came_out_otherwise_is_left_a_quotation(
    shop: TrytonShop, desk: Desk, member: Known
) -> None:
    number = shop.sell([Sold("MUG-01", Decimal(1), Decimal("9.99"))], confirm=False)
    shop.admin.press(SALE, "draft", shop.sale(number))
    shop.admin.write(SALE, shop.sale(number), reference="pointbook:R5")
    with pytest.raises(AdapterError, match=r"costs 11\.99 EUR instead of 0 .* left a quotation"):
        desk.erp.create_order(redemption("R5"), member)
    (sale,) = sales_of(shop, "R5")
    assert sale["state"] == "quotation"


def test_it_is_cancelled_as_far_as_the_goods_still_are_in_the_shelf(
    shop: TrytonShop, desk: Desk, member: Known
) -> None:
    desk.erp.cancel_order("R6-never-made")
    desk.erp.create_order(redemption("R6"), member)
    desk.erp.cancel_order("R6")
    desk.erp.cancel_order("R6")
    (sale,) = sales_of(shop, "R6")
    (shipment,) = shop.admin.rows(SHIPMENT, [["id", "in", sale["shipments"]]], ["state"])
    assert shipment["state"] == "cancelled", "nobody can ship it"

    desk.erp.create_order(redemption("R7"), member)
    (sale,) = sales_of(shop, "R7")
    (number,) = sale["shipments"]
    shop.admin.press(SHIPMENT, "wait", number)
    shop.admin.press(SHIPMENT, "assign_try", number)
    shop.admin.press(SHIPMENT, "pick", number)
    with pytest.raises(
        AdapterError, match=r"shipment \d+ of redemption R7, .* 'picked': see to it"
    ):
        desk.erp.cancel_order("R7")


def test_what_is_missing_is_named_and_nothing_is_made(
    shop: TrytonShop, desk: Desk, member: Known
) -> None:
    nobody = shop.admin.make("party.party", name="No Address")
    (party,) = shop.admin.rows("party.party", [["id", "=", nobody]], ["code"])

    def problem(said: redemptions_pb2.Redemption, whose: Known = member) -> str:
        with pytest.raises(AdapterError) as caught:
            desk.erp.create_order(said, whose)
        return str(caught.value)

    assert "party 'C404' is 0 parties in Tryton" in problem(redemption("R8"), Known("C404"))
    assert "has no address" in problem(redemption("R8"), Known(party["code"]))
    assert "0 products in Tryton have the code 'NOPE'" in problem(redemption("R8", sku="NOPE"))
    assert "no warehouse NOPE" in problem(redemption("R8", warehouse="NOPE"))
    assert sales_of(shop, "R8") == []


def test_a_price_in_another_currency_than_the_companys_is_refused(
    shop: TrytonShop, member: Known
) -> None:
    desk = Desk(shop, currency="USD", company_currency="EUR")
    with pytest.raises(AdapterError, match=r"costs 5.00 USD, and the company sells in EUR"):
        desk.erp.create_order(redemption("R9", amount_minor=500), member)
    desk.erp.create_order(redemption("R10"), member)
    desk.erp.close()


def test_without_the_right_to_write_the_problem_says_so(
    shop: TrytonShop, desk: Desk, member: Known
) -> None:
    access = shop.admin.one(
        "ir.model.access", ["model", "=", SALE], ["group.name", "=", "Pointbook"]
    )
    shop.admin.write("ir.model.access", access, perm_create=False)
    try:
        with pytest.raises(AdapterError, match=r"Tryton refuses create sale.sale: .*not allowed"):
            desk.erp.create_order(redemption("R11"), member)
    finally:
        shop.admin.write("ir.model.access", access, perm_create=True)
