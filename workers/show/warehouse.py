"""Reward stock for people, spreadsheets and programs: levels, movements, and the pick list, also to print.

Everything here turns rows into records, and records into a table, CSV, JSON or plain text. Members are pseudonyms such as M17: what lies
about on a packing table names nobody.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.markup import escape

from plugin.facts import FactKind
from plugin.money import exponent, format_minor, half_up
from plugin.redemption.life import Redemption
from plugin.store.stock import MoveRow, StockRow
from workers.text import _

Cell = str | int | Decimal | datetime | None
Record = dict[str, Cell]
"""One row by column. Text is `str`, numbers are `int` or `Decimal`: only text is guarded against being run as a formula."""

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

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local_time(at_us: int, time_zone: tzinfo) -> datetime:
    """Returns an instant (microseconds UTC) in a time zone."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(time_zone)


# -- records --------------------------------------------------------------------------------------


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


# -- forms ----------------------------------------------------------------------------------------


def json_records(records: Iterable[Record]) -> list[dict[str, object]]:
    """Returns records for JSON: amounts are decimal strings, times ISO 8601 with their offset."""
    return [{name: _json_cell(cell) for name, cell in record.items()} for record in records]


def _json_cell(cell: Cell) -> object:
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return cell.isoformat() if isinstance(cell, datetime) else cell


