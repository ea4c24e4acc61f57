"""Reward stock: as it stands, its time line, and the moves that were posted.

Lock order: stock rows come last, by SKU and warehouse. A time line is protected by its stock row's lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from plugin.facts import StockMove
from plugin.stock.valuation import (
    Booked,
    Pile,
    Place,
    ShippedOf,
    StockKind,
    StockLine,
    shipped_of,
)
from plugin.store.raw import copy_rows, cursor, instant_on_wire, literals

StockKey = tuple[str, str]
"""SKU and warehouse."""

LineKey = tuple[str, int, str]
"""Source, stock kind and document id."""


@dataclass(slots=True)
class StockRow:
    """Stock of one SKU in one warehouse as it stands, locked."""

    sku: str
    warehouse: str
    on_hand: int
    reserved: int
    value_minor: int
    is_changed: bool = False

    @property
    def available(self) -> int:
        """Pieces that can be set aside; below 0 when a count found fewer than are reserved."""
        return self.on_hand - self.reserved


class Located(NamedTuple):
    """A line and the time line it stands on."""

    key: StockKey
    line: StockLine


class MoveRow(NamedTuple):
    """A move as the warehouse sees it."""

    id: int
    kind: int
    sku: str
    warehouse: str
    pieces: int
    value_minor: int
    business_at: Any
    source: str
    document_id: str
    redemption_id: int


_LINE = (
    "source, kind, document_id, at_us, pieces, value_minor, redemption_id, is_void, is_damaged, is_unpriced,"
    " booked_pieces, booked_minor, found_pieces, found_minor, after_pieces, basis_pieces, basis_minor"
)
_LINE_FIELDS: tuple[tuple[str, str, str], ...] = (
    ("source", "text", "t"),
    ("kind", "smallint", "i"),
    ("document_id", "text", "t"),
    ("at_us", "bigint", "i"),
    ("pieces", "bigint", "i"),
    ("value_minor", "bigint", "i"),
    ("redemption_id", "bigint", "i"),
    ("is_void", "boolean", "i"),
    ("is_damaged", "boolean", "i"),
    ("is_unpriced", "boolean", "i"),
    ("booked_pieces", "bigint", "i"),
    ("booked_minor", "bigint", "i"),
    ("found_pieces", "bigint", "i"),
    ("found_minor", "bigint", "i"),
    ("after_pieces", "bigint", "i"),
    ("basis_pieces", "bigint", "i"),
    ("basis_minor", "bigint", "i"),
    ("sku", "text", "t"),
    ("warehouse", "text", "t"),
)
_LINE_KEY = ("book_id", "source", "kind", "document_id", "sku", "warehouse")
_MOVE_INTO = "stock_move (id, book_id, kind, sku, warehouse, pieces, value_minor, business_at, source, document_id, redemption_id)"
_MOVE_TYPES = (
    *("int8", "int2", "int2", "text", "text", "int8", "int8", "int8"),
    *("text", "text", "int8"),
)
_PLACE = "(at_us, kind, source, document_id)"


def lock_stock(
    connection: Connection, book_id: int, keys: Iterable[StockKey], *, creates: bool = False
) -> dict[StockKey, StockRow]:
    """Locks and returns stock rows, by SKU and warehouse; makes those that are missing when asked to."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    run = cursor(connection).execute
    arrays = literals(wanted, "tt")
    if creates:
        run(
            "INSERT INTO stock (book_id, sku, warehouse)"
            " SELECT %s::smallint, w.* FROM unnest(%s::text[], %s::text[]) AS w ON CONFLICT DO NOTHING",
            (book_id, *arrays),
        )
    rows = run(
        "SELECT s.sku, s.warehouse, s.on_hand, s.reserved, s.value_minor FROM stock s"
        " JOIN unnest(%s::text[], %s::text[]) AS w (sku, warehouse)"
        " ON s.sku = w.sku AND s.warehouse = w.warehouse WHERE s.book_id = %s"
        " ORDER BY s.sku, s.warehouse FOR NO KEY UPDATE OF s",
        (*arrays, book_id),
    )
    return {(row[0], row[1]): StockRow(*row) for row in rows}


