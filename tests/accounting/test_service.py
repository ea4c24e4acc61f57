"""LedgerService over a real channel: the books as a client sees them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import pytest

from accounting.service import LedgerService
from plugin.services.errors import ErrorInterceptor
from pointbook.v1 import ledger_pb2, ledger_pb2_grpc

DAY = date(2026, 10, 23)


@pytest.fixture
def ledger(shop: Any, tmp_path: Path) -> Iterator[Any]:
    server = grpc.server(ThreadPoolExecutor(2), interceptors=[ErrorInterceptor()])
    service = LedgerService(shop.engine, tmp_path / "books")
    ledger_pb2_grpc.add_LedgerServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield ledger_pb2_grpc.LedgerServiceStub(channel)
    server.stop(None).wait()


def test_entries_come_in_pages_with_their_legs_and_events(shop: Any, ledger: Any) -> None:
    for number in range(3):
        shop.earn(100 + number, DAY, order=f"SO-{number}", event=f"E-{number}")
    first = ledger.ListEntries(ledger_pb2.ListEntriesRequest(page_size=2))
    rest = ledger.ListEntries(
        ledger_pb2.ListEntriesRequest(page_size=2, page_token=first.next_page_token)
    )
    assert [one.event_id for one in (*first.entries, *rest.entries)] == ["E-0", "E-1", "E-2"]
    assert rest.next_page_token == ""
    assert [(one.account, one.amount, one.currency_code) for one in first.entries[1].postings] == [
        ("Expenses:Marketing:Points", "0.81", "CNY"),  # 101 × 0.008 = 0.808
        ("Liabilities:Loyalty:Points", "-0.81", "CNY"),
        ("Equity:Loyalty:Issued", "101", "PTS"),
        ("Liabilities:Loyalty:Units", "-101", "PTS"),
    ]


def test_entries_of_a_member_and_of_a_day(shop: Any, ledger: Any) -> None:
    shop.earn(100, DAY, member="Ann")
    shop.earn(200, date(2026, 10, 24), member="Bob")
    of_bob = ledger.ListEntries(ledger_pb2.ListEntriesRequest(member_id=2))
    of_day = ledger.ListEntries(
        ledger_pb2.ListEntriesRequest(**{"from": "2026-10-24", "to": "2026-10-24"})
    )
    assert [one.member_id for one in of_bob.entries] == [2]
    assert [one.accounting_on for one in of_day.entries] == ["2026-10-24"]


def test_trial_balance_rollforward_and_reconciliation(shop: Any, ledger: Any) -> None:
    shop.earn(10_000, DAY)
    balances = ledger.GetTrialBalance(
        ledger_pb2.GetTrialBalanceRequest(as_of="2026-10-31")
    ).balances
    assert {one.account: one.amount for one in balances} == {
        "Liabilities:Loyalty:Points": "-80.00",
        "Liabilities:Loyalty:Units": "-10000",
        "Equity:Loyalty:Issued": "10000",
        "Expenses:Marketing:Points": "80.00",
    }
    moved = ledger.GetRollforward(ledger_pb2.GetRollforwardRequest())
    assert (moved.points.accrued, moved.money.closing, moved.closes) == (10_000, "80.00", True)
    found = ledger.Reconcile(ledger_pb2.ReconcileRequest())
    assert found.holds
    assert [check.number for check in found.checks] == [1, 2, 3, 4, 6, 7]


def test_a_month_closes_and_reopens(shop: Any, ledger: Any) -> None:
    shop.earn(100, DAY)
    closed = ledger.ClosePeriod(ledger_pb2.ClosePeriodRequest(month="2026-10", actor="Eve"))
    assert closed.month == "2026-10"
    with pytest.raises(grpc.RpcError) as again:
        ledger.ClosePeriod(ledger_pb2.ClosePeriodRequest(month="2026-10", actor="Eve"))
    assert again.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    request = ledger_pb2.ReopenPeriodRequest(month="2026-10", actor="Eve", reason="an invoice")
    assert ledger.ReopenPeriod(request).month == "2026-10"


@pytest.mark.parametrize(
    ("call", "request_message", "code"),
    [
        (
            "GetTrialBalance",
            ledger_pb2.GetTrialBalanceRequest(book="no"),
            grpc.StatusCode.NOT_FOUND,
        ),
        (
            "GetTrialBalance",
            ledger_pb2.GetTrialBalanceRequest(as_of="2026-1-1"),
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
        (
            "ListEntries",
            ledger_pb2.ListEntriesRequest(page_size=1001),
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
        (
            "ListEntries",
            ledger_pb2.ListEntriesRequest(page_token="x"),
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
        ("Reconcile", ledger_pb2.ReconcileRequest(checks=[9]), grpc.StatusCode.INVALID_ARGUMENT),
        (
            "ExportVouchers",
            ledger_pb2.ExportVouchersRequest(),
            grpc.StatusCode.UNIMPLEMENTED,
        ),
    ],
)
def test_what_is_wrong_gets_the_status_of_its_kind(
    ledger: Any, call: str, request_message: Any, code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        getattr(ledger, call)(request_message)
    assert error.value.code() is code
