"""What a backfill did: for people as a table, for programs as JSON, and its errors as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.table import Table

from adapters.spool import TAKEN, Answer, Tally
from adapters.table.grouping import ROW_INVALID, RowError

ERROR_COLUMNS = ("file", "row", "event_id", "reason", "message", "field")


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one run, restarts included.

    Attributes:
        rows_read: Rows of all files.
        rows_ignored: Those that the mapping said to ignore.
        documents: Documents by kind that became events.
        row_errors: Rows that something was wrong with; their documents were not sent.
        held_back: Documents that were not sent because a row of an unknown document may be part of them.
        answers: What Pointbook said.
        errors_file: Where row errors and refused events are listed.
    """

    rows_read: int
    rows_ignored: int
    documents: Mapping[str, int]
    row_errors: int
    held_back: int
    answers: Sequence[Tally]
    errors_file: Path

    def total(self, outcome: str) -> int:
        """Returns how many events were answered so."""
        return sum(each.events for each in self.answers if each.outcome == outcome)

    @property
    def is_fine(self) -> bool:
        """Whether every row became part of an event, and every event was taken."""
        return not self.row_errors and all(each.outcome in TAKEN for each in self.answers)

    def to_json(self) -> dict[str, Any]:
        """Returns the figures by name; keys are only ever added."""
        outcomes = ("accepted", "duplicate", "conflict", "rejected")
        return {
            "rows_read": self.rows_read,
            "rows_ignored": self.rows_ignored,
            "documents": dict(sorted(self.documents.items())),
            "row_errors": self.row_errors,
            "held_back": self.held_back,
            **{outcome: self.total(outcome) for outcome in outcomes},
            "reasons": {each.reason: each.events for each in self.answers if each.reason},
            "errors_file": None if self.is_fine else str(self.errors_file),
            "fine": self.is_fine,
        }

    def to_table(self) -> Table:
        """Returns the figures as a table."""
        table = Table("What", "Count", title="Backfill")
        table.columns[1].justify = "right"
        table.add_row("rows read", f"{self.rows_read:,}")
        table.add_row("rows ignored", f"{self.rows_ignored:,}")
        for kind, count in sorted(self.documents.items()):
            table.add_row(f"documents: {kind}", f"{count:,}")
        table.add_row("row errors", f"{self.row_errors:,}")
        table.add_row("documents held back", f"{self.held_back:,}", end_section=True)
        for outcome in ("accepted", "duplicate"):
            table.add_row(f"events {outcome}", f"{self.total(outcome):,}")
        for outcome in ("conflict", "rejected"):
            table.add_row(f"events {outcome}", f"{self.total(outcome):,}")
            for each in self.answers:
                if each.outcome == outcome:
                    table.add_row(f"  {each.reason}", f"{each.events:,}")
        return table


class ErrorsFile:
    """The CSV file next to the spool. It appears with the first error and not without one.

    Only its owner may read it: messages quote what files hold.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.row_errors = 0
        self.held_back = 0
        self._file: TextIO | None = None
        path.unlink(missing_ok=True)

    def add_row_error(self, error: RowError) -> None:
        """Lists a row that something is wrong with, or a document that is held back because of one."""
        if error.reason == ROW_INVALID:
            self.row_errors += 1
        else:
            self.held_back += 1
        self._write((error.file, str(error.row), error.document, error.reason, error.message, ""))

    def add_refusals(self, answers: Iterable[Answer]) -> None:
        """Lists events that were not taken."""
        for each in answers:
            row = str(each.row) if each.row else ""
            self._write((each.file, row, each.event_id, each.reason, each.message, each.field))

    def close(self) -> None:
        """Finishes the file."""
        if self._file is not None:
            self._file.close()

    def _write(self, cells: Sequence[str]) -> None:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(0o600)
            self._file = self.path.open("w", encoding="utf-8", newline="")
            csv.writer(self._file).writerow(ERROR_COLUMNS)
        csv.writer(self._file).writerow([_as_text(cell) for cell in cells])


def _as_text(cell: str) -> str:
    """Returns a cell that a spreadsheet shows and does not calculate: messages quote what files hold."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
