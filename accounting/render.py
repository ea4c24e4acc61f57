"""Entries as Beancount text: pure, fast, and proof against what is in a name.

The text is written by f-strings (Beancount's printer is ten times slower and GPL). Nothing a customer, a product or an ERP can
put into a name may end a string: an unescaped quote would let a product name inject postings that even balance.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from accounting.chart import POINTS_ACCOUNTS, POINTS_CURRENCY, Account, ChartNames
from accounting.journal import Entry
from accounting.policy import Policy
from plugin.facts import FactKind
from plugin.money import exponent

FORMAT = 2
"""Raised whenever the same entries would give other text; a ledger of another format is written anew."""

OPENED_ON = date(1900, 1, 1)
"""Accounts open on this day: before any entry, and the same in every ledger."""

_NOTICE = "; Written by Pointbook from its database. Changes made here are overwritten.\n"
_LINKABLE = re.compile(r"[A-Za-z0-9\-_/.]+").fullmatch
_AMOUNT_WIDTH = 16


class KindText(NamedTuple):
    """How a kind of fact is called in the ledger."""

    tag: str
    narration: str


KINDS: Mapping[int, KindText] = MappingProxyType(
    {
        FactKind.ACCRUED: KindText("accrued", "Points accrued"),
        FactKind.ACCRUAL_REVERSED: KindText("accrual-reversed", "Accrual corrected"),
        FactKind.CLAWED_BACK: KindText("clawed-back", "Points clawed back"),
        FactKind.CLAWBACK_REVERSED: KindText("clawback-reversed", "Clawback reversed"),
        FactKind.EXPIRED: KindText("expired", "Points expired"),
        FactKind.REDEEMED: KindText("redeemed", "Points redeemed"),
        FactKind.REDEMPTION_REVERSED: KindText("redemption-reversed", "Redemption corrected"),
        FactKind.REDEMPTION_RETURNED: KindText("redemption-returned", "Redemption returned"),
        FactKind.REDEMPTION_RETURN_REVERSED: KindText(
            "redemption-return-reversed", "Return of a redemption corrected"
        ),
        FactKind.DEBT_SETTLED: KindText("debt-settled", "Debt settled with points"),
        FactKind.TRANSFERRED: KindText("transferred", "Points moved between members"),
        FactKind.RECLASSIFIED: KindText("reclassified", "Carrying amount reclassified"),
        FactKind.STOCK_RECEIVED: KindText("stock-received", "Reward goods received"),
        FactKind.STOCK_COUNTED: KindText("stock-counted", "Stock difference counted"),
        FactKind.STOCK_FOUND: KindText("stock-found", "Stock difference found in shipping"),
        FactKind.GOODS_SHIPPED: KindText("goods-shipped", "Reward goods shipped"),
        FactKind.GOODS_RETURNED: KindText("goods-returned", "Reward goods returned"),
        FactKind.COUPON_REDEEMED: KindText("coupon-redeemed", "Coupon redeemed"),
        FactKind.COUPON_REVERSED: KindText("coupon-reversed", "Redemption of a coupon reversed"),
        FactKind.COUPON_EXPIRED: KindText("coupon-expired", "Coupon expired"),
    }
)

_OF_ORDERS = frozenset(
    {
        FactKind.ACCRUED,
        FactKind.ACCRUAL_REVERSED,
        FactKind.CLAWED_BACK,
        FactKind.CLAWBACK_REVERSED,
    }
)
"""Kinds whose ``order_id`` is an order's; that of the others is a redemption's."""

POLICIES: Mapping[int, str] = MappingProxyType({policy: policy.name.lower() for policy in Policy})


@dataclass(frozen=True, slots=True)
class Notation:
    """How one book writes its ledger: currency, decimals and account names, prepared for rendering."""

    book_code: str
    currency_code: str
    names: ChartNames
    decimals: int = field(init=False)
    scale: int = field(init=False)
    columns: Mapping[int, str] = field(init=False)

    def __post_init__(self) -> None:
        width = max(map(len, self.names.values()))
        columns = {int(account): f"  {name:<{width}} " for account, name in self.names.items()}
        object.__setattr__(self, "decimals", exponent(self.currency_code))
        object.__setattr__(self, "scale", 10**self.decimals)
        object.__setattr__(self, "columns", MappingProxyType(columns))


@dataclass(slots=True)
class Sums:
    """Sums over entries that post to the same accounts for the same reason; ``first`` and ``last`` are entry ids."""

    entries: int = 0
    first: int = 0
    last: int = 0
    late: int = 0
    amount_minor: int = 0
    amount_2_minor: int = 0
    units: int = 0
    arrears: int = 0

    def add(self, entry: Entry) -> None:
        """Adds one entry."""
        if not self.entries or entry.id < self.first:
            self.first = entry.id
        if entry.id > self.last:
            self.last = entry.id
        self.entries += 1
        self.late += entry.accounting_on > entry.business_on
        self.amount_minor += entry.amount_minor
        self.amount_2_minor += entry.amount_2_minor or 0
        self.units += entry.units
        self.arrears += entry.arrears


class Group(NamedTuple):
    """What entries share that are summed together: the reason, then the accounts of the money pairs."""

    kind: int
    store: str
    program_version: int
    policy: int
    debit: int
    credit: int
    debit_2: int | None
    credit_2: int | None


def group_of(entry: Entry) -> Group:
    """Returns the group of an entry."""
    return Group(
        entry.kind,
        entry.store,
        entry.program_version,
        entry.policy,
        entry.debit,
        entry.credit,
        entry.debit_2,
        entry.credit_2,
    )


def quoted(text: str) -> str:
    """Returns text as a Beancount string that holds exactly that text on one line.

    Control and invisible formatting characters (which could make text read other than it is) are spelled out:

    >>> print(quoted('6" nail'), quoted("a\\nb"), quoted("c:\\\\d"), quoted("\\x07"))
    "6\\" nail" "a\\nb" "c:\\\\d" "<U+0007>"
    """
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(map(_escaped, text)) + '"'


def visible(text: str) -> str:
    """Returns what a reader of the ledger sees of a text: unchanged but for characters that are spelled out."""
    return "".join(
        char if char in "\n\t" or not _is_hidden(char) else _spelled(char) for char in text
    )


def amount(minor: int, notation: Notation) -> str:
    """Writes minor units with the currency's decimals: -5 of EUR is ``-0.05``."""
    if notation.decimals == 0:
        return str(minor)
    whole, part = divmod(abs(minor), notation.scale)
    return f"{'-' if minor < 0 else ''}{whole}.{part:0{notation.decimals}d}"


