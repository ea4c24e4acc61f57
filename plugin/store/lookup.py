"""Reads for people and services: where an event is, what a member has, why."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from enum import IntEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from plugin.errors import Rejected
from plugin.events import Kind
from plugin.facts import FACTS_PER_EVENT_MAX
from plugin.store.members import resolve, with_merged

EntriesOf = Callable[[Connection, Sequence[int]], list[Any]]
"""Returns the journal entries of facts as messages."""


class EventStatus(IntEnum):
    """Where an event is; the numbers are those of ``pointbook.v1.EventStatus``."""

    WAITING = 1
    APPLIED = 2
    PARKED = 3
    DISCARDED = 4


class FactRow(NamedTuple):
    """A point fact as it is stored."""

    id: int
    member_id: int
    kind: int
    points: int
    lot_points: int
    debt_points: int
    amount_minor: int
    business_at: datetime
    recorded_at: datetime
    source: str
    order_id: str
    cause: str
    program_version: int
    tier: str
    rules: str

    @property
    def by_rule(self) -> list[tuple[str, int]]:
        """The points each rule gave."""
        return [(rule, points) for rule, points in json.loads(self.rules)]


class FoundEvent(NamedTuple):
    """An event, where it is, and what it did."""

    seq: int
    status: EventStatus
    received_at: datetime
    applied_at: datetime | None
    reason: str
    message: str
    is_superseded: bool
    facts: list[FactRow]
    move_ids: list[int]

    @property
    def fact_ids(self) -> list[int]:
        """Ids of its facts about points and stock, which are those of their entries."""
        return sorted([*(fact.id for fact in self.facts), *self.move_ids])


class Balance(NamedTuple):
    """A member's points at an instant. ``available`` excludes pending, held and expired ones."""

    member_id: int
    available: int
    pending: int
    held: int
    debt: int
    expiring: list[tuple[date, int]]


_FACT_COLUMNS = (
    "id, member_id, kind, points, lot_points, debt_points, amount_minor, business_at, recorded_at,"
    " source, order_id, cause, program_version, tier, rules"
)

_STATUS = """
    CASE WHEN p.resolution = 'open' THEN 3 WHEN p.resolution = 'discarded' THEN 4
         WHEN b.is_applied OR p.resolution = 'applied' THEN 2 ELSE 1 END
"""


def statuses(connection: Connection, seqs: Sequence[int]) -> dict[int, int]:
    """Returns where events are, by sequence."""
    rows = connection.execute(
        text(
            f"SELECT s.seq, {_STATUS} FROM unnest(CAST(:seqs AS bigint[])) AS s (seq)"  # noqa: S608  (a constant of ours)
            " LEFT JOIN batch b ON b.id = s.seq >> 18 LEFT JOIN parked p ON p.seq = s.seq"
        ),
        {"seqs": list(seqs)},
    )
    return dict(rows.all())


def find_event(connection: Connection, source: str, event_id: str) -> FoundEvent:
    """Returns an event and what it did.

    Raises:
        Rejected: The source never sent it (``EVENT_NOT_FOUND``).
    """
    row = connection.execute(
        text(
            f"SELECT k.seq, {_STATUS} AS status, i.received_at, b.applied_at, i.kind, i.payload,"  # noqa: S608  (a constant of ours)
            " coalesce(p.reason, '') AS reason, coalesce(nullif(p.note, ''), p.message, '') AS message,"
            " coalesce(p.applied_seq, k.seq) AS facts_from, p.resolved_at"
            " FROM event_key k JOIN inbox i ON i.seq = k.seq JOIN batch b ON b.id = k.seq >> 18"
            " LEFT JOIN parked p ON p.seq = k.seq WHERE k.source = :source AND k.event_id = :event_id"
        ),
        {"source": source, "event_id": event_id},
    ).first()
    if row is None:
        raise Rejected("EVENT_NOT_FOUND", f"{source} never sent an event {event_id!r}", "event_id")
    facts = connection.execute(
        text(
            f"SELECT {_FACT_COLUMNS} FROM point_fact WHERE id BETWEEN :first AND :last ORDER BY id"  # noqa: S608  (a constant of ours)
        ),
        {"first": row.facts_from, "last": row.facts_from + FACTS_PER_EVENT_MAX},
    )
    moves = connection.execute(
        text("SELECT id FROM stock_move WHERE id BETWEEN :first AND :last ORDER BY id"),
        {"first": row.facts_from, "last": row.facts_from + FACTS_PER_EVENT_MAX},
    )
    status = EventStatus(row.status)
    return FoundEvent(
        seq=row.seq,
        status=status,
        received_at=row.received_at,
        applied_at=(row.resolved_at or row.applied_at) if status == EventStatus.APPLIED else None,
        reason=row.reason,
        message=row.message,
        is_superseded=status == EventStatus.APPLIED and _is_superseded(connection, source, row),
        facts=[FactRow._make(fact) for fact in facts],
        move_ids=list(moves.scalars()),
    )


