"""What was recorded of a live server, as exactly the events it has to become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from google.protobuf import text_format

from adapters.erpnext import deliveries, mapping
from adapters.erpnext.rest import answered_key
from adapters.erpnext.settings import ErpnextSettings
from pointbook.v1 import events_pb2
from tests.adapters.erpnext import strict
from tests.adapters.erpnext.fake import SETTINGS

HERE = ErpnextSettings.model_validate({"url": "http://erp.test", **SETTINGS})
NOW = datetime(2026, 11, 23, 10, 34, 6, tzinfo=UTC)  # 11:34:06 in Berlin


def as_rows(document: Mapping[str, Any], fields: Sequence[str]) -> list[dict[str, Any]]:
    """Returns a whole document as a list gives it: one row for each line."""
    rows = []
    for line in document["items"]:
        row = {}
        for field in fields:
            name = field.partition(" as ")[0]
            table, _, of_line = name.rpartition(".")
            value = line.get(of_line) if table else document.get(name)
            row[answered_key(field)] = Decimal(str(value)) if isinstance(value, float) else value
        rows.append(row)
    return rows


def order(step: str, request: str = "") -> events_pb2.Event:
    return mapping.order(as_rows(strict.answer(step, request), mapping.ORDER_FIELDS), HERE)


def delivered(step: str, request: str = "") -> list[events_pb2.Event]:
    rows = as_rows(strict.answer(step, request), deliveries.DELIVERY_FIELDS)
    return list(deliveries.events(rows, {}, {}, HERE))


def event(text: str) -> events_pb2.Event:
    return text_format.Parse(text, events_pb2.Event())


SALE = """
order {
  id: "SAL-ORD-2026-00001" status: ORDER_STATUS_CONFIRMED
  ordered_at { seconds: 1795388400 }  # 23 November 2026, 00:00 in Berlin
  member { external_id: "Customer 000" }
  currency_code: "EUR"
  lines { line_id: "og34n6s3e1" sku: "COF-250" category: "Products" quantity: "3" amount_minor: 2370 description: "Coffee 250 g" }
  lines { line_id: "og3dbghmcm" sku: "MUG-01" category: "Products" quantity: "2" amount_minor: 1998 description: "Mug" }
  lines { line_id: "og3p530vpt" sku: "DELIV" category: "Products" quantity: "1" amount_minor: 490 description: "Delivery" }
}
"""


def test_the_sale_of_48_58_has_its_three_lines() -> None:
    assert order("sale.read") == event(SALE)
    assert 2370 + 1998 + 490 == 4858


def test_delivery_and_return_move_the_stamp_and_the_status_and_change_nothing() -> None:
    sold, later = strict.answer("sale.read"), strict.answer("return", "GET /api/resource/Sales")
    assert (sold["status"], later["status"]) == ("To Deliver and Bill", "To Deliver")
    assert sold["modified"] < later["modified"]
    assert order("return", "GET /api/resource/Sales") == event(SALE)


def test_its_delivery_note_is_a_shipment() -> None:
    assert delivered("dn", "POST /api/resource") == [
        event("""
        shipment {
          id: "MAT-DN-2026-00001" status: DOCUMENT_STATUS_DONE
          shipped_at { seconds: 1795430042 nanos: 442765000 }  # 11:34:2.442765
          order_id: "SAL-ORD-2026-00001"
          lines { line_id: "og34n6s3e1" quantity: "3" }
          lines { line_id: "og3dbghmcm" quantity: "2" }
          lines { line_id: "og3p530vpt" quantity: "1" }
        }
        """)
    ]


def test_the_return_of_one_pack_names_the_order_and_its_line() -> None:
    assert delivered("return", "POST /api/resource") == [
        event("""
        return {
          id: "MAT-DN-2026-00002" status: DOCUMENT_STATUS_DONE
          returned_at { seconds: 1795430043 nanos: 252020000 }  # 11:34:3.25202
          order_id: "SAL-ORD-2026-00001"
          lines { line_id: "og34n6s3e1" quantity: "1" }
        }
        """)
    ]


def test_a_cancelled_note_is_a_cancelled_shipment() -> None:
    (gone,) = delivered("close.dncancel", "GET /api/resource/Delivery Note")
    assert (gone.shipment.id, gone.shipment.status) == (
        "MAT-DN-2026-00003",
        events_pb2.DOCUMENT_STATUS_CANCELLED,
    )


CANCELLED = """
order {
  id: "SAL-ORD-2026-00002" status: ORDER_STATUS_CANCELLED
  ordered_at { seconds: 1795388400 } member { external_id: "Customer 001" } currency_code: "EUR"
  lines { line_id: "%s" sku: "COF-1000" category: "Products" quantity: "10" amount_minor: 24500 description: "Coffee 1 kg" }
  changed_at { seconds: 1795430043 nanos: 891032000 }  # 11:34:03.891032
}
"""


def test_a_cancelled_order_and_the_one_amended_from_it() -> None:
    line = strict.answer("cancel", "GET")["items"][0]["name"]
    assert order("cancel", "GET") == event(CANCELLED % line)
    amended = order("amend").order
    assert (amended.id, amended.status) == (
        "SAL-ORD-2026-00002-1",
        events_pb2.ORDER_STATUS_CONFIRMED,
    )
    assert [each.amount_minor for each in amended.lines] == [24500]
    assert not amended.HasField("changed_at")


def test_a_submitted_order_whose_status_still_says_draft_is_confirmed() -> None:
    said = strict.answer("cancel", "POST /api/resource")
    assert (said["status"], said["docstatus"]) == ("Draft", 1)
    assert order("cancel", "POST /api/resource").order.status == events_pb2.ORDER_STATUS_CONFIRMED


def test_a_customer_is_a_member() -> None:
    assert mapping.member(strict.answer("loyalty"), HERE) == event("""
        member {
          id: "Customer 000" is_active: true display_name: "Customer 000"
          joined_at { seconds: 1795430041 nanos: 755730000 }  # 11:34:01.755730
        }
    """)


def test_an_item_is_a_product_whose_cost_is_not_known() -> None:
    assert mapping.product(strict.answer("seed", "POST /api/resource/Item"), HERE) == event("""
        product {
          sku: "COF-250" category: "Products" description: "Coffee 250 g"
          changed_at { seconds: 1795430040 nanos: 927997000 }  # 11:34:00.927997
        }
    """)


def test_bins_are_counts() -> None:
    counts = [mapping.stock(row, HERE, NOW).stock for row in strict.answer("bin")]
    assert [(each.id, each.warehouse, each.quantity) for each in counts] == [
        ("MAIN/MUG-01", "MAIN", "9998"),
        ("MAIN/COF-250", "MAIN", "9998"),
        ("MAIN/COF-1000", "MAIN", "10000"),
    ]
    assert {each.counted_at.ToDatetime(UTC) for each in counts} == {NOW}
    assert {each.kind for each in counts} == {events_pb2.STOCK_KIND_COUNTED}
