"""Reports on points and their money: roll-forward and ageing. Points are members' net points; debts stand on a line of their own.

``closing = opening + accrued − clawed_back − redeemed + redemption_returned − expired + adjusted + transferred``, in money also
``+ re_estimated``. ``closing`` is read from the accounts, not summed from the lines: that they agree is what ``closes`` says.
A debt carries no money, so lots = closing points + debt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, text

from accounting.chart import Account
from plugin.facts import FactKind
from plugin.money import format_minor
from plugin.store.books import Book

LINES = (
    "accrued",
    "clawed_back",
    "redeemed",
    "redemption_returned",
    "expired",
    "adjusted",
    "transferred",
    "re_estimated",
)
"""Lines of the roll-forward between opening and closing."""

DEDUCTED = frozenset({"clawed_back", "redeemed", "expired"})
"""Lines that are shown positive and taken off."""

LINE_OF: Mapping[FactKind, str] = MappingProxyType(
    {
        FactKind.ACCRUED: "accrued",
        FactKind.ACCRUAL_REVERSED: "accrued",
        FactKind.CLAWED_BACK: "clawed_back",
        FactKind.CLAWBACK_REVERSED: "clawed_back",
        FactKind.EXPIRED: "expired",
        FactKind.REDEEMED: "redeemed",
        FactKind.REDEMPTION_REVERSED: "redeemed",
        FactKind.REDEMPTION_RETURNED: "redemption_returned",
        FactKind.REDEMPTION_RETURN_REVERSED: "redemption_returned",
        FactKind.DEBT_SETTLED: "clawed_back",
        FactKind.TRANSFERRED: "transferred",
        FactKind.RECLASSIFIED: "redeemed",
    }
)
"""Which line a kind of fact belongs to. A kind of points that is missing here makes the roll-forward not close; stock has no line.

A debt that is settled was clawed back before: its money leaves the liability now.
"""

AGES = (
    ("overdue", None, -1),
    ("0-30", 0, 30),
    ("31-90", 31, 90),
    ("91-180", 91, 180),
    ("181-365", 181, 365),
    (">365", 366, None),
)
"""Days to expiry, both ends included; ``overdue`` waits for the expiry run."""


class Movement(NamedTuple):
    """Opening, lines and closing in one unit: points, or minor units of money."""

    opening: int
    lines: Mapping[str, int]
    closing: int
    debt: int

    @property
    def closes(self) -> bool:
        """Whether opening and lines give exactly the closing."""
        moved = sum(-self.lines[name] if name in DEDUCTED else self.lines[name] for name in LINES)
        return self.opening + moved == self.closing


@dataclass(frozen=True, slots=True)
class Rollforward:
    """How points and the liability moved from one accounting date to another, both included."""

    book: str
    currency_code: str
    begins_on: date
    ends_on: date
    points: Movement
    money: Movement

    @property
    def closes(self) -> bool:
        """Whether points and money close."""
        return self.points.closes and self.money.closes

    def as_json(self) -> dict[str, Any]:
        """Returns the answer of ``pointbook rollforward --json``."""
        points: dict[str, Any] = _shown(self.points)
        del points["re_estimated"]
        money = _shown(self.money)
        return {
            "book": self.book,
            "from": self.begins_on.isoformat(),
            "to": self.ends_on.isoformat(),
            "points": points,
            "money": {
                name: format_minor(minor, self.currency_code) for name, minor in money.items()
            },
            "closes": self.closes,
        }


class Age(NamedTuple):
    """Open points by days to expiry, with what they are carried at."""

    name: str
    points: int
    cost_minor: int


def rollforward(
    connection: Connection,
    book: Book,
    begins_on: date,
    ends_on: date,
    store: str | None = None,
    program_version: int | None = None,
) -> Rollforward:
    """Returns the roll-forward of a book, or of one store or program version of it.

    Accrual corrections count in ``accrued``, cancelled returns in ``clawed_back``. Entries count by accounting date, so what came
    late for a closed month is in the month it was booked in.
    """
    chosen = {
        "book": book.id,
        "begin": begins_on,
        "end": ends_on,
        "store": store,
        "program": program_version,
    }
    rows = connection.execute(_MOVED, chosen).all()
    points, money = dict.fromkeys(LINES, 0), dict.fromkeys(LINES, 0)
    opening_points = opening_minor = 0
    for is_before, kind, net_points, minor in rows:
        if is_before:
            opening_points += net_points
            opening_minor += minor
        elif kind in LINE_OF:
            name = LINE_OF[FactKind(kind)]
            sign = -1 if name in DEDUCTED else 1
            points[name] += sign * net_points
            money[name] += sign * minor
    closing = connection.execute(_BALANCE, chosen).one()
    return Rollforward(
        book.code,
        book.currency_code,
        begins_on,
        ends_on,
        Movement(opening_points, points, closing.units - closing.debt, closing.debt),
        Movement(opening_minor, money, closing.liability, 0),
    )


def ageing(connection: Connection, book: Book, as_of: date) -> list[Age]:
    """Returns open lots by days to expiry as they are now, counted from ``as_of``; never-expiring last."""
    rows = connection.execute(_OPEN_LOTS, {"book": book.id, "as_of": as_of})
    found = {name: [0, 0] for name in (*(age[0] for age in AGES), "never")}
    for days, points, cost_minor in rows:
        sums = found[_age(days)]
        sums[0] += points
        sums[1] += cost_minor
    return [Age(name, points, cost_minor) for name, (points, cost_minor) in found.items()]


def _age(days: int | None) -> str:
    if days is None:
        return "never"
    return next(
        name
        for name, low, high in AGES
        if (low is None or days >= low) and (high is None or days <= high)
    )


def _shown(movement: Movement) -> dict[str, int]:
    return {
        "opening": movement.opening,
        **movement.lines,
        "closing": movement.closing,
        "debt": movement.debt,
    }


_CHOSEN = (
    " FROM entry WHERE book_id = :book AND accounting_on <= :end"
    " AND (CAST(:store AS text) IS NULL OR store = :store)"
    " AND (CAST(:program AS int) IS NULL OR program_version = :program)"
)

# What the liability gained: money credited to the accounts of points and breakage less what was debited.
_LIABILITY = " + ".join(
    f"CASE WHEN {column} IN :liability THEN {sign}{amount} ELSE 0 END"
    for column, sign, amount in (
        ("credit", "", "amount_minor"),
        ("debit", "-", "amount_minor"),
        ("credit_2", "", "amount_2_minor"),
        ("debit_2", "-", "amount_2_minor"),
    )
)
_LIABILITY_ACCOUNTS: BindParameter[list[int]] = bindparam(
    "liability", [int(Account.POINTS), int(Account.BREAKAGE)], expanding=True
)
_MOVED = text(
    "SELECT accounting_on < :begin, kind, sum(units - arrears)::bigint, sum("
    + _LIABILITY
    + ")::bigint"
    + _CHOSEN
    + " GROUP BY 1, 2"
).bindparams(_LIABILITY_ACCOUNTS)
_BALANCE = text(
    "SELECT coalesce(sum(units), 0)::bigint AS units, coalesce(sum(arrears), 0)::bigint AS debt,"
    " coalesce(sum(" + _LIABILITY + "), 0)::bigint AS liability" + _CHOSEN
).bindparams(_LIABILITY_ACCOUNTS)
_OPEN_LOTS = text(
    "SELECT CAST(expires_on - CAST(:as_of AS date) AS int), sum(remaining)::bigint, sum(cost_minor)::bigint"
    " FROM lot WHERE book_id = :book AND is_open GROUP BY 1"
)
