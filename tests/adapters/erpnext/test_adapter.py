"""The adapter over HTTP against a strict fake."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from adapters.contract import START
from adapters.erpnext.adapter import Erpnext
from adapters.feed import read_cursor
from pointbook.v1 import events_pb2
from tests.adapters.conformance.shop import Sold
from tests.adapters.erpnext.fake import FakeShop
from tests.adapters.erpnext.site import COMPANY, NOTE, ORDER

MUGS = [Sold("MUG-01", Decimal(2), Decimal("9.99"))]
COFFEE = [Sold("COF-250", Decimal(3), Decimal("7.90")), *MUGS]


def read(erp: Erpnext, cursor: str = START) -> tuple[list[events_pb2.Event], str]:
    events = []
    for change in erp.changes(cursor):
        cursor = change.cursor
        if change.event is not None:
            events.append(change.event)
    return events, cursor


def of(events: list[events_pb2.Event], kind: str) -> list:
    return [getattr(event, kind) for event in events if event.WhichOneof("payload") == kind]


def test_a_sale_its_delivery_and_its_return_arrive_in_this_order(shop: FakeShop) -> None:
    order = shop.sell(COFFEE)
    shop.ship(order, {0: Decimal(2)})
    shop.ship(order)
    shop.take_back(order, {0: Decimal(1)})
    events, _ = read(shop.open())
    kinds = [event.WhichOneof("payload") for event in events]
    assert kinds == [
        *["member"] * 3,
        *["product"] * 4,
        "order",
        "shipment",
        "shipment",
        "return",
        *["stock"] * 3,
    ]
    (sold,) = of(events, "order")
    assert (sold.id, sold.status) == (order, events_pb2.ORDER_STATUS_CONFIRMED)
    assert [line.amount_minor for line in sold.lines] == [2370, 1998]
    first, second = of(events, "shipment")
    assert [line.quantity for line in first.lines] == ["2"]
    assert [line.quantity for line in second.lines] == ["1", "2"]
    (back,) = of(events, "return")
    assert (back.order_id, back.lines[0].line_id) == (order, sold.lines[0].line_id)
    assert back.lines[0].quantity == "1"
    counts = {each.sku: each.quantity for each in of(events, "stock")}
    assert counts == {"COF-250": "9998", "COF-1000": "10000", "MUG-01": "9998"}


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_pages_of_any_size_give_the_same(shop: FakeShop, rows: int) -> None:
    orders = [shop.sell(COFFEE) for _ in range(7)]
    events, cursor = read(shop.open(rows_per_page=rows))
    assert [each.id for each in of(events, "order")] == orders
    again, _ = read(shop.open(rows_per_page=rows), cursor)
    assert [each.id for each in of(again, "order")] == orders


def test_orders_of_other_companies_are_left_out(shop: FakeShop) -> None:
    order = shop.sell(MUGS)
    shop.site.kept[ORDER][shop.sell(MUGS)]["company"] = "Others Ltd"
    events, _ = read(shop.open())
    assert [each.id for each in of(events, "order")] == [order]


def test_a_row_stamped_in_the_future_does_not_hide_what_comes_after(shop: FakeShop) -> None:
    poisoned = shop.sell(MUGS)
    shop.site.kept[ORDER][poisoned]["modified"] = "2999-01-01 00:00:00.000000"
    _, cursor = read(shop.open())
    latest = read_cursor(cursor)["orders"].latest
    assert latest is not None
    assert latest <= datetime.now(UTC)
    order = shop.sell(MUGS)
    events, _ = read(shop.open(overlap=timedelta()), cursor)
    assert [each.id for each in of(events, "order")] == [poisoned, order]


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_off_loses_nothing(shop: FakeShop, hours: int) -> None:
    shop.set_clock(timedelta(hours=hours))
    orders = [shop.sell(MUGS)]
    _, cursor = read(shop.open())
    orders.append(shop.sell(MUGS))
    events, cursor = read(shop.open(), cursor)
    assert [each.id for each in of(events, "order")] == orders
    shop.set_clock(timedelta())
    orders.append(shop.sell(MUGS))
    events, _ = read(shop.open(), cursor)
    assert orders[-1] in [each.id for each in of(events, "order")]


def test_what_is_committed_late_with_an_early_stamp_is_found(shop: FakeShop) -> None:
    slow = [shop.sell(MUGS, confirm=False) for _ in range(3)]
    commit = shop.confirm_together(slow)
    fast = shop.sell(MUGS)
    events, cursor = read(shop.open())
    confirmed = events_pb2.ORDER_STATUS_CONFIRMED
    assert [each.id for each in of(events, "order") if each.status == confirmed] == [fast]
    commit()
    events, _ = read(shop.open(), cursor)
    assert [each.id for each in of(events, "order") if each.status == confirmed] == [*slow, fast]


def test_a_draft_whose_lines_change_is_the_same_order(shop: FakeShop) -> None:
    order = shop.sell(COFFEE, confirm=False)
    (before,) = of(read(shop.open())[0], "order")
    shop.amend(order, {1: Decimal(4)})
    (after,) = of(read(shop.open())[0], "order")
    assert (after.id, after.status) == (order, events_pb2.ORDER_STATUS_DRAFT)
    assert [line.line_id for line in after.lines] == [line.line_id for line in before.lines]
    assert [line.quantity for line in after.lines] == ["3", "4"]


def test_what_no_document_carries_changes_no_event(shop: FakeShop) -> None:
    order = shop.sell(MUGS)
    before, cursor = read(shop.open())
    shop.touch(order)
    after, _ = read(shop.open(), cursor)
    assert of(before, "order") == of(after, "order")


def test_a_cancelled_order_says_when(shop: FakeShop) -> None:
    order = shop.sell(MUGS)
    shop.ship(order)
    shop.cancel(order)
    events, _ = read(shop.open())
    (cancelled,) = of(events, "order")
    assert cancelled.status == events_pb2.ORDER_STATUS_CANCELLED
    age = datetime.now(UTC) - cancelled.changed_at.ToDatetime(UTC)
    assert timedelta() <= age < timedelta(minutes=1)
    (shipment,) = of(events, "shipment")
    assert shipment.status == events_pb2.DOCUMENT_STATUS_CANCELLED


def test_an_order_may_be_amended_again(shop: FakeShop) -> None:
    order = shop.sell(MUGS)
    shop.amend(order, {0: Decimal(5)})
    shop.amend(f"{order}-1", {0: Decimal(6)})
    live = [
        each
        for each in of(read(shop.open())[0], "order")
        if each.status == events_pb2.ORDER_STATUS_CONFIRMED
    ]
    assert [(each.id, each.lines[0].quantity) for each in live] == [(f"{order}-2", "6")]


def test_an_amended_order_is_another_order(shop: FakeShop) -> None:
    order = shop.sell(MUGS)
    shop.amend(order, {0: Decimal(5)})
    old, new = of(read(shop.open())[0], "order")
    assert (old.id, old.status) == (order, events_pb2.ORDER_STATUS_CANCELLED)
    assert (new.id, new.status) == (f"{order}-1", events_pb2.ORDER_STATUS_CONFIRMED)
    assert new.lines[0].quantity == "5"


def test_a_submitted_order_whose_items_are_updated_is_the_same_order(shop: FakeShop) -> None:
    order = shop.sell(MUGS)
    (before,) = of(read(shop.open())[0], "order")
    shop.update_items(order, {0: Decimal(5)})
    (after,) = of(read(shop.open())[0], "order")
    assert (after.id, after.status) == (order, events_pb2.ORDER_STATUS_CONFIRMED)
    assert after.lines[0].line_id == before.lines[0].line_id
    assert (after.lines[0].quantity, after.lines[0].amount_minor) == ("5", 4995)


def test_a_discount_on_the_whole_is_taken_off_every_line(shop: FakeShop) -> None:
    items = [
        {"item_code": sku, "qty": 1, "rate": 9.99} for sku in ("COF-250", "COF-1000", "MUG-01")
    ]
    head = {"customer": "Customer 000", "company": COMPANY, "docstatus": 1}
    off = {"apply_discount_on": "Net Total", "discount_amount": 10.0}
    shop.site.insert(ORDER, head | off | {"items": items})
    (order,) = of(read(shop.open())[0], "order")
    # 29.97 less 10.00 is 19.97: 6.66 three times, less the cent that the last one lacks.
    assert [line.amount_minor for line in order.lines] == [666, 666, 665]


def test_a_note_for_two_orders_is_a_shipment_of_each(shop: FakeShop) -> None:
    first, second = shop.sell(MUGS), shop.sell(MUGS)
    notes = [shop.site.draft_note(shop.site.get(ORDER, order)) for order in (first, second)]
    lines = [line for note in notes for line in note["items"]]
    name = shop.site.insert(NOTE, notes[0] | {"docstatus": 1, "items": lines})["name"]
    shipments = of(read(shop.open())[0], "shipment")
    assert [(each.id, each.order_id) for each in shipments] == [
        (f"{name}.{first}", first),
        (f"{name}.{second}", second),
    ]


def test_a_return_that_only_names_the_note_finds_its_order_line(shop: FakeShop) -> None:
    order = shop.sell(MUGS)
    shop.ship(order)
    shop.take_back(order, {0: Decimal(2)})
    for note in shop.site.kept[NOTE].values():
        if note["is_return"]:
            note["items"][0] |= {"so_detail": None, "against_sales_order": None}
    events, _ = read(shop.open())
    (back,), (sold,) = of(events, "return"), of(events, "order")
    assert (back.order_id, back.lines[0].line_id) == (order, sold.lines[0].line_id)


def test_a_note_without_an_order_is_nothing_of_ours(shop: FakeShop) -> None:
    order = shop.sell(MUGS)
    shop.ship(order)
    for note in shop.site.kept[NOTE].values():
        note["items"][0] |= {"so_detail": None, "against_sales_order": None}
    assert of(read(shop.open())[0], "shipment") == []


def test_documents_are_read_again_by_day(shop: FakeShop) -> None:
    today = date.today()  # noqa: DTZ011 – in whatever zone, the days below hold it
    old = shop.sell(MUGS, on=today - timedelta(days=30))
    new = shop.sell(MUGS, on=today)
    shop.ship(new)
    erp = shop.open(rows_per_page=1)
    recent = list(erp.documents(today - timedelta(days=2), today + timedelta(days=2)))
    assert [event.WhichOneof("payload") for event in recent] == ["order", "shipment"]
    assert recent[0].order.id == new
    earlier = list(erp.documents(today - timedelta(days=31), today - timedelta(days=29)))
    assert [event.order.id for event in earlier] == [old]


def test_many_documents_fit_into_request_lines(shop: FakeShop) -> None:
    orders = [shop.sell(COFFEE) for _ in range(450)]
    events, _ = read(shop.open(rows_per_page=1000))
    assert [each.id for each in of(events, "order")] == orders
    assert all(len(each.lines) == 2 for each in of(events, "order"))
