"""Closing and reopening months. Closed months are always the first ones: closing a month closes all before it for good.

Every transaction that writes entries holds `CLOSE_LOCK` shared; closing and reopening hold it alone. So no entry is in flight
when a month closes, and whoever sees the month closed also sees all of its entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert

from accounting.store import closed_months, next_month
from plugin.errors import Rejected
from plugin.store.books import Book
from plugin.store.tables import batch, entry, parked, period

CLOSE_LOCK = "pg_advisory_xact_lock(hashtext('pointbook.close'), :book)"
"""Taken alone here; `CLOSE_LOCK_SHARED` in every transaction that writes entries of the book."""

CLOSE_LOCK_SHARED = "pg_advisory_xact_lock_shared(hashtext('pointbook.close'), :book)"


@dataclass(frozen=True, slots=True)
class Period:
    """A month of a book after it was closed or reopened; ``parked`` events may still come late, into a later month."""

    book: str
    month: date
    is_closed: bool
    parked: int

    def as_json(self) -> dict[str, object]:
        """Returns the answer of ``pointbook close`` and ``reopen`` with ``--json``."""
        return {
            "book": self.book,
            "month": f"{self.month:%Y-%m}",
            "is_closed": self.is_closed,
            "parked": self.parked,
        }


def parse_month(written: str) -> date:
    """Returns the first day of a month.

    >>> parse_month("2026-10")
    datetime.date(2026, 10, 1)

    Raises:
        Rejected: It is not written like ``2026-10``.
    """
    try:
        if len(written) != 7:
            raise ValueError
        return date.fromisoformat(f"{written}-01")
    except ValueError:
        raise Rejected(
            "MONTH_INVALID", f"{written!r} is not a month such as 2026-10", "month"
        ) from None


def close_month(connection: Connection, book: Book, month: date, by: str, today: date) -> Period:
    """Closes a month; the database refuses entries in it and before it from the commit on. The caller commits.

    The ledger's next write puts exact balance assertions at the month's end.

    Args:
        connection: Open transaction.
        book: Whose month.
        month: Its first day.
        by: Who closes.
        today: The date in the book's time zone.

    Raises:
        Rejected: The month is not over, is closed already, an earlier month with entries is open, or events wait to be applied.
    """
    connection.execute(text(f"SELECT {CLOSE_LOCK}"), {"book": book.id})
    closed = closed_months(connection, book.id)
    if today < next_month(month):
        raise Rejected("MONTH_NOT_CLOSABLE", f"{month:%Y-%m} is not over yet", "month")
    if closed and month <= max(closed):
        raise Rejected(
            "MONTH_NOT_CLOSABLE",
            f"{month:%Y-%m} is closed: the books are closed to {max(closed):%Y-%m}",
            "month",
        )
    _refuse_open_before(connection, book.id, month, max(closed, default=None))
    _refuse_waiting(connection, book.id, month)
    _store(connection, book.id, month, is_closed=True, by=by, reason="")
    return Period(book.code, month, True, _parked(connection, book.id))


def reopen_month(connection: Connection, book: Book, month: date, by: str, reason: str) -> Period:
    """Reopens the last closed month, with a reason. The caller commits.

    Raises:
        Rejected: It is not the last closed month, or there is no reason.
    """
    if not reason.strip():
        raise Rejected("REASON_REQUIRED", "reopening a month needs a reason", "reason")
    connection.execute(text(f"SELECT {CLOSE_LOCK}"), {"book": book.id})
    closed = closed_months(connection, book.id)
    if month not in closed:
        raise Rejected("MONTH_NOT_CLOSED", f"{month:%Y-%m} is not closed", "month")
    if month != max(closed):
        raise Rejected(
            "MONTH_NOT_CLOSABLE",
            f"only the last closed month, {max(closed):%Y-%m}, can be reopened, not {month:%Y-%m}",
            "month",
        )
    _store(connection, book.id, month, is_closed=False, by=by, reason=reason.strip())
    return Period(book.code, month, False, _parked(connection, book.id))


def _refuse_open_before(
    connection: Connection, book_id: int, month: date, last: date | None
) -> None:
    """An earlier month that has entries has to be closed first, so that somebody looked at it."""
    begins = date.min if last is None else next_month(last)
    earliest = connection.execute(
        select(func.min(entry.c.accounting_on)).where(
            entry.c.book_id == book_id,
            entry.c.accounting_on >= begins,
            entry.c.accounting_on < month,
        )
    ).scalar()
    if earliest is not None:
        raise Rejected(
            "MONTH_NOT_CLOSABLE",
            f"{earliest:%Y-%m} is still open; close it before {month:%Y-%m}",
            "month",
        )


def _refuse_waiting(connection: Connection, book_id: int, month: date) -> None:
    waiting = connection.execute(
        select(func.coalesce(func.sum(batch.c.events), 0)).where(
            batch.c.book_id == book_id, ~batch.c.is_applied
        )
    ).scalar_one()
    if waiting:
        raise Rejected(
            "MONTH_NOT_CLOSABLE",
            f"{waiting} events wait to be applied and may belong to {month:%Y-%m}; try again when they are",
            "month",
        )


def _store(
    connection: Connection, book_id: int, month: date, *, is_closed: bool, by: str, reason: str
) -> None:
    changed = {"is_closed": is_closed, "changed_by": by, "reason": reason, "changed_at": func.now()}
    connection.execute(
        insert(period)
        .values(book_id=book_id, month=month, **changed)
        .on_conflict_do_update(index_elements=["book_id", "month"], set_=changed)
    )


def _parked(connection: Connection, book_id: int) -> int:
    found = connection.execute(
        select(func.count()).where(parked.c.book_id == book_id, parked.c.resolution == "open")
    )
    return int(found.scalar_one())
