"""What every fact posts, row by row of the policy: which account, which side, how much."""

from __future__ import annotations

import doctest
from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting import policy
from accounting.chart import POINTS_ACCOUNTS, Account
from accounting.journal import Entry, legs
from accounting.policy import (
    PLAIN,
    Pair,
    Policy,
    coupon_entry,
    entry_for,
    spending_pairs,
    stock_entry,
)
from plugin.facts import Against, CouponFact, FactKind, PointFact, Settles, StockMove

BUSINESS_ON, ACCOUNTING_ON = date(2026, 10, 30), date(2026, 11, 1)
NET = Settles(is_net=True)

POINTS, UNITS, ISSUED = Account.POINTS, Account.UNITS, Account.ISSUED
ARREARS, ARREARS_EQUITY = Account.ARREARS, Account.ARREARS_EQUITY
OF_POINTS, OF_REDEMPTION = Account.MARKETING_POINTS, Account.MARKETING_REDEMPTION
INVENTORY, OFFSET, COUPONS = Account.INVENTORY, Account.OFFSET, Account.COUPONS
DONATIONS, TRANSFERS = Account.DONATIONS, Account.TRANSFERS
RECEIVED, DIFFERENCES = Account.STOCK_RECEIVED, Account.STOCK_DIFFERENCES


def fact(kind: FactKind, amount: int, lot_points: int = 0, debt_points: int = 0) -> PointFact:
    return PointFact(
        id=900,
        kind=kind,
        member_id=42,
        points=lot_points - debt_points,
        lot_points=lot_points,
        debt_points=debt_points,
        amount_minor=amount,
        business_at=0,
        source="erp",
        order_id="SO-7",
        cause="order:SO-7",
        store="S1",
        program_version=7,
        tier="gold",
        rules=(),
    )


def booked(one: PointFact, settles: Settles = PLAIN) -> Entry:
    return entry_for(one, BUSINESS_ON, ACCOUNTING_ON, settles)


def stock(kind: FactKind, value: int) -> Entry:
    move = StockMove(901, kind, "MUG-1", "MAIN", 1, value, 0, "erp", "D1", 100_001)
    return stock_entry(move, "R100001", 7, BUSINESS_ON, ACCOUNTING_ON)


def coupon(kind: FactKind, carried: int, face: int, under: Policy = Policy.COST) -> Entry:
    one = CouponFact(902, kind, 5, 42, carried, face, 0, "ann", "", "SO-7", "S1", 7)
    return coupon_entry(one, "R100001", BUSINESS_ON, ACCOUNTING_ON, under)


def money(*entries: Entry) -> dict[Account, int]:
    """Returns money by account, debits positive, without accounts at zero."""
    return sums(leg for entry in entries for leg in legs(entry) if not leg.is_points)


def points(*entries: Entry) -> dict[Account, int]:
    return sums(leg for entry in entries for leg in legs(entry) if leg.is_points)


def sums(of: Iterable[Any]) -> dict[Account, int]:
    total: dict[Account, int] = {}
    for leg in of:
        total[leg.account] = total.get(leg.account, 0) + leg.quantity
    return {account: quantity for account, quantity in total.items() if quantity}


def mirrored(of: dict[Account, int]) -> dict[Account, int]:
    return {account: -quantity for account, quantity in of.items()}


def test_the_worked_numbers_in_docstrings_are_right() -> None:
    assert doctest.testmod(policy).failed == 0


# Points without anything that they are spent on.


@pytest.mark.parametrize("kind", [FactKind.ACCRUED, FactKind.CLAWBACK_REVERSED])
def test_points_that_are_given_are_an_expense_and_a_liability(kind: FactKind) -> None:
    entry = booked(fact(kind, 8000, 10_000))
    assert money(entry) == {OF_POINTS: 8000, POINTS: -8000}
    assert points(entry) == {ISSUED: 10_000, UNITS: -10_000}


@pytest.mark.parametrize(
    "kind", [FactKind.ACCRUAL_REVERSED, FactKind.CLAWED_BACK, FactKind.EXPIRED]
)
def test_points_that_are_taken_back_or_expire_are_the_reverse(kind: FactKind) -> None:
    entry = booked(fact(kind, -800, -1000))
    assert money(entry) == {POINTS: 800, OF_POINTS: -800}
    assert points(entry) == {ISSUED: -1000, UNITS: 1000}


