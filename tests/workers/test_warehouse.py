"""The warehouse's commands on a real database, and the forms in which they tell: tables, CSV, JSON, paper."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.cells import cell_len
from rich.console import Console

from workers.show.picklist import PAGE_COLUMNS, PAGE_LINES, printable_pick_list
from workers.show.records import Record, csv_text, json_records, record_table
from workers.show.warehouse import Pick, movement_in_words, unit_cost

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = int(datetime(2026, 4, 1, 4, tzinfo=UTC).timestamp()) * 1_000_000


def rows_of(text: str) -> list[dict[str, str]]:
    """Reads CSV the way any program does."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


# -- forms ----------------------------------------------------------------------------------------


def test_csv_is_rfc_4180_and_nothing_in_it_runs_as_a_formula() -> None:
    texts = ["a", 'say "x", y', "two\nlines", "=1+1", "+1", "-IN-9", "@sum", "\t=1", "＝1", "1-2"]
    records: list[Record] = [
        {"text": text, "pieces": -2, "value": Decimal("-0.50")} for text in texts
    ]
    written = csv_text(("text", "pieces", "value"), records)
    assert written.startswith("text,pieces,value\r\na,-2,-0.50\r\n")
    assert written.count("\r\n") == len(texts) + 1
    assert '"say ""x"", y",-2,-0.50\r\n' in written
    assert [row["text"] for row in rows_of(written)] == [
        *(
            "a",
            'say "x", y',
            "two\nlines",
            "'=1+1",
            "'+1",
            "'-IN-9",
            "'@sum",
            "'\t=1",
            "'＝1",
            "1-2",
        )
    ]
    assert {(row["pieces"], row["value"]) for row in rows_of(written)} == {("-2", "-0.50")}


def test_csv_tells_local_time_and_json_its_offset() -> None:
    record = {"at": datetime(2026, 4, 1, 12, tzinfo=SHANGHAI), "none": None}
    assert csv_text(("at", "none"), [record]) == "at,none\r\n2026-04-01 12:00:00,\r\n"
    assert json_records([record]) == [{"at": "2026-04-01T12:00:00+08:00", "none": None}]


def test_a_table_shows_text_as_it_is_written_and_never_as_markup() -> None:
    console = Console(file=io.StringIO(), width=80)
    records: list[Record] = [{"sku": "[bold]X[/b]", "pieces": 1_000}]
    console.print(record_table("[/]", {"sku": "SKU", "pieces": "pieces"}, records))
    assert "[/]" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "│ [bold]X[/b] │  1,000 │" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value_minor", "pieces", "currency", "cost"),
    [
        (42_000, 10, "CNY", "42.0000"),
        (1_000, 3, "CNY", "3.3333"),
        (2_000, 3, "CNY", "6.6667"),
        (1, 8, "JPY", "0.1250"),
        (1_005, 2, "KWD", "0.5025"),
    ],
)
def test_a_piece_costs_value_by_pieces_with_four_decimals(
    value_minor: int, pieces: int, currency: str, cost: str
) -> None:
    assert str(unit_cost(value_minor, pieces, currency)) == cost


def test_nothing_is_worth_nothing_by_the_piece() -> None:
    assert unit_cost(0, 0, "CNY") is None


def test_a_move_against_its_direction_takes_an_earlier_one_back() -> None:
    assert movement_in_words("stock_received", 5) == "received"
    assert movement_in_words("stock_received", -5) == "received, taken back"
    assert movement_in_words("stock_counted", -1) == "count difference"
    assert movement_in_words("goods_returned", 0) == "returned, value corrected"


# -- on paper -------------------------------------------------------------------------------------


def a_pick(number: int, **fields: Any) -> Pick:
    """Returns two mugs in MAIN that M7 asked for at noon."""
    plain = Pick("MAIN", "MUG-1", number, "Club mug", "S00042", 7, 2, NOON, 0)
    return plain._replace(**fields)


def on_paper(picks: Sequence[Pick]) -> list[list[str]]:
    """Prints a pick list; returns the lines of each page and checks that they fit."""
    text = printable_pick_list(sorted(picks), "shop", "CNY", SHANGHAI, NOON)
    pages = [page.splitlines() for page in text.split("\f")]
    assert max(cell_len(line) for page in pages for line in page) <= PAGE_COLUMNS
    assert max(len(page) for page in pages) <= PAGE_LINES
    assert "\x1b" not in text
    return pages


