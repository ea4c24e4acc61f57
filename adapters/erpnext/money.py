"""Amounts of ERPNext's documents: rates to the book, prices of rewards."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from adapters.erpnext.settings import ErpnextSettings

RATE_DECIMALS = 10


def rate_to_book(currency: str, conversion_rate: Decimal, settings: ErpnextSettings) -> str:
    """Returns the rate from a document's currency to the book's; empty when it is the same or not known.

    ERPNext's conversion rate leads to the company's currency; it is the rate to the book only when the book keeps
    that one. Where it does not, ``rates`` has to say; without, Pointbook rejects the order: no rate is guessed.
    """
    if currency == settings.currency:
        return ""
    rate = settings.rates.get(currency)
    if rate is None and settings.home_currency == settings.currency:
        rate = conversion_rate
    return format(round(Decimal(rate), RATE_DECIMALS).normalize(), "f") if rate else ""


@dataclass(frozen=True, slots=True)
class Price:
    """Price of a reward's order.

    Attributes:
        each_minor: Price of one piece.
        off_minor: Discount on the whole.
    """

    each_minor: int
    off_minor: int


def price(amount_minor: int, pieces: int) -> Price:
    """Returns the price of a piece, rounded up, and what is then too much on the whole.

    Example: 10.00 for 3 pieces is 3.34 each and 0.02 off. Two lines (3.33 twice, 3.34 once) would need no
    discount, but ERPNext's default is to refuse an item that comes twice.
    """
    each = -(-amount_minor // pieces)
    return Price(each, each * pieces - amount_minor)
