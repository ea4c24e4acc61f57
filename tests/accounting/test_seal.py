"""The chain changes with every field of every entry and with their order."""

from __future__ import annotations

from datetime import date
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from accounting.chart import Account
from accounting.journal import Entry
from accounting.seal import canonical, chain_start, chained
from plugin.facts import FactKind

DAY = date(2026, 11, 23)

texts = st.text(st.sampled_from("|:1a"), max_size=4)
small = st.integers(-2, 2)
entries = st.builds(
    Entry,
    id=small,
    kind=st.sampled_from(FactKind),
    business_on=st.dates(DAY, date(2026, 11, 24)),
    accounting_on=st.dates(DAY, date(2026, 11, 24)),
    member_id=small,
    store=texts,
    program_version=small,
    policy=small,
    source=texts,
    order_id=texts,
    debit=st.sampled_from(Account),
    credit=st.sampled_from(Account),
    amount_minor=small,
    units=small,
    arrears=small,
)


def head(*chain: Entry) -> bytes:
    return reduce(chained, chain, chain_start("shop", DAY))


@given(entries, entries)
def test_no_two_entries_share_an_encoding(one: Entry, other: Entry) -> None:
    assert (canonical(one) == canonical(other)) == (one == other)


@given(entries, entries)
def test_order_counts(one: Entry, other: Entry) -> None:
    assert (head(one, other) == head(other, one)) == (one == other)


@given(entries)
def test_the_second_pair_is_sealed_too(one: Entry) -> None:
    goods = one._replace(
        debit_2=Account.MARKETING_REDEMPTION, credit_2=Account.INVENTORY, amount_2_minor=4200
    )
    assert head(goods) not in (head(one), head(goods._replace(amount_2_minor=4201)))


def test_every_book_and_day_begins_differently() -> None:
    starts = {
        chain_start("shop", DAY),
        chain_start("shop2", DAY),
        chain_start("shop", date(2026, 11, 24)),
    }
    assert len(starts) == 3