def detail_transaction(entry: Entry, event_id: str, notation: Notation) -> str:
    """Returns the transaction of one entry.

    Event and order are links where Beancount's alphabet allows, otherwise metadata. The member is a pseudonym. An entry whose
    month was closed is tagged ``#late`` and says when it happened.
    """
    kind = KINDS[entry.kind]
    payee = f"M{entry.member_id}" if entry.member_id else "-"
    head = f'{entry.accounting_on} * "{payee}" "{kind.narration}" #{kind.tag}'
    meta = f'  entry: "{entry.id}"\n'
    if entry.accounting_on > entry.business_on:
        head += " #late"
        meta += f"  business-on: {entry.business_on}\n"
    if event_id:
        if _LINKABLE(event_id):
            head += f" ^e-{event_id}"
        else:
            meta += f"  event: {quoted(event_id)}\n"
    if entry.order_id:
        letter, name = ("o", "order") if entry.kind in _OF_ORDERS else ("r", "redemption")
        if _LINKABLE(entry.order_id):
            head += f" ^{letter}-{entry.order_id}"
        else:
            meta += f"  {name}: {quoted(entry.order_id)}\n"
    if entry.source:
        meta += f"  source: {quoted(entry.source)}\n"
    if entry.store:
        meta += f"  store: {quoted(entry.store)}\n"
    return f"{head}\n{meta}  program: {entry.program_version}\n{_entry_postings(entry, notation)}\n"


