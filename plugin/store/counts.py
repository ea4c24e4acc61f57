"""Counts for operators: events by where they are, and how far behind applying is."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, text


class InboxCounts(NamedTuple):
    """Events by where they are. ``received = applied + waiting + parked + discarded``."""

    received: int
    applied: int
    waiting: int
    parked: int
    discarded: int
    orders_awaited: int
    lanes: dict[int, int]


class Lag(NamedTuple):
    """How far behind: age of the oldest waiting event in seconds, and batches that wait."""

    seconds: float
    batches_waiting: int
    batches_not_in_ledger: int


def inbox_counts(connection: Connection, book_id: int | None = None) -> InboxCounts:
    """Counts events of one book, or of all."""
    where = {"book": book_id}
    batches = connection.execute(
        text(
            "SELECT lane, is_applied, sum(events) FROM batch"
            " WHERE lane >= 0 AND (CAST(:book AS int) IS NULL OR book_id = :book) GROUP BY lane, is_applied"
        ),
        where,
    ).all()
    resolutions = connection.execute(
        text(
            "SELECT resolution, count(*) FROM parked"
            " WHERE CAST(:book AS int) IS NULL OR book_id = :book GROUP BY resolution"
        ),
        where,
    )
    by_resolution: dict[str, int] = dict(resolutions.all())
    awaited = connection.execute(
        text(
            "SELECT count(*) FROM order_state WHERE order_version = 0"
            " AND (CAST(:book AS int) IS NULL OR book_id = :book)"
        ),
        where,
    ).scalar_one()
    lanes: dict[int, int] = {}
    for lane, is_applied, events in batches:
        if not is_applied:
            lanes[lane] = lanes.get(lane, 0) + int(events)
    received = int(sum(events for _, _, events in batches))
    waiting = sum(lanes.values())
    parked, discarded = by_resolution.get("open", 0), by_resolution.get("discarded", 0)
    applied = received - waiting - parked - discarded
    return InboxCounts(received, applied, waiting, parked, discarded, awaited, lanes)


def lag(connection: Connection, book_id: int | None = None) -> Lag:
    """Returns how far behind one book is, or all."""
    row = connection.execute(
        text(
            "SELECT coalesce(extract(epoch FROM clock_timestamp() - min(received_at)"
            " FILTER (WHERE NOT is_applied)), 0) AS seconds,"
            " count(*) FILTER (WHERE NOT is_applied) AS waiting,"
            " count(*) FILTER (WHERE is_applied) AS unposted"
            " FROM batch WHERE (NOT is_applied OR NOT is_in_ledger)"
            " AND (CAST(:book AS int) IS NULL OR book_id = :book)"
        ),
        {"book": book_id},
    ).one()
    return Lag(float(row.seconds), row.waiting, row.unposted)
