"""What PostgreSQL remembers of the ledger's files: sizes, sums and chain heads, so that a day can be continued."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, text

from accounting.day import Day, Part, detail_path, summary_path
from accounting.positions import sums_of_days
from accounting.render import Notation
from accounting.seal import chain_start
from plugin.errors import Corrupt
from plugin.store.tables import chain, ledger_file


def record_days(connection: Connection, book_id: int, days: Iterable[Day]) -> None:
    """Stores sums of the files and the chain heads of days that were just written.

    Raises:
        Corrupt: Another head is recorded for the same number of entries: entries that were chained have changed.
    """
    days = list(days)
    if not days:
        return
    connection.execute(
        text(
            "INSERT INTO ledger_file (book_id, path, bytes, sha256, entries)"
            " VALUES (:book_id, :path, :bytes, :sha256, :entries)"
            " ON CONFLICT (book_id, path) DO UPDATE SET bytes = excluded.bytes, sha256 = excluded.sha256,"
            " entries = excluded.entries, written_at = now()"
            " WHERE ledger_file.sha256 <> excluded.sha256"
        ),
        [{"book_id": book_id, **file} for day in days for file in _files(day)],
    )
    heads = [{"book": book_id, "day": d.day, "entries": d.entries, "head": d.head} for d in days]
    connection.execute(
        text(
            "INSERT INTO chain (book_id, day, entries, head) VALUES (:book, :day, :entries, :head)"
            " ON CONFLICT DO NOTHING"
        ),
        heads,
    )
    recorded = connection.execute(
        text(
            "SELECT c.day, c.entries, c.head FROM chain c"
            " JOIN unnest(CAST(:days AS date[]), CAST(:entries AS int[])) AS w (day, entries)"
            " ON c.day = w.day AND c.entries = w.entries WHERE c.book_id = :book ORDER BY c.day"
        ),
        {"book": book_id, "days": [d.day for d in days], "entries": [d.entries for d in days]},
    )
    by_day = {d.day: d.head for d in days}
    for row in recorded:
        if bytes(row.head) != by_day[row.day]:
            raise Corrupt(
                "CHAIN_DIFFERS",
                f"{row.day}: the chain over its first {row.entries} entries was recorded with another head;"
                " entries were changed in the database",
            )


def load_days(
    connection: Connection,
    book_id: int,
    folder: Path,
    days: Collection[date],
    position: int,
    notation: Notation,
    part_entries_max: int,
) -> dict[date, Day]:
    """Returns days as they were written up to a position, ready to be continued.

    A day whose files, sums or chain are not exactly what that position says is left out: a writer was killed in the middle, or
    somebody changed a file. It has to be written whole.
    """
    if not days:
        return {}
    sums = sums_of_days(connection, book_id, days, position)
    files = {
        row.path: row
        for row in connection.execute(
            select(ledger_file.c.path, ledger_file.c.sha256, ledger_file.c.entries).where(
                ledger_file.c.book_id == book_id
            )
        )
    }
    loaded: dict[date, Day] = {}
    for on in days:
        day = Day.empty(on, notation, part_entries_max)
        day.groups = sums.get(on, {})
        day.entries = sum(group.entries for group in day.groups.values())
        head = _recorded_head(connection, book_id, day)
        if head is not None and _load_parts(day, folder, files):
            day.head = head
            loaded[on] = day
    return loaded


def _files(day: Day) -> Iterator[dict[str, object]]:
    for part in day.parts:
        digest = part.digest.digest()
        yield {"path": part.path, "bytes": part.size, "sha256": digest, "entries": part.entries}
    summary = day.summary().encode()
    yield {
        "path": summary_path(day.day),
        "bytes": len(summary),
        "sha256": sha256(summary).digest(),
        "entries": day.entries,
    }


def _recorded_head(connection: Connection, book_id: int, day: Day) -> bytes | None:
    if day.entries == 0:
        return chain_start(day.notation.book_code, day.day)
    found = connection.execute(
        select(chain.c.head).where(
            chain.c.book_id == book_id, chain.c.day == day.day, chain.c.entries == day.entries
        )
    ).scalar()
    return None if found is None else bytes(found)


def _load_parts(day: Day, folder: Path, files: Mapping[str, Any]) -> bool:
    """Reads the day's parts from disk; tells whether they are what was recorded for its entries."""
    left = day.entries
    while left:
        part = Part(
            detail_path(day.day, len(day.parts) + 1), min(left, day.part_entries_max), is_new=False
        )
        recorded = files.get(part.path)
        if recorded is None or recorded.entries != part.entries:
            return False
        try:
            data = (folder / part.path).read_bytes()
        except FileNotFoundError:
            return False
        part.size = len(data)
        part.digest.update(data)
        if part.digest.digest() != bytes(recorded.sha256):
            return False
        day.digest.update(data)
        day.parts.append(part)
        left -= part.entries
    return True
