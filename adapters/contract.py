"""What an adapter is: something that tells, from a cursor on, what changed in its source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol

from pointbook.v1 import events_pb2, redemptions_pb2

START = ""


class AdapterError(Exception):
    """The adapter cannot go on; the message names the thing and the rule."""


class SourceAway(AdapterError):
    """The source did not answer, or is busy. Nothing is lost: ask again later."""


class Unsettled(SourceAway):
    """The source has not said whether it did one thing; it does everything else."""


@dataclass(frozen=True, slots=True)
class Change:
    """One event and where its source stands after it.

    Attributes:
        event: What happened; None when nothing did, and only the cursor moves. Where the source numbers its documents, the same change read again has the
            same ``event_id`` and content. Where it does not, ``event_id`` is empty and the version 0:
            the spool then leaves out a document it has already kept with the same content, and numbers
            the others (see ``adapters.numbering``).
        cursor: Where to read on once the event is kept; only the adapter understands it.
        file: Name of the file it was read from; empty when the source has none.
        row: Number of the document's first row in the file, from 1; 0 when the source has none.
    """

    event: events_pb2.Event | None
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


class Known(NamedTuple):
    """A member as the ERP names them, for an order that is written there.

    Attributes:
        external_id: The ERP's customer number.
    """

    external_id: str


class Erp(Adapter, Protocol):
    """A live ERP: read from a cursor on, read again by day, and told of redemptions."""

    def documents(self, from_on: date, until_on: date) -> Iterator[events_pb2.Event]:
        """Yields orders, shipments and returns as they stand now, unnumbered, of some days and maybe more.

        Args:
            from_on: First business day.
            until_on: The day after the last one.
        """
        ...

    def find_order(self, redemption_id: str) -> str:
        """Returns the number of the order that carries a redemption; empty when there is none."""
        ...

    def create_order(self, redemption: redemptions_pb2.Redemption, member: Known) -> str:
        """Creates and confirms the order that carries a redemption's goods, and returns its number.

        Its lines add up to what the member pays beside the points, zero for most. It holds the
        redemption's number where ``find_order`` looks for it, so that it is never made twice.
        """
        ...

    def cancel_order(self, redemption_id: str) -> None:
        """Cancels the order that carries a redemption, as far as the ERP still lets it; repeating is harmless.

        Raises:
            AdapterError: The ERP will not; somebody has to see to it there.
        """
        ...

    def check(self) -> Sequence[str]:
        """Returns one line per thing that was looked at: version, rights, settings.

        Raises:
            AdapterError: Something needed is missing; the message says what to do about it.
        """
        ...

    def close(self) -> None:
        """Closes its connections."""
        ...