def find_member(connection: Connection, book_id: int, key: str) -> int:
    """Returns the number of the member that a reference key names.

    Raises:
        Rejected: Nobody is known by it (``MEMBER_NOT_FOUND``).
    """
    found = resolve(connection, book_id, [key]).get(key)
    if found is None:
        # The value of the key may be a telephone number: it is not repeated.
        raise Rejected("MEMBER_NOT_FOUND", "no member is known by this reference", "member")
    return found


def balance(connection: Connection, member_id: int, as_of: datetime, today: date) -> Balance:
    """Returns a member's points: what can be spent at an instant, what is pending, what will expire when."""
    rows = connection.execute(
        text(
            "SELECT expires_on, sum(remaining - held) FILTER (WHERE available_at <= :at) AS available,"
            " sum(remaining - held) FILTER (WHERE available_at > :at) AS pending FROM lot"
            " WHERE member_id = :member AND is_open AND (expires_on IS NULL OR expires_on >= :today)"
            " GROUP BY expires_on ORDER BY expires_on NULLS LAST"
        ),
        {"member": member_id, "at": as_of, "today": today},
    ).all()
    debt, held = connection.execute(
        text(
            "SELECT debt, (SELECT coalesce(sum(held), 0)::bigint FROM lot WHERE member_id = :member AND is_open)"
            " FROM member WHERE id = :member"
        ),
        {"member": member_id},
    ).one()
    return Balance(
        member_id,
        int(sum(row.available or 0 for row in rows)),
        int(sum(row.pending or 0 for row in rows)),
        held,
        debt,
        [
            (row.expires_on, int((row.available or 0) + (row.pending or 0)))
            for row in rows
            if row.expires_on is not None and (row.available or row.pending)
        ],
    )


def list_facts(connection: Connection, member_id: int, after_id: int, limit: int) -> list[FactRow]:
    """Returns the point facts of a member, and of those who were merged into them, by id, after one."""
    rows = connection.execute(
        text(
            f"SELECT {_FACT_COLUMNS} FROM point_fact WHERE member_id = ANY(:members) AND id > :after"  # noqa: S608  (a constant of ours)
            " ORDER BY id LIMIT :limit"
        ),
        {"members": with_merged(connection, member_id), "after": after_id, "limit": limit},
    )
    return [FactRow._make(row) for row in rows]


def _is_superseded(connection: Connection, source: str, row: Any) -> bool:
    """Tells whether a newer event about the same document counts."""
    document_id = json.loads(row.payload)["id"]
    if row.kind == Kind.ORDER:
        latest = connection.execute(
            text("SELECT order_seq FROM order_state WHERE source = :source AND order_id = :id"),
            {"source": source, "id": document_id},
        ).scalar()
    else:
        latest = connection.execute(
            text(
                "SELECT seq FROM document WHERE source = :source AND kind = :kind AND document_id = :id"
            ),
            {"source": source, "kind": row.kind, "id": document_id},
        ).scalar()
    return latest is not None and latest != row.seq
