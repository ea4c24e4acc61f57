"""Check 6: what redemption and reward stock say, and what their journal says. Set-wise SQL over one snapshot.

Stock = its moves = their entries = the inventory account; reserved = open redemptions; held points of lots = holds; coupons outstanding = their
account; and nothing stays on the account that points pass between members.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import TextClause, text

from accounting.balances import account_balances
from accounting.chart import POINTS_CURRENCY, Account
from accounting.reconciliations import Break, Snapshot, rows
from plugin.money import format_minor


def stock_and_journal(on: Snapshot) -> Iterator[Break]:
    """Yields every difference between stock, redemptions, coupons and the journal."""
    currency = on.book.currency_code
    for sku, warehouse, what, held, expected in rows(on, _STOCK):
        yield Break(
            f"{held - expected} {'pieces' if what != 'value' else 'minor units'}",
            f"{sku} in {warehouse}: {what} is {held}, {_SOURCES[what]} give {expected}",
        )
    for fact_id, in_move, in_entry in rows(on, _MOVES):
        yield Break("1 entry", f"stock move {fact_id}: {_pair(in_move, in_entry)} (value)")
    for fact_id, in_fact, in_entry in rows(on, _COUPON_FACTS):
        yield Break("1 entry", f"coupon fact {fact_id}: {_pair(in_fact, in_entry)} (carried, face)")
    for number, what, held, expected in rows(on, _REDEMPTIONS):
        yield Break(
            f"{held - expected} {POINTS_CURRENCY if what == 'points' else 'pieces'}",
            f"redemption R{number}: {what} {held}, {_SOURCES[what]} give {expected}",
        )
    for lot_id, held, expected in rows(on, _HELD):
        yield Break(
            f"{held - expected} {POINTS_CURRENCY}",
            f"lot {lot_id}: {held} points are held, redemptions hold {expected}",
        )
    balances = account_balances(on.connection, on.book.id)
    for what, account, held in _accounts(on):
        balance = balances.get(account, 0)
        if held != balance:
            yield Break(
                f"{format_minor(held - balance, currency)} {currency}",
                f"{what} {format_minor(held, currency)}, {on.names[account]} says {format_minor(balance, currency)}",
            )


def _accounts(on: Snapshot) -> Iterator[tuple[str, Account, int]]:
    """Yields what accounts must hold, debit positive."""
    stock, coupons = on.connection.execute(_VALUES, {"book": on.book.id}).one()
    yield "reward stock is worth", Account.INVENTORY, stock
    yield "issued coupons are carried at", Account.COUPONS, -coupons
    yield "points on their way between members are", Account.TRANSFERS, 0


def _pair(ours: Any, entry: Any) -> str:
    return f"fact {ours if ours is not None else 'missing'}, entry {entry if entry is not None else 'missing'}"


_SOURCES: Mapping[str, str] = {
    "on hand": "its moves",
    "value": "its moves",
    "reserved": "open redemptions",
    "shipped": "its shipments",
    "returned": "its returns",
    "points": "its facts",
}


def _net(account: Account) -> str:
    """Returns SQL for what an entry adds to an account, debit positive."""
    number = int(account)
    return (
        f"(CASE WHEN debit = {number} THEN amount_minor ELSE 0 END - CASE WHEN credit = {number} THEN amount_minor ELSE 0 END"
        f" + CASE WHEN debit_2 = {number} THEN amount_2_minor ELSE 0 END"
        f" - CASE WHEN credit_2 = {number} THEN amount_2_minor ELSE 0 END)"
    )


_STOCK = text("""
    WITH moved AS (
        SELECT sku, warehouse, sum(pieces)::bigint AS pieces, sum(value_minor)::bigint AS value_minor
        FROM stock_move WHERE book_id = :book GROUP BY 1, 2),
    open AS (
        SELECT sku, warehouse, sum(greatest(0, quantity - shipped))::bigint AS pieces
        FROM redemption WHERE book_id = :book AND kind = 1 AND given_up IS NULL GROUP BY 1, 2),
    levels AS (SELECT sku, warehouse, on_hand, reserved, value_minor FROM stock WHERE book_id = :book)
    SELECT sku, warehouse, what, ours, theirs
    FROM levels l FULL JOIN moved m USING (sku, warehouse) FULL JOIN open o USING (sku, warehouse)
    CROSS JOIN LATERAL (VALUES
        ('on hand', coalesce(l.on_hand, 0), coalesce(m.pieces, 0)),
        ('value', coalesce(l.value_minor, 0), coalesce(m.value_minor, 0)),
        ('reserved', coalesce(l.reserved, 0), coalesce(o.pieces, 0))
    ) AS compared (what, ours, theirs)
    WHERE ours <> theirs ORDER BY sku, warehouse, what LIMIT :limit""")

_MOVES = text(f"""
    WITH moves AS (SELECT id, value_minor FROM stock_move WHERE book_id = :book),
    entries AS (SELECT id, {_net(Account.INVENTORY)} AS value_minor FROM entry
                WHERE book_id = :book AND (kind BETWEEN 20 AND 29
                  OR {int(Account.INVENTORY)} IN (debit, credit, debit_2, credit_2)))
    SELECT id, m.value_minor, e.value_minor FROM moves m FULL JOIN entries e USING (id)
    WHERE m.value_minor IS DISTINCT FROM e.value_minor ORDER BY id LIMIT :limit""")  # noqa: S608  (numbers of ours)

_COUPON_FACTS = text(f"""
    WITH facts AS (SELECT id, format('%s, %s', carried_minor, face_minor) AS said FROM coupon_fact WHERE book_id = :book),
    entries AS (SELECT id, format('%s, %s', -{_net(Account.COUPONS)}, -{_net(Account.OFFSET)}) AS said FROM entry
                WHERE book_id = :book AND kind BETWEEN 30 AND 39)
    SELECT id, f.said, e.said FROM facts f FULL JOIN entries e USING (id)
    WHERE f.said IS DISTINCT FROM e.said ORDER BY id LIMIT :limit""")  # noqa: S608  (numbers of ours)

_REDEMPTIONS = text("""
    WITH lines AS (
        SELECT redemption_id AS id, coalesce(sum(pieces) FILTER (WHERE kind = 2), 0)::bigint AS shipped,
               coalesce(sum(pieces) FILTER (WHERE kind = 3), 0)::bigint AS returned
        FROM stock_line WHERE book_id = :book AND redemption_id <> 0 AND NOT is_void GROUP BY 1),
    facts AS (
        SELECT substr(order_id, 2)::bigint AS id, -sum(points)::bigint AS points FROM point_fact
        WHERE book_id = :book AND kind BETWEEN 6 AND 9 GROUP BY 1),
    posted AS (
        SELECT r.id, coalesce(sum((p.value ->> 0)::bigint), 0)::bigint AS points
        FROM redemption r LEFT JOIN LATERAL jsonb_each(r.posted) p ON true WHERE r.book_id = :book GROUP BY 1)
    SELECT r.id, what, ours, theirs
    FROM redemption r LEFT JOIN lines l USING (id) LEFT JOIN facts f USING (id) LEFT JOIN posted p USING (id)
    CROSS JOIN LATERAL (VALUES
        ('shipped', CASE WHEN r.kind = 1 THEN r.shipped::bigint ELSE 0 END, coalesce(l.shipped, 0)),
        ('returned', CASE WHEN r.kind = 1 THEN r.returned::bigint ELSE 0 END, coalesce(l.returned, 0)),
        ('points', p.points, coalesce(f.points, 0))
    ) AS compared (what, ours, theirs)
    WHERE r.book_id = :book AND ours <> theirs ORDER BY r.id, what LIMIT :limit""")

_HELD = text("""
    WITH slices AS (
        SELECT s.key::bigint AS id, sum(s.value::text::bigint)::bigint AS points
        FROM redemption r CROSS JOIN LATERAL jsonb_each(r.held) s WHERE r.book_id = :book GROUP BY 1),
    lots AS (SELECT id, held FROM lot WHERE book_id = :book AND held <> 0)
    SELECT id, coalesce(l.held, 0), coalesce(s.points, 0) FROM lots l FULL JOIN slices s USING (id)
    WHERE coalesce(l.held, 0) <> coalesce(s.points, 0) ORDER BY id LIMIT :limit""")

_VALUES: TextClause = text("""
    SELECT (SELECT coalesce(sum(value_minor), 0)::bigint FROM stock WHERE book_id = :book),
           (SELECT coalesce(sum(carried_minor), 0)::bigint FROM coupon WHERE book_id = :book AND status = 2)""")
