"""What an adapter is: something that tells, from a cursor on, what changed in its source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from pointbook.v1 import events_pb2

START = ""


class AdapterError(Exception):
    """The adapter cannot go on; the message names the thing and the rule."""


@dataclass(frozen=True, slots=True)
class Change:
    """One event and where its source stands after it.

    Attributes:
        event: What happened. The same change read again has the same ``event_id`` and content.
        cursor: Where to read on once the event is kept; only the adapter understands it.
        file: Name of the file it was read from; empty when the source has none.
        row: Number of the document's first row in the file, from 1; 0 when the source has none.
    """

    event: events_pb2.Event
    cursor: str
    file: str = ""
    row: int = 0


class Adapter(Protocol):
    """A source of changes. It keeps no state: the spool keeps events and cursor together."""

    def changes(self, cursor: str) -> Iterator[Change]:
        """Yields the changes after a cursor, in the source's order.

        Args:
            cursor: The cursor of the last change that was kept; ``START`` reads from the beginning.

        Raises:
            AdapterError: The source cannot be read, or the cursor is not one of this adapter.
        """
        ...
