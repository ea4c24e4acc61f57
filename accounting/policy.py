"""What a fact posts, per accounting policy.

``cost``: points are a provision at a unit cost (a management or local-GAAP choice; for points that come from purchases it is
not IFRS 15, which asks for ``deferral``). Worked, unit cost 0.008: earn 10,000 points, Dr Marketing:Points 80.00 / Cr
Loyalty:Points 80.00; take 1,000 back, the reverse with 8.00; 4,000 expire, the reverse with 32.00.
"""

from __future__ import annotations

from datetime import date
from enum import IntEnum

from accounting.chart import Account
from accounting.journal import Entry
from plugin.facts import PointFact


class Policy(IntEnum):
    """Accounting policy of a book as it is stored; never renumber."""

    COST = 1


def entry_for(fact: PointFact, business_on: date, accounting_on: date) -> Entry:
    """Returns the entry of a fact under the cost policy.

    Points into or out of lots move the provision against marketing expense; points that only change a debt have points legs
    alone, so the liability never goes debit.
    """
    amount = fact.amount_minor
    if amount >= 0:
        debit, credit = Account.MARKETING_POINTS, Account.POINTS
    else:
        debit, credit, amount = Account.POINTS, Account.MARKETING_POINTS, -amount
    return Entry(
        fact.id,
        fact.kind,
        business_on,
        accounting_on,
        fact.member_id,
        fact.store,
        fact.program_version,
        Policy.COST,
        fact.source,
        fact.order_id,
        debit,
        credit,
        amount,
        fact.lot_points,
        fact.debt_points,
    )