def detail_header(day: date, part: int, notation: Notation) -> str:
    """Returns the beginning of a detail file; it checks on its own, and the ledger does not include it."""
    more = f", part {part}" if part > 1 else ""
    return (
        f"{_NOTICE}; Book {_comment(notation.book_code)}: every entry of {day}{more}.\n"
        'include "../../../accounts.beancount"\n\n'
    )


def day_summary(
    day: date, groups: Mapping[Group, Sums], sha256: str, chain: str, notation: Notation
) -> str:
    """Returns a day's summary file: one transaction per kind of fact, store, program version and policy.

    Args:
        day: The accounting date.
        groups: Sums of the day.
        sha256: Of the day's detail text.
        chain: Head of the day's hash chain.
        notation: How the book writes.
    """
    merged = _by_reason(groups)
    entries = sum(sums.entries for sums in groups.values())
    text = [
        f"{_NOTICE}; Book {_comment(notation.book_code)}: summary of {day}.\n"
        f'{day} custom "pointbook-day" {entries}\n'
        f'  sha256: "{sha256}"\n  chain: "{chain}"\n\n'
    ]
    for (kind, store, program_version, policy), members in sorted(merged.items()):
        late = sum(sums.late for _, sums in members)
        text.append(
            f'{day} * {quoted(store or "-")} "{KINDS[kind].narration}" #{KINDS[kind].tag}\n'
            f"  entries: {sum(sums.entries for _, sums in members)}\n"
            f'  first: "{min(sums.first for _, sums in members)}"\n'
            f'  last: "{max(sums.last for _, sums in members)}"\n'
            + (f"  late: {late}\n" if late else "")
            + f'  program: {program_version}\n  policy: "{POLICIES[policy]}"\n'
            f'  sha256: "{sha256}"\n' + _postings(_totals(members), notation) + "\n"
        )
    return "".join(text)


def accounts_file(notation: Notation) -> str:
    """Returns commodities and opens of all accounts of the chart, each held to its currency."""
    currency = notation.currency_code
    lines = [
        f"{_NOTICE}; Format {FORMAT}.\n",
        f'{OPENED_ON} commodity {currency}\n{OPENED_ON} commodity {POINTS_CURRENCY}\n  name: "Points"\n\n',
    ]
    for account, name in sorted(notation.names.items()):
        held = POINTS_CURRENCY if account in POINTS_ACCOUNTS else currency
        lines.append(f"{OPENED_ON} open {name} {held}\n")
    return "".join(lines)


def main_file(notation: Notation) -> str:
    """Returns the file to open in Fava."""
    return (
        f'{_NOTICE}option "title" {quoted(f"Pointbook {notation.book_code}")}\n'
        f'option "operating_currency" "{notation.currency_code}"\n\n'
        'include "accounts.beancount"\ninclude "index.beancount"\n'
    )


def index_file(paths: Iterable[str], position: int) -> str:
    """Returns explicit includes of all day and close files, and up to where the ledger is written.

    Explicit, not a glob: Beancount's cache and Fava do not notice new files of a glob.
    """
    includes = "".join(f'include "{path}"\n' for path in sorted(paths))
    return f"{_NOTICE}; Complete up to ledger position {position}.\n{includes}"


def index_position(text: str) -> int:
    """Returns the ledger position an index file is complete up to, 0 when it does not say."""
    found = re.search(r"^; Complete up to ledger position (\d+)\.$", text, re.MULTILINE)
    return int(found[1]) if found else 0


def index_paths(text: str) -> list[str]:
    """Returns the files an index includes."""
    return re.findall(r'^include "([^"]+)"$', text, re.MULTILINE)