def test_points_taken_that_are_not_there_are_owed_and_cost_nothing() -> None:
    # 50 of 80 are there, carried at 0.40.
    entry = booked(fact(FactKind.CLAWED_BACK, -40, -50, 30))
    assert money(entry) == {POINTS: 40, OF_POINTS: -40}
    assert points(entry) == {ISSUED: -50, UNITS: 50, ARREARS: 30, ARREARS_EQUITY: -30}


def test_an_accrual_that_only_cures_a_debt_has_points_legs_alone() -> None:
    entry = booked(fact(FactKind.ACCRUED, 0, 0, -20))
    assert (money(entry), points(entry)) == ({}, {ARREARS: -20, ARREARS_EQUITY: 20})
    assert (entry.debit, entry.credit, entry.amount_minor) == (OF_POINTS, POINTS, 0)


def test_an_accrual_that_cures_a_debt_opens_a_lot_with_the_rest() -> None:
    entry = booked(fact(FactKind.ACCRUED, 56, 70, -30))
    assert money(entry) == {OF_POINTS: 56, POINTS: -56}
    assert points(entry) == {ISSUED: 70, UNITS: -70, ARREARS: -30, ARREARS_EQUITY: 30}


def test_a_debt_that_free_points_pay_releases_them() -> None:
    entry = booked(fact(FactKind.DEBT_SETTLED, -24, -30, -30))
    assert money(entry) == {POINTS: 24, OF_POINTS: -24}
    assert points(entry) == {ISSUED: -30, UNITS: 30, ARREARS: -30, ARREARS_EQUITY: 30}


@pytest.mark.parametrize(
    ("amount", "expected"), [(-1, {POINTS: 1, OF_POINTS: -1}), (1, {OF_POINTS: 1, POINTS: -1})]
)
def test_cents_that_were_rounded_elsewhere_go_back_to_the_expense_of_points(
    amount: int, expected: dict[Account, int]
) -> None:
    entry = booked(fact(FactKind.RECLASSIFIED, amount))
    assert (money(entry), points(entry)) == (expected, {})


# Goods: one entry for the points, one for the goods.


def test_goods_redeemed_gross_release_the_points_and_cost_what_the_goods_cost() -> None:
    # 5,000 points at 0.008 for goods of 42.00.
    released = booked(fact(FactKind.REDEEMED, -4000, -5000))
    shipped = stock(FactKind.GOODS_SHIPPED, -4200)
    assert money(released) == {POINTS: 4000, OF_POINTS: -4000}
    assert money(shipped) == {OF_REDEMPTION: 4200, INVENTORY: -4200}
    assert points(released) == {ISSUED: -5000, UNITS: 5000}
    assert points(shipped) == {}


@pytest.mark.parametrize(
    ("cost", "difference"),
    [(4200, 200), (3800, -200), (4000, 0)],  # dearer than the points, cheaper, the same
)
def test_goods_redeemed_net_cost_the_difference(cost: int, difference: int) -> None:
    released = booked(fact(FactKind.REDEEMED, -4000, -5000), NET)
    shipped = stock(FactKind.GOODS_SHIPPED, -cost)
    assert money(released) == {POINTS: 4000, OF_REDEMPTION: -4000}
    both = {POINTS: 4000, OF_REDEMPTION: difference, INVENTORY: -cost}
    assert money(released, shipped) == {k: v for k, v in both.items() if v}


@pytest.mark.parametrize("settles", [PLAIN, NET])
def test_goods_that_come_back_are_the_exact_mirror(settles: Settles) -> None:
    out = (
        booked(fact(FactKind.REDEEMED, -4000, -5000), settles),
        stock(FactKind.GOODS_SHIPPED, -4200),
    )
    for kind in (FactKind.REDEMPTION_RETURNED, FactKind.REDEMPTION_REVERSED):
        back = booked(fact(kind, 4000, 5000), settles), stock(FactKind.GOODS_RETURNED, 4200)
        assert money(*back) == mirrored(money(*out))
        assert points(*back) == mirrored(points(*out))
        assert money(*out, *back) == points(*out, *back) == {}