def csv_text(columns: Sequence[str], records: Iterable[Record]) -> str:
    """Returns records as CSV (RFC 4180) with a header row, safe to open in a spreadsheet.

    >>> csv_text(("sku", "pieces"), [{"sku": "=1+1", "pieces": -2}])
    "sku,pieces\\r\\n'=1+1,-2\\r\\n"
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_csv_cell(record[name]) for name in columns] for record in records)
    return text.getvalue()


# What spreadsheets take for the beginning of a formula; after a tab or a carriage return they look again.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def _csv_cell(cell: Cell) -> str | int:
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(_FORMULA) else cell
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    return "" if cell is None else cell


def shown(cell: Cell) -> str | int:
    """Returns a cell as a table shows it; text is shown as it is written and never as markup."""
    if isinstance(cell, str):
        return escape(cell)
    if isinstance(cell, Decimal):
        return f"{cell:,f}"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    return "" if cell is None else cell


def shown_rows(columns: Sequence[str], records: Iterable[Record]) -> list[list[str | int]]:
    """Returns records as rows of a table."""
    return [[shown(record[name]) for name in columns] for record in records]


def shown_movements(records: Iterable[Record]) -> list[list[str | int]]:
    """Returns movements as rows of a table: kinds in words, source and document in one column, pieces with their sign."""
    rows = []
    for record in records:
        pieces = record["pieces"]
        assert isinstance(pieces, int)
        row = {
            **record,
            "kind": movement_in_words(str(record["kind"]), pieces),
            "pieces": f"{pieces:+,}",
            "document_id": f"{record['source']} {record['document_id']}",
        }
        del row["source"]
        rows.append([shown(cell) for cell in row.values()])
    return rows


# -- the printable pick list ----------------------------------------------------------------------

PAGE_COLUMNS = 96
PAGE_LINES = 60
"""Fits a page of A4 or Letter at six lines to the inch, with margins."""

_FOOT_LINES = 7
_WIDTHS = (3, 6, 9, 12, 8, 16, 23, 12)
_NUMBERS = frozenset({1, 7})


@dataclass(slots=True)
class _Page:
    """The body of a page, and what is on it."""

    lines: list[str] = field(default_factory=list)
    pieces: int = 0
    redemptions: int = 0


def printable_pick_list(
    picks: Sequence[Pick], book: str, currency_code: str, time_zone: tzinfo, now: int
) -> str:
    """Returns a pick list as plain text of at most 96 columns, 60 lines a page, pages parted by form feeds.

    Each warehouse begins a new page. Long texts go on below: on paper, a number that is cut off is worth nothing.

    Args:
        picks: Sorted by warehouse, SKU and redemption.
        book: Code of the book.
        currency_code: The book's, for money beside points.
        time_zone: The book's.
        now: The instant of printing, microseconds UTC.
    """
    printed_at = local_time(now, time_zone)
    about = _("Book {book}, printed {at:%Y-%m-%d %H:%M} ({zone})").format(
        book=book, at=printed_at, zone=time_zone
    )
    if not picks:
        return "\n".join([_("PICK LIST"), about, "", _("There is nothing to pick."), ""])
    sheets = []
    for warehouse, group in groupby(picks, lambda one: one.warehouse):
        room = PAGE_LINES - _FOOT_LINES - len(_head(warehouse, about, currency_code, 1, 1))
        pages = _pages(list(group), room, currency_code, time_zone)
        for number, page in enumerate(pages, 1):
            head = _head(warehouse, about, currency_code, number, len(pages))
            foot = _foot(page, pages, is_last=number == len(pages))
            sheets.append("\n".join([*head, *page.lines, *foot, ""]))
    return "\f".join(sheets)


def _pages(picks: Sequence[Pick], room: int, currency_code: str, time_zone: tzinfo) -> list[_Page]:
    """Spreads the picks of one warehouse over pages of ``room`` lines; the lines of one pick stay together."""
    pages = [_Page()]
    for sku, group in groupby(picks, lambda one: one.sku):
        own = list(group)
        heading = ["", *_sides(sku, _counted(sum(one.pieces for one in own), len(own)))]
        for index, one in enumerate(own):
            lines = _pick_lines(one, currency_code, time_zone)
            opening = [] if index else heading
            if pages[-1].lines and len(pages[-1].lines) + len(opening) + len(lines) > room:
                pages.append(_Page())
                opening = ["", *_sides(sku, _("continued"))] if index else heading
            page = pages[-1]
            page.lines += [*opening, *lines]
            page.pieces += one.pieces
            page.redemptions += 1
    return pages


def _pick_lines(one: Pick, currency_code: str, time_zone: tzinfo) -> list[str]:
    amount = f"{Decimal(format_minor(one.amount_minor, currency_code)):,f}"
    return _row(
        (
            "[ ]",
            f"{one.pieces:,}",
            f"R{one.number}",
            one.erp_order_id or "–",
            f"M{one.member_id}",
            f"{local_time(one.requested_at, time_zone):%Y-%m-%d %H:%M}",
            one.reward,
            amount if one.amount_minor else "",
        )
    )


def _head(warehouse: str, about: str, currency_code: str, number: int, count: int) -> list[str]:
    columns = (
        *("", _("pieces"), _("redeem."), _("ERP order"), _("member"), _("requested")),
        *(_("reward"), currency_code),
    )
    title = _("PICK LIST  {warehouse}").format(warehouse=warehouse)
    return [
        *_sides(title, _("Page {number} of {count}").format(number=number, count=count)),
        *_wrapped(about, PAGE_COLUMNS),
        "=" * PAGE_COLUMNS,
        *_row(columns),
        "-" * PAGE_COLUMNS,
    ]


def _foot(page: _Page, pages: Sequence[_Page], *, is_last: bool) -> list[str]:
    lines = [
        "",
        "-" * PAGE_COLUMNS,
        *_sides(_("On this page"), _counted(page.pieces, page.redemptions)),
    ]
    if not is_last:
        return lines
    total = _counted(sum(one.pieces for one in pages), sum(one.redemptions for one in pages))
    signature = _("Picked by {line}  Date {short}  Checked by {line}").format(
        line="_" * 25, short="_" * 14
    )
    return [*lines, *_sides(_("In this warehouse"), total), "", "", signature]


def _counted(pieces: int, redemptions: int) -> str:
    return _("{pieces:,} pieces, {redemptions:,} redemptions").format(
        pieces=pieces, redemptions=redemptions
    )


def _sides(left: str, right: str) -> list[str]:
    """Returns one line with a text at each side, or two when they do not fit."""
    room = PAGE_COLUMNS - cell_len(left) - cell_len(right)
    if room >= 2:
        return [left + " " * room + right]
    return [*_wrapped(left, PAGE_COLUMNS), " " * (PAGE_COLUMNS - cell_len(right)) + right]


def _row(cells: Sequence[str]) -> list[str]:
    """Returns a row of the list: as many lines as its longest cell needs."""
    columns = [_wrapped(cell, width) for cell, width in zip(cells, _WIDTHS, strict=True)]
    height = max(len(lines) for lines in columns)
    return [
        " ".join(
            _fitted(lines[line] if line < len(lines) else "", index)
            for index, lines in enumerate(columns)
        ).rstrip()
        for line in range(height)
    ]


def _fitted(text: str, index: int) -> str:
    width = _WIDTHS[index]
    if index in _NUMBERS:
        return " " * (width - cell_len(text)) + text
    return set_cell_size(text, width)


def _wrapped(text: str, width: int) -> list[str]:
    """Returns a text in lines of at most ``width`` columns; words that are longer are cut.

    Columns and not characters are counted: those of Chinese and Japanese take two each.

    >>> _wrapped("Headphones, points and money", 12), _wrapped("SO-2026-0000000042", 12)
    (['Headphones,', 'points and', 'money'], ['SO-2026-0000', '000042'])
    """
    lines: list[str] = []
    for word in _words(text, width):
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]


def _words(text: str, width: int) -> Iterator[str]:
    for word in text.split():
        yield from chop_cells(word, width)
