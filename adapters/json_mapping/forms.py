"""The forms values take in a mapping file: paths, constants, conditions, times, money."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from adapters.json_mapping.paths import JsonPath, PathInvalid

ISO, UNIX, UNIX_MS = "iso8601", "unix", "unix_ms"


def _checked_path(text: str) -> str:
    try:
        JsonPath(text)
    except PathInvalid as error:
        raise ValueError(str(error)) from None
    return text


def _checked_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, OSError, ValueError):
        raise ValueError(f"no time zone is called {name!r}") from None


def _checked_format(form: str) -> str:
    if form not in (ISO, UNIX, UNIX_MS) and "%" not in form:
        raise ValueError(
            f"{form!r} is none of {ISO}, {UNIX}, {UNIX_MS} and no pattern like '%d.%m.%Y'"
        )
    return form


def _form(said: object) -> str:
    """Returns which form a value has, so that errors speak of that one and not of all there are."""
    if isinstance(said, dict):
        return next((form for form in _FORMS if form in said), "table")
    return "text"


_FORMS = ("constant", "join", "price", "percent", "amount", "number", "time", "path")
_BY_FORM = Discriminator(_form)

Path = Annotated[str, Field(min_length=1), AfterValidator(_checked_path)]
Zone = Annotated[str, AfterValidator(_checked_zone)]
Format = Annotated[str, AfterValidator(_checked_format)]
Formats = Annotated[tuple[Format, ...], Field(min_length=1, strict=False)]
Scalar = bool | int | Decimal | str


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Constant(Strict):
    """The same in every document."""

    constant: str


class Defaulted(Strict):
    """A path, and what counts when it selects nothing or null."""

    path: Path
    default: str


class Joined(Strict):
    """Several paths, put together: for numbers that are unique only with another one."""

    join: Annotated[list[Path], Field(min_length=2)]
    separator: str = ":"


Value = Annotated[
    Annotated[Path, Tag("text")]
    | Annotated[Constant, Tag("constant")]
    | Annotated[Defaulted, Tag("path")]
    | Annotated[Joined, Tag("join")],
    _BY_FORM,
]


class Condition(Strict):
    """Tests of the one value of a path; all given ones must hold. A value that is missing meets only ``exists = false``."""

    path: Path
    equals: Scalar | None = None
    one_of: Annotated[list[Scalar] | None, Field(alias="in")] = None
    starts_with: str | None = None
    exists: bool | None = None

    @model_validator(mode="after")
    def _tests_something(self) -> Self:
        tests = (self.equals, self.one_of, self.starts_with, self.exists)
        if all(test is None for test in tests):
            raise ValueError("needs equals, in, starts_with or exists")
        return self


class Moment(Strict):
    """A path to a time that is written otherwise than the file's table ``[time]`` says."""

    path: Path
    formats: Formats | None = None
    zone: Zone | None = None


When = Annotated[Annotated[Path, Tag("text")] | Annotated[Moment, Tag("path")], _BY_FORM]


class TimeTable(Strict):
    """Table ``[time]``: how times are written. ``zone`` counts for those without an offset."""

    formats: Formats = (ISO,)
    zone: Zone = "UTC"


class Money(Strict):
    """Table ``[money]``: what amounts are in, whether tax is in them, and in which unit they are written."""

    currency: Value
    amounts: Literal["net", "gross"]
    unit: Literal["major", "minor"] = "major"
    rate_to_book: Value | None = None


class Price(Strict):
    """An amount that is quantity × price, rounded half up on the line."""

    quantity: Value
    price: Value


Amount = Annotated[
    Annotated[Path, Tag("text")]
    | Annotated[Constant, Tag("constant")]
    | Annotated[Defaulted, Tag("path")]
    | Annotated[Joined, Tag("join")]
    | Annotated[Price, Tag("price")],
    _BY_FORM,
]


class TaxAmount(Strict):
    """The tax of the line as an amount."""

    amount: Value


class TaxRate(Strict):
    """The tax of the line in percent: 19 for 19 %."""

    percent: Value


Tax = Annotated[Annotated[TaxAmount, Tag("amount")] | Annotated[TaxRate, Tag("percent")], _BY_FORM]


class NumberVersion(Strict):
    """A whole number that rises with every change."""

    number: Path


class TimeVersion(Strict):
    """A time that rises with every change; the version is its milliseconds since 1970."""

    time: Path
    formats: Formats | None = None
    zone: Zone | None = None


Version = Annotated[
    Annotated[NumberVersion, Tag("number")] | Annotated[TimeVersion, Tag("time")], _BY_FORM
]


class Member(Strict):
    """Who earns; a missing or empty value is a guest."""

    path: Path
    known_as: Literal["external_id", "id", "phone", "card"] = "external_id"
