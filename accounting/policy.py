"""What a fact posts, per accounting policy.

``cost``: points are a provision at a unit cost (a management or local-GAAP choice; for points that come from purchases it is
not IFRS 15, which asks for ``deferral``). Worked, unit cost 0.008: earn 10,000 points, Dr Marketing:Points 80.00 / Cr
Loyalty:Points 80.00; take 1,000 back, the reverse with 8.00; 4,000 expire, the reverse with 32.00.

Redeem 5,000 points for goods that cost 42.00: the points leave the liability, Dr Loyalty:Points 40.00 / Cr Marketing:Points 40.00 (gross) or
Cr Marketing:Redemption (net); the goods leave the stock with an entry of their own, Dr Marketing:Redemption 42.00 / Cr Inventory. Net, the
two leave the difference of 2.00 on Marketing:Redemption.

``deferral`` (IFRS 15.B39 to B43, ASC 606-10-55-42, CAS 14 art. 35): points of a sale are a performance obligation of their own, allocated by relative
stand-alone selling prices (`plugin.program.versions.Deferral`). Worked, 86.76 of a sale allocated to 10,000 points: Dr Sales:PointsDeferred
86.76 / Cr Loyalty:Points; redeem 5,000, Dr Loyalty:Points 43.38 / Cr Loyalty:Redeemed; 5,000 expire, the same / Cr Loyalty:Breakage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

from accounting.chart import Account
from accounting.journal import Entry
from plugin.facts import Against, CouponFact, FactKind, PointFact, Settles, StockMove


class Policy(IntEnum):
    """Accounting policy of a book as it is stored; never renumber."""

    COST = 1
    DEFERRAL = 2


class Counterparts(NamedTuple):
    """What stands against the liability: where accruals come from, where expired and where spent points go."""

    accrued: Account
    expired: Account
    spent: Account


_COUNTERPARTS: Mapping[Policy, Counterparts] = MappingProxyType(
    {
        Policy.COST: Counterparts(*[Account.MARKETING_POINTS] * 3),
        Policy.DEFERRAL: Counterparts(
            Account.SALES_DEFERRED, Account.INCOME_BREAKAGE, Account.INCOME_REDEEMED
        ),
    }
)


PLAIN = Settles()


class Pair(NamedTuple):
    """An amount, 0 or more, from one account to another."""

    debit: Account
    credit: Account
    amount_minor: int


_SPENDING = frozenset(
    {
        FactKind.REDEEMED,
        FactKind.REDEMPTION_REVERSED,
        FactKind.REDEMPTION_RETURNED,
        FactKind.REDEMPTION_RETURN_REVERSED,
        FactKind.TRANSFERRED,
    }
)

_OWED: Mapping[Against, Account] = MappingProxyType(
    {
        Against.OFFSET: Account.OFFSET,
        Against.COUPON: Account.COUPONS,
        Against.DONATION: Account.DONATIONS,
        Against.TRANSFER: Account.TRANSFERS,
    }
)

_STOCK_AGAINST: Mapping[FactKind, Account] = MappingProxyType(
    {
        FactKind.STOCK_RECEIVED: Account.STOCK_RECEIVED,
        FactKind.STOCK_COUNTED: Account.STOCK_DIFFERENCES,
        FactKind.STOCK_FOUND: Account.STOCK_DIFFERENCES,
        FactKind.GOODS_SHIPPED: Account.MARKETING_REDEMPTION,
        FactKind.GOODS_RETURNED: Account.MARKETING_REDEMPTION,
    }
)


def spending_pairs(
    released_minor: int, settles: Settles, policy: Policy = Policy.COST
) -> list[Pair]:
    """Returns the money pairs of points spent: what leaves the liability, what is owed instead, and the difference.

    Args:
        released_minor: What the liability loses; negative when points come back.
        settles: What they were spent on.
        policy: Under ``deferral`` what leaves the liability is income, and money off an order takes from its sale.

    Worked, points carried at 0.80 pay 1.00 of an order: Dr Loyalty:Points 0.80, Dr Marketing:Redemption 0.20 / Cr Receivable:Offset 1.00.
    The difference of a coupon, which is carried at what its points were, goes to Marketing:Points and is 0 but for cents.
    """
    owed = _OWED.get(settles.against)
    if policy is Policy.DEFERRAL and settles.against is not Against.TRANSFER:
        return _deferred_pairs(released_minor, settles)
    if owed is None:
        taker = Account.MARKETING_REDEMPTION if settles.is_net else Account.MARKETING_POINTS
        return _pairs({Account.POINTS: released_minor, taker: -released_minor})
    face = released_minor if settles.against is Against.TRANSFER else settles.face_minor
    is_coupon = settles.against is Against.COUPON
    taker = Account.MARKETING_POINTS if is_coupon else Account.MARKETING_REDEMPTION
    return _pairs({Account.POINTS: released_minor, owed: -face, taker: face - released_minor})


def _deferred_pairs(released_minor: int, settles: Settles) -> list[Pair]:
    income = _COUNTERPARTS[Policy.DEFERRAL].spent
    face = settles.face_minor
    if settles.against is Against.COUPON:
        return _pairs(
            {Account.POINTS: released_minor, Account.COUPONS: -face, income: face - released_minor}
        )
    pairs = _pairs({Account.POINTS: released_minor, income: -released_minor})
    if settles.against is Against.OFFSET:
        pairs += _pairs({Account.SALES_DEFERRED: face, Account.OFFSET: -face})
    elif settles.against is Against.DONATION:
        pairs += _pairs({Account.MARKETING_REDEMPTION: face, Account.DONATIONS: -face})
    return pairs


def _pairs(legs: Mapping[Account, int]) -> list[Pair]:
    """Turns two or three legs that sum to zero, debit positive, into pairs: one leg stands alone on its side."""
    debits = [(account, minor) for account, minor in legs.items() if minor > 0]
    credits = [(account, -minor) for account, minor in legs.items() if minor < 0]
    if len(debits) == 1:
        return [Pair(debits[0][0], account, minor) for account, minor in credits]
    return [Pair(account, credits[0][0], minor) for account, minor in debits]


def entry_for(
    fact: PointFact,
    business_on: date,
    accounting_on: date,
    settles: Settles = PLAIN,
    policy: Policy = Policy.COST,
) -> Entry:
    """Returns the entry of a point fact.

    Points into or out of lots move the provision against marketing expense; points that only change a debt have points legs
    alone, so the liability never goes debit.
    """
    amount = fact.amount_minor
    if fact.kind in _SPENDING:
        pairs = spending_pairs(-amount, settles, policy)
        points = fact.lot_points, fact.debt_points
        return _entry(fact, business_on, accounting_on, pairs, policy, *points)
    against = _COUNTERPARTS[policy]
    other = against.expired if fact.kind == FactKind.EXPIRED else against.accrued
    if amount >= 0:
        debit, credit = other, Account.POINTS
    else:
        debit, credit, amount = Account.POINTS, other, -amount
    return Entry(
        fact.id,
        fact.kind,
        business_on,
        accounting_on,
        fact.member_id,
        fact.store,
        fact.program_version,
        policy,
        fact.source,
        fact.order_id,
        debit,
        credit,
        amount,
        fact.lot_points,
        fact.debt_points,
    )


def stock_entry(
    move: StockMove,
    order_id: str,
    program_version: int,
    business_on: date,
    accounting_on: date,
    policy: Policy = Policy.COST,
) -> Entry:
    """Returns the entry of a stock move: inventory against what it came from or went to.

    Goods received stand against a clearing account, which the ERP's own booking of the receipt balances. A value of 0 gives an entry without
    money: the fact is in the books all the same.
    """
    value, other = move.value_minor, _STOCK_AGAINST[move.kind]
    pairs = _pairs({Account.INVENTORY: value, other: -value})
    head = _Head(move.id, move.kind, 0, "", program_version, move.source, order_id)
    pairs = pairs or [Pair(Account.INVENTORY, other, 0)]
    return _entry(head, business_on, accounting_on, pairs, policy)


def coupon_entry(
    fact: CouponFact,
    order_id: str,
    business_on: date,
    accounting_on: date,
    policy: Policy = Policy.COST,
) -> Entry:
    """Returns the entry of a step in an issued coupon's life.

    Redeemed: what it was carried at is released, Dr Loyalty:Coupons / Cr Marketing:Points, and its face is owed for the order, Dr
    Marketing:Redemption / Cr Receivable:Offset. Expired: released, and nobody is owed anything. Under ``deferral`` what is released is
    income, and the face takes from the sale.
    """
    carried, face = fact.carried_minor, fact.face_minor
    against = _COUNTERPARTS[policy]
    other = against.expired if fact.kind == FactKind.COUPON_EXPIRED else against.spent
    payer = Account.MARKETING_REDEMPTION if policy is Policy.COST else Account.SALES_DEFERRED
    pairs = _pairs({Account.COUPONS: -carried, other: carried})
    pairs += _pairs({payer: face, Account.OFFSET: -face})
    head = _Head(fact.id, fact.kind, fact.member_id, fact.store, fact.program_version, "", order_id)
    pairs = pairs or [Pair(Account.COUPONS, other, 0)]
    return _entry(head, business_on, accounting_on, pairs, policy)


class _Head(NamedTuple):
    """What an entry says beside accounts and dates."""

    id: int
    kind: FactKind
    member_id: int
    store: str
    program_version: int
    source: str
    order_id: str


def _entry(
    fact: PointFact | _Head,
    business_on: date,
    accounting_on: date,
    pairs: Sequence[Pair],
    policy: Policy,
    units: int = 0,
    arrears: int = 0,
) -> Entry:
    first = pairs[0] if pairs else Pair(Account.POINTS, Account.MARKETING_POINTS, 0)
    second = pairs[1] if len(pairs) > 1 else (None, None, None)
    return Entry(
        fact.id,
        fact.kind,
        business_on,
        accounting_on,
        fact.member_id,
        fact.store,
        fact.program_version,
        policy,
        fact.source,
        fact.order_id,
        *first,
        units,
        arrears,
        *second,
    )
