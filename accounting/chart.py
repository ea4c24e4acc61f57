"""The chart of accounts: numbers that are stored, names that people and Beancount read."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from plugin.errors import Rejected

ChartNames = Mapping["Account", str]
"""What each account is called in the ledger and in reports."""


class Account(IntEnum):
    """Accounts by their stored number; never renumber."""

    POINTS = 1
    BREAKAGE = 2
    UNITS = 3
    ISSUED = 4
    ARREARS = 5
    ARREARS_EQUITY = 6
    MARKETING_POINTS = 7
    MARKETING_REDEMPTION = 8
    SALES_DEFERRED = 9
    INCOME_REDEEMED = 10
    INCOME_BREAKAGE = 11
    INVENTORY = 12
    OFFSET = 13
    COUPONS = 14
    DONATIONS = 15
    STOCK_RECEIVED = 16
    STOCK_DIFFERENCES = 17
    TRANSFERS = 18


POINTS_ACCOUNTS = frozenset(
    {Account.UNITS, Account.ISSUED, Account.ARREARS, Account.ARREARS_EQUITY}
)
"""Accounts that hold points (``PTS``) and never money."""

POINTS_CURRENCY = "PTS"

DEFAULT_NAMES: Mapping[Account, str] = MappingProxyType(
    {
        Account.POINTS: "Liabilities:Loyalty:Points",
        Account.BREAKAGE: "Liabilities:Loyalty:Breakage",
        Account.UNITS: "Liabilities:Loyalty:Units",
        Account.ISSUED: "Equity:Loyalty:Issued",
        Account.ARREARS: "Assets:Loyalty:Arrears",
        Account.ARREARS_EQUITY: "Equity:Loyalty:Arrears",
        Account.MARKETING_POINTS: "Expenses:Marketing:Points",
        Account.MARKETING_REDEMPTION: "Expenses:Marketing:Redemption",
        Account.SALES_DEFERRED: "Income:Sales:PointsDeferred",
        Account.INCOME_REDEEMED: "Income:Loyalty:Redeemed",
        Account.INCOME_BREAKAGE: "Income:Loyalty:Breakage",
        Account.INVENTORY: "Assets:Inventory:Rewards",
        Account.OFFSET: "Assets:Receivable:Offset",
        Account.COUPONS: "Liabilities:Loyalty:Coupons",
        Account.DONATIONS: "Liabilities:Donations:Payable",
        Account.STOCK_RECEIVED: "Liabilities:Clearing:Rewards",
        Account.STOCK_DIFFERENCES: "Expenses:Marketing:Stock",
        Account.TRANSFERS: "Liabilities:Loyalty:Transfers",
    }
)

_ROOTS = frozenset({"Assets", "Liabilities", "Equity", "Income", "Expenses"})


def chart_names(overrides: Mapping[str, str]) -> ChartNames:
    """Returns the default names with some replaced, such as ``{"points": "Liabilities:2241-积分"}``.

    Keys are the members of `Account`, in either case.

    Raises:
        Rejected: A key is no account, a name is not one that Beancount 3 accepts, or two accounts share a name.
    """
    names = dict(DEFAULT_NAMES)
    for key, name in overrides.items():
        if key.upper() not in Account.__members__:
            known = ", ".join(Account.__members__).lower()
            raise Rejected("ACCOUNT_UNKNOWN", f"there is no account {key!r}; there are: {known}")
        check_name(name)
        names[Account[key.upper()]] = name
    for account, name in names.items():
        twin = next(other for other in names if names[other] == name)
        if twin != account:
            raise Rejected(
                "ACCOUNT_NAME_TWICE",
                f"accounts {twin.name} and {account.name} are both named {name!r}",
            )
    return MappingProxyType(names)


def check_name(name: str) -> None:
    """Refuses what Beancount would not read as an account (its ``core/account.py``, ``ACCOUNT_RE``).

    ``Liabilities:2241-积分`` is fine; ``Liabilities:积分`` is not: a part begins with a capital letter or a digit.

    Raises:
        Rejected: The name breaks a rule; the message says which.
    """
    root, *parts = name.split(":")
    if root not in _ROOTS or not parts:
        raise Rejected(
            "ACCOUNT_NAME_INVALID",
            f"account name {name!r} does not begin with one of {', '.join(sorted(_ROOTS))} and a colon",
        )
    for part in parts:
        if not part or unicodedata.category(part[0]) not in ("Lu", "Nd"):
            raise Rejected(
                "ACCOUNT_NAME_INVALID",
                f"account name {name!r}: part {part!r} does not begin with a capital letter or a digit",
            )
        for char in part:
            category = unicodedata.category(char)
            if not (category.startswith("L") or category == "Nd" or char == "-"):
                raise Rejected(
                    "ACCOUNT_NAME_INVALID",
                    f"account name {name!r}: {char!r} is neither a letter, a digit nor a hyphen",
                )
