"""Reward stock as records and tables: levels, what is to be picked, what moved. Members are pseudonyms such as M17."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from rich.table import Table

from plugin.facts import FactKind
from plugin.money import exponent, format_minor, half_up
from plugin.redemption.life import Redemption
from plugin.store.stock import MoveRow, StockRow
from workers.show.records import Cell, Record, local_time, record_table
from workers.text import _

STOCK_COLUMNS = (
    *("sku", "warehouse", "on_hand", "reserved", "available", "short"),
    *("value", "unit_cost"),
)
PICK_COLUMNS = (
    *("warehouse", "sku", "reward", "redemption_id", "erp_order_id", "member", "pieces"),
    *("requested_at", "amount"),
)
TOTAL_COLUMNS = ("warehouse", "sku", "pieces", "redemptions")
MOVEMENT_COLUMNS = (
    *("happened_at", "kind", "sku", "warehouse", "pieces", "value", "source", "document_id"),
    *("redemption_id", "on_hand"),
)


def stock_record(row: StockRow, currency_code: str) -> Record:
    """Returns a stock level as a record."""
    return {
        "sku": row.sku,
        "warehouse": row.warehouse,
        "on_hand": row.on_hand,
        "reserved": row.reserved,
        "available": max(0, row.available),
        "short": max(0, -row.available),
        "value": Decimal(format_minor(row.value_minor, currency_code)),
        "unit_cost": unit_cost(row.value_minor, row.on_hand, currency_code),
    }


def unit_cost(value_minor: int, pieces: int, currency_code: str) -> Decimal | None:
    """Returns what one piece is worth with four decimals, half up; None where there is none.

    >>> unit_cost(42_000, 10, "EUR"), unit_cost(1_000, 3, "JPY"), unit_cost(0, 0, "EUR")
    (Decimal('42.0000'), Decimal('333.3333'), None)
    """
    if not pieces:
        return None
    scale = pieces * 10 ** exponent(currency_code)
    return Decimal(half_up(Fraction(value_minor * 10_000, scale))).scaleb(-4)


class Pick(NamedTuple):
    """Pieces of a redemption that a clerk has to pick. ``amount_minor`` is the money beside their points."""

    warehouse: str
    sku: str
    number: int
    reward: str
    erp_order_id: str
    member_id: int
    pieces: int
    requested_at: int
    amount_minor: int


def pick(one: Redemption, reward_name: str) -> Pick:
    """Returns what is still to be picked for a redemption of goods."""
    pieces = one.reserved
    return Pick(
        one.warehouse,
        one.sku,
        one.id,
        reward_name,
        one.erp_order_id,
        one.member_id,
        pieces,
        one.requested_at,
        one.amount_minor * pieces // one.quantity,
    )


def pick_record(one: Pick, currency_code: str, time_zone: tzinfo) -> Record:
    """Returns a line of a pick list as a record."""
    return {
        "warehouse": one.warehouse,
        "sku": one.sku,
        "reward": one.reward,
        "redemption_id": f"R{one.number}",
        "erp_order_id": one.erp_order_id,
        "member": f"M{one.member_id}",
        "pieces": one.pieces,
        "requested_at": local_time(one.requested_at, time_zone),
        "amount": Decimal(format_minor(one.amount_minor, currency_code)),
    }


def pick_totals(picks: Sequence[Pick]) -> list[Record]:
    """Returns pieces and redemptions per warehouse and SKU; ``picks`` are sorted."""
    totals: list[Record] = []
    for (warehouse, sku), group in groupby(picks, lambda one: (one.warehouse, one.sku)):
        own = list(group)
        pieces = sum(one.pieces for one in own)
        values: tuple[Cell, ...] = (warehouse, sku, pieces, len(own))
        totals.append(dict(zip(TOTAL_COLUMNS, values, strict=True)))
    return totals


def movement_record(row: MoveRow, on_hand: int, currency_code: str, time_zone: tzinfo) -> Record:
    """Returns a stock move, with what was on hand after it, as a record."""
    return {
        "happened_at": row.business_at.astimezone(time_zone),
        "kind": FactKind(row.kind).name.lower(),
        "sku": row.sku,
        "warehouse": row.warehouse,
        "pieces": row.pieces,
        "value": Decimal(format_minor(row.value_minor, currency_code)),
        "source": row.source,
        "document_id": row.document_id,
        "redemption_id": f"R{row.redemption_id}" if row.redemption_id else "",
        "on_hand": on_hand,
    }


def movement_in_words(kind: str, pieces: int) -> str:
    """Returns what a move was; one against its direction takes an earlier one back, one without pieces corrects a value.

    >>> movement_in_words("goods_shipped", -2), movement_in_words("goods_shipped", 2), movement_in_words("goods_shipped", 0)
    ('shipped', 'shipped, taken back', 'shipped, value corrected')
    """
    word, direction = {
        "stock_received": (_("received"), 1),
        "stock_counted": (_("count difference"), 0),
        "stock_found": (_("found"), 1),
        "goods_shipped": (_("shipped"), -1),
        "goods_returned": (_("returned"), 1),
    }[kind]
    if not pieces:
        return _("{what}, value corrected").format(what=word)
    if pieces * direction < 0:
        return _("{what}, taken back").format(what=word)
    return word


def stock_tables(records: Sequence[Record], currency_code: str) -> list[Table]:
    """Returns stock levels as a table for each warehouse."""
    headings = {
        "sku": _("SKU"),
        "on_hand": _("on hand"),
        "reserved": _("reserved"),
        "available": _("available"),
        "short": _("short"),
        "value": _("value {currency}").format(currency=currency_code),
        "unit_cost": _("unit cost"),
    }
    return [
        record_table(
            _("Reward stock in {warehouse}").format(warehouse=warehouse), headings, rows, ("sku",)
        )
        for (warehouse,), rows in _grouped(records, "warehouse")
    ]


def pick_tables(records: Sequence[Record], totals: Sequence[Record], currency: str) -> list[Table]:
    """Returns the pick list as a table for each warehouse, and one of totals.

    There is room for the day of a request, not for its time; no money beside points is shown as nothing.
    """
    headings = {
        "sku": _("SKU"),
        "reward": _("reward"),
        "redemption_id": _("number"),
        "erp_order_id": _("ERP order"),
        "member": _("member"),
        "pieces": _("pieces"),
        "requested_at": _("requested"),
        "amount": currency,
    }
    folds = ("sku", "reward", "erp_order_id")
    tables = [
        record_table(
            _("To pick in {warehouse}").format(warehouse=warehouse),
            headings,
            [_short_pick(row) for row in rows],
            folds,
        )
        for (warehouse,), rows in _grouped(records, "warehouse")
    ]
    headings = {
        "warehouse": _("warehouse"),
        "sku": _("SKU"),
        "pieces": _("pieces"),
        "redemptions": _("redemptions"),
    }
    return [*tables, record_table(_("Totals"), headings, totals, folds=("warehouse", "sku"))]


def movement_tables(records: Sequence[Record], currency_code: str) -> list[Table]:
    """Returns movements as a stock card for each SKU and warehouse: kinds in words, source and document in one column."""
    headings = {
        "happened_at": _("when"),
        "kind": _("what"),
        "pieces": _("pieces"),
        "value": currency_code,
        "document_id": _("document"),
        "redemption_id": _("number"),
        "on_hand": _("on hand"),
    }
    return [
        record_table(
            _("{sku} in {warehouse}").format(sku=sku, warehouse=warehouse),
            headings,
            [_movement_told(row) for row in rows],
            folds=("happened_at", "kind", "document_id"),
        )
        for (warehouse, sku), rows in _grouped(records, "warehouse", "sku")
    ]


def _grouped(
    records: Sequence[Record], *columns: str
) -> Iterator[tuple[tuple[str, ...], list[Record]]]:
    """Yields records that are the same in some columns of text, in the order of these."""

    def key(record: Record) -> tuple[str, ...]:
        return tuple(str(record[column]) for column in columns)

    for group, rows in groupby(sorted(records, key=key), key):
        yield group, list(rows)


def _short_pick(record: Record) -> Record:
    at = record["requested_at"]
    day = at.date() if isinstance(at, datetime) else at
    return {**record, "requested_at": day, "amount": record["amount"] or None}


def _movement_told(record: Record) -> Record:
    pieces = record["pieces"]
    assert isinstance(pieces, int)
    words = {
        "kind": movement_in_words(str(record["kind"]), pieces),
        "document_id": f"{record['source']} {record['document_id']}",
    }
    return {**record, **words}
