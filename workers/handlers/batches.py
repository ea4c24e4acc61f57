"""Applies waiting batches of a lane; isolates a poison event and applies the rest of its batch."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from plugin.errors import Corrupt, Unavailable
from plugin.facts import EVENTS_PER_BATCH_MAX, event_seq
from plugin.store import inbox, parked
from plugin.store.documents import Collision
from plugin.store.inbox import InboxRow
from plugin.store.parked import Parking
from plugin.store.raw import cursor
from workers.handlers.apply import Applied, apply_events
from workers.handlers.books import Books

logger = logging.getLogger(__name__)

COLLISIONS_MAX = 10
LANE_LOCK = 7_201
TRANSIENT = (psycopg.OperationalError, psycopg.InterfaceError)
"""Errors of the connection or the server's load, deadlocks among them: the transaction is tried again later."""


def apply_lane(engine: Engine, books: Books, lane: int, batch_id: int, events_max: int) -> int:
    """Applies waiting batches of a lane, oldest first, until the named one is applied; returns how many events.

    A message for a batch that is applied already costs one look. Under load each transaction takes all that waits, up to
    ``events_max`` events, so batches grow by themselves and the messages of those taken along find nothing left to do.
    """
    done = 0
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not inbox.is_waiting(connection, batch_id):
            return done
    while True:
        events, applied = _with_patience(engine, books, lane, events_max)
        done += events
        if batch_id in applied or not applied:
            return done


def retry_parked(engine: Engine, books: Books, seqs: Sequence[int]) -> Applied:
    """Applies parked events again, in a batch of their own; those that fail stay parked with the new reason."""
    total = Applied(0, ())
    for start in range(0, len(seqs), EVENTS_PER_BATCH_MAX):
        part = seqs[start : start + EVENTS_PER_BATCH_MAX]
        for attempt in range(COLLISIONS_MAX):
            try:
                with engine.begin() as connection:
                    applied = _retry(connection, books, part)
                break
            except Collision:
                if attempt == COLLISIONS_MAX - 1:
                    raise
        total = Applied(total.facts + applied.facts, total.parked + applied.parked)
    return total


def _with_patience(
    engine: Engine, books: Books, lane: int, events_max: int
) -> tuple[int, list[int]]:
    """Applies one transaction's worth; a collision with another lane rolls back and tries again at once.

    The usual transaction has no savepoints. When something in it breaks it is rolled back and done again with them, to isolate
    what broke.
    """
    isolating = False
    collisions = 0
    while True:
        try:
            with engine.begin() as connection:
                return _apply_waiting(connection, books, lane, events_max, isolating)
        except Collision:
            collisions += 1
            if collisions == COLLISIONS_MAX:
                raise
        except Exception as error:
            if isolating or isinstance(error, Unavailable) or is_transient(error):
                raise
            isolating = True


def _apply_waiting(
    connection: Connection, books: Books, lane: int, events_max: int, isolating: bool
) -> tuple[int, list[int]]:
    # One worker at a time per lane: for speed, and so that batches are taken in order.
    cursor(connection).execute("SELECT pg_advisory_xact_lock(%s, %s)", (LANE_LOCK, lane))
    batch_ids = inbox.waiting_batches(connection, lane, events_max)
    if not batch_ids:
        return 0, []
    rows = inbox.read_batches(connection, batch_ids)
    for book_id, group in _by_book(rows).items():
        if isolating:
            _apply_or_halve(connection, books, group, None)
        else:
            apply_events(connection, books.context(connection, book_id), group)
    inbox.mark_applied(connection, batch_ids)
    return len(rows), batch_ids


def apply_isolated(
    connection: Connection,
    books: Books,
    rows: Sequence[InboxRow],
    bases: Mapping[int, int] | None = None,
) -> Applied:
    """Applies events book by book; one that breaks is found by halving, parked with its reason, and the rest applied."""
    total = Applied(0, ())
    for group in _by_book(rows).values():
        applied = _apply_or_halve(connection, books, group, bases)
        total = Applied(total.facts + applied.facts, total.parked + applied.parked)
    return total


def _by_book(rows: Sequence[InboxRow]) -> dict[int, list[InboxRow]]:
    found: dict[int, list[InboxRow]] = {}
    for row in rows:
        found.setdefault(row.book_id, []).append(row)
    return found


def _apply_or_halve(
    connection: Connection,
    books: Books,
    rows: list[InboxRow],
    bases: Mapping[int, int] | None,
) -> Applied:
    book_id = rows[0].book_id
    try:
        with connection.begin_nested():
            return apply_events(connection, books.context(connection, book_id), rows, bases)
    except (Collision, Unavailable, Corrupt):
        raise
    except Exception as error:
        if is_transient(error):
            raise
        if len(rows) > 1:
            middle = len(rows) // 2
            first = _apply_or_halve(connection, books, rows[:middle], bases)
            second = _apply_or_halve(connection, books, rows[middle:], bases)
            return Applied(first.facts + second.facts, first.parked + second.parked)
        what = described(error)
        logger.error("event %s of %s is parked: %s", rows[0].seq, rows[0].source, what)
        message = f"event {rows[0].event_id}: applying it failed: {what}"
        parking = Parking(rows[0].seq, "APPLY_FAILED", message)
        parked.park(connection, book_id, [parking])
        return Applied(0, (parking.seq,))


def described(error: Exception) -> str:
    """Says what went wrong and where, without any value: error texts may carry personal data.

    Of PostgreSQL the primary message, which names table and rule, not the detail, which shows the row.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename]
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "unknown place"
    if isinstance(cause, psycopg.Error):
        return f"{type(cause).__name__}: {cause.diag.message_primary or 'no message'} ({place})"
    return f"{type(cause).__name__} ({place})"


def is_transient(error: Exception) -> bool:
    """Tells whether trying again later can help: connection lost, deadlock, server shutting down."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(cause, TRANSIENT)


def _retry(connection: Connection, books: Books, seqs: Sequence[int]) -> Applied:
    still_open = parked.lock_open(connection, seqs)
    rows = inbox.read_events(connection, still_open)
    if not rows:
        return Applied(0, ())
    bases: dict[int, int] = {}
    for book_id, batch in _by_book(rows).items():
        batch_id = inbox.new_job_batch(connection, book_id, len(batch))
        bases |= {row.seq: event_seq(batch_id, i) for i, row in enumerate(batch)}
    applied = apply_isolated(connection, books, rows, bases)
    again = set(applied.parked)
    parked.resolve(connection, [(r.seq, bases[r.seq]) for r in rows if r.seq not in again])
    return applied
