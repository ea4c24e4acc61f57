"""The first sheet of an XLSX file to records of text, as a CSV file would hold them.

A spreadsheet keeps numbers as binary floats of 15 to 17 digits: 19.99 comes out as "19.99", but what somebody typed with
more than 15 digits was lost when the file was saved. Long numbers (cards, telephones) have to be cells of text there.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, BinaryIO, NamedTuple

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

UNPACKED_BYTES_MAX = 2 * 1024**3  # a small archive can hold a large nothing
COLUMNS_MAX = 1_000
_ERROR = "e"
_HALF_SECOND = timedelta(milliseconds=500)


class WorkbookUnreadable(Exception):
    """A file is no workbook, or too large to be one in earnest."""


class Record(NamedTuple):
    """One row of the sheet: cells as text, and what is wrong with it, empty when nothing is."""

    cells: list[str]
    problem: str = ""


def records(file: BinaryIO) -> Iterator[Record]:
    """Yields the rows of the first sheet, the header first; cells that are empty at a row's end are left out.

    Raises:
        WorkbookUnreadable: Here or while reading rows.
    """
    try:
        with zipfile.ZipFile(file) as packed:
            unpacked = sum(each.file_size for each in packed.infolist())
        if unpacked > UNPACKED_BYTES_MAX:
            raise WorkbookUnreadable(f"unpacked it has {unpacked:,} bytes, too many for a table")
        file.seek(0)
        with closing(openpyxl.load_workbook(file, read_only=True, data_only=True)) as book:
            if not book.worksheets:
                raise WorkbookUnreadable("it has no sheet with cells")
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # programs write wrong ones, and cells beyond them would be lost
            for row in sheet.iter_rows(max_col=COLUMNS_MAX):
                yield _record(row)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, SyntaxError) as error:
        # SyntaxError: what XML parsers raise is one.
        raise WorkbookUnreadable(f"it is no XLSX workbook: {error}") from error


def _record(row: tuple[Any, ...]) -> Record:
    cells = [cell_text(cell.value) for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    broken = [cell for cell in row if cell.value is not None and cell.data_type == _ERROR]
    if broken:
        said = ", ".join(f"{cell.coordinate} {cell.value}" for cell in broken)
        return Record(cells, f"holds a formula's error: {said}")
    return Record(cells)


def cell_text(value: object) -> str:
    """Returns a cell's value as text: 2.50 is "2.5", 1e21 has 22 digits, a date is "2026-03-01 00:00:00".

    Times are rounded to the second: spreadsheets count days in floats, and 10:30 may be stored as 10:29:59.999996.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _shortest(value)
    if isinstance(value, datetime):
        return f"{(value + _HALF_SECOND).replace(microsecond=0):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, date):
        return f"{value:%Y-%m-%d} 00:00:00"
    if isinstance(value, time):
        return f"{value:%H:%M:%S}"
    return str(value)


def _shortest(value: float) -> str:
    """Returns the shortest decimal that is this float, without exponent: 3.0 is "3", 1e-7 is "0.0000001"."""
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