@pytest.mark.parametrize("settles", [PLAIN, NET])
def test_a_return_that_was_cancelled_is_a_redemption_again(settles: Settles) -> None:
    again = booked(fact(FactKind.REDEMPTION_RETURN_REVERSED, -27, -34), settles)
    assert money(again) == money(booked(fact(FactKind.REDEEMED, -27, -34), settles))


def test_goods_for_points_that_were_owed_release_nothing() -> None:
    entry = booked(fact(FactKind.REDEEMED, 0, 0, 100))
    assert (money(entry), points(entry)) == ({}, {ARREARS: 100, ARREARS_EQUITY: -100})
    assert (entry.debit, entry.credit, entry.amount_minor) == (POINTS, OF_POINTS, 0)


@pytest.mark.parametrize("settles", [PLAIN, NET])
def test_the_worked_example_ends_with_the_goods_as_the_cost_of_the_program(
    settles: Settles,
) -> None:
    entries = [
        booked(fact(FactKind.ACCRUED, 8000, 10_000)),
        booked(fact(FactKind.REDEEMED, -4000, -5000), settles),
        stock(FactKind.GOODS_SHIPPED, -4200),
        booked(fact(FactKind.CLAWED_BACK, -800, -1000)),
        booked(fact(FactKind.EXPIRED, -3200, -4000)),
    ]
    total = money(*entries)
    assert POINTS not in total
    assert total[INVENTORY] == -4200
    assert total.get(OF_POINTS, 0) + total[OF_REDEMPTION] == 4200
    assert points(*entries) == {}
    if settles is PLAIN:
        assert total == {INVENTORY: -4200, OF_REDEMPTION: 4200}
    else:
        assert total == {INVENTORY: -4200, OF_REDEMPTION: 200, OF_POINTS: 4000}


# Stock.


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (FactKind.STOCK_RECEIVED, 8400, {INVENTORY: 8400, RECEIVED: -8400}),
        (FactKind.STOCK_RECEIVED, -8400, {INVENTORY: -8400, RECEIVED: 8400}),  # corrected
        (FactKind.STOCK_COUNTED, -420, {INVENTORY: -420, DIFFERENCES: 420}),  # lost
        (FactKind.STOCK_COUNTED, 420, {INVENTORY: 420, DIFFERENCES: -420}),  # more than known
        (FactKind.STOCK_FOUND, 420, {INVENTORY: 420, DIFFERENCES: -420}),
        (FactKind.STOCK_FOUND, -420, {INVENTORY: -420, DIFFERENCES: 420}),  # not found after all
        (FactKind.GOODS_SHIPPED, -420, {INVENTORY: -420, OF_REDEMPTION: 420}),
        (FactKind.GOODS_SHIPPED, 10, {INVENTORY: 10, OF_REDEMPTION: -10}),  # it was cheaper
        (FactKind.GOODS_RETURNED, 420, {INVENTORY: 420, OF_REDEMPTION: -420}),
    ],
)
def test_stock_moves_stand_against_where_goods_came_from_or_went(
    kind: FactKind, value: int, expected: dict[Account, int]
) -> None:
    entry = stock(kind, value)
    assert money(entry) == expected
    assert entry.amount_minor == abs(value)
    assert (points(entry), entry.debit_2) == ({}, None)


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        (FactKind.STOCK_RECEIVED, RECEIVED),
        (FactKind.STOCK_COUNTED, DIFFERENCES),
        (FactKind.STOCK_FOUND, DIFFERENCES),
        (FactKind.GOODS_SHIPPED, OF_REDEMPTION),
        (FactKind.GOODS_RETURNED, OF_REDEMPTION),
    ],
)
def test_goods_that_are_worth_nothing_are_in_the_books_without_money(
    kind: FactKind, other: Account
) -> None:
    entry = stock(kind, 0)
    assert (money(entry), entry.debit, entry.credit) == ({}, INVENTORY, other)


# Money off an order.


