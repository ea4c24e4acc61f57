"""Reward stock along the time line of the business: pieces and moving-average value, whatever order documents arrive in.

Receipts, counts, shipments and returns of one SKU in one warehouse are put in order of when they happened, and each gets what it does to
pieces and value. A document that arrives late goes to its place; those after it are valued again and the differences are posted. So
stock, its value and the sum of each account are the same for every order of arrival.

Between two receipts the value is a function of what is left: of ``basis_pieces`` worth ``basis_minor``, n pieces are worth
``round(basis_minor * n / basis_pieces)``, half up. The last piece takes the remainder, and it does not matter in how many
shipments the pieces leave.

What leaves beyond what was known to be there was there all the same: the missing pieces are *found*, a difference of its own, at the last
price. A receipt that arrives later with an earlier date takes the finding back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple

from plugin.facts import FactKind
from plugin.money import half_up


class StockKind(IntEnum):
    """What a document does to stock. The numbers are stored, and order what happened at the same instant."""

    RECEIVED = 1
    SHIPPED = 2
    RETURNED = 3
    COUNTED = 4


class Place(NamedTuple):
    """Where a line stands on the time line of its SKU and warehouse."""

    at: int
    kind: StockKind
    source: str
    document_id: str


class Pile(NamedTuple):
    """Stock after a line. ``pieces`` below 0 says how many were found; the price is ``basis_minor / basis_pieces``."""

    pieces: int
    basis_pieces: int
    basis_minor: int

    @property
    def on_hand(self) -> int:
        """Pieces there are, 0 or more."""
        return max(0, self.pieces)

    @property
    def value_minor(self) -> int:
        """What they are worth.

        >>> Pile(3, 3, 1000).value_minor, Pile(2, 3, 1000).value_minor, Pile(1, 3, 1000).value_minor
        (1000, 667, 333)
        """
        return self.worth(self.on_hand)

    def worth(self, pieces: int) -> int:
        """Returns what pieces are worth at the pile's price, half up."""
        if not self.basis_pieces:
            return 0
        return half_up(Fraction(self.basis_minor * pieces, self.basis_pieces))


EMPTY = Pile(0, 0, 0)


class Booked(NamedTuple):
    """What a line did: its own pieces and value, and what had to be found for it."""

    pieces: int = 0
    value_minor: int = 0
    found_pieces: int = 0
    found_minor: int = 0


NOT_BOOKED = Booked()


@dataclass(slots=True)
class StockLine:
    """A document in one SKU's time line. A document that no longer counts has 0 pieces and ``is_void``.

    ``pieces`` is 0 or more; for a count it is what was counted. ``booked`` and ``after`` are what was posted for it and the pile after
    it, as stored. ``is_damaged`` is said of a return that does not go into stock again; ``is_unpriced`` of a line whose value depends on
    the product's unit cost.
    """

    place: Place
    pieces: int
    value_minor: int | None = None
    redemption_id: int = 0
    is_void: bool = False
    is_damaged: bool = False
    is_unpriced: bool = False
    booked: Booked = NOT_BOOKED
    after: Pile = EMPTY
    is_changed: bool = False


UnitCost = Callable[[int], int]
"""Returns what one piece costs at an instant by the product's record, in minor units, 0 when it is not known."""


class ShippedOf(NamedTuple):
    """What a redemption's shipments took so far, and what came back of it, damaged or not: pieces and their cost."""

    pieces: int = 0
    cost_minor: int = 0
    returned: int = 0
    returned_minor: int = 0

    def returning(self, pieces: int) -> int:
        """Returns the cost at which pieces come back: their share of what is out, so that the last take the remainder.

        >>> ShippedOf(3, 1000).returning(1), ShippedOf(3, 1000, 1, 333).returning(2)
        (333, 667)
        """
        out = self.pieces - self.returned
        if out <= 0:
            return 0
        cost = self.cost_minor - self.returned_minor
        return half_up(Fraction(cost * min(pieces, out), out))

    def more(self, pieces: int, cost_minor: int) -> ShippedOf:
        """Returns what is known after another shipment."""
        return self._replace(pieces=self.pieces + pieces, cost_minor=self.cost_minor + cost_minor)

    def less(self, pieces: int) -> ShippedOf:
        """Returns what is known after pieces came back; those that had never left do not count."""
        covered = min(pieces, max(0, self.pieces - self.returned))
        back = self.returned_minor + self.returning(covered)
        return self._replace(returned=self.returned + covered, returned_minor=back)


def shipped_of(lines: Iterable[StockLine]) -> dict[int, ShippedOf]:
    """Returns what lines that are valued already did, by redemption; they come in order of their places."""
    found: dict[int, ShippedOf] = {}
    for line in lines:
        before = found.get(line.redemption_id, ShippedOf())
        if line.place.kind is StockKind.SHIPPED:
            found[line.redemption_id] = before.more(line.pieces, -line.booked.value_minor)
        elif line.place.kind is StockKind.RETURNED:
            found[line.redemption_id] = before.less(line.pieces)
    return found


