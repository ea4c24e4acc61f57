"""A durable outbox: events and the cursor they came with are kept in one transaction.

A killed adapter therefore neither skips nor forgets: what is in the spool is sent, what is not in
it is read again. Sending twice is harmless, so an answer that was not marked is asked for again.

Sources that look twice at the same documents leave the numbering to the spool: it remembers a digest of
each document it kept, leaves out what has not changed, and gives what has a version that rises.

The file is SQLite in WAL mode with ``synchronous=FULL``: a commit is on disk when it returns. It is
locked for as long as it is open; a second adapter on the same spool is told so. Only its owner may
read it: events hold personal data.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import quote

from adapters import numbering
from adapters.contract import START, AdapterError, Change
from pointbook.v1 import events_pb2

REFUSALS_KEPT_MAX = 100_000
_OWNER_ONLY = 0o600
TAKEN = frozenset({"accepted", "duplicate"})

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, event BLOB NOT NULL,
    file TEXT NOT NULL, first_row INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS tally (
    outcome TEXT, reason TEXT, events INTEGER NOT NULL, PRIMARY KEY (outcome, reason)
);
CREATE TABLE IF NOT EXISTS refusal (
    number INTEGER PRIMARY KEY, event_id TEXT NOT NULL, outcome TEXT NOT NULL,
    reason TEXT NOT NULL, message TEXT NOT NULL, field TEXT NOT NULL,
    file TEXT NOT NULL, first_row INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS seen (
    identity TEXT PRIMARY KEY, digest BLOB NOT NULL, version INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS progress (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1), run TEXT NOT NULL, cursor TEXT NOT NULL
);
INSERT OR IGNORE INTO progress VALUES (1, '', '');
"""


class SpoolUnusable(AdapterError):
    """The spool is in use, or its file cannot be read or written."""


class Outgoing(NamedTuple):
    """An event in the outbox and where it was read; see ``Change``.

    Numbers rise in the order of appending and are never used again.
    """

    number: int
    event: events_pb2.Event
    file: str = ""
    row: int = 0


class Answer(NamedTuple):
    """What Pointbook said about one event, and where that was read; see ``Change``.

    ``reason``, ``message``, ``field``: empty when it was taken.
    """

    event_id: str
    outcome: str
    reason: str = ""
    message: str = ""
    field: str = ""
    file: str = ""
    row: int = 0

    @property
    def is_refusal(self) -> bool:
        """Whether the event was not taken."""
        return self.outcome not in TAKEN


class Tally(NamedTuple):
    """How many events of the run were answered so."""

    outcome: str
    reason: str
    events: int


def spool_name(source: str, book: str, address: str) -> str:
    """Returns the beginning of a spool's file name: each source, book and target has its own.

    >>> spool_name("odoo-cn", "", "127.0.0.1:50051")
    'odoo-cn@127.0.0.1%3A50051'
    """
    return "@".join(quote(part, safe="") for part in (source, book, address) if part)


