"""The books: ledger files, balances, roll-forward, closing, reconciliation."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import text

from accounting.balances import trial_balance
from accounting.close import close_month, parse_month, reopen_month
from accounting.gate import check_ledger
from accounting.ledger import LedgerWriter, rebuild
from accounting.reconcile import reconcile
from accounting.reports import ageing, rollforward
from accounting.verify import verify
from plugin.errors import Rejected
from plugin.money import format_minor
from plugin.store.books import Book
from workers.cli.session import Session, opened, parse_date, today_in
from workers.ledger import write_ledgers_until
from workers.show.books import show_reconciliation, show_rollforward
from workers.show.output import (
    FOUND_SOMETHING,
    console,
    print_json,
    print_table,
    progress_bar,
    told,
)
from workers.stopping import stop_signal
from workers.telemetry import configure_logging
from workers.text import _

ledger = typer.Typer(
    help="The Beancount ledger: write, check, verify, rebuild.", no_args_is_help=True
)

BookCode = Annotated[
    str, typer.Option("--book", help="Book code; not needed when there is only one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
From = Annotated[str, typer.Option("--from", help="First accounting date, such as 2026-01-01.")]
To = Annotated[str, typer.Option("--to", help="Last accounting date.")]
Month = Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")]
By = Annotated[str, typer.Option("--by", help="Who decides, for the record.")]


@ledger.command()
def write(
    book: BookCode = "",
    follow: Annotated[
        bool, typer.Option(help="Go on writing every few seconds until stopped.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write what was applied since the last time; the same bytes however often it is killed."""
    with told(), opened() as session:
        if follow:
            configure_logging(session.settings.log_level)
            write_ledgers_until(stop_signal(), session.engine, session.settings)
            return
        chosen = session.book(book)
        folder = session.folder(chosen)
        with progress_bar(_("entries"), None, shown=not as_json) as told_done:
            written = LedgerWriter(session.engine, chosen, folder, session.names).write(
                waits=True, progress=told_done
            )
        if as_json:
            print_json(
                {
                    "book": chosen.code,
                    "entries": written.entries,
                    "days": written.days,
                    "folder": str(folder),
                }
            )
        else:
            console.print(
                _("{entries:,} entries on {days:,} days written to {folder}").format(
                    entries=written.entries, days=written.days, folder=folder
                )
            )


