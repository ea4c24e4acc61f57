"""Times, money and names at their edges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import AdapterError
from adapters.erpnext import deliveries, mapping
from adapters.erpnext.clock import posted, since_text, stamp
from adapters.erpnext.deliveries import OrderLine
from adapters.erpnext.money import Price, price, rate_to_book
from adapters.erpnext.settings import ErpnextSettings
from adapters.settings import validated
from adapters.wire_values import spread
from tests.adapters.erpnext import strict
from tests.adapters.erpnext.fake import SETTINGS
from tests.adapters.erpnext.test_recorded import HERE, NOW, as_rows

BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def settings(**more: Any) -> ErpnextSettings:
    return ErpnextSettings.model_validate({"url": "http://erp.test", **SETTINGS, **more})


def test_a_stamp_is_local_to_the_site() -> None:
    assert stamp("2026-11-23 11:34:03.335595", BERLIN) == utc(2026, 11, 23, 10, 34, 3, 335595)
    assert stamp("2026-07-01 00:30:00", BERLIN) == utc(2026, 6, 30, 22, 30)
    assert stamp("2026-11-23 16:04:03", KOLKATA) == utc(2026, 11, 23, 10, 34, 3)


def test_what_is_no_stamp_is_said_so() -> None:
    with pytest.raises(AdapterError, match="'yesterday' is not a time of ERPNext"):
        stamp("yesterday", BERLIN)
    with pytest.raises(AdapterError, match="is not a posting time"):
        posted("2026-11-23", "noon", BERLIN)


@pytest.mark.parametrize(
    ("text", "seconds", "micros"),
    [
        ("11:34:2.442765", 2, 442765),  # not padded
        ("11:34:3.25202", 3, 252020),  # and cut: .25202 is .252020
        ("11:34:02", 2, 0),
        ("11:34:59.1234567", 59, 123456),
    ],
)
def test_posting_times_are_not_padded(text: str, seconds: int, micros: int) -> None:
    assert posted("2026-11-23", text, BERLIN) == utc(2026, 11, 23, 10, 34, seconds, micros)


def test_a_posting_without_a_time_is_when_the_day_begins() -> None:
    assert posted("2026-11-23", None, BERLIN) == utc(2026, 11, 22, 23)
    assert posted("2026-11-23", "0:00:00", BERLIN) == utc(2026, 11, 22, 23)


# Berlin, 25 October 2026: at 01:00 UTC 03:00 becomes 02:00 again. Berlin, 29 March: at 01:00 UTC 02:00 becomes 03:00.
def test_an_hour_that_comes_twice_is_its_first_run() -> None:
    assert stamp("2026-10-25 02:30:00", BERLIN) == utc(2026, 10, 25, 0, 30)


@pytest.mark.parametrize(
    ("since", "text"),
    [
        (utc(2026, 11, 23, 10, 34), "2026-11-23 11:34:00.000000"),
        (utc(2026, 10, 24, 23, 55), "2026-10-25 01:55:00.000000"),
        (utc(2026, 10, 25, 0, 49), "2026-10-25 01:49:00.000000"),  # 02:49, first run
        (utc(2026, 10, 25, 1, 49), "2026-10-25 01:49:00.000000"),  # 02:49, second run
        (utc(2026, 10, 25, 2, 5), "2026-10-25 03:05:00.000000"),
        (utc(2026, 3, 29, 1, 5), "2026-03-29 03:05:00.000000"),
    ],
)
def test_reading_on_from_an_hour_that_comes_twice_begins_an_hour_before(
    since: datetime, text: str
) -> None:
    assert since_text(since, BERLIN) == text


NIGHT = st.integers(0, 6 * 3600).map(lambda n: utc(2026, 10, 24, 22) + timedelta(seconds=n))


@given(seen=NIGHT, later=NIGHT)
def test_nothing_written_later_is_ever_passed_over(seen: datetime, later: datetime) -> None:
    """Whatever was seen last that night, what is written at or after it is found from there."""
    if later < seen:
        seen, later = later, seen
    written = [each.astimezone(BERLIN).strftime("%Y-%m-%d %H:%M:%S.%f") for each in (seen, later)]
    assert written[1] >= since_text(stamp(written[0], BERLIN), BERLIN)


def test_tax_is_spread_with_nothing_lost() -> None:
    weights = [Decimal("23.70"), Decimal("19.98"), Decimal("4.90")]
    assert spread(923, weights) == [450, 380, 93]
    assert spread(-923, [-each for each in weights]) == spread(-923, weights)
    assert sum(spread(-923, weights)) == -923
    assert spread(100, [Decimal(0), Decimal(0)]) == [100, 0]
    assert spread(0, [Decimal(1)]) == [0]
    assert spread(5, []) == []


@given(
    st.integers(-(10**9), 10**9),
    st.lists(st.decimals(0, 10**6, places=2), min_size=1, max_size=20),
)
def test_the_parts_are_always_the_whole(total: int, weights: list[Decimal]) -> None:
    parts = spread(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    if whole:
        assert all(
            abs(part - total * weight / whole) < 1
            for part, weight in zip(parts, weights, strict=True)
        )


def test_an_order_with_tax_and_in_another_currency() -> None:
    rows = as_rows(strict.answer("sale.read"), mapping.ORDER_FIELDS)
    dollars = {
        "currency": "USD",
        "conversion_rate": Decimal("0.8612345678901"),
        "total_taxes_and_charges": Decimal("9.23"),
    }
    found = mapping.order([row | dollars for row in rows], HERE).order
    assert (found.currency_code, found.rate_to_book) == ("USD", "0.8612345679")
    assert [line.tax_minor for line in found.lines] == [450, 380, 93]


def test_a_yen_has_no_decimals() -> None:
    rows = as_rows(strict.answer("cancel", "GET"), mapping.ORDER_FIELDS)
    yen = {"currency": "JPY", "net_amount": Decimal("1999.0"), "conversion_rate": Decimal("0.0062")}
    found = mapping.order([rows[0] | yen], HERE).order
    assert (found.lines[0].amount_minor, found.rate_to_book) == (1999, "0.0062")


def test_the_rate_to_a_book_of_another_currency_is_never_guessed() -> None:
    swiss, one = {"currency": "CHF", "company_currency": "EUR"}, Decimal(1)
    assert rate_to_book("EUR", one, settings(**swiss)) == ""
    assert rate_to_book("CHF", Decimal("1.07"), settings(**swiss)) == ""
    told = settings(**swiss, rates={"EUR": "0.93"})
    assert rate_to_book("EUR", one, told) == "0.93"


@pytest.mark.parametrize(
    ("minor", "pieces", "expected"),
    [(0, 2, Price(0, 0)), (1000, 2, Price(500, 0)), (1000, 3, Price(334, 2)), (1, 3, Price(1, 2))],
)
def test_prices_add_up_to_what_is_paid(minor: int, pieces: int, expected: Price) -> None:
    found = price(minor, pieces)
    assert found == expected
    assert found.each_minor * pieces - found.off_minor == minor


def test_names_beyond_ascii_are_percent_encoded() -> None:
    rows = as_rows(strict.answer("cancel", "GET"), mapping.ORDER_FIELDS)
    odd = {"customer": "Café Müller", "item_code": "Tee-Ä", "item_group": "Getränke"}
    found = mapping.order([rows[0] | odd], HERE).order
    assert found.member.external_id == "Caf%C3%A9%20M%C3%BCller"
    assert (found.lines[0].sku, found.lines[0].category) == ("Tee-%C3%84", "Getränke")
    person = strict.answer("loyalty") | {"name": "Café Müller", "customer_name": "Café Müller"}
    named = mapping.member(person, HERE).member
    assert (named.id, named.display_name) == ("Caf%C3%A9%20M%C3%BCller", "Café Müller")


def test_a_disabled_customer_is_no_longer_active() -> None:
    assert not mapping.member(strict.answer("loyalty") | {"disabled": 1}, HERE).member.is_active


def test_a_valuation_rate_is_the_unit_cost_when_the_book_keeps_the_company_currency() -> None:
    item = strict.answer("seed", "POST /api/resource/Item") | {"valuation_rate": Decimal("3.005")}
    assert mapping.product(item, HERE).product.unit_cost_minor == 301
    assert not mapping.product(
        item, settings(currency="CHF", company_currency="EUR")
    ).product.HasField("unit_cost_minor")


def test_an_order_without_lines_and_a_free_item() -> None:
    rows = as_rows(strict.answer("cancel", "GET"), mapping.ORDER_FIELDS)
    empty = dict.fromkeys(rows[0]) | {key: rows[0][key] for key in rows[0] if "item" not in key}
    assert not mapping.order([empty | {"line": None}], HERE).order.lines
    assert mapping.order([rows[0] | {"is_free_item": 1}], HERE).order.lines[0].is_gift


@pytest.mark.parametrize(("held", "counted"), [("2.9", "2"), ("-3.0", "0"), ("0.0", "0")])
def test_counts_are_whole_pieces_and_never_less_than_none(held: str, counted: str) -> None:
    row = strict.answer("bin")[0] | {"actual_qty": Decimal(held)}
    assert mapping.stock(row, HERE, NOW).stock.quantity == counted


def test_a_docstatus_that_frappe_does_not_have_is_an_error() -> None:
    rows = as_rows(strict.answer("cancel", "GET"), mapping.ORDER_FIELDS)
    with pytest.raises(AdapterError, match="docstatus 3 is none of 0, 1 and 2"):
        mapping.order([rows[0] | {"docstatus": 3}], HERE)


def note(*lines: dict[str, Any], **head: Any) -> list[dict[str, Any]]:
    row = as_rows(strict.answer("return", "POST /api/resource"), deliveries.DELIVERY_FIELDS)[0]
    return [row | head | line for line in lines]


def test_boxes_come_back_in_pieces() -> None:
    """Quantities are in stock units: the note may be in another unit than the order."""
    (back,) = deliveries.events(note({"stock_qty": Decimal("-12.0")}), {}, {}, HERE)
    assert getattr(back, "return").lines[0].quantity == "12"


def test_two_lines_of_a_note_for_one_order_line_are_one() -> None:
    lines = [{"stock_qty": Decimal(-1)}, {"stock_qty": Decimal("-0.5")}]
    (back,) = deliveries.events(note(*lines), {}, {}, HERE)
    assert [each.quantity for each in getattr(back, "return").lines] == ["1.5"]


def test_a_returned_line_may_only_name_the_line_that_shipped_it() -> None:
    rows = note({"so_detail": None, "against_sales_order": None})
    assert deliveries.lacks_origin(rows[0])
    assert list(deliveries.events(rows, {}, {}, HERE)) == []
    origins = {rows[0]["dn_detail"]: OrderLine("SO-9", "l1")}
    (back,) = deliveries.events(rows, origins, {}, HERE)
    assert getattr(back, "return").order_id == "SO-9"


def test_a_redemption_that_comes_back_is_a_redemption_return() -> None:
    references = {"SAL-ORD-2026-00001": "pointbook:R7"}
    (back,) = deliveries.events(note({}), {}, references, HERE)
    assert (back.redemption_return.redemption_id, back.redemption_return.lines[0].quantity) == (
        "R7",
        "1",
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"time_zone": "Berlin"}, "time_zone: Value error, 'Berlin' is no IANA time zone"),
        ({"currency": "EURO"}, "currency: Value error, currency 'EURO' is not an ISO 4217 code"),
        ({"currency": ""}, "currency: name the book's"),
        ({"warehouses": {}}, "skus: they are counted in warehouses"),
        ({"url": "erp.test"}, "url: String should match pattern"),
        ({"warehouses": {"A": "Stores", "B": "Stores"}}, "two codes name the same warehouse"),
        ({"compny": "x"}, "compny: Extra inputs are not permitted"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(AdapterError, match=r"^\[erp\]: ") as raised:
        validated(ErpnextSettings, {"url": "http://erp.test", **SETTINGS, **wrong}, "[erp]")
    assert said in str(raised.value)