def replay(
    before: Pile,
    lines: Iterable[StockLine],
    unit_cost: UnitCost,
    shipped: dict[int, ShippedOf],
) -> list[tuple[StockLine, Booked]]:
    """Values lines anew; returns those whose booking changes, with the difference to post.

    Args:
        before: The pile before the first line.
        lines: In order of their places; ``booked`` and ``after`` are set anew.
        unit_cost: The product's cost.
        shipped: By redemption, what its earlier lines did; grows on the way.
    """
    changed = []
    for line in lines:
        was_unpriced = line.is_unpriced
        booked, after = _value(before, line, unit_cost, shipped)
        difference = Booked(*(new - old for new, old in zip(booked, line.booked, strict=True)))
        if any(difference):
            changed.append((line, difference))
        if booked != line.booked or after != line.after:
            line.booked, line.after, line.is_changed = booked, after, True
        line.is_changed |= line.is_unpriced != was_unpriced
        before = after
    return changed


FACT_KINDS = {
    StockKind.RECEIVED: FactKind.STOCK_RECEIVED,
    StockKind.RETURNED: FactKind.GOODS_RETURNED,
    StockKind.SHIPPED: FactKind.GOODS_SHIPPED,
    StockKind.COUNTED: FactKind.STOCK_COUNTED,
}


def _value(
    pile: Pile, line: StockLine, unit_cost: UnitCost, shipped: dict[int, ShippedOf]
) -> tuple[Booked, Pile]:
    if line.is_void:
        return Booked(), pile
    kind = line.place.kind
    if kind is StockKind.SHIPPED:
        return _ship(pile, line, unit_cost, shipped)
    if kind is StockKind.COUNTED:
        return _count(pile, line, unit_cost)
    if kind is StockKind.RETURNED:
        value = _return(pile, line, unit_cost, shipped)
        if line.is_damaged:
            return Booked(), pile
    elif not line.pieces:
        value = 0  # Nothing came that could be worth anything.
    elif line.value_minor is not None:
        value = line.value_minor
    else:
        cost = unit_cost(line.place.at)
        line.is_unpriced = True
        value = cost * line.pieces if cost else pile.worth(line.pieces)
    return Booked(line.pieces, value), _pile(
        pile, pile.on_hand + line.pieces, pile.value_minor + value
    )


def _return(pile: Pile, line: StockLine, unit_cost: UnitCost, shipped: dict[int, ShippedOf]) -> int:
    """Returns what pieces are worth that come back: what they cost when they left; more than had left, the pile's price."""
    before = shipped.get(line.redemption_id, ShippedOf())
    after = shipped[line.redemption_id] = before.less(line.pieces)
    value = after.returned_minor - before.returned_minor
    excess = line.pieces - (after.returned - before.returned)
    return value + (_priced(pile, line, unit_cost).worth(excess) if excess else 0)


def _ship(
    pile: Pile, line: StockLine, unit_cost: UnitCost, shipped: dict[int, ShippedOf]
) -> tuple[Booked, Pile]:
    """Takes pieces out at the pile's price; what is missing is found at the same price."""
    after = pile._replace(pieces=pile.pieces - line.pieces)
    found_before, found_after = max(0, -pile.pieces), max(0, -after.pieces)
    found_minor = 0
    if found_after != found_before:
        priced = _priced(after, line, unit_cost)
        found_minor = priced.worth(found_after) - priced.worth(found_before)
        after = priced
    cost = pile.value_minor - after.value_minor + found_minor
    before = shipped.get(line.redemption_id, ShippedOf())
    shipped[line.redemption_id] = before.more(line.pieces, cost)
    return Booked(-line.pieces, -cost, found_after - found_before, found_minor), after


def _count(pile: Pile, line: StockLine, unit_cost: UnitCost) -> tuple[Booked, Pile]:
    """Sets pieces to what was counted; the difference leaves or enters at the pile's price."""
    difference = line.pieces - pile.on_hand
    if difference <= 0:
        value = pile.worth(line.pieces) - pile.value_minor
    else:
        value = _priced(pile, line, unit_cost).worth(difference)
    return Booked(difference, value), _pile(pile, line.pieces, pile.value_minor + value)


def _pile(before: Pile, pieces: int, value_minor: int) -> Pile:
    """Returns a pile of a value; one without pieces keeps the last price."""
    if pieces:
        return Pile(pieces, pieces, value_minor)
    return before._replace(pieces=0)


def _priced(pile: Pile, line: StockLine, unit_cost: UnitCost) -> Pile:
    """Returns the pile with a price: its own, else the product's cost."""
    if pile.basis_pieces:
        return pile
    line.is_unpriced = True
    return pile._replace(basis_pieces=1, basis_minor=unit_cost(line.place.at))