@pytest.mark.parametrize(
    "settles", [Settles(Against.OFFSET, 100), Settles(Against.OFFSET, 100, True)]
)
def test_points_carried_below_their_face_cost_the_difference(settles: Settles) -> None:
    # 100 points at 0.008 pay 1.00: Dr Points 0.80, Dr Redemption 0.20 / Cr Receivable 1.00.
    entry = booked(fact(FactKind.REDEEMED, -80, -100), settles)
    assert money(entry) == {POINTS: 80, OF_REDEMPTION: 20, OFFSET: -100}
    assert points(entry) == {ISSUED: -100, UNITS: 100}


def test_points_carried_above_their_face_give_the_difference_back() -> None:
    # Carried at 1.20: Dr Points 1.20 / Cr Receivable 1.00, Cr Redemption 0.20.
    entry = booked(fact(FactKind.REDEEMED, -120, -100), Settles(Against.OFFSET, 100))
    assert money(entry) == {POINTS: 120, OF_REDEMPTION: -20, OFFSET: -100}


def test_points_carried_at_their_face_cost_nothing_more() -> None:
    entry = booked(fact(FactKind.REDEEMED, -100, -100), Settles(Against.OFFSET, 100))
    assert money(entry) == {POINTS: 100, OFFSET: -100}
    assert entry.debit_2 is None


def test_an_order_paid_with_points_that_were_owed_costs_all_of_its_face() -> None:
    entry = booked(fact(FactKind.REDEEMED, 0, 0, 100), Settles(Against.OFFSET, 100))
    assert money(entry) == {OF_REDEMPTION: 100, OFFSET: -100}
    assert points(entry) == {ARREARS: 100, ARREARS_EQUITY: -100}


@pytest.mark.parametrize("carried", [80, 100, 120, 0])
def test_an_order_that_is_returned_is_the_exact_mirror(carried: int) -> None:
    paid = booked(fact(FactKind.REDEEMED, -carried, -100), Settles(Against.OFFSET, 100))
    for kind in (FactKind.REDEMPTION_RETURNED, FactKind.REDEMPTION_REVERSED):
        back = booked(fact(kind, carried, 100), Settles(Against.OFFSET, -100))
        assert money(back) == mirrored(money(paid))
        assert points(back) == mirrored(points(paid))


def test_points_that_come_back_in_two_facts_give_the_face_back_once() -> None:
    # 40 to their lot, 60 to one with days of grace: the face with the first.
    paid = booked(fact(FactKind.REDEEMED, -80, -100), Settles(Against.OFFSET, 100))
    first = booked(fact(FactKind.REDEMPTION_RETURNED, 32, 40), Settles(Against.OFFSET, -100))
    second = booked(fact(FactKind.REDEMPTION_RETURNED, 48, 60), Settles(Against.OFFSET, 0))
    assert money(first) == {POINTS: -32, OF_REDEMPTION: -68, OFFSET: 100}
    assert money(second) == {POINTS: -48, OF_REDEMPTION: 48}
    assert money(paid, first, second) == {}


def test_a_face_that_changes_alone_moves_no_points() -> None:
    entry = booked(fact(FactKind.REDEEMED, 0), Settles(Against.OFFSET, 30))
    assert (money(entry), points(entry)) == ({OF_REDEMPTION: 30, OFFSET: -30}, {})


# Donations, coupons, transfers.


def test_a_donation_is_owed_to_the_payee() -> None:
    entry = booked(fact(FactKind.REDEEMED, -80, -100), Settles(Against.DONATION, 100))
    assert money(entry) == {POINTS: 80, OF_REDEMPTION: 20, DONATIONS: -100}


def test_tickets_and_privileges_release_the_points_and_owe_nothing() -> None:
    assert money(booked(fact(FactKind.REDEEMED, -80, -100))) == {POINTS: 80, OF_POINTS: -80}
    assert money(booked(fact(FactKind.REDEEMED, -80, -100), NET)) == {
        POINTS: 80,
        OF_REDEMPTION: -80,
    }


def test_a_coupon_is_carried_at_what_its_points_were() -> None:
    entry = booked(fact(FactKind.REDEEMED, -80, -100), Settles(Against.COUPON, 80))
    assert money(entry) == {POINTS: 80, COUPONS: -80}
    assert entry.debit_2 is None


