"""Lots and debts: who is taken from first, and that no fen is lost however points are sliced."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.errors import Rejected
from plugin.money import carrying_minor
from plugin.points.expiry import Expiry
from plugin.points.lots import Lot, Wallet, consumption_order, usable

U = 800_000_000  # 0.008 CNY a point
JAN, JUN = date(2026, 1, 31), date(2026, 6, 30)
TODAY = date(2026, 1, 10)


def lot(
    number: int, points: int, expires_on: date | None = None, base: int = 0, unit_cost: int = U
) -> Lot:
    return Lot(number, 1, points, points, base, unit_cost, number, expires_on, 1, "S1")


def wallet(*lots: Lot) -> Wallet:
    made = Wallet(1, 0, 0)
    for one in lots:
        made.give(one)
    return made


def remaining(of: Wallet) -> dict[int, int]:
    return {number: one.remaining for number, one in of.lots.items()}


def test_the_lot_that_expires_first_is_taken_first() -> None:
    mine = wallet(lot(2, 100, JUN), lot(1, 100, JAN))
    mine.take(10, 80, (), TODAY)
    mine.take(11, 80, (), TODAY)
    assert remaining(mine) == {1: 0, 2: 40}
    assert (mine.points, mine.debt) == (40, 0)


def test_an_expired_lot_is_left_alone_even_before_the_expiry_run() -> None:
    mine = wallet(lot(1, 100, JAN), lot(2, 100, JUN))
    change = mine.take(10, 120, (), date(2026, 2, 1))
    assert remaining(mine) == {1: 100, 2: 0}
    assert (change.lot_points, change.debt_points) == (-100, 20)


def test_lots_are_consumed_by_expiry_then_age_then_id_and_those_for_ever_last() -> None:
    for_ever, later, old, young = lot(1, 1), lot(2, 1, JUN), lot(3, 1, JAN), lot(4, 1, JAN)
    found = sorted([for_ever, later, young, old], key=consumption_order)
    assert [one.id for one in found] == [3, 4, 2, 1]


@pytest.mark.parametrize(
    ("on", "expected"), [(date(2026, 1, 30), True), (JAN, True), (date(2026, 2, 1), False)]
)
def test_points_are_usable_on_their_last_day_and_gone_the_next(on: date, expected: bool) -> None:
    assert usable(lot(1, 1, JAN), on) is expected
    assert usable(lot(1, 1), on) is True


def test_a_debt_is_cured_before_a_new_lot_opens() -> None:
    mine = wallet(lot(1, 50))
    taken = mine.take(10, 80, [1], TODAY)
    assert (taken.lot_points, taken.debt_points, taken.amount_minor) == (-50, 30, -40)
    given_ = mine.give(lot(2, 100))
    assert (given_.lot_points, given_.debt_points, given_.amount_minor) == (70, -30, 56)
    assert (mine.points, mine.debt) == (70, 0)


def test_an_accrual_smaller_than_the_debt_opens_no_lot_and_moves_no_money() -> None:
    mine = Wallet(1, 0, 30)
    assert mine.give(lot(1, 20)) == (0, -20, 0, ())
    assert (mine.points, mine.debt, mine.lots) == (0, 10, {})


def test_points_are_taken_back_from_the_orders_own_lots_first_newest_first() -> None:
    mine = wallet(lot(1, 10, JAN), lot(2, 10, JUN), lot(3, 10, JUN, base=10))
    change = mine.take(10, 12, [2, 3], TODAY)
    assert remaining(mine) == {1: 10, 2: 8, 3: 0}
    assert [(use.lot_id, use.points) for use in change.uses] == [(3, 10), (2, 2)]
    mine.take(11, 12, [2, 3], TODAY)  # 8 of its own, then 4 of another's
    assert remaining(mine) == {1: 6, 2: 0, 3: 0}


def test_an_expiring_lot_loses_all_that_remains() -> None:
    mine = wallet(lot(1, 100, JAN))
    mine.take(10, 30, (), TODAY)
    change = mine.expire(11, 1)
    assert (change.lot_points, change.debt_points, change.amount_minor) == (-70, 0, -56)
    assert (mine.points, mine.lots[1].cost_minor) == (0, 0)


@given(
    st.lists(st.integers(1, 500), min_size=1, max_size=12), st.integers(0, 5_000_000_000), st.data()
)
def test_the_cost_of_all_slices_is_the_cost_of_the_lot(
    slices: list[int], unit_cost: int, data: st.DataObject
) -> None:
    total = sum(slices)
    mine = wallet(lot(1, total, unit_cost=unit_cost))
    opened = mine.lots[1].cost_minor
    costs = [-mine.take(10 + i, part, [1], TODAY).amount_minor for i, part in enumerate(slices)]
    assert opened == sum(costs) == carrying_minor(total, unit_cost)
    assert mine.lots[1].cost_minor == 0


@given(st.lists(st.integers(1, 500), min_size=1, max_size=12), st.integers(0, 5_000_000_000))
def test_an_order_that_grew_in_steps_carries_the_same_as_one_that_came_whole(
    steps: list[int], unit_cost: int
) -> None:
    mine = Wallet(1, 0, 0)
    so_far = amount = 0
    for number, points in enumerate(steps, 1):
        amount += mine.give(lot(number, points, base=so_far, unit_cost=unit_cost)).amount_minor
        so_far += points
    assert amount == carrying_minor(so_far, unit_cost)
    back = so_far // 2
    if back:
        amount += mine.take(99, back, list(mine.lots), TODAY).amount_minor
    assert amount == carrying_minor(so_far - back, unit_cost)


@given(
    st.lists(
        st.tuples(st.integers(-300, 300), st.sampled_from([None, JAN, JUN])),
        min_size=1,
        max_size=20,
    ),
    st.integers(0, 3_000_000_000),
)
def test_lots_less_debt_are_what_was_given_less_what_was_taken(
    moves: list[tuple[int, date | None]], unit_cost: int
) -> None:
    mine = Wallet(1, 0, 0)
    points = amount = 0
    for number, (move, expires_on) in enumerate(moves, 1):
        if move > 0:
            amount += mine.give(lot(number, move, expires_on, unit_cost=unit_cost)).amount_minor
        elif move < 0:
            amount += mine.take(number, -move, (), TODAY).amount_minor
        points += move
        assert mine.points - mine.debt == points
        assert mine.points == sum(one.remaining for one in mine.lots.values())
        assert all(0 <= one.remaining <= one.points for one in mine.lots.values())
        assert amount == sum(one.cost_minor for one in mine.lots.values())
        assert mine.debt == 0 or mine.points == 0  # nothing had expired


@pytest.mark.parametrize(
    ("kind", "months", "accrued", "expected"),
    [
        ("never", 0, date(2026, 1, 31), None),
        ("months", 1, date(2026, 1, 31), date(2026, 2, 28)),
        ("months", 1, date(2028, 1, 31), date(2028, 2, 29)),
        ("months", 12, date(2028, 2, 29), date(2029, 2, 28)),
        ("months", 1, date(2026, 12, 15), date(2027, 1, 15)),
        ("months", 0, date(2026, 12, 31), date(2026, 12, 31)),
        ("month_end", 0, date(2026, 2, 1), date(2026, 2, 28)),
        ("month_end", 12, date(2026, 2, 1), date(2027, 2, 28)),
        ("month_end", 11, date(2026, 1, 31), date(2026, 12, 31)),
        ("year_end", 0, date(2026, 3, 1), date(2026, 12, 31)),
        ("year_end", 12, date(2026, 3, 1), date(2027, 12, 31)),
    ],
)
def test_the_last_day_of_points(
    kind: str, months: int, accrued: date, expected: date | None
) -> None:
    assert Expiry(kind, months).expires_on(accrued) == expected  # type: ignore[arg-type]


def test_points_for_ever_cannot_be_expired() -> None:
    from plugin.decide import expire

    with pytest.raises(Rejected) as refused:
        expire(wallet(lot(1, 10)), 1, 2, lambda day: 0)
    assert refused.value.reason == "LOT_NEVER_EXPIRES"
