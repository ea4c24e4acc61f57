"""Balances of accounts from the book of record: set-wise sums over entries, folded into legs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from sqlalchemy import BigInteger, Connection, cast, func, literal_column, select

from accounting.chart import POINTS_ACCOUNTS, POINTS_CURRENCY, Account
from accounting.render import Group, Notation, Sums, amount, sums_by_account
from plugin.store.books import Book
from plugin.store.tables import entry, ledger_position


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Balance of every account that is not zero, debit positive, minor units or points."""

    book: str
    as_of: date | None
    balances: Mapping[Account, int]
    notation: Notation

    @property
    def accounts(self) -> dict[str, dict[str, str]]:
        """Account name → currency → decimal string: the shape of ``trial-balance --json``."""
        return {
            self.notation.names[account]: {currency: number}
            for account, quantity in sorted(self.balances.items())
            for number, currency in (self._written(account, quantity),)
        }

    def as_json(self) -> dict[str, Any]:
        """Returns the answer of ``pointbook trial-balance --json``; ``as_of`` is null for all entries."""
        as_of = None if self.as_of is None else self.as_of.isoformat()
        return {"book": self.book, "as_of": as_of, "accounts": self.accounts}

    def _written(self, account: Account, quantity: int) -> tuple[str, str]:
        if account in POINTS_ACCOUNTS:
            return str(quantity), POINTS_CURRENCY
        return amount(quantity, self.notation), self.notation.currency_code


def trial_balance(
    connection: Connection,
    book: Book,
    names: Mapping[Account, str],
    as_of: date | None = None,
    position: int | None = None,
) -> TrialBalance:
    """Returns the trial balance of a book.

    Args:
        connection: The database.
        book: Whose.
        names: What accounts are called.
        as_of: Last accounting date to count, all when None.
        position: Last ledger position to count, all entries (also those not in the ledger yet) when None.
    """
    balances = account_balances(connection, book.id, as_of, position)
    notation = Notation(book.code, book.currency_code, names)
    return TrialBalance(book.code, as_of, MappingProxyType(balances), notation)


def account_balances(
    connection: Connection, book_id: int, until: date | None = None, position: int | None = None
) -> dict[Account, int]:
    """Returns balances that are not zero: minor units or points by account, debit positive."""
    accounts = (entry.c.debit, entry.c.credit, entry.c.debit_2, entry.c.credit_2)
    amounts = (entry.c.amount_minor, entry.c.amount_2_minor, entry.c.units, entry.c.arrears)
    query = (
        select(*accounts, *(cast(func.coalesce(func.sum(one), 0), BigInteger) for one in amounts))
        .where(entry.c.book_id == book_id)
        .group_by(*accounts)
    )
    if until is not None:
        query = query.where(entry.c.accounting_on <= until)
    if position is not None:
        placed = entry.c.id.op(">>")(literal_column("18")) == ledger_position.c.batch_id
        query = query.where(
            placed, ledger_position.c.book_id == book_id, ledger_position.c.position <= position
        )
    found = connection.execute(query)
    balances: dict[Account, int] = {}
    for *pairs, amount_minor, amount_2_minor, units, arrears in found:
        group = Group(0, "", 0, 0, *pairs)
        sums = Sums(
            amount_minor=amount_minor, amount_2_minor=amount_2_minor, units=units, arrears=arrears
        )
        for account, quantity in sums_by_account(group, sums):
            balances[Account(account)] = balances.get(Account(account), 0) + quantity
    return {account: quantity for account, quantity in balances.items() if quantity}
