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

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from sqlalchemy import Connection, Engine

from accounting.chart import DEFAULT_NAMES, ChartNames
from accounting.day import PART_ENTRIES_MAX, Day, summary_path
from accounting.folder import FolderSink, Sink, read_text
from accounting.frame import Frame, write_frame
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
from accounting.render import Notation, accounts_file, index_paths, index_position
from accounting.store import closed_months
from plugin.errors import Corrupt
from plugin.store.books import Book

Progress = Callable[[int], None]
"""Called now and then with the number of entries done."""

AfterRow = Callable[[Day, LedgerRow], None]
"""Called with the day as it is after a row was added to it."""

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
    names: ChartNames = field(default_factory=lambda: DEFAULT_NAMES)
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
        notation = self.notation
        with self.engine.connect() as connection:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                through = place_batches(connection, self.book.id)
                closed = closed_months(connection, self.book.id)
            after = self._continued(notation, through)
            with connection.begin():
                touched, entries = self._write_days(connection, after, through, progress)
            with connection.begin():
                listed = index_paths(self._index()) if after else []
                frame = Frame(through, closed, touched, frozenset(listed))
                write_frame(connection, self.book.id, self.folder, notation, frame)
        self._position = through
        self._forget()
        return Written(entries, len(touched), through)

    def _continued(self, notation: Notation, through: int) -> int:
        """Returns up to where the files are complete, and drops remembered days unless they are of that state."""
        after = 0
        if read_text(self.folder / "accounts.beancount") == accounts_file(notation):
            after = index_position(self._index())
        if after > through:
            raise Corrupt(
                "LEDGER_AHEAD",
                f"the ledger in {self.folder.name} is written up to position {after}, but the database of book"
                f" {self.book.code} only goes to {through}: one of them is another's, or an older backup",
            )
        if after == 0 or after != self._position:
            self._days.clear()
        self._position = -1
        return after

    def _write_days(
        self, connection: Connection, after: int, through: int, progress: Progress | None
    ) -> tuple[frozenset[date], int]:
        """Writes detail and summary of the days that changed and records them; returns the days and how many entries."""
        sink = FolderSink(self.folder)
        known, whole = self._known_days(connection, after, through)
        self._days.update(known)
        adder = _Adder(self._days, self.notation, self.part_entries_max, sink, progress)
        if whole:
            adder.add(rows_of_days(connection, self.book.id, whole, through))
        rows = rows_between(connection, self.book.id, after, through)
        adder.add(row for row in rows if row.entry.accounting_on not in whole)
        adder.flush()
        sink.publish()
        touched = sorted(adder.touched)
        for day in touched:
            sink.append(summary_path(day), self._days[day].summary().encode(), is_new=True)
        sink.publish()
        record_days(connection, self.book.id, [self._days[day] for day in touched])
        return frozenset(touched), adder.entries

    def _known_days(
        self, connection: Connection, after: int, through: int
    ) -> tuple[dict[date, Day], frozenset[date]]:
        """Returns days that can be continued from what is on disk, and days that have to be written whole."""
        if after == 0:
            return {}, frozenset()
        days = days_between(connection, self.book.id, after, through) - self._days.keys()
        known = load_days(
            connection, self.book.id, self.folder, days, after, self.notation, self.part_entries_max
        )
        return known, days - known.keys()

    def _index(self) -> str:
        return read_text(self.folder / "index.beancount")

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
    names: ChartNames = DEFAULT_NAMES,
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
        frame = Frame(through, closed_months(connection, book.id), frozenset(days))
        write_frame(connection, book.id, folder, notation, frame)
    return Written(sum(state.entries for state in days.values()), len(days), through)


def project_all(
    connection: Connection,
    book: Book,
    notation: Notation,
    through: int,
    sink: Sink,
    part_entries_max: int = PART_ENTRIES_MAX,
    progress: Progress | None = None,
    after_row: AfterRow | None = None,
) -> dict[date, Day]:
    """Returns every day of the ledger as PostgreSQL says it must be up to a position; text goes to the sink."""
    days: dict[date, Day] = {}
    adder = _Adder(days, notation, part_entries_max, sink, progress, after_row)
    adder.add(rows_between(connection, book.id, 0, through))
    adder.flush()
    return days


@dataclass(slots=True)
class _Adder:
    """Adds rows to their days and has buffers flushed before they grow large."""

    days: dict[date, Day]
    notation: Notation
    part_entries_max: int
    sink: Sink
    progress: Progress | None
    after_row: AfterRow | None = None
    entries: int = 0
    touched: set[date] = field(default_factory=set)
    waiting: set[date] = field(default_factory=set)

    def add(self, rows: Iterable[LedgerRow]) -> None:
        days, sink, waiting, after_row = self.days, self.sink, self.waiting, self.after_row
        for row in rows:
            on = row.entry.accounting_on
            day = days.get(on)
            if day is None:
                day = days[on] = Day.empty(on, self.notation, self.part_entries_max)
            waiting.add(on)
            day.add(row, sink)
            if after_row is not None:
                after_row(day, row)
            self.entries += 1
            if self.entries % _BUFFERED_ENTRIES_MAX == 0:
                self.flush()

    def flush(self) -> None:
        for on in self.waiting:
            self.days[on].flush(self.sink)
        self.touched |= self.waiting
        self.waiting.clear()
        if self.progress is not None:
            self.progress(self.entries)
