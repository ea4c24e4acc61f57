"""The warehouse: reward stock, what to pick, and what moved."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table
from sqlalchemy import Connection

from plugin.errors import Rejected
from plugin.redemption.life import Kind, Redemption, Status
from plugin.store.books import Book, load_programs
from plugin.store.redemptions import list_redemptions
from plugin.store.stock import list_movements, list_stock
from workers.cli.session import opened, parse_date
from workers.clock import now_us
from workers.show.output import FOUND_SOMETHING, console, print_json, told
from workers.show.picklist import printable_pick_list
from workers.show.records import Record, json_records, write_csv
from workers.show.warehouse import (
    MOVEMENT_COLUMNS,
    PICK_COLUMNS,
    STOCK_COLUMNS,
    Pick,
    movement_record,
    movement_tables,
    pick,
    pick_record,
    pick_tables,
    pick_totals,
    stock_record,
    stock_tables,
)
from workers.text import _

warehouse = typer.Typer(
    help="The warehouse: what to pick, what moved, what is there.", no_args_is_help=True
)


class Format(StrEnum):
    """Forms of output."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


BookCode = Annotated[
    str, typer.Option("--book", help="Book code; not needed when there is only one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV for spreadsheets.")]
Sku = Annotated[str, typer.Option("--sku", help="Only this SKU.")]
Warehouse = Annotated[str, typer.Option("--warehouse", help="Only this warehouse.")]
AsFormat = Annotated[Format, typer.Option("--format", help="Form of the output.")]

READ_AT_ONCE = 1_000
SHOWN_MAX = 1_000
"""Lines of a pick list in tables, which take their time; files and paper have them all."""

YEAR_MAX = 2999


