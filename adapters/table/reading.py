"""Text files and workbooks to rows: compression, encoding, delimiter."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import lzma
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from adapters.contract import AdapterError
from adapters.table.workbook import Record, WorkbookUnreadable
from adapters.table.workbook import records as workbook_records

LINES_PER_RECORD_MAX = 100  # a quote that is never closed would swallow the rest of the file
_UNREADABLE = "\ufffd"  # what the decoder leaves for bytes that are no text


class FileUnreadable(AdapterError):
    """A file cannot be opened, unpacked or decoded, or has no header."""


class Row(NamedTuple):
    """One record. ``number`` counts from 1 after the header; ``problem`` is empty when it is fine."""

    number: int
    cells: list[str]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A file that is being read: its header, and its rows as a stream."""

    name: str
    header: tuple[str, ...]
    rows: Iterator[Row]
    _file: BinaryIO

    def bytes_read(self) -> int:
        """Returns how far the file on disk has been read, for progress; packed bytes if packed."""
        return self._file.tell()


@contextmanager
def open_table(path: Path, encoding: str, delimiter: str) -> Iterator[Table]:
    """Opens a ``.csv``, ``.csv.gz``, ``.csv.xz`` or ``.xlsx`` (by its ending) and reads its header.

    Of a workbook the first sheet counts; encoding and delimiter do not.
    Quotes are double quotes, doubled inside. A byte order mark is dropped. Rows with a problem (bytes
    that are no text, too many or too few cells, no CSV) come out with a sentence about it.

    Raises:
        FileUnreadable: Here or while reading rows.
    """
    with _readable(path):
        file = path.open("rb")
    with file:
        if path.suffix.lower() == ".xlsx":
            yield _sheet(path, file)
            return
        with _readable(path):
            text = io.TextIOWrapper(_unpacked(path, file), encoding, errors="replace", newline="")
            lines = _Lines(text)
            records = csv.reader(lines, delimiter=delimiter, strict=True)
            header = _header(path, next(records, []), lines)
        yield Table(path.name, header, _rows(path, records, lines, len(header)), file)


def _sheet(path: Path, file: BinaryIO) -> Table:
    found = workbook_records(file)
    with _readable(path):
        first = next(found, Record([]))
    header = _names(path, first.cells)
    return Table(path.name, header, _sheet_rows(path, found, len(header)), file)


def _sheet_rows(path: Path, records: Iterator[Record], width: int) -> Iterator[Row]:
    """Yields the rows of a sheet; empty cells at the end were left out, and empty rows have only a number."""
    with _readable(path):
        for number, (cells, problem) in enumerate(records, 1):
            if len(cells) > width:
                problem = problem or f"has {len(cells)} cells, the header has {width}"
            if cells:
                yield Row(number, cells + [""] * (width - len(cells)), problem)


def digest(paths: Iterable[Path], *more: bytes) -> str:
    """Returns a digest of files and more, to tell whether a run goes on or another begins.

    Raises:
        FileUnreadable: A file cannot be read.
    """
    total = hashlib.sha256()
    for path in paths:
        with _readable(path), path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    for each in more:
        total.update(hashlib.sha256(each).digest())
    return total.hexdigest()


class _Lines:
    """Passes lines on, and remembers those of the record that is being read.

    Attributes:
        unreadable: Whether the record holds bytes that are no text.
    """

    def __init__(self, text: Iterable[str]) -> None:
        self._text = iter(text)
        self._again: deque[str] = deque()
        self._record: list[str] = []
        self.unreadable = False

    def __iter__(self) -> _Lines:
        return self

    def begin_record(self) -> None:
        """Forgets the lines of the record before."""
        self._record.clear()
        self.unreadable = False

    def go_back(self) -> None:
        """Makes the record's second line the next one.

        A quote too many takes the lines after it into its record. They are rows of their own: left
        out, they would be missing, and every row after them would have another number.
        """
        self._again.extendleft(reversed(self._record[1:]))

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._text)
        self._record.append(line)
        if len(self._record) > LINES_PER_RECORD_MAX:
            raise csv.Error(f"has more than {LINES_PER_RECORD_MAX} lines: is a quote not closed?")
        if not line.isascii() and _UNREADABLE in line:
            self.unreadable = True
        return line


def _unpacked(path: Path, file: BinaryIO) -> BinaryIO:
    packing = path.suffix.lower()
    if packing == ".gz":
        return cast(BinaryIO, gzip.GzipFile(fileobj=file, mode="rb"))
    if packing == ".xz":
        return cast(BinaryIO, lzma.LZMAFile(file))
    return file


def _header(path: Path, cells: list[str], lines: _Lines) -> tuple[str, ...]:
    if lines.unreadable:
        raise FileUnreadable(
            f"{path}: the header holds bytes that are not of the mapping's encoding"
        )
    return _names(path, cells)


def _names(path: Path, cells: list[str]) -> tuple[str, ...]:
    names = tuple(cell.removeprefix("\ufeff").strip() for cell in cells)
    if not any(names):
        raise FileUnreadable(f"{path}: the first line must name the columns")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise FileUnreadable(f"{path}: more than one column is called {', '.join(twice)}")
    return names


def _rows(path: Path, records: Iterator[list[str]], lines: _Lines, width: int) -> Iterator[Row]:
    number = 0
    with _readable(path):
        while True:
            number += 1
            lines.begin_record()
            try:
                cells = next(records)
            except StopIteration:
                return
            except csv.Error as error:
                lines.go_back()
                yield Row(number, [], f"is no CSV record: {error}")
                continue
            if lines.unreadable:
                yield Row(number, cells, "holds bytes that are not of the mapping's encoding")
            elif len(cells) == width:
                yield Row(number, cells)
            elif cells:  # an empty line is nothing, though it has a number
                yield Row(number, cells, f"has {len(cells)} cells, the header has {width}")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (
        OSError,
        EOFError,
        lzma.LZMAError,
        zlib.error,
        UnicodeError,
        csv.Error,
        WorkbookUnreadable,
    ) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise FileUnreadable(f"{path} cannot be read: {why}") from error
