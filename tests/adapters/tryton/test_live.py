"""What the adapter reads of a real Tryton: every kind of record, every way it changes, exact amounts and times."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from adapters.contract import START, AdapterError, Erp
from adapters.settings import Running
from adapters.tryton.adapter import open_erp
from adapters.wire_values import day_begins
from pointbook.v1 import events_pb2
from tests.adapters.conformance.shop import Sold
from tests.adapters.tryton.seed import COMPANY_ZONE, PIECES
from tests.adapters.tryton.shop import (
    KEY_VARIABLE,
    LINE,
    RETURN,
    SALE,
    SHIPMENT,
    TrytonShop,
    open_shop,
)

COFFEE = Sold("COF-250", Decimal(3), Decimal("7.90"))
MUGS = Sold("MUG-01", Decimal(2), Decimal("9.99"))
DELIVERY = Sold("DELIV", Decimal(1), Decimal("4.90"))
ZONE = ZoneInfo(COMPANY_ZONE)
CONFIRMED, CANCELLED = events_pb2.ORDER_STATUS_CONFIRMED, events_pb2.ORDER_STATUS_CANCELLED


@pytest.fixture(scope="module")
def shop() -> Iterator[TrytonShop]:
    """One shop for all of these tests: each sells its own goods."""
    with open_shop() as opened:
        yield opened


def documents(events: list[events_pb2.Event], kind: str) -> list[Any]:
    """Returns each document of a kind as it was read last: what several stages lead to comes more than once."""
    found: dict[str, Any] = {}
    for event in events:
        if event.HasField(kind):
            document = getattr(event, kind)
            found[document.sku if kind == "product" else document.id] = document
    return list(found.values())


class Reading:
    """An adapter that looks again and again."""

    def __init__(self, shop: TrytonShop, **settings: Any) -> None:
        run = Running(overlap_seconds=1)
        self.erp: Erp = open_erp(shop.settings(**settings), run)
        self.cursor = START
        self.look()

    def look(self) -> list[events_pb2.Event]:
        changes = list(self.erp.changes(self.cursor))
        self.cursor = changes[-1].cursor if changes else self.cursor
        return [change.event for change in changes if change.event is not None]

    def of(self, kind: str) -> list[Any]:
        return documents(self.look(), kind)

    def order(self, number: str) -> Any:
        (found,) = [each for each in self.of("order") if each.id == number]
        return found

    def goods(self, kind: str, number: str) -> list[Any]:
        return [each for each in self.of(kind) if each.order_id == number]


@pytest.fixture
def reading(shop: TrytonShop) -> Iterator[Reading]:
    reading = Reading(shop, phones=True, warehouses=["WH"], skus=["MUG-01"])
    yield reading
    reading.erp.close()


def test_a_sale_is_an_order_with_exact_amounts_and_the_tax_of_the_whole(
    shop: TrytonShop, reading: Reading
) -> None:
    number = shop.sell([COFFEE, MUGS, DELIVERY])
    order = reading.order(number)
    assert order.status == CONFIRMED
    assert [(line.sku, line.quantity, line.amount_minor) for line in order.lines] == [
        ("COF-250", "3", 2370),
        ("MUG-01", "2", 1998),
        ("DELIV", "1", 490),
    ]
    assert [line.category for line in order.lines] == ["Coffee", "", ""]
    (row,) = shop.admin.rows(SALE, [["number", "=", number]], ["untaxed_amount", "tax_amount"])
    assert sum(line.amount_minor for line in order.lines) == int(row["untaxed_amount"] * 100)
    assert sum(line.tax_minor for line in order.lines) == int(row["tax_amount"] * 100) == 972
    assert not order.HasField("changed_at")


def test_many_small_lines_add_up_to_what_tryton_says(shop: TrytonShop, reading: Reading) -> None:
    crumbs = [Sold("MUG-01", Decimal(1), Decimal("0.4350")) for _ in range(3)]
    thirds = [Sold("COF-250", Decimal(3), Decimal("3.3333"))]
    number = shop.sell([*crumbs, *thirds])
    order = reading.order(number)
    (row,) = shop.admin.rows(SALE, [["number", "=", number]], ["untaxed_amount", "tax_amount"])
    amounts = [
        each["amount"] for each in shop.admin.rows(LINE, [["sale.number", "=", number]], ["amount"])
    ]
    assert [line.amount_minor for line in order.lines] == [int(each * 100) for each in amounts]
    assert sum(line.amount_minor for line in order.lines) == int(row["untaxed_amount"] * 100)
    assert sum(line.tax_minor for line in order.lines) == int(row["tax_amount"] * 100)


def test_a_day_without_an_hour_begins_in_the_companys_zone(
    shop: TrytonShop, reading: Reading
) -> None:
    for on in (date(2026, 3, 29), date(2026, 7, 1), date(2026, 10, 25)):
        number = shop.sell([MUGS], on=on)
        order = reading.order(number)
        assert order.ordered_at.ToDatetime(UTC) == day_begins(on, ZONE)
        assert order.ordered_at.ToDatetime(ZONE).date() == on


def test_goods_left_when_they_left_unless_somebody_dated_it_back(
    shop: TrytonShop, reading: Reading
) -> None:
    number = shop.sell([MUGS])
    before = datetime.now(UTC) - timedelta(seconds=1)
    shop.ship(number)
    (shipment,) = reading.goods("shipment", number)
    assert before < shipment.shipped_at.ToDatetime(UTC) < datetime.now(UTC)
    late = shop.sell([MUGS])
    yesterday = datetime.now(ZONE).date() - timedelta(days=1)
    (going,) = shop.admin.rows(SALE, [["number", "=", late]], ["shipments"])
    shop.admin.write(SHIPMENT, going["shipments"][0], effective_date=yesterday)
    shop.ship(late)
    (shipment,) = reading.goods("shipment", late)
    assert shipment.shipped_at.ToDatetime(UTC) == day_begins(yesterday, ZONE)


def test_a_sale_of_which_nothing_was_delivered_is_cancelled_when_that_was_decided(
    shop: TrytonShop, reading: Reading
) -> None:
    number = shop.sell([COFFEE])
    before = datetime.now(UTC) - timedelta(seconds=1)
    shop.cancel(number)
    order = reading.order(number)
    assert (order.status, order.lines[0].quantity) == (CANCELLED, "3")
    assert before < order.changed_at.ToDatetime(UTC) < datetime.now(UTC)


def test_a_return_names_the_line_and_gives_amount_and_tax(
    shop: TrytonShop, reading: Reading
) -> None:
    number = shop.sell([COFFEE, MUGS])
    shop.ship(number)
    order = reading.order(number)
    shop.take_back(number, {0: Decimal(2), 1: Decimal(1)})
    events = reading.look()
    (back,) = [each for each in documents(events, "return") if each.order_id == number]
    assert back.status == events_pb2.DOCUMENT_STATUS_DONE
    said = [(line.line_id, line.quantity, line.amount_minor, line.tax_minor) for line in back.lines]
    assert said == [
        (order.lines[0].line_id, "2", 1580, 316),
        (order.lines[1].line_id, "1", 999, 200),
    ]
    numbers = [int(each.id) for each in documents(events, "order")]
    assert max(numbers) == int(number), "the sale that takes back comes after it, and is no order"


def test_a_return_of_something_sold_on_two_lines_is_off_the_order_as_a_whole(
    shop: TrytonShop, reading: Reading
) -> None:
    number = shop.sell([MUGS, Sold("MUG-01", Decimal(1), Decimal("5.00"))])
    shop.ship(number)
    reading.look()
    shop.take_back(number, {0: Decimal(1)})
    (back,) = reading.goods("return", number)
    assert [(line.line_id, line.amount_minor) for line in back.lines] == [("", 999)]


def test_services_come_back_without_a_shipment(shop: TrytonShop, reading: Reading) -> None:
    number = shop.sell([COFFEE, DELIVERY])
    shop.ship(number)
    reading.look()
    shop.return_sale(shop.sale(number), {1: Decimal(1)})
    (back,) = reading.goods("return", number)
    assert (back.lines[0].amount_minor, back.lines[0].tax_minor) == (490, 98)


def test_a_sale_that_takes_back_what_no_sale_names_is_an_order_with_negative_lines(
    shop: TrytonShop, reading: Reading
) -> None:
    number = shop.sell([COFFEE, Sold("MUG-01", Decimal(-1), Decimal("9.99"))])
    shop.ship(number)
    shop.receive(number)
    events = reading.look()
    order = next(each for each in documents(events, "order") if each.id == number)
    assert [line.amount_minor for line in order.lines] == [2370, -999]
    moved = sorted(
        (line.line_id, line.quantity)
        for shipment in documents(events, "shipment")
        if shipment.order_id == number
        for line in shipment.lines
    )
    assert moved == sorted([(order.lines[0].line_id, "3"), (order.lines[1].line_id, "-1")])


def test_a_telephone_number_that_changes_alone_arrives(shop: TrytonShop, reading: Reading) -> None:
    admin = shop.admin
    phone = admin.one("party.contact_mechanism", ["party", "=", shop.customer("Li Wei")])
    admin.write("party.contact_mechanism", phone, value="+86 139 0000 0000")
    (member,) = [each for each in reading.of("member") if each.display_name == "Li Wei"]
    assert member.phone == "+8613900000000"


def test_a_cost_and_a_name_that_change_alone_arrive(shop: TrytonShop, reading: Reading) -> None:
    admin = shop.admin
    product = admin.one("product.product", ["code", "=", "COF-1000"])
    active = {"active_model": "product.product", "active_id": product, "active_ids": [product]}
    with admin.wizard("product.modify_cost_price", **active) as go:
        today = datetime.now(ZONE).date()
        go({"start": {"date": today, "cost_price": "12.34"}}, "modify")
    product = [each for each in reading.of("product") if each.sku == "COF-1000"][-1]
    assert product.unit_cost_minor == 1234
    template = admin.one("product.template", ["code", "=", "COF-1000"])
    admin.write("product.template", template, name="Coffee, a kilogram")
    product = [each for each in reading.of("product") if each.sku == "COF-1000"][-1]
    assert product.description == "Coffee, a kilogram"


def test_an_archived_party_is_an_inactive_member_and_the_company_is_none(
    shop: TrytonShop, reading: Reading
) -> None:
    gone = shop.admin.make("party.party", name="Gone Tomorrow")
    shop.admin.write("party.party", gone, active=False)
    members = {each.display_name: each for each in reading.of("member")}
    assert not members["Gone Tomorrow"].is_active
    everything = Reading(shop)
    everything.cursor = START
    names = {member.display_name for member in everything.of("member")}
    everything.erp.close()
    assert "Points Ltd" not in names
    assert "Anna Schmidt" in names


def test_stock_is_counted_in_the_warehouse_named(shop: TrytonShop, reading: Reading) -> None:
    (count,) = reading.of("stock")
    assert (count.sku, count.warehouse) == ("MUG-01", "WH")
    before = int(count.quantity)
    assert 0 < before <= PIECES
    shop.ship(shop.sell([MUGS]))
    (count,) = reading.of("stock")
    assert int(count.quantity) == before - 2


def test_a_sale_in_a_currency_without_a_rate_stops_and_says_so() -> None:
    with open_shop() as shop:
        shop.currency = shop.admin.one("currency.currency", ["code", "=", "USD"])
        number = shop.sell([MUGS])
        with pytest.raises(AdapterError, match=rf"sale {number} is in USD, .* USD = "):
            Reading(shop)
        reading = Reading(shop, rates={"USD": "0.8123"})
        reading.cursor = START
        order = reading.order(number)
        assert (order.currency_code, order.rate_to_book) == ("USD", "0.8123")
        reading.erp.close()


def test_check_says_what_it_looked_at(shop: TrytonShop) -> None:
    erp = open_erp(shop.settings(warehouses=["WH"]), Running())
    said = erp.check()
    erp.close()
    assert said[0].startswith("Tryton 8.2")
    assert said[-2] == "company Points Ltd: EUR, days of Europe/Berlin"
    assert said[-1] == "warehouses WH: their stock is counted in each look"
    assert all("readable" in each for each in said[1:-2])


@pytest.mark.parametrize("model", [SALE, SHIPMENT, RETURN, "stock.move", "party.party"])
def test_a_right_that_is_missing_is_named(shop: TrytonShop, model: str) -> None:
    access = shop.admin.one(
        "ir.model.access", ["model", "=", model], ["group.name", "=", "Pointbook"]
    )
    shop.admin.write("ir.model.access", access, perm_read=False)
    erp = open_erp(shop.settings(), Running())
    try:
        with pytest.raises(
            AdapterError, match=r"may not read .* give one of its groups read access"
        ):
            erp.check()
    finally:
        shop.admin.write("ir.model.access", access, perm_read=True)
        erp.close()


def test_settings_that_do_not_fit_are_named(
    shop: TrytonShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def problem(**settings: Any) -> str:
        with pytest.raises(AdapterError) as caught:
            open_erp(shop.settings(**settings), Running()).check()
        return str(caught.value)

    assert "company Points Ltd keeps its books in EUR" in problem(currency="USD")
    assert "no company 99" in problem(company_id=99)
    assert "no warehouse NOPE" in problem(warehouses=["NOPE"])
    assert "is the database's name right?" in problem(database="nope")
    assert "no key of a Tryton user application" in problem(key_env="POINTBOOK_NO_SUCH_KEY")
    monkeypatch.setenv("WRONG_KEY", "0" * 128)
    assert "refuses the key in WRONG_KEY" in problem(key_env="WRONG_KEY")


@pytest.mark.parametrize(
    ("method", "path", "values"),
    [
        ("PUT", "model/party.party/2", {"name": "Somebody else"}),
        ("POST", "model/product.product", {"code": "NEW"}),
        ("PUT", "model/product.product/1", {"code": "OTHER"}),
        ("POST", "model/stock.move", {"quantity": 1}),
        ("DELETE", "model/sale.sale/1", None),
        ("GET", "model/account.invoice?f=number", None),
        ("GET", "model/ir.model.log?f=event", None),
        ("POST", "model/res.user", {"name": "me", "login": "me"}),
    ],
)
def test_the_key_opens_no_more_than_it_has_to(
    shop: TrytonShop, method: str, path: str, values: dict[str, Any] | None
) -> None:
    headers = {"authorization": f"Bearer {os.environ[KEY_VARIABLE]}"}
    url = f"{shop.server.url}/{shop.server.database}/rest/{path}"
    answer = httpx.request(method, url, json=values, headers=headers)
    assert answer.status_code in (400, 403, 404)
    assert "not allowed" in answer.text or answer.status_code != 400