@warehouse.command("stock")
def stock(
    sku: Sku = "",
    place: Warehouse = "",
    book: BookCode = "",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show reward stock; exit status 1 when fewer pieces are there than are promised."""
    with told(), opened() as session:
        chosen = session.book(book)
        with session.engine.connect() as connection:
            rows = list_stock(connection, chosen.id, sku, place)
        currency = chosen.currency_code
        records = [stock_record(row, currency) for row in rows]
        form = chosen_format(Format.TABLE, as_json=as_json, as_csv=as_csv)
        if form is Format.JSON:
            answer = {"book": chosen.code, "currency_code": currency}
            print_json({**answer, "levels": json_records(records)})
        elif form is Format.CSV:
            print_csv(STOCK_COLUMNS, records, currency)
        elif records:
            print_tables(stock_tables(records, currency))
        else:
            console.print(_("There is no reward stock."))
        raise typer.Exit(FOUND_SOMETHING if any(row.available < 0 for row in rows) else 0)


@warehouse.command("picklist")
def print_pick_list(
    place: Warehouse = "",
    book: BookCode = "",
    form: AsFormat = Format.TABLE,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    printable: Annotated[
        bool, typer.Option("--printable", help="Plain text to print and to tick off.")
    ] = False,
) -> None:
    """List the goods of open redemptions that have to be picked, by warehouse, SKU and redemption."""
    with told(), opened() as session:
        form = chosen_format(form, as_json=as_json, as_csv=as_csv)
        if printable and form is not Format.TABLE:
            raise Rejected("FORMAT_TWICE", f"--printable is no {form.value}; choose one of them")
        chosen = session.book(book)
        with session.engine.connect() as connection:
            picks = open_picks(connection, chosen, place)
        zone, currency = ZoneInfo(chosen.time_zone), chosen.currency_code
        if printable:
            sys.stdout.write(printable_pick_list(picks, chosen.code, currency, zone, now_us()))
            return
        records = [pick_record(one, currency, zone) for one in picks]
        totals = pick_totals(picks)
        if form is Format.JSON:
            answer = {"book": chosen.code, "currency_code": currency}
            lines = {"picks": json_records(records), "totals": json_records(totals)}
            print_json({**answer, **lines})
        elif form is Format.CSV:
            print_csv(PICK_COLUMNS, records, currency)
        elif records:
            print_tables(pick_tables(records[:SHOWN_MAX], totals, currency))
            if len(records) > SHOWN_MAX:
                more = _("{n:,} more lines are in --printable, --csv and --json.")
                console.print(more.format(n=len(records) - SHOWN_MAX))
        else:
            console.print(_("There is nothing to pick."))


@warehouse.command("movements")
def print_movements(
    sku: Sku = "",
    place: Warehouse = "",
    begins: Annotated[
        str, typer.Option("--from", help="First day, such as 2026-01-01, in the book's time zone.")
    ] = "",
    ends: Annotated[str, typer.Option("--to", help="Last day.")] = "",
    limit: Annotated[
        int, typer.Option(help="At most so many, the last.", min=1, max=1_000_000)
    ] = 200,
    book: BookCode = "",
    form: AsFormat = Format.TABLE,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List what moved, by when it happened, with what was on hand after each move."""
    with told(), opened() as session:
        form = chosen_format(form, as_json=as_json, as_csv=as_csv)
        chosen = session.book(book)
        zone, currency = ZoneInfo(chosen.time_zone), chosen.currency_code
        begins_at, ends_at = days(begins, ends, zone)
        with session.engine.connect() as connection:
            found = list_movements(
                connection,
                chosen.id,
                limit + 1,
                sku=sku,
                warehouse=place,
                begins_at=begins_at,
                ends_at=ends_at,
            )
        records = (movement_record(row, left, currency, zone) for row, left in found[-limit:])
        if form is Format.JSON:
            answer = {"book": chosen.code, "currency_code": currency}
            more = {"movements": json_records(records), "has_more": len(found) > limit}
            print_json({**answer, **more})
        elif form is Format.CSV:
            print_csv(MOVEMENT_COLUMNS, records, currency)
        elif found:
            print_tables(movement_tables(list(records), currency))
        else:
            console.print(_("Nothing moved."))
        if len(found) > limit and form is Format.TABLE:
            console.print(_("There are earlier ones; --limit and --to show them."))


def open_picks(connection: Connection, book: Book, place: str) -> list[Pick]:
    """Returns what is to be picked, by warehouse, SKU and redemption; rewards are called what their pinned programs call them."""
    programs = {program.version: program for program in load_programs(connection, book.id)}
    found: list[Redemption] = []
    while page := list_redemptions(
        connection,
        book.id,
        found[-1].id if found else 0,
        READ_AT_ONCE,
        statuses=(Status.HELD, Status.ORDERED),
        kinds=(Kind.GOODS,),
        warehouse=place,
    ):
        found += page
    return sorted(
        pick(one, programs[one.program_version].rewards[one.reward].name)
        for one in found
        if one.reserved
    )


def chosen_format(form: Format, *, as_json: bool, as_csv: bool) -> Format:
    """Returns the one form that is asked for; ``--json`` and ``--csv`` are short for ``--format``.

    Raises:
        Rejected: Two are.
    """
    asked = {Format.JSON} if as_json else set()
    asked |= {Format.CSV} if as_csv else set()
    asked |= {form} - {Format.TABLE}
    if len(asked) > 1:
        names = ", ".join(sorted(asked))
        raise Rejected("FORMAT_TWICE", f"{names}: choose one form of output")
    return next(iter(asked), Format.TABLE)


def days(begins: str, ends: str, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    """Returns the first instant of a day and the first one after another, in a time zone; None for a day not given.

    Raises:
        Rejected: One is no date, or the last lies before the first.
    """
    first = parse_date(begins, "--from") if begins else None
    last = parse_date(ends, "--to") if ends else None
    if first is not None and last is not None and last < first:
        raise Rejected("DATES_REVERSED", f"--from {first} lies after --to {last}", "--from")
    if last is not None and last.year > YEAR_MAX:
        raise Rejected("DATE_INVALID", f"--to {last} lies after the year {YEAR_MAX}", "--to")
    return (
        None if first is None else datetime.combine(first, time.min, zone),
        None if last is None else datetime.combine(last + timedelta(days=1), time.min, zone),
    )


def print_tables(tables: Iterable[Table]) -> None:
    """Prints tables."""
    for table in tables:
        console.print(table)


def print_csv(columns: Sequence[str], records: Iterable[Record], currency_code: str) -> None:
    """Prints CSV with the currency of its amounts in a column of its own."""
    with_currency = ({**record, "currency_code": currency_code} for record in records)
    write_csv(sys.stdout, (*columns, "currency_code"), with_currency)
