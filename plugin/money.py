"""Money as integers of minor units, and the rounding everything agrees on.

Exponents come from ISO 4217 (package ``iso4217``): 2 for CNY and EUR, 0 for JPY, 3 for KWD.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Literal

from iso4217 import Currency

from plugin.errors import Rejected

AMOUNT_MINOR_MAX = 10**15
"""Largest amount of one line or document, in minor units: ten trillion of a two-decimal currency."""

NANO = 10**9

DECIMAL_LENGTH_MAX = 28
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")

Rounding = Literal["floor", "round", "ceil"]


@cache
def exponent(currency_code: str) -> int:
    """Returns the number of decimals of a currency.

    >>> exponent("CNY"), exponent("JPY"), exponent("KWD")
    (2, 0, 3)

    Raises:
        Rejected: The code is not an ISO 4217 currency that has minor units.
    """
    try:
        decimals = Currency(currency_code).exponent
    except ValueError:
        decimals = None
    if decimals is None:
        raise Rejected(
            "CURRENCY_UNKNOWN", f"currency {currency_code!r} is not an ISO 4217 currency code"
        )
    return int(decimals)


def format_minor(amount_minor: int, currency_code: str) -> str:
    """Writes an amount with the currency's decimals.

    >>> format_minor(-5, "EUR"), format_minor(1999, "JPY")
    ('-0.05', '1999')
    """
    decimals = exponent(currency_code)
    if decimals == 0:
        return str(amount_minor)
    whole, part = divmod(abs(amount_minor), 10**decimals)
    return f"{'-' if amount_minor < 0 else ''}{whole}.{part:0{decimals}d}"


def parse_amount(text: str, currency_code: str) -> int:
    """Reads a decimal string as minor units.

    >>> parse_amount("19.99", "EUR")
    1999

    Raises:
        Rejected: It is no decimal number, or has more digits than the currency allows.
    """
    scaled = parse_decimal(text) * 10 ** exponent(currency_code)
    if scaled != scaled.to_integral_value():
        raise Rejected(
            "AMOUNT_TOO_PRECISE", f"amount {text} has more digits than {currency_code} allows"
        )
    return int(scaled)


def parse_decimal(text: str) -> Decimal:
    """Reads a decimal string of at most 28 characters without exponent.

    28 digits are what arithmetic with decimals keeps: what is longer would be rounded on the way, or overflow.

    Raises:
        Rejected: It is something else.
    """
    if len(text) > DECIMAL_LENGTH_MAX or not _DECIMAL.fullmatch(text):
        raise Rejected("NOT_A_DECIMAL", f"{text[:40]!r} is not a decimal number such as 12.50")
    return Decimal(text)


def half_up(value: Fraction) -> int:
    """Rounds to the nearest integer, halves away from zero.

    >>> half_up(Fraction(5, 2)), half_up(Fraction(-5, 2))
    (3, -3)
    """
    sign = -1 if value < 0 else 1
    return int(sign * ((abs(value) + Fraction(1, 2)) // 1))


def rounded(value: Fraction, rounding: Rounding) -> int:
    """Rounds a non-negative value the way a program says: down, half up, or up."""
    if rounding == "floor":
        return int(value // 1)
    if rounding == "ceil":
        return int(-(-value // 1))
    return half_up(value)


def convert_minor(amount_minor: int, from_code: str, to_code: str, rate: Decimal) -> int:
    """Converts an amount at a rate (1 unit of ``from_code`` in units of ``to_code``), half up.

    >>> convert_minor(1000, "EUR", "JPY", Decimal("163.5"))
    1635
    """
    scale = Fraction(10) ** (exponent(to_code) - exponent(from_code))
    return half_up(Fraction(amount_minor) * Fraction(rate) * scale)


def carrying_minor(points: int, unit_cost_nano: int) -> int:
    """Returns what points cost at a unit cost, in minor units, half up; ``points`` is 0 or more.

    The unit cost is in billionths of a minor unit: 0.008 CNY is 0.8 minor units, 800,000,000.

    >>> carrying_minor(10_000, 800_000_000)
    8000
    """
    return (points * unit_cost_nano * 2 + NANO) // (2 * NANO)
