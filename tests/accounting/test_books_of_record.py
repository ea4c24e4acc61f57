"""What the database itself refuses, and closing months."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from accounting.close import close_month, parse_month, reopen_month
from accounting.gate import check_ledger
from accounting.ledger import LedgerWriter, rebuild
from accounting.reconcile import reconcile
from accounting.store import next_month, open_day
from accounting.verify import verify
from plugin.errors import Rejected

OCTOBER, NOVEMBER, DECEMBER = date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 1)
TODAY = date(2027, 1, 5)


def close(shop: Any, month: date, today: date = TODAY) -> Any:
    with shop.engine.begin() as connection:
        return close_month(connection, shop.book, month, "Eve", today)


def reopen(shop: Any, month: date, reason: str = "an invoice was forgotten") -> Any:
    with shop.engine.begin() as connection:
        return reopen_month(connection, shop.book, month, "Eve", reason)


@pytest.mark.parametrize("table", ["entry", "point_fact", "chain", "ledger_position", "lot_use"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_books_are_insert_only(shop: Any, books: Path, table: str, statement: str) -> None:
    shop.earn(100, NOVEMBER)
    shop.take_back(40, NOVEMBER)
    LedgerWriter(shop.engine, shop.book, books).write()
    column = {"chain": "entries = 0", "ledger_position": "position = 9", "lot_use": "points = 1"}
    with pytest.raises(DBAPIError, match="is insert-only"):
        shop.sql(statement.format(table, column.get(table, "book_id = 2")))


def test_a_closed_month_refuses_entries_in_the_database(shop: Any) -> None:
    shop.earn(100, date(2026, 11, 23))
    close(shop, NOVEMBER)
    with pytest.raises(DBAPIError, match="month 2026-11 is closed"):
        shop.sql(
            "INSERT INTO entry (id, book_id, kind, business_on, accounting_on, member_id, store, program_version,"
            " policy, source, order_id, debit, credit, amount_minor, units, arrears)"
            " SELECT id + 1, book_id, kind, business_on, accounting_on, member_id, store, program_version,"
            " policy, source, order_id, debit, credit, amount_minor, units, arrears FROM entry"
        )


def test_late_events_go_to_the_first_open_day(shop: Any) -> None:
    shop.earn(100, date(2026, 11, 23))
    close(shop, NOVEMBER)
    shop.earn(10, date(2026, 11, 30), order="SO-2")
    shop.earn(10, date(2026, 3, 3), order="SO-3")
    shop.earn(10, date(2026, 12, 9), order="SO-4")
    assert shop.sql("SELECT business_on, accounting_on FROM entry ORDER BY id OFFSET 1") == [
        (date(2026, 11, 30), DECEMBER),
        (date(2026, 3, 3), DECEMBER),
        (date(2026, 12, 9), date(2026, 12, 9)),
    ]


def test_closing_asserts_the_balances_exactly(shop: Any, books: Path) -> None:
    shop.earn(10_000, date(2026, 11, 23))
    close(shop, NOVEMBER)
    shop.earn(1, date(2026, 12, 1), order="SO-2")
    LedgerWriter(shop.engine, shop.book, books).write()
    text = (books / "2026/11/close.beancount").read_text()
    assert "2026-12-01 balance Liabilities:Loyalty:Points              -80.00 ~ 0 CNY\n" in text
    assert "2026-12-01 balance Liabilities:Loyalty:Units               -10000 ~ 0 PTS\n" in text
    assert 'include "2026/11/close.beancount"' in (books / "index.beancount").read_text()
    assert check_ledger(books / "main.beancount").holds

    (books / "2026/11/close.beancount").write_text(text.replace("-80.00", "-80.01"))
    assert any("Balance failed" in one for one in check_ledger(books / "main.beancount").errors)
    found = verify(shop.engine, shop.book, books)
    assert [one.path for one in found.differences] == ["2026/11/close.beancount"]


def test_a_month_that_is_reopened_and_closed_again_asserts_the_new_balances(
    shop: Any, books: Path, tmp_path: Path
) -> None:
    writer = LedgerWriter(shop.engine, shop.book, books)
    shop.earn(100, date(2026, 11, 23))
    close(shop, NOVEMBER)
    writer.write()
    reopen(shop, NOVEMBER)
    writer.write()
    assert not (books / "2026/11/close.beancount").exists()
    shop.earn(100, date(2026, 11, 24), order="SO-2")
    close(shop, NOVEMBER)
    writer.write()
    assert "-1.60 ~ 0 CNY" in (books / "2026/11/close.beancount").read_text()
    rebuild(shop.engine, shop.book, tmp_path / "again")
    for path in ("2026/11/close.beancount", "index.beancount"):
        assert (tmp_path / "again" / path).read_bytes() == (books / path).read_bytes()
    assert reconcile(shop.engine, shop.book, books).holds


def test_months_close_in_order_when_they_are_over_and_nothing_waits(shop: Any) -> None:
    shop.earn(100, date(2026, 10, 3))
    shop.earn(100, date(2026, 11, 23), order="SO-2")
    with pytest.raises(Rejected, match="2026-12 is not over yet"):
        close(shop, DECEMBER, today=date(2026, 12, 31))
    with pytest.raises(Rejected, match="2026-10 is still open; close it before 2026-11"):
        close(shop, NOVEMBER)
    assert close(shop, OCTOBER).as_json() == {
        "book": "shop",
        "month": "2026-10",
        "is_closed": True,
        "parked": 0,
    }
    with pytest.raises(Rejected, match="2026-10 is closed"):
        close(shop, OCTOBER)
    shop.receive("E-waiting")
    with pytest.raises(Rejected, match="1 events wait to be applied"):
        close(shop, NOVEMBER)


def test_only_the_last_closed_month_reopens_and_needs_a_reason(shop: Any) -> None:
    shop.earn(100, date(2026, 10, 3))
    close(shop, OCTOBER)
    close(shop, NOVEMBER)
    with pytest.raises(Rejected, match="only the last closed month, 2026-11"):
        reopen(shop, OCTOBER)
    with pytest.raises(Rejected, match="needs a reason"):
        reopen(shop, NOVEMBER, reason="  ")
    assert reopen(shop, NOVEMBER).is_closed is False
    with pytest.raises(Rejected, match="2026-11 is not closed"):
        reopen(shop, NOVEMBER)
    assert reopen(shop, OCTOBER).is_closed is False


@given(
    st.sets(st.dates(date(2025, 1, 1), date(2027, 1, 1)).map(lambda day: day.replace(day=1))),
    st.dates(date(2024, 1, 1), date(2028, 1, 1)),
)
def test_an_entry_never_lands_in_or_before_a_closed_month_nor_earlier_than_it_happened(
    closed: set[date], day: date
) -> None:
    found = open_day(closed, day)
    assert found >= day
    assert all(found >= next_month(month) for month in closed)
    assert found == day or found == next_month(max(closed))


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "26-11", "2026-11-01", "", "2026/11"])
def test_a_month_is_written_like_2026_10(text: str) -> None:
    with pytest.raises(Rejected, match="is not a month such as 2026-10"):
        parse_month(text)
