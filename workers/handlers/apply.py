"""Applies events: documents converge, points move, entries are written, in one transaction.

Lock order: documents, order states, members; then decide; then write. Nothing is locked after the first write but what the
inserts themselves create, in sorted order; `Collision` tells that somebody was faster, and the whole transaction is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from accounting.journal import Entry
from accounting.policy import entry_for
from accounting.store import insert_entries, open_day
from plugin.decide import Owned, Posting, decide_order, post
from plugin.facts import EVENTS_PER_BATCH_MAX, FACTS_PER_EVENT_MAX, PointFact, event_seq
from plugin.orders.entitlement import business_date
from plugin.points.lots import Lot, Wallet
from plugin.program.tiers import tier_at
from plugin.store import documents as store_documents
from plugin.store import members as store_members
from plugin.store import points as store_points
from plugin.store.documents import Collision, DocumentKey, DocumentRow, OrderKey
from plugin.store.inbox import InboxRow, new_job_batch
from plugin.store.members import MemberRow
from plugin.store.parked import park
from workers.handlers.books import BookContext
from workers.handlers.cases import (
    Case,
    choose_documents,
    keys_to_enrol,
    newer_orders,
    open_cases,
)
from workers.handlers.records import (
    MemberChanges,
    known_members,
    settle_members,
    write_records,
)
from workers.handlers.touched import Arrived, document_row, newer_documents, orders_of, sort_out


class Applied(NamedTuple):
    """What applying some events did: facts recorded, and the sequences that were parked."""

    facts: int
    parked: tuple[int, ...]


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


class Decided(NamedTuple):
    """A case with the movements it needs."""

    case: Case
    owned: Sequence[Owned]


def apply_events(
    connection: Connection,
    context: BookContext,
    rows: Sequence[InboxRow],
    bases: Mapping[int, int] | None = None,
) -> Applied:
    """Applies events of one book; the caller commits.

    Args:
        connection: Open transaction, read committed.
        context: The book, its program versions and closed months.
        rows: The events.
        bases: For retries, where the facts of an event are numbered from.

    Raises:
        Collision: Another lane stored one of the documents first; roll back and try again.
    """
    touched = sort_out(rows)
    stored = store_documents.lock_documents(connection, touched.documents)
    newer = newer_documents(touched, stored)
    members = known_members(connection, context.book.id, newer)
    by_order = orders_of(newer, stored)
    cases = open_cases(connection, touched, by_order, members)
    candidates = newer_orders(touched, cases)
    enrolled = keys_to_enrol(connection, context, candidates, members)
    refused = settle_members(connection, context.book.id, members, enrolled)
    touched.parkings += [p._replace(seq=newer.pop(key).seq) for key, p in refused.items()]
    touched.parkings += choose_documents(
        connection, context, cases, candidates, by_order, newer, members
    )
    locked = _lock_members(connection, cases, members)
    decided = _decide(cases, locked, members)
    wallets = _wallets(connection, decided, locked)
    numbering = Numbering(lambda: new_job_batch(connection, context.book.id, 0), bases or {})
    postings = _post(decided, wallets, numbering)
    _write_documents(connection, context, cases, newer, stored)
    write_postings(connection, context, wallets, postings)
    write_records(connection, members)
    park(connection, context.book.id, touched.parkings)
    return Applied(len(postings), tuple(parking.seq for parking in touched.parkings))


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
    store_points.write_lots(
        connection, book_id, (lot for wallet in wallets.values() for lot in wallet.lots.values())
    )
    store_points.write_uses(connection, [use for posting in postings for use in posting.uses])
    facts = [posting.fact for posting in postings]
    store_points.write_facts(connection, book_id, facts)
    insert_entries(connection, book_id, [_entry(fact, context) for fact in facts])


def _entry(fact: PointFact, context: BookContext) -> Entry:
    business_on = business_date(fact.business_at, context.time_zone)
    accounting_on = business_on
    if context.closed_months:
        accounting_on = open_day(context.closed_months, business_on)
    return entry_for(fact, business_on, accounting_on)


def _lock_members(
    connection: Connection, cases: Mapping[OrderKey, Case], members: MemberChanges
) -> dict[int, MemberRow]:
    """Locks everybody whose points or record may change.

    Raises:
        Collision: A member whose tiers change got another order meanwhile, which has to be decided again too.
    """
    wanted = set(members.owners.values())
    for case in cases.values():
        wanted.update(one for one in (case.member_id, case.state.member_id) if one is not None)
    locked = store_members.lock_members(connection, wanted)
    if members.with_new_tiers:
        again = store_documents.orders_of_members(connection, members.with_new_tiers)
        if again - cases.keys():
            raise Collision("order")
    return locked


def _decide(
    cases: Mapping[OrderKey, Case], locked: Mapping[int, MemberRow], members: MemberChanges
) -> list[Decided]:
    """Decides every case whose order has arrived; returns those that need movements."""
    tiers = {
        owner: members.records[key].tiers
        for key, owner in members.owners.items()
        if key in members.records
    }
    decided = []
    for case in cases.values():
        if case.documents is None or case.program is None:
            continue
        state = case.state
        state.program_version = case.program.version
        if case.member_id is not None:
            history = tiers.get(case.member_id)
            if history is None:  # A record without tiers takes them away; no record leaves them.
                history = locked[case.member_id].tiers
            first = case.program.first_tier
            at = case.documents.order.ordered_at
            case.tier = tier_at(history, at, first) if history else first
        owned = decide_order(state, case.documents, case.member_id, case.tier, case.program)
        state.member_id = case.member_id
        if owned:
            decided.append(Decided(case, owned))
    return decided


def _wallets(
    connection: Connection, decided: Sequence[Decided], locked: Mapping[int, MemberRow]
) -> dict[int, Wallet]:
    """Returns the wallets of everybody whose points move, with the lots that points are taken from."""
    wallets: dict[int, Wallet] = {}
    own: set[int] = set()
    taken: dict[int, int] = {}
    days: set[tuple[int, date]] = set()
    for case, owned in decided:
        for member_id, movement in owned:
            if member_id not in wallets:
                row = locked[member_id]
                wallets[member_id] = Wallet(member_id, row.points, row.debt)
            if movement.points < 0 and case.program is not None:
                own.update(case.state.lot_ids)
                taken[member_id] = taken.get(member_id, 0) - movement.points
                on = business_date(movement.business_at, case.program.time_zone)
                days.add((member_id, on))
    if not days:
        return wallets
    _add_lots(wallets, store_points.read_lots(connection, own))
    short = _short_of_own(decided, wallets)
    needs = [
        (member_id, taken[member_id], on) for member_id, on in sorted(days) if member_id in short
    ]
    _add_lots(wallets, store_points.read_lots_for(connection, needs))
    return wallets


def _short_of_own(decided: Sequence[Decided], wallets: Mapping[int, Wallet]) -> set[int]:
    """Returns members one of whose orders may be taken more from than it has: other lots are needed."""
    short: set[int] = set()
    for case, owned in decided:
        left: dict[int, int] = {}
        for member_id, movement in owned:
            wallet = wallets[member_id]
            if member_id not in left:
                lots = [wallet.lots[one] for one in case.state.lot_ids if one in wallet.lots]
                left[member_id] = sum(lot.remaining for lot in lots)
            if movement.points < 0 or not wallet.debt:  # What cures a debt opens no lot.
                left[member_id] += movement.points
        short.update(member_id for member_id, points in left.items() if points < 0)
    return short


def _add_lots(wallets: Mapping[int, Wallet], lots: Iterable[Lot]) -> None:
    for lot in lots:
        if lot.member_id in wallets:
            wallets[lot.member_id].lots.setdefault(lot.id, lot)


def _post(
    decided: Sequence[Decided], wallets: Mapping[int, Wallet], numbering: Numbering
) -> list[Posting]:
    """Carries out all movements, order by order."""
    postings = []
    for case, owned in decided:
        documents, program = case.documents, case.program
        assert documents is not None
        assert program is not None
        for member_id, movement in owned:
            seq = case.caused_by.get(movement.cause, case.latest_seq)
            fact_id = numbering.next_id(seq)
            postings.append(
                post(
                    case.state, wallets[member_id], movement, fact_id, documents, case.tier, program
                )
            )
    return postings


def _write_documents(
    connection: Connection,
    context: BookContext,
    cases: Mapping[OrderKey, Case],
    newer: Mapping[DocumentKey, Arrived],
    stored: Mapping[DocumentKey, DocumentRow],
) -> None:
    """Writes order states first: whoever was faster with an order shows here, before anything else is written."""
    store_documents.write_orders(connection, context.book.id, [c.state for c in cases.values()])
    rows = [document_row(key, arrived) for key, arrived in newer.items()]
    store_documents.write_documents(connection, rows, stored)
