"""One accounting day of the ledger while it is written: its detail parts, its hash chain and its sums."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING

from accounting.folder import Sink
from accounting.render import (
    Group,
    Notation,
    Sums,
    day_summary,
    detail_header,
    detail_transaction,
    group_of,
)
from accounting.seal import chain_start, chained

if TYPE_CHECKING:
    from hashlib import _Hash

    from accounting.positions import LedgerRow

PART_ENTRIES_MAX = 50_000
"""Entries of one detail file. A day with more has further parts, so that adding to it copies some megabytes, not gigabytes."""


def detail_path(day: date, part: int) -> str:
    """Returns where a part of a day's detail lies: ``detail/2026/11/23.beancount``, then ``23-2.beancount``."""
    suffix = f"-{part}" if part > 1 else ""
    return f"detail/{day:%Y/%m/%d}{suffix}.beancount"


def summary_path(day: date) -> str:
    """Returns where a day's summary lies."""
    return f"{day:%Y/%m}/{day}.beancount"


def close_path(month: date) -> str:
    """Returns where the assertions of a closed month lie."""
    return f"{month:%Y/%m}/close.beancount"


@dataclass(slots=True)
class Part:
    """A detail file: what it holds so far."""

    path: str
    entries: int = 0
    size: int = 0
    digest: _Hash = field(default_factory=sha256)
    is_new: bool = True


@dataclass(slots=True)
class Day:
    """A day's state after its entries so far: enough to add the next without reading the earlier ones."""

    day: date
    notation: Notation
    head: bytes
    part_entries_max: int = PART_ENTRIES_MAX
    entries: int = 0
    parts: list[Part] = field(default_factory=list)
    digest: _Hash = field(default_factory=sha256)
    groups: dict[Group, Sums] = field(default_factory=dict)
    buffer: list[str] = field(default_factory=list)

    @classmethod
    def empty(cls, day: date, notation: Notation, part_entries_max: int = PART_ENTRIES_MAX) -> Day:
        """Returns a day without entries."""
        return cls(day, notation, chain_start(notation.book_code, day), part_entries_max)

    def add(self, row: LedgerRow, sink: Sink) -> None:
        """Adds the next entry in ledger order."""
        part = self.parts[-1] if self.parts else None
        if part is None or part.entries == self.part_entries_max:
            self.flush(sink)
            part = Part(detail_path(self.day, len(self.parts) + 1))
            self.parts.append(part)
            self.buffer.append(detail_header(self.day, len(self.parts), self.notation))
        entry = row.entry
        self.buffer.append(detail_transaction(entry, row.event_id, self.notation))
        self.head = chained(self.head, entry)
        group = group_of(entry)
        sums = self.groups.get(group)
        if sums is None:
            sums = self.groups[group] = Sums()
        sums.add(entry)
        part.entries += 1
        self.entries += 1

    def flush(self, sink: Sink) -> None:
        """Hands buffered text to the sink."""
        if not self.buffer:
            return
        data = "".join(self.buffer).encode()
        self.buffer.clear()
        part = self.parts[-1]
        sink.append(part.path, data, is_new=part.is_new)
        part.is_new = False
        part.size += len(data)
        part.digest.update(data)
        self.digest.update(data)

    def summary(self) -> str:
        """Returns the text of the day's summary file; everything is flushed."""
        assert not self.buffer
        return day_summary(
            self.day, self.groups, self.digest.hexdigest(), self.head.hex(), self.notation
        )
