"""Balances of accounts from the book of record: set-wise sums over entries, folded into legs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, cast, func, literal_column, select

from accounting.chart import POINTS_ACCOUNTS, POINTS_CURRENCY, Account
from accounting.render import Group, Notation, Sums, amount, sums_by_account
from plugin.store.books import Book
from plugin.store.tables import entry, ledger_position


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Balance of every account that was ever used, debit positive, minor units or points."""

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
    """Returns minor units or points by account, debit positive; every account that was ever used, also when it is at 0."""
    balances: dict[Account, int] = {}
    for row in connection.execute(_query(book_id, until, position)):
        _add(balances, row[1:])
    return balances


def day_balances(
    connection: Connection, book_id: int, position: int
) -> dict[date, tuple[int, dict[Account, int]]]:
    """Returns per accounting day how many entries there are up to a ledger position, and what they sum to."""
    found: dict[date, tuple[int, dict[Account, int]]] = {}
    query = _query(book_id, None, position).add_columns(entry.c.accounting_on)
    for entries, *row, day in connection.execute(query.group_by(entry.c.accounting_on)):
        counted, balances = found.get(day, (0, {}))
        _add(balances, row)
        found[day] = (counted + entries, balances)
    return found


def _query(book_id: int, until: date | None, position: int | None) -> Select[Any]:
    """Sums per pairs of accounts: count, accounts, four sums, and the largest of each to tell whether it was ever used."""
    accounts = (entry.c.debit, entry.c.credit, entry.c.debit_2, entry.c.credit_2)
    amounts = (entry.c.amount_minor, entry.c.amount_2_minor, entry.c.units, entry.c.arrears)
    query = (
        select(
            func.count(),
            *accounts,
            *(cast(func.coalesce(func.sum(one), 0), BigInteger) for one in amounts),
            *(func.coalesce(func.max(func.abs(one)), 0) for one in amounts),
        )
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
    return query


def _add(balances: dict[Account, int], row: Sequence[Any]) -> None:
    group = Group(0, "", 0, 0, *row[:4])
    for (account, quantity), (_, largest) in zip(
        sums_by_account(group, _sums(row[4:8])),
        sums_by_account(group, _sums(row[8:12])),
        strict=True,
    ):
        if largest:
            balances[Account(account)] = balances.get(Account(account), 0) + quantity


def _sums(amounts: Sequence[int]) -> Sums:
    amount_minor, amount_2_minor, units, arrears = amounts
    return Sums(
        amount_minor=amount_minor, amount_2_minor=amount_2_minor, units=units, arrears=arrears
    )
