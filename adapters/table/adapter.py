"""The table adapter: opens the files of a mapping and yields their changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from adapters.contract import START, AdapterError, Change
from adapters.table import mapping as m
from adapters.table.assemble import events_of_rows
from adapters.table.cells import Cells
from adapters.table.grouping import Grouping, RowError
from adapters.table.reading import Table, open_table


class TableAdapter:
    """Reads tables as a mapping says. The cursor is how many events the files gave so far.

    It always reads from the beginning, because documents may overlap in a file, and leaves out what the
    cursor covers; so rows, documents and errors are counted in full after a restart, too.

    Attributes:
        documents: How many events the files gave, by kind; those before the cursor included.
    """

    def __init__(
        self,
        mapping: m.Mapping,
        paths: Mapping[m.FileName, Path],
        on_error: Callable[[RowError], None],
    ) -> None:
        missing = [name for name in mapping.names() if name not in paths]
        if missing:
            raise AdapterError(f"the mapping reads a {missing[0]} file: say where it is")
        self._mapping = mapping
        self._files = [(name, paths[name]) for name in mapping.names()]
        self._on_error = on_error
        self._grouping = Grouping()
        self._bytes_done = 0
        self._table: Table | None = None
        self.documents: Counter[str] = Counter()

    @property
    def rows_read(self) -> int:
        """How many rows were read, of all files."""
        return self._grouping.rows_read

    @property
    def rows_ignored(self) -> int:
        """How many of them the mapping said to ignore."""
        return self._grouping.rows_ignored

    @property
    def bytes_read(self) -> int:
        """How far the files were read, of ``bytes_total``."""
        return self._bytes_done + (self._table.bytes_read() if self._table else 0)

    @property
    def bytes_total(self) -> int:
        """How large the files are."""
        return sum(path.stat().st_size for _, path in self._files)

    def changes(self, cursor: str) -> Iterator[Change]:
        """Yields the events after a cursor; see ``adapters.contract.Adapter``. Once per adapter."""
        if cursor != START and not (cursor.isascii() and cursor.isdigit()):
            raise AdapterError(f"cursor {cursor!r} is not one of a table")
        known = int(cursor) if cursor != START else 0
        number = 0
        for name, path in self._files:
            form = self._mapping.file_format(name)
            with open_table(path, form.encoding, form.delimiter) as table:
                self._table = table
                cells = Cells(table.name, table.header, form)
                for found in events_of_rows(self._mapping, name, cells, table.rows, self._grouping):
                    if isinstance(found, RowError):
                        self._on_error(found)
                        continue
                    number += 1
                    self.documents[found.event.WhichOneof("payload") or ""] += 1
                    if number > known:
                        yield Change(found.event, str(number), table.name, found.row)
                self._table = None
            self._bytes_done += path.stat().st_size
