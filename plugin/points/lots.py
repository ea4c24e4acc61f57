"""Lots and debts of one member: opening, taking, and what both do to the carrying amount.

The carrying amount of a lot is a pure function of what remains of it: with ``base`` points of the same order before it and
unit cost ``u``, a lot carries ``round((base + remaining) * u) - round(base * u)``, half up. So the last slice takes the
remainder, an order that grew in steps carries the same as one that came whole, and taking an order's points back newest first
leaves exactly what it would carry had they never been there. Books do not depend on the order in which documents
arrive, as long as points are taken from the lots of their own order; where expiry or another order has used those up, the cents follow the
lots that were taken instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from plugin.money import carrying_minor


@dataclass(slots=True)
class Lot:
    """Points accrued together. ``held`` of what remains is set aside; ``is_new`` and ``is_changed`` tell what to write."""

    id: int
    member_id: int
    points: int
    remaining: int
    base_points: int
    unit_cost_nano: int
    available_at: int
    expires_on: date | None
    program_version: int
    store: str
    held: int = 0
    is_new: bool = False
    is_changed: bool = False

    @property
    def free(self) -> int:
        """Points that no redemption holds."""
        return self.remaining - self.held

    @property
    def cost_minor(self) -> int:
        """What the remaining points are carried at."""
        return self.cost_of(self.remaining)

    def cost_of(self, remaining: int) -> int:
        """Returns what the lot is carried at with so many points left.

        >>> lot = Lot(1, 1, 10_000, 10_000, 0, 800_000_000, 0, None, 1, "")
        >>> lot.cost_of(10_000), lot.cost_of(5_000), lot.cost_of(0)
        (8000, 4000, 0)
        """
        unit_cost, base = self.unit_cost_nano, self.base_points
        if base:
            return carrying_minor(base + remaining, unit_cost) - carrying_minor(base, unit_cost)
        return carrying_minor(remaining, unit_cost)


class LotUse(NamedTuple):
    """A slice that a fact took from a lot; points and cost are negative when they came back to it."""

    fact_id: int
    lot_id: int
    points: int
    cost_minor: int


class Change(NamedTuple):
    """What an accrual or a taking did: ``lot_points - debt_points`` is the change of the member's points."""

    lot_points: int
    debt_points: int
    amount_minor: int
    uses: tuple[LotUse, ...] = ()


@dataclass(slots=True)
class Wallet:
    """A member's points while a batch is decided: totals always, lots as far as they were needed and read."""

    member_id: int
    points: int
    debt: int
    lots: dict[int, Lot] = field(default_factory=dict)

    def give(self, lot: Lot) -> Change:
        """Adds a lot's points: cures debt first, opens the lot with the rest (none when nothing is left).

        Worked: debt 30, a lot of 100 cures 30 and opens with 70.
        """
        cured = min(self.debt, lot.points)
        self.debt -= cured
        lot.points = lot.remaining = lot.points - cured
        if not lot.points:
            return Change(0, -cured, 0)
        lot.is_new = True
        self.lots[lot.id] = lot
        self.points += lot.points
        return Change(lot.points, -cured, lot.cost_minor)

    def take(self, fact_id: int, points: int, own: Iterable[int], on: date) -> Change:
        """Takes points back: newest of the order's own lots first, then other lots by expiry, then debt. Held points stay.

        Args:
            fact_id: The fact that takes.
            points: How many, above 0.
            own: Lots of the order whose points are taken back.
            on: Business date; other lots that had expired by then are left to the expiry run.

        Worked: balance 50, taking 80 leaves 0 and a debt of 30.
        """
        mine = [self.lots[lot_id] for lot_id in own if lot_id in self.lots]
        mine.sort(key=lambda lot: (lot.base_points, lot.id), reverse=True)
        uses = self.take_from(fact_id, points, mine)
        short = points - sum(use.points for use in uses)
        if short:
            others = [lot for lot in self.lots.values() if lot not in mine and usable(lot, on)]
            uses += self.take_from(fact_id, short, sorted(others, key=consumption_order))
        taken = sum(use.points for use in uses)
        self.debt += points - taken
        return Change(-taken, points - taken, -sum(use.cost_minor for use in uses), tuple(uses))

    def expire(self, fact_id: int, lot_id: int) -> Change:
        """Takes all that remains of one lot and is not held."""
        lot = self.lots[lot_id]
        uses = self.take_from(fact_id, lot.free, [lot])
        points, cost = sum(use.points for use in uses), sum(use.cost_minor for use in uses)
        return Change(-points, 0, -cost, tuple(uses))

    def take_from(self, fact_id: int, points: int, lots: Iterable[Lot]) -> list[LotUse]:
        """Takes up to ``points`` free points from lots in the order given."""
        uses = []
        for lot in lots:
            slice_points = min(points, lot.free)
            if slice_points == 0:
                continue
            uses.append(self.move(fact_id, lot, slice_points))
            points -= slice_points
        return uses

    def move(self, fact_id: int, lot: Lot, points: int) -> LotUse:
        """Takes points out of a lot, or puts them back when negative."""
        before = lot.cost_minor
        lot.remaining -= points
        lot.is_changed = True
        self.points -= points
        return LotUse(fact_id, lot.id, points, before - lot.cost_minor)


def usable(lot: Lot, on: date) -> bool:
    """Tells whether a lot has not expired by a date: usable on the expiry date, gone the next day."""
    return lot.expires_on is None or lot.expires_on >= on


def consumption_order(lot: Lot) -> tuple[date, int, int]:
    """Sorts lots for consumption: earliest expiry, then oldest, then id; never-expiring last."""
    return (lot.expires_on or date.max, lot.available_at, lot.id)
