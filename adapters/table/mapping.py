"""The mapping file: which columns of a table are which parts of which documents.

A cell is named in one of three ways: ``"Column"``, ``{ constant = "web" }`` or ``{ row_number = true }``.
Unknown keys are errors, so that a typing mistake is found before the first row is read.
"""

from __future__ import annotations

import codecs
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from adapters.contract import AdapterError

ROWS_APART_MAX = 1_000_000
EXPONENT_MAX = 4  # ISO 4217

Text = Annotated[str, Field(min_length=1)]
FileName = Literal["main", "returns"]


class MappingInvalid(AdapterError):
    """The mapping file breaks a rule of its format, or names a column the table does not have."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Constant(_Strict):
    """The same text in every row."""

    constant: str


class RowNumber(_Strict):
    """The row's number, from 1 after the header."""

    row_number: Literal[True]


Cell = Text | Constant | RowNumber


class Condition(_Strict):
    """One test of one column; all its tests must hold. Spaces around the cell do not count."""

    column: Text
    equals: str | None = None
    one_of: list[str] | None = None
    prefix: str | None = None
    empty: bool | None = None

    @model_validator(mode="after")
    def _tests_something(self) -> Self:
        tests = (self.equals, self.one_of, self.prefix, self.empty)
        if all(test is None for test in tests):
            raise ValueError("needs equals, one_of, prefix or empty")
        return self


class FileFormat(_Strict):
    """How a file is written.

    ``rows_apart_max`` is how many other rows may lie between two rows of one document: 0 for a
    sorted file. So many rows are kept in memory, not the file.
    """

    encoding: Text = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'", "\u00a0", "\u202f"] = ""
    date_formats: Annotated[tuple[Text, ...], Field(min_length=1, strict=False)] = (
        "%Y-%m-%d %H:%M:%S",
    )
    time_zone: str = "UTC"
    rows_apart_max: Annotated[int, Field(ge=0, le=ROWS_APART_MAX)] = 1_000

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            return codecs.lookup(name).name
        except LookupError:
            raise ValueError(f"no encoding is called {name!r}") from None

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            return ZoneInfo(name).key
        except (KeyError, OSError, ValueError):
            raise ValueError(f"no time zone is called {name!r}") from None

    @model_validator(mode="after")
    def _separators_differ(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands must differ")
        return self


class Money(_Strict):
    """Currency of the amounts, and how many decimals each currency has (ISO 4217 exponent)."""

    currency: Cell
    exponents: Annotated[
        dict[str, Annotated[int, Field(ge=0, le=EXPONENT_MAX)]], Field(min_length=1)
    ]
    rate_to_book: Cell | None = None


class Product(_Strict):
    """An amount that is quantity × price, rounded half up on the line."""

    quantity: Cell
    price: Cell


class Member(_Strict):
    """The column that names who earns; an empty cell is a guest."""

    column: Text
    known_as: Literal["external_id", "id", "phone", "card"] = "external_id"


class OrderLine(_Strict):
    """What of a row is one line of an order."""

    id: Cell = RowNumber(row_number=True)
    sku: Cell = Constant(constant="")
    category: Cell = Constant(constant="")
    description: Cell = Constant(constant="")
    quantity: Cell = Constant(constant="1")
    amount: Cell | Product
    tax: Cell = Constant(constant="0")
    gift: Condition | None = None


class ShipmentLine(_Strict):
    """What of a row is one line of a shipment: a line of the order, and how many of it left."""

    id: Cell
    quantity: Cell


class ReturnLine(_Strict):
    """What of a row is one line of a return. ``negated``: the file says it with minus signs."""

    id: Cell = Constant(constant="")
    quantity: Cell = Constant(constant="1")
    amount: Cell | Product
    tax: Cell | None = None
    negated: bool = False


class _Section(_Strict):
    """What all sections have: which rows they take. The first section that takes a row gets it."""

    file: FileName = "main"
    when: list[Condition] = []


class Ignored(_Section):
    """Rows that are no documents, for example write-offs."""

    kind: Literal["ignore"]


class _Document(_Section):
    """Rows with one id are one document; ids of several columns are joined by colons, empty ones left out."""

    id: Annotated[list[Text], Field(min_length=1)]
    version: Cell = Constant(constant="1")
    time: Text
    time_of_rows: Literal["earliest", "latest"] = "earliest"


OrderStatus = Literal["draft", "confirmed", "completed", "cancelled"]


class StatusColumn(_Strict):
    """A column whose values stand for states; any other value is an error."""

    column: Text
    values: Annotated[dict[str, OrderStatus], Field(min_length=1)]


class Order(_Document):
    """Rows that are lines of orders."""

    kind: Literal["order"]
    status: OrderStatus | StatusColumn
    status_without_value: OrderStatus | None = None
    member: Member | None = None
    store: Cell = Constant(constant="")
    channel: Cell = Constant(constant="")
    line: OrderLine


class Shipment(_Document):
    """Rows that are lines of shipments; without ``line``, each ships its whole order."""

    kind: Literal["shipment"]
    order_id: Cell
    line: ShipmentLine | None = None


class Return(_Document):
    """Rows that are lines of returns."""

    kind: Literal["return"]
    order_id: Cell = Constant(constant="")
    line: ReturnLine


class MemberRow(_Document):
    """Rows that are members, one row each; ``time`` is when they joined."""

    kind: Literal["member"]
    phone: Cell = Constant(constant="")
    card: Cell = Constant(constant="")
    display_name: Cell = Constant(constant="")
    birthday: Cell = Constant(constant="")
    tier: Cell = Constant(constant="")
    inactive: Condition | None = None


Section = Annotated[Ignored | Order | Shipment | Return | MemberRow, Field(discriminator="kind")]


class Mapping(_Strict):
    """A whole mapping file."""

    format: Literal[1]
    source: Annotated[str, Field(pattern=r"^[!-~]{1,64}$")]
    book: Annotated[str, Field(pattern=r"^[!-~]{0,64}$")] = ""
    money: Money | None = None
    files: dict[FileName, FileFormat] = {}
    documents: Annotated[list[Section], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_money(self) -> Self:
        if self.money is None and any(isinstance(each, Order | Return) for each in self.documents):
            raise ValueError("orders and returns need a [money] table")
        return self

    def names(self) -> list[FileName]:
        """Returns the files the documents come from, the main file first."""
        used = {section.file for section in self.documents}
        return [name for name in ("main", "returns") if name in used]

    def file_format(self, name: FileName) -> FileFormat:
        """Returns how a file is written; a file without a table of its own is written like the main one."""
        return self.files.get(name) or self.files.get("main") or FileFormat()


def load_mapping(path: Path) -> Mapping:
    """Reads a mapping file.

    Raises:
        MappingInvalid: It cannot be read or breaks a rule; every broken rule is named with its place.
    """
    try:
        return parse_mapping(path.read_text("utf-8"))
    except (OSError, UnicodeError, MappingInvalid) as error:
        raise MappingInvalid(f"{path}: {error}") from error


def parse_mapping(text: str) -> Mapping:
    """Returns the mapping a TOML text holds; see ``load_mapping``."""
    try:
        return Mapping.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise MappingInvalid(f"is not TOML: {error}") from error
    except ValidationError as error:
        raise MappingInvalid("; ".join(_sentences(error))) from error


def _sentences(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(str(part) for part in each['loc']) or 'mapping'}: {each['msg']}"
        for each in error.errors()
    ]
