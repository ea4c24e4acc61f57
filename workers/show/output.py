"""What commands print: tables for people, JSON for programs, errors as one clear line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from plugin.errors import PointbookError

FOUND_SOMETHING = 1
COULD_NOT_RUN = 2

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


@contextmanager
def told() -> Iterator[None]:
    """Turns errors into one line on standard error and exit status 2."""
    try:
        yield
    except PointbookError as error:
        errors.print(f"[bold red]{error.reason}[/]", escape(error.message), soft_wrap=True)
        raise typer.Exit(COULD_NOT_RUN) from error
    except (DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        first_line = (str(cause or error).strip().splitlines() or [type(error).__name__])[0]
        errors.print("[bold red]DATABASE_UNAVAILABLE[/]", escape(first_line), soft_wrap=True)
        raise typer.Exit(COULD_NOT_RUN) from error
    except OSError as error:
        errors.print("[bold red]SYSTEM_ERROR[/]", escape(str(error)), soft_wrap=True)
        raise typer.Exit(COULD_NOT_RUN) from error


def print_json(value: Any) -> None:
    """Prints one JSON document."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    numbers: Sequence[int] = (),
) -> None:
    """Prints a table; ``numbers`` are the columns that are aligned to the right."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index in numbers else "left")
    for row in rows:
        table.add_row(*(escape(grouped(cell)) for cell in row))
    console.print(table)


def grouped(value: object) -> str:
    """Writes a value for people: whole numbers in groups of three."""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def print_pairs(title: str, pairs: Mapping[str, object]) -> None:
    """Prints names and values."""
    print_table(title, ("", ""), list(pairs.items()), numbers=(1,))


@contextmanager
def progress_bar(label: str, total: int | None, shown: bool = True) -> Iterator[Any]:
    """Shows a progress bar on standard error; yields a function that is told how much is done."""
    if not shown:
        yield lambda done: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda done: progress.update(task, completed=done)
