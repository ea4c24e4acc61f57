"""Parked events: what could not be applied waits here for a person, with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from plugin.store.raw import cursor, literals


class Parking(NamedTuple):
    """An event to park. ``waiting_for`` is a member key whose arrival releases it, or empty."""

    seq: int
    reason: str
    message: str
    waiting_for: str = ""


class ParkedRow(NamedTuple):
    """A parked event as an operator sees it."""

    seq: int
    source: str
    event_id: str
    reason: str
    message: str
    parked_at: datetime
    resolution: str
    note: str


def park(connection: Connection, book_id: int, events: Iterable[Parking]) -> None:
    """Parks events; one that is parked already keeps its place and takes the new reason."""
    rows = sorted(events)
    if rows:
        cursor(connection).execute(
            "INSERT INTO parked (seq, reason, message, waiting_for, book_id)"
            " SELECT w.*, %s::smallint FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) AS w"
            " ON CONFLICT (seq) DO UPDATE SET reason = excluded.reason, message = excluded.message,"
            " waiting_for = excluded.waiting_for WHERE parked.resolution = 'open'",
            (book_id, *literals(rows, "ittt")),
        )


def list_parked(
    connection: Connection, book_id: int, after_seq: int = 0, limit: int = 100
) -> list[ParkedRow]:
    """Returns open parked events by sequence, after one, at most ``limit``."""
    rows = cursor(connection).execute(
        "SELECT p.seq, i.source, i.event_id, p.reason, p.message, p.parked_at, p.resolution, p.note"
        " FROM parked p JOIN inbox i ON i.seq = p.seq"
        " WHERE p.book_id = %s AND p.resolution = 'open' AND p.seq > %s ORDER BY p.seq LIMIT %s",
        (book_id, after_seq, limit),
    )
    return [ParkedRow._make(row) for row in rows]


class ConflictRow(NamedTuple):
    """A refused event: its id was known with other content."""

    id: int
    source: str
    event_id: str
    first_seq: int
    received_at: datetime


def list_conflicts(
    connection: Connection, after_id: int = 0, limit: int = 100
) -> list[ConflictRow]:
    """Returns refused conflicts by id, after one, at most ``limit``; never their content."""
    rows = cursor(connection).execute(
        "SELECT id, source, event_id, first_seq, received_at FROM conflict WHERE id > %s ORDER BY id LIMIT %s",
        (after_id, limit),
    )
    return [ConflictRow._make(row) for row in rows]


def lock_open(connection: Connection, seqs: Sequence[int]) -> list[int]:
    """Locks those of some parked events that are still open and returns them in order."""
    rows = cursor(connection).execute(
        "SELECT seq FROM parked WHERE seq = ANY(%s::bigint[]) AND resolution = 'open' ORDER BY seq FOR UPDATE",
        (list(seqs),),
    )
    return [row[0] for row in rows]


def released_by(connection: Connection, book_id: int, limit: int) -> list[int]:
    """Returns parked events that wait for a member who is known by now."""
    rows = cursor(connection).execute(
        "SELECT p.seq FROM parked p JOIN identity i ON i.book_id = p.book_id AND i.key = p.waiting_for"
        " WHERE p.book_id = %s AND p.resolution = 'open' AND p.waiting_for <> '' ORDER BY p.seq LIMIT %s",
        (book_id, limit),
    )
    return [row[0] for row in rows]


def resolve(connection: Connection, applied: Iterable[tuple[int, int]]) -> None:
    """Marks (seq, where its facts are recorded) of parked events that were applied by a retry."""
    rows = sorted(applied)
    if rows:
        cursor(connection).execute(
            "UPDATE parked p SET resolution = 'applied', applied_seq = w.applied_seq, resolved_at = clock_timestamp()"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS w (seq, applied_seq) WHERE p.seq = w.seq",
            literals(rows, "ii"),
        )


def discard(connection: Connection, seq: int, note: str) -> bool:
    """Gives up a parked event for a reason; tells whether it was open. The event itself stays in the inbox."""
    done = cursor(connection).execute(
        "UPDATE parked SET resolution = 'discarded', note = %s, resolved_at = clock_timestamp()"
        " WHERE seq = %s AND resolution = 'open'",
        (note, seq),
    )
    return done.rowcount == 1
