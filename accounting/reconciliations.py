"""The comparisons themselves: each returns its breaks, none when it holds. Set-wise SQL over one snapshot.

1 lots = point legs · 2 lots' cost = liability · 3 PostgreSQL = Beancount · 4 detail = summary · 6 stock = redemption journals (``goods_reconciliation``) · 7 inbox = queue = applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, TextClause, text

from accounting.balances import account_balances, day_balances, trial_balance
from accounting.chart import POINTS_ACCOUNTS, POINTS_CURRENCY, Account, ChartNames
from accounting.day import summary_path
from accounting.folder import read_text
from accounting.gate import Checked, CheckedDay
from accounting.render import Notation, amount
from plugin.money import format_minor
from plugin.store.books import Book

BREAKS_MAX = 1_000
"""Breaks of one comparison that are listed; a last one says that there are more."""

NAMES: Mapping[int, str] = {
    1: "lots = point legs of the journal, per member and in total",
    2: "carrying amount of lots = liability account",
    3: "trial balance of PostgreSQL = trial balance of Beancount",
    4: "detail = daily summary: entries, sums, sha256, chain",
    6: "reward stock and redemptions = their journal entries",
    7: "inbox = queue = applied",
}


class Break(NamedTuple):
    """One difference: by how much (with unit), what differs, and how old it is in seconds where known."""

    amount: str
    reason: str
    age_seconds: int | None = None


class Snapshot(NamedTuple):
    """What is compared: one repeatable-read transaction, and the ledger as Beancount read it (None: no such check asked)."""

    connection: Connection
    book: Book
    names: ChartNames
    folder: Path
    position: int
    checked: Checked | None
    waiting_seconds_max: int

    @property
    def notation(self) -> Notation:
        """How the book writes."""
        return Notation(self.book.code, self.book.currency_code, self.names)


def lots_and_legs(on: Snapshot) -> Iterator[Break]:
    """Check 1. Lots less debts = facts, per member; facts = entries, one by one; lots = legs, in total."""
    for member_id, lots, points, debt, facts, fact_debt in rows(on, _MEMBERS):
        yield Break(
            f"{lots - debt - facts} {POINTS_CURRENCY}",
            f"member {member_id}: lots {lots}, balance {points}, debt {debt}; facts sum to {facts}, to a debt of {fact_debt}",
        )
    for lot_id, points, remaining, used in rows(on, _LOTS):
        yield Break(
            f"{remaining - (points - used)} {POINTS_CURRENCY}",
            f"lot {lot_id}: issued {points}, taken {used}, remaining {remaining}",
        )
    for fact_id, in_fact, in_entry in rows(on, _FACTS):
        yield Break(
            f"1 {'fact' if in_fact else 'entry'}",
            f"fact {fact_id}: fact {in_fact or 'missing'}, entry {in_entry or 'missing'} (lots, debt, money)",
        )
    lots, debts = on.connection.execute(_TOTALS, {"book": on.book.id}).one()
    balances = account_balances(on.connection, on.book.id)
    for what, held, account, sign in (
        ("lots", lots, Account.UNITS, -1),
        ("debts", debts, Account.ARREARS, 1),
    ):
        legs = sign * balances.get(account, 0)
        if held != legs:
            yield Break(
                f"{held - legs} {POINTS_CURRENCY}",
                f"{what} are {held}, legs on {on.names[account]} {legs}",
            )


def cost_and_liability(on: Snapshot) -> Iterator[Break]:
    """Check 2. Every lot carries what its formula says, and all of them what the liability account says."""
    currency = on.book.currency_code
    for lot_id, carried, expected in rows(on, _COSTS):
        yield Break(
            f"{format_minor(carried - int(expected), currency)} {currency}",
            f"lot {lot_id} is carried at {format_minor(carried, currency)}, its formula gives {format_minor(int(expected), currency)}",
        )
    carried = on.connection.execute(_COST, {"book": on.book.id}).scalar_one()
    balances = account_balances(on.connection, on.book.id)
    liability = -balances.get(Account.POINTS, 0)
    if carried != liability:
        yield Break(
            f"{format_minor(carried - liability, currency)} {currency}",
            f"lots are carried at {format_minor(carried, currency)}, {on.names[Account.POINTS]} says"
            f" {format_minor(liability, currency)}",
        )


def database_and_beancount(on: Snapshot) -> Iterator[Break]:
    """Check 3. Beancount finds no error, and every balance is the same to the last digit."""
    if on.checked is None:
        yield Break("1 ledger", "there is no ledger yet")
        return
    for error in on.checked.errors:
        yield Break("1 error", error)
    ours = trial_balance(on.connection, on.book, on.names, position=on.position).accounts
    yield from _account_breaks("", _not_zero(ours), on.checked.accounts)


def detail_and_summary(on: Snapshot) -> Iterator[Break]:
    """Check 4. Every day's summary counts and sums the day's entries and carries the recorded head and sums."""
    if on.checked is None:
        yield Break("1 ledger", "there is no ledger yet")
        return
    days = day_balances(on.connection, on.book.id, on.position)
    heads = {(day, entries): bytes(head).hex() for day, entries, head in rows(on, _HEADS)}
    files = {path: bytes(digest) for path, digest in rows(on, _FILES)}
    for day in sorted({*days, *map(date.fromisoformat, on.checked.days)}):
        entries, balances = days.get(day, (0, {}))
        said = on.checked.days.get(day.isoformat(), CheckedDay(0, "", "", {}))
        if said.entries != entries:
            yield Break(
                f"{said.entries - entries} entries",
                f"{day}: summary {said.entries}, database {entries}",
            )
        yield from _account_breaks(f"{day}: ", _written(balances, on.notation), said.accounts)
        if said.chain != heads.get((day, entries), ""):
            yield Break("1 chain", f"{day}: the summary's chain head is not the recorded one")
        path = summary_path(day)
        if files.get(path) != sha256(read_text(on.folder / path).encode()).digest():
            yield Break("1 file", f"{day}: {path} is not the one that was recorded")


def inbox_and_applied(on: Snapshot) -> Iterator[Break]:
    """Check 7. Received = applied + waiting + parked; every event has its key and its batch; nothing waits too long."""
    for what, seq in rows(on, _INBOX):
        yield Break("1 event", f"event {seq}: {what}")
    for batch_id, events, found in rows(on, _BATCHES):
        yield Break(
            f"{found - events} events",
            f"batch {batch_id} should hold {events} events, holds {found}",
        )
    for batch_id, events, age in rows(on, _WAITING, seconds=on.waiting_seconds_max):
        yield Break(f"{events} events", f"batch {batch_id} waits to be applied", int(age))


def rows(on: Snapshot, query: TextClause, **more: object) -> Iterator[Any]:
    """Runs a comparison; those that look for differences return at most `BREAKS_MAX` rows."""
    return iter(
        on.connection.execute(
            query, _parameters(query, book=on.book.id, limit=BREAKS_MAX, **more)
        ).all()
    )


def _parameters(query: TextClause, **offered: object) -> dict[str, object]:
    return {name: offered[name] for name in query.compile().params}


def _account_breaks(
    where: str, ours: Mapping[str, Mapping[str, str]], theirs: Mapping[str, Mapping[str, str]]
) -> Iterator[Break]:
    for name in sorted({*ours, *theirs}):
        mine, other = ours.get(name, {}), theirs.get(name, {})
        for currency in sorted({*mine, *other}):
            left, right = mine.get(currency, "0"), other.get(currency, "0")
            if left != right:
                yield Break(
                    f"{_difference(left, right)} {currency}",
                    f"{where}{name}: database {left}, Beancount {right}",
                )


def _difference(left: str, right: str) -> str:
    return f"{Decimal(left) - Decimal(right):f}"


def _not_zero(accounts: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    kept = {
        name: {currency: number for currency, number in held.items() if number.strip("-0.")}
        for name, held in accounts.items()
    }
    return {name: held for name, held in kept.items() if held}


def _written(balances: Mapping[Account, int], notation: Notation) -> dict[str, dict[str, str]]:
    return {
        notation.names[account]: {POINTS_CURRENCY: str(quantity)}
        if account in POINTS_ACCOUNTS
        else {notation.currency_code: amount(quantity, notation)}
        for account, quantity in balances.items()
        if quantity
    }


_MEMBERS = text("""
    WITH lots AS (SELECT member_id, sum(remaining)::bigint AS points FROM lot WHERE book_id = :book AND is_open GROUP BY 1),
    facts AS (SELECT member_id, sum(points)::bigint AS points, sum(debt_points)::bigint AS debt
              FROM point_fact WHERE book_id = :book GROUP BY 1),
    members AS (SELECT id AS member_id, points, debt FROM member WHERE book_id = :book)
    SELECT member_id, coalesce(lots.points, 0), coalesce(m.points, 0), coalesce(m.debt, 0),
           coalesce(facts.points, 0), coalesce(facts.debt, 0)
    FROM members m FULL JOIN lots USING (member_id) FULL JOIN facts USING (member_id)
    WHERE coalesce(lots.points, 0) - coalesce(m.debt, 0) <> coalesce(facts.points, 0)
       OR coalesce(lots.points, 0) <> coalesce(m.points, 0)
       OR coalesce(facts.debt, 0) <> coalesce(m.debt, 0)
    ORDER BY member_id LIMIT :limit""")

_LOTS = text("""
    SELECT l.id, l.points, l.remaining, coalesce(u.points, 0)
    FROM lot l LEFT JOIN (SELECT lot_id, sum(points)::bigint AS points FROM lot_use GROUP BY 1) u ON u.lot_id = l.id
    WHERE l.book_id = :book
      AND (l.held < 0 OR l.held > l.remaining OR l.remaining < 0 OR l.remaining > l.points OR l.points - coalesce(u.points, 0) <> l.remaining)
    ORDER BY l.id LIMIT :limit""")

_FACTS = text("""
    WITH facts AS (SELECT id, lot_points AS units, debt_points AS arrears, amount_minor FROM point_fact WHERE book_id = :book),
    entries AS (SELECT id, units, arrears,
                       CASE WHEN credit = 1 THEN amount_minor ELSE 0 END
                       - CASE WHEN debit = 1 THEN amount_minor ELSE 0 END
                       + CASE WHEN credit_2 = 1 THEN amount_2_minor ELSE 0 END
                       - CASE WHEN debit_2 = 1 THEN amount_2_minor ELSE 0 END AS amount_minor
                FROM entry WHERE book_id = :book AND kind < 20)
    SELECT id, CASE WHEN f.units IS NOT NULL THEN format('%s, %s, %s', f.units, f.arrears, f.amount_minor) END,
               CASE WHEN e.units IS NOT NULL THEN format('%s, %s, %s', e.units, e.arrears, e.amount_minor) END
    FROM facts f FULL JOIN entries e USING (id)
    WHERE (f.units, f.arrears, f.amount_minor) IS DISTINCT FROM (e.units, e.arrears, e.amount_minor)
    ORDER BY id LIMIT :limit""")

_TOTALS = text("""
    SELECT (SELECT coalesce(sum(remaining), 0)::bigint FROM lot WHERE book_id = :book),
           (SELECT coalesce(sum(debt), 0)::bigint FROM member WHERE book_id = :book)""")

# plugin.money.carrying_minor in SQL, in numbers that cannot overflow.
_COSTS = text("""
    SELECT id, cost_minor, expected FROM (
        SELECT id, cost_minor,
               div((base_points + remaining) * unit_cost_nano::numeric * 2 + 1000000000, 1000000000 * 2)
               - div(base_points * unit_cost_nano::numeric * 2 + 1000000000, 1000000000 * 2) AS expected
        FROM lot WHERE book_id = :book) l
    WHERE cost_minor <> expected ORDER BY id LIMIT :limit""")

_COST = text("SELECT coalesce(sum(cost_minor), 0)::bigint FROM lot WHERE book_id = :book")

_HEADS = text("SELECT day, entries, head FROM chain WHERE book_id = :book")

_FILES = text("SELECT path, sha256 FROM ledger_file WHERE book_id = :book")

_INBOX = text("""
    SELECT what, seq FROM (
        SELECT 'it has no batch' AS what, i.seq
        FROM inbox i LEFT JOIN batch b ON b.id = i.seq >> 18 WHERE i.book_id = :book AND b.id IS NULL
        UNION ALL
        SELECT 'it has no key: it would be taken twice', i.seq
        FROM inbox i LEFT JOIN event_key k ON k.source = i.source AND k.event_id = i.event_id AND k.seq = i.seq
        WHERE i.book_id = :book AND k.seq IS NULL
        UNION ALL
        SELECT 'its key is known but it is not in the inbox', k.seq
        FROM event_key k JOIN batch b ON b.id = k.seq >> 18 AND b.book_id = :book
        LEFT JOIN inbox i ON i.seq = k.seq WHERE i.seq IS NULL
        UNION ALL
        SELECT 'it is parked but not in the inbox', p.seq
        FROM parked p LEFT JOIN inbox i ON i.seq = p.seq WHERE p.book_id = :book AND i.seq IS NULL
        UNION ALL
        SELECT 'it is parked but its batch still waits', p.seq
        FROM parked p JOIN batch b ON b.id = p.seq >> 18 WHERE p.book_id = :book AND NOT b.is_applied
    ) found ORDER BY seq, what LIMIT :limit""")

_BATCHES = text("""
    SELECT b.id, b.events, coalesce(i.events, 0)
    FROM batch b LEFT JOIN (SELECT seq >> 18 AS id, count(*) AS events FROM inbox WHERE book_id = :book GROUP BY 1) i USING (id)
    WHERE b.book_id = :book AND b.lane >= 0 AND b.events <> coalesce(i.events, 0) ORDER BY 1 LIMIT :limit""")

_WAITING = text("""
    SELECT id, events, extract(epoch FROM now() - received_at)
    FROM batch WHERE book_id = :book AND NOT is_applied AND received_at < now() - make_interval(secs => :seconds)
    ORDER BY id LIMIT :limit""")
