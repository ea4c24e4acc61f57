"""Applies events: documents converge, points move, entries are written, in one transaction.

Lock order: documents, order states, members, stock; then decide; then write. Nothing is locked after the first write but what the
inserts themselves create, in sorted order; `Collision` tells that somebody was faster, and the whole transaction is tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from plugin.decide import Owned, Posting, decide_order, post
from plugin.events import Kind
from plugin.orders.entitlement import business_date
from plugin.points.lots import Lot, Wallet
from plugin.program.tiers import tier_at
from plugin.redemption.life import Status
from plugin.redemption.spending import document_key
from plugin.store import documents as store_documents
from plugin.store import members as store_members
from plugin.store import points as store_points
from plugin.store import redemptions as store_redemptions
from plugin.store import reward_totals
from plugin.store import stock as store_stock
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
from workers.handlers.goods import Goods, move_goods
from workers.handlers.merging import (
    carry_out_merges,
    follow_merges,
    look_up_merging,
    merges_to_do,
)
from workers.handlers.postings import Numbering, write_lots, write_moves, write_postings
from workers.handlers.records import (
    MemberChanges,
    known_members,
    settle_members,
    write_records,
)
from workers.handlers.spending import (
    Carried,
    Holds,
    Wanted,
    add_holds,
    carry_out_wanted,
    holds_of_cases,
    known_holds,
    lock_totals,
    read_locked,
    read_lots,
    shipped_redemptions,
    want,
)
from workers.handlers.touched import Arrived, document_row, newer_versions, orders_of, sort_out


class Applied(NamedTuple):
    """What applying some events did: facts recorded, and the sequences that were parked."""

    facts: int
    parked: tuple[int, ...]


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
    book_id = context.book.id
    touched = sort_out(rows)
    stored = store_documents.lock_documents(connection, touched.documents)
    versions = newer_versions(touched, stored)
    members, taken = known_members(connection, book_id, versions)
    look_up_merging(connection, book_id, touched.merges, members)
    spendings, unknown = shipped_redemptions(connection, book_id, versions)
    touched.parkings += taken + unknown
    newer = {key: arrived[0] for key, arrived in versions.items()}
    by_order = orders_of(newer, stored)
    cases = open_cases(connection, touched, by_order, members)
    candidates = newer_orders(touched, cases)
    enrolled = keys_to_enrol(connection, context, touched, members)
    refused = settle_members(connection, book_id, members, enrolled)
    touched.parkings += [p._replace(seq=newer.pop(key).seq) for key, p in refused.items()]
    merges, unknown = merges_to_do(connection, book_id, touched.merges, members)
    touched.parkings += unknown
    holds = known_holds(connection, book_id, candidates)
    refusal = Holds(holds, context.book.currency_code).refusal
    touched.parkings += choose_documents(
        connection, context, cases, candidates, by_order, newer, members, refusal
    )
    holds_by_order = holds_of_cases(cases)
    add_holds(connection, book_id, spendings, holds_by_order)
    locked = _lock_members(connection, cases, members, spendings.member_ids | merges.members)
    read_locked(connection, book_id, spendings)
    lock_totals(connection, book_id, spendings)
    numbering = Numbering(lambda: new_job_batch(connection, book_id, 0), bases or {})
    goods = move_goods(
        connection, book_id, touched, newer, spendings.redemptions, numbering.next_id
    )
    wallets: dict[int, Wallet] = {}
    merged = carry_out_merges(connection, context, merges, locked, wallets, numbering)
    follow_merges(merges, cases, members, spendings)
    decided = _decide(cases, locked, members)
    wanted = want(connection, context, spendings, cases, holds_by_order, _seqs_by_key(newer))
    _add_wallets(connection, decided, locked, wallets, {one.redemption.member_id for one in wanted})
    read_lots(connection, wallets, wanted, context)
    postings = merged + _post(decided, wallets, numbering)
    done = carry_out_wanted(wanted, wallets, numbering, context.by_version, goods.rows)
    postings += done.postings
    _write_documents(connection, context, cases, newer, stored)
    if postings:
        write_postings(connection, context, wallets, postings)
    elif wanted:
        write_lots(connection, context, wallets)
    _write_redemptions(connection, context, goods, wanted, done)
    write_records(connection, members)
    park(connection, book_id, touched.parkings)
    return Applied(len(postings) + len(goods.moves), tuple(p.seq for p in touched.parkings))


def _write_redemptions(
    connection: Connection,
    context: BookContext,
    goods: Goods,
    wanted: Sequence[Wanted],
    done: Carried,
) -> None:
    """Writes stock with its moves, redemptions, and the steps they took."""
    book_id = context.book.id
    store_stock.write_stock(connection, book_id, goods.rows.values())
    pinned = {one.redemption.id: one.redemption.program_version for one in wanted}
    write_moves(connection, context, goods.moves, pinned)
    redemptions = {one.redemption.id: one.redemption for one in wanted}
    store_redemptions.write_redemptions(connection, redemptions.values())
    goods_shipped = [r.id for r in redemptions.values() if r.sku and r.shipped]
    store_redemptions.finish_orders(connection, goods_shipped)
    unshipped = [r.id for r in redemptions.values() if r.sku and r.status is Status.HELD]
    store_redemptions.reopen_orders(connection, unshipped)
    store_redemptions.write_steps(connection, book_id, done.steps)
    reward_totals.add_to_totals(connection, book_id, done.totals)


def _seqs_by_key(newer: Mapping[DocumentKey, Arrived]) -> dict[str, int]:
    """Returns the event of this batch by the key of the shipment or return of a redemption that it brought."""
    names = {Kind.REDEMPTION_SHIPMENT: "shipment", Kind.REDEMPTION_RETURN: "return"}
    return {
        document_key(source, f"{names[Kind(kind)]}:{document_id}"): arrived.seq
        for (source, kind, document_id), arrived in newer.items()
        if kind in names
    }


def _lock_members(
    connection: Connection,
    cases: Mapping[OrderKey, Case],
    members: MemberChanges,
    others: set[int],
) -> dict[int, MemberRow]:
    """Locks everybody whose points or record may change.

    Raises:
        Collision: A member whose orders are decided again got another one meanwhile, or somebody was merged meanwhile.
    """
    wanted = others | set(members.owners.values())
    for case in cases.values():
        wanted.update(one for one in (case.member_id, case.state.member_id) if one is not None)
    locked = store_members.lock_members(connection, wanted)
    if any(row.merged_into is not None for row in locked.values()):
        raise Collision("member")
    if members.to_decide_again:
        again = store_documents.orders_of_members(connection, members.to_decide_again)
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


def _add_wallets(
    connection: Connection,
    decided: Sequence[Decided],
    locked: Mapping[int, MemberRow],
    wallets: dict[int, Wallet],
    others: set[int],
) -> None:
    """Adds the wallets of everybody whose points move, with the lots that orders' points are taken from."""
    for member_id in others - wallets.keys():
        row = locked[member_id]
        wallets[member_id] = Wallet(member_id, row.points, row.debt)
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
        return
    _add_lots(wallets, store_points.read_lots(connection, own))
    short = _short_of_own(decided, wallets)
    needs = [
        (member_id, taken[member_id], on) for member_id, on in sorted(days) if member_id in short
    ]
    _add_lots(wallets, store_points.read_lots_for(connection, needs))


def _short_of_own(decided: Sequence[Decided], wallets: Mapping[int, Wallet]) -> set[int]:
    """Returns members one of whose orders may be taken more from than it has: other lots are needed."""
    short: set[int] = set()
    for case, owned in decided:
        left: dict[int, int] = {}
        for member_id, movement in owned:
            wallet = wallets[member_id]
            if member_id not in left:
                lots = [wallet.lots[one] for one in case.state.lot_ids if one in wallet.lots]
                left[member_id] = sum(lot.free for lot in lots)
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
