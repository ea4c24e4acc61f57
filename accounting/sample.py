"""Made-up books for measuring: entries as a busy shop would have them, without orders behind them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from sqlalchemy import Connection, text

from accounting.chart import Account
from accounting.journal import Entry
from accounting.policy import Policy
from accounting.store import insert_entries
from plugin.facts import FactKind
from plugin.store.books import Book, find_book
from plugin.store.tables import book as book_table

EVENTS_PER_BATCH = 500


def sample_book(connection: Connection, code: str = "sample", currency_code: str = "CNY") -> Book:
    """Creates a book without a program and returns it."""
    connection.execute(
        book_table.insert().values(
            code=code, currency_code=currency_code, time_zone="Asia/Shanghai", policy="cost"
        )
    )
    return find_book(connection, code)


def insert_sample(
    connection: Connection,
    book_id: int,
    entries: int,
    first_day: date,
    days: int,
    stores: int = 24,
) -> None:
    """Inserts applied batches of 500 entries, spread evenly over days in order; one in ten takes points back.

    There are no inbox rows behind them, as for a scheduled job's batches.
    """
    for first in range(0, entries, EVENTS_PER_BATCH):
        size = min(EVENTS_PER_BATCH, entries - first)
        batch_id = connection.execute(
            text(
                "INSERT INTO batch (id, book_id, lane, events, is_applied, applied_at)"
                " VALUES (pointbook_next_batch_id(), :book, -1, :size, true, now()) RETURNING id"
            ),
            {"book": book_id, "size": size},
        ).scalar_one()
        numbers = range(first, first + size)
        insert_entries(
            connection,
            book_id,
            list(_entries(batch_id, numbers, entries, first_day, days, stores)),
        )


def _entries(
    batch_id: int, numbers: range, total: int, first_day: date, days: int, stores: int
) -> Iterator[Entry]:
    for index, number in enumerate(numbers):
        day = first_day + timedelta(days=number * days // total)
        is_taken = number % 10 == 9
        points = 100 + number % 900
        yield Entry(
            (batch_id << 10 | index) << 8,
            FactKind.CLAWED_BACK if is_taken else FactKind.ACCRUED,
            day,
            day,
            1 + number % 100_000,
            f"store-{number % stores:03d}",
            1,
            Policy.COST,
            "sample",
            f"SO-{number}",
            Account.POINTS if is_taken else Account.MARKETING_POINTS,
            Account.MARKETING_POINTS if is_taken else Account.POINTS,
            points * 8 // 10,
            -points if is_taken else points,
            0,
        )
