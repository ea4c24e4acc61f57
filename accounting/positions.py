"""The order of the ledger: which batch comes where, and entries read in that order.

Batches commit out of the order of their ids, so the ledger cannot follow ids: a batch that commits late would have to be put into
the middle of files that are written and chained already. The writer gives every applied batch the next position, once; positions
are insert-only. Entries of a batch follow by id. All files are a function of entries and positions alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, NamedTuple, cast

import psycopg
from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import DBAPIError

from accounting.journal import Entry
from accounting.render import Group, Sums
from plugin.store.raw import cursor

EVENTS_PER_READ_MAX = 8_192
"""How many events' entries are read in one query, unless a single batch has more."""

_ENTRY = (
    "e.id, e.kind, e.business_on, e.accounting_on, e.member_id, e.store, e.program_version, e.policy,"
    " e.source, e.order_id, e.debit, e.credit, e.amount_minor, e.units, e.arrears,"
    " e.debit_2, e.credit_2, e.amount_2_minor, coalesce(i.event_id, '')"
)
_ENTRY_WIDTH = len(Entry._fields)

# One index range per batch, whatever the planner thinks of the sizes: OFFSET 0 keeps the inner query whole.
_READ_BATCHES = (  # only constants are put together here and below
    "SELECT x.* FROM unnest(%s::bigint[]) WITH ORDINALITY AS b (id, place) CROSS JOIN LATERAL ("  # noqa: S608
    " SELECT " + _ENTRY + " FROM entry e"
    " LEFT JOIN inbox i ON i.seq = (e.id >> 8 << 8) AND i.seq >= b.id << 18 AND i.seq < (b.id + 1) << 18"
    " WHERE e.id >= b.id << 18 AND e.id < (b.id + 1) << 18 OFFSET 0"
    ") x ORDER BY b.place, x.id"
)
_READ_DAYS = (
    "SELECT " + _ENTRY + " FROM entry e"  # noqa: S608
    " JOIN ledger_position p ON p.batch_id = e.id >> 18 AND p.book_id = e.book_id"
    " LEFT JOIN inbox i ON i.seq = (e.id >> 8 << 8)"
    " WHERE e.book_id = %s AND e.accounting_on = ANY(%s::date[]) AND p.position <= %s"
    " ORDER BY p.position, e.id"
)
_READ_IDS = (
    "SELECT " + _ENTRY + " FROM entry e"  # noqa: S608
    " LEFT JOIN inbox i ON i.seq = (e.id >> 8 << 8) WHERE e.id = ANY(%s::bigint[]) ORDER BY e.id"
)


class LedgerRow(NamedTuple):
    """An entry as the ledger shows it; ``event_id`` is empty for what a scheduled job decided."""

    entry: Entry
    event_id: str


@contextmanager
def only_writer(connection: Connection, book_id: int, *, waits: bool) -> Iterator[bool]:
    """Holds the book's writer lock on this connection; yields whether it was free (always, when it waits for it).

    A lock of the session, not of a transaction: writing takes two transactions. It ends with the connection, so a killed writer
    leaves nothing behind.
    """
    function = "pg_advisory_lock" if waits else "pg_try_advisory_lock"
    key = {"book": book_id}
    found = connection.execute(text(f"SELECT {function}(hashtext('pointbook.ledger'), :book)"), key)
    is_free = waits or bool(found.scalar())
    connection.commit()
    try:
        yield is_free
    finally:
        if is_free:
            _unlock(connection, book_id)


def _unlock(connection: Connection, book_id: int) -> None:
    """Gives the lock back; a connection that cannot is closed for good, which does the same."""
    try:
        connection.rollback()
        connection.execute(
            text("SELECT pg_advisory_unlock(hashtext('pointbook.ledger'), :book)"),
            {"book": book_id},
        )
        connection.commit()
    except DBAPIError:
        connection.invalidate()


def place_batches(connection: Connection, book_id: int) -> int:
    """Gives every applied batch without one the next position, in order of ids; returns the highest position.

    The caller holds the writer lock and commits before anything is written: were files written first, a crash could leave text
    whose order nobody remembers.
    """
    connection.execute(
        text(
            "WITH placed AS ("
            " INSERT INTO ledger_position (book_id, position, batch_id)"
            " SELECT :book, (SELECT coalesce(max(position), 0) FROM ledger_position WHERE book_id = :book)"
            "        + row_number() OVER (ORDER BY id), id"
            " FROM batch WHERE book_id = :book AND is_applied AND NOT is_in_ledger"
            " RETURNING batch_id)"
            " UPDATE batch SET is_in_ledger = true FROM placed WHERE batch.id = placed.batch_id"
        ),
        {"book": book_id},
    )
    return last_position(connection, book_id)


