"""Records as Tryton's REST API returns them, in states that take a shop long to reach."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adapters.contract import AdapterError
from adapters.settings import validated
from adapters.tryton import mapping
from adapters.tryton.rest import from_tryton, to_tryton
from adapters.tryton.settings import TrytonSettings
from pointbook.v1 import events_pb2

ZONE = ZoneInfo("Asia/Shanghai")
MADE = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)
CHANGED = datetime(2026, 11, 24, 9, 15, tzinfo=UTC)
SETTINGS = {"url": "http://erp.example.com", "database": "erp", "currency": "EUR"}


def settings(**more: Any) -> TrytonSettings:
    return validated(TrytonSettings, SETTINGS | more, "test")


def line(number: int, quantity: str, amount: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "type": "line",
        "quantity": Decimal(quantity),
        "actual_quantity": None,
        "amount": Decimal(amount),
        "product": {
            "id": number,
            "type": "goods",
            "code": f"SKU-{number}",
            "template": {"name": "Thing", "categories": [{"name": "B"}, {"name": "A"}]},
        },
        "taxes": [{"rate": Decimal("0.19")}],
        **more,
    }


def sale(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "number": "7",
        "state": "processing",
        "reference": None,
        "origin": None,
        "party": {"id": 5, "code": "C5"},
        "sale_date": date(2026, 11, 21),
        "currency": {"code": "EUR"},
        "tax_amount": Decimal(0),
        "create_date": MADE,
        "write_date": CHANGED,
        "lines": list(lines),
        **more,
    }


def order(row: dict[str, Any], **more: Any) -> Any:
    (event,) = mapping.sale_events(row, {}, ZONE, settings(**more))
    return event.order


def test_of_a_sale_that_is_done_only_what_was_delivered_or_invoiced_counts() -> None:
    lines = [line(1, "3", "10.00", actual_quantity=Decimal(2)), line(2, "1", "5.00")]
    found = order(sale(*lines, state="done", tax_amount=Decimal("2.85")))
    assert found.status == events_pb2.ORDER_STATUS_COMPLETED
    assert [(each.quantity, each.amount_minor, each.tax_minor) for each in found.lines] == [
        ("2", 667, 127),
        ("1", 500, 95),
    ]
    open_still = order(sale(*lines, tax_amount=Decimal("2.85")))
    assert [each.quantity for each in open_still.lines] == ["3", "1"]


def test_a_sale_that_is_done_with_nothing_is_cancelled_with_all_it_had() -> None:
    found = order(sale(line(1, "3", "10.00", actual_quantity=Decimal(0)), state="done"))
    assert found.status == events_pb2.ORDER_STATUS_CANCELLED
    assert (found.lines[0].quantity, found.lines[0].amount_minor) == ("3", 1000)
    assert found.changed_at.ToDatetime(UTC) == CHANGED


def test_tax_goes_by_what_each_line_is_taxed_with() -> None:
    lines = [
        line(1, "1", "10.00"),
        line(2, "1", "10.00", taxes=[{"rate": Decimal("0.07")}]),
        line(3, "1", "10.00", taxes=[]),
        line(4, "1", "0.01", taxes=[{"rate": None}]),
    ]
    found = order(sale(*lines, tax_amount=Decimal("2.60")))
    assert [each.tax_minor for each in found.lines] == [190, 70, 0, 0]


def test_comments_titles_and_lines_without_a_product_do_no_harm() -> None:
    title = line(1, "0", "0", type="title")
    bare = line(2, "1", "3.00", product=None)
    found = order(sale(title, bare))
    assert [(each.line_id, each.sku, each.category) for each in found.lines] == [("2", "", "")]


def test_a_draft_without_a_number_says_nothing_and_one_without_a_date_counts_from_its_making() -> (
    None
):
    assert mapping.sale_events(sale(line(1, "1", "1"), number=None), {}, ZONE, settings()) == []
    found = order(sale(line(1, "1", "1"), state="draft", sale_date=None))
    assert found.status == events_pb2.ORDER_STATUS_DRAFT
    assert found.ordered_at.ToDatetime(ZONE).date() == date(2026, 11, 21), "04:30 in Shanghai"


def test_a_state_or_first_sale_that_is_not_known_stops_and_says_so() -> None:
    with pytest.raises(AdapterError, match="sale 7 is in state 'lost'"):
        order(sale(line(1, "1", "1"), state="lost"))
    with pytest.raises(AdapterError, match="sale 7 takes back the sale with id 3"):
        order(sale(line(1, "-1", "-1"), origin="sale.sale,3"))


def test_goods_sold_in_exchange_for_others_are_an_order_with_tax_of_their_own() -> None:
    first = sale(line(9, "1", "8.00"), id=3, number="3")
    row = sale(
        line(1, "-1", "-8.00"),
        line(2, "1", "10.00"),
        origin="sale.sale,3",
        tax_amount=Decimal("0.38"),
    )
    (event,) = mapping.sale_events(row, {3: first}, ZONE, settings())
    assert [(each.amount_minor, each.tax_minor) for each in event.order.lines] == [(1000, 190)]


def test_names_that_are_not_printable_ascii_are_encoded() -> None:
    found = order(sale(line(1, "1", "1"), party={"id": 5, "code": "客5"}))
    assert found.member.external_id == "%E5%AE%A25"


@pytest.mark.parametrize(
    "value",
    [
        Decimal("58.30"),
        date(2026, 11, 23),
        datetime(2026, 11, 23, 10, 35, 53, 68570, tzinfo=UTC),
    ],
)
def test_values_are_written_as_they_are_read(value: object) -> None:
    assert from_tryton(to_tryton(value)) == value
    assert from_tryton({"__class__": "bytes", "base64": "aGk="})["base64"] == "aGk="
    with pytest.raises(TypeError, match="float cannot be sent"):
        to_tryton(0.5)


def test_settings_that_break_a_rule_are_named() -> None:
    with pytest.raises(AdapterError, match="skus: they are counted in warehouses"):
        settings(skus=["A"])
    with pytest.raises(AdapterError, match="currency"):
        settings(currency="EURO")
    with pytest.raises(AdapterError, match="database"):
        settings(database="a/b")