@pytest.mark.parametrize(("carried", "difference"), [(79, -1), (81, 1)])
def test_cents_between_points_and_their_coupon_are_an_expense_of_the_points(
    carried: int, difference: int
) -> None:
    entry = booked(fact(FactKind.REDEEMED, -80, -100), Settles(Against.COUPON, carried))
    assert money(entry) == {POINTS: 80, COUPONS: -carried, OF_POINTS: difference}


def test_a_coupon_that_pays_is_released_and_its_face_is_owed_for_the_order() -> None:
    entry = coupon(FactKind.COUPON_REDEEMED, -80, 250)
    assert money(entry) == {COUPONS: 80, OF_POINTS: -80, OF_REDEMPTION: 250, OFFSET: -250}
    assert points(entry) == {}


def test_a_coupon_that_is_taken_back_from_an_order_is_the_exact_mirror() -> None:
    used = coupon(FactKind.COUPON_REDEEMED, -80, 250)
    back = coupon(FactKind.COUPON_REVERSED, 80, -250)
    assert money(back) == mirrored(money(used))


def test_a_coupon_that_expires_is_released_and_nobody_is_owed_anything() -> None:
    assert money(coupon(FactKind.COUPON_EXPIRED, -80, 0)) == {COUPONS: 80, OF_POINTS: -80}


def test_a_coupon_for_something_else_than_money_owes_nothing() -> None:
    assert money(coupon(FactKind.COUPON_REDEEMED, -80, 0)) == {COUPONS: 80, OF_POINTS: -80}


def test_a_coupon_that_was_given_away_costs_its_face() -> None:
    entry = coupon(FactKind.COUPON_REDEEMED, 0, 250)
    assert money(entry) == {OF_REDEMPTION: 250, OFFSET: -250}
    assert entry.debit_2 is None


def test_a_coupon_without_any_amount_is_in_the_books_without_money() -> None:
    entry = coupon(FactKind.COUPON_EXPIRED, 0, 0)
    assert (money(entry), entry.debit, entry.credit) == ({}, COUPONS, OF_POINTS)


def test_a_coupons_life_costs_its_face_beyond_the_points_that_were_an_expense_before() -> None:
    # Earned 0.80, spent on a coupon of 2.50, used: the program has cost 2.50.
    life = [
        booked(fact(FactKind.ACCRUED, 80, 100)),
        booked(fact(FactKind.REDEEMED, -80, -100), Settles(Against.COUPON, 80)),
        coupon(FactKind.COUPON_REDEEMED, -80, 250),
    ]
    assert money(*life) == {OF_REDEMPTION: 250, OFFSET: -250}
    assert points(*life) == {}


def test_points_of_a_merged_member_go_to_the_survivor_at_what_they_were_carried_at() -> None:
    settles = Settles(Against.TRANSFER)
    merged = booked(fact(FactKind.TRANSFERRED, -80, -100, -5), settles)
    survivor = booked(fact(FactKind.TRANSFERRED, 80, 100, 5), settles)
    assert money(merged) == {POINTS: 80, TRANSFERS: -80}
    assert points(merged) == {ISSUED: -100, UNITS: 100, ARREARS: -5, ARREARS_EQUITY: 5}
    assert money(survivor) == mirrored(money(merged))
    assert money(merged, survivor) == points(merged, survivor) == {}


def test_a_transfer_of_a_debt_alone_has_points_legs_alone() -> None:
    entry = booked(fact(FactKind.TRANSFERRED, 0, 0, 5), Settles(Against.TRANSFER))
    assert (money(entry), points(entry)) == ({}, {ARREARS: 5, ARREARS_EQUITY: -5})


def test_the_face_of_a_transfer_does_not_matter() -> None:
    settles = Settles(Against.TRANSFER, 999)
    assert spending_pairs(80, settles) == [Pair(POINTS, TRANSFERS, 80)]


# The same under deferral: points of a sale are an obligation of their own.

DEFERRED, REDEEMED, BREAKAGE = (
    Account.SALES_DEFERRED,
    Account.INCOME_REDEEMED,
    Account.INCOME_BREAKAGE,
)


