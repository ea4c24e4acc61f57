"""Rows to documents: which section takes a row, and which rows belong together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from adapters.contract import AdapterError
from adapters.table.reading import Row

DOCUMENTS_MAX = 5_000_000  # of one run: their ids are remembered, about 150 bytes each
ROWS_PER_DOCUMENT_MAX = 100_000


class TooMuch(AdapterError):
    """A file holds more than a named maximum."""


@dataclass(frozen=True, slots=True)
class RowError:
    """Something wrong with a row. The document it belongs to, if it is known, is held back whole.

    Attributes:
        file: The file's name.
        row: Number of the row, from 1 after the header.
        document: Event id of the document, or what is known of it; empty when nothing is.
        message: What is wrong, as a sentence that continues "row 17 …" or names the column.
    """

    file: str
    row: int
    document: str
    message: str


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
    """Rows that are one document; still growing while its file is read."""

    section: int
    kind: str
    id: str
    rows: list[Row] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Returns kind and id, as in ``order:536365``."""
        return f"{self.kind}:{self.id}"


class Grouping:
    """Groups the rows of one run's files. Knows every document it closed, to notice a late row."""

    def __init__(self) -> None:
        self.rows_read = 0
        self._closed: set[str] = set()

    def documents(
        self, file: str, rows: Iterable[Row], claims: Sequence[Claim], rows_apart_max: int
    ) -> Iterator[Document | RowError]:
        """Yields each document once ``rows_apart_max`` rows have passed without one of its own.

        A row that comes later still is an error: its document has gone out without it.

        Raises:
            TooMuch: More documents than ``DOCUMENTS_MAX`` in all files of the run, or more rows than
                ``ROWS_PER_DOCUMENT_MAX`` in one of them.
        """
        growing: OrderedDict[str, Document] = OrderedDict()
        for row in rows:
            self.rows_read += 1
            error = self._place(file, row, claims, growing)
            if error is not None:
                yield error
            while growing:
                oldest = next(iter(growing.values()))
                if oldest.rows[-1].number >= row.number - rows_apart_max:
                    break
                yield self._close(growing.popitem(last=False)[1])
        while growing:
            yield self._close(growing.popitem(last=False)[1])

    def _place(
        self, file: str, row: Row, claims: Sequence[Claim], growing: OrderedDict[str, Document]
    ) -> RowError | None:
        """Puts a row into its document; returns an error that belongs to no document."""
        section = _section(row, claims)
        if section is None:
            return RowError(file, row.number, "", row.problem or "is taken by no section")
        claim = claims[section]
        if not claim.kind:
            return None
        document_id = claim.document_id(row.cells)
        if not document_id:
            return RowError(file, row.number, "", row.problem or "has no document id")
        name = f"{claim.kind}:{document_id}"
        document = growing.get(name)
        if document is None:
            if name in self._closed:
                return RowError(file, row.number, name, _TOO_LATE)
            document = growing[name] = Document(section, claim.kind, document_id)
        growing.move_to_end(name)
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