def test_a_pick_list_on_paper_has_a_box_for_every_redemption_and_a_line_to_sign() -> None:
    (page,) = on_paper([a_pick(1), a_pick(2, amount_minor=2_900, pieces=1, erp_order_id="")])
    assert page == [
        "PICK LIST  MAIN                                                                      Page 1 of 1",
        "Book shop, printed 2026-04-01 12:00 (Asia/Shanghai)",
        "=" * 96,
        "    pieces redeem.   ERP order    member   requested        reward                           CNY",
        "-" * 96,
        "",
        "MUG-1                                                                   pieces 3   redemptions 2",
        "[ ]      2 R1        S00042       M7       2026-04-01 12:00 Club mug",
        "[ ]      1 R2        -            M7       2026-04-01 12:00 Club mug                       29.00",
        "",
        "-" * 96,
        "On this page                                                            pieces 3   redemptions 2",
        "In this warehouse                                                       pieces 3   redemptions 2",
        "",
        "",
        "Picked by _________________________  Date ______________  Checked by _________________________",
    ]


def test_each_warehouse_has_pages_of_its_own_and_each_page_its_totals() -> None:
    picks = [a_pick(number) for number in range(1, 101)]
    picks += [a_pick(number, warehouse="上海", sku="UMB") for number in range(200, 203)]
    pages = on_paper(picks)
    assert [page[0].split("  ")[1] for page in pages] == ["MAIN", "MAIN", "MAIN", "上海"]
    assert [page[0][-11:] for page in pages] == ["Page 1 of 3", "Page 2 of 3", "Page 3 of 3", "Page 1 of 1"]  # fmt: skip
    assert ["continued" in page[6] for page in pages] == [False, True, True, False]
    ticks = [sum(line.startswith("[ ]") for line in page) for page in pages]
    assert sum(ticks) == 103
    for page, boxes in zip(pages, ticks, strict=True):
        (total,) = (line for line in page if line.startswith("On this page"))
        assert re.findall(r"\d+", total) == [str(2 * boxes), str(boxes)]
    signed = ["Picked by" in page[-1] for page in pages]
    assert signed == [False, False, True, True]


def test_what_is_long_goes_on_below_and_nothing_is_cut_off() -> None:
    order, name, sku = "SO-" + "1234567890" * 12, "Kopfhörer " * 19, "雨伞" * 32
    (page,) = on_paper(
        [a_pick(10**9, erp_order_id=order, reward=name, sku=sku, amount_minor=99_999_999)]
    )
    body = page[5:-6]
    assert "".join(line[21:33].strip() for line in body if line[21:22].strip()).endswith(order)
    assert "".join(body).count("Kopfhörer") == 19
    assert "".join(body).count("雨伞") == 32
    assert "999,999.99" in "".join(body)


def test_a_heading_is_never_the_last_line_of_a_page() -> None:
    picks = [a_pick(number, sku=f"SKU-{number:03}") for number in range(1, 60)]
    for page in on_paper(picks):
        body = [line for line in page if line]
        for line, following in pairwise(body):
            if line.startswith("SKU-"):
                assert following.startswith("[ ]")


def test_paper_says_when_there_is_nothing_to_pick() -> None:
    (page,) = on_paper([])
    assert page[-1] == "There is nothing to pick."


# -- stock ----------------------------------------------------------------------------------------


def test_stock_tells_what_is_there_and_what_is_left_to_redeem(installation: Any) -> None:
    installation.receive("MUG-1", 10, 42_000)
    installation.redeem("mug", 2)
    assert installation.json("stock") == {
        "book": "shop",
        "currency_code": "CNY",
        "levels": [
            {
                "sku": "MUG-1",
                "warehouse": "MAIN",
                "on_hand": 10,
                "reserved": 2,
                "available": 8,
                "short": 0,
                "value": "420.00",
                "unit_cost": "42.0000",
            }
        ],
    }
    table = installation.run("warehouse", "stock")
    assert "Reward stock in MAIN" in table
    assert "│ MUG-1 │      10 │        2 │         8 │     0 │    420.00 │   42.0000 │" in table


def test_stock_that_is_short_is_exit_status_1(installation: Any) -> None:
    installation.receive("MUG-1", 10, 42_000)
    installation.receive("HEAD-7", 5, 50_000)
    installation.redeem("mug", 6)
    installation.count("MUG-1", 4)
    (level,) = installation.json("stock", "--sku", "MUG-1", exits=1)["levels"]
    assert (level["on_hand"], level["available"], level["short"]) == (4, 0, 2)
    installation.run("stock", "--sku", "HEAD-7")
    installation.run("stock", exits=1)


def test_stock_is_chosen_by_sku_and_warehouse_and_can_be_a_file(installation: Any) -> None:
    installation.receive("MUG-1", 3, 1_000)
    installation.receive("UMB", 1, 500, place="上海")
    (row,) = rows_of(installation.run("stock", "--warehouse", "上海", "--csv"))
    assert (row["sku"], row["value"], row["currency_code"]) == ("UMB", "5.00", "CNY")
    assert "no reward stock" in installation.run("stock", "--sku", "HEAD-7")


