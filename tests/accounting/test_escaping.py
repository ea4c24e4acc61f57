"""Whatever an ERP puts into a name, the ledger has exactly our postings and says exactly that name."""

from __future__ import annotations

import re
from datetime import date

import pytest
from beancount import loader
from beancount.core import data
from hypothesis import given
from hypothesis import strategies as st

from accounting.chart import Account, chart_names, check_name
from accounting.journal import Entry
from accounting.render import (
    Group,
    Notation,
    Sums,
    accounts_file,
    day_summary,
    detail_transaction,
    visible,
)
from plugin.errors import Rejected
from plugin.facts import FactKind

DAY = date(2026, 11, 23)
NOTATION = Notation("shop", "CNY", chart_names({}))

# Anything PostgreSQL can hold: no NUL, no lone surrogates; with a taste for what means something to Beancount.
names = st.text(
    st.one_of(
        st.sampled_from('"\\\n\r\t;#^*!@{}~|: 0aAZ'),
        st.characters(exclude_characters="\x00", exclude_categories=["Cs"]),
    ),
    max_size=40,
)


def entry(store: str = "", source: str = "", order_id: str = "") -> Entry:
    pair = (Account.MARKETING_POINTS, Account.POINTS)
    return Entry(
        7, FactKind.ACCRUED, DAY, DAY, 1, store, 1, 1, source, order_id, *pair, 8000, 10_000, 0
    )


def load(text: str) -> data.Transaction:
    directives, errors, _ = loader.load_string(accounts_file(NOTATION) + text)
    assert errors == []
    (transaction,) = [one for one in directives if not isinstance(one, (data.Open, data.Commodity))]
    assert isinstance(transaction, data.Transaction)
    return transaction


def postings(transaction: data.Transaction) -> list[str]:
    return [f"{one.account} {one.units}" for one in transaction.postings]


@given(names, names, names, names)
def test_no_name_injects_anything_into_a_detail(
    store: str, source: str, order_id: str, event_id: str
) -> None:
    found = load(detail_transaction(entry(store, source, order_id), event_id, NOTATION))
    assert postings(found) == [
        "Expenses:Marketing:Points 80.00 CNY",
        "Liabilities:Loyalty:Points -80.00 CNY",
        "Equity:Loyalty:Issued 10000 PTS",
        "Liabilities:Loyalty:Units -10000 PTS",
    ]
    assert found.payee == "M1"
    assert found.tags == {"accrued"}
    assert found.meta.get("store", "") == visible(store)
    assert found.meta.get("source", "") == visible(source)
    linked = {f"e-{event_id}", f"o-{order_id}"}
    assert found.links <= linked
    for text, key, link in ((event_id, "event", "e-"), (order_id, "order", "o-")):
        if re.fullmatch(r"[A-Za-z0-9\-_/.]+", text):
            assert link + text in found.links
        else:
            assert found.meta.get(key, "") == visible(text)


@given(names)
def test_no_store_name_injects_anything_into_a_summary(store: str) -> None:
    group = Group(
        FactKind.ACCRUED, store, 1, 1, Account.MARKETING_POINTS, Account.POINTS, None, None
    )
    sums = Sums(entries=1, first=7, last=7, amount_minor=8000, units=10_000)
    text = day_summary(DAY, {group: sums}, "ab", "cd", NOTATION)
    directives, errors, _ = loader.load_string(accounts_file(NOTATION) + text)
    assert errors == []
    found = [one for one in directives if isinstance(one, data.Transaction)]
    assert [one.payee for one in found] == [visible(store) or "-"]
    assert len(found[0].postings) == 4


def test_an_attack_that_balances_stays_a_name() -> None:
    attack = (
        'S1"\n  Assets:Receivable:Offset  999.00 CNY\n  Equity:Loyalty:Issued  -999.00 CNY\n  x: "'
    )
    found = load(detail_transaction(entry(store=attack), "E-1", NOTATION))
    assert len(found.postings) == 4
    assert found.meta["store"] == attack


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\x07b", "a<U+0007>b"),
        ("left\u202eright", "left<U+202E>right"),  # would show text in another order
        ("two\u2028lines", "two<U+2028>lines"),
        ("tab\tnew\nline", "tab\tnew\nline"),
    ],
)
def test_invisible_characters_are_spelled_out(text: str, seen: str) -> None:
    assert load(detail_transaction(entry(store=text), "", NOTATION)).meta["store"] == seen


@pytest.mark.parametrize(
    "name", ["Liabilities:2241-积分", "Assets:Loyalty:Points", "Income:Ünits", "Equity:1:2-3"]
)
def test_names_that_beancount_reads_are_accepted(name: str) -> None:
    check_name(name)
    notation = Notation("shop", "CNY", chart_names({"points": name}))
    _, errors, _ = loader.load_string(accounts_file(notation))
    assert errors == []


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("Liabilities:积分", "does not begin with a capital letter or a digit"),
        ("Liabilities", "does not begin with one of"),
        ("2241:Points", "does not begin with one of"),
        ("Liabilities:Loyalty Points", "neither a letter, a digit nor a hyphen"),
        ("Liabilities:Points\n", "neither a letter"),
        ("Liabilities::Points", "does not begin with a capital"),
    ],
)
def test_other_names_are_refused_with_the_rule(name: str, rule: str) -> None:
    with pytest.raises(Rejected, match=rule):
        chart_names({"points": name})


def test_two_accounts_cannot_share_a_name() -> None:
    with pytest.raises(Rejected, match="are both named"):
        chart_names({"points": "Assets:Inventory:Rewards"})


@given(st.text(max_size=12))
def test_what_we_accept_beancount_accepts(part: str) -> None:
    name = f"Assets:{part}"
    try:
        check_name(name)
    except Rejected:
        return
    notation = Notation("shop", "CNY", chart_names({"points": name}))
    _, errors, _ = loader.load_string(accounts_file(notation))
    assert errors == []


@pytest.mark.parametrize(
    ("currency", "minor", "written"),
    [("CNY", -5, "-0.05"), ("JPY", 1999, "1999"), ("KWD", 1001, "1.001")],
)
def test_amounts_have_the_decimals_of_their_currency(
    currency: str, minor: int, written: str
) -> None:
    notation = Notation("shop", currency, chart_names({}))
    text = detail_transaction(entry()._replace(amount_minor=abs(minor)), "", notation)
    assert f" {written.lstrip('-')} {currency}\n" in text
