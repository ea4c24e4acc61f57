"""Reads a database that several write to, so that nothing is lost between two looks.

ERPs stamp a row with the time its transaction *began* and show it when the transaction *commits*. Whoever
remembers the latest stamp and asks for later ones misses what committed since with an earlier stamp. So:

* each pass asks again for an overlap before the latest stamp; the spool leaves out what it has;
* stamps are compared with ``>=``, for some ERPs cut them to seconds;
* inside a pass pages follow the row's key, which never changes, not its stamp, which may;
* the latest stamp counts only up to when the pass began: a row that changed after its page was read is asked
  for again, however long the pass took;
* the cursor holds, for each stage, the stamp to begin from, the latest one seen, the last key, and when the
  pass began.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from adapters.contract import START, AdapterError, Change
from pointbook.v1 import events_pb2

OVERLAP = timedelta(minutes=10)
ROWS_PER_PAGE = 200

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Key = int | str
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows that changed, in the order of their keys.

    Attributes:
        events: The whole documents these rows belong to, unnumbered; several rows may share one.
        last: Key of the last row; None when there was no row at all.
        latest: Latest stamp among the rows; None when they have none.
        is_last: Whether no row follows.
    """

    events: Sequence[events_pb2.Event]
    last: Key | None
    latest: datetime | None
    is_last: bool


class Stage(Protocol):
    """One kind of row that moves on its own: orders, their lines, deliveries, …"""

    @property
    def name(self) -> str:
        """Its name in the cursor; never changes."""
        ...

    def page(self, since: datetime | None, after: Key | None, rows: int) -> Page:
        """Returns rows whose stamp is not before ``since`` and whose key is after ``after``.

        Args:
            since: Earliest stamp (aware); None for all rows.
            after: Key of the last row of the page before; None for the first page.
            rows: How many at most.
        """
        ...


class Table(Protocol):
    """Rows of one kind that have a number as key and a stamp."""

    def rows(self, since: datetime | None, after: Key | None, limit: int) -> Sequence[Row]:
        """Returns rows by key, see ``Stage.page``."""
        ...

    def newest(self, since: datetime | None) -> datetime | None:
        """Returns the latest stamp of those rows; None when there are none."""
        ...

    def stamp(self, row: Row) -> datetime | None:
        """Returns a row's stamp; None when it has none."""
        ...


@dataclass(frozen=True, slots=True)
class Changed:
    """A stage of rows by when they last changed.

    The newest stamp is taken when a pass begins, not when it ends: during a backfill of an hour, rows of
    its first pages change, and the next pass has to begin before that.

    Attributes:
        name: Its name in the cursor.
        table: Where they are.
        documents: Makes documents of them.
        is_detail: Whether another stage reads all of them at first, as parts of whole documents; an empty
            table then counts as read until 1970, for without a stamp it would be skipped again.
    """

    name: str
    table: Table
    documents: Callable[[Sequence[Row]], list[events_pb2.Event]]
    is_detail: bool = False

    def page(self, since: datetime | None, after: Key | None, rows: int) -> Page:
        """See ``Stage``."""
        if since is None and self.is_detail:
            return Page((), None, self.table.newest(None) or EPOCH, is_last=True)
        found = self.table.rows(since, after, rows)
        is_last = len(found) < rows
        latest = None
        if after is None and is_last:
            stamps = map(self.table.stamp, found)
            latest = max((stamp for stamp in stamps if stamp is not None), default=None)
        elif after is None:
            latest = self.table.newest(since)
        last = found[-1]["id"] if found else None
        return Page(self.documents(found), last, latest, is_last)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a stage stands.

    Attributes:
        since: Stamp this pass began from, overlap taken off already; None for everything.
        latest: Latest stamp seen so far.
        after: Last key of this pass; None when the pass is through.
        began: When this pass began, by our clock; None when it is through.
    """

    since: datetime | None = None
    latest: datetime | None = None
    after: Key | None = None
    began: datetime | None = None


def wall_clock() -> datetime:
    """Returns the current instant."""
    return datetime.now(UTC)


class Feed:
    """The stages of one source, one pass after another. See ``adapters.contract.Adapter``."""

    def __init__(
        self,
        stages: Sequence[Stage],
        overlap: timedelta = OVERLAP,
        rows: int = ROWS_PER_PAGE,
        clock: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._clock = clock
        self._stages = stages
        self._overlap = overlap
        self._rows = rows

    def changes(self, cursor: str) -> Iterator[Change]:
        """Yields one pass over all stages; a pass that was broken off is gone on with."""
        positions = read_cursor(cursor)
        for stage in self._stages:
            position = positions.get(stage.name, Position())
            yield from self._pass(stage, position, positions)

    def _pass(
        self, stage: Stage, position: Position, positions: dict[str, Position]
    ) -> Iterator[Change]:
        if position.after is None:
            since = position.latest - self._overlap if position.latest else None
            position = Position(since, position.latest, began=self._clock())
        while True:
            page = stage.page(position.since, position.after, self._rows)
            before = write_cursor(positions)
            position = _after(page, position)
            positions[stage.name] = position
            yield from _changes(page.events, before, write_cursor(positions))
            if page.is_last:
                return


def _after(page: Page, position: Position) -> Position:
    stamps = [stamp for stamp in (position.latest, page.latest) if stamp is not None]
    latest = max(stamps, default=None)
    if not page.is_last:
        return Position(position.since, latest, page.last, position.began)
    if latest is not None and position.began is not None:
        latest = min(latest, position.began)
    return Position(position.since, latest)


def _changes(events: Sequence[events_pb2.Event], before: str, after: str) -> Iterator[Change]:
    """Only what follows a page's last event moves the cursor: a page is read again as a whole."""
    for event in events:
        yield Change(event, before)
    if after != before:
        yield Change(None, after)


def read_cursor(cursor: str) -> dict[str, Position]:
    """Reads what ``write_cursor`` wrote.

    Raises:
        AdapterError: It is not a cursor of a feed.
    """
    if cursor == START:
        return {}
    try:
        return {name: _position(said) for name, said in json.loads(cursor).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise AdapterError(f"the spool's cursor is not one of this adapter: {error}") from error


def write_cursor(positions: dict[str, Position]) -> str:
    """Returns positions as JSON, sorted by stage."""
    said = {
        name: [_text(each.since), _text(each.latest), each.after, _text(each.began)]
        for name, each in sorted(positions.items())
    }
    return json.dumps(said, separators=(",", ":"))


def _position(said: Any) -> Position:
    since, latest, after, began = said
    return Position(_instant(since), _instant(latest), after, _instant(began))


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat()


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
