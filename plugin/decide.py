"""Decides: documents, state and program in; point facts and lots out. No clock, no database.

The same functions serve the hot path, simulation and tests: ``decide_order`` says which movements an order needs, and
``post`` carries one movement out on a member's wallet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from plugin.errors import Rejected
from plugin.facts import FactKind, PointFact, Settles
from plugin.money import NANO, half_up
from plugin.orders.entitlement import (
    ORDER,
    Documents,
    Movement,
    business_date,
    differences,
    entitlement,
    with_costs,
)
from plugin.points.lots import Lot, LotUse, Wallet
from plugin.program.versions import Program


@dataclass(slots=True)
class OrderState:
    """What is known and posted about one order. ``version`` 0: the order itself has not arrived."""

    source: str
    order_id: str
    version: int = 0
    seq: int | None = None
    member_id: int | None = None
    program_version: int | None = None
    posted: dict[str, int] = field(default_factory=dict)
    lot_ids: list[int] = field(default_factory=list)
    hold_id: int | None = None
    is_new: bool = True

    @property
    def posted_points(self) -> int:
        """Points the order has given, net of what was taken back."""
        return sum(self.posted.values())


class Owned(NamedTuple):
    """A movement and the member it concerns."""

    member_id: int
    movement: Movement


class Posting(NamedTuple):
    """What carrying out a movement made: the fact, the slices it took from lots, and what it settles."""

    fact: PointFact
    uses: tuple[LotUse, ...]
    settles: Settles = Settles()


def decide_order(
    state: OrderState,
    documents: Documents,
    member_id: int | None,
    tier: str,
    program: Program,
) -> list[Owned]:
    """Returns the movements that bring an order's points from posted to what its documents are entitled to.

    Args:
        state: What was posted so far; not changed here.
        documents: The latest snapshots.
        member_id: Who earns now; None for a guest.
        tier: The member's tier as of the order.
        program: The pinned program version.
    """
    order = documents.order
    corrected_at = order.ordered_at if order.changed_at is None else order.changed_at
    owned: list[Owned] = []
    posted = state.posted
    if state.member_id is not None and state.member_id != member_id:
        owned = [Owned(state.member_id, m) for m in differences((), posted, corrected_at)]
        posted = {}
    if member_id is not None:
        target = entitlement(documents, program, tier)
        movements = differences(target, posted, corrected_at)
        if program.deferral is not None:
            movements = with_costs(movements, target, program.deferral)
        owned += [Owned(member_id, m) for m in movements]
    return owned


def post(
    state: OrderState,
    wallet: Wallet,
    movement: Movement,
    fact_id: int,
    documents: Documents,
    tier: str,
    program: Program,
) -> Posting:
    """Carries a movement out: changes wallet and order state, returns the fact.

    Points given open a lot whose expiry counts from the order's first accrual; points taken come from the order's own lots
    first, then from the member's others, then become debt.
    """
    order = documents.order
    if movement.points > 0:
        # What a cancelled return gives back was earned with the order.
        is_accrual = movement.kind is FactKind.ACCRUED
        earned_at = movement.earned_at if is_accrual else order.ordered_at
        lot = _lot(state, wallet, movement, earned_at, fact_id, order.store, program)
        change = wallet.give(lot)
        if lot.points:
            state.lot_ids.append(lot.id)
    else:
        on = business_date(movement.business_at, program.time_zone)
        change = wallet.take(fact_id, -movement.points, state.lot_ids, on)
    posted = state.posted.get(movement.cause, 0) + movement.points
    state.posted[movement.cause] = posted
    fact = PointFact(
        fact_id,
        movement.kind,
        wallet.member_id,
        movement.points,
        change.lot_points,
        change.debt_points,
        change.amount_minor,
        movement.business_at,
        state.source,
        state.order_id,
        movement.cause if movement.cause != ORDER else f"order:{state.order_id}",
        order.store,
        program.version,
        tier,
        movement.rules,
    )
    return Posting(fact, change.uses)


def expire(
    wallet: Wallet, lot_id: int, fact_id: int, midnight_after: Callable[[date], int]
) -> Posting:
    """Expires what remains of a lot; the business time is the first instant after its last day.

    Args:
        wallet: The member's wallet, with the lot.
        lot_id: A lot with a date and points left.
        fact_id: Id of the fact.
        midnight_after: Returns the instant at which a date ends in the book's time zone.
    """
    lot = wallet.lots[lot_id]
    expires_on = lot.expires_on
    if expires_on is None:
        raise Rejected("LOT_NEVER_EXPIRES", f"lot {lot_id} never expires")
    change = wallet.expire(fact_id, lot_id)
    fact = PointFact(
        fact_id,
        FactKind.EXPIRED,
        wallet.member_id,
        change.lot_points,
        change.lot_points,
        0,
        change.amount_minor,
        midnight_after(expires_on),
        "",
        "",
        f"lot:{lot_id}",
        lot.store,
        lot.program_version,
        "",
        (),
    )
    return Posting(fact, change.uses)


def _lot(
    state: OrderState,
    wallet: Wallet,
    movement: Movement,
    earned_at: int,
    fact_id: int,
    store: str,
    program: Program,
) -> Lot:
    accrued_on = business_date(earned_at, program.time_zone)
    points, cost = movement.points, movement.cost_minor
    if cost is None:
        base, unit_cost = max(0, state.posted_points), program.unit_cost_nano
    else:  # Points of a sale carry what was allocated to them, to the minor unit.
        base, unit_cost = 0, half_up(Fraction(cost * NANO, points))
    return Lot(
        id=fact_id,
        member_id=wallet.member_id,
        points=points,
        remaining=points,
        base_points=base,
        unit_cost_nano=unit_cost,
        available_at=earned_at + program.pending_us,
        expires_on=program.expiry.expires_on(accrued_on),
        program_version=program.version,
        store=store,
    )