@ledger.command()
def check(
    book: BookCode = "",
    details: Annotated[bool, typer.Option(help="Load every detail file as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the ledger with Beancount in a process of its own, and with our own stricter rules."""
    with told(), opened() as session:
        checked = check_ledger(
            session.folder(session.book(book)) / "main.beancount", details=details
        )
        if as_json:
            print_json(checked.as_json())
        else:
            for error in checked.errors:
                console.print(error, soft_wrap=True, markup=False)
            verdict = _("The ledger is clean") if checked.holds else _("The ledger has errors")
            console.print(
                f"{verdict}: {checked.transactions:,} transactions, {checked.entries:,} entries."
            )
        raise typer.Exit(0 if checked.holds else FOUND_SOMETHING)


@ledger.command("verify")
def verify_command(book: BookCode = "", as_json: AsJson = False) -> None:
    """Compare the files and the hash chain with PostgreSQL; names the first day that differs."""
    with told(), opened() as session:
        chosen = session.book(book)
        with progress_bar(_("entries"), None, shown=not as_json) as told_done:
            verified = verify(
                session.engine, chosen, session.folder(chosen), session.names, progress=told_done
            )
        if as_json:
            print_json(verified.as_json())
        elif verified.holds:
            console.print(
                _("Files and chain are as PostgreSQL says: {n:,} entries.").format(
                    n=verified.entries
                )
            )
        else:
            rows = [(d.day or "", d.path, d.reason) for d in verified.differences[:100]]
            print_table(
                _("The first day that differs: {day}").format(day=verified.first_day),
                ("day", "file", "what"),
                rows,
            )
        raise typer.Exit(0 if verified.holds else FOUND_SOMETHING)


@ledger.command("rebuild")
def rebuild_command(
    folder: Annotated[Path, typer.Argument(help="An empty folder.")],
    book: BookCode = "",
    as_json: AsJson = False,
) -> None:
    """Write the whole ledger anew from PostgreSQL, byte for byte, into another folder."""
    with told(), opened() as session:
        if folder.exists() and any(folder.iterdir()):
            raise Rejected(
                "FOLDER_NOT_EMPTY", f"{folder} is not empty; a rebuild never writes over a ledger"
            )
        with progress_bar(_("entries"), None, shown=not as_json) as told_done:
            written = rebuild(
                session.engine, session.book(book), folder, session.names, progress=told_done
            )
        if as_json:
            print_json({"entries": written.entries, "days": written.days, "folder": str(folder)})
        else:
            console.print(
                _("{entries:,} entries on {days:,} days rebuilt in {folder}").format(
                    entries=written.entries, days=written.days, folder=folder
                )
            )


def print_trial_balance(
    book: BookCode = "",
    as_of: Annotated[
        str, typer.Option("--as-of", help="Accounting date; all entries when left out.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show the balance of every account as of a day."""
    with told(), opened() as session:
        chosen = session.book(book)
        until = parse_date(as_of, "--as-of") if as_of else None
        with session.engine.connect() as connection:
            balance = trial_balance(connection, chosen, session.names, until)
        if as_json:
            print_json(balance.as_json())
            return
        rows = [
            (account, amount, currency)
            for account, amounts in balance.accounts.items()
            for currency, amount in amounts.items()
        ]
        title = _("Trial balance of {book}, {day}").format(
            book=chosen.code, day=as_of or _("all entries")
        )
        print_table(title, (_("account"), _("balance"), ""), rows, numbers=(1,))


def print_rollforward(
    book: BookCode = "",
    begins: From = "",
    ends: To = "",
    store: Annotated[str | None, typer.Option(help="Only this store.")] = None,
    program: Annotated[int | None, typer.Option(help="Only this program version.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how points and money went from opening to closing."""
    with told(), opened() as session:
        chosen = session.book(book)
        first, last = period_of(session, chosen, begins, ends)
        with session.engine.connect() as connection:
            found = rollforward(connection, chosen, first, last, store, program)
        answer = found.as_json()
        if as_json:
            print_json(answer)
        else:
            show_rollforward(answer, chosen)
        raise typer.Exit(0 if found.closes else FOUND_SOMETHING)


def print_ageing(
    book: BookCode = "",
    as_of: Annotated[str, typer.Option("--as-of", help="Day; today when left out.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show open points by days to their expiry."""
    with told(), opened() as session:
        chosen = session.book(book)
        day = parse_date(as_of, "--as-of") if as_of else today_in(chosen)
        with session.engine.connect() as connection:
            ages = ageing(connection, chosen, day)
        if as_json:
            print_json(
                [{"days": a.name, "points": a.points, "cost_minor": a.cost_minor} for a in ages]
            )
            return
        rows = [(a.name, a.points, format_minor(a.cost_minor, chosen.currency_code)) for a in ages]
        print_table(
            _("Open points of {book} by days to expiry, {day}").format(book=chosen.code, day=day),
            (_("days"), _("points"), chosen.currency_code),
            rows,
            numbers=(1, 2),
        )


def print_reconciliation(book: BookCode = "", as_json: AsJson = False) -> None:
    """Run the reconciliations; exit status 0 only when all hold."""
    with told(), opened() as session:
        chosen = session.book(book)
        result = reconcile(session.engine, chosen, session.folder(chosen), session.names)
        if as_json:
            print_json(result.as_json())
        else:
            show_reconciliation(result.as_json())
        raise typer.Exit(0 if result.holds else FOUND_SOMETHING)


def close(
    month: Month,
    book: BookCode = "",
    by: By = "command line",
    as_json: AsJson = False,
) -> None:
    """Close a month: from then on the database refuses entries in it."""
    with told(), opened() as session:
        chosen = session.book(book)
        with session.engine.begin() as connection:
            period = close_month(connection, chosen, parse_month(month), by, today_in(chosen))
        LedgerWriter(session.engine, chosen, session.folder(chosen), session.names).write(
            waits=True
        )
        if as_json:
            print_json(period.as_json())
        else:
            console.print(_("{month} of {book} is closed.").format(month=month, book=chosen.code))


def reopen(
    month: Month,
    reason: Annotated[str, typer.Option(help="Why.")],
    book: BookCode = "",
    by: By = "command line",
    as_json: AsJson = False,
) -> None:
    """Open the last closed month again, with a reason."""
    with told(), opened() as session:
        chosen = session.book(book)
        with session.engine.begin() as connection:
            period = reopen_month(connection, chosen, parse_month(month), by, reason)
        if as_json:
            print_json(period.as_json())
        else:
            console.print(_("{month} of {book} is open.").format(month=month, book=chosen.code))


def period_of(session: Session, book: Book, begins: str, ends: str) -> tuple[date, date]:
    """Returns the dates that are meant: what was given, else from the first to the last entry of the book."""
    with session.engine.connect() as connection:
        row = connection.execute(
            text(
                "SELECT min(accounting_on) AS first, max(accounting_on) AS last FROM entry WHERE book_id = :book"
            ),
            {"book": book.id},
        ).one()
    first = parse_date(begins, "--from") if begins else row.first or today_in(book)
    last = parse_date(ends, "--to") if ends else row.last or today_in(book)
    if last < first:
        raise Rejected("DATES_REVERSED", f"--from {first} lies after --to {last}", "--from")
    return first, last
