"""The ledger writer: from entries in PostgreSQL to Beancount files, byte for byte the same however often it is killed.

A write is five steps; what a power cut does after each:

1. Applied batches get positions, one commit.          Nothing is written; the next write finds the positions.
2. Detail and summary files of the days that changed: aside, flushed, renamed. The index still names the old position, so the next
   write sees that these days are not as recorded and writes them whole: same bytes.
3. Chain heads and file sums, one commit.              As 2; the same heads are found to be recorded.
4. Close files, accounts and main file.                As 2.
5. The index, which names the new position.            Done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, Engine

from accounting.balances import account_balances
from accounting.chart import ChartNames
from accounting.day import PART_ENTRIES_MAX, Day, close_path, summary_path
from accounting.folder import FolderSink, Sink, read_text, remove_file, replace_file
from accounting.ledger_record import load_days, record_days
from accounting.positions import (
    LedgerRow,
    days_between,
    last_position,
    only_writer,
    place_batches,
    rows_between,
    rows_of_days,
)
from accounting.render import (
    Notation,
    accounts_file,
    close_file,
    index_file,
    index_position,
    main_file,
)
from accounting.store import closed_months, next_month
from plugin.errors import Corrupt
from plugin.store.books import Book

Progress = Callable[[int], None]
"""Called now and then with the number of entries done."""

_BUFFERED_ENTRIES_MAX = 20_000
_GROUPS_KEPT_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did. ``is_busy``: another writer was at it and nothing was done."""

    entries: int = 0
    days: int = 0
    position: int = 0
    is_busy: bool = False


@dataclass(slots=True)
class LedgerWriter:
    """Writes one book's ledger below a folder. Keep it between writes: it remembers the days it wrote last.

    Args:
        engine: The database.
        book: Whose ledger.
        folder: The book's own folder, such as ``books/shop``.
        names: What accounts are called.
        part_entries_max: Entries of one detail file; part of the format.
    """

    engine: Engine
    book: Book
    folder: Path
    names: ChartNames
    part_entries_max: int = PART_ENTRIES_MAX
    _days: dict[date, Day] = field(default_factory=dict)
    _position: int = -1

    @property
    def notation(self) -> Notation:
        """How the book writes."""
        return Notation(self.book.code, self.book.currency_code, self.names)

    def write(self, *, waits: bool = False, progress: Progress | None = None) -> Written:
        """Brings the ledger up to everything that is applied now.

        Args:
            waits: Whether to wait for another writer of the same book instead of giving up.
            progress: Told how far it is.

        Raises:
            Corrupt: The folder is ahead of the database, or a recorded chain differs.
        """
        with (
            self.engine.connect() as guard,
            only_writer(guard, self.book.id, waits=waits) as is_free,
        ):
            if not is_free:
                return Written(is_busy=True)
            return self.write_alone(progress)

    def write_alone(self, progress: Progress | None = None) -> Written:
        """The same for who holds the writer lock already."""
        with self.engine.connect() as connection:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                through = place_batches(connection, self.book.id)
                closed = closed_months(connection, self.book.id)
            with connection.begin():
                return self._bring_up(connection, through, closed, progress)

    def _bring_up(
        self,
        connection: Connection,
        through: int,
        closed: Collection[date],
        progress: Progress | None,
    ) -> Written:
        notation = self.notation
        after = self._written_position(notation)
        if after > through:
            raise Corrupt(
                "LEDGER_AHEAD",
                f"the ledger in {self.folder.name} is written up to position {after}, the database of book"
                f" {self.book.code} goes up to {through}: it was restored from an older backup, or is another one",
            )
        if after != self._position:
            self._days.clear()
        self._position = -1
        sink = FolderSink(self.folder)
        touched, entries = self._project(connection, after, through, sink, progress)
        sink.publish()
        for day in sorted(touched):
            sink.append(summary_path(day), self._days[day].summary().encode(), is_new=True)
        sink.publish()
        record_days(connection, self.book.id, [self._days[day] for day in sorted(touched)])
        connection.commit()
        _write_frame(self.folder, connection, self.book.id, notation, through, closed, touched)
        self._position = through
        self._forget()
        return Written(entries, len(touched), through)

    def _project(
        self,
        connection: Connection,
        after: int,
        through: int,
        sink: Sink,
        progress: Progress | None,
    ) -> tuple[frozenset[date], int]:
        """Adds new entries to their days; days whose files are not as recorded are written whole."""
        touched = days_between(connection, self.book.id, after, through) if after else frozenset()
        unknown = touched - self._days.keys()
        known = load_days(
            connection, self.book.id, self.folder, unknown, after, self.notation, self.part_entries_max
        )
        self._days.update(known)
        whole = unknown - known.keys()
        counter = _Counter(self._days, self.notation, self.part_entries_max, sink, progress)
        if whole:
            counter.add(rows_of_days(connection, self.book.id, whole, through))
        rows = rows_between(connection, self.book.id, after, through)
        counter.add(row for row in rows if row.entry.accounting_on not in whole)
        counter.flush()
        return (touched or frozenset(self._days)), counter.entries

    def _written_position(self, notation: Notation) -> int:
        """Returns up to where the files are complete; 0 when there are none, or accounts or format have changed."""
        if read_text(self.folder / "accounts.beancount") != accounts_file(notation):
            return 0
        return index_position(read_text(self.folder / "index.beancount"))

    def _forget(self) -> None:
        """Drops the days written longest ago while there are too many groups to keep."""
        kept = sum(len(day.groups) for day in self._days.values())
        for day in list(self._days):
            if kept <= _GROUPS_KEPT_MAX:
                return
            kept -= len(self._days.pop(day).groups)


