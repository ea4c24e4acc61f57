"""Rows to events, on tables small enough to check by eye."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.contract import AdapterError
from adapters.table.adapter import TableAdapter
from adapters.table.grouping import DOCUMENT_HELD_BACK, ROW_INVALID, RowError
from adapters.table.mapping import MappingInvalid, parse_mapping
from pointbook.v1 import events_pb2

MAPPING = """
format = 1
source = "shop"
[money]
currency = { constant = "EUR" }
exponents = { EUR = 2 }
[files.main]
delimiter = ";"
decimal = ","
thousands = "."
date_formats = ["%d.%m.%Y %H:%M"]
time_zone = "Europe/Berlin"
rows_apart_max = APART
[[documents]]
kind = "ignore"
when = [{ column = "Type", one_of = ["note", "memo"] }]
[[documents]]
kind = "return"
when = [{ column = "Type", equals = "credit" }]
id = ["No"]
time = "Date"
order_id = "Of"
[documents.line]
id = "Line"
quantity = "Qty"
amount = "Net"
negated = true
[[documents]]
kind = "order"
id = ["No"]
time = "Date"
status = "completed"
status_without_value = "cancelled"
member = { column = "Customer" }
channel = { constant = "web" }
[documents.line]
id = "Line"
sku = "Sku"
quantity = "Qty"
amount = "Net"
tax = "Tax"
gift = { column = "Sku", prefix = "GIFT-" }
"""
HEADER = "Type;No;Line;Date;Customer;Sku;Qty;Net;Tax;Of\n"


def read(
    folder: Path, table: str, mapping: str = MAPPING, apart: int = 10, **files: Path
) -> tuple[list[events_pb2.Event], list[RowError]]:
    """Returns the events of a table, and what was wrong with it."""
    path = folder / "table.csv"
    path.write_text(table, encoding="utf-8")
    errors: list[RowError] = []
    paths: Any = {"main": path, **files}
    adapter = TableAdapter(
        parse_mapping(mapping.replace("APART", str(apart))), paths, errors.append
    )
    return [change.event for change in adapter.changes("")], errors


def test_rows_with_one_number_are_one_order(tmp_path: Path) -> None:
    events, errors = read(
        tmp_path,
        HEADER
        + "sale;SO-1;1;01.07.2026 12:05;C-9;A;2;1.200,50;228,10;\n"
        + "sale;SO-1;2;01.07.2026 12:00;C-9;GIFT-X;1;0;0;\n",
    )
    assert errors == []
    (event,) = events
    assert event == events_pb2.Event(
        event_id="order:SO-1",
        order=events_pb2.Order(
            id="SO-1",
            version=1,
            status=events_pb2.ORDER_STATUS_COMPLETED,
            ordered_at={"seconds": 1782900000},  # 2026-07-01 10:00 UTC, the earlier of the two
            member=events_pb2.MemberRef(external_id="C-9"),
            channel="web",
            currency_code="EUR",
            lines=[
                events_pb2.OrderLine(
                    line_id="1", sku="A", quantity="2", amount_minor=120050, tax_minor=22810
                ),
                events_pb2.OrderLine(line_id="2", sku="GIFT-X", quantity="1", is_gift=True),
            ],
        ),
    )


def test_a_credit_is_a_return_with_signs_turned(tmp_path: Path) -> None:
    events, errors = read(
        tmp_path, HEADER + "credit;CN-1;2;02.07.2026 08:00;C-9;A;-1;-600,25;;SO-1\n"
    )
    assert errors == []
    returned = getattr(events[0], "return")
    assert events[0].event_id == "return:CN-1"
    assert returned.order_id == "SO-1"
    assert returned.status == events_pb2.DOCUMENT_STATUS_DONE
    assert returned.lines[0] == events_pb2.ReturnLine(line_id="2", quantity="1", amount_minor=60025)


def test_guests_ignored_rows_and_orders_without_value(tmp_path: Path) -> None:
    events, errors = read(
        tmp_path,
        HEADER
        + "memo;N-1;;;;;;;;\n"
        + "sale;SO-2;1;01.07.2026 12:00; ;A;1;5;0;\n"
        + "sale;SO-3;1;01.07.2026 12:00;C-9;A;-5;0;0;\n",
    )
    assert errors == []
    guest, worthless = (event.order for event in events)
    assert not guest.HasField("member")
    assert guest.status == events_pb2.ORDER_STATUS_COMPLETED
    assert worthless.status == events_pb2.ORDER_STATUS_CANCELLED


def test_a_document_with_one_wrong_row_is_held_back_whole_and_every_mistake_named(
    tmp_path: Path,
) -> None:
    events, errors = read(
        tmp_path,
        HEADER
        + "sale;SO-1;1;01.07.2026 12:00;C-9;A;1;five;0;\n"
        + "sale;SO-1;2;2026-07-01;C-8;A;1;5;0;\n"
        + "sale;SO-2;1;01.07.2026 12:00;C-9;A;1;5;0;\n"
        + "sale;SO-3;1;01.07.2026 12:00;C-9;A;1;5;0;\n"
        + "sale;SO-3;2;01.07.2026 12:00\n",
    )
    assert [event.event_id for event in events] == ["order:SO-2"]
    assert [(e.row, e.document, e.message) for e in sorted(errors, key=lambda e: e.row)] == [
        (1, "order:SO-1", "Net: 'five' is not a number with ',' as decimal separator"),
        (2, "order:SO-1", "member is 'C-8', in the document's first row 'C-9'"),
        (2, "order:SO-1", "Date: '2026-07-01' fits none of the date formats %d.%m.%Y %H:%M"),
        (5, "order:SO-3", "has 4 cells, the header has 10"),
    ]


def _sale(number: str, line: int) -> str:
    return f"sale;{number};{line};01.07.2026 12:00;C-9;A;1;5;0;\n"


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ('sale;SO-2;"2"x;01.07.2026 12:00;C-9;A;1;5;0;\n', "is no CSV record"),
        ("sale\n", "has 1 cells, the header has 10"),
        ("sale;;2;01.07.2026 12:00;C-9;A;1;5;0;\n", "has no document id"),
        ("sale;x;SO-2;2;01.07.2026 12:00;C-9;A;1;5;0;\n", "has 11 cells, the header has 10"),
    ],
)
def test_a_row_whose_document_is_not_known_holds_back_those_it_may_be_part_of(
    tmp_path: Path, broken: str, told: str
) -> None:
    table = HEADER + _sale("SO-1", 1) + _sale("SO-2", 1) + broken + _sale("SO-3", 1)
    events, errors = read(tmp_path, table + _sale("SO-4", 1), apart=0)
    assert [event.order.id for event in events] == ["SO-1", "SO-4"]
    (bad, *_) = (error for error in errors if error.reason == ROW_INVALID)
    assert (bad.row, bad.message) == (3, told) or bad.message.startswith(told)
    assert [(e.row, e.document) for e in errors if e.reason == DOCUMENT_HELD_BACK] == [
        (2, "order:SO-2"),
        (4, "order:SO-3"),
    ]


def test_the_further_rows_may_lie_apart_the_more_an_unknown_row_holds_back(tmp_path: Path) -> None:
    rows = [_sale(f"SO-{n}", 1) for n in range(10)]
    rows[5] = "sale\n"
    events, errors = read(tmp_path, HEADER + "".join(rows), apart=2)
    # Rows 3, 4, 5 and 7, 8, 9 have at most two others between them and row 6.
    assert [event.order.id for event in events] == ["SO-0", "SO-1", "SO-9"]
    assert len(errors) == 1 + 6
    assert errors[-1].message == "row 6, whose document is not known, may be part of it"


def test_rows_around_an_unknown_one_are_still_one_document(tmp_path: Path) -> None:
    table = HEADER + _sale("SO-1", 1) + "sale\n" + _sale("SO-1", 3) + _sale("SO-2", 1)
    events, errors = read(tmp_path, table, apart=0)
    assert [event.order.id for event in events] == ["SO-2"]
    assert [(e.row, e.document) for e in errors] == [(2, ""), (1, "order:SO-1")]


def test_what_is_wrong_with_a_held_back_document_itself_is_told_as_well(tmp_path: Path) -> None:
    table = HEADER + _sale("SO-1", 1).replace(";5;", ";five;") + "sale\n"
    _, errors = read(tmp_path, table, apart=0)
    assert [(e.row, e.reason) for e in errors] == [(2, ROW_INVALID), (1, ROW_INVALID)]


def test_a_quote_that_is_never_closed_costs_its_own_row_and_no_row_number(tmp_path: Path) -> None:
    rows = [f"N,{n},1,2026-07-01 12:00:00,paid,1,5,EUR,\n" for n in range(300)]
    rows[100] = rows[100].replace("N,", '"N,')
    mapping = COLUMNS + "[files.main]\nrows_apart_max = 0\n"
    events, errors = read(tmp_path, COLUMNS_HEADER + "".join(rows), mapping)
    assert len(events) == 297
    assert [e.row for e in errors] == [101, 100, 102]
    assert events[-1].order.lines[0].line_id == "300"


def test_rows_of_one_document_may_lie_apart_as_far_as_the_mapping_says(tmp_path: Path) -> None:
    def sale(number: str, line: int) -> str:
        return f"sale;{number};{line};01.07.2026 12:00;C-9;A;1;5;0;\n"

    table = HEADER + sale("A", 1) + sale("B", 1) + sale("A", 2)
    events, errors = read(tmp_path, table, apart=1)
    assert errors == []
    assert {event.order.id: len(event.order.lines) for event in events} == {"A": 2, "B": 1}
    events, errors = read(tmp_path, table, apart=0)
    assert [(e.row, e.document) for e in errors] == [(3, "order:A")]
    assert "raise rows_apart_max" in errors[0].message


def test_a_return_that_gives_nothing_back_is_an_error(tmp_path: Path) -> None:
    _, errors = read(tmp_path, HEADER + "credit;CN-1;2;02.07.2026 08:00;C-9;A;1;600;;SO-1\n")
    assert "see negated" in errors[0].message


def test_a_column_that_is_missing_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(MappingInvalid, match=r"table\.csv has no column 'Of'; it has Type, No"):
        read(tmp_path, HEADER.replace(";Of", ""))


def test_a_second_file_that_is_missing_is_told(tmp_path: Path) -> None:
    mapping = MAPPING + '[[documents]]\nkind = "ignore"\nfile = "returns"\n'
    with pytest.raises(AdapterError, match="reads a returns file"):
        read(tmp_path, HEADER, mapping)


COLUMNS = """
format = 1
source = "shop"
[money]
currency = "Cur"
exponents = { EUR = 2, JPY = 0 }
rate_to_book = "Rate"
[[documents]]
kind = "order"
id = ["Shop", "No"]
version = "Version"
time = "Date"
status = { column = "State", values = { paid = "confirmed", done = "completed" } }
[documents.line]
id = { row_number = true }
quantity = "Qty"
amount = { quantity = "Qty", price = "Price" }
"""
COLUMNS_HEADER = "Shop,No,Version,Date,State,Qty,Price,Cur,Rate\n"


def test_state_version_currency_and_rate_may_come_from_columns(tmp_path: Path) -> None:
    events, errors = read(
        tmp_path,
        COLUMNS_HEADER
        + "N,7,1,2026-07-01 12:00:00,paid,3,1.115,EUR,\n"
        + "N,8,2,2026-07-01 12:00:00,done,3,100,JPY,0.0062\n",
        COLUMNS,
    )
    assert errors == []
    first, second = events
    assert (first.event_id, second.event_id) == ("order:N:7", "order:N:8@2")
    assert first.order.lines[0].amount_minor == 335
    assert first.order.status == events_pb2.ORDER_STATUS_CONFIRMED
    assert (second.order.version, second.order.rate_to_book) == (2, "0.0062")
    assert second.order.lines[0] == events_pb2.OrderLine(
        line_id="2", quantity="3", amount_minor=300
    )


def test_a_constant_rate_is_written_with_a_point_whatever_the_file_does(tmp_path: Path) -> None:
    mapping = MAPPING.replace("[files.main]", 'rate_to_book = { constant = "7.85" }\n[files.main]')
    events, errors = read(tmp_path, HEADER + "sale;A;1;01.07.2026 12:00;C-9;A;1;5,50;0;\n", mapping)
    assert errors == []
    assert events[0].order.rate_to_book == "7.85"


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ("N,7,1,2026-07-01 12:00:00,lost,3,1,EUR,", "status 'lost' is none of status.values"),
        ("N,7,1,2026-07-01 12:00:00,paid,3,1,USD,", "currency 'USD' is none of money.exponents"),
        ("N,7,v1,2026-07-01 12:00:00,paid,3,1,EUR,", "version 'v1' is not a whole number"),
        ("N,7,1,2026-07-01 12:00:00,paid,3,1,EUR,x", "rate_to_book: 'x' is not a number"),
        ("N,7,1,2026-07-01 12:00:00,paid,0.1234567,1,EUR,", "more than 6 decimals"),
    ],
)
def test_values_the_mapping_does_not_know_are_errors(tmp_path: Path, cells: str, told: str) -> None:
    events, errors = read(tmp_path, COLUMNS_HEADER + cells + "\n", COLUMNS)
    assert events == []
    assert told in errors[0].message


def test_members_come_one_to_a_row(tmp_path: Path) -> None:
    mapping = """
