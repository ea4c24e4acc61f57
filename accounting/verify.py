"""Verifies a ledger against the book of record: every file rendered anew, every chain followed, the first day that differs named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from accounting.chart import DEFAULT_NAMES, ChartNames
from accounting.day import PART_ENTRIES_MAX, Day, summary_path
from accounting.folder import NullSink, file_sha256, read_text
from accounting.frame import frame_files
from accounting.ledger import Progress, project_all
from accounting.positions import LedgerRow, only_writer
from accounting.render import Notation, index_position
from accounting.store import closed_months
from plugin.store.books import Book
from plugin.store.tables import chain


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as PostgreSQL says; ``day`` is None for files that belong to no day."""

    day: date | None
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verified:
    """Result of a verification: up to which position, and what differs, by day."""

    position: int
    entries: int
    differences: tuple[Difference, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    @property
    def first_day(self) -> date | None:
        """The first day that differs."""
        return next((one.day for one in self.differences if one.day is not None), None)

    def as_json(self) -> dict[str, Any]:
        """Returns the answer of ``pointbook ledger verify --json``."""
        return {
            "holds": self.holds,
            "position": self.position,
            "entries": self.entries,
            "first_day": None if self.first_day is None else self.first_day.isoformat(),
            "differences": [
                {
                    "day": None if one.day is None else one.day.isoformat(),
                    "path": one.path,
                    "reason": one.reason,
                }
                for one in self.differences
            ],
        }


class Following:
    """Takes rows on their way into a day and compares chain heads wherever one was recorded."""

    def __init__(self, recorded: Mapping[date, Mapping[int, bytes]]) -> None:
        self.recorded = recorded
        self.broken: dict[date, int] = {}

    def after(self, day: Day, row: LedgerRow) -> None:
        """Compares the head after a row; remembers the first one that differs."""
        head = self.recorded.get(day.day, {}).get(day.entries)
        if head is not None and head != day.head:
            self.broken.setdefault(day.day, day.entries)


def verify(
    engine: Engine,
    book: Book,
    folder: Path,
    names: ChartNames = DEFAULT_NAMES,
    *,
    part_entries_max: int = PART_ENTRIES_MAX,
    progress: Progress | None = None,
) -> Verified:
    """Compares a ledger with PostgreSQL, up to the position its index names; changes nothing.

    Every chain head ever recorded is compared as well, so that a change of entries behind the triggers' back is found even when
    somebody rebuilt the text after it. The writer waits meanwhile.
    """
    notation = Notation(book.code, book.currency_code, names)
    with (
        engine.connect() as guard,
        only_writer(guard, book.id, waits=True),
        engine.connect() as reader,
    ):
        connection = reader.execution_options(isolation_level="REPEATABLE READ")
        position = index_position(read_text(folder / "index.beancount"))
        following = Following(_recorded_heads(connection, book.id))
        days = project_all(
            connection,
            book,
            notation,
            position,
            NullSink(),
            part_entries_max,
            progress,
            following.after,
        )
        differences = [
            *_chain_differences(following, days),
            *_file_differences(folder, days),
            *_frame_differences(connection, book, folder, notation, position, days),
        ]
    differences.sort(key=lambda one: (one.day or date.max, one.path))
    return Verified(position, sum(day.entries for day in days.values()), tuple(differences))


def _recorded_heads(connection: Connection, book_id: int) -> dict[date, dict[int, bytes]]:
    heads: dict[date, dict[int, bytes]] = defaultdict(dict)
    columns = (chain.c.day, chain.c.entries, chain.c.head)
    for day, entries, head in connection.execute(
        select(*columns).where(chain.c.book_id == book_id)
    ):
        heads[day][entries] = bytes(head)
    return heads


def _chain_differences(following: Following, days: Mapping[date, Day]) -> Iterator[Difference]:
    for day, entries in following.broken.items():
        yield Difference(
            day,
            "",
            f"chain differs within the first {entries} entries: entries were changed in the database",
        )
    for day, heads in following.recorded.items():
        if max(heads) > (days[day].entries if day in days else 0):
            yield Difference(
                day, "", f"the chain was recorded for {max(heads)} entries: some are missing"
            )
    for day, state in days.items():
        if state.entries not in following.recorded.get(day, {}):
            yield Difference(day, "", f"no chain head is recorded for {state.entries} entries")


def _file_differences(folder: Path, days: Mapping[date, Day]) -> Iterator[Difference]:
    for day, state in days.items():
        for part in state.parts:
            yield from _compare(folder, day, part.path, part.digest.hexdigest())
        summary = sha256(state.summary().encode()).hexdigest()
        yield from _compare(folder, day, summary_path(day), summary)


def _frame_differences(
    connection: Connection,
    book: Book,
    folder: Path,
    notation: Notation,
    position: int,
    days: Mapping[date, Day],
) -> Iterator[Difference]:
    """Compares what is around the days, and finds files that do not belong there."""
    closed = closed_months(connection, book.id)
    files = frame_files(connection, book.id, notation, position, closed, days)
    for path, text in files.items():
        yield from _compare(folder, None, path, sha256(text.encode()).hexdigest())
    known = {*files, *map(summary_path, days)}
    known |= {part.path for state in days.values() for part in state.parts}
    for found in sorted(folder.rglob("*.beancount")):
        path = found.relative_to(folder).as_posix()
        if path not in known:
            yield Difference(None, path, "is not part of the ledger")


def _compare(folder: Path, day: date | None, path: str, expected: str) -> Iterator[Difference]:
    target = folder / path
    if not target.exists():
        yield Difference(day, path, "is missing")
    elif file_sha256([target]) != expected:
        yield Difference(day, path, "differs from what the database says")
