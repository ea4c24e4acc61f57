"""Holds: points set aside for a redemption are nobody else's, and come back to where they were taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.errors import Rejected
from plugin.points.holds import (
    GivenBack,
    Hold,
    NewLot,
    capture,
    give_back,
    hold_again,
    release,
    set_aside,
    settle_debt,
)
from plugin.points.lots import Change, Lot, LotUse, Wallet, usable

U = 800_000_000  # 0.008 CNY a point
JAN, JUN, DEC = date(2026, 1, 31), date(2026, 6, 30), date(2026, 12, 31)
TODAY, FEBRUARY = date(2026, 1, 10), date(2026, 2, 10)
NOW = 1_000
FRESH = NewLot(U, 3, "S9", 500, DEC)


def lot(number: int, points: int, expires_on: date | None = None, available_at: int = 0) -> Lot:
    return Lot(number, 1, points, points, 0, U, available_at, expires_on, 1, "S1")


def wallet(*lots: Lot, debt: int = 0) -> Wallet:
    made = Wallet(1, 0, 0)
    for one in lots:
        made.give(one)
    made.debt = debt
    return made


def holding(mine: Wallet, points: int) -> Hold:
    hold = Hold()
    set_aside(mine, hold, points, NOW, TODAY)
    return hold


def captured(mine: Wallet, points: int, on: date = TODAY) -> Hold:
    """Sets points aside and takes them, as fact 10."""
    hold = holding(mine, points)
    capture(mine, hold, 10, points, on)
    return hold


def back(
    mine: Wallet, hold: Hold, points: int, on: date = TODAY, *, is_held_again: bool = False
) -> list[GivenBack]:
    """Gives points back with 30 days of grace; facts are numbered from 20."""
    numbers = count(20)
    return give_back(
        mine, hold, points, on, lambda: next(numbers), FRESH, 30, is_held_again=is_held_again
    )


def remaining(of: Wallet) -> dict[int, int]:
    return {number: one.remaining for number, one in of.lots.items()}


def free(of: Wallet, on: date) -> int:
    return sum(one.free for one in of.lots.values() if usable(one, on))


def held(of: Wallet) -> dict[int, int]:
    return {number: one.held for number, one in of.lots.items()}


# Setting aside.


def test_what_expires_first_is_set_aside_first_and_what_never_does_last() -> None:
    mine = wallet(lot(1, 100), lot(2, 100, JUN), lot(3, 100, JAN))
    hold = holding(mine, 250)
    assert hold.slices == {3: 100, 2: 100, 1: 50}
    assert held(mine) == {1: 50, 2: 100, 3: 100}
    assert hold.points == 250


def test_of_lots_that_expire_together_the_oldest_is_set_aside_then_the_lower_number() -> None:
    mine = wallet(lot(3, 10, JAN, 7), lot(2, 10, JAN, 7), lot(4, 10, JAN, 5))
    assert list(holding(mine, 25).slices.items()) == [(4, 10), (2, 10), (3, 5)]


def test_points_set_aside_stay_in_the_wallet() -> None:
    mine = wallet(lot(1, 100, JAN))
    holding(mine, 80)
    assert (mine.points, mine.lots[1].remaining, mine.lots[1].free) == (100, 100, 20)
    assert mine.lots[1].is_changed


def test_pending_points_cannot_be_set_aside_before_they_are_available() -> None:
    mine = wallet(lot(1, 100, JAN, NOW + 1), lot(2, 50, JUN, NOW))
    assert holding(mine, 50).slices == {2: 50}
    with pytest.raises(Rejected, match="1 points are needed, 0 can be spent"):
        holding(mine, 1)


def test_points_can_be_set_aside_on_their_last_day_and_not_the_next() -> None:
    mine = wallet(lot(1, 100, JAN))
    hold = Hold()
    set_aside(mine, hold, 40, NOW, JAN)
    assert hold.slices == {1: 40}
    with pytest.raises(Rejected):
        set_aside(mine, hold, 40, NOW, JAN + timedelta(days=1))


def test_points_of_another_hold_cannot_be_set_aside() -> None:
    mine = wallet(lot(1, 100, JAN), lot(2, 100, JUN))
    first, second = holding(mine, 80), holding(mine, 80)
    assert (first.slices, second.slices) == ({1: 80}, {1: 20, 2: 60})
    with pytest.raises(Rejected, match="41 points are needed, 40 can be spent"):
        holding(mine, 41)


def test_too_few_points_are_refused_with_both_numbers_and_nothing_is_changed() -> None:
    mine = wallet(lot(1, 1_000, JAN), lot(2, 500, JUN))
    hold = Hold()
    with pytest.raises(Rejected) as refused:
        set_aside(mine, hold, 12_000, NOW, TODAY)
    assert refused.value.reason == "POINTS_INSUFFICIENT"
    assert refused.value.message == "12,000 points are needed, 1,500 can be spent"
    assert (hold, held(mine)) == (Hold(), {1: 0, 2: 0})


def test_all_there_is_can_be_set_aside_and_so_can_nothing() -> None:
    mine = wallet(lot(1, 100, JAN))
    assert holding(mine, 0) == Hold()
    assert holding(mine, 100).slices == {1: 100}
    assert holding(mine, 0) == Hold()


def test_more_can_be_set_aside_for_the_same_hold() -> None:
    mine = wallet(lot(1, 100, JAN))
    hold = holding(mine, 30)
    set_aside(mine, hold, 20, NOW, TODAY)
    assert (hold.slices, held(mine)) == ({1: 50}, {1: 50})


def test_twenty_holds_of_100_on_a_balance_of_100_are_one() -> None:
    mine = wallet(lot(1, 60, JAN), lot(2, 40, JUN))
    done = 0
    for _ in range(20):
        try:
            holding(mine, 100)
        except Rejected:
            continue
        done += 1
    assert done == 1


# Releasing.


def test_what_expires_last_is_released_first() -> None:
    mine = wallet(lot(1, 100, JAN), lot(2, 100, JUN), lot(3, 100))
    hold = holding(mine, 250)  # 100, 100 and 50
    assert release(mine, hold, 80) == 80
    assert hold.slices == {1: 100, 2: 70}
    assert held(mine) == {1: 100, 2: 70, 3: 0}


def test_a_release_without_a_number_frees_everything() -> None:
    mine = wallet(lot(1, 100, JAN), lot(2, 100, JUN))
    hold = holding(mine, 120)
    assert release(mine, hold) == 120
    assert (hold, held(mine), mine.points) == (Hold(), {1: 0, 2: 0}, 200)
    assert release(mine, hold) == 0


def test_no_more_is_released_than_is_held() -> None:
    mine = wallet(lot(1, 100, JAN))
    hold = holding(mine, 30)
    holding(mine, 50)  # another's
    assert release(mine, hold, 80) == 30
    assert held(mine) == {1: 50}


def test_releasing_nothing_changes_nothing() -> None:
    mine = wallet(lot(1, 100, JAN))
    hold = holding(mine, 30)
    assert release(mine, hold, 0) == 0
    assert hold.slices == {1: 30}


def test_released_points_can_be_set_aside_again() -> None:
    mine = wallet(lot(1, 100, JAN))
    release(mine, holding(mine, 100))
    assert holding(mine, 100).points == 100


# Nobody else takes held points.


def test_a_clawback_leaves_held_points_alone_and_makes_a_debt_of_the_rest() -> None:
    mine = wallet(lot(1, 100, JAN))
    holding(mine, 70)
    change = mine.take(10, 100, [1], TODAY)
    assert (change.lot_points, change.debt_points, change.amount_minor) == (-30, 70, -24)
    assert (mine.lots[1].remaining, mine.lots[1].held, mine.debt) == (70, 70, 70)


def test_a_clawback_takes_free_points_of_other_lots_before_it_makes_a_debt() -> None:
    mine = wallet(lot(1, 100, JAN), lot(2, 50, JUN))
    holding(mine, 100)
    change = mine.take(10, 60, [1], TODAY)
    assert [(use.lot_id, use.points) for use in change.uses] == [(2, 50)]
    assert mine.debt == 10


def test_an_expiry_leaves_held_points_alone() -> None:
    mine = wallet(lot(1, 100, JAN))
    hold = holding(mine, 70)
    change = mine.expire(10, 1)
    assert (change.lot_points, change.amount_minor) == (-30, -24)
    assert (mine.points, mine.lots[1].held) == (70, 70)
    # Used after their last day all the same, as they were set aside before.
    taken = capture(mine, hold, 11, 70, FEBRUARY)
    assert (taken.lot_points, taken.debt_points, taken.amount_minor) == (-70, 0, -56)


def test_what_is_released_after_its_last_day_expires() -> None:
    mine = wallet(lot(1, 100, JAN))
    release(mine, holding(mine, 70))
    assert mine.expire(10, 1).lot_points == -100


# Taking for good.


def test_held_points_are_taken_earliest_expiry_first() -> None:
    mine = wallet(lot(1, 100), lot(2, 100, JUN), lot(3, 100, JAN))
    hold = holding(mine, 250)
    change = capture(mine, hold, 10, 120, TODAY)
    assert change.uses == (LotUse(10, 3, 100, 80), LotUse(10, 2, 20, 16))
    assert change[:3] == (-120, 0, -96)
    assert (hold.slices, hold.used, hold.debt) == ({2: 80, 1: 50}, {3: 100, 2: 20}, 0)
    assert (remaining(mine), held(mine)) == ({1: 100, 2: 80, 3: 0}, {1: 50, 2: 80, 3: 0})
    assert mine.points == 180


def test_what_is_not_held_is_taken_from_other_lots_and_then_owed() -> None:
    mine = wallet(lot(1, 50, JAN), lot(2, 50, JUN))
    hold = holding(mine, 50)  # all of the first
    change = capture(mine, hold, 10, 120, TODAY)
    assert [(use.lot_id, use.points) for use in change.uses] == [(1, 50), (2, 50)]
    assert change[:3] == (-100, 20, -80)
    assert (hold.slices, hold.used, hold.debt) == ({}, {1: 50, 2: 50}, 20)
    assert (mine.points, mine.debt) == (0, 20)


def test_of_a_lot_that_is_held_in_part_the_rest_is_taken_before_anything_is_owed() -> None:
    # 30 of 100 are held and 50 are taken: one slice of 50.
    mine = wallet(lot(1, 100, JAN))
    hold = holding(mine, 30)
    assert capture(mine, hold, 10, 50, TODAY) == Change(-50, 0, -40, (LotUse(10, 1, 50, 40),))
    assert (hold, mine.points, mine.debt) == (Hold({}, {1: 50}), 50, 0)
    assert mine.lots[1].held == 0


def test_what_was_released_before_is_taken_from_wherever_points_are() -> None:
    mine = wallet(lot(1, 100, JAN), lot(2, 100, JUN))
    hold = holding(mine, 150)
    release(mine, hold)
    holding(mine, 120)  # somebody else was faster: 80 are left
    change = capture(mine, hold, 10, 100, TODAY)
    assert change[:3] == (-80, 20, -64)
    assert (hold.used, hold.debt, mine.debt) == ({2: 80}, 20, 20)


def test_held_points_that_are_kept_are_not_taken() -> None:
    mine = wallet(lot(1, 100, JAN), lot(2, 30, JUN))
    hold = holding(mine, 100)
    change = capture(mine, hold, 10, 60, TODAY, keep=80)  # 20 held ones, 30 others, and 10 are owed
    assert change[:3] == (-50, 10, -40)
    assert (hold.slices, hold.used, hold.debt) == ({1: 80}, {1: 20, 2: 30}, 10)


def test_what_was_freed_is_held_again_as_far_as_it_can_be_spent() -> None:
    mine = wallet(lot(1, 50, JAN), lot(2, 50, JUN), lot(3, 50))
    hold = holding(mine, 80)
    release(mine, hold, 60)  # 30 of lot 2 and 30 of lot 1
    hold_again(mine, hold, 60, NOW, FEBRUARY)  # when lot 1 has ended
    assert hold.slices == {1: 20, 2: 50, 3: 10}
    hold_again(mine, hold, 60, NOW, FEBRUARY)
    assert hold.slices == {1: 20, 2: 50, 3: 50}


def test_other_lots_that_have_expired_are_not_taken() -> None:
    mine = wallet(lot(1, 100, JAN), lot(2, 30, JUN))
    hold = Hold()
    change = capture(mine, hold, 10, 50, FEBRUARY)
    assert (hold.used, change[:3]) == ({2: 30}, (-30, 20, -24))


def test_points_of_other_holds_are_not_taken() -> None:
    mine = wallet(lot(1, 100, JAN))
    other = holding(mine, 100)
    change = capture(mine, Hold(), 10, 40, TODAY)
    assert change == Change(0, 40, 0, ())
    assert (other.slices, mine.points, mine.debt) == ({1: 100}, 100, 40)


def test_taking_in_parts_carries_the_same_amount_as_taking_at_once() -> None:
    # 10 points at 0.008 are 0.08; 3, 3 and 4 of them: 0.02, 0.03 and 0.03.
    mine = wallet(lot(1, 10, JAN))
    hold = holding(mine, 10)
    amounts = [
        capture(mine, hold, 10 + n, part, TODAY).amount_minor for n, part in enumerate((3, 3, 4))
    ]
    assert amounts == [-2, -3, -3]
    assert sum(amounts) == -8


# Giving back.


def test_points_come_back_to_the_lots_they_were_taken_from_latest_expiry_first() -> None:
    mine = wallet(lot(1, 50, JAN), lot(2, 50, JUN), lot(3, 50))
    hold = captured(mine, 120)  # 50, 50 and 20
    [part] = back(mine, hold, 60)
    assert (part.fact_id, part.points) == (20, 60)
    assert part.change == Change(60, 0, 48, (LotUse(20, 3, -20, -16), LotUse(20, 2, -40, -32)))
    assert hold.used == {1: 50, 2: 10}
    assert (remaining(mine), mine.points) == ({1: 0, 2: 40, 3: 50}, 90)
    assert held(mine) == {1: 0, 2: 0, 3: 0}


def test_a_return_in_parts_gives_back_exactly_what_was_taken() -> None:
    mine = wallet(lot(1, 10, JAN))
    hold = captured(mine, 10)
    amounts = [
        part.change.amount_minor for points in (3, 3, 4) for part in back(mine, hold, points)
    ]
    assert amounts == [2, 3, 3]
    assert (hold, mine.points) == (Hold(), 10)


def test_points_can_come_back_on_the_last_day_of_their_lot() -> None:
    mine = wallet(lot(1, 100, JAN))
    hold = captured(mine, 80)
    [part] = back(mine, hold, 80, JAN)
    assert [use.lot_id for use in part.change.uses] == [1]
    assert mine.lots[1].remaining == 100


@pytest.mark.parametrize(
    ("came_back_on", "usable_until"),
    [
        (date(2026, 2, 1), date(2026, 3, 3)),  # 27 days of February are left, 3 of March
        (date(2026, 2, 10), date(2026, 3, 12)),  # 18 and 12
        (date(2026, 12, 15), date(2027, 1, 14)),  # 16 and 14
        (date(2028, 2, 10), date(2028, 3, 11)),  # a leap year: 19 and 11
    ],
)
def test_points_of_a_lot_that_expired_meanwhile_get_days_of_grace(
    came_back_on: date, usable_until: date
) -> None:
    mine = wallet(lot(1, 100, JAN), lot(2, 20, date(2030, 1, 1)))
    hold = captured(mine, 120, JAN)
    parts = back(mine, hold, 70, came_back_on)
    assert [(part.fact_id, part.points) for part in parts] == [(20, 20), (21, 50)]
    assert mine.lots[2].remaining == 20
    grace = mine.lots[21]
    assert (grace.points, grace.remaining, grace.expires_on) == (50, 50, usable_until)
    assert (grace.unit_cost_nano, grace.program_version, grace.store) == (U, 1, "S1")
    assert (grace.available_at, grace.is_new, grace.base_points) == (500, True, 0)
    assert parts[1].change == Change(50, 0, 40)
    assert hold.used == {1: 50}


def test_the_example_of_the_docstring() -> None:
    mine = wallet(lot(1, 80, JAN), lot(2, 100, JUN))
    hold = captured(mine, 100)  # 80 and 20
    parts = back(mine, hold, 50, FEBRUARY)
    assert [part.points for part in parts] == [20, 30]
    assert remaining(mine) == {1: 0, 2: 100, 21: 30}
    assert mine.lots[21].expires_on == date(2026, 3, 12)


def test_without_grace_points_of_an_expired_lot_are_gone_the_next_day() -> None:
    mine = wallet(lot(1, 100, JAN))
    hold = captured(mine, 100)
    give_back(mine, hold, 100, FEBRUARY, lambda: 20, FRESH, 0, is_held_again=False)
    assert usable(mine.lots[20], FEBRUARY)
    assert not usable(mine.lots[20], FEBRUARY + timedelta(days=1))


def test_lots_that_expired_share_a_lot_of_grace_when_they_are_alike() -> None:
    mine = wallet(lot(1, 30, JAN), lot(2, 40, JAN), lot(3, 50, JAN))
    mine.lots[3].unit_cost_nano = 2 * U
    hold = captured(mine, 120)
    parts = back(mine, hold, 120, FEBRUARY)
    assert [(part.points, part.change.amount_minor) for part in parts] == [(50, 80), (70, 56)]


def test_what_comes_back_cures_a_debt_first() -> None:
    mine = wallet(lot(1, 100, JUN))
    hold = captured(mine, 100)
    mine.take(11, 30, (), TODAY)  # another order's clawback: owed
    [part] = back(mine, hold, 50)
    assert part.points == 50
    assert part.change == Change(20, -30, 16, (LotUse(20, 1, -20, -16),))
    assert (mine.points, mine.debt) == (20, 0)
    assert hold.used == {1: 50}


def test_a_return_smaller_than_the_debt_brings_nothing_into_a_lot() -> None:
    mine = wallet(lot(1, 100, JUN))
    hold = captured(mine, 100)
    mine.take(11, 80, (), TODAY)
    [part] = back(mine, hold, 50)
    assert (part.points, part.change) == (50, Change(0, -50, 0, ()))
    assert (mine.points, mine.debt, hold.used) == (0, 30, {1: 50})


def test_what_cures_a_debt_was_taken_from_the_newest_lots() -> None:
    mine = wallet(lot(1, 50, JAN), lot(2, 50, JUN))
    hold = captured(mine, 100)
    mine.take(11, 70, (), TODAY)
    [part] = back(mine, hold, 80)  # 50 and 20 cure the debt, 10 come back
    assert part.change == Change(10, -70, 8, (LotUse(20, 1, -10, -8),))
    assert hold.used == {1: 20}


def test_points_that_were_owed_are_owed_no_longer() -> None:
    mine = wallet(lot(1, 50, JUN))
    hold = Hold()
    capture(mine, hold, 10, 80, TODAY)  # 50 and a debt of 30
    [part] = back(mine, hold, 40)
    assert part.change == Change(10, -30, 8, (LotUse(20, 1, -10, -8),))
    assert (hold.used, hold.debt, mine.debt) == ({1: 40}, 0, 0)


def test_what_was_owed_and_paid_meanwhile_opens_a_lot_on_the_programs_terms() -> None:
    mine = wallet(lot(1, 50, JUN))
    hold = Hold()
    capture(mine, hold, 10, 80, TODAY)  # 50 and a debt of 30
    mine.give(lot(2, 100, JUN))  # pays the 30, 70 are left
    parts = back(mine, hold, 80)
    assert [(part.fact_id, part.points) for part in parts] == [(20, 50), (21, 30)]
    assert parts[1].change == Change(30, 0, 24)
    fresh = mine.lots[21]
    assert NewLot(
        *(fresh.unit_cost_nano, fresh.program_version, fresh.store),
        *(fresh.available_at, fresh.expires_on),
    ) == (FRESH)
    assert (remaining(mine), mine.points) == ({1: 50, 2: 70, 21: 30}, 150)
    assert hold == Hold()


def test_what_comes_back_of_a_shipment_that_was_undone_is_held_again() -> None:
    mine = wallet(lot(1, 100, JAN), lot(2, 50, JUN))
    hold = captured(mine, 120)
    [part] = back(mine, hold, 40, is_held_again=True)
    assert part.change == Change(40, 0, 32, (LotUse(20, 2, -20, -16), LotUse(20, 1, -20, -16)))
    assert (hold.slices, hold.used) == ({2: 20, 1: 20}, {1: 80})
    assert held(mine) == {1: 20, 2: 20}


def test_what_is_held_again_goes_back_to_its_lot_even_when_that_has_expired() -> None:
    mine = wallet(lot(1, 100, JAN))
    hold = captured(mine, 100)
    [part] = back(mine, hold, 100, FEBRUARY, is_held_again=True)
    assert part.change == Change(100, 0, 80, (LotUse(20, 1, -100, -80),))
    assert hold.slices == {1: 100}
    assert capture(mine, hold, 30, 100, FEBRUARY)[:2] == (-100, 0)


def test_what_is_held_again_cures_no_debt_that_others_made_as_if_it_had_never_been_taken() -> None:
    mine = wallet(lot(1, 100, JUN))
    hold = captured(mine, 100)
    mine.debt = 30
    [part] = back(mine, hold, 100, is_held_again=True)
    assert part.change[:3] == (100, 0, 80)
    assert (hold.slices, hold.used, mine.debt) == ({1: 100}, {}, 30)


def test_what_the_hold_itself_owed_is_owed_no_longer_and_the_rest_is_held_again() -> None:
    mine = wallet(lot(1, 70, JUN))
    hold = captured(mine, 70)
    capture(mine, hold, 11, 30, TODAY)
    mine.debt += 5
    [part] = back(mine, hold, 100, is_held_again=True)
    assert part.change[:3] == (70, -30, 56)
    assert (hold.slices, hold.used, hold.debt, mine.debt) == ({1: 70}, {}, 0, 5)


def test_a_lot_that_was_used_up_opens_again() -> None:
    mine = wallet(lot(1, 100, JUN))
    hold = captured(mine, 100)
    mine.lots[1].is_changed = False
    back(mine, hold, 1)
    assert mine.lots[1].is_changed
    assert holding(mine, 1).slices == {1: 1}


# Settling a debt.


def test_free_points_settle_a_debt_earliest_expiry_first() -> None:
    mine = wallet(lot(1, 50, JUN), lot(2, 20, JAN), debt=30)
    change = settle_debt(mine, 10, TODAY)
    assert change == Change(-30, -30, -24, (LotUse(10, 2, 20, 16), LotUse(10, 1, 10, 8)))
    assert (mine.points, mine.debt) == (40, 0)


def test_what_is_not_enough_settles_a_part() -> None:
    mine = wallet(lot(1, 20, JUN), debt=30)
    change = settle_debt(mine, 10, TODAY)
    assert change is not None
    assert (change[:3], mine.debt) == ((-20, -20, -16), 10)


def test_held_and_expired_points_settle_no_debt() -> None:
    mine = wallet(lot(1, 50, JAN), lot(2, 50, JUN))
    hold = Hold()
    set_aside(mine, hold, 100, NOW, TODAY)
    mine.debt = 30
    assert settle_debt(mine, 10, FEBRUARY) is None
    release(mine, hold)
    change = settle_debt(mine, 10, FEBRUARY)
    assert change is not None
    assert [use.lot_id for use in change.uses] == [2]


def test_without_a_debt_there_is_nothing_to_settle() -> None:
    mine = wallet(lot(1, 50, JUN))
    assert settle_debt(mine, 10, TODAY) is None
    assert mine.points == 50


# Always.

DAYS = [None, TODAY, JAN, FEBRUARY, JUN]


@dataclass
class Ledger:
    """A wallet, three redemptions' holds, and the sums of what happened."""

    mine: Wallet
    holds: list[Hold] = field(default_factory=lambda: [Hold(), Hold(), Hold()])
    taken: list[int] = field(default_factory=lambda: [0, 0, 0])
    points: int = 0
    lot_points: int = 0
    debt_points: int = 0
    amount_minor: int = 0
    used: dict[int, int] = field(default_factory=dict)
    numbers: Callable[[], int] = field(default_factory=lambda: count(1).__next__)

    def add(self, change: Change, fact_id: int, points: int) -> None:
        """Adds up a change that a fact of so many points made."""
        assert change.lot_points - change.debt_points == points
        self.points += points
        self.lot_points += change.lot_points
        self.debt_points += change.debt_points
        self.amount_minor += change.amount_minor
        lots = [use.lot_id for use in change.uses]
        assert len(lots) == len(
            set(lots)
        )  # a fact uses a lot once: that is the key it is stored under
        for use in change.uses:
            assert use.fact_id == fact_id
            self.used[use.lot_id] = self.used.get(use.lot_id, 0) + use.points

    def check(self) -> None:
        lots = self.mine.lots
        for one in lots.values():
            assert 0 <= one.held <= one.remaining <= one.points
            assert one.held == sum(hold.slices.get(one.id, 0) for hold in self.holds)
            assert one.remaining == one.points - self.used.get(one.id, 0)
        assert self.mine.debt >= 0
        assert self.mine.points == sum(one.remaining for one in lots.values()) == self.lot_points
        assert self.mine.debt == self.debt_points
        assert self.points == self.mine.points - self.mine.debt
        assert self.amount_minor == sum(one.cost_minor for one in lots.values())
        for hold, taken in zip(self.holds, self.taken, strict=True):
            assert hold.debt + sum(hold.used.values()) == taken >= hold.debt >= 0
            assert all(points > 0 for points in (*hold.slices.values(), *hold.used.values()))