# -- the pick list --------------------------------------------------------------------------------


@pytest.fixture
def busy(installation: Any) -> Any:
    """Three goods in two warehouses, asked for by Ann and Bob."""
    installation.enrol("bob")
    for sku, place in (("MUG-1", "MAIN"), ("HEAD-7", "MAIN"), ("UMB", "上海")):
        installation.receive(sku, 100, 100_000, place=place)
    return installation


def test_picked_is_what_is_open_by_warehouse_sku_and_number(busy: Any) -> None:
    umbrella = busy.redeem("umbrella", member="bob")
    mugs = busy.redeem("mug", 3)
    headphones = busy.redeem("headphones", 2, member="bob")
    more_mugs = busy.redeem("mug", on=busy.at(4, 2, 17))
    busy.redeem("set")  # waits for approval
    busy.redeem("five-off")  # no goods
    gone, cancelled = busy.redeem("mug"), busy.redeem("mug")
    busy.ship(gone)
    busy.run("redemptions", "cancel", cancelled, "--by", "bea")
    busy.run("redemptions", "acknowledge", mugs, "--source", "erp", "--order", "S00042")
    busy.ship(mugs, 1)
    answer = busy.json("warehouse", "picklist")
    assert [one["redemption_id"] for one in answer["picks"]] == [
        *(headphones, mugs, more_mugs, umbrella)
    ]
    assert answer["picks"][0] == {
        "warehouse": "MAIN",
        "sku": "HEAD-7",
        "reward": "Headphones, points and money",
        "redemption_id": headphones,
        "erp_order_id": "",
        "member": "M2",
        "pieces": 2,
        "requested_at": "2026-04-01T12:00:00+08:00",
        "amount": "58.00",
    }
    assert [(one["pieces"], one["erp_order_id"]) for one in answer["picks"][1:3]] == [
        (2, "S00042"),
        (1, ""),
    ]
    assert answer["picks"][2]["requested_at"] == "2026-04-03T01:00:00+08:00"
    assert answer["totals"] == [
        {"warehouse": "MAIN", "sku": "HEAD-7", "pieces": 2, "redemptions": 1},
        {"warehouse": "MAIN", "sku": "MUG-1", "pieces": 3, "redemptions": 2},
        {"warehouse": "上海", "sku": "UMB", "pieces": 1, "redemptions": 1},
    ]


def test_money_beside_points_is_that_of_the_pieces_still_to_ship(busy: Any) -> None:
    number = busy.redeem("headphones", 3)
    busy.ship(number, 1)
    (one,) = busy.json("warehouse", "picklist")["picks"]
    assert (one["pieces"], one["amount"]) == (2, "58.00")


def test_a_reward_is_called_what_its_pinned_program_calls_it(busy: Any) -> None:
    busy.change_program("2099-01-01", ("Club mug", "Mug of the club"))
    busy.redeem("mug")
    later = int(datetime(2099, 2, 1, tzinfo=UTC).timestamp()) * 1_000_000
    busy.redeem("mug", on=later)
    picks = busy.json("warehouse", "picklist")["picks"]
    assert [one["reward"] for one in picks] == ["Club mug", "Mug of the club"]


def test_a_pick_list_can_be_a_table_a_file_or_paper(busy: Any) -> None:
    busy.redeem("mug", 2)
    busy.redeem("umbrella", member="bob")
    table = busy.run("warehouse", "picklist")
    assert "To pick in MAIN" in table
    assert "To pick in 上海" in table
    assert "Totals" in table
    (row,) = rows_of(busy.run("warehouse", "picklist", "--warehouse", "MAIN", "--format", "csv"))
    assert (row["sku"], row["pieces"], row["requested_at"]) == ("MUG-1", "2", "2026-04-01 12:00:00")
    paper = busy.run("warehouse", "picklist", "--printable")
    assert paper.count("\f") == 1
    assert paper.count("[ ]") == 2
    assert busy.json("warehouse", "picklist", "--warehouse", "NONE") == {
        "book": "shop",
        "currency_code": "CNY",
        "picks": [],
        "totals": [],
    }
    assert "nothing to pick" in busy.run("warehouse", "picklist", "--warehouse", "NONE")


def test_two_forms_at_once_cannot_be_printed(busy: Any) -> None:
    for forms in (("--json", "--csv"), ("--format", "csv", "--json"), ("--printable", "--csv")):
        assert "FORMAT_TWICE" in busy.run("warehouse", "picklist", *forms, exits=2)


