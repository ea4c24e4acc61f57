"""Reward stock in a batch: documents go to their places on the time lines, and what changes is posted.

Locks: the stock rows of every time line touched, sorted, after members.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from plugin.events import (
    MICRO,
    DocumentStatus,
    Kind,
    Product,
    RedemptionReturn,
    RedemptionShipment,
    Stock,
)
from plugin.facts import FactKind, StockMove
from plugin.redemption.life import Redemption, parse_public_id
from plugin.stock.valuation import (
    FACT_KINDS,
    Booked,
    Pile,
    Place,
    StockKind,
    StockLine,
    UnitCost,
    replay,
)
from plugin.store import stock as store
from plugin.store.documents import DocumentKey
from plugin.store.stock import LineKey, StockKey, StockRow
from workers.handlers.touched import Arrived, Touched

COUNTED = 1
"""``Stock.kind`` of a count."""


class StockDocument(NamedTuple):
    """A document about stock at its newest version: its time line, its line, and the event that brought it."""

    key: StockKey
    line: StockLine
    seq: int

    @property
    def line_key(self) -> LineKey:
        """What names the document."""
        place = self.line.place
        return (place.source, int(place.kind), place.document_id)


@dataclass(slots=True)
class Goods:
    """What a batch does to stock: locked rows, lines to write, moves to post."""

    rows: dict[StockKey, StockRow] = field(default_factory=dict)
    lines: list[tuple[StockKey, StockLine]] = field(default_factory=list)
    moves: list[StockMove] = field(default_factory=list)


def stock_documents(
    newer: Mapping[DocumentKey, Arrived], redemptions: Mapping[int, Redemption]
) -> list[StockDocument]:
    """Returns what arrived about stock as lines; the redemptions of shipments and returns are known."""
    found = []
    for (source, kind, document_id), arrived in newer.items():
        event = arrived.event
        if kind == Kind.STOCK and isinstance(event, Stock):
            stock_kind = StockKind.COUNTED if event.kind == COUNTED else StockKind.RECEIVED
            place = Place(event.counted_at, stock_kind, source, document_id)
            line = StockLine(place, event.quantity_micro // MICRO, event.value_minor)
            found.append(StockDocument((event.sku, event.warehouse), line, arrived.seq))
        elif isinstance(event, RedemptionShipment | RedemptionReturn):
            number = parse_public_id(event.redemption_id)
            assert number is not None
            one = redemptions[number]
            line = _redemption_line(source, event, one)
            found.append(StockDocument((one.sku, one.warehouse), line, arrived.seq))
    return found


def lock_timelines(
    connection: Connection,
    book_id: int,
    documents: Sequence[StockDocument],
    repriced: Mapping[StockKey, Place],
    others: Iterable[StockKey] = (),
) -> tuple[Goods, dict[StockKey, list[StockDocument]]]:
    """Locks every time line that documents are on or were on; returns the documents by time line.

    A count that an amendment made a receipt, and one that names another SKU or warehouse, is void where it was.
    """
    keys = [key for document in documents for key in _line_keys(document)]
    known = store.find_lines(connection, book_id, keys)
    by_line: dict[StockKey, list[StockDocument]] = {key: [] for key in repriced}
    for document in documents:
        by_line.setdefault(document.key, []).append(document)
        for line_key in _line_keys(document):
            for located in known.get(line_key, ()):
                by_line.setdefault(located.key, [])
    goods = Goods(store.lock_stock(connection, book_id, {*by_line, *others}, creates=True))
    # Read again under the locks: another lane may have moved a document meanwhile.
    known = store.find_lines(connection, book_id, keys)
    for document in documents:
        for line_key in _line_keys(document):
            for located in known.get(line_key, ()):
                old = located.line
                if located.key == document.key and old.place.kind == document.line.place.kind:
                    continue
                if not old.is_void:
                    void = StockLine(old.place, 0, redemption_id=old.redemption_id, is_void=True)
                    by_line.setdefault(located.key, []).append(
                        StockDocument(located.key, void, document.seq)
                    )
    return goods, by_line


def value_timelines(
    connection: Connection,
    book_id: int,
    goods: Goods,
    by_line: Mapping[StockKey, Sequence[StockDocument]],
    repriced: Mapping[StockKey, Place],
    next_id: Callable[[int | None], int],
) -> None:
    """Puts documents in their places and values what comes after them anew; fills in moves, lines and rows."""
    costs = store.unit_costs(connection, book_id, [sku for sku, _ in by_line])
    for key in sorted(by_line):
        documents = by_line[key]
        starts = [document.line.place for document in documents]
        old = store.find_lines(connection, book_id, [d.line_key for d in documents])
        starts += [one.line.place for lines in old.values() for one in lines if one.key == key]
        if key in repriced:
            starts.append(repriced[key])
        if not starts:
            continue
        before, lines = store.lines_from(connection, book_id, key, min(starts))
        merged, seqs = _merge(lines, documents)
        redemption_ids = {line.redemption_id for line in merged} - {0}
        shipped = store.shipped_before(connection, book_id, key, min(starts), redemption_ids)
        changed = replay(before, merged, _unit_cost(costs.get(key[0], [])), shipped)
        for line, difference in changed:
            seq = seqs.get((line.place.source, int(line.place.kind), line.place.document_id))
            goods.moves += _moves(key, line, difference, partial(next_id, seq))
        goods.lines += [(key, line) for line in merged if line.is_changed]
        after = merged[-1].after if merged else before
        _set_row(goods.rows[key], after)


def _redemption_line(
    source: str, event: RedemptionShipment | RedemptionReturn, one: Redemption
) -> StockLine:
    pieces = sum(line.quantity_micro for line in event.lines) // MICRO or one.quantity
    is_void = event.status != DocumentStatus.DONE
    if isinstance(event, RedemptionShipment):
        place = Place(event.shipped_at, StockKind.SHIPPED, source, event.id)
        return StockLine(place, 0 if is_void else pieces, None, one.id, is_void)
    place = Place(event.returned_at, StockKind.RETURNED, source, event.id)
    return StockLine(place, 0 if is_void else pieces, None, one.id, is_void, event.is_damaged)


def _line_keys(document: StockDocument) -> list[LineKey]:
    """Returns the names a document may stand under: a count and a receipt are one kind of document."""
    source, kind, document_id = document.line_key
    both = (int(StockKind.COUNTED), int(StockKind.RECEIVED))
    return [(source, one, document_id) for one in (both if kind in both else (kind,))]


def _merge(
    lines: Sequence[StockLine], documents: Sequence[StockDocument]
) -> tuple[list[StockLine], dict[LineKey, int]]:
    """Replaces lines by their newer versions, which take over what was booked, and sorts by place."""
    seqs = {document.line_key: document.seq for document in documents}
    fresh = {document.line_key: document.line for document in documents}
    kept = []
    for line in lines:
        key = (line.place.source, int(line.place.kind), line.place.document_id)
        newer = fresh.get(key)
        if newer is None:
            kept.append(line)
        else:
            newer.booked, newer.after = line.booked, line.after
    for line in fresh.values():
        line.is_changed = True
        kept.append(line)
    return sorted(kept, key=lambda line: line.place), seqs


def _unit_cost(costs: Sequence[tuple[int, int]]) -> UnitCost:
    """Returns the cost that held at an instant; before the first one that is known, the first."""
    since = [changed_at for changed_at, _ in costs]

    def at(instant: int) -> int:
        if not costs:
            return 0
        return costs[max(0, bisect_right(since, instant) - 1)][1]

    return at


def _moves(
    key: StockKey, line: StockLine, difference: Booked, next_id: Callable[[], int]
) -> list[StockMove]:
    """Returns the moves of a difference: what had to be found first, then the document's own."""
    pieces, value, found, found_value = difference
    place = line.place
    parts: list[tuple[FactKind, int, int]] = []
    if found or found_value:
        parts.append((FactKind.STOCK_FOUND, found, found_value))
    if pieces or value:
        parts.append((FACT_KINDS[place.kind], pieces, value))
    return [
        StockMove(
            next_id(),
            kind,
            *key,
            part_pieces,
            part_value,
            place.at,
            place.source,
            place.document_id,
            line.redemption_id,
        )
        for kind, part_pieces, part_value in parts
    ]