@pytest.mark.parametrize(
    ("kind", "amount", "settles", "expected"),
    [
        (FactKind.ACCRUED, 8676, PLAIN, {DEFERRED: 8676, POINTS: -8676}),
        (FactKind.CLAWED_BACK, -868, PLAIN, {POINTS: 868, DEFERRED: -868}),
        (FactKind.DEBT_SETTLED, -868, PLAIN, {POINTS: 868, DEFERRED: -868}),
        (FactKind.EXPIRED, -868, PLAIN, {POINTS: 868, BREAKAGE: -868}),
        (FactKind.REDEEMED, -868, PLAIN, {POINTS: 868, REDEEMED: -868}),
        (FactKind.REDEEMED, -868, NET, {POINTS: 868, REDEEMED: -868}),
        (FactKind.REDEMPTION_RETURNED, 868, PLAIN, {POINTS: -868, REDEEMED: 868}),
        (
            *(FactKind.REDEEMED, -868, Settles(Against.OFFSET, 1000)),
            {POINTS: 868, REDEEMED: -868, DEFERRED: 1000, OFFSET: -1000},
        ),
        (
            *(FactKind.REDEEMED, -868, Settles(Against.DONATION, 1000)),
            {POINTS: 868, REDEEMED: -868, OF_REDEMPTION: 1000, DONATIONS: -1000},
        ),
        (FactKind.REDEEMED, -868, Settles(Against.COUPON, 868), {POINTS: 868, COUPONS: -868}),
        (
            *(FactKind.TRANSFERRED, -868, Settles(Against.TRANSFER)),
            {POINTS: 868, TRANSFERS: -868},
        ),
    ],
)
def test_deferred_points_are_income_when_they_are_spent_or_expire(
    kind: FactKind, amount: int, settles: Settles, expected: dict[Account, int]
) -> None:
    one = fact(kind, amount, 10)
    entry = entry_for(one, BUSINESS_ON, ACCOUNTING_ON, settles, Policy.DEFERRAL)
    assert (money(entry), entry.policy) == (expected, Policy.DEFERRAL)


def test_a_coupon_for_deferred_points_is_income_and_takes_from_the_sale_it_pays() -> None:
    used = coupon(FactKind.COUPON_REDEEMED, -80, 250, Policy.DEFERRAL)
    assert money(used) == {COUPONS: 80, REDEEMED: -80, DEFERRED: 250, OFFSET: -250}
    back = coupon(FactKind.COUPON_REVERSED, 80, -250, Policy.DEFERRAL)
    assert money(back) == mirrored(money(used))
    expired = coupon(FactKind.COUPON_EXPIRED, -80, 0, Policy.DEFERRAL)
    assert money(expired) == {COUPONS: 80, BREAKAGE: -80}


# What an entry says beside its legs.


@pytest.mark.parametrize("kind", [FactKind.ACCRUED, FactKind.REDEEMED])
def test_the_entry_of_a_point_fact_says_whom_and_what_it_is_about(kind: FactKind) -> None:
    entry = booked(fact(kind, 80, 100))
    assert (entry.id, entry.kind, entry.member_id, entry.store) == (900, kind, 42, "S1")
    assert (entry.business_on, entry.accounting_on) == (BUSINESS_ON, ACCOUNTING_ON)
    assert (entry.source, entry.order_id, entry.program_version) == ("erp", "SO-7", 7)
    assert (entry.policy, Policy.COST.value) == (Policy.COST, 1)


def test_the_entry_of_a_stock_move_is_nobodys() -> None:
    entry = stock(FactKind.GOODS_SHIPPED, -420)
    assert (entry.id, entry.kind) == (901, FactKind.GOODS_SHIPPED)
    assert (entry.member_id, entry.store) == (0, "")
    assert (entry.source, entry.order_id, entry.program_version) == ("erp", "R100001", 7)
    assert (entry.business_on, entry.accounting_on) == (BUSINESS_ON, ACCOUNTING_ON)


def test_the_entry_of_a_coupon_names_the_redemption_it_came_from() -> None:
    entry = coupon(FactKind.COUPON_REDEEMED, -80, 250)
    assert (entry.id, entry.kind) == (902, FactKind.COUPON_REDEEMED)
    assert (entry.member_id, entry.store, entry.program_version) == (42, "S1", 7)
    assert (entry.source, entry.order_id) == ("", "R100001")
    assert (entry.business_on, entry.accounting_on) == (BUSINESS_ON, ACCOUNTING_ON)


