"""Cells to values: numbers, money in minor units, instants. Exact: decimals, never floats."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo

DIGITS_MAX = 18  # of one number in the file; a product of two then has at most 36
QUANTITY_DECIMALS_MAX = 6
RATE_DECIMALS_MAX = 10
CACHED_VALUES_MAX = 65_536  # cells repeat: prices, quantities and instants are read once

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])
_ROUNDED = Context(prec=60, rounding=ROUND_HALF_UP, traps=[InvalidOperation])
_ONE = Decimal(1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class CellInvalid(ValueError):
    """A cell is not what the mapping says it is."""


@lru_cache(CACHED_VALUES_MAX)
def number(text: str, decimal: str, thousands: str) -> Decimal:
    """Returns the number a cell holds.

    "1.234,50" is 1234.50 with ``decimal=","`` and ``thousands="."``. A currency sign, an exponent or
    brackets for minus are errors: guessing what a number means is worse than asking.
    """
    plain = text.replace(thousands, "") if thousands else text
    if decimal != ".":
        if "." in plain:
            raise CellInvalid(f"{text!r} is not a number with {decimal!r} as decimal separator")
        plain = plain.replace(decimal, ".")
    if not _NUMBER.fullmatch(plain):
        raise CellInvalid(f"{text!r} is not a number with {decimal!r} as decimal separator")
    value = Decimal(plain)
    if len(value.as_tuple().digits) > DIGITS_MAX:
        raise CellInvalid(f"{text!r} has more than {DIGITS_MAX} digits")
    return value


@lru_cache(CACHED_VALUES_MAX)
def product_minor(quantity: Decimal, price: Decimal, exponent: int) -> int:
    """Returns quantity × price in minor units, rounded half up: away from zero in the middle.

    3 × 1.115 at exponent 2 is 3.345, so 335; -3 × 1.115 is -335; 3 × 115 at exponent 0 is 345.
    """
    return to_minor(_EXACT.multiply(quantity, price), exponent)


@lru_cache(CACHED_VALUES_MAX)
def to_minor(amount: Decimal, exponent: int) -> int:
    """Returns an amount in minor units of a currency with that many decimals (ISO 4217), rounded half up.

    12.345 at exponent 2 is 1235, -12.345 is -1235, 0.001 is 0.
    """
    return int(_ROUNDED.quantize(_EXACT.scaleb(amount, exponent), _ONE))


@lru_cache(CACHED_VALUES_MAX)
def decimal_text(value: Decimal, decimals_max: int) -> str:
    """Returns a decimal as the wire wants it, shortest form: "100", "0.5", "-1.25".

    Raises:
        CellInvalid: More decimals than the wire takes.
    """
    shortest = _EXACT.normalize(value)
    exponent = shortest.as_tuple().exponent
    assert isinstance(exponent, int), "number() reads no NaN and no infinity"
    if -exponent > decimals_max:
        raise CellInvalid(f"{value} has more than {decimals_max} decimals")
    return format(shortest, "f") if shortest else "0"


@lru_cache(CACHED_VALUES_MAX)
def instant_us(text: str, formats: tuple[str, ...], zone: ZoneInfo) -> int:
    """Returns an instant in microseconds since 1970 UTC; the first format that fits reads the cell.

    A time with an offset (``%z``) counts as written, any other as wall-clock time of the zone: of
    an hour that comes twice when the clocks go back, the first.

    Raises:
        CellInvalid: No format fits, or the clocks skipped that time.
    """
    for form in formats:
        try:
            read = datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
        except ValueError:
            continue
        at = read if read.tzinfo else _wall_clock(read, text, zone)
        return (at - _EPOCH) // _MICROSECOND
    raise CellInvalid(f"{text!r} fits none of the date formats {', '.join(formats)}")


def _wall_clock(read: datetime, text: str, zone: ZoneInfo) -> datetime:
    at = read.replace(tzinfo=zone).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) != read:
        raise CellInvalid(f"{text!r} does not exist in {zone}: the clocks skipped it")
    return at