def step(
    ledger: Ledger, what: str, which: int, points: int, day: date, data: st.DataObject
) -> None:
    mine, hold = ledger.mine, ledger.holds[which]
    number = ledger.numbers()
    if what == "give":
        terms = data.draw(st.tuples(st.sampled_from(DAYS), st.integers(0, 1), st.integers(0, 3)))
        expires_on, is_pending, base = terms
        one = Lot(
            number, 1, points, points, base, 333_333_333, is_pending * 9_999, expires_on, 1, ""
        )
        ledger.add(mine.give(one), number, points)
    elif what == "take":
        own = data.draw(
            st.lists(st.sampled_from(sorted(mine.lots) or [0]), max_size=3, unique=True)
        )
        ledger.add(mine.take(number, points, own, day), number, -points)
    elif what == "expire":
        lots = [one.id for one in mine.lots.values() if one.free]
        if lots:
            before = mine.points
            change = mine.expire(number, data.draw(st.sampled_from(lots)))
            ledger.add(change, number, mine.points - before)
    elif what == "set_aside":
        before = hold.points
        try:
            set_aside(mine, hold, points, NOW, day)
        except Rejected:
            points = 0
        assert hold.points == before + points
    elif what == "release":
        wanted = data.draw(st.none() | st.just(points))
        before = hold.points
        freed = release(mine, hold, wanted)
        assert freed == min(before, before if wanted is None else wanted) == before - hold.points
    elif what == "capture":
        change = capture(mine, hold, number, points, day)
        ledger.add(change, number, -points)
        assert not change.debt_points or not free(mine, day)
        ledger.taken[which] += points
    elif what == "give_back" and ledger.taken[which]:
        points = min(points, ledger.taken[which])
        parts = give_back(
            *(mine, hold, points, day, ledger.numbers),
            FRESH._replace(unit_cost_nano=777_777_777),
            data.draw(st.integers(0, 30)),
            is_held_again=data.draw(st.booleans()),
        )
        for part in parts:
            ledger.add(part.change, part.fact_id, part.points)
        assert sum(part.points for part in parts) == points
        ledger.taken[which] -= points
    elif what == "settle":
        settled = settle_debt(mine, number, day)
        if settled is not None:
            ledger.add(settled, number, 0)
        assert mine.debt == 0 or not free(mine, day)