format = 1
source = "shop"
[files.main]
date_formats = ["%Y-%m-%d"]
[[documents]]
kind = "member"
id = ["Id"]
time = "Joined"
card = "Card"
tier = "Tier"
inactive = { column = "State", equals = "closed" }
"""
    header = "Id,Joined,Card,Tier,State\n"
    rows = "1,1970-01-02,K1,gold,\n2,1970-01-02,,,closed\n3,1970-01-02,,,\n3,1970-01-02,,,\n"
    events, errors = read(tmp_path, header + rows, mapping)
    gold, closed = (event.member for event in events)
    assert list(gold.cards) == ["K1"]
    assert (gold.tiers[0].tier, gold.tiers[0].from_at.seconds, gold.is_active) == (
        "gold",
        86400,
        True,
    )
    assert (list(closed.cards), closed.is_active) == ([], False)
    assert [(e.row, e.message) for e in errors] == [(4, "is a second row of one member")]


def test_a_cursor_leaves_out_what_was_kept_and_everything_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        HEADER + "".join(f"sale;SO-{n};1;01.07.2026 12:00;C;A;1;5;0;\n" for n in range(5))
    )
    mapping = parse_mapping(MAPPING.replace("APART", "0"))
    everything = list(TableAdapter(mapping, {"main": path}, pytest.fail).changes(""))
    adapter = TableAdapter(mapping, {"main": path}, pytest.fail)
    assert list(adapter.changes(everything[2].cursor)) == everything[3:]
    assert (adapter.rows_read, adapter.documents) == (5, {"order": 5})
    assert [(change.file, change.row) for change in everything[:2]] == [("t.csv", 1), ("t.csv", 2)]
    assert adapter.bytes_read == adapter.bytes_total == path.stat().st_size


def test_a_cursor_of_something_else_is_refused(tmp_path: Path) -> None:
    adapter = TableAdapter(parse_mapping(COLUMNS), {"main": tmp_path}, pytest.fail)
    with pytest.raises(AdapterError, match="'x' is not one of a table"):
        list(adapter.changes("x"))


def test_a_document_with_more_lines_than_intake_takes_is_an_error(tmp_path: Path) -> None:
    rows = "N,7,1,2026-07-01 12:00:00,paid,1,0.01,EUR,\n" * 5_001
    events, errors = read(tmp_path, COLUMNS_HEADER + rows, COLUMNS)
    assert events == []
    assert [(e.row, e.message) for e in errors] == [(1, "has 5001 lines, at most 5000 are taken")]


SHIPMENTS = """
format = 1
source = "shop"
[[documents]]
kind = "ignore"
when = [{ column = "No", prefix = "#" }]
[[documents]]
kind = "shipment"
id = ["No"]
version = "Version"
time = "Left"
time_of_rows = "latest"
order_id = "Order"
[documents.line]
id = "Line"
quantity = "Qty"
"""
SHIPMENTS_HEADER = "No,Version,Left,Order,Line,Qty\n"


def test_shipments_need_no_money(tmp_path: Path) -> None:
    events, errors = read(
        tmp_path,
        SHIPMENTS_HEADER
        + "D-1,2,1970-01-02 00:00:00,SO-1,1,2\n"
        + "D-1,2,1970-01-03 00:00:00,SO-1,2,0.50\n",
        SHIPMENTS,
    )
    assert errors == []
    assert events == [
        events_pb2.Event(
            event_id="shipment:D-1@2",
            shipment=events_pb2.Shipment(
                id="D-1",
                version=2,
                status=events_pb2.DOCUMENT_STATUS_DONE,
                shipped_at={"seconds": 2 * 86_400},
                order_id="SO-1",
                lines=[
                    events_pb2.ShipmentLine(line_id="1", quantity="2"),
                    events_pb2.ShipmentLine(line_id="2", quantity="0.5"),
                ],
            ),
        )
    ]


def test_a_shipment_without_lines_in_the_mapping_is_the_whole_order(tmp_path: Path) -> None:
    mapping = SHIPMENTS[: SHIPMENTS.index("[documents.line]")]
    row = "D-1,1,1970-01-02 00:00:00,SO-1,,\n"
    (event,), errors = read(tmp_path, SHIPMENTS_HEADER + row, mapping)
    assert errors == []
    assert (event.shipment.order_id, len(event.shipment.lines)) == ("SO-1", 0)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("D-1,1,1970-01-02 00:00:00,,1,2", "order_id is empty: a shipment names its order"),
        ("D-1,1,1970-01-02 00:00:00,SO-1,1,two", "Qty: 'two' is not a number"),
        ("D-1,1,yesterday,SO-1,1,2", "Left: 'yesterday' fits none"),
    ],
)
def test_a_shipment_with_a_mistake_is_held_back(tmp_path: Path, row: str, told: str) -> None:
    events, errors = read(tmp_path, SHIPMENTS_HEADER + row + "\n", SHIPMENTS)
    assert events == []
    assert errors[0].message.startswith(told)


def test_ignored_rows_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(SHIPMENTS_HEADER + "#1,,,,,\nD-1,1,1970-01-02 00:00:00,SO-1,1,2\n#2,,,,,\n")
    adapter = TableAdapter(parse_mapping(SHIPMENTS), {"main": path}, pytest.fail)
    assert len(list(adapter.changes(""))) == 1
    assert (adapter.rows_read, adapter.rows_ignored) == (3, 2)
