"""Rows to orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.table import mapping as m
from adapters.table.cells import Cells, Minor, Number, Test, Text
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
from adapters.table.values import (
    QUANTITY_DECIMALS_MAX,
    RATE_DECIMALS_MAX,
    CellInvalid,
    decimal_text,
    number,
)
from pointbook.v1 import events_pb2

STATUSES: dict[str, events_pb2.OrderStatus] = {
    "draft": events_pb2.ORDER_STATUS_DRAFT,
    "confirmed": events_pb2.ORDER_STATUS_CONFIRMED,
    "completed": events_pb2.ORDER_STATUS_COMPLETED,
    "cancelled": events_pb2.ORDER_STATUS_CANCELLED,
}


def order_assembler(section: m.Order, money: m.Money, cells: Cells) -> Assembler:
    """Returns the function that makes orders of a file's documents."""
    parts = _parts(section, money)
    # A constant is written with a point, whatever the file does.
    rate_form = cells.form if isinstance(money.rate_to_book, str) else m.FileFormat()
    head, line = Head.of(section, cells, parts), _LineReader.of(section.line, cells)

    def assemble(document: Document) -> events_pb2.Event:
        problems = Problems(cells.file, document)
        texts, at = head.read(document, problems)
        decimals = exponent(money, texts["currency"], document, problems)
        rate = _rate(texts.get("rate", ""), rate_form, document, problems)
        lines = _lines(line, decimals, document, problems)
        status = _status(section, texts, lines, document, problems)
        problems.stop_if_any()
        version = int(texts["version"])
        order = events_pb2.Order(
            id=document.id,
            version=version,
            status=STATUSES[status],
            store=texts["store"],
            channel=texts["channel"],
            currency_code=texts["currency"],
            rate_to_book=rate,
            lines=lines,
        )
        set_instant(order.ordered_at, at)
        if section.member is not None and texts["member"]:
            order.member.CopyFrom(
                events_pb2.MemberRef(**{section.member.known_as: texts["member"]})
            )
        return events_pb2.Event(event_id=event_id(document, version), order=order)

    return assemble


@dataclass(frozen=True, slots=True)
class _LineReader:
    """Readers of what of a row is an order line."""

    id: Text
    sku: Text
    category: Text
    description: Text
    quantity: Number
    amount: Minor
    tax: Minor
    is_gift: Test

    @staticmethod
    def of(line: m.OrderLine, cells: Cells) -> _LineReader:
        return _LineReader(
            cells.text(line.id),
            cells.text(line.sku),
            cells.text(line.category),
            cells.text(line.description),
            cells.number(line.quantity),
            cells.minor(line.amount),
            cells.minor(line.tax),
            cells.meets([line.gift]) if line.gift else lambda _: False,
        )

    def read(self, row: Row, decimals: int) -> events_pb2.OrderLine:
        return events_pb2.OrderLine(
            line_id=self.id(row),
            sku=self.sku(row),
            category=self.category(row),
            quantity=decimal_text(self.quantity(row), QUANTITY_DECIMALS_MAX),
            amount_minor=self.amount(row, decimals),
            tax_minor=self.tax(row, decimals),
            is_gift=self.is_gift(row.cells),
            description=self.description(row),
        )


def _parts(section: m.Order, money: m.Money) -> dict[str, m.Cell]:
    parts: dict[str, m.Cell] = {"store": section.store, "channel": section.channel}
    if section.member is not None:
        parts["member"] = section.member.column
    if isinstance(section.status, m.StatusColumn):
        parts["status"] = section.status.column
    return parts | money_parts(money)


def _lines(
    reader: _LineReader, decimals: int, document: Document, problems: Problems
) -> list[events_pb2.OrderLine]:
    lines = []
    for row in document.rows:
        try:
            lines.append(reader.read(row, decimals))
        except CellInvalid as error:
            problems.add(row, str(error))
    if len(lines) > LINES_MAX:
        problems.add(document.rows[0], f"has {len(lines)} lines, at most {LINES_MAX} are taken")
    return lines


def _status(
    section: m.Order,
    texts: dict[str, str],
    lines: Sequence[events_pb2.OrderLine],
    document: Document,
    problems: Problems,
) -> str:
    if section.status_without_value and sum(line.amount_minor for line in lines) <= 0:
        return section.status_without_value
    if not isinstance(section.status, m.StatusColumn):
        return section.status
    status = section.status.values.get(texts["status"])
    if status is None:
        problems.add(document.rows[0], f"status {texts['status']!r} is none of status.values")
        return "draft"
    return status


def _rate(text: str, form: m.FileFormat, document: Document, problems: Problems) -> str:
    if not text:
        return ""
    try:
        value = number(text, form.decimal, form.thousands)
        return decimal_text(value, RATE_DECIMALS_MAX)
    except CellInvalid as error:
        problems.add(document.rows[0], f"rate_to_book: {error}")
        return ""
