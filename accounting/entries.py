"""Journal entries as they go over the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, select

from accounting.chart import DEFAULT_NAMES, POINTS_CURRENCY, ChartNames
from accounting.journal import Leg, legs
from accounting.positions import LedgerRow, rows_by_id
from plugin.facts import FactKind
from plugin.money import format_minor
from plugin.store.books import Book
from plugin.store.tables import book, entry, point_fact
from pointbook.v1 import intake_pb2


def entry_messages(
    connection: Connection, entry_ids: Sequence[int], names: ChartNames = DEFAULT_NAMES
) -> list[intake_pb2.Entry]:
    """Returns the entries of some facts, by id; a fact and its entry share the id."""
    if not entry_ids:
        return []
    currency_code = connection.execute(
        select(book.c.currency_code)
        .join(entry, entry.c.book_id == book.c.id)
        .where(entry.c.id == entry_ids[0])
    ).scalar()
    rows = rows_by_id(connection, entry_ids)
    return [_message(row, currency_code or "", names) for row in rows]


def list_entries(
    connection: Connection,
    of: Book,
    begins_on: date | None,
    ends_on: date | None,
    member_id: int,
    after_id: int,
    limit: int,
) -> list[int]:
    """Returns ids of a book's entries by id, above ``after_id``; ``member_id`` 0 means everybody's."""
    query = select(entry.c.id).where(entry.c.book_id == of.id, entry.c.id > after_id)
    if begins_on is not None:
        query = query.where(entry.c.accounting_on >= begins_on)
    if ends_on is not None:
        query = query.where(entry.c.accounting_on <= ends_on)
    if member_id:  # facts have an index by member, and share ids with entries
        query = query.join(point_fact, point_fact.c.id == entry.c.id).where(
            point_fact.c.member_id == member_id, point_fact.c.id > after_id
        )
    return list(connection.execute(query.order_by(entry.c.id).limit(limit)).scalars())


def _message(row: LedgerRow, currency_code: str, names: ChartNames) -> intake_pb2.Entry:
    journal_entry = row.entry
    return intake_pb2.Entry(
        id=journal_entry.id,
        kind=FactKind(journal_entry.kind).name.lower(),
        business_on=journal_entry.business_on.isoformat(),
        accounting_on=journal_entry.accounting_on.isoformat(),
        postings=[_posting(leg, currency_code, names) for leg in legs(journal_entry)],
        member_id=journal_entry.member_id,
        store=journal_entry.store,
        order_id=journal_entry.order_id,
        event_id=row.event_id,
    )


def _posting(leg: Leg, currency_code: str, names: ChartNames) -> intake_pb2.Posting:
    if leg.is_points:
        amount, currency = str(leg.quantity), POINTS_CURRENCY
    else:
        amount, currency = format_minor(leg.quantity, currency_code), currency_code
    return intake_pb2.Posting(account=names[leg.account], amount=amount, currency_code=currency)
