"""Turns what a mapping says about cells into functions that read them, once per file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from adapters.table import mapping as m
from adapters.table.reading import Row
from adapters.table.values import CellInvalid, instant_us, number, product_minor, to_minor

Text = Callable[[Row], str]
Number = Callable[[Row], Decimal]
Minor = Callable[[Row, int], int]
Test = Callable[[Sequence[str]], bool]


@dataclass(frozen=True, slots=True)
class Cells:
    """Readers for the cells of one file. Spaces around a cell are dropped.

    Raises:
        MappingInvalid: From each method: the file has no such column, or a constant is no number.
    """

    file: str
    header: tuple[str, ...]
    form: m.FileFormat

    def index(self, column: str) -> int:
        """Returns the place of a column."""
        try:
            return self.header.index(column)
        except ValueError:
            has = ", ".join(self.header)
            raise m.MappingInvalid(f"{self.file} has no column {column!r}; it has {has}") from None

    def text(self, cell: m.Cell) -> Text:
        """Returns a reader of text."""
        if isinstance(cell, m.Constant):
            constant = cell.constant
            return lambda row: constant
        if isinstance(cell, m.RowNumber):
            return lambda row: str(row.number)
        index = self.index(cell)
        return lambda row: row.cells[index].strip()

    def number(self, cell: m.Cell) -> Number:
        """Returns a reader of decimals; constants are written with a point whatever the file does."""
        text = self.text(cell)
        if isinstance(cell, m.RowNumber):
            return lambda row: Decimal(row.number)
        if isinstance(cell, m.Constant):
            constant = _constant(cell.constant)
            return lambda row: constant
        decimal, thousands = self.form.decimal, self.form.thousands

        def read(row: Row) -> Decimal:
            try:
                return number(text(row), decimal, thousands)
            except CellInvalid as error:
                raise CellInvalid(f"{cell}: {error}") from None

        return read

    def minor(self, amount: m.Cell | m.Product) -> Minor:
        """Returns a reader of money: minor units of a currency with so many decimals."""
        if not isinstance(amount, m.Product):
            value = self.number(amount)
            return lambda row, exponent: to_minor(value(row), exponent)
        quantity, price = self.number(amount.quantity), self.number(amount.price)
        return lambda row, exponent: product_minor(quantity(row), price(row), exponent)

    def instant(self, column: str) -> Callable[[Row], int]:
        """Returns a reader of instants in microseconds since 1970 UTC."""
        index, formats = self.index(column), self.form.date_formats
        zone = ZoneInfo(self.form.time_zone)

        def read(row: Row) -> int:
            try:
                return instant_us(row.cells[index].strip(), formats, zone)
            except CellInvalid as error:
                raise CellInvalid(f"{column}: {error}") from None

        return read

    def document_id(self, columns: Sequence[str]) -> Callable[[Sequence[str]], str]:
        """Returns a reader of ids: the cells that are not empty, joined by colons.

        The first column must not be empty: ("", "7") would meet ("7", "").
        """
        if len(columns) == 1:
            only = self.index(columns[0])
            return lambda cells: cells[only].strip() if only < len(cells) else ""
        first, *others = [self.index(column) for column in columns]

        def read(cells: Sequence[str]) -> str:
            if max(first, *others) >= len(cells) or not cells[first].strip():
                return ""
            parts = (cells[index].strip() for index in (first, *others))
            return ":".join(part for part in parts if part)

        return read

    def meets(self, conditions: Sequence[m.Condition]) -> Test:
        """Returns a test of all conditions; of none, it always holds."""
        tests = [test for condition in conditions for test in self._tests(condition)]
        if len(tests) == 1:
            return tests[0]

        def all_hold(cells: Sequence[str]) -> bool:
            for test in tests:  # noqa: SIM110 - all() with a generator takes three times as long
                if not test(cells):
                    return False
            return True

        return all_hold

    def _tests(self, condition: m.Condition) -> list[Test]:
        index = self.index(condition.column)
        tests: list[Test] = []
        if condition.equals is not None:
            equals = condition.equals
            tests.append(lambda cells: cells[index].strip() == equals)
        if condition.one_of is not None:
            one_of = frozenset(condition.one_of)
            tests.append(lambda cells: cells[index].strip() in one_of)
        if condition.prefix is not None:
            prefix = condition.prefix
            tests.append(lambda cells: cells[index].lstrip().startswith(prefix))
        if condition.empty is not None:
            empty = condition.empty
            tests.append(lambda cells: (not cells[index].strip()) == empty)
        return tests


def _constant(text: str) -> Decimal:
    try:
        return number(text, ".", "")
    except CellInvalid as error:
        raise m.MappingInvalid(f"constant {error}") from error