def rebuild(
    engine: Engine,
    book: Book,
    folder: Path,
    names: ChartNames,
    *,
    part_entries_max: int = PART_ENTRIES_MAX,
    progress: Progress | None = None,
) -> Written:
    """Writes the whole ledger into an empty folder from PostgreSQL alone: the same bytes as the writer's, up to the same position.

    Changes nothing in the database.
    """
    notation = Notation(book.code, book.currency_code, names)
    with engine.connect() as connection:
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
        through = last_position(connection, book.id)
        sink = FolderSink(folder)
        days = project_all(connection, book, notation, through, sink, part_entries_max, progress)
        for day, state in days.items():
            sink.append(summary_path(day), state.summary().encode(), is_new=True)
        sink.publish()
        closed = closed_months(connection, book.id)
        _write_frame(folder, connection, book.id, notation, through, closed, frozenset(days))
    return Written(sum(state.entries for state in days.values()), len(days), through)


def project_all(
    connection: Connection,
    book: Book,
    notation: Notation,
    through: int,
    sink: Sink,
    part_entries_max: int = PART_ENTRIES_MAX,
    progress: Progress | None = None,
) -> dict[date, Day]:
    """Returns every day of the ledger as PostgreSQL says it must be up to a position; text goes to the sink."""
    days: dict[date, Day] = {}
    counter = _Counter(days, notation, part_entries_max, sink, progress)
    counter.add(rows_between(connection, book.id, 0, through))
    counter.flush()
    return days


@dataclass(slots=True)
class _Counter:
    """Adds rows to days and has buffers flushed before they grow large."""

    days: dict[date, Day]
    notation: Notation
    part_entries_max: int
    sink: Sink
    progress: Progress | None
    entries: int = 0

    def add(self, rows: Iterable[LedgerRow]) -> None:
        days, sink = self.days, self.sink
        for row in rows:
            on = row.entry.accounting_on
            day = days.get(on)
            if day is None:
                day = days[on] = Day.empty(on, self.notation, self.part_entries_max)
            day.add(row, sink)
            self.entries += 1
            if self.entries % _BUFFERED_ENTRIES_MAX == 0:
                self.flush()

    def flush(self) -> None:
        for day in self.days.values():
            day.flush(self.sink)
        if self.progress is not None:
            self.progress(self.entries)


def _write_frame(
    folder: Path,
    connection: Connection,
    book_id: int,
    notation: Notation,
    through: int,
    closed: Collection[date],
    touched: Collection[date],
) -> None:
    """Writes what is around the days: close files, accounts, main, and the index last."""
    included = frame_paths(folder, touched, closed)
    ...
