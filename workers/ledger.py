"""The ledger writer as a process or thread: every book, every few seconds."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy import Engine

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
            for book in books:
                if book.id not in writers:
                    folder = settings.books_dir / book.code
                    writers[book.id] = LedgerWriter(engine, book, folder, names)
                if book.id not in corrupt:
                    writers[book.id].write()
        except Corrupt as error:
            corrupt.add(book.id)
            logger.critical("ledger of book %s stops: %s: %s", book.code, error.reason, error.message)
        except Exception as error:
            logger.warning("ledger: %s: %s; trying again", type(error).__name__, error)
        if stopped(settings.ledger_every_seconds):
            return
