"""Rows to shipments."""

from __future__ import annotations

from adapters.table import mapping as m
from adapters.table.cells import Cells, Number, Text
from adapters.table.grouping import Document
from adapters.table.head import LINES_MAX, Assembler, Head, Problems, event_id, set_instant
from adapters.table.values import QUANTITY_DECIMALS_MAX, CellInvalid, decimal_text
from pointbook.v1 import events_pb2


def shipment_assembler(section: m.Shipment, cells: Cells) -> Assembler:
    """Returns the function that makes shipments of a file's documents; without lines, of whole orders."""
    head = Head.of(section, cells, {"order_id": section.order_id})
    line = section.line
    readers = None if line is None else (cells.text(line.id), cells.number(line.quantity))

    def assemble(document: Document) -> events_pb2.Event:
        problems = Problems(cells.file, document)
        texts, at = head.read(document, problems)
        if not texts["order_id"]:
            problems.add(document.rows[0], "order_id is empty: a shipment names its order")
        lines = [] if readers is None else _lines(*readers, document, problems)
        problems.stop_if_any()
        version = int(texts["version"])
        shipment = events_pb2.Shipment(
            id=document.id,
            version=version,
            status=events_pb2.DOCUMENT_STATUS_DONE,
            order_id=texts["order_id"],
            lines=lines,
        )
        set_instant(shipment.shipped_at, at)
        return events_pb2.Event(event_id=event_id(document, version), shipment=shipment)

    return assemble


def _lines(
    line_id: Text, quantity: Number, document: Document, problems: Problems
) -> list[events_pb2.ShipmentLine]:
    lines = []
    for row in document.rows:
        try:
            pieces = decimal_text(quantity(row), QUANTITY_DECIMALS_MAX)
            lines.append(events_pb2.ShipmentLine(line_id=line_id(row), quantity=pieces))
        except CellInvalid as error:
            problems.add(row, str(error))
    if len(lines) > LINES_MAX:
        problems.add(document.rows[0], f"has {len(lines)} lines, at most {LINES_MAX} are taken")
    return lines
