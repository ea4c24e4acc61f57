"""The worked example of the accounting policy, as an accountant reads it: 0.008 a point, liability exactly 0.00 at the end."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from accounting.balances import trial_balance
from accounting.chart import DEFAULT_NAMES, chart_names
from accounting.gate import check_ledger
from accounting.ledger import LedgerWriter
from accounting.reconcile import reconcile
from accounting.reports import ageing, rollforward

ORDERED, RETURNED, EXPIRED = date(2026, 11, 23), date(2026, 11, 25), date(2026, 12, 1)


def lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


def live_through(shop: Any) -> None:
    lot = shop.earn(10_000, ORDERED, order="SO-7", event="E-1")  # 80.00
    shop.take_back(1_000, RETURNED, order="SO-7", event="E-2")  # -8.00
    shop.expire(lot, EXPIRED)  # 9,000 points, -72.00


def test_an_order_a_return_and_an_expiry_read_like_this_in_the_detail(
    shop: Any, books: Path
) -> None:
    live_through(shop)
    LedgerWriter(shop.engine, shop.book, books).write()

    earned, taken, expired = (
        int(row[0]) for row in shop.sql("SELECT id FROM entry ORDER BY business_on")
    )
    assert (
        (books / "detail/2026/11/23.beancount").read_text()
        == f"""\
; Written by Pointbook from its database. Changes made here are overwritten.
; Book "shop": every entry of 2026-11-23.
include "../../../accounts.beancount"

2026-11-23 * "M1" "Points accrued" #accrued ^e-E-1 ^o-SO-7
  entry: "{earned}"
  source: "erp"
  store: "S1"
  program: 1
  Expenses:Marketing:Points                80.00 CNY
  Liabilities:Loyalty:Points              -80.00 CNY
  Equity:Loyalty:Issued                    10000 PTS
  Liabilities:Loyalty:Units               -10000 PTS

"""
    )
    assert lines(books / "detail/2026/11/25.beancount")[4:] == [
        '2026-11-25 * "M1" "Points clawed back" #clawed-back ^e-E-2 ^o-SO-7',
        f'  entry: "{taken}"',
        '  source: "erp"',
        '  store: "S1"',
        "  program: 1",
        "  Liabilities:Loyalty:Points                8.00 CNY",
        "  Expenses:Marketing:Points                -8.00 CNY",
        "  Equity:Loyalty:Issued                    -1000 PTS",
        "  Liabilities:Loyalty:Units                 1000 PTS",
        "",
    ]
    assert lines(books / "detail/2026/12/01.beancount")[4:6] == [
        '2026-12-01 * "M1" "Points expired" #expired',  # a scheduled run: no event, no order
        f'  entry: "{expired}"',
    ]


def test_the_day_is_one_summary_transaction_per_kind_and_store(shop: Any, books: Path) -> None:
    first = shop.earn(100, ORDERED, order="SO-1")
    last = shop.earn(250, ORDERED, order="SO-2")
    shop.earn(40, ORDERED, order="SO-3", store="S2")
    LedgerWriter(shop.engine, shop.book, books).write()

    text = (books / "2026/11/2026-11-23.beancount").read_text()
    sha256 = text.split('sha256: "')[1][:64]
    assert (
        f"""\
2026-11-23 * "S1" "Points accrued" #accrued
  entries: 2
  first: "{first}"
  last: "{last}"
  program: 1
  policy: "cost"
  sha256: "{sha256}"
  Liabilities:Loyalty:Points               -2.80 CNY
  Liabilities:Loyalty:Units                 -350 PTS
  Equity:Loyalty:Issued                      350 PTS
  Expenses:Marketing:Points                 2.80 CNY