STEPS = ["give", "take", "expire", "set_aside", "release", "capture", "give_back", "settle"]


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(STEPS),
            st.integers(0, 2),
            st.integers(1, 60),
            st.sampled_from([TODAY, JAN, FEBRUARY]),
        ),
        max_size=30,
    ),
    st.data(),
)
def test_whatever_happens_no_point_is_held_twice_and_none_is_lost(
    steps: list[tuple[str, int, int, date]], data: st.DataObject
) -> None:
    ledger = Ledger(Wallet(1, 0, 0))
    for what, which, points, day in steps:
        step(ledger, what, which, points, day, data)
        ledger.check()


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 50), st.sampled_from(DAYS)), min_size=1, max_size=6),
    st.integers(0, 200),
    st.lists(st.integers(1, 50), max_size=5),
)
def test_setting_aside_and_releasing_leaves_everything_as_it_was(
    lots: list[tuple[int, date | None]], points: int, parts: list[int]
) -> None:
    mine = wallet(*(lot(number, size, day) for number, (size, day) in enumerate(lots, 1)))
    before = remaining(mine)
    hold = Hold()
    try:
        set_aside(mine, hold, points, NOW, TODAY)
    except Rejected:
        assert points > mine.points
    for part in parts:
        release(mine, hold, part)
    release(mine, hold)
    assert (hold, remaining(mine), set(held(mine).values())) == (Hold(), before, {0})


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 50), st.sampled_from([None, JAN, JUN])), min_size=1, max_size=6
    ),
    st.data(),
)
def test_taking_and_giving_all_back_leaves_everything_as_it_was(
    lots: list[tuple[int, date | None]], data: st.DataObject
) -> None:
    mine = wallet(*(lot(number, size, day) for number, (size, day) in enumerate(lots, 1)))
    before, amount = remaining(mine), 0
    points = data.draw(st.integers(1, mine.points))
    hold = holding(mine, points)
    facts = count(10)
    for part in _parts(points, data):
        amount += capture(mine, hold, next(facts), part, TODAY).amount_minor
    for part in _parts(points, data):
        for one in back(mine, hold, part):
            amount += one.change.amount_minor
    assert (hold, remaining(mine), set(held(mine).values())) == (Hold(), before, {0})
    assert amount == 0


def _parts(total: int, data: st.DataObject) -> list[int]:
    parts = []
    while total:
        parts.append(data.draw(st.integers(1, total)))
        total -= parts[-1]
    return parts
