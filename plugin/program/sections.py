"""What sections of a program file share: strict reading, kinds of values, exact amounts and instants."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from plugin.errors import Rejected
from plugin.money import NANO, exponent

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


def _toml_moment(value: object) -> object:
    """Refuses numbers and text, which would be read as seconds since 1970."""
    if not isinstance(value, date):
        raise ValueError("a date or a time is wanted, such as 2026-12-31, without quotes")
    return value


Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]
ErpCode = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")]
Moment = Annotated[datetime, BeforeValidator(_toml_moment)]
Points = Annotated[int, Field(ge=0, le=10**9)]
Amount = Annotated[Decimal, Field(ge=0, le=10**9, decimal_places=12)]
Pieces = Annotated[int, Field(ge=1, le=10**9)]
Days = Annotated[int, Field(ge=1, le=3650)]


class Strict(BaseModel):
    """A section of a program file: unknown keys are errors, and nothing changes it once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def exact_nano(amount: Decimal, currency_code: str, reason: str, path: str) -> int:
    """Returns an amount for one point in billionths of a minor unit: 0.008 CNY is 800,000,000.

    Raises:
        Rejected: It is finer than that; with ``reason``, and ``path`` in message and field.
    """
    nano = amount * 10 ** exponent(currency_code) * NANO
    if nano != nano.to_integral_value():
        raise Rejected(
            reason,
            f"{path} {amount} has more than {9 + exponent(currency_code)} decimals",
            field=path,
        )
    return int(nano)


def instant_us(moment: datetime, time_zone: tzinfo, path: str) -> int:
    """Returns a time of a program file in microseconds UTC; fractions of a second are dropped.

    A time without a zone, and midnight of a plain date, is in ``time_zone``.

    Raises:
        Rejected: In UTC it is before the year 1 or after 9999.
    """
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=time_zone)
    try:
        return int(zoned.astimezone(UTC).timestamp()) * 1_000_000
    except OverflowError as error:
        raise Rejected(
            "INSTANT_OUT_OF_RANGE", f"{path}: {moment} is out of range", field=path
        ) from error