2026-11-23 * "S2" "Points accrued" #accrued
"""
        in text
    )


def test_the_liability_ends_at_exactly_nothing(shop: Any, books: Path) -> None:
    live_through(shop)
    with shop.engine.connect() as connection:
        assert trial_balance(connection, shop.book, DEFAULT_NAMES, RETURNED).as_json() == {
            "book": "shop",
            "as_of": "2026-11-25",
            "accounts": {
                "Liabilities:Loyalty:Points": {"CNY": "-72.00"},
                "Liabilities:Loyalty:Units": {"PTS": "-9000"},
                "Equity:Loyalty:Issued": {"PTS": "9000"},
                "Expenses:Marketing:Points": {"CNY": "72.00"},
            },
        }
        assert trial_balance(connection, shop.book, DEFAULT_NAMES).accounts == {
            "Liabilities:Loyalty:Points": {"CNY": "0.00"},
            "Liabilities:Loyalty:Units": {"PTS": "0"},
            "Equity:Loyalty:Issued": {"PTS": "0"},
            "Expenses:Marketing:Points": {"CNY": "0.00"},
        }


def test_the_rollforward_closes_over_each_month(shop: Any) -> None:
    live_through(shop)
    with shop.engine.connect() as connection:
        november = rollforward(
            connection, shop.book, date(2026, 11, 1), date(2026, 11, 30)
        ).as_json()
        december = rollforward(
            connection, shop.book, date(2026, 12, 1), date(2026, 12, 31)
        ).as_json()
    nothing = {"redeemed": 0, "redemption_returned": 0, "adjusted": 0, "transferred": 0, "debt": 0}
    assert november["points"] == {
        **nothing,
        "opening": 0,
        "accrued": 10_000,
        "clawed_back": 1_000,
        "expired": 0,
        "closing": 9_000,
    }
    assert december["points"] == {
        **nothing,
        "opening": 9_000,
        "accrued": 0,
        "clawed_back": 0,
        "expired": 9_000,
        "closing": 0,
    }
    zeros = dict.fromkeys([*nothing, "re_estimated"], "0.00")
    assert november["money"] == {
        **zeros,
        "opening": "0.00",
        "accrued": "80.00",
        "clawed_back": "8.00",
        "expired": "0.00",
        "closing": "72.00",
    }
    assert december["money"]["closing"] == "0.00"
    assert november["closes"]
    assert december["closes"]


def test_a_debt_is_points_only_and_cured_by_the_next_order(shop: Any) -> None:
    # +50, -80, +100: balance 70. The debt of 30 carries no money; the last lot opens with 70.
    shop.earn(50, ORDERED)
    shop.take_back(80, ORDERED)
    with shop.engine.connect() as connection:
        assert trial_balance(connection, shop.book, DEFAULT_NAMES).accounts == {
            "Liabilities:Loyalty:Points": {"CNY": "0.00"},
            "Liabilities:Loyalty:Units": {"PTS": "0"},
            "Equity:Loyalty:Issued": {"PTS": "0"},
            "Assets:Loyalty:Arrears": {"PTS": "30"},
            "Equity:Loyalty:Arrears": {"PTS": "-30"},
            "Expenses:Marketing:Points": {"CNY": "0.00"},
        }
        owed = rollforward(connection, shop.book, ORDERED, ORDERED)
        assert (owed.points.closing, owed.points.debt, owed.closes) == (-30, 30, True)
    shop.earn(100, ORDERED, order="SO-2")
    with shop.engine.connect() as connection:
        cured = rollforward(connection, shop.book, ORDERED, ORDERED)
    assert cured.points.lines["accrued"] == 150
    assert cured.points.lines["clawed_back"] == 80
    assert (cured.points.closing, cured.points.debt, cured.money.closing) == (70, 0, 56)
    assert cured.closes


def test_the_rollforward_of_a_store_closes_too(shop: Any) -> None:
    shop.earn(100, ORDERED, store="S1")
    shop.earn(30, ORDERED, store="S2")
    with shop.engine.connect() as connection:
        found = rollforward(connection, shop.book, ORDERED, ORDERED, store="S2")
    assert (found.points.closing, found.closes) == (30, True)


def test_open_points_are_aged_to_their_expiry(shop: Any) -> None:
    for points, expires_on in (
        (1, date(2026, 11, 22)),
        (2, date(2026, 12, 23)),
        (4, date(2026, 12, 24)),
        (8, date(2027, 11, 24)),
        (16, None),
    ):
        shop.earn(points * 10, ORDERED, expires_on=expires_on)
    with shop.engine.connect() as connection:
        found = {
            age.name: (age.points, age.cost_minor) for age in ageing(connection, shop.book, ORDERED)
        }
    assert found == {
        "overdue": (10, 8),
        "0-30": (20, 16),
        "31-90": (40, 32),
        "91-180": (0, 0),
        "181-365": (0, 0),
        ">365": (80, 64),
        "never": (160, 128),
    }


def test_beancount_agrees_and_every_reconciliation_holds(shop: Any, books: Path) -> None:
    live_through(shop)
    shop.take_back(5, EXPIRED)
    found = reconcile(shop.engine, shop.book, books)
    assert [(check.number, check.breaks) for check in found.checks] == [
        (1, ()),
        (2, ()),
        (3, ()),
        (4, ()),
        (6, ()),
        (7, ()),
    ]
    checked = check_ledger(books / "main.beancount", details=True)
    assert checked.holds
    assert checked.accounts == {
        "Assets:Loyalty:Arrears": {"PTS": "5"},
        "Equity:Loyalty:Arrears": {"PTS": "-5"},
    }


def test_accounts_can_have_the_names_of_a_chinese_chart(shop: Any, books: Path) -> None:
    names = chart_names(
        {"points": "Liabilities:2241-积分", "marketing_points": "Expenses:6601-销售费用"}
    )
    live_through(shop)
    found = reconcile(shop.engine, shop.book, books, names)
    assert found.holds
    assert "Liabilities:2241-积分" in (books / "detail/2026/11/23.beancount").read_text("utf-8")


def test_late_entries_say_when_they_happened(shop: Any, books: Path) -> None:
    shop.sql(
        "INSERT INTO period (book_id, month, is_closed, changed_by) VALUES (1, '2026-11-01', true, 'Eve')"
    )
    shop.earn(100, date(2026, 10, 3), order="SO-9", event="E-9")
    LedgerWriter(shop.engine, shop.book, books).write()
    assert lines(books / "detail/2026/12/01.beancount")[4:7:2] == [
        '2026-12-01 * "M1" "Points accrued" #accrued #late ^e-E-9 ^o-SO-9',
        "  business-on: 2026-10-03",
    ]
    assert "  late: 1" in lines(books / "2026/12/2026-12-01.beancount")
