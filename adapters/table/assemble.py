"""Rows of one file to events. Pure: the same rows and mapping give the same events, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from adapters.table import mapping as m
from adapters.table.cells import Cells
from adapters.table.grouping import (
    DOCUMENT_HELD_BACK,
    Claim,
    Document,
    Grouping,
    RowError,
)
from adapters.table.head import Assembler, DocumentInvalid
from adapters.table.members import member_assembler
from adapters.table.orders import order_assembler
from adapters.table.reading import Row
from adapters.table.returns import return_assembler
from adapters.table.shipments import shipment_assembler
from pointbook.v1 import events_pb2


class Found(NamedTuple):
    """An event, and the number of its document's first row."""

    event: events_pb2.Event
    row: int


def events_of_rows(
    mapping: m.Mapping, name: m.FileName, cells: Cells, rows: Iterable[Row], grouping: Grouping
) -> Iterator[Found | RowError]:
    """Yields an event for each document of a file, or what is wrong with it.

    A document with one wrong row is held back whole: without the row its total would be wrong. So is
    one that a row of an unknown document may be part of.

    Args:
        mapping: The mapping.
        name: Which of the mapping's files it is.
        cells: The file's header and format.
        rows: The file's rows.
        grouping: The run's grouping, shared by its files.

    Raises:
        MappingInvalid: The file lacks a column the mapping names.
        AdapterError: See ``Grouping.documents``.
    """
    sections = [section for section in mapping.documents if section.file == name]
    claims = [_claim(section, cells) for section in sections]
    assemblers = [_assembler(section, mapping.money, cells) for section in sections]
    documents = grouping.documents(cells.file, rows, claims, cells.form.rows_apart_max)
    return _events(cells.file, documents, assemblers)


def _events(
    file: str, documents: Iterable[Document | RowError], assemblers: Sequence[Assembler]
) -> Iterator[Found | RowError]:
    for document in documents:
        if isinstance(document, RowError):
            yield document
        elif document.errors:
            yield from document.errors
        else:
            try:
                event = assemblers[document.section](document)
            except DocumentInvalid as invalid:
                yield from invalid.errors
            else:
                yield _held_back(file, document) or Found(event, document.rows[0].number)


def _held_back(file: str, document: Document) -> RowError | None:
    if not document.lost_row:
        return None
    told = f"row {document.lost_row}, whose document is not known, may be part of it"
    return RowError(file, document.rows[0].number, document.name, told, DOCUMENT_HELD_BACK)


def _claim(section: m.Section, cells: Cells) -> Claim:
    takes = cells.meets(section.when)
    if isinstance(section, m.Ignored):
        return Claim("", takes, lambda _: "")
    return Claim(section.kind, takes, cells.document_id(section.id))


def _assembler(section: m.Section, money: m.Money | None, cells: Cells) -> Assembler:
    if isinstance(section, m.Ignored):
        return _nothing
    if isinstance(section, m.MemberRow):
        return member_assembler(section, cells)
    if isinstance(section, m.Shipment):
        return shipment_assembler(section, cells)
    assert money is not None, "the mapping was checked"
    if isinstance(section, m.Order):
        return order_assembler(section, money, cells)
    return return_assembler(section, money, cells)


def _nothing(document: Document) -> events_pb2.Event:
    raise AssertionError(f"{document.name}: ignored rows are no document")
