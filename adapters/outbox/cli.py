"""The relay's command line, ``python -m adapters.outbox``. Exit status: 0 fine, 1 refusals, 2 could not run."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from adapters.client import IntakeClient, Patience, Target
from adapters.contract import AdapterError
from adapters.outbox.relay import ROWS_PER_ROUND, Connection, keep_sending, send_waiting
from adapters.outbox.table import Cursor, Dialect, Outbox, first_number

FOUND_SOMETHING = 1
COULD_NOT_RUN = 2
SHOWN_MAX = 100
SQLITE_PREFIX = "sqlite:///"
SQLITE_WAIT_SECONDS = 30.0
# Rows are locked while the client tries: it gives up soon, and the next look tries again.
PATIENCE = Patience(attempts_max=3, deadline_seconds=15.0)
DATABASE_ERRORS = (psycopg.OperationalError, sqlite3.OperationalError)

app = typer.Typer(
    help="Sends what waits in the outbox of an ERP's database.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)

Database = Annotated[
    str,
    typer.Option(
        envvar="POINTBOOK_OUTBOX_DATABASE",
        help="The ERP's database: postgresql://user:password@host/name, or sqlite:///file.",
    ),
]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an outbox is: how to connect, and its dialect."""

    connect: Callable[[], Connection]
    outbox: Outbox


def main() -> None:
    """Runs the command line."""
    app()


def place_of(url: str) -> Place:
    """Returns where a database URL points to.

    Raises:
        AdapterError: It is neither PostgreSQL nor an SQLite file that exists.
    """
    if url.startswith(("postgresql://", "postgres://")):
        return Place(partial(psycopg.connect, url), Outbox(Dialect.POSTGRESQL))
    if not url.startswith(SQLITE_PREFIX):
        raise AdapterError("the database is named as postgresql://… or sqlite:///file")
    file = Path(url.removeprefix(SQLITE_PREFIX))
    if not file.is_file():  # connecting would make an empty one
        raise AdapterError(f"there is no database {file}")
    connect = partial(sqlite3.connect, file, timeout=SQLITE_WAIT_SECONDS)
    return Place(connect, Outbox(Dialect.SQLITE))


@app.command()
def send(
    database: Database,
    source: Annotated[str, typer.Option(help="Source name in Pointbook.")],
    book: Annotated[str, typer.Option(help="Book code; empty for the only one.")] = "",
    target: Annotated[str, typer.Option(help="Where Pointbook listens.")] = "127.0.0.1:50051",
    api_key_env: Annotated[str, typer.Option(help="Variable that holds the API key.")] = "",
    tls: Annotated[bool, typer.Option("--tls", help="Speak TLS.")] = False,
    tls_ca: Annotated[Path | None, typer.Option(help="PEM certificates to trust.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    interval_seconds: Annotated[
        float, typer.Option(min=0.05, max=86_400, help="Wait between two looks.")
    ] = 2.0,
) -> None:
    """Send what waits, and go on until stopped; with --once, send and end."""
    with _exit_status():
        place = place_of(database)
        key = os.environ.get(api_key_env, "") if api_key_env else ""
        if api_key_env and not key:
            raise AdapterError(f"the variable {api_key_env} holds no API key")
        ca = tls_ca.read_bytes() if tls_ca else b""
        with IntakeClient(Target(target, key, tls or bool(ca), ca), PATIENCE) as client:
            look = partial(
                send_waiting, place.connect, client, place.outbox, source, book,
                rows_max=ROWS_PER_ROUND,
            )  # fmt: skip
            if not once:
                keep_sending(look, interval_seconds, _until_told(), DATABASE_ERRORS)
                return
            sent = look()
    typer.echo(f"{sent.taken} sent, {sent.refused} refused")
    if sent.refused:
        raise typer.Exit(FOUND_SOMETHING)


@app.command()
def refused(
    database: Database,
    again: Annotated[bool, typer.Option("--again", help="Have them sent again.")] = False,
) -> None:
    """Show what Pointbook refused, and why."""
    with _exit_status(), _cursor(database) as (outbox, cursor):
        rows = outbox.refused(cursor, SHOWN_MAX)
        if again:
            outbox.release_refused(cursor)
    for row in rows:
        typer.echo(f"{row.number} {row.kind} {row.document}: {row.reason} {row.message}")
    if rows and not again:
        raise typer.Exit(FOUND_SOMETHING)


@app.command()
def restart(database: Database) -> None:
    """Number on from now. Needed once after the ERP's database was restored from a backup."""
    with _exit_status(), _cursor(database) as (outbox, cursor):
        outbox.restart(cursor, first_number(datetime.now(UTC)))


@contextmanager
def _cursor(database: str) -> Iterator[tuple[Outbox, Cursor]]:
    place = place_of(database)
    with closing(place.connect()) as connection:
        yield place.outbox, connection.cursor()
        connection.commit()


def _until_told() -> threading.Event:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


@contextmanager
def _exit_status() -> Iterator[None]:
    try:
        yield
    except (AdapterError, OSError, *DATABASE_ERRORS) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(COULD_NOT_RUN) from error
