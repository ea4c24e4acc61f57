"""Passes over rows that change while they are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from adapters.contract import START
from adapters.feed import Feed, Key, Page
from pointbook.v1 import events_pb2

BEGIN = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass
class Rows:
    """One kind of row; reading a page takes an hour, and meanwhile somebody changes the first row."""

    stamps: dict[int, datetime]
    now: datetime = BEGIN
    is_changed: bool = False
    name: str = "rows"
    read: list[int] = field(default_factory=list)

    def clock(self) -> datetime:
        return self.now

    def page(self, since: datetime | None, after: Key | None, rows: int) -> Page:
        found = [
            key
            for key, stamp in sorted(self.stamps.items())
            if (since is None or stamp >= since) and (after is None or key > int(after))
        ][:rows]
        latest = max((self.stamps[key] for key in found), default=None)
        self.read += found
        self.now += timedelta(hours=1)
        if not self.is_changed:
            self.is_changed = True
            self.stamps[1] = BEGIN + timedelta(minutes=10)
            self.stamps[3] = BEGIN + timedelta(hours=1)
        events = [events_pb2.Event(event_id=str(key)) for key in found]
        return Page(events, found[-1] if found else None, latest, len(found) < rows)


def test_a_row_that_changes_in_a_pass_longer_than_the_overlap_is_read_again() -> None:
    old = BEGIN - timedelta(days=1)
    rows = Rows({1: old, 2: old, 3: old})
    feed = Feed([rows], timedelta(minutes=1), 1, rows.clock)
    *_, last = feed.changes(START)
    assert rows.read == [1, 2, 3]
    rows.read.clear()
    list(feed.changes(last.cursor))
    assert rows.read == [1, 3]
