"""Lots, their uses and point facts: read what a decision needs, write what it made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache

from sqlalchemy import Connection

from plugin.facts import PointFact
from plugin.points.lots import Lot, LotUse
from plugin.store.raw import copy_rows, cursor, instant_on_wire, literals

_LOT_COLUMNS = (
    "id, member_id, points, remaining, base_points, unit_cost_nano,"
    " (extract(epoch FROM available_at) * 1000000)::bigint, expires_on, program_version, store, held"
)

_LOT_INTO = (
    "lot (id, book_id, member_id, points, remaining, cost_minor, base_points, unit_cost_nano,"
    " available_at, expires_on, is_open, program_version, store, held)"
)
_LOT_TYPES = ("int8", "int2", *["int8"] * 7, "date", "bool", "int4", "text", "int8")
_FACT_INTO = (
    "point_fact (id, book_id, kind, member_id, points, lot_points, debt_points, amount_minor,"
    " business_at, source, order_id, cause, program_version, tier, rules)"
)
_FACT_TYPES = (
    "int8",
    "int2",
    "int2",
    *["int8"] * 6,
    "text",
    "text",
    "text",
    "int4",
    "text",
    "text",
)


_LOTS_FOR = (
    f"SELECT {_LOT_COLUMNS} FROM (SELECT l.*, w.points AS wanted, sum(l.remaining - l.held) OVER"  # noqa: S608  (a constant of ours)
    " (PARTITION BY l.member_id, w.day ORDER BY l.expires_on NULLS LAST, l.available_at, l.id)"
    " - (l.remaining - l.held) AS before"
    " FROM unnest(%s::bigint[], %s::bigint[], %s::date[]) AS w (member_id, points, day)"
    " JOIN lot l ON l.member_id = w.member_id AND l.is_open AND l.remaining > l.held"
    " WHERE (l.expires_on IS NULL OR l.expires_on >= w.day){more}) AS l WHERE before < wanted"
)


def read_lots(
    connection: Connection, lot_ids: Iterable[int], *, closed_too: bool = False
) -> list[Lot]:
    """Returns the open ones of some lots, or all of them. Their members are locked."""
    wanted = sorted(set(lot_ids))
    if not wanted:
        return []
    which = "" if closed_too else " AND is_open"
    rows = cursor(connection).execute(
        f"SELECT {_LOT_COLUMNS} FROM lot WHERE id = ANY(%s::bigint[]){which}",  # noqa: S608  (a constant of ours)
        (wanted,),
    )
    return [Lot(*row) for row in rows]


def read_open_lots(connection: Connection, member_ids: Iterable[int]) -> list[Lot]:
    """Returns all open lots of members, who are locked."""
    rows = cursor(connection).execute(
        f"SELECT {_LOT_COLUMNS} FROM lot WHERE member_id = ANY(%s::bigint[]) AND is_open",  # noqa: S608  (a constant of ours)
        (sorted(set(member_ids)),),
    )
    return [Lot(*row) for row in rows]


def read_lots_for(connection: Connection, needs: Sequence[tuple[int, int, date]]) -> list[Lot]:
    """Returns, for each (member, points, day), free lots usable that day in order of consumption until the points are covered.

    Only what is needed is read: a busy member has thousands of open lots. A lot that several needs want comes several times.
    """
    if not needs:
        return []
    rows = cursor(connection).execute(
        _LOTS_FOR.format(more=""),
        literals([(member_id, points, day.isoformat()) for member_id, points, day in needs], "iit"),
    )
    return [Lot(*row) for row in rows]


def read_spendable_lots(
    connection: Connection, needs: Sequence[tuple[int, int]], now: datetime, today: date
) -> list[Lot]:
    """Returns, for each (member, points), free lots that can be spent now, in order of consumption until the points are covered."""
    if not needs:
        return []
    rows = cursor(connection).execute(
        _LOTS_FOR.format(more=" AND l.available_at <= %s"),
        (*literals([(*need, today.isoformat()) for need in needs], "iit"), now),
    )
    return [Lot(*row) for row in rows]


def read_expired_lots(
    connection: Connection, book_id: int, as_of: date, limit: int
) -> list[tuple[int, int]]:
    """Returns (member, lot) of lots with free points whose last day lies before ``as_of``, by member."""
    rows = cursor(connection).execute(
        "SELECT member_id, id FROM lot WHERE book_id = %s AND is_open AND expires_on < %s"
        " AND remaining > held"
        " ORDER BY member_id, expires_on, id LIMIT %s",
        (book_id, as_of, limit),
    )
    return [(member_id, lot_id) for member_id, lot_id in rows]


def write_lots(connection: Connection, book_id: int, lots: Iterable[Lot]) -> None:
    """Inserts new lots and updates what remains of changed ones."""
    fresh, changed = [], []
    for lot in lots:
        if lot.is_new:
            fresh.append(lot)
        elif lot.is_changed:
            changed.append(lot)
    if fresh:
        copy_rows(connection, _LOT_INTO, _LOT_TYPES, [_lot_row(book_id, lot) for lot in fresh])
    if changed:
        cursor(connection).execute(
            "UPDATE lot l SET remaining = w.remaining, cost_minor = w.cost_minor, is_open = w.remaining > 0, held = w.held"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) AS w (id, remaining, cost_minor, held)"
            " WHERE l.id = w.id",
            literals(
                [(lot.id, lot.remaining, lot.cost_minor, lot.held) for lot in changed], "iiii"
            ),
        )


def write_uses(connection: Connection, uses: Sequence[LotUse]) -> None:
    """Records slices taken from lots."""
    if uses:
        cursor(connection).execute(
            "INSERT INTO lot_use (fact_id, lot_id, points, cost_minor)"
            " SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])",
            literals(uses, "iiii"),
        )


def write_facts(connection: Connection, book_id: int, facts: Sequence[PointFact]) -> None:
    """Records point facts."""
    if facts:
        copy_rows(connection, _FACT_INTO, _FACT_TYPES, [_fact_row(book_id, fact) for fact in facts])


def _lot_row(book_id: int, lot: Lot) -> tuple[object, ...]:
    return (
        lot.id,
        book_id,
        lot.member_id,
        lot.points,
        lot.remaining,
        lot.cost_minor,
        lot.base_points,
        lot.unit_cost_nano,
        instant_on_wire(lot.available_at),
        lot.expires_on,
        lot.remaining > 0,
        lot.program_version,
        lot.store,
        lot.held,
    )


def _fact_row(book_id: int, fact: PointFact) -> tuple[object, ...]:
    return (
        fact.id,
        book_id,
        fact.kind,
        fact.member_id,
        fact.points,
        fact.lot_points,
        fact.debt_points,
        fact.amount_minor,
        instant_on_wire(fact.business_at),
        fact.source,
        fact.order_id,
        fact.cause,
        fact.program_version,
        fact.tier,
        rules_text(fact.rules),
    )


@lru_cache(maxsize=16_384)
def rules_text(rules: tuple[tuple[str, int], ...]) -> str:
    """Writes the points each rule gave as JSON: ``[["base",19],["gold",9]]``."""
    return json.dumps(rules, separators=(",", ":"))
