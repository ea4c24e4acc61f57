"""What commands on the database share: settings, an engine, the book that is meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from sqlalchemy import Connection, Engine

from accounting.chart import ChartNames, chart_names
from plugin.errors import Rejected
from plugin.store.books import Book, find_book
from workers.database import make_engine
from workers.embedded import own_coupon_key
from workers.embedded_postgres import EmbeddedPostgres
from workers.handlers.books import BookContext, Books
from workers.handlers.trying import attempt
from workers.settings import Settings, load_settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Session:
    """An open installation as a command sees it; ``is_embedded``: its database lies in the data folder."""

    settings: Settings
    engine: Engine
    is_embedded: bool = False

    def book(self, code: str) -> Book:
        """Returns the book that is meant; an empty code names the only one."""
        with self.engine.connect() as connection:
            return find_book(connection, code)

    def folder(self, book: Book) -> Path:
        """Returns the folder of a book's ledger."""
        return self.settings.books_dir / book.code

    @property
    def names(self) -> ChartNames:
        """Account names, as set."""
        return chart_names(self.settings.accounts)

    @property
    def coupon_key(self) -> bytes | None:
        """The secret for coupon codes: the one that is set, else an embedded installation's own; None where there is neither.

        A key that lies in the data folder of an installation whose database is elsewhere is not taken: it may be left
        over from a demo, and codes made with it would be unknown to the servers.
        """
        if self.settings.coupon_key is None and self.is_embedded:
            return own_coupon_key(self.settings.data_dir / "coupon.key").encode()
        return self.settings.coupon_key_bytes

    def transaction(self, book: Book, work: Callable[[Connection, BookContext], T]) -> T:
        """Runs ``work`` on a book in one transaction, tried again when another was faster."""
        books = Books()
        return attempt(
            self.engine, lambda connection: work(connection, books.context(connection, book.id))
        )


@contextmanager
def opened(data_dir: Path | None = None) -> Iterator[Session]:
    """Opens the database: the one that is set, or the embedded one of the data folder, started when it is not running."""
    settings = load_settings(data_dir=data_dir)
    if settings.database_url is not None:
        engine = make_engine(settings, 4)
        try:
            yield Session(settings, engine)
        finally:
            engine.dispose()
        return
    folder = settings.data_dir / "postgres"
    if not folder.exists():
        raise Rejected(
            "DATABASE_URL_MISSING",
            f"set POINTBOOK_DATABASE_URL, or start with `pointbook up`: there is no embedded database in {settings.data_dir}",
        )
    with EmbeddedPostgres(folder) as postgres:
        settings = settings.model_copy(update={"database_url": SecretStr(postgres.url())})
        engine = make_engine(settings, 4)
        try:
            yield Session(settings, engine, is_embedded=True)
        finally:
            engine.dispose()


def parse_date(text: str, name: str) -> date:
    """Reads an ISO date from the command line.

    Raises:
        Rejected: It is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Rejected(
            "DATE_INVALID", f"{name}: {text!r} is no date such as 2026-11-23", name
        ) from error


def today_in(book: Book) -> date:
    """Returns the date in a book's time zone."""
    return datetime.now(ZoneInfo(book.time_zone)).date()