def list_stock(
    connection: Connection, book_id: int, sku: str = "", warehouse: str = ""
) -> list[StockRow]:
    """Returns stock as it stands, without locking."""
    rows = cursor(connection).execute(
        "SELECT sku, warehouse, on_hand, reserved, value_minor FROM stock WHERE book_id = %s"
        " AND (%s = '' OR sku = %s) AND (%s = '' OR warehouse = %s) ORDER BY sku, warehouse",
        (book_id, sku, sku, warehouse, warehouse),
    )
    return [StockRow(*row) for row in rows]


def write_stock(connection: Connection, book_id: int, rows: Iterable[StockRow]) -> None:
    """Writes stock rows that are locked."""
    changed = sorted(
        (row.sku, row.warehouse, row.on_hand, row.reserved, row.value_minor)
        for row in rows
        if row.is_changed
    )
    if changed:
        cursor(connection).execute(
            "UPDATE stock s SET on_hand = w.on_hand, reserved = w.reserved, value_minor = w.value_minor"
            " FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[])"
            " AS w (sku, warehouse, on_hand, reserved, value_minor)"
            " WHERE s.book_id = %s AND s.sku = w.sku AND s.warehouse = w.warehouse",
            (*literals(changed, "ttiii"), book_id),
        )


def find_lines(
    connection: Connection, book_id: int, keys: Iterable[LineKey]
) -> dict[LineKey, list[Located]]:
    """Returns where documents stand; one that was moved to another SKU stands there, and void where it was."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = cursor(connection).execute(
        f"SELECT {', '.join('l.' + name for name in _LINE.split(', '))}, l.sku, l.warehouse FROM stock_line l"  # noqa: S608  (a constant of ours)
        " JOIN unnest(%s::text[], %s::smallint[], %s::text[]) AS w (source, kind, document_id)"
        " ON l.source = w.source AND l.kind = w.kind AND l.document_id = w.document_id WHERE l.book_id = %s",
        (*literals(wanted, "tit"), book_id),
    )
    found: dict[LineKey, list[Located]] = {}
    for row in rows:
        found.setdefault((row[0], row[1], row[2]), []).append(
            Located((row[-2], row[-1]), _line(row))
        )
    return found


def lines_from(
    connection: Connection, book_id: int, key: StockKey, place: Place
) -> tuple[Pile, list[StockLine]]:
    """Returns the lines of a time line from a place on, and the pile before them."""
    where = (book_id, *key, place.at, int(place.kind), place.source, place.document_id)
    before = (
        cursor(connection)
        .execute(
            "SELECT after_pieces, basis_pieces, basis_minor FROM stock_line"  # noqa: S608  (a constant of ours)
            " WHERE book_id = %s AND sku = %s AND warehouse = %s"
            f" AND {_PLACE} < (%s, %s, %s, %s)"
            " ORDER BY at_us DESC, kind DESC, source DESC, document_id DESC LIMIT 1",
            where,
        )
        .fetchone()
    )
    rows = cursor(connection).execute(
        f"SELECT {_LINE} FROM stock_line WHERE book_id = %s AND sku = %s AND warehouse = %s"  # noqa: S608  (constants of ours)
        f" AND {_PLACE} >= (%s, %s, %s, %s) ORDER BY at_us, kind, source, document_id",
        where,
    )
    return Pile(*before) if before else Pile(0, 0, 0), [_line(row) for row in rows]


def shipped_before(
    connection: Connection, book_id: int, key: StockKey, place: Place, redemption_ids: Iterable[int]
) -> dict[int, ShippedOf]:
    """Returns what redemptions' lines before a place of a time line did."""
    wanted = sorted(set(redemption_ids))
    if not wanted:
        return {}
    rows = cursor(connection).execute(
        f"SELECT {_LINE} FROM stock_line"  # noqa: S608  (constants of ours)
        " WHERE redemption_id = ANY(%s::bigint[]) AND book_id = %s AND sku = %s AND warehouse = %s"
        f" AND NOT is_void AND {_PLACE} < (%s, %s, %s, %s) ORDER BY at_us, kind, source, document_id",
        (wanted, book_id, *key, place.at, int(place.kind), place.source, place.document_id),
    )
    return shipped_of(map(_line, rows))


