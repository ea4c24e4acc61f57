"""Checks of single fields that events and requests share: each returns the value, or names the field and the rule."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from plugin.errors import Rejected
from plugin.events import MICRO
from plugin.money import AMOUNT_MINOR_MAX, exponent, parse_decimal

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

ID_LENGTH_MAX = 128
CODE_LENGTH_MAX = 64
TEXT_LENGTH_MAX = 512
LINES_MAX = 5_000
CARDS_MAX = 16
TIERS_MAX = 100
QUANTITY_MICRO_MAX = 10**15
VERSION_MAX = 2**62
SECONDS_MAX = 32_503_680_000
"""2999-12-31 and a bit: the first second of the year 3000."""

_SHORT_QUANTITIES = {str(pieces): pieces * MICRO for pieces in range(1, 1_000)}


def require_id(value: str, path: str, length_max: int = ID_LENGTH_MAX) -> str:
    """Returns an identifier that is 1 to ``length_max`` printable ASCII characters.

    Raises:
        Rejected: It is not.
    """
    if value and len(value) <= length_max and value.isascii() and value.isprintable():
        return value
    if not value:
        raise Rejected("FIELD_REQUIRED", f"{path} is required", path)
    raise Rejected(
        "IDENTIFIER_INVALID", f"{path} must be 1 to {length_max} printable ASCII characters", path
    )


def to_instant(value: Timestamp, path: str) -> int:
    """Returns an instant that is set as microseconds since 1970.

    Raises:
        Rejected: It lies outside of the years 1970 to 2999.
    """
    return read_instant(value, True, path)


def read_version(value: int, path: str) -> int:
    """Returns a version: 1 or more."""
    if not 1 <= value <= VERSION_MAX:
        raise Rejected(
            "VERSION_INVALID", f"{path} must be 1 or more and rise with every change", path
        )
    return value


def read_instant(value: Timestamp, is_set: bool, path: str) -> int:
    """Returns an instant in microseconds since 1970, within the years 1970 to 2999."""
    seconds = value.seconds
    if not is_set:
        raise Rejected("FIELD_REQUIRED", f"{path} is required", path)
    if not (0 <= seconds < SECONDS_MAX and 0 <= value.nanos < 1_000_000_000):
        raise Rejected(
            "INSTANT_OUT_OF_RANGE", f"{path} must lie between the years 1970 and 2999", path
        )
    return seconds * 1_000_000 + value.nanos // 1_000


def read_quantity(text: str, path: str, index: int | None) -> int:
    """Returns a quantity in millionths; small whole numbers, by far the most, take the short way."""
    short = _SHORT_QUANTITIES.get(text)
    if short is not None:
        return short
    where = f"{path}[{index}].quantity" if index is not None else f"{path}.quantity"
    if not text:
        raise Rejected("FIELD_REQUIRED", f"{where} is required", where)
    try:
        scaled = parse_decimal(text) * MICRO
    except Rejected as error:
        raise Rejected(error.reason, f"{where}: {error.message}", where) from error
    if abs(scaled) > QUANTITY_MICRO_MAX:
        raise Rejected("QUANTITY_OUT_OF_RANGE", f"{where} is beyond 1,000,000,000 pieces", where)
    if scaled != scaled.to_integral_value():
        raise Rejected(
            "QUANTITY_TOO_PRECISE", f"{where} {text[:40]} has more than 6 decimals", where
        )
    return int(scaled)


def require_whole(quantity_micro: int, path: str) -> None:
    """Raises `Rejected` unless a quantity is of whole pieces: reward stock knows no other."""
    if quantity_micro % MICRO:
        raise Rejected("QUANTITY_NOT_WHOLE", f"{path} must be whole pieces", path)


def require_actor(value: str, path: str, *, is_optional: bool = False) -> str:
    """Returns who acts, without spaces around: any script, at most 128 characters, no control characters.

    Raises:
        Rejected: It is missing where it is needed, or something else.
    """
    value = value.strip()
    if not value and not is_optional:
        raise Rejected("FIELD_REQUIRED", f"{path} is required", path)
    if len(value) > ID_LENGTH_MAX or _CONTROL.search(value):
        raise Rejected(
            "TEXT_INVALID",
            f"{path} must be at most {ID_LENGTH_MAX} characters without control characters",
            path,
        )
    return value


def require_currency(code: str, path: str) -> None:
    """Raises `Rejected` unless a code is an ISO 4217 currency with minor units."""
    if not code:
        raise Rejected("FIELD_REQUIRED", f"{path} is required", path)
    try:
        exponent(code)
    except Rejected as error:
        raise Rejected(error.reason, error.message, path) from error


def require_phone(value: str, path: str) -> None:
    """Raises `Rejected` unless a telephone number is in E.164 form."""
    digits = value[1:]
    if not (value[:1] == "+" and digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15):
        raise Rejected("PHONE_INVALID", f"{path} must be in E.164 form: + and 7 to 15 digits", path)


def read_birthday(value: str) -> str:
    """Returns a birthday as ``MM-DD``, or nothing."""
    if not value:
        return ""
    month, dash, day = value.partition("-")
    days = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    ok = (
        len(value) == 5
        and len(month) == 2
        and dash
        and month.isdigit()
        and day.isdigit()
        and value.isascii()
    )
    if not (ok and 1 <= int(month) <= 12 and 1 <= int(day) <= days[int(month) - 1]):
        raise Rejected("BIRTHDAY_INVALID", "member.birthday must be MM-DD", "member.birthday")
    return value


def read_amount(value: int, path: str) -> int:
    """Returns an amount in minor units within the range we keep."""
    if not -AMOUNT_MINOR_MAX <= value <= AMOUNT_MINOR_MAX:
        raise Rejected(
            "AMOUNT_OUT_OF_RANGE", f"{path} is beyond {AMOUNT_MINOR_MAX} minor units", path
        )
    return value


@lru_cache(maxsize=65_536)
def read_code(value: str, path: str, index: int = 0) -> str:
    """Checks a store, SKU or category: any script, at most 64 characters, no control characters.

    ``index`` goes between the brackets of the path, which is only written when it is needed.
    """
    if not value or (len(value) <= CODE_LENGTH_MAX and not _CONTROL.search(value)):
        return value
    path = path.replace("[]", f"[{index}]")
    raise Rejected(
        "TEXT_INVALID",
        f"{path} must be at most {CODE_LENGTH_MAX} characters without control characters",
        path,
    )


def read_text(value: str, path: str, index: int = 0) -> str:
    """Returns free text: at most 512 characters, no NUL."""
    if len(value) > TEXT_LENGTH_MAX or "\x00" in value:
        path = path.replace("[]", f"[{index}]")
        raise Rejected(
            "TEXT_INVALID", f"{path} must be at most {TEXT_LENGTH_MAX} characters without NUL", path
        )
    return value


def require_at_most(values: Any, limit: int, path: str) -> None:
    """Raises `Rejected` when a list is longer than its limit."""
    if len(values) > limit:
        raise Rejected("TOO_MANY", f"{path} has {len(values)} elements, at most {limit}", path)
