"""Kinds of values that several adapters' settings have: currencies, rates, time zones, codes."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from adapters.contract import AdapterError
from adapters.wire_values import exponent

RATE_DECIMALS_MAX = 10


def _currency(code: str) -> str:
    try:
        exponent(code)
    except AdapterError as error:
        raise ValueError(str(error)) from error
    return code


def _currency_or_none(code: str) -> str:
    return _currency(code) if code else code


def _rate(text: str) -> str:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"'{text}' is not a decimal number") from error
    if not value.is_finite() or value <= 0 or "e" in text.lower():
        raise ValueError(f"'{text}' is not a positive decimal number without exponent")
    if len(text.partition(".")[2]) > RATE_DECIMALS_MAX:
        raise ValueError(f"'{text}' has more than {RATE_DECIMALS_MAX} decimals")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"'{name}' is not a time zone, such as 'Europe/Berlin'") from error
    return name


CurrencyCode = Annotated[str, AfterValidator(_currency)]
OptionalCurrencyCode = Annotated[str, AfterValidator(_currency_or_none)]
Rate = Annotated[str, AfterValidator(_rate)]
ZoneName = Annotated[str, AfterValidator(_zone)]
Code = Annotated[str, Field(min_length=1, max_length=64)]
ServerUrl = Annotated[str, Field(pattern=r"^https?://[^\s/]+")]
SettleSeconds = Annotated[float, Field(ge=0, le=86_400)]
