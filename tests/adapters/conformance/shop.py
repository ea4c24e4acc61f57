"""What the conformance suite needs of an ERP, real or replayed: somebody who sells, ships and takes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol

from adapters.contract import Erp


@dataclass(frozen=True)
class Sold:
    """One line to sell. SKUs: "COF-250", "COF-1000", "MUG-01" are goods.

    Attributes:
        sku: What.
        quantity: How many.
        price: Per piece, without tax, before the discount.
        discount: Percent off the price, where the ERP has discounts on lines; it may be left out where not.
    """

    sku: str
    quantity: Decimal
    price: Decimal
    discount: Decimal = Decimal(0)


class Totals(NamedTuple):
    """What an ERP's own document says: without tax, and the tax, as people see it there."""

    net: Decimal
    tax: Decimal


@dataclass(frozen=True)
class Abilities:
    """What this ERP lets people do; the suite checks the documented way for what it does not.

    Attributes:
        unapproves: A confirmed order can go back to draft.
        cancels_confirmed: A confirmed order can be cancelled as such.
        amends_confirmed: Quantities of a confirmed order can be changed in place.
        skews_clock: ``set_clock`` works (a replayed ERP; nobody moves the clock of a real one).
        tax_percent: Tax on every line.
        zone: Zone of its days, IANA.
    """

    unapproves: bool = True
    cancels_confirmed: bool = True
    amends_confirmed: bool = True
    skews_clock: bool = True
    tax_percent: Decimal = Decimal(0)
    zone: str = "Europe/Berlin"


class Shop(Protocol):
    """People at work in one ERP. Orders are named as the adapter names them."""

    abilities: Abilities

    def open(self, *, rows_per_page: int = 200, overlap: timedelta = timedelta(minutes=10)) -> Erp:
        """Opens a new adapter on it, as after a restart."""
        ...

    def sell(self, lines: Sequence[Sold], *, confirm: bool = True, on: date | None = None) -> str:
        """Makes an order of the first customer; returns its number."""
        ...

    def confirm(self, order: str) -> None:
        """Confirms a draft."""
        ...

    def confirm_together(self, orders: Sequence[str]) -> Callable[[], None]:
        """Begins to confirm orders in one transaction; calling what it returns waits for the commit.

        Whatever is confirmed between the two calls is visible before, though stamped later.
        """
        ...

    def ship(self, order: str, quantities: Mapping[int, Decimal] | None = None) -> None:
        """Ships an order, or quantities by line index (from 0); the rest may be shipped later."""
        ...

    def take_back(self, order: str, quantities: Mapping[int, Decimal]) -> None:
        """Books shipped goods as returned, received in the warehouse."""
        ...

    def cancel(self, order: str) -> None:
        """Cancels an order, the way this ERP does it."""
        ...

    def amend(self, order: str, quantities: Mapping[int, Decimal]) -> str:
        """Changes quantities of lines, in the least conspicuous way the ERP has; returns the number it then has.

        Without ``amends_confirmed`` a confirmed order is cancelled, and another one confirmed in its place.
        """
        ...

    def unapprove(self, order: str) -> None:
        """Takes a confirmed order back to draft; only with ``unapproves``."""
        ...

    def totals(self, order: str) -> Totals:
        """Returns what the order itself says it comes to."""
        ...

    def touch(self, order: str) -> None:
        """Changes something about an order that no document of ours carries."""
        ...

    def set_clock(self, shift: timedelta) -> None:
        """Moves the ERP's clock by so much against real time; only with ``skews_clock``."""
        ...

    def redemption_ship(self, order: str) -> None:
        """Ships the order a redemption was written as."""
        ...


Opened = AbstractContextManager[Shop]
