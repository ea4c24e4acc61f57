"""The pick list as plain text, to print and to tick off.

Members are pseudonyms such as M17: what lies about on a packing table names nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from decimal import Decimal
from itertools import groupby

from rich.cells import cell_len, chop_cells, set_cell_size

from plugin.money import format_minor
from workers.show.records import local_time
from workers.show.warehouse import Pick
from workers.text import _

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
            one.erp_order_id or "-",
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
    # Not "1 pieces": a number after its name needs no plural, in any language.
    return _("pieces {pieces:,}   redemptions {redemptions:,}").format(
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