def close_file(
    month: date, asserted_on: date, balances: Mapping[Account, int], notation: Notation
) -> str:
    """Returns exact balance assertions at the end of a closed month: no tolerance at all (``~ 0``).

    Args:
        month: First day of the month.
        asserted_on: The day after the month's last: Beancount checks a balance at the beginning of a day.
        balances: Minor units or points of every account.
        notation: How the book writes.
    """
    lines = [
        f"{_NOTICE}; Book {_comment(notation.book_code)}: balances at the end of {month:%Y-%m}.\n"
    ]
    for account in sorted(notation.names):
        number, currency = _quantity(account, balances.get(account, 0), notation)
        column = notation.columns[account]
        lines.append(f"{asserted_on} balance{column[1:]}{number:>{_AMOUNT_WIDTH}} ~ 0 {currency}\n")
    return "".join(lines)


def _entry_postings(entry: Entry, notation: Notation) -> str:
    columns, currency = notation.columns, notation.currency_code
    text = ""
    if entry.amount_minor:
        number = amount(entry.amount_minor, notation)
        text += (
            f"{columns[entry.debit]}{number:>16} {currency}\n"
            f"{columns[entry.credit]}{'-' + number:>16} {currency}\n"
        )
    if entry.amount_2_minor and entry.debit_2 is not None and entry.credit_2 is not None:
        number = amount(entry.amount_2_minor, notation)
        text += (
            f"{columns[entry.debit_2]}{number:>16} {currency}\n"
            f"{columns[entry.credit_2]}{'-' + number:>16} {currency}\n"
        )
    if entry.units:
        text += f"{columns[4]}{entry.units:>16} PTS\n{columns[3]}{-entry.units:>16} PTS\n"
    if entry.arrears:
        text += f"{columns[5]}{entry.arrears:>16} PTS\n{columns[6]}{-entry.arrears:>16} PTS\n"
    return text


def _postings(totals: Mapping[int, int], notation: Notation) -> str:
    lines = []
    for account, quantity in sorted(totals.items()):
        if quantity:
            number, currency = _quantity(account, quantity, notation)
            lines.append(f"{notation.columns[account]}{number:>{_AMOUNT_WIDTH}} {currency}\n")
    return "".join(lines)


def _quantity(account: int, quantity: int, notation: Notation) -> tuple[str, str]:
    if account in POINTS_ACCOUNTS:
        return str(quantity), POINTS_CURRENCY
    return amount(quantity, notation), notation.currency_code


def _by_reason(
    groups: Mapping[Group, Sums],
) -> dict[tuple[int, str, int, int], list[tuple[Group, Sums]]]:
    merged: dict[tuple[int, str, int, int], list[tuple[Group, Sums]]] = {}
    for group, sums in groups.items():
        merged.setdefault(group[:4], []).append((group, sums))
    return merged


def _totals(members: Iterable[tuple[Group, Sums]]) -> dict[int, int]:
    totals: dict[int, int] = {}
    for group, sums in members:
        for account, quantity in sums_by_account(group, sums):
            totals[account] = totals.get(account, 0) + quantity
    return totals


def sums_by_account(group: Group, sums: Sums) -> Iterator[tuple[int, int]]:
    """Yields what a group adds to each account, debit positive; an account may come twice."""
    yield group.debit, sums.amount_minor
    yield group.credit, -sums.amount_minor
    if group.debit_2 is not None and group.credit_2 is not None:
        yield group.debit_2, sums.amount_2_minor
        yield group.credit_2, -sums.amount_2_minor
    yield Account.ISSUED, sums.units
    yield Account.UNITS, -sums.units
    yield Account.ARREARS, sums.arrears
    yield Account.ARREARS_EQUITY, -sums.arrears


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def _escaped(char: str) -> str:
    return _ESCAPES.get(char) or (_spelled(char) if _is_hidden(char) else char)


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _spelled(char: str) -> str:
    return f"<U+{ord(char):04X}>"


def _comment(text: str) -> str:
    """Returns text for a comment line: nothing in it ends the line."""
    return quoted(text)
