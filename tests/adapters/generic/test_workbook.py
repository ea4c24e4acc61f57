"""Workbooks to rows: numbers, dates, and what is wrong with a sheet."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.table.reading import FileUnreadable, open_table
from adapters.table.workbook import cell_text


def workbook(path: Path, rows: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    book.create_sheet("second").append(["not", "read"])
    book.save(path)
    book.close()
    return path


def test_wrong_rows_of_a_workbook_are_told_by_number(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["A", "B"], ["1", "2", "3"], [], ["#N/A", 5], [None, 6]])
    with open_table(path, "utf-8", ",") as table:
        rows = list(table.rows)
    assert table.header == ("A", "B")
    assert [(row.number, row.problem) for row in rows] == [
        (1, "has 3 cells, the header has 2"),
        (3, "holds a formula's error: A4 #N/A"),
        (4, ""),
    ]
    assert rows[2].cells == ["", "6"]


def test_a_workbook_without_a_header_is_told(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [])
    with pytest.raises(FileUnreadable, match="must name the columns"), open_table(path, "", ","):
        pass


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (19.99, "19.99"),
        (3.0, "3"),
        (-0.5, "-0.5"),
        (1e21, "1000000000000000000000"),
        (1e-7, "0.0000001"),
        (True, "true"),
        (4711, "4711"),
        (datetime(2026, 3, 1, 10, 29, 59, 999_996), "2026-03-01 10:30:00"),  # noqa: DTZ001
        (date(2026, 3, 1), "2026-03-01 00:00:00"),
        (time(9, 5), "09:05:00"),
        (None, ""),
    ],
)
def test_cells_come_out_as_exact_text(value: object, text: str) -> None:
    assert cell_text(value) == text


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 6))
def test_a_number_of_up_to_15_digits_comes_out_as_it_was_typed(digits: int, decimals: int) -> None:
    typed = Decimal(digits).scaleb(-decimals)
    assert Decimal(cell_text(float(typed))) == typed
