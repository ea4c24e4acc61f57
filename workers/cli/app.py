"""The commands, in plain sight."""

from __future__ import annotations

import typer

from workers.cli import (
    books,
    coupons,
    lottery,
    operations,
    processes,
    programs,
    redemptions,
    warehouse,
)

app = typer.Typer(
    name="pointbook",
    help="Loyalty points for ERPs, with books that balance.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
)

_RUN, _SET_UP, _REWARDS, _BOOKS, _OPERATE = "Run", "Set up", "Rewards", "Books", "Operate"

app.command(rich_help_panel=_RUN)(processes.demo)
app.command(rich_help_panel=_RUN)(processes.up)
app.command(rich_help_panel=_RUN)(processes.serve)
app.command(rich_help_panel=_RUN)(processes.work)
app.command(rich_help_panel=_RUN)(processes.schedule)
app.command(rich_help_panel=_RUN)(processes.relay)
app.add_typer(processes.bench, name="bench", rich_help_panel=_RUN)

app.command(rich_help_panel=_SET_UP)(programs.migrate)
app.command("check-config", rich_help_panel=_SET_UP)(programs.check_config)
app.add_typer(programs.program, name="program", rich_help_panel=_SET_UP)

app.add_typer(redemptions.redemptions, name="redemptions", rich_help_panel=_REWARDS)
app.command("stock", rich_help_panel=_REWARDS)(warehouse.stock)
app.add_typer(warehouse.warehouse, name="warehouse", rich_help_panel=_REWARDS)
app.add_typer(coupons.coupons, name="coupons", rich_help_panel=_REWARDS)
app.add_typer(lottery.lottery, name="lottery", rich_help_panel=_REWARDS)

app.add_typer(books.ledger, name="ledger", rich_help_panel=_BOOKS)
app.command("trial-balance", rich_help_panel=_BOOKS)(books.print_trial_balance)
app.command("rollforward", rich_help_panel=_BOOKS)(books.print_rollforward)
app.command("ageing", rich_help_panel=_BOOKS)(books.print_ageing)
app.command("reconcile", rich_help_panel=_BOOKS)(books.print_reconciliation)
app.command("close", rich_help_panel=_BOOKS)(books.close)
app.command("reopen", rich_help_panel=_BOOKS)(books.reopen)

app.command("status", rich_help_panel=_OPERATE)(operations.status)
app.add_typer(operations.events, name="events", rich_help_panel=_OPERATE)
app.command("expire", rich_help_panel=_OPERATE)(operations.expire)


def main() -> None:
    """Runs the command line."""
    app()
