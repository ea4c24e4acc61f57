"""LedgerService: the books over gRPC."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import grpc
from sqlalchemy import Engine

from accounting.balances import trial_balance
from accounting.chart import DEFAULT_NAMES, ChartNames
from accounting.close import close_month, parse_month, reopen_month
from accounting.entries import entry_messages, list_entries
from accounting.reconcile import Check, reconcile
from accounting.reports import Rollforward, rollforward
from plugin.errors import Rejected
from plugin.money import format_minor
from plugin.store.books import find_book
from pointbook.v1 import intake_pb2, ledger_pb2, ledger_pb2_grpc

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1_000
TEXT_LENGTH_MAX = 512


class LedgerService(ledger_pb2_grpc.LedgerServiceServicer):
    """Reads the books, reconciles them, closes and reopens months; vouchers are not implemented yet.

    Args:
        engine: The database.
        books_folder: Where ledgers lie, one folder per book code.
        names: What accounts are called.
    """

    def __init__(
        self, engine: Engine, books_folder: Path, names: ChartNames = DEFAULT_NAMES
    ) -> None:
        self._engine = engine
        self._books_folder = books_folder
        self._names = names

    def ListEntries(
        self, request: ledger_pb2.ListEntriesRequest, context: grpc.ServicerContext
    ) -> ledger_pb2.ListEntriesResponse:
        """Returns a page of entries by id."""
        with self._engine.connect() as connection:
            book = find_book(connection, request.book)
            size = _page_size(request.page_size)
            begins_on, ends_on = _date(getattr(request, "from"), "from"), _date(request.to, "to")
            after_id = _page_token(request.page_token)
            ids = list_entries(
                connection, book, begins_on, ends_on, request.member_id, after_id, size + 1
            )
            page = ids[:size]
            return ledger_pb2.ListEntriesResponse(
                entries=entry_messages(connection, page, self._names),
                next_page_token=str(page[-1]) if len(ids) > size else "",
            )

    def GetTrialBalance(
        self, request: ledger_pb2.GetTrialBalanceRequest, context: grpc.ServicerContext
    ) -> ledger_pb2.GetTrialBalanceResponse:
        """Returns the balance of every account that was ever used."""
        with self._engine.connect() as connection:
            book = find_book(connection, request.book)
            found = trial_balance(connection, book, self._names, _date(request.as_of, "as_of"))
            return ledger_pb2.GetTrialBalanceResponse(
                book=book.code,
                as_of=request.as_of,
                balances=[
                    intake_pb2.Posting(account=account, amount=amount, currency_code=currency)
                    for account, held in found.accounts.items()
                    for currency, amount in held.items()
                ],
            )

    def GetRollforward(
        self, request: ledger_pb2.GetRollforwardRequest, context: grpc.ServicerContext
    ) -> ledger_pb2.GetRollforwardResponse:
        """Returns how points and money went from opening to closing."""
        with self._engine.connect() as connection:
            book = find_book(connection, request.book)
            found = rollforward(
                connection,
                book,
                _date(getattr(request, "from"), "from") or date.min,
                _date(request.to, "to") or date.max,
                request.store or None,
                request.program_version or None,
            )
            return _rollforward_message(found, getattr(request, "from"), request.to)

    def Reconcile(
        self, request: ledger_pb2.ReconcileRequest, context: grpc.ServicerContext
    ) -> ledger_pb2.ReconcileResponse:
        """Runs reconciliations after the ledger has caught up, and stores the run."""
        with self._engine.connect() as connection:
            book = find_book(connection, request.book)
            connection.rollback()
            folder = self._books_folder / book.code
            found = reconcile(self._engine, book, folder, self._names, checks=request.checks)
            message = ledger_pb2.ReconcileResponse(
                run_id=found.run_id, checks=map(_check_message, found.checks), holds=found.holds
            )
            message.run_at.FromDatetime(found.run_at)
            return message

    def ClosePeriod(
        self, request: ledger_pb2.ClosePeriodRequest, context: grpc.ServicerContext
    ) -> ledger_pb2.ClosePeriodResponse:
        """Closes a month; the ledger's next write asserts its balances."""
        with self._engine.connect() as connection:
            book = find_book(connection, request.book)
            today = datetime.now(ZoneInfo(book.time_zone)).date()
            month = parse_month(request.month)
            close_month(connection, book, month, _required(request.actor, "actor"), today)
            connection.commit()
            return ledger_pb2.ClosePeriodResponse(month=f"{month:%Y-%m}")

    def ReopenPeriod(
        self, request: ledger_pb2.ReopenPeriodRequest, context: grpc.ServicerContext
    ) -> ledger_pb2.ReopenPeriodResponse:
        """Reopens the last closed month."""
        with self._engine.connect() as connection:
            book = find_book(connection, request.book)
            month = parse_month(request.month)
            actor, reason = _required(request.actor, "actor"), _required(request.reason, "reason")
            reopen_month(connection, book, month, actor, reason)
            connection.commit()
            return ledger_pb2.ReopenPeriodResponse(month=f"{month:%Y-%m}")


def _date(written: str, field: str) -> date | None:
    if not written:
        return None
    try:
        if len(written) != 10:
            raise ValueError
        return date.fromisoformat(written)
    except ValueError:
        raise Rejected(
            "DATE_INVALID", f"{field}: {written[:40]!r} is not a date such as 2026-11-23", field
        ) from None


def _page_size(asked: int) -> int:
    if not 0 <= asked <= PAGE_SIZE_MAX:
        raise Rejected(
            "PAGE_SIZE_INVALID", f"page_size {asked} is not from 1 to {PAGE_SIZE_MAX}", "page_size"
        )
    return asked or PAGE_SIZE


def _page_token(token: str) -> int:
    if not token:
        return 0
    if not (token.isascii() and token.isdigit() and len(token) < 20):
        raise Rejected("PAGE_TOKEN_INVALID", "page_token is not one of ours", "page_token")
    return min(int(token), 2**63 - 1)


def _required(text: str, field: str) -> str:
    if not text.strip() or len(text) > TEXT_LENGTH_MAX or not text.isprintable():
        raise Rejected(
            "FIELD_REQUIRED",
            f"{field} is required: 1 to {TEXT_LENGTH_MAX} printable characters",
            field,
        )
    return text


def _rollforward_message(
    found: Rollforward, begins_on: str, ends_on: str
) -> ledger_pb2.GetRollforwardResponse:
    points, money = found.points, found.money
    shown = {name: value for name, value in points.lines.items() if name != "re_estimated"}
    minor = {"opening": money.opening, **money.lines, "closing": money.closing}
    return ledger_pb2.GetRollforwardResponse(
        book=found.book,
        to=ends_on,
        points=ledger_pb2.RollforwardPoints(
            opening=points.opening, **shown, closing=points.closing, debt=points.debt
        ),
        money=ledger_pb2.RollforwardMoney(
            **{name: format_minor(value, found.currency_code) for name, value in minor.items()}
        ),
        closes=found.closes,
        **{"from": begins_on},
    )


def _check_message(check: Check) -> ledger_pb2.ReconciliationCheck:
    return ledger_pb2.ReconciliationCheck(
        number=check.number,
        name=check.name,
        holds=check.holds,
        breaks=[
            ledger_pb2.ReconciliationBreak(
                amount=one.amount, reason=one.reason, age_seconds=one.age_seconds or 0
            )
            for one in check.breaks
        ],
    )
