"""JSON documents to events, and what is said about those that break the mapping."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.json_mapping.mapping import (
    TooMany,
    parse_json_mapping,
)
from adapters.json_mapping.money import included_tax
from adapters.json_mapping.refused import as_body
from adapters.json_mapping.values import JsonInvalid, parse_json
from adapters.wire_values import exponent
from pointbook.v1 import events_pb2
from tests.adapters.generic.example import BODY, mapping, order, unversioned

HEAD = """
format = 1
[money]
currency = { constant = "EUR" }
amounts = "net"
[[documents]]
"""
ORDER = """kind = "order"
id = "$.id"
status = "confirmed"
ordered_at = "$.at"
"""
LINE = """[documents.line]
each = "$.lines[*]"
"""


def read(text: str, document: Any) -> list[events_pb2.Event]:
    found = parse_json_mapping(text).read_document(parse_json(as_body(document)))
    assert found.problem == ""
    return found.events


def problem(text: str, document: Any) -> str:
    found = parse_json_mapping(text).read_document(parse_json(as_body(document)))
    assert not found.events
    return found.problem


def test_the_documented_body_is_an_order_a_shipment_and_a_return() -> None:
    found = [event for each in mapping().read(parse_json(BODY)) for event in each.events]

    assert [each.event_id for each in found] == [
        "order:SO-7:1772409600000",
        "shipment:P-9:1772409600000",
        "return:CR-3:1773014400000",
    ]
    sold = found[0].order
    assert (sold.status, sold.member.external_id, sold.store, sold.channel) == (
        events_pb2.ORDER_STATUS_CONFIRMED,
        "K-17",
        "S1",
        "web",
    )
    assert sold.ordered_at.ToJsonString() == "2026-03-01T01:30:00Z"
    tea, cup = sold.lines
    assert (tea.amount_minor, tea.tax_minor, tea.quantity, tea.category) == (2000, 380, "2", "tea")
    assert (cup.amount_minor, cup.is_gift, cup.category) == (0, True, "other")
    assert found[1].shipment.order_id == "SO-7"
    assert [(each.line_id, each.quantity) for each in found[1].shipment.lines] == [
        ("1", "2"),
        ("2", "1"),
    ]
    back = getattr(found[2], "return")
    assert (back.order_id, back.lines[0].amount_minor, back.lines[0].tax_minor) == (
        "SO-7",
        1000,
        190,
    )


def test_one_wrong_document_does_not_keep_the_others_back() -> None:
    body = {"data": [order(), order(number="SO-8", state="lost"), order(number="SO-9")]}

    found = list(mapping().read(body))

    assert [len(each.events) for each in found] == [1, 0, 1]
    assert found[1].problem == (
        "document 2: order:SO-8: $.state is 'lost', which is none of its values open, paid, done, void"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"number": None}, "document 1: order: $.number is missing or empty, but required"),
        ({"number": {"a": 1}}, "document 1: order: $.number is an object, a text or number was expected"),
        ({"placed": "yesterday"}, "document 1: order:SO-7: $.placed is 'yesterday', a time (iso8601) was expected"),
        ({"currency": "EURO"}, "document 1: order:SO-7: $.currency: currency 'EURO' is not an ISO 4217 code"),
        ({"changed": "0001-01-01T00:00:00Z"}, "document 1: order:SO-7: $.changed gives version -62135596800000, 1 or more was expected"),
        ({"type": "memo"}, "document 1: no section's conditions hold, and no section says to ignore it"),
        ({"number": "SO\ud800"}, "document 1: order: $.number holds half of a surrogate pair, which is no text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_document_path_and_rule(
    changes: dict[str, Any], said: str
) -> None:
    assert mapping().read_document(order(**changes)).problem == said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"total": "12,50"}, "line 1: @.total is '12,50', a decimal number was expected"),
        ({"total": None}, "line 1: @.total is missing or empty, but required"),
        ({"total": True}, "line 1: @.total is 'true', a decimal number was expected"),
        ({"total": 10**18}, f"line 1: @.total is '{10**18}', which has more than 18 digits"),
        ({"total": "1e999"}, "line 1: @.total is '1e999', which has more than 18 digits"),
        ({"qty": "0.0000001"}, "line 1: @.qty is 1E-7, at most 6 decimals are taken"),
        ({"vat": 100}, "line 1: @.vat is 100, a tax rate from 0 to 99.99 % was expected"),
        ({"no": 2}, "$.lines[*]: two lines have the same id"),
    ],
)
def test_what_is_wrong_with_a_line_is_named_with_its_number(
    line: dict[str, Any], said: str
) -> None:
    document = order()
    document["lines"][0] |= line
    assert mapping().read_document(document).problem == f"document 1: order:SO-7: {said}"


def test_a_document_without_version_is_left_to_the_spool_to_number() -> None:
    (event,) = parse_json_mapping(unversioned()).read_document(order()).events
    assert (event.event_id, event.order.version) == ("", 0)


def test_a_guest_is_an_order_without_member() -> None:
    for customer in ({}, {"no": None}, {"no": ""}, {"no": " "}):
        (event,) = mapping().read_document(order(customer=customer)).events
        assert not event.order.HasField("member")


def test_an_order_number_that_is_no_ascii_is_percent_encoded() -> None:
    (event,) = mapping().read_document(order(number="销售-7")).events
    assert event.order.id == "%E9%94%80%E5%94%AE-7"


def test_too_many_documents_in_one_body_are_refused_at_once() -> None:
    with pytest.raises(TooMany, match="10001 documents"):
        list(mapping().read({"data": [{}] * 10_001}))


@pytest.mark.parametrize(
    ("said", "zone", "expected"),
    [
        ("2026-03-01T09:30:00+08:00", "UTC", "2026-03-01T01:30:00Z"),
        ("2026-03-01", "Europe/Berlin", "2026-02-28T23:00:00Z"),
        ("01.03.2026 09:30", "Europe/Berlin", "2026-03-01T08:30:00Z"),
        (1772328600, "UTC", "2026-03-01T01:30:00Z"),
        ("1772328600000", "UTC", "2026-03-01T01:30:00Z"),
        ("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T00:30:00Z"),  # comes twice: the first
    ],
)
def test_times_are_read_in_every_format_and_zone(said: Any, zone: str, expected: str) -> None:
    formats = ["iso8601", "%d.%m.%Y %H:%M", "unix"]
    if isinstance(said, str) and said.isdigit():
        formats = ["unix_ms"]
    when = f'{{ path = "$.at", formats = {json.dumps(formats)}, zone = "{zone}" }}'
    text = HEAD + ORDER.replace('"$.at"', when) + LINE + 'amount = "@.a"'
    (event,) = read(text, {"id": 1, "at": said, "lines": []})
    assert event.order.ordered_at.ToJsonString() == expected


def test_a_time_the_clocks_skipped_is_refused() -> None:
    said = problem(
        f'format = 1\n[time]\nzone = "Europe/Berlin"\n{HEAD.replace("format = 1", "")}{ORDER}{LINE}amount = "@.a"',
        {"id": 1, "at": "2026-03-29T02:30:00", "lines": []},
    )
    assert "does not exist in Europe/Berlin" in said


@pytest.mark.parametrize(
    ("amounts", "unit", "tax", "line", "net", "part"),
    [
        ("net", "major", "", {"a": "10.005"}, 1001, 0),
        ("net", "major", '{ percent = "@.t" }', {"a": 100, "t": 19}, 10000, 1900),
        ("net", "major", '{ amount = "@.t" }', {"a": 100, "t": "18.99"}, 10000, 1899),
        ("gross", "major", '{ percent = "@.t" }', {"a": 119, "t": 19}, 10000, 1900),
        ("gross", "major", '{ amount = "@.t" }', {"a": 119, "t": "18.99"}, 10001, 1899),
        ("gross", "minor", '{ amount = "@.t" }', {"a": 11900, "t": 1900}, 10000, 1900),
        ("gross", "major", '{ percent = "@.t" }', {"a": -119, "t": 19}, -10000, -1900),
    ],
)
def test_net_and_tax_follow_from_what_is_written(
    amounts: str, unit: str, tax: str, line: dict[str, Any], net: int, part: int
) -> None:
    head = HEAD.replace('"net"', f'"{amounts}"\nunit = "{unit}"')
    text = f'{head}{ORDER}{LINE}amount = "@.a"\n' + (f"tax = {tax}" if tax else "")
    (event,) = read(text, {"id": 1, "at": "2026-01-01", "lines": [line]})
    assert (event.order.lines[0].amount_minor, event.order.lines[0].tax_minor) == (net, part)


def test_half_a_minor_unit_is_no_amount() -> None:
    head = HEAD.replace('"net"', '"net"\nunit = "minor"')
    text = f'{head}{ORDER}{LINE}amount = "@.a"'
    said = problem(text, {"id": 1, "at": "2026-01-01", "lines": [{"a": Decimal("12.5")}]})
    assert "@.a is 12.5, a whole number of minor units was expected" in said


def test_quantity_times_price_is_rounded_once_on_the_line() -> None:
    text = f'{HEAD}{ORDER}{LINE}quantity = "@.q"\namount = {{ quantity = "@.q", price = "@.p" }}'
    (event,) = read(text, {"id": 1, "at": "2026-01-01", "lines": [{"q": 3, "p": "1.115"}]})
    assert event.order.lines[0].amount_minor == 335  # 3.345


@given(
    minor=st.integers(-(10**15), 10**15),
    currency=st.sampled_from(["EUR", "JPY", "KWD", "CLF", "CNY"]),
    as_text=st.booleans(),
    zeros=st.integers(0, 2),
)
def test_every_amount_comes_through_json_exactly(
    minor: int, currency: str, as_text: bool, zeros: int
) -> None:
    amount = format(Decimal(minor).scaleb(-exponent(currency)), "f")
    amount += "0" * zeros if "." in amount else ""
    line = f'{{"a": "{amount}"}}' if as_text else f'{{"a": {amount}}}'
    body = parse_json(f'{{"id": 1, "at": "2026-01-01", "lines": [{line}]}}'.encode())
    (event,) = CURRENCIES[currency].read_document(body).events
    assert event.order.lines[0].amount_minor == minor


CURRENCIES = {
    code: parse_json_mapping(f'{HEAD.replace("EUR", code)}{ORDER}{LINE}amount = "@.a"')
    for code in ("EUR", "JPY", "KWD", "CLF", "CNY")
}


@given(gross=st.integers(-(10**12), 10**12), percent=st.decimals(0, 99, places=2))
def test_tax_inside_a_gross_amount_is_within_half_a_unit(gross: int, percent: Decimal) -> None:
    tax = included_tax(gross, percent)
    assert abs((gross - tax) * (100 + percent) - gross * 100) <= (100 + percent) / 2


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)  # fmt: skip
def test_whatever_a_document_is_it_is_taken_or_refused_and_written_down_as_it_was(
    document: Any,
) -> None:
    again = parse_json(as_body(document))
    assert again == document or not isinstance(document, dict | list)
    found = mapping().read_document(again)
    assert bool(found.problem) != bool(found.events)


def test_the_other_kinds_are_read() -> None:
    text = """
