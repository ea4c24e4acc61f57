"""Rows of anything as records, and records as tables for people, CSV for spreadsheets and JSON for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import TextIO

from rich.table import Table
from rich.text import Text

Cell = str | int | Decimal | date | None
Record = Mapping[str, Cell]
"""One row by column. Text is `str`, numbers are `int` or `Decimal`: only text is guarded against being run as a formula."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local_time(at_us: int, time_zone: tzinfo) -> datetime:
    """Returns an instant (microseconds UTC) in a time zone."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(time_zone)


def json_records(records: Iterable[Record]) -> list[dict[str, object]]:
    """Returns records for JSON: amounts are decimal strings, times ISO 8601 with their offset."""
    return [{name: _json_cell(cell) for name, cell in record.items()} for record in records]


def _json_cell(cell: Cell) -> object:
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return cell.isoformat() if isinstance(cell, date) else cell


def csv_text(columns: Sequence[str], records: Iterable[Record]) -> str:
    """Returns records as CSV (RFC 4180) with a header row, safe to open in a spreadsheet.

    >>> csv_text(("sku", "pieces"), [{"sku": "=1+1", "pieces": -2}])
    "sku,pieces\\r\\n'=1+1,-2\\r\\n"
    """
    text = io.StringIO()
    write_csv(text, columns, records)
    return text.getvalue()


def write_csv(file: TextIO, columns: Sequence[str], records: Iterable[Record]) -> None:
    """Writes records as `csv_text` returns them, one after the other."""
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_csv_cell(record[name]) for name in columns] for record in records)


# What spreadsheets take for the beginning of a formula, also in full width; after a tab or a carriage return they look again.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def _csv_cell(cell: Cell) -> str | int:
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(_FORMULA) else cell
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    if isinstance(cell, date):
        return cell.isoformat()
    return "" if cell is None else cell


def record_table(
    title: str,
    headings: Mapping[str, str],
    records: Sequence[Record],
    folds: Collection[str] = (),
) -> Table:
    """Returns records as a table. Text is shown as it is written, never as markup.

    Args:
        title: What the table shows.
        headings: By column, in the order in which they stand.
        records: The rows.
        folds: Columns that go on in a second line where the terminal is narrow. The others never do: with the columns of
            our tables, 80 characters are enough for them.
    """
    table = Table(title=Text(title, "bold"), title_justify="left", header_style="bold")
    for name, heading in headings.items():
        is_number = any(isinstance(record[name], int | Decimal) for record in records)
        table.add_column(
            Text(heading),
            justify="right" if is_number else "left",
            no_wrap=name not in folds,
            overflow="fold" if name in folds else "ellipsis",
        )
    for record in records:
        table.add_row(*(Text(shown(record[name])) for name in headings))
    return table


def shown(cell: Cell) -> str:
    """Returns a cell as people read it.

    >>> shown(-1234), shown(Decimal("1999.50")), shown(None)
    ('-1,234', '1,999.50', '')
    """
    if isinstance(cell, Decimal):
        return f"{cell:,f}"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, int):
        return f"{cell:,}"
    return cell or ""
