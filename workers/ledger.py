"""The ledger writer as a process or thread: every book, every few seconds."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from accounting.chart import chart_names
from accounting.ledger import LedgerWriter
from plugin.errors import Corrupt
from plugin.store.books import list_books
from workers.settings import Settings

logger = logging.getLogger(__name__)


def write_ledgers_until(
    stopped: Callable[[float], bool], engine: Engine, settings: Settings
) -> None:
    """Writes all ledgers until ``stopped(seconds)``, which waits so long, says so.

    A database that is away is tried again. Books that differ stop the writer of that book: it must not write over evidence.
    """
    names = chart_names(settings.accounts)
    writers: dict[int, LedgerWriter] = {}
    corrupt: set[int] = set()
    while True:
        try:
            with engine.connect() as connection:
                books = list_books(connection)
        except DBAPIError as error:
            logger.warning(
                "ledger: the database is away (%s); trying again", type(error.orig).__name__
            )
            books = []
        for book in books:
            if book.id not in writers:
                writers[book.id] = LedgerWriter(engine, book, settings.books_dir / book.code, names)
            if book.id not in corrupt and not _write(writers[book.id]):
                corrupt.add(book.id)
        if stopped(settings.ledger_every_seconds):
            return


def _write(writer: LedgerWriter) -> bool:
    """Writes one book; tells whether it may go on: not once its books differ."""
    try:
        writer.write()
    except Corrupt as error:
        logger.critical(
            "ledger of book %s stops: %s: %s", writer.book.code, error.reason, error.message
        )
        return False
    except Exception as error:  # noqa: BLE001  (other books must go on, and this one is tried again)
        logger.warning(
            "ledger of book %s: %s: %s; trying again", writer.book.code, type(error).__name__, error
        )
    return True
