"""Rows to returns."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.table import mapping as m
from adapters.table.cells import Cells, Minor, Number, Text
from adapters.table.grouping import Document
from adapters.table.head import (
    LINES_MAX,
    Assembler,
    Head,
    Problems,
    event_id,
    exponent,
    money_parts,
    set_instant,
)
from adapters.table.reading import Row
from adapters.table.values import QUANTITY_DECIMALS_MAX, CellInvalid, decimal_text
from pointbook.v1 import events_pb2


def return_assembler(section: m.Return, money: m.Money, cells: Cells) -> Assembler:
    """Returns the function that makes returns of a file's documents."""
    parts: dict[str, m.Cell] = {"order_id": section.order_id, **money_parts(money)}
    head, line = Head.of(section, cells, parts), _LineReader.of(section.line, cells)

    def assemble(document: Document) -> events_pb2.Event:
        problems = Problems(cells.file, document)
        texts, at = head.read(document, problems)
        decimals = exponent(money, texts["currency"], document, problems)
        lines = _lines(line, decimals, document, problems)
        problems.stop_if_any()
        version = int(texts["version"])
        event = events_pb2.Event(event_id=event_id(document, version))
        returned: events_pb2.Return = getattr(event, "return")  # a keyword cannot be an attribute
        returned.id, returned.version = document.id, version
        returned.status = events_pb2.DOCUMENT_STATUS_DONE
        returned.order_id = texts["order_id"]
        set_instant(returned.returned_at, at)
        returned.lines.extend(lines)
        return event

    return assemble


@dataclass(frozen=True, slots=True)
class _LineReader:
    """Readers of what of a row is a return line. ``sign`` is -1 when the file says it with minus signs."""

    id: Text
    quantity: Number
    amount: Minor
    tax: Minor | None
    sign: int

    @staticmethod
    def of(line: m.ReturnLine, cells: Cells) -> _LineReader:
        return _LineReader(
            cells.text(line.id),
            cells.number(line.quantity),
            cells.minor(line.amount),
            cells.minor(line.tax) if line.tax is not None else None,
            -1 if line.negated else 1,
        )

    def read(self, row: Row, decimals: int) -> events_pb2.ReturnLine:
        quantity = self.quantity(row) * self.sign
        amount = self.amount(row, decimals) * self.sign
        tax = None if self.tax is None else self.tax(row, decimals) * self.sign
        if quantity <= 0 or amount < 0 or (tax is not None and tax < 0):
            raise CellInvalid(
                f"gives back {quantity} pieces and {amount} minor units, which must be above 0 "
                "and not below 0: see negated"
            )
        return events_pb2.ReturnLine(
            line_id=self.id(row),
            quantity=decimal_text(quantity, QUANTITY_DECIMALS_MAX),
            amount_minor=amount,
            tax_minor=tax,
        )


def _lines(
    reader: _LineReader, decimals: int, document: Document, problems: Problems
) -> list[events_pb2.ReturnLine]:
    lines = []
    for row in document.rows:
        try:
            lines.append(reader.read(row, decimals))
        except CellInvalid as error:
            problems.add(row, str(error))
    if len(lines) > LINES_MAX:
        problems.add(document.rows[0], f"has {len(lines)} lines, at most {LINES_MAX} are taken")
    return lines
