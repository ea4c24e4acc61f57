"""Journal entries as pairs of accounts.

An entry is at most two money pairs and two points pairs. A pair debits one account and credits another with the same
quantity, so an entry cannot be out of balance: there is no representation for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from accounting.chart import Account
from plugin.facts import FactKind


class Entry(NamedTuple):
    """One entry; the fields are the columns of table ``entry``.

    ``amount_minor`` goes from ``credit`` to ``debit`` and is 0 or more. ``units`` are points that entered lots (Dr Issued,
    Cr Units), negative when they left; ``arrears`` points that became debt (Dr Arrears, Cr its equity), negative when cured.
    """

    id: int
    kind: FactKind
    business_on: date
    accounting_on: date
    member_id: int
    store: str
    program_version: int
    policy: int
    source: str
    order_id: str
    debit: Account
    credit: Account
    amount_minor: int
    units: int
    arrears: int
    debit_2: Account | None = None
    credit_2: Account | None = None
    amount_2_minor: int | None = None


class Leg(NamedTuple):
    """One leg; ``quantity`` is minor units, or points when ``is_points``; positive is debit."""

    account: Account
    quantity: int
    is_points: bool


def legs(entry: Entry) -> Iterator[Leg]:
    """Yields the legs of an entry that are not zero; they sum to zero in money and in points."""
    if entry.amount_minor:
        yield Leg(entry.debit, entry.amount_minor, is_points=False)
        yield Leg(entry.credit, -entry.amount_minor, is_points=False)
    if entry.amount_2_minor and entry.debit_2 is not None and entry.credit_2 is not None:
        yield Leg(entry.debit_2, entry.amount_2_minor, is_points=False)
        yield Leg(entry.credit_2, -entry.amount_2_minor, is_points=False)
    if entry.units:
        yield Leg(Account.ISSUED, entry.units, is_points=True)
        yield Leg(Account.UNITS, -entry.units, is_points=True)
    if entry.arrears:
        yield Leg(Account.ARREARS, entry.arrears, is_points=True)
        yield Leg(Account.ARREARS_EQUITY, -entry.arrears, is_points=True)