# Always.

amounts = st.integers(-(10**15), 10**15)
small = st.integers(-3, 3)  # so that amounts meet
against = st.sampled_from(Against)

OWED = {Against.OFFSET: OFFSET, Against.COUPON: COUPONS, Against.DONATION: DONATIONS}


def by_account(pairs: Iterable[Pair]) -> dict[Account, int]:
    total: dict[Account, int] = {}
    for pair in pairs:
        total[pair.debit] = total.get(pair.debit, 0) + pair.amount_minor
        total[pair.credit] = total.get(pair.credit, 0) - pair.amount_minor
    return {account: minor for account, minor in total.items() if minor}


@given(amounts | small, amounts | small, against, st.booleans())
def test_points_spent_move_what_they_release_owe_their_face_and_cost_the_difference(
    released: int, face: int, on: Against, is_net: bool
) -> None:
    pairs = spending_pairs(released, Settles(on, face, is_net))
    assert len(pairs) <= 2
    assert all(pair.amount_minor > 0 and pair.debit != pair.credit for pair in pairs)
    if on is Against.NOTHING:
        expected = {POINTS: released, OF_REDEMPTION if is_net else OF_POINTS: -released}
    elif on is Against.TRANSFER:
        expected = {POINTS: released, TRANSFERS: -released}
    else:
        taker = OF_POINTS if on is Against.COUPON else OF_REDEMPTION
        expected = {POINTS: released, OWED[on]: -face, taker: face - released}
    assert by_account(pairs) == {k: v for k, v in expected.items() if v}


@given(amounts | small, amounts | small, against, st.booleans())
def test_giving_back_is_the_mirror_of_taking(
    released: int, face: int, on: Against, is_net: bool
) -> None:
    taken = by_account(spending_pairs(released, Settles(on, face, is_net)))
    back = by_account(spending_pairs(-released, Settles(on, -face, is_net)))
    assert back == mirrored(taken)


@given(
    st.sampled_from([kind for kind in FactKind if kind < FactKind.STOCK_RECEIVED]),
    amounts | small,
    amounts,
    amounts,
    amounts | small,
    against,
    st.booleans(),
    st.sampled_from(Policy),
)
def test_every_entry_of_points_balances_and_the_liability_follows_the_lots(
    kind: FactKind,
    amount: int,
    lot_points: int,
    debt_points: int,
    face: int,
    on: Against,
    is_net: bool,
    under: Policy,
) -> None:
    one = fact(kind, amount, lot_points, debt_points)
    entry = entry_for(one, BUSINESS_ON, ACCOUNTING_ON, Settles(on, face, is_net), under)
    check_entry(entry)
    assert money(entry).get(POINTS, 0) == -amount
    assert points(entry).get(UNITS, 0) == -lot_points
    assert points(entry).get(ARREARS, 0) == debt_points


@given(st.sampled_from([kind for kind in FactKind if 20 <= kind < 30]), amounts | small)
def test_every_entry_of_stock_balances_and_the_inventory_follows_its_value(
    kind: FactKind, value: int
) -> None:
    entry = stock(kind, value)
    check_entry(entry)
    assert money(entry).get(INVENTORY, 0) == value


@given(
    st.sampled_from([kind for kind in FactKind if kind >= 30]),
    amounts | small,
    amounts | small,
    st.sampled_from(Policy),
)
def test_every_entry_of_coupons_balances_and_what_they_are_carried_at_follows(
    kind: FactKind, carried: int, face: int, under: Policy
) -> None:
    entry = coupon(kind, carried, face, under)
    check_entry(entry)
    assert money(entry).get(COUPONS, 0) == -carried
    assert money(entry).get(OFFSET, 0) == -face


def check_entry(entry: Entry) -> None:
    assert sum(money(entry).values()) == 0
    assert sum(points(entry).values()) == 0
    assert not money(entry).keys() & POINTS_ACCOUNTS
    assert points(entry).keys() <= POINTS_ACCOUNTS
    assert entry.amount_minor >= 0
    second = (entry.debit_2, entry.credit_2, entry.amount_2_minor)
    assert second == (None, None, None) or None not in second
    assert (entry.amount_2_minor or 0) >= 0
