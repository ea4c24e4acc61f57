"""What applying needs to know of a book, kept fresh: program versions and closed months."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from accounting.policy import Policy
from plugin.errors import Corrupt
from plugin.program.versions import Program
from plugin.store.books import Book, list_books, load_programs
from plugin.store.raw import cursor


@dataclass(frozen=True, slots=True)
class BookContext:
    """A book with its program versions by time and the first days of its closed months."""

    book: Book
    time_zone: tzinfo
    programs: tuple[Program, ...]
    closed_months: frozenset[date]
    policy: Policy

    @property
    def by_version(self) -> dict[int, Program]:
        """The program versions by number."""
        return {program.version: program for program in self.programs}


# Two statements: the second must see what a closing that held the lock has committed.
_LOCK = "SELECT pg_advisory_xact_lock_shared(hashtext('pointbook.close'), %s)"
_STATE = (
    "SELECT (SELECT max(version) FROM program_version WHERE book_id = %s),"
    " ARRAY(SELECT month FROM period WHERE book_id = %s AND is_closed)"
)


class Books:
    """Reads books and compiles programs once per version. One per thread: it holds no lock."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[tuple[int | None, frozenset[date]], BookContext]] = {}

    def context(self, connection: Connection, book_id: int) -> BookContext:
        """Returns the book as of this transaction, and keeps its months from being closed until it ends."""
        cursor(connection).execute(_LOCK, (book_id,))
        row = cursor(connection).execute(_STATE, (book_id, book_id)).fetchone()
        assert row is not None
        state = (row[0], frozenset(row[1]))
        known = self._known.get(book_id)
        if known is None or known[0] != state:
            known = (state, _read(connection, book_id, state[1]))
            self._known[book_id] = known
        return known[1]


def _read(connection: Connection, book_id: int, closed: frozenset[date]) -> BookContext:
    found = [book for book in list_books(connection) if book.id == book_id]
    if not found:
        raise Corrupt(
            "BOOK_MISSING", f"events refer to book number {book_id}, which does not exist"
        )
    programs = tuple(load_programs(connection, book_id))
    policy = Policy[found[0].policy.upper()]
    return BookContext(found[0], ZoneInfo(found[0].time_zone), programs, closed, policy)


def first_moment_after(context: BookContext, day: date) -> int:
    """Returns the instant at which a day ends in the book's time zone, in microseconds UTC."""
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), context.time_zone)
    return int(midnight.timestamp()) * 1_000_000
