"""Files to rows."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.table.reading import (
    LINES_PER_RECORD_MAX,
    FileUnreadable,
    Row,
    digest,
    open_table,
)

TEXT = 'id,name\n1,Müller\n2,"a, ""b""\nc"\n'


def rows_of(path: Path, encoding: str = "utf-8", delimiter: str = ",") -> list[Row]:
    with open_table(path, encoding, delimiter) as table:
        return list(table.rows)


def as_is(data: bytes) -> bytes:
    return data


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("t.csv", as_is),
        ("t.csv.gz", gzip.compress),
        ("t.csv.xz", lzma.compress),
        ("T.CSV.GZ", gzip.compress),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_packed_or_not_and_in_any_encoding_the_rows_are_the_same(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes], encoding: str
) -> None:
    path = tmp_path / name
    path.write_bytes(pack(TEXT.encode(encoding)))
    assert rows_of(path, encoding) == [Row(1, ["1", "Müller"]), Row(2, ["2", 'a, "b"\nc'])]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbfid\tname\r\n1\tx\r\n")
    with open_table(path, "utf-8", "\t") as table:
        assert table.header == ("id", "name")
        assert list(table.rows) == [Row(1, ["1", "x"])]


def test_a_row_with_bad_bytes_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"id,name\n1,ok\n2,M\xfcller\n3,ok\n")
    good, bad, after = rows_of(path)
    assert (good.problem, after.problem) == ("", "")
    assert (bad.number, bad.cells[0]) == (2, "2")
    assert "bytes" in bad.problem


def test_rows_with_too_few_or_too_many_cells_are_named_and_empty_lines_only_counted(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1\n\n1,2,3\n1,2\n")
    assert [(row.number, row.problem) for row in rows_of(path)] == [
        (1, "has 1 cells, the header has 2"),
        (3, "has 3 cells, the header has 2"),
        (4, ""),
    ]


def test_a_row_that_is_no_csv_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,b\n"x"y,2\n1,2\n')
    bad, good = rows_of(path)
    assert bad.number == 1
    assert bad.problem.startswith("is no CSV record")
    assert good == Row(2, ["1", "2"])


@pytest.mark.parametrize("rows_after", [3, LINES_PER_RECORD_MAX - 1, 50_000])
def test_a_quote_that_is_never_closed_costs_its_own_row_alone(
    tmp_path: Path, rows_after: int
) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1,"2\n' + "3,4\n" * rows_after)
    bad, *others = rows_of(path)
    assert bad.number == 1
    assert bad.problem.startswith("is no CSV record")
    assert others == [Row(number, ["3", "4"]) for number in range(2, rows_after + 2)]


def test_a_record_has_as_many_lines_as_the_maximum_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    fits = "\n" * (LINES_PER_RECORD_MAX - 1)
    path.write_text(f'a,b\n1,"{fits}"\n2,"{fits}\n"\n')
    good, bad, *_ = rows_of(path)
    assert good == Row(1, ["1", fits])
    assert "has more than 100 lines: is a quote not closed?" in bad.problem


def test_a_row_that_is_no_csv_and_has_bad_bytes_does_not_blame_the_next(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b'a,b\n"\xfc"y,2\n1,2\n')
    bad, good = rows_of(path)
    assert bad.problem.startswith("is no CSV record")
    assert good == Row(2, ["1", "2"])


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("t.csv", b"", "must name the columns"),
        ("t.csv", b"a,a\n", "more than one column is called a"),
        ("t.csv.gz", b"a,b\n", "cannot be read"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 9)[:-12], "cannot be read"),
        ("t.csv.xz", b"a,b\n", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, name: str, data: bytes, told: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(FileUnreadable, match=told):
        rows_of(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="No such file"):
        rows_of(tmp_path / "none.csv")


def test_a_digest_tells_files_apart(tmp_path: Path) -> None:
    one, other = tmp_path / "1", tmp_path / "2"
    one.write_bytes(b"a")
    other.write_bytes(b"b")
    assert digest([one], b"m") == digest([one], b"m")
    assert len({digest([one]), digest([other]), digest([one], b"m"), digest([one, other])}) == 4
