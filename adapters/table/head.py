"""What belongs to a document as a whole: id, version, time, and what else must not differ in its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from google.protobuf.timestamp_pb2 import Timestamp

from adapters.table import mapping as m
from adapters.table.cells import Cells, Text
from adapters.table.grouping import Document, RowError
from adapters.table.reading import Row
from adapters.table.values import CellInvalid
from pointbook.v1 import events_pb2

LINES_MAX = 5_000  # of one document on the wire
ERRORS_PER_DOCUMENT_MAX = 100
VERSION_DIGITS_MAX = 18

Assembler = Callable[[Document], events_pb2.Event]


class DocumentInvalid(Exception):
    """A document that cannot become an event, with what is wrong in which rows."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Problems:
    """Collects what is wrong with a document, at most ``ERRORS_PER_DOCUMENT_MAX`` of it."""

    file: str
    document: Document
    errors: list[RowError] = field(default_factory=list)

    def add(self, row: Row, message: str) -> None:
        """Notes a problem of a row."""
        if len(self.errors) < ERRORS_PER_DOCUMENT_MAX:
            self.errors.append(RowError(self.file, row.number, self.document.name, message))

    def stop_if_any(self) -> None:
        """Raises DocumentInvalid if there was a problem."""
        if self.errors:
            raise DocumentInvalid(self.errors)


@dataclass(frozen=True, slots=True)
class Head:
    """Reads what must be the same in all rows of a document."""

    file: str
    texts: dict[str, Text]
    varying: tuple[tuple[str, Text], ...]
    instant: Callable[[Row], int]
    pick: Callable[[Iterable[int]], int]

    @staticmethod
    def of(
        section: m.Order | m.Shipment | m.Return | m.MemberRow,
        cells: Cells,
        parts: dict[str, m.Cell],
    ) -> Head:
        """Prepares to read parts by name; the version always is one."""
        named = {"version": section.version, **parts}
        texts = {name: cells.text(cell) for name, cell in named.items()}
        # Constants cannot differ; reading them in every row would cost as much as the columns do.
        varying = tuple(
            (name, texts[name]) for name, cell in named.items() if isinstance(cell, str)
        )
        pick = min if section.time_of_rows == "earliest" else max
        return Head(cells.file, texts, varying, cells.instant(section.time), pick)

    def read(self, document: Document, problems: Problems) -> tuple[dict[str, str], int]:
        """Returns the texts by name, and the instant in microseconds since 1970 UTC."""
        first = document.rows[0]
        texts = {name: read(first) for name, read in self.texts.items()}
        for name, read in self.varying:
            expected = texts[name]
            for row in document.rows:
                if read(row) != expected:
                    differs = f"{name} is {read(row)!r}, in the document's first row {expected!r}"
                    problems.add(row, differs)
        version = texts["version"]
        if not (version.isascii() and version.isdigit() and len(version) <= VERSION_DIGITS_MAX):
            problems.add(first, f"version {version!r} is not a whole number")
        return texts, self._instant(document, problems)

    def _instant(self, document: Document, problems: Problems) -> int:
        instants = []
        for row in document.rows:
            try:
                instants.append(self.instant(row))
            except CellInvalid as error:
                problems.add(row, str(error))
        return self.pick(instants) if instants else 0


def event_id(document: Document, version: int) -> str:
    """Returns the event's id: ``order:536365``, and ``order:536365@2`` for versions after the first."""
    return document.name if version == 1 else f"{document.name}@{version}"


def set_instant(field: Timestamp, microseconds: int) -> None:
    """Sets a timestamp in place."""
    field.seconds, rest = divmod(microseconds, 1_000_000)
    field.nanos = rest * 1_000


def money_parts(money: m.Money) -> dict[str, m.Cell]:
    """Returns the parts of a head that say what the amounts are in."""
    rate = money.rate_to_book
    return {"currency": money.currency} | ({"rate": rate} if rate is not None else {})


def exponent(money: m.Money, currency: str, document: Document, problems: Problems) -> int:
    """Returns how many decimals a currency has, as the mapping says; never guessed."""
    decimals = money.exponents.get(currency)
    if decimals is None:
        known = ", ".join(sorted(money.exponents))
        problems.add(document.rows[0], f"currency {currency!r} is none of money.exponents: {known}")
        return 0
    return decimals