def _set_row(row: StockRow, after: Pile) -> None:
    if (row.on_hand, row.value_minor) != (after.on_hand, after.value_minor):
        row.on_hand, row.value_minor, row.is_changed = after.on_hand, after.value_minor, True


def move_goods(
    connection: Connection,
    book_id: int,
    touched: Touched,
    newer: Mapping[DocumentKey, Arrived],
    redemptions: Mapping[int, Redemption],
    next_id: Callable[[int | None], int],
) -> Goods:
    """Carries out what a batch says about stock; lines are written, moves and rows are for the caller to write.

    ``redemptions`` are those whose goods are shipped or come back, their members locked.
    """
    documents = stock_documents(newer, redemptions)
    costs = [
        (product.id, one.source, product.version, product.changed_at, product.unit_cost_minor)
        for one in touched.products
        if isinstance(product := one.event, Product) and product.unit_cost_minor is not None
    ]
    if not documents and not costs:
        return Goods()
    store.add_costs(connection, book_id, costs)
    repriced = (
        store.first_unpriced(connection, book_id, [sku for sku, *_ in costs]) if costs else {}
    )
    goods, by_line = lock_timelines(connection, book_id, documents, repriced)
    value_timelines(connection, book_id, goods, by_line, repriced, next_id)
    store.write_lines(connection, book_id, goods.lines)
    return goods
