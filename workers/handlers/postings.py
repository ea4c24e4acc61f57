"""What decisions made, written: facts, what they moved, and their journal entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import Connection

from accounting.journal import Entry
from accounting.policy import coupon_entry, entry_for, stock_entry
from accounting.store import insert_entries, open_day
from plugin.decide import Posting
from plugin.facts import (
    EVENTS_PER_BATCH_MAX,
    FACTS_PER_EVENT_MAX,
    CouponFact,
    StockMove,
    event_seq,
)
from plugin.orders.entitlement import business_date
from plugin.points.lots import Wallet
from plugin.store import coupons as store_coupons
from plugin.store import members as store_members
from plugin.store import points as store_points
from plugin.store import stock as store_stock
from workers.handlers.books import BookContext


@dataclass(slots=True)
class Numbering:
    """Numbers facts: from the event that caused them, or in a batch of this transaction's own.

    ``bases`` maps an event to where its facts are numbered from, for retries; others number from themselves.
    """

    new_batch: Callable[[], int]
    bases: Mapping[int, int] = field(default_factory=dict)
    _used: dict[int, int] = field(default_factory=dict)
    _job: int = 0
    _job_size: int = EVENTS_PER_BATCH_MAX

    def next_id(self, seq: int | None) -> int:
        """Returns the next fact id of an event, or of this transaction when no event of the batch caused it."""
        if seq is not None:
            base = self.bases.get(seq, seq)
            used = self._used.get(base, 0) + 1
            if used <= FACTS_PER_EVENT_MAX:
                self._used[base] = used
                return base + used
        if self._job_size == EVENTS_PER_BATCH_MAX:
            self._job, self._job_size = self.new_batch(), 0
        self._job_size += 1
        return event_seq(self._job, self._job_size - 1)


def write_postings(
    connection: Connection,
    context: BookContext,
    wallets: Mapping[int, Wallet],
    postings: Sequence[Posting],
) -> None:
    """Writes what decisions made: members' totals, lots, their uses, facts and journal entries."""
    if not postings:
        return
    book_id = context.book.id
    moved = {posting.fact.member_id for posting in postings}
    totals = [(w.member_id, w.points, w.debt) for w in wallets.values() if w.member_id in moved]
    store_members.write_totals(connection, totals)
    write_lots(connection, context, wallets)
    store_points.write_uses(connection, [use for posting in postings for use in posting.uses])
    store_points.write_facts(connection, book_id, [posting.fact for posting in postings])
    insert_entries(connection, book_id, [_entry(posting, context) for posting in postings])


def write_lots(connection: Connection, context: BookContext, wallets: Mapping[int, Wallet]) -> None:
    """Writes lots that are new, or of which points were taken, held or released."""
    lots = (lot for wallet in wallets.values() for lot in wallet.lots.values())
    store_points.write_lots(connection, context.book.id, lots)


def write_moves(
    connection: Connection,
    context: BookContext,
    moves: Sequence[StockMove],
    programs: Mapping[int, int],
) -> None:
    """Writes stock moves and their entries; ``programs`` has the pinned program version by redemption."""
    if not moves:
        return
    store_stock.write_moves(connection, context.book.id, moves)
    entries = []
    for move in moves:
        order_id = f"R{move.redemption_id}" if move.redemption_id else ""
        version = programs.get(move.redemption_id, 0)
        dates = _dates(move.business_at, context)
        entries.append(stock_entry(move, order_id, version, *dates, context.policy))
    insert_entries(connection, context.book.id, entries)


def write_coupon_facts(
    connection: Connection,
    context: BookContext,
    facts: Sequence[tuple[CouponFact, int | None]],
) -> None:
    """Writes what happened to issued coupons, each with its redemption's number, and the entries."""
    store_coupons.write_coupon_facts(connection, context.book.id, [fact for fact, _ in facts])
    entries = [
        coupon_entry(
            fact,
            f"R{redemption_id}" if redemption_id is not None else "",
            *_dates(fact.business_at, context),
            context.policy,
        )
        for fact, redemption_id in facts
    ]
    insert_entries(connection, context.book.id, entries)


def _entry(posting: Posting, context: BookContext) -> Entry:
    fact = posting.fact
    return entry_for(fact, *_dates(fact.business_at, context), posting.settles, context.policy)


def _dates(business_at: int, context: BookContext) -> tuple[date, date]:
    """Returns business date and accounting date of an instant."""
    business_on = business_date(business_at, context.time_zone)
    if context.closed_months:
        return business_on, open_day(context.closed_months, business_on)
    return business_on, business_on
