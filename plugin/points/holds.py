"""Holds: points of lots set aside for one redemption, taken when it is fulfilled, given back when it returns.

A hold names its slices lot by lot, so that nothing else can take them: neither another redemption nor a clawback nor the expiry run. A
held point stays usable for its hold after its lot's last day; released after that day it expires with the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from plugin.errors import Rejected
from plugin.points.lots import Change, Lot, LotUse, Wallet, consumption_order, usable


@dataclass(slots=True)
class Hold:
    """What one redemption holds and has taken.

    Attributes:
        slices: Points set aside, by lot.
        used: Points taken and not given back, by lot.
        debt: Points taken that the member did not have, and not given back.
    """

    slices: dict[int, int] = field(default_factory=dict)
    used: dict[int, int] = field(default_factory=dict)
    debt: int = 0

    @property
    def points(self) -> int:
        """Points set aside."""
        return sum(self.slices.values())


class NewLot(NamedTuple):
    """Terms of a lot for points that have no lot to go back to."""

    unit_cost_nano: int
    program_version: int
    store: str
    available_at: int
    expires_on: date | None


class GivenBack(NamedTuple):
    """One part of what was given back: a fact of its own."""

    fact_id: int
    points: int
    change: Change


def set_aside(wallet: Wallet, hold: Hold, points: int, now: int, today: date) -> None:
    """Sets points aside, earliest expiry first; pending and expired ones cannot be.

    Args:
        wallet: The member's, with enough usable lots read.
        hold: Gets the slices.
        points: How many, 0 or more.
        now: Instant in microseconds: what is available later is pending.
        today: Date in the book's time zone.

    Raises:
        Rejected: Fewer can be spent (``POINTS_INSUFFICIENT``); nothing is changed.

    Worked: lots A 100 (31 Jan) and B 100 (30 Jun), 120 set aside: all of A and 20 of B.
    """
    lots = _spendable(wallet, now, today)
    spendable = sum(lot.free for lot in lots)
    if spendable < points:
        raise Rejected(
            "POINTS_INSUFFICIENT", f"{points:,} points are needed, {spendable:,} can be spent"
        )
    _hold_first(hold, lots, points)


def hold_again(wallet: Wallet, hold: Hold, points: int, now: int, today: date) -> None:
    """Sets points aside that had been freed, as `set_aside` does, or as many as can still be spent."""
    _hold_first(hold, _spendable(wallet, now, today), points)


def release(wallet: Wallet, hold: Hold, points: int | None = None) -> int:
    """Frees held points, latest expiry first, all when ``points`` is None; returns how many."""
    wanted = hold.points if points is None else points
    freed = 0
    for lot in sorted(_lots(wallet, hold.slices), key=consumption_order, reverse=True):
        slice_points = min(hold.slices[lot.id], wanted - freed)
        if slice_points:
            _hold(hold, lot, -slice_points)
            freed += slice_points
    return freed


def capture(
    wallet: Wallet, hold: Hold, fact_id: int, points: int, on: date, keep: int = 0
) -> Change:
    """Takes points for good: held ones first, then other usable ones, then debt.

    More than is held is taken only for what has happened already: goods that left after the redemption was given up, or whose points
    were freed because they seemed to have come back.

    Args:
        wallet: The member's, with the held lots, and others where the hold falls short.
        hold: Whose slices are taken.
        fact_id: The fact that takes.
        points: How many, above 0.
        on: Business date; other lots that had expired by then are not touched.
        keep: Held points that are not taken: those for what is still to be fulfilled.

    Worked: 74 of 111 are held, 37 free; taking 37 and keeping 74 takes the free ones, without them it is a debt of 37.
    """
    uses: list[LotUse] = []
    left = points
    from_hold = min(left, max(0, hold.points - keep))
    left -= from_hold
    for lot in sorted(_lots(wallet, hold.slices), key=consumption_order):
        slice_points = min(from_hold, hold.slices[lot.id])
        if slice_points:
            _hold(hold, lot, -slice_points)
            uses.append(wallet.move(fact_id, lot, slice_points))
            from_hold -= slice_points
    if left:
        others = [lot for lot in wallet.lots.values() if usable(lot, on)]
        more = wallet.take_from(fact_id, left, sorted(others, key=consumption_order))
        left -= sum(use.points for use in more)
        uses = _one_per_lot(uses + more)
    wallet.debt += left
    hold.debt += left
    for use in uses:
        hold.used[use.lot_id] = hold.used.get(use.lot_id, 0) + use.points
    cost_minor = sum(use.cost_minor for use in uses)
    return Change(left - points, left, -cost_minor, tuple(uses))


def give_back(
    wallet: Wallet,
    hold: Hold,
    points: int,
    on: date,
    next_id: Callable[[], int],
    fresh: NewLot,
    grace_days: int,
    *,
    is_held_again: bool,
) -> list[GivenBack]:
    """Gives taken points back: to the member's debt, then to the lots they came from, latest expiry first.

    Points that are held again are not free: they cure the debt that this hold itself made, and no other.

    Points of a lot that expired meanwhile open a lot with some days of grace; points that had been debt and whose debt was cured
    meanwhile open one on the program's terms.

    Args:
        wallet: The member's, with the lots of ``hold.used``, closed ones too.
        hold: What was taken.
        points: How many come back, above 0 and at most what was taken.
        on: Business date of the return.
        next_id: Numbers facts; one for each part.
        fresh: The program's terms for points without a lot.
        grace_days: Days that points of an expired lot can be used.
        is_held_again: Whether they are set aside once more, because a shipment was undone.

    Worked: 80 taken from A (expired 31 Jan) and 20 from B; 50 come back on 10 Feb: 20 to B, 30 to a lot until 12 Mar.
    """
    owed = min(wallet.debt, hold.debt) if is_held_again else wallet.debt
    cured = min(owed, points)
    wallet.debt -= cured
    _forget(wallet, hold, cured)
    left = points - cured
    homeless: dict[NewLot, int] = {}
    returning: list[tuple[Lot, int]] = []
    from_debt = min(hold.debt, left)
    if from_debt:
        hold.debt -= from_debt
        left -= from_debt
        homeless[fresh] = from_debt
    grace_until = on + timedelta(days=grace_days)
    for lot in _used_newest_first(wallet, hold):
        slice_points = min(hold.used[lot.id], left)
        if not slice_points:
            continue
        _take_off(hold, lot.id, slice_points)
        left -= slice_points
        if is_held_again or usable(lot, on):
            returning.append((lot, slice_points))
        else:
            terms = NewLot(
                lot.unit_cost_nano, lot.program_version, lot.store, fresh.available_at, grace_until
            )
            homeless[terms] = homeless.get(terms, 0) + slice_points
    parts = []
    if cured or returning:
        fact_id = next_id()
        uses = [wallet.move(fact_id, lot, -slice_points) for lot, slice_points in returning]
        if is_held_again:
            for lot, slice_points in returning:
                _hold(hold, lot, slice_points)
        back = sum(slice_points for _, slice_points in returning)
        change = Change(back, -cured, -sum(use.cost_minor for use in uses), tuple(uses))
        parts.append(GivenBack(fact_id, back + cured, change))
    for terms, slice_points in homeless.items():
        parts.append(_open(wallet, terms, slice_points, next_id()))
    return parts


def settle_debt(wallet: Wallet, fact_id: int, on: date) -> Change | None:
    """Lets free points cure a debt: after a release or a merge nobody owes while having points that can be used."""
    if not wallet.debt:
        return None
    lots = sorted((lot for lot in wallet.lots.values() if usable(lot, on)), key=consumption_order)
    uses = wallet.take_from(fact_id, wallet.debt, lots)
    cured = sum(use.points for use in uses)
    if not cured:
        return None
    wallet.debt -= cured
    return Change(-cured, -cured, -sum(use.cost_minor for use in uses), tuple(uses))


def _one_per_lot(uses: Iterable[LotUse]) -> list[LotUse]:
    """Joins what was held of a lot and what was free of it: a fact takes one slice of a lot."""
    joined: dict[int, LotUse] = {}
    for use in uses:
        known = joined.get(use.lot_id)
        if known is None:
            joined[use.lot_id] = use
        else:
            points, cost = known.points + use.points, known.cost_minor + use.cost_minor
            joined[use.lot_id] = LotUse(use.fact_id, use.lot_id, points, cost)
    return list(joined.values())


def _open(wallet: Wallet, terms: NewLot, points: int, fact_id: int) -> GivenBack:
    lot = Lot(
        fact_id,
        wallet.member_id,
        points,
        points,
        0,
        terms.unit_cost_nano,
        terms.available_at,
        terms.expires_on,
        terms.program_version,
        terms.store,
    )
    return GivenBack(fact_id, points, wallet.give(lot))


def _spendable(wallet: Wallet, now: int, today: date) -> list[Lot]:
    return [
        lot
        for lot in wallet.lots.values()
        if lot.free and lot.available_at <= now and usable(lot, today)
    ]


def _hold_first(hold: Hold, lots: Iterable[Lot], points: int) -> None:
    """Sets free points of lots aside in order of consumption, until it is as many."""
    for lot in sorted(lots, key=consumption_order):
        slice_points = min(points, lot.free)
        if not slice_points:
            break
        _hold(hold, lot, slice_points)
        points -= slice_points


def _hold(hold: Hold, lot: Lot, points: int) -> None:
    lot.held += points
    lot.is_changed = True
    held = hold.slices.get(lot.id, 0) + points
    if held:
        hold.slices[lot.id] = held
    else:
        del hold.slices[lot.id]


def _forget(wallet: Wallet, hold: Hold, points: int) -> None:
    """Takes points that go to no lot off what was taken: debt first, then the newest."""
    from_debt = min(hold.debt, points)
    hold.debt -= from_debt
    points -= from_debt
    for lot in _used_newest_first(wallet, hold):
        slice_points = min(hold.used[lot.id], points)
        if slice_points:
            _take_off(hold, lot.id, slice_points)
            points -= slice_points


def _take_off(hold: Hold, lot_id: int, points: int) -> None:
    hold.used[lot_id] -= points
    if not hold.used[lot_id]:
        del hold.used[lot_id]


def _used_newest_first(wallet: Wallet, hold: Hold) -> list[Lot]:
    return sorted(_lots(wallet, hold.used), key=consumption_order, reverse=True)


def _lots(wallet: Wallet, lot_ids: Iterable[int]) -> list[Lot]:
    return [wallet.lots[lot_id] for lot_id in lot_ids]
