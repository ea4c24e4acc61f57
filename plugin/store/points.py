"""Lots, their uses and point facts: read what a decision needs, write what it made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache

from sqlalchemy import Connection

from plugin.facts import PointFact
from plugin.points.lots import Lot, LotUse
from plugin.store.raw import columns, cursor

_LOT_COLUMNS = (
    "id, member_id, points, remaining, base_points, unit_cost_nano,"
    " (extract(epoch FROM available_at) * 1000000)::bigint, expires_on, program_version, store"
)


def read_lots(connection: Connection, lot_ids: Iterable[int]) -> list[Lot]:
    """Returns the open ones of some lots. Their members are locked."""
    wanted = sorted(set(lot_ids))
    if not wanted:
        return []
    rows = cursor(connection).execute(
        f"SELECT {_LOT_COLUMNS} FROM lot WHERE id = ANY(%s::bigint[]) AND is_open", (wanted,)
    )
    return [Lot(*row) for row in rows]


def read_lots_for(
    connection: Connection, needs: Sequence[tuple[int, int]], on: date
) -> list[Lot]:
    """Returns, for each (member, points), open lots in order of consumption until the points are covered.

    Only what is needed is read: a busy member has thousands of open lots. Lots expired before ``on`` are left out.
    """
    if not needs:
        return []
    rows = cursor(connection).execute(
        f"SELECT {_LOT_COLUMNS} FROM (SELECT l.*, w.points AS wanted, sum(l.remaining) OVER"
        " (PARTITION BY l.member_id ORDER BY l.expires_on NULLS LAST, l.available_at, l.id) - l.remaining AS before"
        " FROM unnest(%s::bigint[], %s::bigint[]) AS w (member_id, points)"
        " JOIN lot l ON l.member_id = w.member_id AND l.is_open"
        " WHERE l.expires_on IS NULL OR l.expires_on >= %s) AS l WHERE before < wanted",
        (*columns(needs, 2), on),
    )
    return [Lot(*row) for row in rows]


def read_expired_lots(
    connection: Connection, book_id: int, as_of: date, limit: int
) -> list[tuple[int, int]]:
    """Returns (member, lot) of open lots whose last day lies before ``as_of``, by member."""
    rows = cursor(connection).execute(
        "SELECT member_id, id FROM lot WHERE book_id = %s AND is_open AND expires_on < %s"
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
        rows = [
            (
                lot.id,
                lot.member_id,
                lot.points,
                lot.remaining,
                lot.cost_minor,
                lot.base_points,
                lot.unit_cost_nano,
                lot.available_at,
                lot.expires_on,
                lot.program_version,
                lot.store,
            )
            for lot in fresh
        ]
        cursor(connection).execute(
            "INSERT INTO lot (id, member_id, points, remaining, cost_minor, base_points, unit_cost_nano,"
            " available_at, expires_on, program_version, store, is_open, book_id)"
            " SELECT id, member_id, points, remaining, cost_minor, base_points, unit_cost_nano,"
            " to_timestamp(available_at / 1e6::float8), expires_on, program_version, store, remaining > 0,"
            f" {int(book_id)}"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],"
            " %s::bigint[], %s::bigint[], %s::date[], %s::int[], %s::text[]) AS w (id, member_id, points,"
            " remaining, cost_minor, base_points, unit_cost_nano, available_at, expires_on, program_version, store)",
            columns(rows, 11),
        )
    if changed:
        cursor(connection).execute(
            "UPDATE lot l SET remaining = w.remaining, cost_minor = w.cost_minor, is_open = w.remaining > 0"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS w (id, remaining, cost_minor)"
            " WHERE l.id = w.id",
            columns([(lot.id, lot.remaining, lot.cost_minor) for lot in changed], 3),
        )


def write_uses(connection: Connection, uses: Sequence[LotUse]) -> None:
    """Records slices taken from lots."""
    if uses:
        cursor(connection).execute(
            "INSERT INTO lot_use (fact_id, lot_id, points, cost_minor)"
            " SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])",
            columns(uses, 4),
        )


def write_facts(connection: Connection, book_id: int, facts: Sequence[PointFact]) -> None:
    """Records point facts."""
    if not facts:
        return
    rows = [
        (
            f.id,
            f.kind.value,
            f.member_id,
            f.points,
            f.lot_points,
            f.debt_points,
            f.amount_minor,
            f.business_at,
            f.source,
            f.order_id,
            f.cause,
            f.program_version,
            f.tier,
            rules_text(f.rules),
        )
        for f in facts
    ]
    cursor(connection).execute(
        "INSERT INTO point_fact (id, kind, member_id, points, lot_points, debt_points, amount_minor,"
        " business_at, source, order_id, cause, program_version, tier, rules, book_id)"
        " SELECT id, kind, member_id, points, lot_points, debt_points, amount_minor,"
        " to_timestamp(business_at / 1e6::float8), source, order_id, cause, program_version, tier, rules,"
        f" {int(book_id)}"
        " FROM unnest(%s::bigint[], %s::smallint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],"
        " %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[])"
        " AS w (id, kind, member_id, points, lot_points, debt_points, amount_minor, business_at, source,"
        " order_id, cause, program_version, tier, rules)",
        columns(rows, 14),
    )


@lru_cache(maxsize=16_384)
def rules_text(rules: tuple[tuple[str, int], ...]) -> str:
    """Writes the points each rule gave as JSON: ``[["base",19],["gold",9]]``."""
    return json.dumps(rules, separators=(",", ":"))