def last_position(connection: Connection, book_id: int) -> int:
    """Returns the highest position of a book, 0 when there is none."""
    found = connection.execute(
        text("SELECT max(position) FROM ledger_position WHERE book_id = :book"), {"book": book_id}
    )
    return int(found.scalar() or 0)


def rows_between(
    connection: Connection, book_id: int, after: int, through: int
) -> Iterator[LedgerRow]:
    """Yields the entries of positions above ``after`` up to ``through``, in ledger order."""
    for batch_ids in _reads(connection, book_id, after, through):
        found = cursor(connection).execute(_READ_BATCHES, (batch_ids,), binary=True)
        yield from map(_ledger_row, found.fetchall())


def rows_of_days(
    connection: Connection, book_id: int, days: Collection[date], through: int
) -> Iterator[LedgerRow]:
    """Yields the entries of some accounting days up to a position, in ledger order; streams, whatever their number."""
    driver = cast("psycopg.Connection[tuple[Any, ...]]", connection.connection.driver_connection)
    with driver.cursor("ledger_days") as stream:
        stream.itersize = 10_000
        stream.execute(_READ_DAYS, (book_id, list(days), through), binary=True)
        yield from map(_ledger_row, stream)


def rows_by_id(connection: Connection, entry_ids: Sequence[int]) -> list[LedgerRow]:
    """Returns entries by id, in that order; ids without an entry are left out."""
    found = cursor(connection).execute(_READ_IDS, (list(entry_ids),), binary=True)
    return [_ledger_row(row) for row in found]


def days_between(connection: Connection, book_id: int, after: int, through: int) -> frozenset[date]:
    """Returns the accounting days that positions above ``after`` up to ``through`` touch."""
    days: set[date] = set()
    for batch_ids in _reads(connection, book_id, after, through):
        found = cursor(connection).execute(
            "SELECT DISTINCT e.accounting_on FROM unnest(%s::bigint[]) AS b (id) CROSS JOIN LATERAL ("
            " SELECT accounting_on FROM entry"
            " WHERE id >= b.id << 18 AND id < (b.id + 1) << 18 OFFSET 0) e",
            (batch_ids,),
        )
        days.update(row[0] for row in found)
    return frozenset(days)


def sums_of_days(
    connection: Connection, book_id: int, days: Collection[date], through: int
) -> dict[date, dict[Group, Sums]]:
    """Returns the sums of accounting days over all entries up to a position."""
    found = cursor(connection).execute(
        "SELECT e.accounting_on, e.kind, e.store, e.program_version, e.policy, e.debit, e.credit, e.debit_2, e.credit_2,"
        " count(*), min(e.id), max(e.id), count(*) FILTER (WHERE e.accounting_on > e.business_on),"
        " sum(e.amount_minor)::bigint, coalesce(sum(e.amount_2_minor), 0)::bigint,"
        " sum(e.units)::bigint, sum(e.arrears)::bigint"
        " FROM entry e JOIN ledger_position p ON p.batch_id = e.id >> 18 AND p.book_id = e.book_id"
        " WHERE e.book_id = %s AND e.accounting_on = ANY(%s::date[]) AND p.position <= %s"
        " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9",
        (book_id, list(days), through),
    )
    sums: dict[date, dict[Group, Sums]] = {}
    for day, *rest in found:
        sums.setdefault(day, {})[Group._make(rest[:8])] = Sums(*rest[8:])
    return sums


def _reads(connection: Connection, book_id: int, after: int, through: int) -> Iterator[list[int]]:
    """Yields batch ids in ledger order, as many at a time as one query reads."""
    while after < through:
        found = connection.execute(
            text(
                "SELECT p.position, b.id, b.events FROM ledger_position p JOIN batch b ON b.id = p.batch_id"
                " WHERE p.book_id = :book AND p.position > :after AND p.position <= :through"
                " ORDER BY p.position LIMIT 2000"
            ),
            {"book": book_id, "after": after, "through": through},
        ).all()
        if not found:
            return
        yield from _filled(found)
        after = found[-1].position


def _filled(found: Sequence[Row[Any]]) -> Iterator[list[int]]:
    batch_ids: list[int] = []
    events = 0
    for row in found:
        if batch_ids and events + row.events > EVENTS_PER_READ_MAX:
            yield batch_ids
            batch_ids, events = [], 0
        batch_ids.append(row.id)
        events += row.events
    yield batch_ids


def _ledger_row(row: tuple[Any, ...]) -> LedgerRow:
    return LedgerRow(Entry._make(row[:_ENTRY_WIDTH]), row[_ENTRY_WIDTH])
