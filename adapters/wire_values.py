"""Values of other systems as the wire wants them: numbers, money, instants, quantities. Exact, no floats."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache
from urllib.parse import quote
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp
from iso4217 import Currency

from adapters.contract import AdapterError

ID_LENGTH_MAX = 128
QUANTITY_DECIMALS = 6
REDEMPTION_PREFIX = "pointbook:"

_ROUNDED = Context(prec=60, rounding=ROUND_HALF_UP, traps=[InvalidOperation])
_PRINTABLE = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HASH_DIGITS = 16


def ascii_id(text: str, length_max: int = ID_LENGTH_MAX) -> str:
    """Returns a number or name as an identifier: printable ASCII as it is, anything else percent-encoded.

    What is too long is cut and ends in a digest, so that two names never become one.
    """
    said = text.strip()
    encoded = said if _PRINTABLE.fullmatch(said) else quote(said, safe="")
    if len(encoded) <= length_max:
        return encoded
    tail = hashlib.blake2b(said.encode(), digest_size=_HASH_DIGITS // 2).hexdigest()
    return f"{encoded[: length_max - _HASH_DIGITS - 1]}~{tail}"


@lru_cache(512)
def exponent(currency: str) -> int:
    """Returns how many decimals a currency has, ISO 4217.

    Raises:
        AdapterError: It is not an ISO 4217 code.
    """
    try:
        decimals = Currency(currency).exponent
    except ValueError as error:
        raise AdapterError(f"currency '{currency}' is not an ISO 4217 code") from error
    return decimals or 0


def minor(amount: Decimal, currency: str) -> int:
    """Returns an amount in minor units, rounded half away from zero: 12.345 EUR is 1235, 1999 JPY 1999."""
    return int(_ROUNDED.quantize(_ROUNDED.scaleb(amount, exponent(currency)), Decimal(1)))


def share(total: int, part: Decimal, whole: Decimal) -> int:
    """Returns part / whole of an amount in minor units, half to even; everything when part is the whole."""
    if part == whole:
        return total
    exact = Decimal(total) * part / whole
    return int(exact.to_integral_value(rounding=ROUND_HALF_EVEN))


def spread(total: int, weights: Sequence[Decimal]) -> list[int]:
    """Returns a total in minor units spread over weights, nothing lost: the largest remainders get the rest.

    Example: 923 over 23.70, 19.98 and 4.90 is exactly 450.290…, 379.611… and 93.098…; cut to 450, 379
    and 93 one is missing, and it goes to the second: 450, 380, 93.

    Weights that add up to nothing say nothing: the first gets all.
    """
    whole = sum(weights, Decimal(0))
    if not weights or not total:
        return [0] * len(weights)
    if not whole:
        return [total, *([0] * (len(weights) - 1))]
    exact = [total * weight / whole for weight in weights]
    parts = [int(part.to_integral_value(rounding=ROUND_FLOOR)) for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda n: (parts[n] - exact[n], n))
    for n in by_remainder[: total - sum(parts)]:
        parts[n] += 1
    return parts


def priced(pieces: int, amount_minor: int, currency: str) -> Sequence[tuple[int, Decimal]]:
    """Returns pieces and unit prices that add up exactly: 3 for 10.00 are 2 at 3.33 and 1 at 3.34."""
    each, rest = divmod(amount_minor, pieces)
    units = [(pieces - rest, each), (rest, each + 1)]
    scale = -exponent(currency)
    return [(many, Decimal(price).scaleb(scale)) for many, price in units if many]


def quantity_text(value: Decimal | int) -> str:
    """Returns a quantity in its shortest form, at most 6 decimals: "2", "0.5", "-1.25"."""
    rounded = round(Decimal(value), QUANTITY_DECIMALS).normalize()
    return format(rounded, "f") if rounded else "0"


def instant(at: datetime) -> Timestamp:
    """Returns an aware instant as a timestamp, to the microsecond."""
    micros = (at.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
    return Timestamp(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1_000)


def day_begins(on: date, zone: ZoneInfo) -> datetime:
    """Returns when a business day begins; of an hour that comes twice, the first."""
    return datetime.combine(on, time(), zone).astimezone(UTC)


def e164(text: str) -> str:
    """Returns a telephone number in E.164 form when it says its country, an empty string otherwise.

    "+86 138-0013-8000" is "+8613800138000"; "0138 0013" names no country and is left out, not guessed.
    """
    plain = re.sub(r"[\s().\-/]", "", text)
    if plain.startswith("00"):
        plain = f"+{plain[2:]}"
    return plain if _E164.fullmatch(plain) else ""


def redemption_reference(redemption_id: str) -> str:
    """Returns what an order that carries a redemption holds as its reference: "pointbook:R17"."""
    return f"{REDEMPTION_PREFIX}{redemption_id}"


def redemption_of(reference: str) -> str:
    """Returns the redemption that an order's reference names; empty when it names none."""
    return (
        reference.removeprefix(REDEMPTION_PREFIX) if reference.startswith(REDEMPTION_PREFIX) else ""
    )