format = 1
items = "$.rows[*]"
[money]
currency = { constant = "EUR" }
amounts = "net"
[[documents]]
kind = "member"
when = [{ path = "$.t", equals = "m" }]
id = "$.id"
joined_at = "$.at"
phone = "$.phone"
cards = "$.cards[*]"
tier = "$.tier"
inactive = { path = "$.closed", exists = true }
[[documents]]
kind = "product"
when = [{ path = "$.t", in = ["p", "q"] }]
id = "$.sku"
changed_at = "$.at"
unit_cost = "$.cost"
[[documents]]
kind = "activity"
when = [{ path = "$.t", starts_with = "act" }]
id = { join = ["$.who", "$.n"], separator = "-" }
activity = "$.what"
happened_at = "$.at"
member = { path = "$.who", known_as = "phone" }
[[documents]]
kind = "stock"
when = [{ path = "$.t", equals = 8 }]
id = { join = ["$.sku", "$.house"] }
counted_at = "$.at"
sku = "$.sku"
warehouse = "$.house"
quantity = "$.pieces"
[[documents]]
kind = "redemption_shipment"
when = [{ path = "$.t", equals = "rs" }]
id = "$.id"
shipped_at = "$.at"
redemption_id = "$.ref"
[[documents]]
kind = "redemption_return"
when = [{ path = "$.t", equals = "rr" }]
id = "$.id"
returned_at = "$.at"
redemption_id = "$.ref"
damaged = { path = "$.broken", equals = true }
[documents.line]
each = "$.lines[*]"
id = "@.n"
quantity = "@.q"
"""
    at = {"at": "2026-01-01"}
    rows = [
        {"t": "m", "id": 5, "phone": "+86 138-0013-8000", "cards": ["C1", "C2"], "tier": "gold", **at},
        {"t": "q", "sku": "A", "cost": Decimal("1.23"), **at},
        {"t": "activity", "who": "+4915112345678", "n": 3, "what": "review", **at},
        {"t": 8, "sku": "A", "house": "W", "pieces": 40, **at},
        {"t": "rs", "id": "D1", "ref": "pointbook:R17", **at},
        {"t": "rr", "id": "B1", "ref": "R17", "broken": True, "lines": [{"n": 1, "q": 1}], **at},
        {"t": "activity", "who": "0151", "n": 4, "what": "review", **at},
    ]  # fmt: skip
    found = list(parse_json_mapping(text).read({"rows": rows}))
    member, product, activity, stock, gone, back = [each.events[0] for each in found[:6]]
    assert (member.member.phone, list(member.member.cards)) == ("+8613800138000", ["C1", "C2"])
    assert member.member.is_active
    assert member.member.tiers[0].tier == "gold"
    assert (product.product.sku, product.product.unit_cost_minor) == ("A", 123)
    assert (activity.activity.id, activity.activity.kind) == ("+4915112345678-3", "review")
    assert (stock.stock.id, stock.stock.quantity) == ("A:W", "40")
    assert stock.stock.kind == events_pb2.STOCK_KIND_COUNTED
    assert gone.redemption_shipment.redemption_id == "R17"
    assert back.redemption_return.is_damaged
    assert "$.who is no telephone number with its country" in found[6].problem


def test_negated_returns_and_returns_off_the_whole_order_are_read() -> None:
    text = f"""{HEAD}kind = "return"
id = "$.id"
returned_at = "$.at"
{LINE}id = "@.n"
quantity = "@.q"
amount = "@.a"
negated = true
"""
    lines = [{"n": 1, "q": -1, "a": -5}, {"q": -1, "a": "-0.50"}]
    (event,) = read(text, {"id": 1, "at": "2026-01-01", "lines": lines})
    assert [(each.line_id, each.quantity, each.amount_minor) for each in getattr(event, "return").lines] == [("1", "1", 500), ("", "1", 50)]  # fmt: skip
    assert "above 0 was expected: see negated" in problem(
        text, {"id": 1, "at": "2026-01-01", "lines": [{"n": 1, "q": 1, "a": 1}]}
    )


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"a": NaN}', b"[" * 100_000, b'{"a": ' + b"9" * 5_000 + b"}"]
)
def test_what_is_no_json_is_told_so(body: bytes) -> None:
    with pytest.raises(JsonInvalid):
        parse_json(body)
