"""Rows to documents: which section takes a row, and which rows belong together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from adapters.contract import AdapterError
from adapters.table.reading import Row

DOCUMENTS_MAX = 5_000_000  # of one run: their ids are remembered, about 150 bytes each
ROWS_PER_DOCUMENT_MAX = 100_000

ROW_INVALID = "ROW_INVALID"
DOCUMENT_HELD_BACK = "DOCUMENT_HELD_BACK"


class TooMuch(AdapterError):
    """A file holds more than a named maximum."""


@dataclass(frozen=True, slots=True)
class RowError:
    """Something wrong with a row, or a document that is held back because of another row.

    Attributes:
        file: The file's name.
        row: Number of the row, from 1 after the header; of a document held back, its first.
        document: Event id of the document, or what is known of it; empty when nothing is.
        message: What is wrong, as a sentence that continues "row 17 …" or names the column.
        reason: ``ROW_INVALID`` or ``DOCUMENT_HELD_BACK``.
    """

    file: str
    row: int
    document: str
    message: str
    reason: str = ROW_INVALID


@dataclass(frozen=True, slots=True)
class Claim:
    """What one section of the mapping says about rows.

    Attributes:
        kind: Kind of the documents; empty when the rows are ignored.
        takes: Whether a row's cells meet the section's conditions.
        document_id: The id in a row's cells; empty when they hold none.
    """

    kind: str
    takes: Callable[[Sequence[str]], bool]
    document_id: Callable[[Sequence[str]], str]


@dataclass(slots=True)
class Document:
    """Rows that are one document; still growing while its file is read.

    ``lost_row`` is the number of a row whose document is not known and may be this one; 0 without one.
    """

    section: int
    kind: str
    id: str
    rows: list[Row] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    lost_row: int = 0

    @property
    def name(self) -> str:
        """Returns kind and id, as in ``order:536365``."""
        return f"{self.kind}:{self.id}"


class _Growing:
    """The documents of one file that may still get rows, the one with the oldest last row first."""

    def __init__(self, rows_apart_max: int) -> None:
        self._rows_apart_max = rows_apart_max
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._whole: dict[str, Document] = {}  # those without a lost row
        self._lost_row = 0

    def find(self, name: str) -> Document | None:
        """Returns a document that is growing, as the one with the newest row."""
        document = self._documents.get(name)
        if document is not None:
            self._documents.move_to_end(name)
        return document

    def begin(self, document: Document, row: int) -> None:
        """Takes up a document that first appears in a row. A row lost shortly before may be its first."""
        name = document.name
        self._documents[name] = document
        if self._lost_row and row <= self._lost_row + self._rows_apart_max + 1:
            document.lost_row = self._lost_row
        else:
            self._whole[name] = document

    def lose(self, row: int) -> None:
        """Notes a row whose document is not known: it may be any that is growing."""
        self._lost_row = row
        for document in self._whole.values():
            document.lost_row = row
        self._whole.clear()

    def ended(self, row: int) -> Iterator[Document]:
        """Yields and forgets the documents that get no more rows once this one was read."""
        if row == self._lost_row:  # it may be of the very documents that it would close
            return
        while self._documents:
            oldest = next(iter(self._documents.values()))
            if oldest.rows[-1].number >= row - self._rows_apart_max:
                return
            yield self._end()

    def rest(self) -> Iterator[Document]:
        """Yields and forgets all documents."""
        while self._documents:
            yield self._end()

    def _end(self) -> Document:
        name, document = self._documents.popitem(last=False)
        self._whole.pop(name, None)
        return document


class Grouping:
    """Groups the rows of one run's files. Knows every document it closed, to notice a late row.

    Attributes:
        rows_read: Rows of all files.
        rows_ignored: Those that sections said to ignore.
    """

    def __init__(self) -> None:
        self.rows_read = 0
        self.rows_ignored = 0
        self._closed: set[str] = set()

    def documents(
        self, file: str, rows: Iterable[Row], claims: Sequence[Claim], rows_apart_max: int
    ) -> Iterator[Document | RowError]:
        """Yields each document once ``rows_apart_max`` rows have passed without one of its own.

        A row that comes later still is an error: its document has gone out without it. A row whose
        document is not known may be part of any that is so near: they get it as ``lost_row``.

        Raises:
            TooMuch: More documents than ``DOCUMENTS_MAX`` in all files of the run, or more rows than
                ``ROWS_PER_DOCUMENT_MAX`` in one of them.
        """
        growing = _Growing(rows_apart_max)
        for row in rows:
            self.rows_read += 1
            error = self._place(file, row, claims, growing)
            if error is not None:
                yield error
            for document in growing.ended(row.number):
                yield self._close(document)
        for document in growing.rest():
            yield self._close(document)

    def _place(
        self, file: str, row: Row, claims: Sequence[Claim], growing: _Growing
    ) -> RowError | None:
        """Puts a row into its document; returns an error that belongs to no document."""
        section = _section(row, claims)
        if section is None:
            growing.lose(row.number)
            return RowError(file, row.number, "", row.problem or "is taken by no section")
        claim = claims[section]
        if not claim.kind:
            self.rows_ignored += 1
            return None
        document_id = claim.document_id(row.cells)
        if not document_id:
            growing.lose(row.number)
            return RowError(file, row.number, "", row.problem or "has no document id")
        name = f"{claim.kind}:{document_id}"
        document = growing.find(name)
        if document is None:
            if (
                row.problem
            ):  # cells may have shifted: what stands where the id should be is no proof
                growing.lose(row.number)
            if name in self._closed:
                return RowError(file, row.number, name, row.problem or _TOO_LATE)
            document = Document(section, claim.kind, document_id)
            growing.begin(document, row.number)
        _add(document, file, row, section)
        return None

    def _close(self, document: Document) -> Document:
        if len(self._closed) >= DOCUMENTS_MAX:
            raise TooMuch(f"more than {DOCUMENTS_MAX} documents in one run: split the file")
        self._closed.add(document.name)
        return document


_TOO_LATE = "comes after its document was closed: raise rows_apart_max or sort the file"


def _section(row: Row, claims: Sequence[Claim]) -> int | None:
    try:
        for index, claim in enumerate(claims):
            if claim.takes(row.cells):
                return index
    except IndexError:  # a row with a problem may be too short for the conditions
        if not row.problem:
            raise
    return None


def _add(document: Document, file: str, row: Row, section: int) -> None:
    rows, errors = document.rows, document.errors
    if row.problem:
        errors.append(RowError(file, row.number, document.name, row.problem))
    if section != document.section:
        told = "is taken by another section than the document's first row"
        errors.append(RowError(file, row.number, document.name, told))
    if len(rows) >= ROWS_PER_DOCUMENT_MAX:
        raise TooMuch(
            f"{document.name} has more than {ROWS_PER_DOCUMENT_MAX} rows: is the id column the right one?"
        )
    rows.append(row)