def wall_clock_ms() -> int:
    """Returns milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Spool:
    """The outbox of one source in one file. Use as a context manager.

    Args:
        path: The file; it is made when there is none.
        clock_ms: Where versions come from: a document's version is the time it was kept, and above the one
            before. A lost spool therefore numbers on where it stopped.

    Raises:
        SpoolUnusable: Another process has it open, or the file cannot be used.
    """

    def __init__(self, path: Path, clock_ms: Callable[[], int] = wall_clock_ms) -> None:
        self.path = path
        self._clock_ms = clock_ms
        with self._usable():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(_OWNER_ONLY)
            path.chmod(_OWNER_ONLY)  # SQLite gives what it writes next to it the same mode
            self._database = sqlite3.connect(path, isolation_level=None, timeout=0)
            # Exclusive before WAL: the lock is then held until the file is closed, or we are killed.
            self._database.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")

    def is_of_another(self, run: str) -> bool:
        """Returns whether the spool holds another run, which did not finish."""
        with self._usable():
            (known,) = self._database.execute("SELECT run FROM progress").fetchone()
        return known not in ("", run)

    def begin(self, run: str) -> str:
        """Returns the cursor to read on from; ``START`` when the last run was another or finished.

        Events of another run that still wait are dropped: this run reads everything again, as the files
        and the mapping are now. Sent first, they would be what a mended document conflicts with.

        Args:
            run: What is being read and where it goes, for example a digest of the files and the
                target. A cursor of another run would point somewhere else.
        """
        with self._transaction() as database:
            known, cursor = database.execute("SELECT run, cursor FROM progress").fetchone()
            if known == run:
                return str(cursor)
            database.execute("UPDATE progress SET run = ?, cursor = ?", (run, START))
            database.execute("DELETE FROM outbox")
            database.execute("DELETE FROM tally")
            database.execute("DELETE FROM refusal")
            database.execute("DELETE FROM seen")
            return START

    def cursor(self) -> str:
        """Returns where to read on; ``START`` before anything was kept."""
        with self._usable():
            (cursor,) = self._database.execute("SELECT cursor FROM progress").fetchone()
        return str(cursor)

    def append(self, changes: Sequence[Change]) -> list[events_pb2.Event]:
        """Keeps events and the cursor of the last one, both or neither.

        Documents without an ``event_id`` are numbered; those kept before with the same content are left out.

        Returns:
            The events that were kept, numbered.
        """
        if not changes:
            return []
        with self._transaction() as database:
            kept = self._numbered(database, changes)
            database.executemany(
                "INSERT INTO outbox (event, file, first_row) VALUES (?, ?, ?)",
                [
                    (event.SerializeToString(deterministic=True), each.file, each.row)
                    for event, each in kept
                ],
            )
            database.execute("UPDATE progress SET cursor = ?", (changes[-1].cursor,))
        return [event for event, _ in kept]

    @contextmanager
    def together(self) -> Iterator[None]:
        """Keeps what is appended within, all of it or nothing, with one commit."""
        with self._transaction():
            yield

    def rewind(self) -> None:
        """Has the source read from its beginning once more; what is known stays known."""
        with self._transaction() as database:
            database.execute("UPDATE progress SET cursor = ?", (START,))

    def renumber(self, event: events_pb2.Event, version_min: int) -> events_pb2.Event:
        """Keeps a document with a version of at least so much, whether it has changed or not.

        For documents that Pointbook lacks, or has with other content.
        """
        with self._transaction() as database:
            event = self._number(database, event, numbering.digest(event), version_min)
            database.execute(
                "INSERT INTO outbox (event, file, first_row) VALUES (?, '', 0)",
                (event.SerializeToString(deterministic=True),),
            )
        return event

    def _numbered(
        self, database: sqlite3.Connection, changes: Sequence[Change]
    ) -> list[tuple[events_pb2.Event, Change]]:
        kept = []
        for each in changes:
            if each.event is None:
                continue
            if each.event.event_id:
                kept.append((each.event, each))
                continue
            content = numbering.digest(each.event)
            known = database.execute(
                "SELECT 1 FROM seen WHERE identity = ? AND digest = ?",
                (str(numbering.identity(each.event)), content),
            ).fetchone()
            if not known:
                kept.append((self._number(database, each.event, content, 1), each))
        return kept

    def _number(
        self,
        database: sqlite3.Connection,
        event: events_pb2.Event,
        content: bytes,
        version_min: int,
    ) -> events_pb2.Event:
        identity = str(numbering.identity(event))
        row = database.execute(
            "SELECT version FROM seen WHERE identity = ?", (identity,)
        ).fetchone()
        version = max(self._clock_ms(), version_min, row[0] + 1 if row else 1)
        database.execute(
            "INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (identity, content, version)
        )
        return numbering.numbered(event, version)

    def take(self, events_max: int) -> list[Outgoing]:
        """Returns the oldest events that are not answered; they stay until ``mark_answered``."""
        with self._usable():
            rows = self._database.execute(
                "SELECT number, event, file, first_row FROM outbox ORDER BY number LIMIT ?",
                (events_max,),
            ).fetchall()
        return [
            Outgoing(number, events_pb2.Event.FromString(event), file, row)
            for number, event, file, row in rows
        ]

    def mark_answered(self, taken: Sequence[Outgoing], answers: Sequence[Answer]) -> None:
        """Removes events that Pointbook answered, counts the answers and keeps the refusals."""
        with self._transaction() as database:
            database.executemany(
                "DELETE FROM outbox WHERE number = ?", [(each.number,) for each in taken]
            )
            _count(database, answers)
            _keep_refusals(
                database,
                [
                    (each.number, *answer)
                    for each, answer in zip(taken, answers, strict=True)
                    if answer.is_refusal
                ],
            )

    def waiting(self) -> int:
        """Returns how many events are not answered."""
        with self._usable():
            (events,) = self._database.execute("SELECT count(*) FROM outbox").fetchone()
        return int(events)

    def tallies(self) -> list[Tally]:
        """Returns the answers of the run by outcome and reason, kills and restarts included."""
        with self._usable():
            rows = self._database.execute("SELECT * FROM tally ORDER BY outcome, reason").fetchall()
        return [Tally(*row) for row in rows]

    def refusals(self) -> Iterator[Answer]:
        """Yields what was not taken in this run, oldest first, at most ``REFUSALS_KEPT_MAX``."""
        with self._usable():
            rows = self._database.execute(
                "SELECT event_id, outcome, reason, message, field, file, first_row "
                "FROM refusal ORDER BY number"
            )
            for row in rows:
                yield Answer(*row)

    def finish(self) -> None:
        """Ends the run: the next one, of the same files too, begins at the start."""
        with self._transaction() as database:
            database.execute("UPDATE progress SET run = '', cursor = ?", (START,))

    def close(self) -> None:
        """Closes the file and gives up its lock."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        is_within_another = self._database.in_transaction  # and ends with it
        if is_within_another:
            yield self._database
            return
        with self._usable():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                if self._database.in_transaction:  # a full disk has ended it already
                    self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            in_use = "locked" in str(error)
            why = "another adapter has it open" if in_use else str(error)
            raise SpoolUnusable(f"spool {self.path}: {why}") from error


def _count(database: sqlite3.Connection, answers: Iterable[Answer]) -> None:
    totals: dict[tuple[str, str], int] = {}
    for answer in answers:
        key = (answer.outcome, answer.reason)
        totals[key] = totals.get(key, 0) + 1
    database.executemany(
        "INSERT INTO tally VALUES (?, ?, ?) "
        "ON CONFLICT (outcome, reason) DO UPDATE SET events = events + excluded.events",
        [(*key, events) for key, events in totals.items()],
    )


def _keep_refusals(database: sqlite3.Connection, refusals: Sequence[tuple[object, ...]]) -> None:
    if not refusals:
        return
    (kept,) = database.execute("SELECT count(*) FROM refusal").fetchone()
    database.executemany(
        "INSERT INTO refusal VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        refusals[: max(0, REFUSALS_KEPT_MAX - kept)],
    )