def lines_of_redemptions(
    connection: Connection, redemption_ids: Iterable[int]
) -> dict[int, list[StockLine]]:
    """Returns shipments and returns of redemptions."""
    rows = cursor(connection).execute(
        f"SELECT {_LINE} FROM stock_line WHERE redemption_id = ANY(%s::bigint[]) AND redemption_id <> 0",  # noqa: S608  (a constant of ours)
        (sorted(set(redemption_ids)),),
    )
    found: dict[int, list[StockLine]] = {}
    for row in rows:
        line = _line(row)
        found.setdefault(line.redemption_id, []).append(line)
    return found


def first_unpriced(
    connection: Connection, book_id: int, skus: Iterable[str]
) -> dict[StockKey, Place]:
    """Returns, for each time line of some SKUs, its first line whose value depends on the product's unit cost."""
    rows = cursor(connection).execute(
        "SELECT DISTINCT ON (sku, warehouse) sku, warehouse, at_us, kind, source, document_id FROM stock_line"
        " WHERE book_id = %s AND sku = ANY(%s::text[]) AND is_unpriced AND NOT is_void"
        " ORDER BY sku, warehouse, at_us, kind, source, document_id",
        (book_id, *literals([(sku,) for sku in sorted(set(skus))], "t")),
    )
    return {(row[0], row[1]): Place(row[2], StockKind(row[3]), row[4], row[5]) for row in rows}


def write_lines(
    connection: Connection, book_id: int, lines: Iterable[tuple[StockKey, StockLine]]
) -> None:
    """Writes lines of time lines that are locked: new ones and changed ones."""
    rows = [_line_row(key, line) for key, line in lines]
    if not rows:
        return
    names = [name for name, _, _ in _LINE_FIELDS]
    sets = ", ".join(f"{name} = excluded.{name}" for name in names if name not in _LINE_KEY)
    cursor(connection).execute(
        f"INSERT INTO stock_line ({', '.join(names)}, book_id)"  # noqa: S608  (constants of ours)
        f" SELECT w.*, %s::smallint FROM unnest({', '.join(f'%s::{kind}[]' for _, kind, _ in _LINE_FIELDS)}) AS w"
        f" ON CONFLICT ({', '.join(_LINE_KEY)}) DO UPDATE SET {sets}",
        (book_id, *literals(rows, "".join(letter for _, _, letter in _LINE_FIELDS))),
    )


def write_moves(connection: Connection, book_id: int, moves: Sequence[StockMove]) -> None:
    """Records moves."""
    if moves:
        copy_rows(
            connection,
            _MOVE_INTO,
            _MOVE_TYPES,
            [
                (
                    move.id,
                    book_id,
                    move.kind,
                    move.sku,
                    move.warehouse,
                    move.pieces,
                    move.value_minor,
                    instant_on_wire(move.business_at),
                    move.source,
                    move.document_id,
                    move.redemption_id,
                )
                for move in moves
            ],
        )


def list_moves(
    connection: Connection,
    book_id: int,
    after_id: int,
    limit: int,
    *,
    sku: str = "",
    warehouse: str = "",
) -> list[MoveRow]:
    """Returns moves by number, after one."""
    rows = cursor(connection).execute(
        "SELECT id, kind, sku, warehouse, pieces, value_minor, business_at, source, document_id, redemption_id"
        " FROM stock_move WHERE book_id = %s AND id > %s AND (%s = '' OR sku = %s)"
        " AND (%s = '' OR warehouse = %s) ORDER BY id LIMIT %s",
        (book_id, after_id, sku, sku, warehouse, warehouse, limit),
    )
    return [MoveRow._make(row) for row in rows]


