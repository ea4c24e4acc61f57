"""The hash chain over a day's entries: a change of any field of any entry, and any reordering, changes the head.

``head = sha256(previous head + canonical(entry))``, starting from a value of book and day. It covers what the book of record
holds, both dates and all legs, not the text: so it can be checked without a ledger, and text without it.
"""

from __future__ import annotations

from datetime import date
from hashlib import sha256

from accounting.journal import Entry


def chain_start(book_code: str, day: date) -> bytes:
    """Returns the head of a day without entries."""
    return sha256(f"pointbook chain 1\n{day}\n{book_code}".encode()).digest()


def chained(head: bytes, entry: Entry) -> bytes:
    """Returns the head after one more entry."""
    return sha256(head + canonical(entry)).digest()


def canonical(entry: Entry) -> bytes:
    """Returns the one encoding of an entry: its fields in order, texts with their length, so that no two entries share it.

    >>> from accounting.chart import Account
    >>> from plugin.facts import FactKind
    >>> day = date(2026, 11, 23)
    >>> accounts = (Account.MARKETING_POINTS, Account.POINTS)
    >>> canonical(Entry(256, FactKind.ACCRUED, day, day, 7, "S1", 1, 1, "erp", "SO-7", *accounts, 8000, 10000, 0))
    b'256|1|2026-11-23|2026-11-23|7|2:S1|1|1|3:erp|4:SO-7|7|1|8000|10000|0|||'
    """
    second = "||"
    if entry.debit_2 is not None or entry.credit_2 is not None or entry.amount_2_minor is not None:
        pair = (entry.debit_2, entry.credit_2, entry.amount_2_minor)
        second = "|".join("" if one is None else str(int(one)) for one in pair)
    return (
        f"{entry.id}|{entry.kind:d}|{entry.business_on}|{entry.accounting_on}|{entry.member_id}"
        f"|{len(entry.store)}:{entry.store}|{entry.program_version}|{entry.policy:d}"
        f"|{len(entry.source)}:{entry.source}|{len(entry.order_id)}:{entry.order_id}"
        f"|{entry.debit:d}|{entry.credit:d}|{entry.amount_minor}|{entry.units}|{entry.arrears}|{second}"
    ).encode()