def test_more_redemptions_than_are_read_at_once_are_all_there(
    busy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.cli.warehouse.READ_AT_ONCE", 2)
    numbers = [busy.redeem("mug") for _ in range(5)]
    picks = busy.json("warehouse", "picklist")["picks"]
    assert [one["redemption_id"] for one in picks] == numbers


def test_a_table_shows_some_of_many_lines_and_all_totals(
    busy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.cli.warehouse.SHOWN_MAX", 2)
    numbers = [busy.redeem("mug") for _ in range(5)]
    table = busy.run("warehouse", "picklist")
    assert numbers[1] in table
    assert numbers[2] not in table
    assert "3 more lines" in table
    assert "│ MAIN      │ MUG-1 │      5 │           5 │" in table


# -- movements ------------------------------------------------------------------------------------


def test_movements_tell_when_what_and_what_was_on_hand_then(installation: Any) -> None:
    installation.receive("MUG-1", 10, 42_000)
    number = installation.redeem("mug", 2)
    installation.ship(number)
    installation.give_back(number)
    installation.count("MUG-1", 9, on=installation.at(5, 1))
    answer = installation.json("warehouse", "movements")
    assert answer["movements"][1] == {
        "happened_at": "2026-04-02T12:00:00+08:00",
        "kind": "goods_shipped",
        "sku": "MUG-1",
        "warehouse": "MAIN",
        "pieces": -2,
        "value": "-84.00",
        "source": "erp",
        "document_id": f"RS-{number}",
        "redemption_id": number,
        "on_hand": 8,
    }
    told = [(one["kind"], one["pieces"], one["on_hand"]) for one in answer["movements"]]
    assert told == [
        ("stock_received", 10, 10),
        ("goods_shipped", -2, 8),
        ("goods_returned", 2, 10),
        ("stock_counted", -1, 9),
    ]
    assert answer["has_more"] is False
    table = installation.run("warehouse", "movements")
    assert "MUG-1 in MAIN" in table
    assert "│ 2026-05-01 12:00 │ count difference │     -1 │" in table


def test_what_is_recorded_late_stands_where_it_happened(installation: Any) -> None:
    installation.receive("MUG-1", 10, 42_000)
    installation.ship(installation.redeem("mug", 2))
    installation.receive("MUG-1", 5, 21_000, name="IN-LATE", on=installation.at(3, 20))
    told = installation.json("warehouse", "movements")["movements"]
    assert [(one["document_id"][:7], one["on_hand"]) for one in told] == [
        ("IN-MUG-", 10),
        ("IN-LATE", 15),
        ("RS-R100", 13),
    ]


def test_movements_are_chosen_by_days_of_the_book_and_go_on_counting(installation: Any) -> None:
    for day, hour in ((1, 4), (2, 15), (2, 16), (3, 15), (3, 16)):  # 16:00 UTC is midnight
        installation.receive(
            "MUG-1", 1, 100, name=f"IN-{day}-{hour}", on=installation.at(3, day, hour)
        )
    installation.receive("UMB", 7, 700, place="上海")
    days = ("--from", "2026-03-03", "--to", "2026-03-03")
    rows = rows_of(installation.run("warehouse", "movements", *days, "--csv"))
    assert [(row["document_id"], row["on_hand"]) for row in rows] == [
        ("IN-2-16", "3"),
        ("IN-3-15", "4"),
    ]
    rows = rows_of(installation.run("warehouse", "movements", "--warehouse", "上海", "--csv"))
    assert [(row["sku"], row["pieces"], row["on_hand"]) for row in rows] == [("UMB", "7", "7")]
    assert "Nothing moved" in installation.run("warehouse", "movements", "--from", "2026-06-01")


def test_the_last_movements_are_shown_when_there_are_too_many(installation: Any) -> None:
    for day in range(1, 6):
        installation.receive("MUG-1", 1, 100, name=f"IN-{day}", on=installation.at(3, day))
    answer = installation.json("warehouse", "movements", "--limit", "2")
    assert [(one["document_id"], one["on_hand"]) for one in answer["movements"]] == [
        ("IN-4", 4),
        ("IN-5", 5),
    ]
    assert answer["has_more"] is True
    assert "earlier ones" in installation.run("warehouse", "movements", "--limit", "2")


def test_days_that_cannot_be_meant_are_refused(installation: Any) -> None:
    def refused(*days: str) -> str:
        told: str = installation.run("warehouse", "movements", *days, exits=2)
        return told.split()[0]

    assert refused("--from", "2026-13-01") == "DATE_INVALID"
    assert refused("--from", "2026-03-02", "--to", "2026-03-01") == "DATES_REVERSED"
    assert refused("--to", "9999-12-31") == "DATE_INVALID"
    installation.run("warehouse", "movements", "--from", "0001-01-01")