def list_movements(
    connection: Connection,
    book_id: int,
    limit: int,
    *,
    sku: str = "",
    warehouse: str = "",
    begins_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> list[tuple[MoveRow, int]]:
    """Returns the last moves by when they happened, oldest first, each with what was on hand of the SKU in its warehouse then.

    Pieces on hand count everything that is known today to have happened up to the move, also what was recorded later.

    Args:
        connection: Open connection.
        book_id: The book.
        limit: At most so many.
        sku: Only this SKU; empty: all.
        warehouse: Only this warehouse; empty: all.
        begins_at: First instant; None: from the first move.
        ends_at: First instant that is left out; None: to the last move.
    """
    rows = cursor(connection).execute(
        "SELECT * FROM (SELECT id, kind, sku, warehouse, pieces, value_minor, business_at, source, document_id, redemption_id,"
        " (sum(pieces) OVER (PARTITION BY sku, warehouse ORDER BY business_at, id))::bigint AS on_hand"
        " FROM stock_move WHERE book_id = %s AND (%s = '' OR sku = %s) AND (%s = '' OR warehouse = %s)) AS moved"
        " WHERE (%s::timestamptz IS NULL OR business_at >= %s) AND (%s::timestamptz IS NULL OR business_at < %s)"
        " ORDER BY business_at DESC, id DESC LIMIT %s",
        (book_id, sku, sku, warehouse, warehouse, begins_at, begins_at, ends_at, ends_at, limit),
    )
    return [(MoveRow._make(row[:-1]), row[-1]) for row in reversed(rows.fetchall())]


def add_costs(
    connection: Connection, book_id: int, costs: Iterable[tuple[str, str, int, int, int]]
) -> None:
    """Records (SKU, source, version, since when in microseconds, unit cost) of products' records; known versions stay."""
    rows = sorted(costs)
    if rows:
        cursor(connection).execute(
            "INSERT INTO product_cost (sku, source, version, changed_at_us, unit_cost_minor, book_id)"
            " SELECT w.*, %s::smallint"
            " FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[]) AS w ON CONFLICT DO NOTHING",
            (book_id, *literals(rows, "ttiii")),
        )


def unit_costs(
    connection: Connection, book_id: int, skus: Iterable[str]
) -> dict[str, list[tuple[int, int]]]:
    """Returns (since when, unit cost) of SKUs, in order of time; of one instant the last source and version counts."""
    wanted = sorted(set(skus))
    if not wanted:
        return {}
    rows = cursor(connection).execute(
        "SELECT sku, changed_at_us, unit_cost_minor FROM product_cost WHERE book_id = %s AND sku = ANY(%s::text[])"
        " ORDER BY sku, changed_at_us, source, version",
        (book_id, *literals([(sku,) for sku in wanted], "t")),
    )
    found: dict[str, list[tuple[int, int]]] = {}
    for sku, changed_at, cost in rows:
        found.setdefault(sku, []).append((changed_at, cost))
    return found


def _line(row: Sequence[Any]) -> StockLine:
    return StockLine(
        Place(row[3], StockKind(row[1]), row[0], row[2]),
        row[4],
        row[5],
        row[6],
        row[7],
        row[8],
        row[9],
        Booked(*row[10:14]),
        Pile(*row[14:17]),
    )


def _line_row(key: StockKey, line: StockLine) -> tuple[Any, ...]:
    place = line.place
    return (
        place.source,
        int(place.kind),
        place.document_id,
        place.at,
        line.pieces,
        line.value_minor,
        line.redemption_id,
        line.is_void,
        line.is_damaged,
        line.is_unpriced,
        *line.booked,
        *line.after,
        *key,
    )
