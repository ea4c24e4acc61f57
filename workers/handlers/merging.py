"""Two members become one: lots, debts, holds and orders go to the survivor, and the points with a fact on either side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from plugin.decide import Posting
from plugin.events import MembersMerged
from plugin.facts import Against, FactKind, PointFact, Settles
from plugin.points.lots import Wallet
from plugin.program.versions import effective_program
from plugin.redemption.fulfil import Circumstances, Fulfilment, settle
from plugin.store import members as store_members
from plugin.store import points as store_points
from plugin.store import redemptions as store_redemptions
from plugin.store.documents import OrderKey
from plugin.store.members import MemberRow
from plugin.store.parked import Parking
from workers.handlers.books import BookContext
from workers.handlers.cases import Case
from workers.handlers.postings import Numbering
from workers.handlers.records import MemberChanges
from workers.handlers.spending import Spendings
from workers.handlers.touched import Arrived

TRANSFER = Settles(Against.TRANSFER)


class Merge(NamedTuple):
    """A merge to carry out: member numbers, when it was decided, and the event."""

    merged: int
    survivor: int
    merged_at: int
    name: str
    source: str
    seq: int


@dataclass(slots=True)
class Merges:
    """The merges of a batch in order, and whom each merged member leads to."""

    todo: list[Merge] = field(default_factory=list)
    alias: dict[int, int] = field(default_factory=dict)

    @property
    def members(self) -> set[int]:
        """Everybody concerned."""
        return {one for merge in self.todo for one in (merge.merged, merge.survivor)}

    def now(self, member_id: int) -> int:
        """Returns who a member is after the merges so far."""
        while member_id in self.alias:
            member_id = self.alias[member_id]
        return member_id


def look_up_merging(
    connection: Connection, book_id: int, arrived: Sequence[Arrived], members: MemberChanges
) -> None:
    """Finds out whose orders have to be decided again because they become another's."""
    keys = [
        key
        for one in arrived
        if isinstance(one.event, MembersMerged)
        for key in (one.event.survivor, one.event.merged)
    ]
    if not keys:
        return
    members.by_key.update(store_members.resolve(connection, book_id, keys))
    members.merging = sorted(
        {
            members.by_key[one.event.merged]
            for one in arrived
            if isinstance(one.event, MembersMerged) and one.event.merged in members.by_key
        }
    )


def merges_to_do(
    connection: Connection, book_id: int, arrived: Sequence[Arrived], members: MemberChanges
) -> tuple[Merges, list[Parking]]:
    """Returns the merges whose members are known, in order of their time, and parks the others until they are."""
    merges = Merges()
    parkings = []
    events = [(one.event, one) for one in arrived if isinstance(one.event, MembersMerged)]
    for event, one in sorted(events, key=lambda pair: (pair[0].merged_at, pair[1].seq)):
        unknown = next((k for k in (event.merged, event.survivor) if k not in members.by_key), None)
        if unknown is not None:
            message = f"merge {event.id}: one of its members is not known yet; it is applied when the member comes"
            parkings.append(Parking(one.seq, "MEMBER_UNKNOWN", message, unknown))
            continue
        merged = merges.now(members.by_key[event.merged])
        survivor = merges.now(members.by_key[event.survivor])
        if merged != survivor:
            merges.alias[merged] = survivor
            merges.todo.append(
                Merge(merged, survivor, event.merged_at, event.id, one.source, one.seq)
            )
    return merges, parkings


def carry_out_merges(
    connection: Connection,
    context: BookContext,
    merges: Merges,
    locked: Mapping[int, MemberRow],
    wallets: dict[int, Wallet],
    numbering: Numbering,
) -> list[Posting]:
    """Moves everything of the merged members, who are locked; adds the wallets concerned with all their open lots."""
    if not merges.todo:
        return []
    for member_id in merges.members:
        row = locked[member_id]
        wallets[member_id] = Wallet(member_id, row.points, row.debt)
    for lot in store_points.read_open_lots(connection, merges.members):
        wallets[lot.member_id].lots[lot.id] = lot
    postings = []
    for merge in merges.todo:
        postings += _transfer(merge, wallets[merge.merged], wallets[merge.survivor], numbering)
        store_members.merge_members(connection, merge.merged, merge.survivor)
        store_redemptions.move_redemptions(connection, merge.merged, merge.survivor)
        program = effective_program(context.programs, merge.merged_at) or context.programs[0]
        done = Fulfilment()
        how = Circumstances(program, partial(numbering.next_id, merge.seq))
        settle(merge.survivor, wallets[merge.survivor], merge.merged_at, how, done)
        postings += done.postings
    return postings


def follow_merges(
    merges: Merges,
    cases: Mapping[OrderKey, Case],
    members: MemberChanges,
    spendings: Spendings,
) -> None:
    """Lets orders, redemptions and records of this batch know who their members are now."""
    for case in cases.values():
        if case.member_id is not None:
            case.member_id = merges.now(case.member_id)
        if case.state.member_id is not None:
            case.state.member_id = merges.now(case.state.member_id)
    for one in spendings.redemptions.values():
        one.member_id = merges.now(one.member_id)
    for key in list(members.records):
        if key in members.of_merged or members.owners[key] in merges.alias:
            del members.records[key], members.owners[key]


def _transfer(
    merge: Merge, merged: Wallet, survivor: Wallet, numbering: Numbering
) -> list[Posting]:
    """Moves all lots and the debt; facts only when there is something to move."""
    lots = list(merged.lots.values())
    points, debt = merged.points, merged.debt
    cost = sum(lot.cost_minor for lot in lots)
    for lot in lots:
        lot.member_id = survivor.member_id
        survivor.lots[lot.id] = lot
    merged.lots = {}
    merged.points = merged.debt = 0
    survivor.points += points
    survivor.debt += debt
    if not points and not debt:
        return []
    return [
        _fact(merge, merge.merged, -points, -debt, -cost, numbering),
        _fact(merge, merge.survivor, points, debt, cost, numbering),
    ]


def _fact(
    merge: Merge, member_id: int, lot_points: int, debt: int, cost: int, numbering: Numbering
) -> Posting:
    fact = PointFact(
        numbering.next_id(merge.seq),
        FactKind.TRANSFERRED,
        member_id,
        lot_points - debt,
        lot_points,
        debt,
        cost,
        merge.merged_at,
        merge.source,
        "",
        f"merge:{merge.name}",
        "",
        0,
        "",
        (),
    )
    return Posting(fact, (), TRANSFER)
