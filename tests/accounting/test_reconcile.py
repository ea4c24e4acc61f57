"""Each reconciliation finds its own kind of break, with amount, reason and age; and the rest still hold."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from accounting.reconcile import CHECKS, Reconciled, reconcile
from plugin.errors import Rejected

DAY = date(2026, 11, 23)


@pytest.fixture
def busy(shop: Any) -> Any:
    shop.earn(10_000, DAY, member="Ann")
    shop.take_back(1_000, DAY, member="Ann")
    shop.earn(50, DAY, member="Bob", order="SO-2")
    shop.take_back(80, DAY, member="Bob", order="SO-2")
    return shop


def breaks(found: Reconciled) -> dict[int, list[tuple[str, str]]]:
    return {
        check.number: [(one.amount, one.reason) for one in check.breaks]
        for check in found.checks
        if not check.holds
    }


def test_all_hold_on_books_that_are_right(busy: Any, books: Path) -> None:
    found = reconcile(busy.engine, busy.book, books)
    assert breaks(found) == {}
    assert [check.number for check in found.checks] == [1, 2, 3, 4, 6, 7]
    assert found.as_json()["holds"] is True


def test_a_members_lots_that_differ_from_the_facts(busy: Any, books: Path) -> None:
    busy.sql("UPDATE lot SET remaining = 8999 WHERE remaining = 9000")
    found = breaks(reconcile(busy.engine, busy.book, books))
    assert [amount for amount, _ in found[1]] == ["-1 PTS"] * 3  # the member, the lot, the total
    assert found[1][0][1].startswith("member 1: lots 8999, balance 9000")
    assert [amount for amount, _ in found[2]] == ["0.01 CNY"]
    assert set(found) == {1, 2}


def test_a_debt_that_differs(busy: Any, books: Path) -> None:
    busy.sql("UPDATE member SET debt = 31 WHERE debt = 30")
    found = breaks(reconcile(busy.engine, busy.book, books))
    assert found[1][-1] == ("1 PTS", "debts are 31, legs on Assets:Loyalty:Arrears 30")


def test_a_fact_without_its_entry(busy: Any, books: Path) -> None:
    busy.sql("SET session_replication_role = replica; DELETE FROM entry WHERE units = -1000")
    found = breaks(reconcile(busy.engine, busy.book, books))
    assert "entry missing" in found[1][0][1]


def test_a_lot_that_carries_too_much(busy: Any, books: Path) -> None:
    busy.sql("UPDATE lot SET cost_minor = cost_minor + 5 WHERE remaining = 9000")
    found = breaks(reconcile(busy.engine, busy.book, books))
    assert [amount for amount, _ in found[2]] == ["0.05 CNY", "0.05 CNY"]
    assert found[2][1][1] == "lots are carried at 72.05, Liabilities:Loyalty:Points says 72.00"
    assert set(found) == {2}


def test_a_ledger_that_somebody_edited(busy: Any, books: Path) -> None:
    reconcile(busy.engine, busy.book, books)
    summary = books / "2026/11/2026-11-23.beancount"
    summary.write_text(summary.read_text().replace("80.40", "80.41"))
    found = breaks(reconcile(busy.engine, busy.book, books))
    assert ("-0.01 CNY", "Expenses:Marketing:Points: database 72.00, Beancount 72.01") in found[3]
    assert any(reason.endswith("is not the one that was recorded") for _, reason in found[4])
    assert set(found) == {3, 4}


def test_a_detail_that_somebody_edited(busy: Any, books: Path) -> None:
    reconcile(busy.engine, busy.book, books)
    detail = books / "detail/2026/11/23.beancount"
    detail.write_text(detail.read_text().replace("M1", "M2"))
    found = breaks(reconcile(busy.engine, busy.book, books))
    assert any("sha256 differs" in reason for _, reason in found[3])


def test_entries_the_ledger_has_not_reached_are_no_break(busy: Any, books: Path) -> None:
    reconcile(busy.engine, busy.book, books)
    busy.earn(7, DAY, member="Ann", order="SO-9")
    assert reconcile(busy.engine, busy.book, books, catches_up=False).holds
    assert reconcile(busy.engine, busy.book, books).holds


def test_without_a_ledger_the_checks_that_need_one_say_so(busy: Any, books: Path) -> None:
    found = breaks(reconcile(busy.engine, busy.book, books, catches_up=False))
    assert found == {
        3: [("1 ledger", "there is no ledger yet")],
        4: [("1 ledger", "there is no ledger yet")],
    }


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM inbox WHERE event_id = 'E-1'", "its key is known but it is not in the inbox"),
        ("DELETE FROM event_key WHERE event_id = 'E-1'", "it has no key"),
        (
            "DELETE FROM batch WHERE id = (SELECT seq >> 18 FROM inbox WHERE event_id = 'E-1')",
            "it has no batch",
        ),
        (
            "UPDATE batch SET events = 2 WHERE id = (SELECT seq >> 18 FROM inbox WHERE event_id = 'E-1')",
            "should hold 2 events, holds 1",
        ),
    ],
)
def test_an_event_that_was_lost(busy: Any, books: Path, statement: str, reason: str) -> None:
    busy.sql(statement)
    found = breaks(reconcile(busy.engine, busy.book, books, checks=[7]))
    assert any(reason in one for _, one in found[7]), found


def test_a_batch_may_wait_but_not_for_long(busy: Any, books: Path) -> None:
    busy.receive("E-slow")
    assert reconcile(busy.engine, busy.book, books, checks=[7]).holds
    busy.sql("UPDATE batch SET received_at = received_at - interval '1 hour' WHERE NOT is_applied")
    (check,) = reconcile(busy.engine, busy.book, books, checks=[7]).checks
    (found,) = check.breaks
    assert (found.amount, found.reason.endswith("waits to be applied")) == ("1 events", True)
    assert 3600 <= (found.age_seconds or 0) < 3700


def test_runs_are_stored_and_a_break_grows_older_from_run_to_run(busy: Any, books: Path) -> None:
    busy.sql("UPDATE member SET debt = 31 WHERE debt = 30")
    first = reconcile(busy.engine, busy.book, books, checks=[1])
    busy.sql("UPDATE reconciliation_run SET run_at = run_at - interval '1 hour'")
    second = reconcile(busy.engine, busy.book, books, checks=[1])
    assert [one.age_seconds for one in first.checks[0].breaks] == [0, 0]
    assert all(3600 <= (one.age_seconds or 0) < 3700 for one in second.checks[0].breaks)
    (watermark,) = busy.sql("SELECT max(id) FROM batch")[0]
    assert busy.sql("SELECT id, watermark, holds FROM reconciliation_run ORDER BY id") == [
        (first.run_id, watermark, False),
        (second.run_id, watermark, False),
    ]
    assert busy.sql(
        "SELECT run_id, line, check_number, amount FROM reconciliation_break WHERE line = 1"
    ) == [
        (first.run_id, 1, 1, "-1 PTS"),
        (second.run_id, 1, 1, "-1 PTS"),
    ]


def test_an_unknown_check_is_refused(busy: Any, books: Path) -> None:
    with pytest.raises(Rejected, match="there is no check 9; there are: 1, 2, 3, 4, 6, 7"):
        reconcile(busy.engine, busy.book, books, checks=[9])
    assert list(CHECKS) == [1, 2, 3, 4, 6, 7]
