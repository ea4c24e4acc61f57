"""What of Quernstone moves on its own, as stages of a feed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.feed import Key, Page, Stage
from pointbook.v1 import events_pb2
from tests.adapters.example_erp import mapping
from tests.adapters.example_erp.api import Api, Row
from tests.adapters.example_erp.settings import QuernstoneSettings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Documents = Callable[[Sequence[Row]], list[events_pb2.Event]]


@dataclass(frozen=True, slots=True)
class Changed:
    """Rows of one kind by when they changed.

    Attributes:
        name: The kind, which names the stage in the cursor, too.
        api: Where they are.
        documents: Makes whole documents of them.
        is_detail: Whether a later stage reads all of them at first, as parts of whole documents.
    """

    name: str
    api: Api
    documents: Documents
    is_detail: bool = False

    def page(self, since: datetime | None, after: Key | None, rows: int) -> Page:
        """See ``adapters.feed.Stage``."""
        if since is None and self.is_detail:
            return Page((), None, self.api.newest(self.name) or EPOCH, is_last=True)
        narrow = {} if since is None else {"changed_from": since.isoformat()}
        found = self.api.rows(self.name, rows, None if after is None else int(after), **narrow)
        last = found[-1]["id"] if found else None
        stamps = [datetime.fromisoformat(row["changed_at"]) for row in found]
        return Page(self.documents(found), last, max(stamps, default=None), len(found) < rows)


def stages(api: Api, settings: QuernstoneSettings) -> list[Stage]:
    """Returns all stages, details before their headers."""

    def members(rows: Sequence[Row]) -> list[events_pb2.Event]:
        return [mapping.member_event(row, settings) for row in rows]

    def orders(rows: Sequence[Row]) -> list[events_pb2.Event]:
        return [mapping.order_event(row, settings) for row in rows]

    def orders_of_lines(lines: Sequence[Row]) -> list[events_pb2.Event]:
        return orders(api.named("orders", [line["order_id"] for line in lines]))

    def deliveries(rows: Sequence[Row]) -> list[events_pb2.Event]:
        return [event for row in rows for event in mapping.delivery_events(row)]

    def returns(rows: Sequence[Row]) -> list[events_pb2.Event]:
        return [event for row in rows for event in mapping.return_events(row)]

    return [
        Changed("customers", api, members),
        Changed("order-lines", api, orders_of_lines, is_detail=True),
        Changed("orders", api, orders),
        Changed("deliveries", api, deliveries),
        Changed("returns", api, returns),
    ]
